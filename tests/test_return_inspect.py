from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from freezegun import freeze_time

from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from odoo.addons.stock_channel_hub.connectors.data import (
    Disposition,
    ReturnLine,
    ReturnSnapshot,
    ReturnStatus,
)

from .return_common import ReturnCase


@tagged("post_install", "-at_install")
class TestReturnInspect(ReturnCase):
    """Inspected goods go back on sale, stay, or are scrapped; signed and counted."""

    def in_quarantine(self, quantity=3):
        returned = self.announce(quantity, line={"disposition": "inspect"})
        self.carry_out(returned)
        return returned.line_ids

    def inspect(self, line, good, bad, user=None):
        wizard = (
            self.env["stock.channel.inspect.wizard"]
            .with_user(user or self.env.user)
            .create({"return_line_id": line.id})
        )
        wizard.row_ids.write({"good_qty": good, "bad_qty": bad})
        return wizard.action_done()

    def scraps(self):
        return self.env["stock.scrap"].search([("product_id", "=", self.product.id)])

    # ------------------------------------------------------------- accepting

    def test_what_waits_is_unavailable(self):
        line = self.in_quarantine()
        self.assertEqual((line.state, line.waiting_qty), ("received", 3))
        self.assertEqual(self.on_sale(), (7, 3))

    def test_one_click_puts_all_of_it_back_on_sale(self):
        line = self.in_quarantine()
        operator = self.operator()
        with freeze_time("2026-11-25 08:00:00"):
            line.with_user(operator).action_accept()
        self.assertEqual((line.state, line.accepted_qty), ("sellable", 3))
        self.assertEqual(line.waiting_qty, 0)
        self.assertEqual(self.on_sale(), (10, 0))
        self.assertEqual(line.inspected_by_id, operator)
        self.assertEqual(str(line.inspected_at), "2026-11-25 08:00:00")
        self.assertIn(operator.name, line.channel_return_id.message_ids[0].body)

    def test_one_click_scraps_all_of_it(self):
        line = self.in_quarantine()
        operator = self.operator()
        line.with_user(operator).action_scrap()
        self.assertEqual((line.state, line.scrapped_qty), ("scrapped", 3))
        self.assertEqual(self.on_sale(), (7, 0))
        self.assertEqual((self.scraps().state, self.scraps().scrap_qty), ("done", 3))
        self.assertEqual(line.inspected_by_id, operator)

    def test_two_good_and_one_broken(self):
        line = self.in_quarantine()
        self.inspect(line, good=2, bad=1, user=self.operator())
        self.assertEqual(line.state, "sellable")
        self.assertEqual((line.accepted_qty, line.scrapped_qty), (2, 1))
        self.assertEqual(self.on_sale(), (9, 0))
        self.assertEqual(self.scraps().scrap_qty, 1)

    def test_what_was_not_decided_waits_on(self):
        line = self.in_quarantine()
        self.inspect(line, good=1, bad=1)
        self.assertEqual((line.state, line.waiting_qty), ("inspected", 1))
        self.assertEqual(self.on_sale(), (8, 1))
        line.action_accept()
        self.assertEqual((line.state, line.accepted_qty), ("sellable", 2))
        self.assertEqual(self.on_sale(), (9, 0))

    def test_kept_in_quarantine_and_accepted_later(self):
        line = self.in_quarantine()
        line.action_keep()
        self.assertEqual((line.state, line.waiting_qty), ("quarantined", 3))
        self.assertEqual(self.on_sale(), (7, 3))
        line.action_accept()
        self.assertEqual((line.state, line.is_kept), ("sellable", False))
        self.assertEqual(self.on_sale(), (10, 0))

    def test_more_than_waits_is_refused_and_nothing_moves(self):
        line = self.in_quarantine()
        before = self.picture()
        for good, bad in ((3, 1), (4, 0), (0, 0)):
            with self.assertRaises(UserError), self.env.cr.savepoint():
                self.inspect(line, good=good, bad=bad)
            self.env.invalidate_all()
            self.assertEqual(self.picture(), before)
        self.assertFalse(line.inspected_by_id)

    def test_goods_that_are_gone_are_not_accepted(self):
        line = self.in_quarantine()
        self.finish(self.make_move(self.product, 2, self.quarantine, self.shelf))
        before = self.picture()
        for action in ("action_accept", "action_scrap"):
            with self.assertRaises(UserError), self.env.cr.savepoint():
                getattr(line, action)()
            self.env.invalidate_all()
            self.assertEqual(self.picture(), before)

    def test_reader_decides_and_inspects_nothing(self):
        line = self.in_quarantine()
        before = self.picture()
        reader = self.make_user("group_user")
        for action in (
            "action_accept",
            "action_scrap",
            "action_keep",
            "action_restock",
            "action_inspect_first",
            "action_scrap_on_arrival",
        ):
            with self.assertRaises(AccessError):
                getattr(line.with_user(reader), action)()
        with self.assertRaises(AccessError):
            self.env["stock.channel.inspect.wizard"].with_user(reader).create(
                {"return_line_id": line.id}
            )
        for group in ("group_operator", "group_manager", "group_admin"):
            with self.assertRaises(AccessError):
                line.with_user(self.make_user(group)).write({"accepted_qty": 3})
        self.env.invalidate_all()
        self.assertEqual(self.picture(), before)
        self.assertEqual(line.decided_disposition, False)

    # ------------------------------------------------------------- decisions

    def test_the_channels_setting_is_the_default(self):
        self.channel.return_disposition = "restock"
        returned = self.announce(1, line={})
        self.assertEqual(returned.line_ids.disposition, "restock")
        transfer = self.open_transfers(returned)
        self.assertEqual(transfer.move_ids.location_dest_id, self.stock)

    def test_the_operators_decision_stands(self):
        returned = self.announce(2)
        line = returned.line_ids
        line.with_user(self.operator()).action_inspect_first()
        transfer = self.open_transfers(returned)
        self.assertEqual(transfer.move_ids.location_dest_id, self.quarantine)
        self.assertEqual(transfer.move_ids.product_uom_qty, 2)
        self.announce(3, version=2)
        self.assertEqual(line.disposition, "inspect")
        self.carry_out(returned)
        self.assertEqual(self.on_sale(), (7, 3))

    def test_restock_for_what_lies_in_quarantine_asks_the_warehouse(self):
        line = self.in_quarantine(2)
        line.action_restock()
        put_away = line._put_away_moves()
        self.assertEqual((line.state, put_away.product_uom_qty), ("inspected", 2))
        self.assertEqual(put_away.state, "assigned")
        self.assertEqual(self.on_sale(), (7, 2))
        line.action_inspect_first()
        self.assertEqual(put_away.state, "cancel")
        line.action_restock()
        self.carry_out(line.channel_return_id)
        self.assertEqual((line.state, self.on_sale()), ("sellable", (9, 0)))

    def test_a_cancelled_return_takes_no_decision(self):
        returned = self.announce(1)
        self.announce(1, version=2, status="cancelled")
        with self.assertRaises(UserError):
            returned.line_ids.action_inspect_first()
        self.assertEqual(returned.line_ids.disposition, "restock")

    def test_a_quarantine_on_sale_is_none(self):
        self.quarantine.stock_condition = False
        returned = self.announce(1, line={"disposition": "inspect"})
        self.assertFalse(returned)
        self.assertIn("on sale", self.open_exceptions().cause)
        self.quarantine.stock_condition = "quality"
        self.open_exceptions().action_retry()
        self.run_inbox()
        self.assertEqual(self.find_return().state, "announced")
        self.assertFalse(self.open_exceptions())

    # ------------------------------------------------------------ what came

    def test_fewer_than_announced_tells_somebody(self):
        returned = self.announce(3)
        transfer = self.open_transfers(returned)
        transfer.move_ids.write({"quantity": 2, "picked": True})
        transfer.with_context(
            skip_backorder=True, picking_ids_not_to_backorder=transfer.ids
        ).button_validate()
        self.assertEqual((returned.state, returned.line_ids.done_qty), ("done", 2))
        exception = self.open_exceptions()
        self.assertEqual(exception.category, "stock")
        self.assertIn("DESK 2 / 3", exception.cause)
        receipt = self.blind(1)
        self.assertEqual(receipt.state, "matched")
        self.assertEqual(returned.line_ids.done_qty, 3)
        self.assertFalse(self.open_exceptions())

    def test_cancelled_after_the_goods_came_tells_somebody(self):
        returned = self.announce(2)
        self.carry_out(returned)
        self.announce(2, version=2, status="cancelled")
        self.assertEqual(returned.state, "cancelled")
        self.assertEqual(self.order_record.line_ids.returned_qty, 2)
        self.assertEqual(self.on_sale(), (9, 0))
        self.assertIn("cancelled", self.open_exceptions().title)
        self.announce(2, version=3)
        self.assertEqual(returned.state, "done")
        self.assertFalse(self.open_exceptions())

    def test_versions_in_the_wrong_order(self):
        returned = self.announce(2, version=5)
        self.announce(3, version=4)
        self.announce(1, version=3, status="cancelled")
        self.assertEqual((returned.state, returned.line_ids.quantity), ("announced", 2))
        cancelled = self.announce(1, "R2", version=9, status="cancelled")
        self.announce(1, "R2", version=8)
        self.assertEqual(cancelled.state, "cancelled")
        self.assertFalse(cancelled.picking_ids)

    def test_a_return_told_before_the_delivery_heals_when_it_leaves(self):
        order = self.order("1002", lines=[self.line_data("1", "DESK", 2)])
        before = self.env["stock.picking"].search_count([])
        returned = self.announce(1, order_id="1002")
        self.assertFalse(returned)
        self.assertEqual(self.env["stock.picking"].search_count([]), before)
        self.assertEqual(self.open_exceptions().field, "lines")
        self.ship(order)
        self.run_inbox()
        self.assertEqual(self.find_return().state, "announced")
        self.assertFalse(self.open_exceptions())

    def test_a_return_told_before_the_order_heals_when_it_arrives(self):
        self.announce(1, order_id="1002")
        self.assertEqual(self.open_exceptions().field, "order_id")
        order = self.order("1002", lines=[self.line_data("1", "DESK", 2)])
        self.run_inbox()
        self.assertEqual(self.open_exceptions().field, "lines")
        self.ship(order)
        self.run_inbox()
        self.assertEqual(self.find_return().channel_order_id, order)
        self.assertFalse(self.open_exceptions())

    def test_a_line_of_another_order_moves_nothing(self):
        before = self.picture()
        self.tell([("99", 1, {"disposition": "restock"})])
        self.assertEqual(self.picture(), before)
        self.assertEqual(self.open_exceptions().value, "99")

    def test_more_than_left_is_not_validated(self):
        returned = self.announce(3)
        transfer = self.open_transfers(returned)
        transfer.move_ids.write({"quantity": 4, "picked": True})
        before = self.picture()
        with self.assertRaises(UserError) as caught, self.env.cr.savepoint():
            transfer.with_context(skip_backorder=True).button_validate()
        self.assertIn("only 3 left", str(caught.exception))
        self.env.invalidate_all()
        self.assertEqual(self.picture(), before)
        self.assertEqual(transfer.state, "assigned")

    # ------------------------------------------------- one line, several words

    GOOD_AND_BAD = (
        ("1", 2, {"disposition": "restock"}),
        ("1", 1, {"disposition": "scrap"}),
    )

    def words(self, returned):
        return sorted(
            (line.disposition, line.quantity, line.done_qty, line.state)
            for line in returned.line_ids
            if line.quantity
        )

    def test_good_and_damaged_of_one_line_go_their_ways(self):
        returned = self.tell(self.GOOD_AND_BAD)
        self.tell(self.GOOD_AND_BAD, version=2)
        self.assertEqual(len(returned.line_ids), 2)
        self.assertEqual(len(returned.picking_ids), 2)
        self.carry_out(returned)
        self.assertEqual(
            self.words(returned),
            [("restock", 2, 2, "sellable"), ("scrap", 1, 1, "scrapped")],
        )
        self.assertEqual(self.on_sale(), (9, 0))
        self.assertEqual(self.order_record.line_ids.returned_qty, 3)

    def test_goods_that_came_are_good_and_damaged_by_a_later_word(self):
        returned = self.announce(3, line={})
        self.carry_out(returned)
        self.assertEqual(self.on_sale(), (7, 3))
        self.tell(self.GOOD_AND_BAD, version=2, status="received")
        self.assertFalse(self.open_transfers(returned))
        self.carry_out(returned)
        self.assertEqual(
            self.words(returned),
            [("restock", 2, 2, "sellable"), ("scrap", 1, 1, "scrapped")],
        )
        self.assertEqual(self.on_sale(), (9, 0))
        self.assertEqual(
            (returned.state, self.open_exceptions()),
            ("done", self.env["stock.channel.exception"]),
        )
        self.assertEqual(self.order_record.line_ids.returned_qty, 3)

    def test_a_part_that_came_and_a_part_to_come(self):
        """As Medusa tells it: some are good, the others are still expected."""
        returned = self.announce(3, line={})
        transfer = self.open_transfers(returned)
        transfer.move_ids.write({"quantity": 2, "picked": True})
        transfer.with_context(skip_backorder=True).button_validate()
        self.tell([("1", 2, {"disposition": "restock"}), ("1", 1, {})], version=2)
        self.assertEqual(
            sum(self.open_transfers(returned).move_ids.mapped("product_uom_qty")), 1
        )
        self.carry_out(returned)
        self.tell([("1", 3, {"disposition": "restock"})], version=3)
        self.carry_out(returned)
        self.assertEqual(self.words(returned), [("restock", 3, 3, "sellable")])
        self.assertEqual(self.on_sale(), (10, 0))
        self.assertFalse(self.open_exceptions())

    def test_what_the_channel_restocked_is_expected_of_it(self):
        self.run_all()
        row = self.publication()
        before = row.expected_qty
        self.assertEqual(before, 7)
        snapshot = ReturnSnapshot(
            id="R1",
            order_id="1001",
            version=1,
            status=ReturnStatus.RECEIVED,
            location_id="main",
            updated_at=datetime.now(UTC) + timedelta(hours=1),
            lines=(
                ReturnLine(
                    order_line_id="1",
                    quantity=Decimal(2),
                    disposition=Disposition.RESTOCK,
                    restocked=Decimal(2),
                ),
            ),
        )
        message = self.env["stock.channel.message"].search([], limit=1)
        returns = self.env["stock.channel.return"]
        returns._apply(message, snapshot)
        self.assertEqual(row.expected_qty, 9)
        returns._apply(message, replace(snapshot, version=2))
        self.assertEqual(row.expected_qty, 9)
