"""S18: the audit is written once and by nobody changed, whoever tries and however."""

import psycopg2

from odoo.exceptions import AccessError, UserError
from odoo.service.model import call_kw, get_public_method
from odoo.tests import new_test_user, tagged
from odoo.tools import mute_logger

from .grid_world import DENIED_LOGGERS, GROUPS, GridCase


@tagged("post_install", "-at_install")
class TestAudit(GridCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.approver = cls.people["approver"]
        cls.row = (
            cls.env["stock.channel.audit"]
            .with_user(cls.approver)
            ._log(
                cls.channel,
                "changed",
                values={cls.channel.id: ({"name": "Before"}, {"name": "After"})},
                reason="Asked by finance",
            )
        )
        cls.env.flush_all()

    def test_it_says_who_what_when_and_the_values(self):
        self.assertEqual(
            self.row.read(
                ["channel_id", "user_id", "action", "before", "after", "reason"],
                load="",
            ),
            [
                {
                    "id": self.row.id,
                    "channel_id": self.channel.id,
                    "user_id": self.approver.id,
                    "action": "changed",
                    "before": {"name": "Before"},
                    "after": {"name": "After"},
                    "reason": "Asked by finance",
                }
            ],
        )
        self.assertEqual(self.row.happened_at, self.env.cr.now())
        self.assertEqual(self.row.company_id, self.company)

    def test_nobody_writes_removes_or_adds_a_row(self):
        for group in GROUPS:
            mine = self.row.with_user(self.people[group])
            before = self.picture()
            for step in (
                lambda m=mine: m.write({"reason": "other"}),
                lambda m=mine: m.write({}),
                mine.unlink,
                mine.copy,
                lambda m=mine: m.create(self.fresh("stock.channel.audit")),
                lambda m=mine: m.load(["action"], [["changed"]])["ids"] or m.write({}),
            ):
                with self.subTest(group=group):
                    self.assertIsNone(self.attempt(step))
                    self.env.invalidate_all()
                    self.assert_same(before, "something changed")

    def test_nor_does_the_hub_itself(self):
        for step in (
            lambda: self.row.sudo().write({"reason": "other"}),
            lambda: self.row.sudo().unlink(),
            lambda: self.row.sudo().write({}),
        ):
            with self.assertRaises(UserError):
                step()

    def test_nor_does_odoo_s_own_administrator_over_rpc(self):
        """Who may do everything else: settings, access rights, other people's rules."""
        person = new_test_user(
            self.env,
            "grid_root",
            "base.group_system,base.group_erp_manager,base.group_allow_export,"
            "stock_channel_hub.group_admin,stock_channel_hub.group_approver",
        )
        self.env["ir.model.access"].create(
            {
                "name": "Everything",
                "model_id": self.env["ir.model"]._get_id("stock.channel.audit"),
                "group_id": self.env.ref("base.group_system").id,
                **dict.fromkeys(
                    ("perm_read", "perm_write", "perm_create", "perm_unlink"), True
                ),
            }
        )
        self.env.registry.clear_cache()
        model = self.env["stock.channel.audit"].with_user(person)
        ids = self.row.ids
        before = self.picture()
        for name, args in (
            ("write", [ids, {"reason": "other"}]),
            ("unlink", [ids]),
            ("copy", [ids]),
            ("create", [[self.fresh("stock.channel.audit")]]),
            ("web_save", [ids, {"reason": "other"}, {}]),
        ):
            with self.subTest(method=name), self.put_back():
                done = []
                self.attempt(
                    lambda n=name, a=args, d=done: d.append(call_kw(model, n, a, {}))
                )
                self.env.flush_all()
                self.env.invalidate_all()
                self.assert_same(before, "something changed")

    def test_nobody_logs_over_rpc(self):
        with self.assertRaises(AccessError):
            get_public_method(self.env["stock.channel.audit"], "_log")

    def test_defaults_of_a_caller_get_into_no_row(self):
        audit = self.env["stock.channel.audit"].with_user(self.people["manager"])
        row = audit.with_context(
            default_reason="planted", default_action="approved", default_user_id=1
        )._log(self.channel, "changed")
        self.assertEqual((row.action, row.reason), ("changed", False))
        self.assertEqual(row.user_id, self.people["manager"])

    def test_it_outlives_the_channel(self):
        channel = self.make_channel(name="Short-lived")
        row = self.env["stock.channel.audit"]._log(channel, "created")
        self.env.flush_all()
        channel.unlink()
        self.env.invalidate_all()
        self.assertTrue(row.exists())
        self.assertFalse(row.channel_id)
        self.assertEqual(row.record_name, "Short-lived")

    def test_its_people_and_companies_cannot_be_removed(self):
        """Otherwise whoever removes them would remove what they have done."""
        for record in (self.approver, self.company):
            with (
                self.subTest(record._name),
                mute_logger("odoo.sql_db", *DENIED_LOGGERS),
                self.assertRaises(Exception) as caught,
            ):
                record.sudo().unlink()
                self.env.flush_all()
            self.assertIsInstance(
                caught.exception, (psycopg2.IntegrityError, UserError)
            )
        self.assertTrue(self.row.exists())

    def test_other_companies_read_nothing_of_it(self):
        stranger = self.row.with_user(self.people["other"])
        self.assertFalse(stranger.search([]))
        with mute_logger(*DENIED_LOGGERS), self.assertRaises(AccessError):
            stranger.read(["reason"])
