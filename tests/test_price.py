import random
from decimal import Decimal

from lxml import html

from odoo.exceptions import ValidationError
from odoo.tests import Form, new_test_user, tagged

from odoo.addons.stock_channel_hub.connectors.price import round_to

from .common import HubCase

CENT = Decimal("0.01")


class FinanceCase(HubCase):
    """A hundred desks, and taxes by their percentage."""

    def setUp(self):
        super().setUp()
        self.receive(self.product, 100)

    def make_tax(self, amount, included=False, name=None, **vals):
        return self.env["account.tax"].create(
            {
                "name": name or f"Hub {amount} {included}",
                "amount": amount,
                "type_tax_use": "sale",
                "price_include_override": "tax_included"
                if included
                else "tax_excluded",
                **vals,
            }
        )

    def sale(self, order_id="1001", version=1, **vals):
        """Deliver an order and return its sale order; exactly the total, or fail."""
        order = self.order(order_id, version, **vals)
        self.assertFalse(
            self.open_exceptions().mapped(lambda e: (e.title, e.cause)),
        )
        self.assertEqual(
            f"{order.sale_order_id.amount_total:.3f}", f"{float(vals['total']):.3f}"
        )
        return order.sale_order_id

    def prices(self, sale):
        return [
            (line.product_uom_qty, line.price_unit, line.discount, line.price_subtotal)
            for line in sale.order_line
        ]


@tagged("post_install", "-at_install")
class TestPrice(FinanceCase):
    """What the channel's customer paid, to the cent, whatever is changed later."""

    def desk(self, quantity=3, **vals):
        return self.line_data("1", "DESK", quantity, **vals)

    # -------------------------------------------------------------- discounts

    def test_exact_percentage_is_shown_as_one(self):
        sale = self.sale(
            lines=[self.desk(3, discount="7.50")],
            total="22.50",
        )
        self.assertEqual(self.prices(sale), [(3, 10.0, 25.0, 22.5)])

    def test_any_other_discount_loses_no_cent(self):
        self.receive(self.product, 10_000)
        # As a percentage of two digits it would be 22.47 and 99.97.
        sale = self.sale(
            lines=[
                self.desk(7, unit_price="9.99", discount="0.01"),
                self.line_data("2", "DESK", 900, unit_price="0.99", discount="123.45"),
            ],
            total="837.47",
        )
        self.assertEqual(
            sale.order_line.mapped("price_subtotal"),
            [69.92, 767.55],
        )
        self.assertEqual(set(sale.order_line.mapped("discount")), {0.0})

    def test_discount_of_everything(self):
        sale = self.sale(lines=[self.desk(3, discount="30")], total="0")
        self.assertEqual(self.prices(sale), [(3, 10.0, 100.0, 0.0)])

    def test_sub_cent_prices(self):
        sale = self.sale(lines=[self.desk(40, unit_price="0.0333")], total="1.33")
        self.assertEqual(self.prices(sale), [(40, 0.0333, 0.0, 1.33)])

    def test_invoice_has_the_same_total_and_both_references(self):
        self.make_tax(7.7)
        sale = self.sale(
            lines=[self.desk(3, unit_price="9.99", discount="1", tax_rate="7.7")],
            shipping=[
                {"id": "s", "title": "Post", "amount": "4.95", "tax_rate": "7.7"}
            ],
            payment_reference="PAY-9",
            total="36.53",
        )
        picking = sale.picking_ids
        picking.move_ids.picked = True
        picking.button_validate()
        invoice = sale._create_invoices()
        self.assertEqual(invoice.amount_total, 36.53)
        self.assertEqual((invoice.ref, invoice.payment_reference), ("1001", "PAY-9"))

    def check_any_lines(self, included):
        """Forty lines of any price and discount; each is exact, and so is their sum."""
        self.receive(self.product, 10_000)
        dice = random.Random(4711)
        self.make_tax(21.0, included=included)
        lines, amounts = [], []
        for number in range(40):
            quantity, price = dice.randint(1, 99), dice.randint(0, 99999)
            off = dice.randint(0, quantity * price)
            if number % 4 == 0:  # A whole percentage, which is shown as one.
                price *= 100
                off = quantity * price // 100 * dice.randint(1, 100)
            amounts.append(quantity * price - off)
            lines.append(
                self.line_data(
                    str(number),
                    "DESK",
                    quantity,
                    unit_price=f"{price / 100:.2f}",
                    discount=f"{off / 100:.2f}",
                    tax_rate="21",
                )
            )
        whole = Decimal(sum(amounts)) / 100
        total = whole if included else round_to(whole * Decimal("1.21"), CENT)
        sale = self.sale(lines=lines, total=f"{total}", prices_include_tax=included)
        self.assertEqual(
            [
                round(100 * (line.price_total if included else line.price_subtotal))
                for line in sale.order_line
            ],
            amounts,
        )
        self.assertEqual(len(sale.order_line.filtered("discount")), 10)

    def test_any_discount_of_prices_without_tax(self):
        self.check_any_lines(included=False)

    def test_any_discount_of_prices_with_tax(self):
        self.check_any_lines(included=True)

    def test_any_discount_of_prices_with_tax_rounded_line_by_line(self):
        self.company.tax_calculation_rounding_method = "round_per_line"
        self.check_any_lines(included=True)

    # ------------------------------------------------------------------ parts

    def split(self, **vals):
        """Order three desks that come from three places, one each."""
        for code in ("E1", "E2"):
            warehouse = self.env["stock.warehouse"].create(
                {"name": f"Hub {code}", "code": code}
            )
            self.receive(self.product, 1, warehouse.lot_stock_id)
            self.make_place(
                self.channel, code, warehouse.lot_stock_id, sequence=20 + len(code)
            )
        self.receive(self.product, -99)
        return self.sale(
            lines=[self.desk(3, location_id=None, **vals.pop("line", {}))], **vals
        )

    def check_parts(self, rest):
        """Three desks for 10.00; two of them are 6.67, and ``rest`` part by part."""
        line = {"unit_price": "4", "discount": "2.00"}
        sale = self.split(line=line, total="10.00")
        self.assertEqual(
            self.prices(sale),
            [(1, 3.34, 0.0, 3.34), (1, 3.33, 0.0, 3.33), (1, 3.33, 0.0, 3.33)],
        )
        self.assertEqual(len(sale.order_line.warehouse_id), 3)
        less = self.desk(3, location_id=None, cancelled_quantity="1", **line)
        self.sale(version=2, lines=[less], total="6.67")
        self.assertEqual(
            [price[3] for price in self.prices(sale) if price[0]],
            rest,
        )

    def test_parts_of_a_line_share_its_cents(self):
        """What is no whole cent stays exact where Odoo rounds the sum anyway."""
        self.company.tax_calculation_rounding_method = "round_globally"
        self.check_parts([3.33, 3.33])

    def test_parts_share_its_cents_where_each_line_is_rounded(self):
        self.company.tax_calculation_rounding_method = "round_per_line"
        self.check_parts([3.34, 3.33])

    # ---------------------------------------------------------------- changes

    def test_changed_price_follows(self):
        sale = self.sale(lines=[self.desk()], total="30")
        self.sale(
            version=2, lines=[self.desk(unit_price="9", discount="1")], total="26"
        )
        self.assertEqual([price[3] for price in self.prices(sale)], [26.0])

    def test_changed_price_follows_in_a_locked_order(self):
        sale = self.sale(lines=[self.desk()], total="30")
        sale.action_lock()
        self.sale(version=2, lines=[self.desk(unit_price="9")], total="27")
        self.assertTrue(sale.locked)

    def test_price_that_somebody_changed_here_stays_and_is_told(self):
        sale = self.sale(lines=[self.desk()], total="30")
        sale.order_line.price_unit = 8.0
        self.order(version=2, lines=[self.desk(unit_price="9")], total="27")
        self.assertEqual(self.prices(sale), [(3, 8.0, 0.0, 24.0)])
        self.assertEqual(
            self.told(), {"unit_price": ("9", "8"), "total": ("27", "24.00")}
        )

    def told(self):
        """Return (theirs, ours) of every open exception, by field."""
        return {
            exception.field: (exception.value, exception.expected_value)
            for exception in self.open_exceptions()
        }

    def test_invoiced_price_stays(self):
        sale = self.sale(lines=[self.desk()], total="30")
        sale.picking_ids.move_ids.picked = True
        sale.picking_ids.button_validate()
        sale._create_invoices()
        self.order(version=2, lines=[self.desk(unit_price="9")], total="27")
        self.assertEqual(sale.amount_total, 30)
        self.assertEqual(
            self.told(), {"unit_price": ("9", "10"), "total": ("27", "30.00")}
        )

    def test_total_that_somebody_mended_is_compared_again(self):
        sale = self.order(lines=[self.desk()], total="27").sale_order_id
        exception = self.open_exceptions()
        sale.order_line.price_unit = 9.0
        exception.action_retry()
        self.run_inbox()
        self.assertEqual(exception.state, "resolved")
        self.assertEqual(sale.amount_total, 27)

    def test_older_word_changes_no_price(self):
        sale = self.sale(version=5, lines=[self.desk()], total="30")
        self.order(version=4, lines=[self.desk(unit_price="1")], total="3")
        self.assertEqual(sale.amount_total, 30)
        self.assertFalse(self.open_exceptions())

    def test_quantity_changed_by_a_person_keeps_the_channels_price(self):
        self.env.ref("base.group_user").implied_ids += self.env.ref(
            "sale.group_discount_per_so_line"
        )
        self.channel.pricelist_id = self.env["product.pricelist"].create(
            {"name": "Hub"}
        )
        sale = self.sale(lines=[self.desk(3, discount="7.50")], total="22.50")
        sale.order_line.product_uom_qty = 5
        self.assertEqual(self.prices(sale), [(5, 10.0, 25.0, 37.5)])

    # --------------------------------------------------------------- rounding

    def test_lines_of_both_are_shown_where_the_totals_differ(self):
        self.make_tax(21.0, name="Twenty-One")
        order = self.order(
            lines=[self.desk(3, discount="1", tax_rate="21", title="<b>Desk</b>")],
            shipping=[{"id": "s", "title": "Express", "amount": "4.50"}],
            total="39.60",
        )
        exception = self.open_exceptions()
        self.assertIn("39.60", exception.cause)
        self.assertIn("39.59", exception.cause)
        self.assertIn("-0.01", exception.cause)
        rows = self.rows(exception)
        self.assertEqual(
            rows,
            [
                ["DESK <b>Desk</b>", "Channel", "3", "10", "1", "21 %", "35.09"],
                ["", "Odoo", "3", "9.666667", "", "Twenty-One", "35.09"],
                ["Express", "Channel", "1", "4.5", "", "", "4.50"],
                ["", "Odoo", "1", "4.5", "", "", "4.50"],
                ["Total", "Channel", "", "", "", "", "39.60"],
                ["", "Odoo", "", "", "", "", "39.59"],
            ],
        )
        self.assertEqual(order.sale_order_id.picking_ids.state, "assigned")

    def rows(self, exception):
        return [
            [cell.text_content() for cell in row.iter("td")]
            for row in html.fromstring(exception.details).iter("tr")
            if row.find("td") is not None
        ]

    def test_line_that_somebody_added_is_in_the_table(self):
        order = self.order()
        order.sale_order_id.order_line.create(
            {
                "order_id": order.sale_order_id.id,
                "product_id": self.channel.fee_product_id.id,
                "name": "By hand",
                "price_unit": 5,
                "tax_ids": [(5,)],
            }
        )
        self.order(version=2)
        rows = self.rows(self.open_exceptions())
        self.assertEqual(rows[2], ["By hand", "Channel", *["–"] * 5])
        self.assertEqual(rows[3], ["", "Odoo", "1", "5", "", "", "5.00"])

    def test_small_difference_goes_on_a_line_of_its_own_where_allowed(self):
        self.channel.rounding_tolerance = 0.02
        sale = self.sale(total="20.02")
        self.assertEqual(
            sale.order_line.filtered("is_channel_rounding").mapped(
                lambda line: (line.product_id, line.price_total)
            ),
            [(self.channel.rounding_product_id, 0.02)],
        )
        # It follows, goes, and never grows beyond what is allowed.
        self.sale(version=2, total="19.99")
        self.assertEqual(sale.order_line[-1].price_total, -0.01)
        self.sale(version=3, total="20.00")
        self.assertEqual(sale.order_line[-1].price_total, 0.0)
        self.order(version=4, total="20.03")
        self.assertEqual(sale.amount_total, 20.0)
        self.assertEqual(self.open_exceptions().field, "total")

    def test_rounding_needs_a_product(self):
        with self.assertRaises(ValidationError):
            self.channel.write(
                {"rounding_tolerance": 0.01, "rounding_product_id": False}
            )
        with self.assertRaises(ValidationError):
            self.channel.rounding_tolerance = -0.01

    def test_taxes_rounded_line_by_line_differ_by_a_cent(self):
        """The company's own setting; the channel's customer paid the sum's tax."""
        self.make_tax(7.5)
        lines = [
            self.line_data("1", "DESK", 1, unit_price="15.00", tax_rate="7.5"),
            self.line_data("2", "DESK", 1, unit_price="3.00", tax_rate="7.5"),
        ]
        self.sale(lines=lines, total="19.35")
        self.company.tax_calculation_rounding_method = "round_per_line"
        self.order("1002", lines=lines, total="19.35")
        self.assertEqual(self.open_exceptions().expected_value, "19.36")
        # The rule heals what it is about, without another word of the channel.
        self.channel.rounding_tolerance = 0.01
        self.run_inbox()
        self.assertFalse(self.open_exceptions())
        self.assertEqual(self.find_order("1002").sale_order_id.amount_total, 19.35)

    # ---------------------------------------------------------------- currency

    def use_currency(self, name, rate=2.0):
        currency = self.env.ref(f"base.{name}")
        currency.active = True
        self.env["res.currency.rate"].create(
            {
                "currency_id": currency.id,
                "name": "2026-11-01",
                "rate": rate,
                "company_id": self.company.id,
            }
        )
        self.channel.pricelist_id = self.env["product.pricelist"].create(
            {"name": name, "currency_id": currency.id}
        )
        return currency

    def test_currency_without_decimals(self):
        self.use_currency("JPY", 150)
        self.make_tax(10.0)
        sale = self.sale(
            currency="JPY",
            lines=[self.desk(3, unit_price="333", discount="10", tax_rate="10")],
            total="1088",
        )
        self.assertEqual(sale.currency_id.name, "JPY")
        self.order("1002", currency="JPY", lines=[self.desk(1)], total="11")
        self.assertEqual(self.open_exceptions().expected_value, "10")

    def test_currency_of_three_decimals(self):
        self.use_currency("KWD", 0.3)
        sale = self.sale(
            currency="KWD",
            lines=[self.desk(3, unit_price="1.111", discount="0.001")],
            total="3.332",
        )
        self.assertEqual(sale.amount_total, 3.332)

    def test_price_list_in_the_currency_runs_what_waited_for_it(self):
        order = self.order(currency="JPY", total="20")
        self.assertEqual((order.state, len(order.sale_order_id)), ("waiting", 0))
        self.use_currency("JPY")
        self.run_inbox()
        self.assertEqual(order.sale_order_id.amount_total, 20)
        self.assertFalse(self.open_exceptions())

    def test_rate_is_that_of_the_day_of_the_order(self):
        currency = self.use_currency("JPY", 150)
        self.env["res.currency.rate"].create(
            {
                "currency_id": currency.id,
                "name": "2026-11-21",
                "rate": 200,
                "company_id": self.company.id,
            }
        )
        sale = self.sale(
            currency="JPY", lines=[self.desk(1, unit_price="300")], total="300"
        )
        self.assertEqual(sale.state, "sale")
        self.assertEqual(str(sale.date_order), "2026-11-20 09:00:00")
        self.assertEqual(round(sale.currency_rate), 150)

    # --------------------------------------------------------------- references

    def test_order_is_found_by_the_channels_number_and_the_payment(self):
        sale = self.sale(payment_reference="PAY-4711", total="20.00")
        search = self.env["sale.order"].name_search
        for words in ("pay-4711", "1001", sale.name):
            self.assertIn(sale.id, [found[0] for found in search(words)])
        seller = new_test_user(
            self.env, "price-seller", "sales_team.group_sale_salesman_all_leads"
        )
        form = Form(sale.with_user(seller), "sale.view_order_form")
        self.assertEqual((form.client_order_ref, form.reference), ("1001", "PAY-4711"))
        arch = self.env["sale.order"].get_view(
            self.env.ref("sale.view_order_form").id, "form"
        )["arch"]
        for words in ("Channel's Order", "Payment Reference"):
            self.assertIn(words, arch)
