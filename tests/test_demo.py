"""The demo data: every state there is, and a database that calls nobody."""

import logging
from unittest.mock import patch

from odoo import api
from odoo.tests import TransactionCase, tagged
from odoo.tools import SQL

from odoo.addons.base.models.ir_mail_server import IrMail_Server
from odoo.addons.stock_channel_hub.connectors.transport import Transport
from odoo.addons.stock_channel_hub.demo.demo_shop import demo_url

from .common import readiness_skipped

STATE_FIELDS = ("state", "category", "kind", "drift", "disposition")
# What demo data do not have, and why. A row that is not needed any more fails.
LEFT_OUT = {
    ("stock.channel.approval", "state"): (
        {"approved"},
        "approved and carried out in one transaction: nobody finds it so",
    ),
    ("stock.channel.exception.event", "kind"): (
        {
            "condition",
            "count",
            "drift",
            "kit",
            "map",
            "open",
            "refused",
            "rule",
            "sale",
            "sent",
            "stock",
            "wanted",
        },
        "the timeline of one oversell tells what led to that one",
    ),
    ("stock.channel.exception.term", "category"): (
        {
            "approval",
            "authentication",
            "data",
            "drift",
            "internal",
            "late",
            "mapping",
            "oversell",
            "rate_limit",
            "refused",
            "stock",
        },
        "a setting by which a channel departs from the usual hours; none needs to",
    ),
    ("stock.channel.fetch", "state"): (
        {"matching", "mapping"},
        "moments within one reading; a channel has one that runs at most",
    ),
    ("stock.channel.match.line", "kind"): (
        {
            "at_work",
            "equal",
            "held",
            "late",
            "lost",
            "nothing_to_do",
            "once",
            "stray",
            "tombstone",
            "twice",
            "unpaid",
        },
        "only what differs is kept as a line, and the demo loses no order",
    ),
    ("stock.channel.publication", "drift"): (
        {"in_flight", "late", "refused"},
        "doubts that the next reading settles; none is made of a silent channel",
    ),
    ("stock.channel.remote.listing", "state"): (
        {"accepted", "new"},
        "moments between two jobs of the hub",
    ),
    ("stock.channel.review.finding", "state"): (
        {"unknown"},
        "there until the channel was read for the review",
    ),
}


@tagged("post_install", "-at_install")
class TestDemo(TransactionCase):
    """Built once, inside the test's transaction, with every way out watched."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.calls = []

        def call_out(_self, *args, **_kwargs):
            cls.calls.append(args)
            raise AssertionError("demo data call nobody")

        # What a fake shop overrides is the last step before the network.
        cls.startClassPatcher(patch.object(Transport, "_exchange", call_out))
        cls.startClassPatcher(patch.object(IrMail_Server, "_connect__", call_out))
        cls.startClassPatcher(patch.object(IrMail_Server, "send_email", call_out))
        cls.env["stock.channel"]._install_demo()
        cls.channels = cls.env["stock.channel"].union(
            *(
                cls.demo_channel(key)
                for key in ("shop", "market", "partner", "pos", "outlet")
            )
        )

    @classmethod
    def demo_channel(cls, key):
        url = demo_url(key)
        return cls.env["stock.channel"].search([("base_url", "=", url)])

    def selections(self):
        """Yield (model, field, values there are, values found) of every state."""
        for name in sorted(self.env.registry):
            model = self.env[name]
            if not name.startswith("stock.channel") or not model._auto:
                continue
            if model._abstract or model._transient:
                continue
            for field_name in STATE_FIELDS:
                field = model._fields.get(field_name)
                if field and field.type == "selection" and field.store:
                    values = {
                        value for value, _l in field._description_selection(self.env)
                    }
                    yield name, field_name, values, self.found(model, field_name)

    def found(self, model, field_name):
        self.env.flush_all()
        rows = self.env.execute_query(
            SQL(
                "SELECT DISTINCT %s FROM %s",
                SQL.identifier(field_name),
                SQL.identifier(model._table),
            )
        )
        return {value for (value,) in rows if value}

    def jobs(self):
        return (
            self.env["ir.cron"]
            .with_context(active_test=False)
            .search([("model_id.model", "=like", "stock.channel%")])
        )

    def run_jobs(self):
        """Run every scheduled action of the hub, as the scheduler does."""
        self.registry_enter_test_mode()
        for job in self.jobs():
            self.env.flush_all()
            self.env.cr.flush()
            with self.registry.cursor() as cr:
                env = api.Environment(cr, api.SUPERUSER_ID, {})
                env["ir.cron"].browse(job.id).ir_actions_server_id.run()
            self.env.invalidate_all()

    def open_alarms(self):
        return self.env["stock.channel.exception"].search(
            [
                ("channel_id", "in", self.channels.ids),
                ("state", "=", "open"),
                ("is_alarm", "=", True),
            ]
        )

    def test_every_state_occurs(self):
        missing = {}
        for model, field_name, values, found in self.selections():
            if values - found:
                missing[model, field_name] = values - found
        expected = {key: values for key, (values, _why) in LEFT_OUT.items()}
        self.assertEqual(missing, expected)

    def test_no_job_calls_anybody(self):
        channel = logging.getLogger("odoo.addons.stock_channel_hub")
        with self.assertNoLogs(channel, level="WARNING"):
            self.run_jobs()
        self.assertEqual(self.calls, [])
        self.assertFalse(self.open_alarms())

    def test_mail_of_the_demo_never_leaves(self):
        mails = self.env["mail.mail"].search([("state", "=", "outgoing")])
        mine = mails.filtered(lambda mail: mail.model == "stock.channel.alert")
        self.assertEqual(len(mine), 1)
        later = self.env.cr.now().replace(year=self.env.cr.now().year + 50)
        self.assertGreater(mine.scheduled_date, later)

    def test_listings_of_every_kind(self):
        """Mapped, paused, archived, a kit and a pack."""
        listings = self.env["stock.channel.listing"].with_context(active_test=False)
        mine = listings.search([("channel_id", "in", self.channels.ids)])
        self.assertEqual(mine.filtered("is_paused").mapped("sku"), ["FH-BOOKCASE"])
        archived = mine.filtered(lambda listing: not listing.active)
        self.assertEqual(archived.mapped("sku"), ["FH-STOOL"])
        self.assertEqual(len(mine.filtered(lambda one: one.sku == "FH-SET")), 1)
        pack = mine.filtered(lambda one: one.uom_id != one.product_id.uom_id)
        self.assertEqual(pack.mapped("sku"), ["FH-MAT-6"])

    def test_channels_belong_to_no_database(self):
        started = self.channels.filtered(lambda channel: channel.state != "draft")
        self.assertEqual(
            sorted(started.mapped("state")), ["live", "live", "paused", "shadow"]
        )
        self.assertEqual(set(started.sudo().mapped("database_identity")), {"demo"})
        self.assertFalse(started.filtered(lambda one: one._may_talk()))
        self.assertFalse(started.filtered(lambda one: one._may_read()))
        self.assertFalse(any(started.mapped("is_elsewhere")))
        for channel in self.channels:
            self.assertRegex(channel.base_url, r"^https://\w+\.oak-and-co\.invalid/")

    def test_no_button_calls_anybody(self):
        for channel in self.channels:
            told = channel.action_check_connection()
            self.assertEqual(told["params"]["type"], "danger")
            self.assertIn("Demo data", told["params"]["message"])
        self.assertEqual(self.calls, [])

    def test_put_live_it_stays_silent(self):
        partner = self.demo_channel("partner")
        outlet = self.demo_channel("outlet")
        outlet.location_ids.location_ids = (
            self.env["stock.warehouse"].search([("code", "=", "RENO")]).lot_stock_id
        )
        self.startPatcher(readiness_skipped())
        self.startPatcher(
            patch.object(type(partner), "_check_alerts", lambda _one: None)
        )
        for channel in (partner, outlet):
            channel.action_go_live()
            self.assertEqual((channel.state, channel._may_talk()), ("live", False))

    def test_two_people_are_there_to_decide(self):
        """Who proposed may not decide; somebody else may."""
        users = self.env["res.users"]
        approver = users.search([("login", "=", "demo_channel_approver")])
        manager = users.search([("login", "=", "demo_channel_manager")])
        proposed = self.env["stock.channel.approval"].search(
            [("state", "=", "proposed"), ("channel_id", "in", self.channels.ids)]
        )
        self.assertEqual(
            set(proposed.mapped("kind")), {"count", "change", "push", "ignore"}
        )
        self.assertEqual(
            proposed.with_user(approver).mapped("may_decide"), [True] * len(proposed)
        )
        self.assertFalse(any(proposed.with_user(manager).mapped("may_decide")))
        held = self.env["stock.channel.push"].search(
            [("state", "=", "held"), ("channel_id", "in", self.channels.ids)]
        )
        held.with_user(approver).action_release()
        self.assertEqual(held.state, "released")

    def test_built_once(self):
        before = self.env["stock.channel"].search_count([])
        self.env["stock.channel"]._install_demo()
        self.assertEqual(self.env["stock.channel"].search_count([]), before)

    def test_nobody_calls_the_builder(self):
        """It is private, and the fakes are reached by no context."""
        shop = self.channels[0].with_context(shops={self.channels[0].id: object()})
        self.assertEqual(type(shop._transport()).__name__, "Nobody")
