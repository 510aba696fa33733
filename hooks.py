"""What Odoo's own uninstall cannot know about."""


def uninstall_hook(env):
    """Remove the scheduled actions that were made per channel, not by data files.

    Odoo removes records that carry an XML id of the module; these have none, and
    left behind they would call a model that no longer exists, every few minutes.
    The sequence behind publication numbers goes with its table.
    """
    channels_sudo = env["stock.channel"].sudo().with_context(active_test=False)
    crons = channels_sudo.search([]).mapped("publish_cron_id") | channels_sudo.search(
        []
    ).mapped("poll_cron_id")
    channels_sudo.search([]).write({"publish_cron_id": False, "poll_cron_id": False})
    crons.unlink()
