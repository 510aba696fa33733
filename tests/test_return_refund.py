from ast import literal_eval
from datetime import timedelta
from unittest.mock import patch

from freezegun import freeze_time
from lxml import etree

from odoo import fields
from odoo.exceptions import UserError
from odoo.tests import tagged

from .return_common import ReturnCase


@tagged("post_install", "-at_install")
class TestReturnRefund(ReturnCase):
    """Finance gets a draft and three lists; nothing is ever posted by the hub."""

    def setUp(self):
        super().setUp()
        self.sale = self.order_record.sale_order_id
        self.lines = self.env["stock.channel.return.line"]

    def invoice(self, sale=None):
        invoice = (sale or self.sale)._create_invoices()
        invoice.action_post()
        return invoice

    def come_back(self, quantity, **vals):
        returned = self.announce(quantity, **vals)
        self.carry_out(returned)
        return returned

    def listed(self, action):
        """Return the lines one of finance's lists shows at first."""
        view = self.env.ref("stock_channel_hub.stock_channel_return_line_view_search")
        name = {
            "not_restocked": "refunded_not_restocked",
            "not_refunded": "restocked_not_refunded",
            "overdue": "overdue",
        }[action]
        opened = self.env.ref(
            f"stock_channel_hub.stock_channel_return_line_action_{action}"
        )
        self.assertIn(f"search_default_{name}", opened.context)
        node = self.env["stock.channel.return.line"].get_view(view.id, "search")
        (found,) = etree.fromstring(node["arch"]).xpath(f"//filter[@name='{name}']")
        domain = fields.Domain(literal_eval(found.get("domain")))
        return self.lines.search(
            domain & fields.Domain("channel_id", "=", self.channel.id)
        )

    # ---------------------------------------------------------- credit notes

    def test_no_credit_note_unless_the_channel_asks_for_it(self):
        self.invoice()
        returned = self.come_back(2)
        self.assertFalse(returned.credit_note_ids)

    def test_what_came_back_is_credited_as_a_draft(self):
        self.channel.credit_note_rule = "draft"
        invoice = self.invoice()
        returned = self.come_back(2)
        note = returned.credit_note_ids
        self.assertEqual((note.move_type, note.state), ("out_refund", "draft"))
        self.assertEqual(note.reversed_entry_id, invoice)
        self.assertEqual(note.invoice_line_ids.quantity, 2)
        self.assertEqual(note.invoice_line_ids.sale_line_ids, self.sale.order_line)
        self.assertEqual((note.amount_total, returned.credit_note_amount), (20, 20))
        self.assertEqual(note.partner_id, self.sale.partner_invoice_id)
        self.assertEqual(self.sale.order_line.qty_invoiced, 1)
        self.assertFalse(returned.is_refunded)
        note.action_post()
        self.assertTrue(returned.is_refunded)

    def test_announced_goods_are_not_credited(self):
        self.channel.credit_note_rule = "draft"
        self.invoice()
        self.assertFalse(self.announce(2).credit_note_ids)

    def test_what_was_not_invoiced_is_not_credited(self):
        self.channel.credit_note_rule = "draft"
        returned = self.come_back(2)
        self.assertFalse(returned.credit_note_ids)
        self.assertFalse(self.open_exceptions())

    def test_a_second_return_credits_only_its_own(self):
        self.channel.credit_note_rule = "draft"
        self.invoice()
        first = self.come_back(2)
        self.announce(2, version=2)
        second = self.come_back(1, return_id="R2")
        self.assertEqual(first.credit_note_ids.invoice_line_ids.quantity, 2)
        self.assertEqual(second.credit_note_ids.invoice_line_ids.quantity, 1)
        self.assertEqual(self.sale.order_line.qty_invoiced, 0)

    def test_goods_that_came_first_are_credited_too(self):
        self.channel.credit_note_rule = "draft"
        self.invoice()
        self.blind(2)
        returned = self.announce(2, line={"disposition": "inspect"})
        self.assertEqual(returned.credit_note_ids.amount_total, 20)

    def test_a_refund_of_another_amount_tells_finance(self):
        self.channel.credit_note_rule = "draft"
        self.invoice()
        returned = self.come_back(2, refund_amount="18.00")
        self.assertEqual(returned.refund_difference, -2)
        exception = self.open_exceptions()
        self.assertEqual(
            (exception.value, exception.expected_value), ("18.00", "20.00")
        )
        self.announce(2, version=2, refund_amount="20.00")
        self.assertEqual(returned.refund_difference, 0)
        self.assertFalse(self.open_exceptions())

    def test_trouble_with_the_draft_keeps_no_goods_out(self):
        self.channel.credit_note_rule = "draft"
        self.invoice()
        model = type(self.env["sale.order"])
        with patch.object(
            model, "_prepare_invoice", side_effect=UserError("No account")
        ):
            returned = self.come_back(2)
        self.assertEqual((returned.state, self.on_sale()), ("done", (9, 0)))
        self.assertEqual(self.open_exceptions().cause, "No account")
        self.assertFalse(returned.credit_note_ids)
        self.announce(2, version=2)
        self.assertEqual(returned.credit_note_ids.amount_total, 20)
        self.assertFalse(self.open_exceptions())

    def test_a_clerk_without_rights_here_or_in_finance_receives_it_all(self):
        self.channel.credit_note_rule = "draft"
        self.invoice()
        clerk = self.env["res.users"].create(
            {
                "name": "Clerk",
                "login": "clerk",
                "group_ids": [(6, 0, self.env.ref("stock.group_stock_user").ids)],
            }
        )
        returned = self.announce(3, line={"disposition": "inspect"})
        transfer = self.open_transfers(returned).with_user(clerk)
        transfer.move_ids.write({"quantity": 2, "picked": True})
        transfer.with_context(skip_backorder=True).button_validate()
        self.assertEqual(returned.line_ids.done_qty, 2)
        rest = self.open_transfers(returned).with_user(clerk)
        rest.move_ids.picked = True
        rest.button_validate()
        self.assertEqual((returned.state, returned.line_ids.waiting_qty), ("done", 3))
        self.assertEqual(returned.credit_note_ids.amount_total, 30)
        self.assertFalse(self.open_exceptions())

    def test_the_price_paid_is_credited_with_discount_and_tax(self):
        self.channel.credit_note_rule = "draft"
        self.env["account.tax"].create(
            {"name": "Ten", "amount": 10, "type_tax_use": "sale"}
        )
        order = self.order(
            "1002",
            lines=[self.line_data("1", "DESK", 2, discount="4.00", tax_rate="10")],
            total="17.60",
        )
        self.ship(order)
        self.invoice(order.sale_order_id)
        returned = self.come_back(1, order_id="1002")
        self.assertEqual(returned.credit_note_ids.amount_total, 8.8)
        self.assertEqual(returned.line_ids.unit_value, 8.8)

    # ----------------------------------------------------------------- lists

    def test_refunded_and_not_back_is_listed_in_money(self):
        now = fields.Datetime.now()
        with freeze_time(now):
            returned = self.announce(2, refund_amount="20.00")
        line = returned.line_ids
        self.assertEqual(self.listed("not_restocked"), line)
        self.assertEqual((line.not_restocked_qty, line.not_restocked_value), (2, 20))
        self.assertEqual(returned.refunded_at, now)
        with freeze_time(now + timedelta(days=4, hours=1)):
            line.invalidate_recordset()
            self.assertEqual(line.age_days, 4)
        self.carry_out(returned)
        self.assertEqual(line.not_restocked_value, 0)
        self.assertFalse(self.listed("not_restocked"))

    def test_goods_in_quarantine_are_not_restocked(self):
        returned = self.come_back(
            3, line={"disposition": "inspect"}, refund_amount="30.00"
        )
        line = returned.line_ids
        self.assertEqual((line.not_restocked_value, line.waiting_value), (30, 30))
        wizard = self.env["stock.channel.inspect.wizard"].create(
            {"return_line_id": line.id}
        )
        wizard.row_ids.write({"good_qty": 1, "bad_qty": 1})
        wizard.action_done()
        self.assertEqual(self.listed("not_restocked"), line)
        self.assertEqual(
            (line.not_restocked_value, line.restocked_value, line.scrapped_value),
            (10, 10, 10),
        )
        line.action_scrap()
        self.assertFalse(self.listed("not_restocked"))

    def test_restocked_and_not_refunded_is_listed_in_money(self):
        returned = self.come_back(2)
        self.assertEqual(self.listed("not_refunded"), returned.line_ids)
        self.assertEqual(returned.line_ids.restocked_value, 20)
        self.announce(2, version=2, refund_amount="20.00")
        self.assertFalse(self.listed("not_refunded"))
        self.announce(2, version=3, refund_amount="0")
        self.assertFalse(returned.refunded_at)
        self.assertEqual(self.listed("not_refunded"), returned.line_ids)

    def test_cancelled_return_is_no_refund_without_goods(self):
        returned = self.announce(2, refund_amount="20.00")
        self.announce(2, version=2, refund_amount="20.00", status="cancelled")
        self.assertEqual(returned.line_ids.not_restocked_qty, 0)
        self.assertFalse(self.listed("not_restocked"))

    def test_inspections_are_overdue_after_the_channels_days(self):
        self.channel.inspection_days = 2
        returned = self.come_back(2, line={"disposition": "inspect"})
        line = returned.line_ids
        today = fields.Date.today()
        self.assertEqual(line.inspect_due_on, today + timedelta(days=2))
        self.assertFalse(self.listed("overdue"))
        with freeze_time(fields.Datetime.now() + timedelta(days=3)):
            self.assertEqual(self.listed("overdue"), line)
            line.invalidate_recordset()
            self.assertEqual((line.waiting_days, line.waiting_value), (3, 20))
            line.action_keep()
            self.assertFalse(self.listed("overdue"))
            line.action_accept()
            self.assertFalse(self.listed("overdue"))

    def test_values_are_in_the_companys_currency(self):
        euro = self.env.ref("base.EUR")
        dollar = self.env.ref("base.USD")
        other = dollar if self.company.currency_id == euro else euro
        other.active = True
        other.rate_ids.unlink()
        self.env["res.currency.rate"].create(
            {"currency_id": other.id, "name": "2020-01-01", "rate": 2.0}
        )
        self.channel.pricelist_id = self.env["product.pricelist"].create(
            {"name": "Other", "currency_id": other.id}
        )
        order = self.order(
            "1002", lines=[self.line_data("1", "DESK", 2)], currency=other.name
        )
        self.ship(order)
        returned = self.announce(2, order_id="1002", refund_amount="20.00")
        self.assertEqual(returned.currency_id, other)
        self.assertEqual(returned.line_ids.unit_value, 5)
        self.assertEqual(returned.line_ids.not_restocked_value, 10)

    def test_money_is_added_up_by_channel(self):
        self.announce(2, refund_amount="20.00")
        self.announce(1, "R2", refund_amount="10.00")
        groups = self.lines._read_group(
            [("is_refunded", "=", True), ("channel_id", "=", self.channel.id)],
            ["channel_id"],
            ["not_restocked_value:sum"],
        )
        self.assertEqual(groups, [(self.channel, 30.0)])

    def test_finance_reads_the_lists_of_its_company_only(self):
        returned = self.announce(2, refund_amount="20.00")
        finance = self.make_user("group_approver")
        mine = returned.line_ids.with_user(finance)
        self.assertEqual(mine.not_restocked_value, 20)
        other = self.env["res.company"].create({"name": "Other Company"})
        stranger = self.make_user(
            "group_approver", company_id=other.id, company_ids=[(6, 0, other.ids)]
        )
        self.assertFalse(self.lines.with_user(stranger).search([]))
