from decimal import Decimal

from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from .common import HubCase


@tagged("post_install", "-at_install")
class TestPause(HubCase):
    """What is paused keeps its number; resuming publishes everything anew."""

    def setUp(self):
        super().setUp()
        self.second = self.make_place(
            self.channel,
            "second",
            self.env["stock.location"].create(
                {"name": "Hall 2", "location_id": self.warehouse.view_location_id.id}
            ),
        )
        self.add_shop_item("DESK", "second")
        self.hall = self.second.location_ids
        self.receive(self.product, 10)
        self.receive(self.product, 5, self.hall)
        self.settle()
        self.operator = self.make_user("group_operator")
        self.manager = self.make_user("group_manager")

    def settle(self):
        for _round in range(2):
            self.run_compute()
            self.run_poll()
            self.run_publish()

    def both(self):
        return self.shown(), self.shown(location_id="second")

    def audits(self, record):
        return self.env["stock.channel.audit"].search(
            [("res_model", "=", record._name), ("res_id", "=", record.id)], order="id"
        )

    def pause(self, record, user=None, reason="Count in hall 2 is wrong"):
        action = record.with_user(user or self.operator).action_pause()
        wizard = (
            self.env[action["res_model"]]
            .with_user(user or self.operator)
            .with_context(**action["context"])
            .create({"reason": reason})
        )
        wizard.action_confirm()

    # ------------------------------------------------------------- location

    def test_paused_location_keeps_its_number_rises_and_falls(self):
        self.pause(self.second)
        self.receive(self.product, 7, self.hall)
        self.receive(self.product, 1)
        self.settle()
        self.assertEqual(self.both(), (11, 5))
        self.receive(self.product, -12, self.hall)
        self.settle()
        self.assertEqual(self.both(), (11, 5))
        self.second.with_user(self.operator).action_resume()
        self.settle()
        self.assertEqual(self.both(), (11, 0))

    def test_paused_location_is_not_late_and_not_compared(self):
        self.pause(self.second)
        self.receive(self.product, -1, self.hall)
        self.run_compute()
        self.assertFalse(self.channel.oldest_waiting_at)
        row = self.publication(place=self.second)
        self.assertEqual(row.state, "pending")
        before = row.observed_at
        self.channel.action_read_back()
        self.run_poll()
        self.assertEqual(row.observed_at, before)

    def test_archived_location_is_told_zero_though_paused(self):
        self.pause(self.second)
        self.second.active = False
        self.settle()
        self.assertEqual(self.both(), (10, 0))

    def test_archived_listing_is_told_zero_though_its_location_is_paused(self):
        self.pause(self.second)
        self.listing.active = False
        self.settle()
        self.assertEqual(self.both(), (0, 0))

    def test_resume_publishes_over_what_was_edited_meanwhile(self):
        for record in (self.second, self.listing):
            with self.subTest(model=record._name):
                self.pause(record)
                self.shop.books.restock("DESK", "second", Decimal(90))
                record.with_user(self.manager).action_resume()
                self.settle()
                self.assertEqual(self.both(), (10, 5))

    # -------------------------------------------------------------- listing

    def test_listing_is_paused_at_every_location(self):
        self.pause(self.listing)
        self.receive(self.product, 1)
        self.receive(self.product, -1, self.hall)
        self.settle()
        self.assertEqual(self.both(), (10, 5))
        self.listing.with_user(self.manager).action_resume()
        self.settle()
        self.assertEqual(self.both(), (11, 4))

    def test_who_since_when_and_why_is_noted(self):
        self.pause(self.listing)
        self.assertTrue(self.listing.is_paused)
        self.assertEqual(self.listing.paused_by_id, self.operator)
        self.assertEqual(self.listing.pause_reason, "Count in hall 2 is wrong")
        self.assertTrue(self.listing.paused_at)
        self.listing.with_user(self.manager).action_resume()
        self.assertFalse(self.listing.is_paused)
        self.assertFalse(self.listing.paused_at or self.listing.paused_by_id)
        self.assertFalse(self.listing.pause_reason)
        told = [
            (audit.action, audit.user_id, audit.reason)
            for audit in self.audits(self.listing)
            if audit.action in ("paused", "resumed")
        ]
        self.assertEqual(
            told,
            [
                ("paused", self.operator, "Count in hall 2 is wrong"),
                ("resumed", self.manager, "Count in hall 2 is wrong"),
            ],
        )

    # ------------------------------------------------------------------- who

    def test_reader_and_approver_pause_nothing(self):
        for group in ("group_user", "group_approver"):
            user = self.make_user(group)
            for record in (self.listing, self.second):
                with self.subTest(group=group, model=record._name):
                    with self.assertRaises(AccessError):
                        record.with_user(user).action_pause()
                    with self.assertRaises(AccessError):
                        record.with_user(user).write(
                            {"is_paused": True, "pause_reason": "Because"}
                        )
                    self.env.invalidate_all()
                    self.assertFalse(record.is_paused)

    def test_operator_resumes_only_what_they_paused(self):
        self.pause(self.listing, self.manager)
        with self.assertRaises(AccessError):
            self.listing.with_user(self.operator).action_resume()
        self.env.invalidate_all()
        self.assertTrue(self.listing.is_paused)
        self.pause(self.second)
        self.second.with_user(self.operator).action_resume()
        self.assertFalse(self.second.is_paused)
        self.listing.with_user(self.manager).action_resume()
        self.assertFalse(self.listing.is_paused)

    def test_direct_writes_obey_the_same_rules(self):
        mine = self.listing.with_user(self.manager)
        with self.assertRaises(UserError):
            mine.is_paused = True
        self.env.invalidate_all()
        self.assertFalse(self.listing.is_paused)
        for vals in (
            {"paused_at": "2020-01-01"},
            {"paused_by_id": self.operator.id},
            {"pause_reason": "Because"},
        ):
            with self.subTest(vals=vals), self.assertRaises(AccessError):
                mine.write(vals)
        mine.write({"is_paused": True, "pause_reason": "Because"})
        self.assertEqual(self.listing.paused_by_id, self.manager)
        self.assertEqual(self.audits(self.listing)[-1:].action, "paused")
        mine.is_paused = False
        self.assertEqual(self.audits(self.listing)[-1:].action, "resumed")

    def test_nothing_is_created_paused(self):
        with self.assertRaises(AccessError):
            self.env["stock.channel.listing"].with_user(self.manager).create(
                {
                    "channel_id": self.channel.id,
                    "product_id": self.product.id,
                    "sku": "TWIN",
                    "is_paused": True,
                }
            )

    def test_wizard_pauses_nothing_but_channels_and_their_parts(self):
        wizard = (
            self.env["stock.channel.pause.wizard"]
            .with_user(self.operator)
            .create({"res_model": "res.users", "res_ids": [1], "reason": "Because"})
        )
        with self.assertRaises(UserError):
            wizard.action_confirm()

    # --------------------------------------------------------------- channel

    def test_channel_is_paused_by_managers_with_a_reason(self):
        with self.assertRaises(AccessError):
            self.channel.with_user(self.operator).action_ask_pause()
        action = self.channel.with_user(self.manager).action_ask_pause()
        self.env[action["res_model"]].with_user(self.manager).with_context(
            **action["context"]
        ).create({"reason": "Shop is moving"}).action_confirm()
        self.assertEqual(self.channel.state, "paused")
        self.assertEqual(self.channel.paused_by_id, self.manager)
        self.assertEqual(self.channel.pause_reason, "Shop is moving")
        self.go_live(self.channel)
        self.assertFalse(self.channel.paused_at or self.channel.pause_reason)
        told = [
            (audit.action, audit.reason)
            for audit in self.audits(self.channel)
            if audit.action in ("paused", "resumed")
        ]
        self.assertEqual(
            told, [("paused", "Shop is moving"), ("resumed", "Shop is moving")]
        )

    def test_what_is_paused_is_listed_the_longest_first(self):
        self.pause(self.listing)
        self.pause(self.second)
        self.listing.sudo().paused_at = "2020-01-01"
        self.channel.action_pause()
        rows = self.env["stock.channel.paused"].search(
            [("channel_id", "=", self.channel.id)]
        )
        self.assertEqual(rows[0].name, "DESK")
        self.assertEqual(set(rows.mapped("kind")), {"channel", "location", "listing"})
        self.assertEqual(rows[0].action_open()["res_id"], self.listing.id)
        self.assertEqual(self.channel.paused_part_count, 2)
        other = self.env["res.company"].create({"name": "Other Company"})
        foreign = self.make_user(
            "group_admin", company_ids=[(6, 0, other.ids)], company_id=other.id
        )
        self.assertFalse(self.env["stock.channel.paused"].with_user(foreign).search([]))
