from odoo.exceptions import ValidationError
from odoo.tests import tagged

from .test_price import FinanceCase


@tagged("post_install", "-at_install")
class TestTax(FinanceCase):
    """A rate means exactly one tax, or a person says which."""

    def setUp(self):
        super().setUp()
        self.company.account_sale_tax_id = False
        self.env["account.fiscal.position"].search([]).auto_apply = False
        self.belgium = self.env.ref("base.be")
        self.france = self.env.ref("base.fr")

    def make_position(self, country, **vals):
        return self.env["account.fiscal.position"].create(
            {
                "name": f"Hub {country.code}",
                "auto_apply": True,
                "country_id": country.id,
                "sequence": -1,
                **vals,
            }
        )

    def address(self, country="BE"):
        return {
            "name": "Ada Example",
            "street": "1 Main Street",
            "city": "City",
            "zip": "1000",
            "country": country,
        }

    def taxed(self, rate, total, order_id="1001", country="BE", **vals):
        """Return the taxes of an order of one desk at 100.00."""
        sale = self.sale(
            order_id,
            lines=[
                self.line_data("1", "DESK", 1, unit_price="100", tax_rate=rate)
                if rate is not None
                else self.line_data("1", "DESK", 1, unit_price="100")
            ],
            shipping_address=self.address(country),
            total=total,
            **vals,
        )
        return sale.order_line.tax_ids

    def asks(self, rate, order_id="1001", country="BE", **vals):
        """Return the title of what is asked about an order of this rate."""
        order = self.order(
            order_id,
            lines=[self.line_data("1", "DESK", 1, unit_price="100", tax_rate=rate)],
            shipping_address=self.address(country),
            **vals,
        )
        self.assertFalse(order.sale_order_id)
        exception = self.open_exceptions()[:1]
        self.assertEqual(exception.field, "tax_rate")
        return exception.title

    def map_tax(self, rate, taxes, country=None):
        return self.env["stock.channel.tax"].create(
            {
                "channel_id": self.channel.id,
                "rate": rate,
                "country_id": country.id if country else False,
                "tax_ids": [(6, 0, taxes.ids)],
            }
        )

    # ---------------------------------------------------------------- guessing

    def test_included_and_not_are_two_taxes(self):
        on_top = self.make_tax(17.0)
        within = self.make_tax(17.0, included=True)
        self.assertEqual(self.taxed("17", "117"), on_top)
        self.assertEqual(
            self.taxed("17", "100", "1002", prices_include_tax=True), within
        )

    def test_rate_with_decimals(self):
        tax = self.make_tax(8.875)
        self.assertEqual(self.taxed("8.8750", "108.88"), tax)

    def test_archived_and_purchase_taxes_do_not_fit(self):
        self.make_tax(17.0, active=False)
        self.make_tax(17.0, name="Bought", type_tax_use="purchase")
        self.assertEqual(self.asks("17"), "No sales tax of 17 % fits")

    def test_goods_and_services_have_taxes_of_their_own(self):
        goods = self.make_tax(17.0, name="Goods", tax_scope="consu")
        service = self.make_tax(17.0, name="Services", tax_scope="service")
        sale = self.sale(
            lines=[self.line_data("1", "DESK", 2, tax_rate="17")],
            shipping=[
                {"id": "s", "title": "Post", "amount": "10.00", "tax_rate": "17"}
            ],
            total="35.10",
        )
        self.assertEqual(
            [line.tax_ids for line in sale.order_line],
            [goods, service],
        )

    def test_several_taxes_ask(self):
        self.make_tax(17.0, name="One")
        self.make_tax(17.0, name="Two")
        self.assertEqual(self.asks("17"), "Several sales taxes of 17 % fit")
        self.assertIn("One, Two", self.open_exceptions().cause)

    def test_product_says_which_of_several(self):
        self.make_tax(17.0, name="One")
        two = self.make_tax(17.0, name="Two")
        self.product.taxes_id = two
        self.assertEqual(self.taxed("17", "117"), two)

    def test_company_says_which_of_several(self):
        self.make_tax(17.0, name="One")
        two = self.make_tax(17.0, name="Two")
        self.company.account_sale_tax_id = two
        self.assertEqual(self.taxed("17", "117"), two)

    def test_fiscal_position_says_which_of_several(self):
        home = self.make_tax(17.0, name="Home")
        position = self.make_position(self.france)
        abroad = self.make_tax(
            17.0, name="Distance sales", fiscal_position_ids=[(6, 0, position.ids)]
        )
        self.assertEqual(self.taxed("17", "117", country="FR"), abroad)
        self.assertEqual(self.taxed("17", "117", "1002"), home)

    def test_domestic_rate_is_charged_abroad_when_the_channel_did(self):
        home = self.make_tax(17.0, name="Home")
        self.make_position(self.france)
        self.assertEqual(self.taxed("17", "117", country="FR"), home)

    def test_group_of_taxes_counts_as_their_sum(self):
        parts = self.env["account.tax"].create(
            [
                {"name": name, "amount": amount, "type_tax_use": "none"}
                for name, amount in (("State", 5.0), ("City", 12.25))
            ]
        )
        group = self.make_tax(
            0.0,
            name="State and city",
            amount_type="group",
            children_tax_ids=[(6, 0, parts.ids)],
        )
        self.assertEqual(self.taxed("17.25", "117.25"), group)

    def test_member_of_a_group_is_no_tax_of_its_own(self):
        part = self.env["account.tax"].create(
            {"name": "Part", "amount": 17.0, "type_tax_use": "none"}
        )
        self.make_tax(
            0.0,
            name="Group",
            amount_type="group",
            children_tax_ids=[(6, 0, part.ids)],
        )
        self.assertEqual(self.taxed("17", "117").name, "Group")

    # -------------------------------------------------------------------- zero

    def test_nothing_said_is_no_tax(self):
        self.make_tax(0.0, name="Zero")
        self.product.taxes_id = self.make_tax(17.0)
        self.assertFalse(self.taxed(None, "100"))
        self.assertFalse(self.taxed("0", "100", "1002"))

    def test_business_of_the_union_is_reverse_charged(self):
        """By the number the channel sent with this very order."""
        position = self.make_position(self.france, vat_required=True)
        reverse = self.make_tax(
            0.0, name="Reverse charge", fiscal_position_ids=[(6, 0, position.ids)]
        )
        self.assertFalse(self.taxed("0", "100", country="FR"))
        found = self.taxed(
            "0",
            "100",
            "1002",
            country="FR",
            customer={"id": "B2B", "name": "ACME", "vat": "FR23334175221"},
        )
        self.assertEqual(found, reverse)
        sale = self.find_order("1002").sale_order_id
        self.assertEqual(sale.fiscal_position_id, position)

    # ----------------------------------------------------------------- mapping

    def test_map_comes_first_and_the_country_before_the_rest(self):
        self.make_tax(17.0, name="One")
        two, three = self.make_tax(17.0, name="Two"), self.make_tax(17.0, name="Three")
        self.map_tax(17, two)
        self.map_tax(17, three, self.france)
        self.assertEqual(self.taxed("17", "117"), two)
        self.assertEqual(self.taxed("17", "117", "1002", country="FR"), three)

    def test_manager_maps_without_rights_in_accounting(self):
        tax = self.make_tax(17.0)
        rows = self.env["stock.channel.tax"].with_user(self.make_user("group_manager"))
        self.env.invalidate_all()
        row = rows.create(
            {
                "channel_id": self.channel.id,
                "rate": 17,
                "tax_ids": [(6, 0, tax.ids)],
            }
        )
        self.env.invalidate_all()
        self.assertEqual(row.tax_names, tax.name)
        with self.assertRaises(ValidationError):
            row.rate = 18

    def test_map_runs_what_waited_for_it(self):
        self.make_tax(17.0, name="One")
        two = self.make_tax(17.0, name="Two")
        self.asks("17", total="117")
        self.map_tax(17, two)
        self.run_inbox()
        self.assertEqual(self.find_order().sale_order_id.order_line.tax_ids, two)
        self.assertFalse(self.open_exceptions())

    def test_new_tax_runs_what_waited_for_it(self):
        self.asks("17", total="117")
        tax = self.make_tax(17.0)
        self.run_inbox()
        self.assertEqual(self.find_order().sale_order_id.order_line.tax_ids, tax)
        self.assertFalse(self.open_exceptions())

    def test_map_of_prices_with_tax_is_not_for_prices_without(self):
        on_top = self.make_tax(17.0)
        self.map_tax(17, self.make_tax(17.0, included=True))
        self.assertEqual(self.taxed("17", "117"), on_top)

    def test_several_taxes_may_make_up_one_rate(self):
        state, city = self.make_tax(4.0), self.make_tax(4.875)
        self.map_tax(8.875, state | city)
        self.assertEqual(self.taxed("8.875", "108.88"), state | city)

    def test_map_of_zero(self):
        exempt = self.make_tax(0.0, name="Exempt")
        self.map_tax(0, exempt, self.france)
        self.assertEqual(self.taxed("0", "100", country="FR"), exempt)
        self.assertFalse(self.taxed("0", "100", "1002"))

    def test_map_to_an_archived_tax_asks(self):
        other, mapped = self.make_tax(17.0, name="Other"), self.make_tax(17.0)
        self.map_tax(17, mapped)
        mapped.active = False
        self.assertEqual(self.asks("17"), "The tax chosen for 17 % is archived")
        self.assertTrue(other.active)

    def test_map_that_could_never_give_the_total_is_refused(self):
        tax = self.make_tax(17.0)
        fixed = self.make_tax(17.0, name="Fixed", amount_type="fixed")
        within = self.make_tax(10.0, included=True)
        for rate, taxes in (
            (18, tax),
            (17, fixed),
            (17, self.env["account.tax"]),
            (27, tax | within),
        ):
            with self.subTest(rate=rate), self.assertRaises(ValidationError):
                self.map_tax(rate, taxes)
