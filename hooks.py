"""What Odoo's own uninstall cannot know about."""

from odoo.tools import SQL

from .models.stock_channel_publication import SEQUENCE


def uninstall_hook(env):
    """Remove the scheduled actions that were made per channel, not by data files.

    Odoo removes records that carry an XML id of the module; these have none, and
    left behind they would call a model that no longer exists, every few minutes.
    The sequence behind publication numbers goes too.
    """
    channels_sudo = (
        env["stock.channel"].sudo().with_context(active_test=False).search([])
    )
    crons = channels_sudo.publish_cron_id | channels_sudo.poll_cron_id
    channels_sudo.write({"publish_cron_id": False, "poll_cron_id": False})
    # Duplicates of the job are further workers.
    workers = channels_sudo.with_context(active_test=False)._inbox_workers()
    (crons | workers).unlink()
    env.cr.execute(SQL("DROP SEQUENCE IF EXISTS %s", SQL.identifier(SEQUENCE)))
