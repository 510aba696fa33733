import re
from pathlib import Path

from odoo import fields
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.stock_channel_hub.connectors.testing.fake_rest import BASE_URL, SECRET

from .common import HubCase

GROUPS = (
    "group_user",
    "group_operator",
    "group_manager",
    "group_approver",
    "group_admin",
)
HUB_MODELS = re.compile(r"stock\.channel($|\.)")


@tagged("post_install", "-at_install")
class TestSecurity(HubCase):
    """Who may see and do what; denied means that nothing changed."""

    def persistent_models(self):
        return [
            model
            for name, model in self.env.items()
            if HUB_MODELS.match(name) and not model._abstract and not model._transient
        ]

    # -------------------------------------------------------------- secrets

    def test_nobody_reads_a_secret_back(self):
        secret = self.channel.secret_ids
        self.assertEqual(secret.sudo().value, SECRET)
        for group in GROUPS:
            with self.subTest(group=group):
                user = self.make_user(group)
                user.group_ids += self.env.ref("base.group_allow_export")
                mine = secret.with_user(user)
                with mute_logger("odoo.addons.base.models.ir_model"):
                    with self.assertRaises(AccessError):
                        mine.read(["value"])
                    with self.assertRaises(AccessError):
                        mine.search([("value", "like", "whsec")])
                    with self.assertRaises(AccessError):
                        mine.export_data(["value"])

    def test_admin_sees_that_there_is_a_secret_not_which(self):
        secret = self.channel.secret_ids.with_user(self.make_user("group_admin"))
        self.assertFalse(secret.new_value)
        self.assertTrue(secret.is_active_now)
        self.assertNotIn(SECRET, repr(secret.read()))

    def test_nobody_reads_credentials_back(self):
        self.channel.sudo().credentials = {"api_key": "canary-key"}
        for group in GROUPS:
            with self.subTest(group=group):
                channel = self.channel.with_user(self.make_user(group))
                with self.assertRaises(AccessError):
                    channel.read(["credentials"])
                self.assertNotIn("canary-key", repr(channel.read()))

    def test_credentials_go_in_and_leave_no_trace(self):
        self.channel.action_pause()
        self.channel.connector = "medusa"
        admin = self.make_user("group_admin")
        wizard = (
            self.env["stock.channel.credential.wizard"]
            .with_user(admin)
            .create({"channel_id": self.channel.id})
        )
        line = wizard.line_ids.filtered(lambda line: line.name == "api_key")
        line.value = " sk_canary "
        wizard.action_save()
        self.assertEqual(self.channel.sudo().credentials, {"api_key": "sk_canary"})
        self.assertFalse(wizard.exists() or line.exists())

    def test_new_secret_overlaps_with_the_old_one(self):
        wizard = self.env["stock.channel.secret.wizard"].create(
            {"channel_id": self.channel.id, "overlap_hours": 2}
        )
        action = wizard.action_generate()
        value = action["context"]["default_value"]
        self.assertEqual(
            self.channel.sudo().secret_ids._active_values(), [value, SECRET]
        )
        old = self.channel.secret_ids.filtered(lambda s: s.sudo().value == SECRET)
        hours = (old.valid_to - fields.Datetime.now()).total_seconds() / 3600
        self.assertAlmostEqual(hours, 2, delta=0.1)

    def test_weak_secret_is_refused(self):
        for value in ("hello", "whsec_c2hvcnQ=", "whsec_***"):
            with self.subTest(value=value), self.assertRaises(ValidationError):
                self.env["stock.channel.secret"].create(
                    {"channel_id": self.channel.id, "new_value": value}
                )

    # --------------------------------------------------------------- groups

    def test_every_model_is_closed_to_strangers(self):
        stranger = self.env["res.users"].create(
            {
                "name": "Stranger",
                "login": "stranger",
                "group_ids": [(6, 0, self.env.ref("base.group_user").ids)],
            }
        )
        for model in self.persistent_models():
            with self.subTest(model=model._name):
                for operation in ("read", "write", "create", "unlink"):
                    self.assertFalse(
                        model.with_user(stranger).has_access(operation), operation
                    )

    def test_nobody_writes_the_ledger_or_the_inbox(self):
        for group in GROUPS:
            user = self.make_user(group)
            for name in (
                "stock.channel.publication",
                "stock.channel.publication.log",
                "stock.channel.push",
                "stock.channel.message",
                "stock.channel.order",
                "stock.channel.fulfillment",
                "stock.channel.return",
            ):
                with self.subTest(group=group, model=name):
                    model = self.env[name].with_user(user)
                    for operation in ("write", "create", "unlink"):
                        self.assertFalse(model.has_access(operation), operation)

    def test_only_managers_and_up_change_maps(self):
        expected = {
            "group_user": False,
            "group_operator": False,
            "group_manager": True,
            "group_approver": False,
            "group_admin": True,
        }
        for group, may in expected.items():
            with self.subTest(group=group):
                listing = self.listing.with_user(self.make_user(group))
                self.assertEqual(listing.has_access("write"), may)

    def test_only_writers_of_the_channel_change_its_state(self):
        for group in ("group_user", "group_operator", "group_approver"):
            with self.subTest(group=group):
                channel = self.channel.with_user(self.make_user(group))
                with self.assertRaises(AccessError):
                    channel.action_pause()
                self.assertEqual(self.channel.state, "live")

    def test_exceptions_are_closed_by_their_steps_only(self):
        self.order(lines=[self.line_data("1", "UNKNOWN", 1)])
        exception = self.open_exceptions()
        operator = self.make_user("group_operator")
        mine = exception.with_user(operator)
        with self.assertRaises(AccessError):
            mine.write({"state": "resolved"})
        for vals in ({"cause": "nothing"}, {"waiting_message_ids": [(5,)]}):
            with self.assertRaises(AccessError):
                mine.write(vals)
        self.assertEqual(exception.waiting_count, 1)
        self.assertEqual(exception.state, "open")
        mine.user_id = operator
        mine._ignore("Known and harmless.")
        self.assertEqual(exception.state, "ignored")

    def test_operator_maps_an_unknown_sku_but_changes_no_map(self):
        self.order(lines=[self.line_data("1", "UNKNOWN", 1)])
        operator = self.make_user("group_operator")
        exception = self.open_exceptions().with_user(operator)
        exception.product_id = self.product
        exception.action_map()
        listing = self.env["stock.channel.listing"].search([("sku", "=", "UNKNOWN")])
        self.assertEqual(listing.product_id, self.product)
        lamp = self.make_product("Lamp")
        with self.assertRaises(AccessError):
            listing.with_user(operator).product_id = lamp
        self.env.invalidate_all()
        self.assertEqual(listing.product_id, self.product)

    def test_only_admins_change_where_numbers_go(self):
        manager = self.channel.with_user(self.make_user("group_manager"))
        with self.assertRaises(AccessError):
            manager.base_url = "https://elsewhere.example"
        self.env.invalidate_all()
        self.assertEqual(self.channel.base_url, BASE_URL)
        manager.freshness_target = 5
        self.assertEqual(self.channel.freshness_target, 5)

    def test_owner_who_may_not_see_it_does_not_stop_the_exception(self):
        self.channel.exception_owner_id = self.env["res.users"].create(
            {"name": "Outsider", "login": "outsider"}
        )
        self.order(lines=[self.line_data("1", "UNKNOWN", 1)])
        self.assertEqual(self.open_exceptions().value, "UNKNOWN")
        self.assertFalse(self.open_exceptions().activity_ids)

    # ------------------------------------------------------------- companies

    def test_every_model_with_a_company_has_a_global_rule(self):
        for model in self.persistent_models():
            if "company_id" not in model._fields:
                self.assertEqual(model._name, "stock.channel.dirty")
                continue
            with self.subTest(model=model._name):
                rules = self.env["ir.rule"].search(
                    [("model_id.model", "=", model._name), ("groups", "=", False)]
                )
                self.assertIn("company_id", "".join(rules.mapped("domain_force")))

    def test_other_companies_see_nothing(self):
        self.order(lines=[self.line_data("1", "UNKNOWN", 1)])
        other = self.env["res.company"].create({"name": "Other Company"})
        user = self.make_user(
            "group_admin", company_ids=[(6, 0, other.ids)], company_id=other.id
        )
        for model in self.persistent_models():
            if "company_id" in model._fields and model.with_user(user).has_access(
                "read"
            ):
                with self.subTest(model=model._name):
                    self.assertFalse(model.with_user(user).search([]))

    # ---------------------------------------------------------------- channel

    def test_states_follow_one_gate(self):
        with self.assertRaises(UserError):
            self.channel.action_back_to_draft()
        self.assertEqual(self.channel.state, "live")
        self.channel.action_pause()
        self.channel.action_back_to_draft()
        self.assertEqual(self.channel.state, "draft")

    def test_live_needs_a_map_and_a_secret(self):
        channel = self.env["stock.channel"].create(
            {"name": "Empty", "connector": "rest", "exception_owner_id": False}
        )
        with self.assertRaises(UserError) as caught:
            channel.action_go_live()
        for word in ("location", "listing", "owner", "secret"):
            self.assertIn(word, str(caught.exception))
        self.assertEqual(channel.state, "draft")

    def test_jobs_run_only_while_live(self):
        crons = self.channel.publish_cron_id | self.channel.poll_cron_id
        self.assertEqual(crons.mapped("active"), [True, True])
        self.channel.action_pause()
        self.assertEqual(crons.mapped("active"), [False, False])

    def test_overlapping_locations_are_refused(self):
        for location in (self.stock, self.shelf, self.warehouse.view_location_id):
            with (
                self.subTest(location=location.name),
                self.assertRaises(ValidationError),
            ):
                self.make_place(self.channel, "second", location)

    def test_selling_unit_must_convert(self):
        with self.assertRaises(ValidationError):
            self.listing.uom_id = self.env.ref("uom.product_uom_kgm")

    def test_one_item_is_mapped_once(self):
        with mute_logger("odoo.sql_db"), self.assertRaises(Exception) as caught:
            self.make_listing(self.channel, self.make_product("Lamp"), "DESK")
        self.assertIn("UniqueViolation", type(caught.exception).__name__)

    def test_neutralised_copy_is_silent(self):
        self.env.flush_all()
        script = Path(__file__).parent.parent / "data" / "neutralize.sql"
        self.env.cr.execute(script.read_text())
        self.env.invalidate_all()
        self.assertEqual(self.channel.state, "paused")
        self.assertFalse(self.channel.sudo().secret_ids)
        self.assertFalse(self.channel.webhook_token)
        self.assertFalse(self.channel.publish_cron_id.active)
        self.assertFalse(self.channel._may_talk())
