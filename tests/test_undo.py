import random
from datetime import timedelta

from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tests import tagged

from .change_common import ChangeCase


@tagged("post_install", "-at_install")
class TestUndo(ChangeCase):
    """Maps, rules and conditions as they were; numbers follow from them."""

    def setUp(self):
        super().setUp()
        self.lamp = self.make_product("Lamp", "LAMP", list_price=3.0)
        self.receive(self.lamp, 30)
        self.boss = self.make_user("group_manager")
        self.boss.group_ids += self.env.ref("stock.group_stock_manager")
        self.pass_time(60)

    def last(self, record):
        return self.audit(record)[-1]

    def wizard(self, user=None, **vals):
        wizards = self.env["stock.channel.undo.wizard"].with_user(user or self.boss)
        return wizards.create(vals)

    def undo(self, row=None, user=None, **vals):
        """Ask for an undo and propose it; the approval."""
        if row:
            vals["audit_id"] = row.id
        action = self.wizard(user, **vals).action_continue()
        change = self.changes.browse(action["res_id"])
        change.with_user(user or self.boss).action_propose()
        return change.approval_id

    def undone(self, row=None, **vals):
        approval = self.undo(row, **vals)
        self.approve(approval)
        self.assertEqual(approval.state, "applied", approval.outcome)
        self.pass_time(60)
        return approval

    # ------------------------------------------------------------------ one line

    def test_a_changed_map_is_as_it_was(self):
        self.listing.product_id = self.lamp
        self.run_all()
        self.assertEqual(self.shown(), 30)
        approval = self.undone(self.last(self.listing))
        self.assertEqual(self.listing.product_id, self.product)
        self.run_all()
        self.assertEqual(self.shown(), 10)
        self.assertEqual(approval.kind, "undo")
        self.assertEqual(
            self.audit(approval).mapped("action"), ["proposed", "approved", "undone"]
        )
        self.assertEqual(self.last(self.listing).approval_id, approval)

    def test_the_undo_of_an_undo(self):
        self.listing.product_id = self.lamp
        self.undone(self.last(self.listing))
        self.undone(self.last(self.listing))
        self.assertEqual(self.listing.product_id, self.lamp)
        self.undone(self.last(self.listing))
        self.assertEqual(self.listing.product_id, self.product)

    def test_a_rule_that_was_made_ended_or_changed(self):
        vals = {"listing_id": self.listing.id, "kind": "cap", "value": 4}
        rule = self.env["stock.channel.rule"].create(vals)
        made = self.last(rule)
        rule.value = 2
        self.undone(self.last(rule))
        self.assertEqual(rule.value, 4)
        self.undone(made)
        self.assertFalse(rule.exists())
        self.undone(self.audit(rule)[-1])
        again = self.listing.rule_ids
        self.assertEqual((again.kind, again.value), ("cap", 4))
        self.assertEqual(again.channel_id, self.channel)
        self.undone(self.last(again))
        self.assertFalse(self.listing.rule_ids)

    def test_a_condition_and_a_shelf_life(self):
        self.shelf.stock_condition = "damaged"
        self.undone(self.last(self.shelf))
        self.assertFalse(self.shelf.stock_condition)
        self.channel.minimum_shelf_life = 5
        self.undone(self.last(self.channel))
        self.assertEqual(self.channel.minimum_shelf_life, 0)

    def test_a_new_listing_is_removed_or_once_told_archived(self):
        spare = self.make_listing(self.channel, self.lamp, "SPARE")
        self.undone(self.last(spare), user=self.admin())
        self.assertFalse(spare.exists())
        told = self.make_listing(self.channel, self.lamp, "LAMP")
        self.add_shop_item("LAMP", "main")
        self.run_all()
        self.assertEqual(self.shown("LAMP"), 30)
        self.undone(self.last(told))
        self.assertFalse(told.active)
        self.run_all()
        self.assertEqual(self.shown("LAMP"), 0)

    def admin(self):
        user = self.make_user("group_admin")
        user.group_ids += self.env.ref("stock.group_stock_manager")
        return user

    def test_a_removed_listing_comes_back_with_its_rules(self):
        spare = self.make_listing(self.channel, self.lamp, "SPARE", title="Spare")
        self.env["stock.channel.rule"].create(
            {"listing_id": spare.id, "kind": "cap", "value": 4}
        )
        self.pass_time(60)
        moment = self.env.cr.now()
        self.pass_time(60)
        spare.unlink()
        self.undone(channel_id=self.channel.id, moment=moment)
        again = self.env["stock.channel.listing"].search([("sku", "=", "SPARE")])
        self.assertEqual((again.title, again.product_id), ("Spare", self.lamp))
        self.assertEqual((again.rule_ids.kind, again.rule_ids.value), ("cap", 4))
        # Removed and made again is as it was: nothing to do.
        with self.assertRaises(UserError) as caught:
            self.undo(channel_id=self.channel.id, moment=moment)
        self.assertIn("as it was", str(caught.exception))

    def test_changed_again_since_is_refused_with_words(self):
        self.listing.product_id = self.lamp
        row = self.last(self.listing)
        self.listing.product_id = self.make_product("Table", "TABLE")
        text = self.refused(lambda: self.undo(row))
        self.assertIn("changed again since", text)
        self.assertIn("Table", text)

    def test_changed_after_it_was_proposed_is_outdated(self):
        self.listing.product_id = self.lamp
        approval = self.undo(self.last(self.listing))
        self.listing.product_id = self.make_product("Table", "TABLE")
        self.approve(approval)
        self.assertEqual(approval.state, "stale")
        self.assertEqual(self.listing.product_id.name, "Table")

    def test_what_was_removed_since_is_said(self):
        rule = self.env["stock.channel.rule"].create(
            {"channel_id": self.channel.id, "kind": "cap", "value": 4}
        )
        rule.value = 3
        row = self.last(rule)
        rule.unlink()
        self.assertIn("removed since", self.refused(lambda: self.undo(row)))

    def test_decisions_and_states_are_not_undone_here(self):
        self.channel.action_pause()
        row = self.last(self.channel)
        self.assertFalse(row.with_user(self.boss).may_undo)
        self.refused(lambda: self.undo(row))

    # ------------------------------------------------------------------ a moment

    def test_everything_since_a_moment(self):
        rule = self.env["stock.channel.rule"].create(
            {"channel_id": self.channel.id, "kind": "buffer", "value": 1}
        )
        self.pass_time(60)
        moment = self.env.cr.now()
        before = self.books()
        self.pass_time(60)
        self.listing.product_id = self.lamp
        self.listing.is_whole_units = False
        self.listing.product_id = self.make_product("Table", "TABLE")
        rule.value = 5
        rule.expires_at = "2030-01-01 00:00:00"
        self.env["stock.channel.rule"].create(
            {"listing_id": self.listing.id, "kind": "cap", "value": 1}
        )
        self.stock.stock_condition = "quarantine"
        self.channel.minimum_shelf_life = 3
        other = self.env["stock.warehouse"].create({"name": "South", "code": "HUBS"})
        self.place.location_ids = other.lot_stock_id
        approval = self.undone(channel_id=self.channel.id, moment=moment)
        for name in (
            "stock.channel.listing",
            "stock.channel.location",
            "stock.channel.rule",
        ):
            self.assertEqual(self.books()[name], before[name], name)
        self.assertFalse(self.stock.stock_condition)
        self.assertEqual(self.channel.minimum_shelf_life, 0)
        self.assertEqual(len(approval.after), 6)
        self.run_all()
        self.assertEqual(self.shown(), 9)

    def test_another_channel_stays_as_it_is(self):
        second = self.make_channel(name="Second")
        theirs = self.make_listing(second, self.product, "DESK")
        moment = self.env.cr.now()
        self.pass_time(60)
        theirs.product_id = self.lamp
        self.listing.is_whole_units = False
        self.undone(channel_id=self.channel.id, moment=moment)
        self.assertEqual(theirs.product_id, self.lamp)
        self.assertTrue(self.listing.is_whole_units)

    def test_moments_to_come_and_missing_ones_are_refused(self):
        later = self.env.cr.now() + timedelta(hours=1)
        self.refused(
            lambda: self.wizard(
                channel_id=self.channel.id, moment=later
            ).action_continue()
        )
        self.refused(lambda: self.wizard(channel_id=self.channel.id).action_continue())

    def state(self):
        """Return all maps and rules by what they say, whatever their ids."""
        books = self.books()
        listings = self.env["stock.channel.listing"].with_context(active_test=False)
        skus = {row.id: row.sku for row in listings.search([])}
        return {
            name: sorted(
                str({**values, "listing_id": skus.get(values.get("listing_id"))})
                for values in books[name].values()
            )
            for name in (
                "stock.channel.listing",
                "stock.channel.location",
                "stock.channel.rule",
                "stock.location",
            )
        }

    def disturb(self, dice, number):
        """Do something at random to maps, rules or conditions."""
        rules = self.channel.rule_ids
        kind = dice.choice(("rule", "end", "value", "map", "listing", "gone", "shelf"))
        spare = self.channel.listing_ids - self.listing
        if kind == "rule":
            taken = set(rules.filtered(lambda r: not r.listing_id).mapped("kind"))
            kinds = sorted({"cap", "buffer", "minimum", "share"} - taken)
            if kinds:
                self.env["stock.channel.rule"].create(
                    {
                        "channel_id": self.channel.id,
                        "kind": dice.choice(kinds),
                        "value": dice.randint(0, 9),
                    }
                )
        elif kind == "end" and rules:
            rules[0].unlink()
        elif kind == "value" and rules:
            rules[-1].value = dice.randint(0, 9)
        elif kind == "map":
            self.listing.product_id = dice.choice((self.lamp, self.product))
        elif kind == "listing":
            made = self.make_listing(self.channel, self.lamp, f"S{number}")
            self.env["stock.channel.rule"].create(
                {"listing_id": made.id, "kind": "cap", "value": number}
            )
        elif kind == "gone" and spare:
            spare[0].unlink()
        else:
            self.shelf.stock_condition = dice.choice(("damaged", "sellable", False))
            self.place.location_ids = dice.choice((self.shelf, self.stock))
        self.env.flush_all()
        self.pass_time(1)

    def test_whatever_happened_it_becomes_again_what_it_was(self):
        self.boss.group_ids += self.env.ref("stock_channel_hub.group_admin")
        for seed in range(6):
            dice = random.Random(seed)
            with self.subTest(seed=seed):
                for number in range(6):
                    self.disturb(dice, f"1{seed}{number}")
                moment, before = self.env.cr.now(), self.state()
                self.pass_time(1)
                for number in range(9):
                    self.disturb(dice, f"2{seed}{number}")
                after, again = self.state(), self.env.cr.now()
                if after == before:
                    continue
                self.pass_time(1)
                self.undone(channel_id=self.channel.id, moment=moment)
                self.assertEqual(self.state(), before)
                # And back: the undo is a change like any other.
                self.undone(channel_id=self.channel.id, moment=again)
                self.assertEqual(self.state(), after)

    # ------------------------------------------------------------------- holding

    def held(self, hours=24):
        return {
            "is_held": True,
            "held_until": self.env.cr.now() + timedelta(hours=hours),
        }

    def test_the_earlier_number_is_held_until_the_cap_ends(self):
        self.listing.product_id = self.lamp
        self.receive(self.product, 40)
        self.run_all()
        self.assertEqual(self.shown(), 30)
        self.pass_time(60)
        self.undone(self.last(self.listing), **self.held())
        rule = self.listing.rule_ids
        self.assertEqual((rule.kind, rule.value), ("cap", 10))
        self.assertEqual(rule.channel_location_id, self.place)
        self.run_all()
        self.assertEqual(self.shown(), 10)
        self.pass_time(25 * 3600)
        self.run_sweep()
        self.run_all()
        self.assertEqual(self.shown(), 50)

    def test_it_never_holds_above_what_is_there(self):
        self.listing.product_id = self.lamp
        self.receive(self.product, -7)
        self.run_all()
        self.undone(self.last(self.listing), **self.held())
        self.assertFalse(self.listing.rule_ids)
        self.run_all()
        self.assertEqual(self.shown(), 3)

    def test_it_never_lifts_a_cap_that_is_in_force(self):
        self.listing.product_id = self.lamp
        self.receive(self.product, 40)
        self.env["stock.channel.rule"].create(
            {"channel_id": self.channel.id, "kind": "cap", "value": 11}
        )
        self.run_all()
        self.pass_time(60)
        row = self.audit(self.listing)[-1]
        self.env["stock.channel.rule"].search([("kind", "=", "cap")]).value = 10.5
        self.undone(row, **self.held())
        # 10 were told then; the channel's own cap of 10.5 comes to 10 as well.
        self.run_all()
        self.assertEqual(self.shown(), 10)

    def test_holding_needs_an_end(self):
        self.listing.product_id = self.lamp
        row = self.last(self.listing)
        for vals in (
            {"is_held": True},
            self.held(hours=-1),
            self.held(hours=24 * 91),
        ):
            self.refused(
                lambda vals=vals: self.wizard(audit_id=row.id, **vals).action_continue()
            )

    # --------------------------------------------------------------------- rights

    def test_managers_undo_and_others_do_not(self):
        self.listing.product_id = self.lamp
        row = self.last(self.listing)
        for group in ("group_user", "group_operator", "group_approver"):
            user = self.make_user(group)
            self.assertFalse(row.with_user(user).may_undo)
            self.refused(row.with_user(user).action_undo, AccessError)
            self.refused(
                lambda user=user: self.wizard(user, audit_id=row.id), AccessError
            )
        action = row.with_user(self.boss).action_undo()
        self.assertEqual(action["context"], {"default_audit_id": row.id})

    def test_a_line_of_another_company_is_not_undone(self):
        self.listing.product_id = self.lamp
        other = self.env["res.company"].create({"name": "Other"})
        stranger = self.make_user(
            "group_manager", company_ids=[(6, 0, other.ids)], company_id=other.id
        )
        self.refused(
            lambda: self.wizard(
                stranger, audit_id=self.last(self.listing).id
            ).action_continue(),
            AccessError,
        )
        self.refused(
            lambda: self.wizard(
                stranger, channel_id=self.channel.id, moment="2026-01-01"
            ).action_continue(),
            AccessError,
        )

    def test_an_undo_is_approved_by_somebody_else(self):
        both = self.boss
        both.group_ids += self.env.ref("stock_channel_hub.group_approver")
        self.listing.product_id = self.lamp
        approval = self.undo(self.last(self.listing))
        self.refused(approval.with_user(both).action_approve, AccessError)
        self.assertEqual(self.listing.product_id, self.lamp)

    def test_lines_of_a_form_undo_as_one(self):
        lines = [
            Command.create({"kind": "buffer", "value": 1}),
            Command.create({"kind": "cap", "value": 5}),
        ]
        moment = self.env.cr.now()
        self.pass_time(60)
        self.approve(self.propose(self.channel, rule_ids=lines))
        self.assertEqual(len(self.channel.rule_ids), 2)
        self.pass_time(60)
        self.undone(channel_id=self.channel.id, moment=moment)
        self.assertFalse(self.channel.rule_ids)
