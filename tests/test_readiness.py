from datetime import timedelta
from unittest.mock import patch

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import tagged

from odoo.addons.stock_channel_hub.connectors.data import Health
from odoo.addons.stock_channel_hub.connectors.rest import RestConnector

from ..models.stock_channel_readiness import KINDS
from .clock import NOON, ClockCase
from .common import readiness_skipped

# What the audit calls a change of state; a pause has its reason and its own word.
STATE_ACTIONS = ("state", "paused", "resumed")


@tagged("post_install", "-at_install")
class TestReadiness(ClockCase):
    """The go/no-go list is computed; who ticks it changes the data behind it."""

    has_readiness_gate = True

    def setUp(self):
        super().setUp()
        self.manager = self.make_user("group_manager", email="max@example.com")
        self.operator = self.make_user("group_operator", email="olga@example.com")
        self.approver = self.make_user("group_approver", email="fay@example.com")
        self.other_shelf = self.env["stock.location"].create(
            {"name": "Shelf B", "location_id": self.stock.id}
        )
        self.draft = self.make_channel(
            name="New Shop",
            exception_owner_id=self.operator.id,
            map_owner_id=self.manager.id,
        )
        self.shops[self.draft.id] = self.shop
        self.new_place = self.make_place(self.draft, "main", self.other_shelf)
        self.new_listing = self.make_listing(self.draft, self.product, "DESK")

    def go_live(self, channel):
        """The channel of the other tests is live already."""
        with readiness_skipped():
            return super().go_live(channel)

    def line(self, kind, channel=None):
        channel = channel or self.draft
        channel.invalidate_recordset()
        self.env["stock.channel.readiness.line"].invalidate_model()
        return channel.readiness_line_ids.filtered(lambda line: line.kind == kind)

    def state(self, kind):
        return self.line(kind).state

    def unresolved(self):
        self.line("undo")
        lines = self.draft.readiness_line_ids
        return set(
            lines.filtered(lambda line: line.state == "unresolved").mapped("kind")
        )

    def see_undo(self):
        self.env["stock.channel.audit"]._log(self.new_listing, "undone")

    def see_cancel_and_return(self):
        order = self.env["stock.channel.order"].create(
            {
                "channel_id": self.draft.id,
                "external_id": "1",
                "name": "1",
                "is_cancelled": True,
            }
        )
        self.env["stock.channel.return"].create(
            {
                "channel_id": self.draft.id,
                "external_id": "R1",
                "channel_order_id": order.id,
            }
        )

    def make_ready(self):
        """Bring everything in order but the time in shadow."""
        self.draft.action_check_connection()
        self.see_undo()
        self.see_cancel_and_return()

    # ------------------------------------------------------------------ list

    def test_each_channel_has_each_line_once_and_in_order(self):
        self.draft.invalidate_recordset()
        kinds = self.draft.readiness_line_ids.mapped("kind")
        self.assertEqual(kinds, [kind for kind, _title in KINDS])
        self.assertEqual(len(set(self.draft.readiness_line_ids.ids)), len(KINDS))

    def test_fresh_draft_says_what_is_to_do(self):
        self.assertEqual(self.unresolved(), {"connection", "shadow", "told", "undo"})
        self.assertEqual(self.draft.readiness_summary, "4 of 15 to do")
        self.assertFalse(self.draft.is_ready)

    def test_nobody_ticks_a_line(self):
        for group in ("group_user", "group_manager", "group_admin"):
            user = self.make_user(group)
            lines = self.draft.readiness_line_ids.with_user(user)
            self.assertTrue(lines.has_access("read"))
            for operation in ("write", "create", "unlink"):
                self.assertFalse(lines.has_access(operation), operation)

    def test_reader_sees_the_list_and_another_company_does_not(self):
        reader = self.make_user("group_user")
        self.assertEqual(len(self.draft.with_user(reader).readiness_line_ids), 15)
        other = self.env["res.company"].create({"name": "Elsewhere"})
        stranger = self.make_user(
            "group_admin", company_ids=[(6, 0, other.ids)], company_id=other.id
        )
        lines = self.env["stock.channel.readiness.line"].with_user(stranger)
        self.assertFalse(lines.search([]))
        with self.assertRaises(AccessError):
            lines.browse(self.line("undo").id).action_open()

    def test_every_line_leads_somewhere(self):
        self.make_ready()
        for line in self.draft.readiness_line_ids:
            with self.subTest(kind=line.kind):
                self.assertIn("type", line.action_open())

    def test_queries_do_not_grow_with_the_catalogue(self):
        def queries():
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            self.draft._readiness()
            return self.env.cr.sql_log_count - before

        queries()
        few = queries()
        for number in range(40):
            product = self.make_product(f"P{number}", f"P{number}")
            self.make_listing(self.draft, product, f"P{number}")
        queries()
        self.assertEqual(queries(), few)

    # ----------------------------------------------------------------- lines

    def test_unmapped_location_is_counted(self):
        self.assertEqual(self.line("locations").fact, "All 1 locations are mapped.")
        self.make_place(self.draft, "second", self.env["stock.location"])
        line = self.line("locations")
        self.assertEqual(line.state, "unresolved")
        self.assertIn("1 of 2 locations", line.fact)

    def test_location_only_the_channel_knows_is_counted(self):
        exceptions = self.env["stock.channel.exception"]
        exceptions._open(
            self.draft,
            category="mapping",
            fingerprint="map:x",
            title="Unknown",
            mapping_kind="location",
        )
        self.assertIn("1 more were named", self.line("locations").fact)

    def test_items_the_channel_named_and_does_not_have(self):
        self.env["stock.channel.exception"]._open(
            self.draft,
            category="mapping",
            fingerprint="map:y",
            title="Unknown",
            mapping_kind="item",
        )
        line = self.line("items")
        self.assertEqual(line.state, "unresolved")
        self.assertIn("1 items of the channel belong to no product", line.fact)
        self.assertEqual(line.action_open()["res_model"], "stock.channel.exception")

    def test_kit_without_components_and_unit_that_does_not_convert(self):
        kit = self.make_product("Set", "SET")
        self.make_kit(kit, {self.product: 2})
        self.make_listing(self.draft, kit, "SET")
        self.assertEqual(self.state("kits"), "ok")
        empty = self.make_product("Empty", "EMPTY")
        self.make_kit(empty, {})
        broken = self.make_listing(self.draft, empty, "EMPTY")
        rope = self.make_product("Rope", "ROPE")
        wrong = self.make_listing(self.draft, rope, "ROPE")
        self.env.flush_all()
        # As an import or a change of the product's unit leaves it.
        self.env.cr.execute(
            "UPDATE product_template SET uom_id = %s WHERE id = %s",
            [self.env.ref("uom.product_uom_meter").id, rope.product_tmpl_id.id],
        )
        self.env.invalidate_all()
        line = self.line("kits")
        self.assertEqual(line.state, "unresolved")
        self.assertEqual(
            line.fact,
            "1 of 2 kits have no component that can be counted; 1 of 4 listings have "
            "a unit that does not convert.",
        )
        self.assertEqual(set(line.action_open()["domain"][0][2]), {broken.id, wrong.id})

    def test_owner_must_be_there_see_it_and_may_work(self):
        outsider = self.env["res.users"].create({"name": "Out", "login": "out"})
        for user, words in (
            (self.env["res.users"], "Nobody gets"),
            (outsider, "cannot see this channel"),
            (self.make_user("group_user"), "not work them"),
        ):
            self.draft.exception_owner_id = user
            with self.subTest(words=words):
                line = self.line("owner")
                self.assertEqual(line.state, "unresolved")
                self.assertIn(words, line.fact)
        self.draft.exception_owner_id = self.operator
        self.assertEqual(self.state("owner"), "ok")
        self.operator.active = False
        self.assertEqual(self.state("owner"), "unresolved")

    def test_map_owner_names_the_warehouses(self):
        self.assertIn("Hub North", self.line("inventory").fact)
        self.draft.map_owner_id = False
        self.assertEqual(self.state("inventory"), "unresolved")

    def test_one_person_cannot_be_both_eyes(self):
        admins = self.env.ref("stock_channel_hub.group_admin").user_ids
        admins.group_ids -= self.env.ref("stock_channel_hub.group_admin")
        self.approver.active = False
        self.assertIn("Nobody may decide", self.line("approver").fact)
        self.manager.group_ids += self.env.ref("stock_channel_hub.group_approver")
        line = self.line("approver")
        self.assertEqual(line.state, "unresolved")
        self.assertIn("the only manager and the only approver", line.fact)
        self.approver.active = True
        self.assertEqual(self.state("approver"), "ok")

    def test_approver_of_another_company_is_none(self):
        admins = self.env.ref("stock_channel_hub.group_admin").user_ids
        admins.group_ids -= self.env.ref("stock_channel_hub.group_admin")
        other = self.env["res.company"].create({"name": "Elsewhere"})
        self.approver.write(
            {"company_ids": [(6, 0, other.ids)], "company_id": other.id}
        )
        self.assertEqual(self.state("approver"), "unresolved")

    def test_connection_counts_when_it_answered_after_the_credentials(self):
        self.assertIn("never tested", self.line("connection").fact)
        with patch.object(
            RestConnector, "check", return_value=Health(ok=False, message="No such key")
        ):
            self.draft.action_check_connection()
        self.assertIn("No such key", self.line("connection").fact)
        self.draft.action_check_connection()
        self.assertEqual(self.state("connection"), "ok")
        self.pass_time(60)
        self.draft.sudo().credentials_set_at = self.env.cr.now()
        self.assertIn("newer than the last answer", self.line("connection").fact)
        self.pass_time(60)
        self.draft.action_check_connection()
        self.assertEqual(self.state("connection"), "ok")

    def test_secret_missing_ending_and_not_needed(self):
        self.assertEqual(self.state("secret"), "ok")
        secret = self.draft.secret_ids
        secret.valid_to = NOON + timedelta(days=3)
        self.assertEqual(self.state("secret"), "warning")
        secret.valid_to = NOON - timedelta(hours=1)
        self.assertEqual(self.state("secret"), "unresolved")
        capabilities = RestConnector.capabilities
        with patch.object(
            RestConnector,
            "capabilities",
            type(capabilities)(**{**vars(capabilities), "webhooks": False}),
        ):
            self.assertEqual(self.state("secret"), "not_asked")

    def test_cancellation_and_return_must_be_seen_where_the_channel_tells_them(self):
        line = self.line("told")
        self.assertEqual(line.state, "unresolved")
        self.assertIn("a cancellation, a return", line.fact)
        with patch.object(RestConnector, "tells", frozenset({"cancels"})):
            self.assertIn("Not seen yet: a cancellation.", self.line("told").fact)
        with patch.object(RestConnector, "tells", frozenset()):
            self.assertEqual(self.state("told"), "not_asked")
        self.see_cancel_and_return()
        self.assertEqual(self.state("told"), "ok")

    def test_undo_counts_for_its_company_only(self):
        self.see_undo()
        self.assertEqual(self.state("undo"), "ok")
        other = self.env["res.company"].create({"name": "Elsewhere"})
        elsewhere = self.make_channel(name="There", company_id=other.id)
        self.assertEqual(self.line("undo", elsewhere).state, "unresolved")

    def test_queue_is_told_by_category(self):
        exceptions = self.env["stock.channel.exception"]
        for number in range(11):
            exceptions._open(
                self.draft, category="data", fingerprint=f"d{number}", title="Data"
            )
            if number == 0:
                self.assertEqual(self.line("exceptions").fact, "1 are open: Data 1.")
                self.assertEqual(self.state("exceptions"), "warning")
        self.assertEqual(self.line("exceptions").fact, "11 are open: Data 11.")
        self.assertEqual(self.state("exceptions"), "unresolved")

    def test_money_names_what_is_missing(self):
        self.draft.shipping_product_id = False
        self.assertEqual(self.state("money"), "unresolved")

    def test_lag_from_shadow_on(self):
        self.assertIn("measured from shadow on", self.line("lag").fact)
        self.draft.action_go_shadow()
        self.run_compute()
        self.assertEqual(self.state("lag"), "ok")
        self.env["stock.channel.dirty"]._log_listings(self.new_listing, "map")
        self.env.cr.flush()
        self.env.cr.execute(
            "UPDATE stock_channel_dirty SET changed_at = %s",
            [NOON - timedelta(minutes=5)],
        )
        line = self.line("lag")
        self.assertEqual(line.state, "unresolved")
        self.assertIn("5 min", line.fact)

    # ---------------------------------------------------------------- shadow

    def in_shadow(self):
        self.draft.action_go_shadow()
        self.run_compute()

    def read_back(self):
        self.draft.action_read_back()
        self.run_poll(self.draft)

    def test_shadow_lasts_as_long_as_the_administrator_says(self):
        self.assertIn("for 24 hours", self.line("shadow").fact)
        self.in_shadow()
        self.pass_time(20 * 3600)
        self.assertIn("for 4 h more", self.line("shadow").fact)
        self.pass_time(4 * 3600)
        self.assertIn("not compared as a whole", self.line("shadow").fact)
        self.read_back()
        self.assertEqual(self.state("shadow"), "ok")

    def test_going_back_to_draft_starts_shadow_anew(self):
        self.in_shadow()
        self.pass_time(30 * 3600)
        self.draft.action_back_to_draft()
        self.assertFalse(self.draft.shadow_at)
        self.in_shadow()
        self.assertIn("for 1 d more", self.line("shadow").fact)

    def test_differences_of_shadow_are_signed_by_somebody(self):
        self.receive(self.product, 3, self.other_shelf)
        self.in_shadow()
        self.pass_time(25 * 3600)
        self.read_back()
        line = self.line("shadow")
        self.assertEqual(line.state, "unresolved")
        self.assertIn("1 of 1 numbers", line.fact)
        self.company.resource_calendar_id.tz = "UTC"
        self.run_job("stock.channel.review", "_cron_reviews")
        self.run_poll(self.draft)
        self.pass_time(3 * 3600)
        self.run_job("stock.channel.match", "_cron_match")
        review = self.env["stock.channel.review"].search([("kind", "=", "daily")])
        self.assertEqual(self.state("shadow"), "unresolved")
        mine = review.with_user(self.approver)
        mine.note = "The shop shows last week's stock."
        mine.action_sign()
        self.assertEqual(self.state("shadow"), "ok")
        self.assertIn(self.approver.name, self.line("shadow").fact)

    def test_only_administrators_shorten_the_time_in_shadow(self):
        with self.assertRaises(AccessError):
            self.draft.with_user(self.manager).shadow_hours = 0
        self.env.invalidate_all()
        self.assertEqual(self.draft.shadow_hours, 24)
        admin = self.make_user("group_admin")
        self.draft.with_user(admin).shadow_hours = 0
        self.assertEqual(self.state("shadow"), "warning")
        audit = self.env["stock.channel.audit"].search([], limit=1)
        self.assertEqual(
            (audit.action, audit.before, audit.after, audit.user_id),
            ("changed", {"shadow_hours": 24}, {"shadow_hours": 0}, admin),
        )
        with self.assertRaises(ValidationError):
            self.draft.shadow_hours = -1

    # ------------------------------------------------------------------ gate

    def test_gate_names_what_is_to_do_and_changes_nothing(self):
        logged = self.env["stock.channel.audit"].search_count([])
        with self.assertRaises(UserError) as caught:
            self.draft.with_user(self.manager).action_go_live()
        for words in ("4 things", "Undo was tried", "The channel answers", "24 hours"):
            self.assertIn(words, str(caught.exception))
        self.env.invalidate_all()
        self.assertEqual(self.draft.state, "draft")
        self.assertFalse(self.draft.live_at)
        self.assertFalse(self.draft.publish_cron_id.active)
        self.assertEqual(self.env["stock.channel.audit"].search_count([]), logged)

    def test_two_things_to_do_pass_and_a_third_does_not(self):
        self.draft.action_check_connection()
        with self.assertRaises(UserError):
            self.draft.action_go_live()
        self.see_undo()
        self.assertEqual(self.unresolved(), {"shadow", "told"})
        self.draft.with_user(self.manager).action_go_live()
        self.assertEqual(self.draft.state, "live")

    def test_administrator_is_stopped_and_passes_after_mending(self):
        self.in_shadow()
        with self.assertRaises(UserError):
            self.draft.action_go_live()
        self.make_ready()
        self.pass_time(24 * 3600)
        self.read_back()
        self.assertEqual(self.unresolved(), set())
        self.assertEqual(self.draft.readiness_summary, "All 15 done")
        self.draft.action_go_live()
        self.assertEqual(self.draft.state, "live")

    def test_alerts_that_reach_nobody_refuse_alone(self):
        self.make_ready()
        self.operator.email = False
        self.assertEqual(self.unresolved(), {"alerts", "shadow"})
        with self.assertRaises(UserError) as caught:
            self.draft.action_go_live()
        self.assertIn("Alerts reach somebody", str(caught.exception))
        self.assertEqual(self.draft.state, "draft")

    def test_pause_is_ended_without_the_whole_list(self):
        self.channel.exception_owner_id = self.operator
        self.channel.action_pause()
        self.assertEqual(self.channel.paused_at, NOON)
        self.channel.action_go_live()
        self.assertEqual(self.channel.state, "live")
        self.assertFalse(self.channel.paused_at)
        self.channel.action_pause()
        self.operator.email = False
        with self.assertRaises(UserError):
            self.channel.action_go_live()
        self.assertEqual(self.channel.state, "paused")

    def test_way_round_by_draft_asks_for_the_list(self):
        self.channel.action_pause()
        self.channel.action_back_to_draft()
        with self.assertRaises(UserError):
            self.channel.action_go_live()
        self.assertEqual(self.channel.state, "draft")

    def test_every_change_of_state_is_audited_with_its_person(self):
        admin = self.make_user("group_admin")
        self.channel.with_user(admin).action_pause()
        self.channel.with_user(admin).action_back_to_draft()
        rows = self.env["stock.channel.audit"].search(
            [("action", "in", STATE_ACTIONS), ("user_id", "=", admin.id)]
        )
        self.assertEqual(
            [(row.before, row.after, row.channel_id) for row in rows],
            [
                ({"state": "paused"}, {"state": "draft"}, self.channel),
                ({"state": "live"}, {"state": "paused"}, self.channel),
            ],
        )
        count = len(rows)
        with self.assertRaises(UserError):
            self.channel.with_user(admin).action_pause()
        self.assertEqual(
            self.env["stock.channel.audit"].search_count(
                [("action", "in", STATE_ACTIONS), ("user_id", "=", admin.id)]
            ),
            count,
        )

    def test_result_of_a_test_is_not_written_by_people(self):
        with self.assertRaises(AccessError):
            self.draft.with_user(self.make_user("group_admin")).check_is_ok = True
