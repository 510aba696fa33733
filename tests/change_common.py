"""A live channel that people change: what the tests of changes start from."""

from odoo.exceptions import RedirectWarning, UserError
from odoo.tools import SQL

from .clock import ClockCase


class ChangeCase(ClockCase):
    """Ten desks at ten each, all told to the shop; a manager and an approver."""

    def setUp(self):
        super().setUp()
        self.receive(self.product, 10)
        self.run_all()
        self.manager = self.make_user("group_manager")
        self.approver = self.make_user("group_approver")
        self.changes = self.env["stock.channel.change"]
        self.env.flush_all()

    def entered(self, act, user=None):
        """Let a screen save something and return what it then offers to propose."""
        with self.assertRaises(RedirectWarning) as caught:
            act()
        return caught.exception.args[3]["stock_channel_steps"]

    def draw_up(self, steps, user=None):
        """Press the button of the refusal."""
        changes = self.changes.with_user(user or self.manager)
        action = changes.with_context(stock_channel_steps=steps)._open_entered()
        return self.changes.browse(action["res_id"])

    def save(self, record, user=None, **vals):
        """Save a form the way the web client does."""
        return record.with_user(user or self.manager).web_save(vals, {})

    def propose(self, record, user=None, **vals):
        """Enter values on a form, be refused, and propose them; the approval."""
        steps = self.entered(lambda: self.save(record, user, **vals))
        return self.propose_steps(steps, user)

    def propose_steps(self, steps, user=None):
        change = self.draw_up(steps, user)
        change.with_user(user or self.manager).action_propose()
        return change.approval_id

    def approve(self, approval, user=None):
        result = approval.with_user(user or self.approver).action_approve()
        self.env.flush_all()
        self.env.invalidate_all()
        return result

    def refused(self, act, error=UserError):
        """Assert that something is refused and nothing changed by it."""
        before = self.books()
        with self.assertRaises(error) as caught:
            act()
        self.env.flush_all()
        self.env.invalidate_all()
        self.assertEqual(self.books(), before)
        return str(caught.exception.args[0])

    def books(self):
        """Return all that a change could change, and all it could leave behind."""
        self.env.cr.flush()
        counted = (
            "stock_channel_audit",
            "stock_channel_change",
            "stock_channel_approval",
            "stock_channel_exception",
            "stock_channel_dirty",
            "mail_message",
            "mail_mail",
            "mail_activity",
            "ir_cron_trigger",
            "bus_bus",
        )
        found = {}
        for table in counted:
            ((found[table],),) = self.env.execute_query(
                SQL("SELECT count(*) FROM %s", SQL.identifier(table))
            )
        for name in (
            "stock.channel.listing",
            "stock.channel.location",
            "stock.channel.rule",
            "stock.channel",
            "stock.location",
        ):
            records = self.env[name].with_context(active_test=False).search([])
            found[name] = records._watched_values()
        return found

    def audit(self, record=None, **where):
        rows = self.env["stock.channel.audit"].search([], order="id")
        if record:
            rows = rows.filtered(
                lambda row: (row.res_model, row.res_id) == (record._name, record.id)
            )
        return rows
