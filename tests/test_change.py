from odoo.exceptions import AccessError, RedirectWarning
from odoo.fields import Command
from odoo.tests import Form, new_test_user, tagged

from .change_common import ChangeCase


@tagged("post_install", "-at_install")
class TestChange(ChangeCase):
    """On a live channel a second person agrees; what they agree to is what is done."""

    # -------------------------------------------------------------- the daily way

    def test_manager_edits_in_place_is_asked_proposes_and_another_approves(self):
        lamp = self.make_product("Lamp", "LAMP", list_price=3.0)
        self.receive(lamp, 4)
        approval = self.propose(self.listing, product_id=lamp.id)
        self.assertEqual(self.listing.product_id, self.product)
        self.assertEqual(approval.state, "proposed")
        self.assertEqual(approval.kind, "change")
        self.assertEqual(approval.requested_by_id, self.manager)
        self.assertIn("DESK", approval.name)
        self.approve(approval)
        self.assertEqual(approval.state, "applied")
        self.assertEqual(self.listing.product_id, lamp)
        self.run_all()
        self.assertEqual(self.shown(), 4)

    def test_the_form_says_what_is_live_and_where_the_button_leads(self):
        with self.assertRaises(RedirectWarning) as caught:
            with Form(self.listing.with_user(self.manager)) as form:
                form.product_id = self.make_product("Lamp", "LAMP")
        text, action, button, context = caught.exception.args
        self.assertIn("Test Shop is live", text)
        self.assertIn("DESK", text)
        self.assertEqual(button, "Propose the Change")
        self.assertEqual(
            action,
            self.env.ref("stock_channel_hub.stock_channel_change_open_entered").id,
        )
        (step,) = context["stock_channel_steps"]
        self.assertEqual(step["before"]["product_id"], self.product.id)

    def test_the_button_runs_as_the_manager_and_for_nobody_below(self):
        steps = self.entered(lambda: self.save(self.listing, is_whole_units=False))
        action = self.env.ref("stock_channel_hub.stock_channel_change_open_entered")
        context = {"stock_channel_steps": steps}
        opened = action.with_user(self.manager).with_context(**context).sudo().run()
        self.assertEqual(
            self.changes.browse(opened["res_id"]).requested_by_id, self.manager
        )
        operator = self.make_user("group_operator")
        self.refused(
            lambda: (
                self.changes.with_user(operator).with_context(**context)._open_entered()
            ),
            AccessError,
        )

    def test_what_is_not_governed_is_saved_as_ever(self):
        self.save(self.listing, title="A fine desk")
        self.save(self.listing, is_paused=True, pause_reason="torn box")
        self.save(self.place, name="Main Store", sequence=3)
        self.save(self.channel, freshness_target=9)
        self.assertEqual(self.listing.title, "A fine desk")
        self.assertTrue(self.listing.is_paused)
        self.assertEqual(self.place.sequence, 3)
        self.assertEqual(self.channel.freshness_target, 9)

    def test_the_same_value_again_is_no_change(self):
        self.save(self.listing, product_id=self.product.id, sku="DESK")
        self.assertFalse(self.changes.search([]))

    def test_in_draft_and_shadow_it_is_written_down_and_not_asked(self):
        self.channel.action_pause()
        self.channel.action_back_to_draft()
        self.save(self.listing, is_whole_units=False)
        self.channel.action_go_shadow()
        self.save(self.listing, is_whole_units=True)
        rows = self.audit(self.listing).filtered(lambda r: r.user_id == self.manager)
        self.assertEqual(
            [(row.before, row.after) for row in rows],
            [
                ({"is_whole_units": True}, {"is_whole_units": False}),
                ({"is_whole_units": False}, {"is_whole_units": True}),
            ],
        )

    def test_nobody_goes_round_it_by_way_of_draft(self):
        self.channel.action_pause()
        channel = self.channel.with_user(self.manager)
        self.refused(channel.action_back_to_draft, AccessError)
        self.assertEqual(self.channel.state, "paused")
        admin = self.make_user("group_admin")
        self.channel.with_user(admin).action_back_to_draft()
        self.assertEqual(self.channel.state, "draft")

    def test_paused_counts_as_live(self):
        self.channel.action_pause()
        self.refused(
            lambda: self.listing.with_user(self.manager).write({"active": False})
        )

    # ------------------------------------------------------------ every such field

    def test_each_governed_field_is_refused_in_words_and_nothing_changes(self):
        other = self.env["stock.warehouse"].create({"name": "South", "code": "HUBS"})
        lamp = self.make_product("Lamp", "LAMP")
        dozen = self.env.ref("uom.product_uom_dozen")
        second = self.make_channel(name="Second")
        rule = self.env["stock.channel.rule"].create(
            {"channel_id": self.channel.id, "kind": "buffer", "value": 2}
        )
        wanted = {
            self.listing: {
                "product_id": lamp.id,
                "sku": "TABLE",
                "item_id": "77",
                "uom_id": dozen.id,
                "is_whole_units": False,
                "active": False,
                "channel_id": second.id,
            },
            self.place: {
                "external_id": "other",
                "location_ids": [Command.set(other.lot_stock_id.ids)],
                "warehouse_id": other.id,
                "is_operated_by_channel": True,
                "active": False,
            },
            rule: {
                "kind": "cap",
                "value": 3,
                "expires_at": "2030-01-01 00:00:00",
                "listing_id": self.listing.id,
                "channel_location_id": self.place.id,
            },
            self.channel: {"minimum_shelf_life": 4, "active": False},
        }
        for record, values in wanted.items():
            tried = set(values) | ({"channel_id"} if record != self.channel else set())
            self.assertEqual(set(record._governed), tried)
            for name, value in values.items():
                with self.subTest(model=record._name, field=name):
                    text = self.refused(
                        lambda record=record, name=name, value=value: record.with_user(
                            self.manager
                        ).write({name: value})
                    )
                    self.assertTrue(text)

    def test_rules_are_neither_made_nor_ended_alone(self):
        rules = self.env["stock.channel.rule"].with_user(self.manager)
        vals = {"channel_id": self.channel.id, "kind": "cap", "value": 1}
        self.refused(lambda: rules.create(vals))
        rule = self.env["stock.channel.rule"].create(vals)
        self.refused(lambda: rule.with_user(self.manager).unlink())

    def test_a_rule_is_made_changed_and_ended_by_proposal(self):
        line = {"kind": "buffer", "value": 3}
        approval = self.propose(self.channel, rule_ids=[Command.create(line)])
        self.assertFalse(self.channel.rule_ids)
        self.approve(approval)
        rule = self.channel.rule_ids
        self.assertEqual((rule.kind, rule.value), ("buffer", 3))
        self.run_all()
        self.assertEqual(self.shown(), 7)
        self.approve(
            self.propose(self.channel, rule_ids=[Command.update(rule.id, {"value": 4})])
        )
        self.assertEqual(rule.value, 4)
        self.approve(self.propose(self.channel, rule_ids=[Command.delete(rule.id)]))
        self.assertFalse(rule.exists())
        self.run_all()
        self.assertEqual(self.shown(), 10)

    def test_a_location_swaps_its_shelves_with_another(self):
        rest = self.env["stock.location"].create(
            {"name": "Shelf B", "location_id": self.stock.id}
        )
        self.place.location_ids = self.shelf
        second = self.make_place(self.channel, "second", rest)
        lines = [
            Command.update(self.place.id, {"location_ids": [Command.clear()]}),
            Command.update(second.id, {"location_ids": [Command.set(self.shelf.ids)]}),
            Command.update(self.place.id, {"location_ids": [Command.set(rest.ids)]}),
        ]
        approval = self.propose(self.channel, location_ids=lines)
        self.approve(approval)
        self.assertEqual(approval.state, "applied", approval.outcome)
        self.assertEqual(self.place.location_ids, rest)
        self.assertEqual(second.location_ids, self.shelf)

    def test_archiving_from_the_list_offers_a_proposal_too(self):
        steps = self.entered(self.listing.with_user(self.manager).action_archive)
        self.approve(self.propose_steps(steps))
        self.assertFalse(self.listing.active)
        steps = self.entered(self.listing.with_user(self.manager).action_unarchive)
        self.approve(self.propose_steps(steps))
        self.assertTrue(self.listing.active)

    def test_several_listings_edited_in_a_list_are_one_proposal(self):
        lamp = self.make_product("Lamp", "LAMP")
        second = self.make_listing(self.channel, lamp, "LAMP")
        both = (self.listing | second).with_user(self.manager)
        steps = self.entered(
            lambda: both.web_save_multi([{"is_whole_units": False}] * 2, {})
        )
        self.assertEqual(len(steps), 2)
        self.approve(self.propose_steps(steps))
        self.assertEqual(
            (self.listing | second).mapped("is_whole_units"), [False, False]
        )

    # -------------------------------------------------------------- the first map

    def test_operator_and_manager_map_an_unknown_id_without_asking(self):
        lamp = self.make_product("Lamp", "LAMP")
        listing = (
            self.env["stock.channel.listing"]
            .with_user(self.manager)
            .create({"channel_id": self.channel.id, "product_id": lamp.id, "sku": "L"})
        )
        row = self.audit(listing)
        self.assertEqual((row.action, row.user_id), ("created", self.manager))
        self.assertEqual(row.after["product_id"], lamp.id)
        self.order(lines=[self.line_data("1", "UNKNOWN", 1)])
        operator = self.make_user("group_operator")
        exception = self.open_exceptions().with_user(operator)
        exception.product_id = lamp
        exception.action_map()
        mapped = self.env["stock.channel.listing"].search([("sku", "=", "UNKNOWN")])
        row = self.audit(mapped)
        self.assertEqual((row.action, row.user_id), ("created", operator))

    def test_a_listing_that_takes_orders_away_from_another_is_no_first_map(self):
        vals = {"channel_id": self.channel.id, "product_id": self.product.id}
        listings = self.env["stock.channel.listing"].with_user(self.manager)
        self.refused(lambda: listings.create({**vals, "sku": "DESK", "item_id": "7"}))
        lamp = self.make_product("Lamp", "LAMP")
        self.make_listing(self.channel, lamp, "TWIN", item_id="1")
        # Another offer of one SKU has an id of its own: nothing was mapped there.
        listings.create({**vals, "sku": "TWIN", "item_id": "2"})
        self.make_listing(self.channel, lamp, "SOLE", item_id="3")
        self.refused(lambda: listings.create({**vals, "sku": "SOLE"}))

    def test_a_location_without_stock_is_mapped_once(self):
        south = self.env["stock.warehouse"].create({"name": "South", "code": "HUBS"})
        place = self.make_place(self.channel, "south", self.env["stock.location"])
        mine = place.with_user(self.manager)
        self.refused(
            lambda: mine.write(
                {
                    "location_ids": [Command.set(south.lot_stock_id.ids)],
                    "external_id": "elsewhere",
                }
            )
        )
        mine.location_ids = south.lot_stock_id
        self.assertEqual(place.warehouse_id, south)
        self.assertEqual(self.audit(place)[-1].after["warehouse_id"], south.id)
        self.run_all()
        self.refused(lambda: mine.write({"location_ids": [Command.clear()]}))
        place.location_ids = False
        # It was told numbers: mapping it again is no first map.
        self.refused(lambda: mine.write({"location_ids": [Command.set(south.ids)]}))

    # -------------------------------------------------------------- second person

    def test_who_proposed_does_not_decide(self):
        both = new_test_user(
            self.env,
            "both",
            groups="stock_channel_hub.group_manager,stock_channel_hub.group_approver",
        )
        approval = self.propose(self.listing, both, is_whole_units=False)
        self.refused(approval.with_user(both).action_approve, AccessError)
        self.refused(approval.with_user(self.manager).action_approve, AccessError)
        self.approve(approval)
        self.assertFalse(self.listing.is_whole_units)

    def test_rejected_and_withdrawn_change_nothing(self):
        before = self.listing._watched_values()
        first = self.propose(self.listing, is_whole_units=False)
        first.with_user(self.approver).action_reject()
        second = self.propose(self.listing, is_whole_units=False)
        second.with_user(self.manager).action_withdraw()
        self.assertEqual((first.state, second.state), ("rejected", "withdrawn"))
        self.assertEqual(self.listing._watched_values(), before)

    def test_the_only_write_path_asks_for_the_approval(self):
        approval = self.propose(self.listing, is_whole_units=False)
        change = approval.change_id
        for user in (self.manager, self.approver):
            self.refused(
                lambda user=user: change.with_user(user)._apply_approval(approval),
                AccessError,
            )
        self.refused(lambda: change._apply_approval(approval), AccessError)

    def test_changes_are_neither_made_nor_edited_over_rpc(self):
        change = self.draw_up(
            self.entered(lambda: self.save(self.listing, is_whole_units=False))
        )
        mine = change.with_user(self.manager)
        theirs = change.with_user(self.make_user("group_manager"))
        self.refused(lambda: theirs.write({"reason": "x"}), AccessError)
        mine.reason = "Sold by weight"
        self.assertEqual(change.reason, "Sold by weight")
        for vals in (
            {"steps": []},
            {"is_small": True},
            {"approval_id": 1},
            {"requested_by_id": self.approver.id},
        ):
            self.refused(lambda vals=vals: mine.write(vals), AccessError)
        self.refused(mine.unlink, AccessError)
        theirs, vals = mine.browse(), {"name": "x", "channel_id": self.channel.id}
        self.refused(lambda: theirs.create(vals), AccessError)
        mine.action_propose()
        self.refused(lambda: mine.write({"reason": "other"}), AccessError)
        self.refused(mine.action_propose)

    # --------------------------------------------------------------------- stale

    def test_changed_meanwhile_is_outdated_and_says_what(self):
        lamp = self.make_product("Lamp", "LAMP")
        approval = self.propose(self.listing, product_id=lamp.id)
        table = self.make_product("Table", "TABLE")
        self.listing.product_id = table
        self.approve(approval)
        self.assertEqual(approval.state, "stale")
        self.assertIn("Table", approval.outcome)
        self.assertEqual(self.listing.product_id, table)
        approval.with_user(self.manager).action_propose_again()
        again = approval.change_id.approval_id
        self.assertNotEqual(again, approval)
        self.approve(again)
        self.assertEqual(self.listing.product_id, lamp)

    def test_what_would_come_out_differently_is_not_done(self):
        approval = self.propose(
            self.listing, product_id=self.make_product("Lamp", "LAMP").id
        )
        approval.after = [
            {**step, "after": {**step["after"], "is_whole_units": True}}
            for step in approval.after
        ]
        self.approve(approval)
        self.assertEqual(approval.state, "stale")
        self.assertEqual(self.listing.product_id, self.product)

    def test_a_removed_record_is_outdated(self):
        rule = self.env["stock.channel.rule"].create(
            {"channel_id": self.channel.id, "kind": "cap", "value": 3}
        )
        approval = self.propose(
            self.channel, rule_ids=[Command.update(rule.id, {"value": 5})]
        )
        rule.unlink()
        self.approve(approval)
        self.assertEqual(approval.state, "stale")
        self.assertIn("removed", approval.outcome)

    # ------------------------------------------------------------------- written

    def test_every_step_of_an_approval_is_written_down(self):
        approval = self.propose(self.listing, is_whole_units=False)
        self.approve(approval)
        rows = self.audit(approval)
        self.assertEqual(
            rows.mapped(lambda row: (row.action, row.user_id)),
            [
                ("proposed", self.manager),
                ("approved", self.approver),
                ("applied", self.approver),
            ],
        )
        self.assertEqual(rows.approval_id, approval)
        row = self.audit(self.listing)[-1]
        self.assertEqual(row.approval_id, approval)
        self.assertEqual(row.user_id, self.approver)
        self.assertEqual(row.before, {"is_whole_units": True})
        self.assertEqual(row.after, {"is_whole_units": False})

    def test_the_hub_itself_is_written_down_too(self):
        self.listing.product_id = self.make_product("Lamp", "LAMP")
        self.listing.active = False
        rows = self.audit(self.listing)
        self.assertEqual(rows.mapped("action"), ["created", "changed", "changed"])
        self.assertEqual(rows[-1].after, {"active": False})
        rule = self.env["stock.channel.rule"].create(
            {
                "channel_id": self.channel.id,
                "kind": "cap",
                "value": 3,
                "expires_at": "2030-01-01 00:00:00",
            }
        )
        rule.value = 0
        rule.unlink()
        made, changed, gone = self.audit(rule)
        self.assertEqual(changed.summary, "Value: 3 → 0")
        self.assertIn("Value: 0", gone.summary.replace(" → ", ""))
        self.assertEqual(gone.action, "removed")
        self.assertEqual(gone.before["expires_at"], "2030-01-01 00:00:00")
        self.assertFalse(gone.after)
        self.assertEqual({**made.after, "value": 0}, gone.before)

    def test_rules_that_go_with_a_listing_are_written_down(self):
        lamp = self.make_product("Lamp", "LAMP")
        second = self.make_listing(self.channel, lamp, "LAMP")
        rule = self.env["stock.channel.rule"].create(
            {"listing_id": second.id, "kind": "cap", "value": 3}
        )
        second.unlink()
        self.assertEqual(self.audit(rule).mapped("action"), ["created", "removed"])

    def test_the_audit_reads_in_words(self):
        approval = self.propose(
            self.listing, product_id=self.make_product("Lamp", "LAMP").id
        )
        self.approve(approval)
        row = self.audit(self.listing)[-1].with_user(self.approver)
        self.assertEqual(row.summary, "Product: [DESK] Desk → [LAMP] Lamp")
        self.assertIn("[LAMP] Lamp", row.changes_html)
        self.assertIn(
            "[LAMP] Lamp", approval.with_user(self.approver).change_steps_html
        )

    def test_states_of_the_channel_are_written_down(self):
        manager = self.channel.with_user(self.manager)
        manager.action_pause()
        manager.action_go_live()
        rows = self.audit(self.channel).filtered(lambda r: r.user_id == self.manager)
        self.assertEqual(rows.mapped("action"), ["paused", "resumed"])

    def test_the_screens_open(self):
        approval = self.propose(self.listing, is_whole_units=False)
        self.assertFalse(approval.has_no_approver)
        for user in (self.manager, self.approver):
            with self.subTest(user=user.name):
                self.assertEqual(
                    Form(approval.with_user(user)).requested_by_id, self.manager
                )
                change = approval.change_id.with_user(user)
                self.assertEqual(Form(change).state, "proposed")
                row = self.audit(self.listing)[-1].with_user(user)
                self.assertEqual(Form(row).action, "created")
        wizard = Form(
            self.env["stock.channel.undo.wizard"]
            .with_user(self.manager)
            .with_context(default_audit_id=self.audit(self.listing)[-1].id)
        )
        self.assertEqual(wizard.channel_id, self.channel)
        self.approver.group_ids = self.env.ref("stock_channel_hub.group_user")
        self.env.invalidate_all()
        self.assertTrue(approval.has_no_approver)

    def test_defaults_of_a_context_bring_no_approval(self):
        approval = self.propose(self.listing, is_whole_units=False)
        self.approve(approval)
        steps = self.entered(lambda: self.save(self.listing, is_whole_units=True))
        self.changes = self.changes.with_context(
            default_approval_id=approval.id, default_is_small=True
        )
        change = self.draw_up(steps)
        self.assertEqual((change.state, change.is_small), ("draft", False))

    # ------------------------------------------------------------------ approvers

    def todo(self, user):
        return self.env["mail.activity"].search([("user_id", "=", user.id)])

    def test_fifty_proposals_are_one_activity_that_moves_on(self):
        second = self.make_user("group_approver")
        approvals = [
            self.propose(self.listing, is_whole_units=False) for _number in range(3)
        ]
        for user in (self.approver, second):
            self.assertEqual(self.todo(user).mapped("res_id"), [approvals[0].id])
        self.assertFalse(self.todo(self.manager))
        approvals[0].with_user(self.approver).action_reject()
        for user in (self.approver, second):
            self.assertEqual(self.todo(user).mapped("res_id"), [approvals[1].id])
        approvals[1].with_user(self.manager).action_withdraw()
        approvals[2].with_user(second).action_reject()
        self.assertFalse(self.todo(self.approver) | self.todo(second))

    def test_an_approver_is_not_told_of_their_own(self):
        both = new_test_user(
            self.env,
            "both",
            groups="stock_channel_hub.group_manager,stock_channel_hub.group_approver",
        )
        self.propose(self.listing, both, is_whole_units=False)
        self.assertFalse(self.todo(both))
        self.assertTrue(self.todo(self.approver))
