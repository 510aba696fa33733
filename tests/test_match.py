import csv
import io
import zipfile
from base64 import b64decode
from datetime import timedelta
from decimal import Decimal
from unittest.mock import patch

import openpyxl

from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from ..models import stock_channel_match_export as export
from ..models import stock_channel_match_number as number_part
from .clock import NOON, ClockCase


class MatchCase(ClockCase):
    """A channel that was told its numbers and may show others."""

    def setUp(self):
        super().setUp()
        self.receive(self.product, 5)
        self.run_all()

    def match(self, channel=None):
        """Ask for a match and let everything it needs happen."""
        channel = channel or self.channel
        match = self.env["stock.channel.match"]._request(channel)
        # A difference is certain when a second reading shows it too.
        for _reading in range(3):
            self.pass_time(90)
            self.run_poll(channel)
        self.run_job("stock.channel.match", "_cron_match")
        return match

    def change_now(self):
        """Date the change by the test's clock; hooks go by PostgreSQL's."""
        self.publication().changed_at = self.env.cr.now()

    def show(self, sku, quantity, place="main"):
        """Let somebody edit the number at the shop."""
        self.shop.books.levels[sku, place].quantity = Decimal(quantity)

    def add_item(self, sku, quantity, price=10.0):
        product = self.make_product(sku, sku, list_price=price)
        self.add_shop_item(sku, "main")
        listing = self.make_listing(self.channel, product, sku)
        self.receive(product, quantity)
        self.run_all()
        return listing


@tagged("post_install", "-at_install")
class TestMatch(MatchCase):
    """ERP, expected, live: each number is equal, or said why not."""

    def line(self, match, sku="DESK"):
        return match.number_line_ids.filtered(lambda line: line.sku == sku)

    def test_everything_agrees(self):
        match = self.match()
        self.assertEqual(match.state, "done")
        self.assertTrue(match.is_fresh)
        self.assertEqual(
            (match.number_count, match.differing_count, match.difference_value),
            (1, 0, 0.0),
        )
        self.assertEqual(match.counts, {"equal": 1})
        self.assertFalse(match.line_ids)

    def test_edited_at_the_channel_in_units_and_money(self):
        self.channel.drift_rule = "exception"
        self.show("DESK", 8)
        match = self.match()
        line = self.line(match)
        self.assertEqual(
            (line.kind, line.erp_qty, line.expected_qty, line.live_qty),
            ("edited", 5.0, 5.0, 8.0),
        )
        self.assertEqual((line.difference, line.value), (3.0, 30.0))
        self.assertEqual(match.difference_value, 30.0)
        self.assertEqual(match.counts, {"edited": 1})

    def test_price_is_that_of_the_selling_unit(self):
        self.channel.drift_rule = "exception"
        dozen = self.env.ref("uom.product_uom_dozen")
        box = self.make_product("Box", "BOX", list_price=2.0)
        self.add_shop_item("BOX", "main")
        self.make_listing(self.channel, box, "BOX", uom_id=dozen.id)
        self.receive(box, 36)
        self.run_all()
        self.show("BOX", 5)
        line = self.line(self.match(), "BOX")
        self.assertEqual((line.erp_qty, line.difference, line.value), (3.0, 2.0, 48.0))

    def test_change_under_way_is_in_flight_then_late(self):
        match = self.env["stock.channel.match"]._request(self.channel)
        self.pass_time(90)
        self.run_poll()
        self.receive(self.product, 2)
        self.run_compute()
        self.change_now()
        self.run_job("stock.channel.match", "_cron_match")
        line = self.line(match)
        self.assertEqual(
            (line.kind, line.erp_qty, line.expected_qty, line.live_qty),
            ("in_flight", 7.0, 5.0, 5.0),
        )
        self.pass_time(600)
        self.assertEqual(self.line(self.match()).kind, "late")

    def test_order_after_the_reading_is_no_edit(self):
        match = self.env["stock.channel.match"]._request(self.channel)
        self.pass_time(90)
        self.run_poll()
        self.pass_time(5)
        self.order()
        self.run_compute()
        self.change_now()
        self.run_job("stock.channel.match", "_cron_match")
        self.assertEqual(self.line(match).kind, "in_flight")

    def test_paused_listing_and_paused_channel(self):
        self.listing.is_paused = True
        self.receive(self.product, 2)
        self.run_compute()
        self.assertEqual(self.line(self.match()).kind, "paused")
        self.listing.is_paused = False
        self.listing.channel_id.location_ids.is_paused = True
        self.assertEqual(self.line(self.match()).kind, "paused", "its location is")
        self.listing.channel_id.location_ids.is_paused = False
        self.channel.action_pause()
        match = self.env["stock.channel.match"]._request(self.channel)
        self.run_job("stock.channel.match", "_cron_match")
        self.assertEqual(match.state, "done", "a paused channel is not waited for")
        self.assertEqual(self.line(match).kind, "paused")
        self.assertFalse(match.is_fresh)

    def test_rise_in_a_count_freeze_is_held(self):
        self.place.frozen_until = NOON + timedelta(hours=9)
        self.receive(self.product, 2)
        self.run_all()
        line = self.line(self.match())
        self.assertEqual((line.kind, line.difference), ("held", -2.0))

    def test_item_the_channel_lost_and_item_it_refuses(self):
        self.channel.drift_rule = "exception"
        del self.shop.books.levels["DESK", "main"]
        self.assertEqual(self.line(self.match()).kind, "missing")
        self.publication().write({"state": "rejected", "drift": False})
        self.assertEqual(self.line(self.match()).kind, "refused")

    def test_shadow_says_what_would_be_told(self):
        shadow = self.make_channel(name="Shadow")
        self.shops[shadow.id] = self.shop
        self.make_place(shadow, "main", self.stock)
        self.make_listing(shadow, self.product, "DESK")
        self.show("DESK", 9)
        shadow.action_go_shadow()
        self.run_compute()
        match = self.match(shadow)
        self.assertEqual(match.counts, {"shadow": 1})
        self.assertEqual(match.number_line_ids.difference, 4.0)
        self.assertFalse(match.number_line_ids.is_expected_known)

    def test_channel_that_is_not_read_is_waited_for_and_then_matched(self):
        match = self.env["stock.channel.match"]._request(self.channel)
        self.pass_time(3600)
        self.run_job("stock.channel.match", "_cron_match")
        self.assertEqual(match.state, "reading")
        self.pass_time(3600)
        self.run_job("stock.channel.match", "_cron_match")
        self.assertEqual((match.state, match.is_fresh), ("done", False))
        self.assertEqual(match.counts, {"not_read": 1})

    def test_only_the_most_valuable_are_lines_and_all_are_counted(self):
        self.channel.drift_rule = "exception"
        for sku, price in (("A", 1.0), ("B", 50.0), ("C", 5.0)):
            self.add_item(sku, 1, price)
        for sku in "ABC":
            self.show(sku, 2)
        with patch.object(number_part, "MOST_LINES", 2):
            match = self.match()
        self.assertEqual(match.number_line_ids.mapped("sku"), ["B", "C"])
        self.assertEqual(match.counts, {"edited": 3, "equal": 1})
        self.assertEqual(match.difference_value, 56.0)

    def test_one_channels_trouble_does_not_stop_the_others(self):
        other = self.make_channel(name="Other")
        self.shops[other.id] = self.shop
        channels = other | self.channel
        first, second = (
            self.env["stock.channel.match"]._request(channel) for channel in channels
        )
        self.pass_time(2 * 3600)
        real = type(first)._match

        def fail(match):
            if match.channel_id == other:
                raise ValueError("broken")
            real(match)

        with (
            patch.object(type(first), "_match", fail),
            self.assertLogs(
                "odoo.addons.stock_channel_hub.models.stock_channel_match", "ERROR"
            ),
        ):
            self.run_job("stock.channel.match", "_cron_match")
        self.assertEqual((first.state, second.state), ("reading", "done"))

    def test_who_may_ask_and_who_may_change(self):
        reader = self.make_user("group_user")
        with self.assertRaises(AccessError):
            self.channel.with_user(reader).action_match()
        for group in ("group_operator", "group_approver"):
            user = self.make_user(group)
            action = self.channel.with_user(user).action_match()
            match = self.env["stock.channel.match"].browse(action["res_id"])
            self.assertEqual(match.requested_by_id, user)
            for operation in ("write", "create", "unlink"):
                self.assertFalse(match.with_user(user).has_access(operation))

    def test_lines_are_never_changed(self):
        self.channel.drift_rule = "exception"
        self.show("DESK", 8)
        line = self.line(self.match())
        with self.assertRaises(UserError):
            line.sudo().value = 0.0
        self.env.invalidate_all()
        self.assertEqual(line.value, 30.0)


@tagged("post_install", "-at_install")
class TestMatchOrders(MatchCase):
    """Every order number of the channel is here exactly once."""

    def kinds(self, match):
        return {line.sku: line.kind for line in match.order_line_ids}

    def test_order_here_once_with_equal_total(self):
        self.order("1001")
        match = self.match()
        self.assertEqual(match.order_counts, {"once": 1})
        self.assertEqual((match.order_count, match.order_problem_count), (1, 0))

    def test_cancellation_first_is_a_tombstone_and_fine(self):
        self.order("1001", status="cancelled")
        match = self.match()
        self.assertEqual(match.order_counts, {"tombstone": 1})
        self.assertEqual(match.order_problem_count, 0)

    def test_unknown_item_waits_for_a_person(self):
        self.order("1001", lines=[self.line_data("1", "NOBODY", 1)])
        self.assertEqual(self.kinds(self.match()), {"1001": "waits"})

    def test_unpaid_order_is_fine(self):
        self.channel.import_from = "paid"
        self.order("1001", payment_status="unpaid")
        self.assertEqual(self.match().order_counts, {"unpaid": 1})

    def test_delivery_that_was_never_read(self):
        self.deliver("order.updated", self.order_data("1001"))
        self.env.cr.execute("UPDATE stock_channel_message SET received_at = %s", [NOON])
        match = self.env["stock.channel.match"]._request(self.channel)
        match.sudo()._match()
        self.assertEqual(match.order_counts, {"at_work": 1})
        self.pass_time(3601)
        match = self.env["stock.channel.match"]._request(self.channel)
        match.sudo()._match()
        self.assertEqual(self.kinds(match), {"1001": "not_read"})

    def test_totals_that_differ(self):
        order = self.order("1001")
        order.sale_order_id.order_line[:1].price_unit = 11.0
        match = self.match()
        self.assertEqual(self.kinds(match), {"1001": "total"})
        line = match.order_line_ids
        self.assertEqual((line.order_total, line.sale_total), (20.0, 22.0))

    def test_cancelled_here_is_no_difference_of_totals(self):
        order = self.order("1001")
        order.sale_order_id._action_cancel()
        self.assertEqual(self.match().order_problem_count, 0)

    def test_sale_order_that_was_deleted(self):
        order = self.order("1001")
        sale = order.sale_order_id
        sale._action_cancel()
        sale.unlink()
        self.assertEqual(self.kinds(self.match()), {"1001": "lost"})

    def test_two_orders_in_one_sale_order(self):
        first, second = self.order("1001"), self.order("1002")
        second.sale_order_id._action_cancel()
        second.sale_order_id = first.sale_order_id
        self.assertEqual(self.kinds(self.match()), {"1001": "twice", "1002": "twice"})

    def test_copied_sale_order_does_not_count_and_a_stray_one_does(self):
        order = self.order("1001")
        copy = order.sale_order_id.copy()
        self.assertEqual(self.match().order_problem_count, 0)
        copy.stock_channel_id = self.channel
        match = self.match()
        self.assertEqual(match.order_line_ids.kind, "stray")
        self.assertEqual(match.order_line_ids.sale_order_id, copy)

    def test_orders_of_another_channel_are_not_counted(self):
        other = self.make_channel(name="Other")
        self.shops[other.id] = self.shop
        self.order("1001")
        match = self.env["stock.channel.match"]._request(other)
        match.sudo()._match()
        self.assertEqual(match.order_count, 0)

    def test_gap_in_the_numbers_is_a_hint(self):
        for number in (*range(1, 13), 14, 17):
            self.order(str(1000 + number))
        match = self.match()
        self.assertFalse(match.gaps, "so many left out is no counting one by one")
        for number in range(18, 40):
            self.order(str(1000 + number))
        match = self.match()
        self.assertEqual(match.gaps, "1013, 1015–1016")
        self.assertEqual(match.order_problem_count, 0)


@tagged("post_install", "-at_install")
class TestMatchExport(MatchCase):
    """The spreadsheet says what was matched, and runs nothing."""

    def book(self, match):
        match.action_export()
        content = b64decode(match.with_context(bin_size=False).export_file)
        return openpyxl.load_workbook(io.BytesIO(content))

    def rows(self, sheet):
        return [list(row) for row in sheet.iter_rows(values_only=True)]

    def test_three_sheets_with_frozen_heads_and_numbers(self):
        self.channel.drift_rule = "exception"
        self.order("1001")
        self.run_all()
        self.show("DESK", 8)
        match = self.match()
        book = self.book(match)
        self.assertEqual(book.sheetnames, ["Summary", "Numbers", "Orders"])
        self.assertEqual({sheet.freeze_panes for sheet in book}, {"A2"})
        head, row = self.rows(book["Numbers"])
        self.assertEqual(head[4:7], ["ERP", "Expected", "Live"])
        self.assertEqual(
            [row[0], row[1], row[2], *row[4:7], *row[8:]],
            ["DESK", "DESK", "main", 3, 3, 8, "Edited at the Channel", 5, 50],
        )
        self.assertEqual(book["Numbers"]["K2"].number_format, "#,##0.00")
        self.assertEqual(
            self.rows(book["Orders"])[1][:6],
            ["1001", "1001", "Here Exactly Once", self.find_order().sale_order_id.name]
            + [20, 20],
        )
        summary = dict(row[:2] for row in self.rows(book["Summary"]))
        self.assertEqual(summary["Differing"], 1)
        self.assertEqual(summary["Difference in Value"], 50)

    def test_equal_numbers_are_in_the_file_too(self):
        self.add_item("LAMP", 4)
        rows = self.rows(self.book(self.match())["Numbers"])
        self.assertEqual([row[0] for row in rows], ["SKU", "DESK", "LAMP"])

    def test_formulas_are_text(self):
        hostile = [
            '=HYPERLINK("http://x.example","y")',
            "+1+1",
            "-2+3",
            "@SUM(1)",
            "\tx",
            "plain <script>",
        ]
        for sku in hostile:
            self.add_item(sku, 1)
        match = self.match()
        # The shop may be unable to name such items; it is waited for.
        self.pass_time(2 * 3600)
        self.run_job("stock.channel.match", "_cron_match")
        book = self.book(match)
        cells = {cell.value: cell.data_type for cell in book["Numbers"]["A"][1:]}
        self.assertEqual(set(cells.values()), {"s"})
        self.assertEqual(
            set(cells),
            {"DESK", "plain <script>"} | {f"'{sku}" for sku in hostile[:5]},
        )

    def test_file_tells_what_was_matched_not_what_is_now(self):
        match = self.match()
        self.receive(self.product, 100)
        self.run_all()
        self.assertEqual(self.rows(self.book(match)["Numbers"])[1][4], 5)

    def test_more_rows_than_fit_go_on_the_next_sheet(self):
        for sku in ("A", "B"):
            self.add_item(sku, 1)
        with patch.object(export, "SHEET_ROWS", 2):
            book = self.book(self.match())
        self.assertIn("Numbers 2", book.sheetnames)
        self.assertEqual(len(self.rows(book["Numbers"])), 3)
        self.assertEqual(len(self.rows(book["Numbers 2"])), 2)
        self.assertEqual(book["Numbers 2"].freeze_panes, "A2")

    def test_huge_one_is_written_in_the_background(self):
        match = self.match()
        with patch.object(export, "AT_ONCE", 0):
            action = match.action_export()
            self.assertEqual(action["tag"], "display_notification")
            self.assertFalse(match.export_file)
            self.run_job("stock.channel.match", "_cron_match")
            self.assertTrue(match.export_file)
            self.assertEqual(match.action_export()["type"], "ir.actions.act_url")

    def test_very_many_numbers_go_beside_the_workbook(self):
        """Half a million took the workbook longer than a scheduled action may run."""
        self.channel.drift_rule = "exception"
        self.add_item("=SUM", 1)
        self.run_all()
        self.show("DESK", 8)
        match = self.match()
        with patch.object(export, "LARGE", 1):
            self.assertIn(".zip?", match.action_export()["url"])
        content = b64decode(match.with_context(bin_size=False).export_file)
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            self.assertEqual(archive.namelist(), ["match.xlsx", "numbers.csv"])
            book = openpyxl.load_workbook(io.BytesIO(archive.read("match.xlsx")))
            text = archive.read("numbers.csv").decode("utf-8-sig")
        self.assertEqual(book.sheetnames, ["Summary", "Numbers", "Orders"])
        self.assertEqual(
            [row[0] for row in self.rows(book["Numbers"])], ["SKU", "DESK"]
        )
        head, *rows = csv.reader(text.splitlines())
        self.assertEqual(head[:2], ["SKU", "Internal Reference"])
        self.assertEqual(sorted(row[0] for row in rows), ["'=SUM", "DESK"])
        (desk,) = [row for row in rows if row[0] == "DESK"]
        self.assertEqual(desk[4:7], ["5.0", "5.0", "8.0"])

    def test_only_who_may_read_the_channel_gets_it(self):
        match = self.match()
        reader = self.make_user("group_user")
        url = match.with_user(reader).action_export()["url"]
        self.assertIn(f"/stock.channel.match/{match.id}/", url)
        other = self.env["res.company"].create({"name": "Elsewhere"})
        stranger = self.make_user(
            "group_admin", company_ids=[(6, 0, other.ids)], company_id=other.id
        )
        nobody = self.env["res.users"].create({"name": "No", "login": "no"})
        for user in (stranger, nobody):
            with self.assertRaises(AccessError):
                match.with_user(user).action_export()
            with self.assertRaises(AccessError):
                match.with_user(user).read(["export_file"])
            files = (
                self.env["ir.attachment"]
                .sudo()
                .search([("res_model", "=", match._name), ("res_field", "!=", False)])
            )
            with self.assertRaises(AccessError):
                files.with_user(user).check_access("read")

    def test_unfinished_match_has_no_file(self):
        match = self.env["stock.channel.match"]._request(self.channel)
        with self.assertRaises(UserError):
            match.action_export()
