from odoo.exceptions import AccessError
from odoo.tests import new_test_user, tagged

from .test_price import FinanceCase


@tagged("post_install", "-at_install")
class TestCharge(FinanceCase):
    """Shipping, fees and vouchers become lines of the products chosen for them."""

    def service(self, name):
        return self.env["product.product"].create(
            {"name": name, "type": "service", "taxes_id": [(5,)]}
        )

    def shipping(self, *charges):
        return [
            {"id": str(number), "title": title, "amount": amount}
            for number, (title, amount) in enumerate(charges)
        ]

    def charges(self, sale):
        return [
            (line.product_id, line.price_total)
            for line in sale.order_line
            if line.channel_charge_ref
        ]

    def test_product_is_chosen_by_title(self):
        wrap = self.service("Gift wrap")
        self.env["stock.channel.charge"].create(
            {
                "channel_id": self.channel.id,
                "name": "gift WRAP",
                "product_id": wrap.id,
            }
        )
        sale = self.sale(
            shipping=self.shipping(("Gift Wrap", "2.50"), ("Express", "4.50")),
            total="27.00",
        )
        self.assertEqual(
            self.charges(sale), [(wrap, 2.5), (self.channel.shipping_product_id, 4.5)]
        )

    def test_negative_charge_is_a_line_too(self):
        sale = self.sale(
            shipping=self.shipping(("Express", "4.50"), ("Free Delivery", "-4.50")),
            total="20.00",
        )
        self.assertEqual([price for _product, price in self.charges(sale)], [4.5, -4.5])

    def test_charge_without_a_product_waits_until_there_is_one(self):
        self.channel.shipping_product_id = False
        order = self.order(shipping=self.shipping(("Express", "4.50")), total="24.50")
        self.assertFalse(order.sale_order_id)
        self.assertEqual(order.state, "waiting")
        exception = self.open_exceptions()
        self.assertEqual((exception.field, exception.value), ("charge", "Express"))
        self.env["stock.channel.charge"].create(
            {
                "channel_id": self.channel.id,
                "name": "Express",
                "product_id": self.service("Express").id,
            }
        )
        self.run_inbox()
        self.assertEqual(order.sale_order_id.amount_total, 24.5)
        self.assertFalse(self.open_exceptions())

    def test_archived_product_is_none(self):
        self.channel.shipping_product_id = self.service("Post")
        self.channel.shipping_product_id.active = False
        order = self.order(shipping=self.shipping(("Express", "4.50")), total="24.50")
        self.assertEqual(self.open_exceptions().field, "charge")
        self.channel.shipping_product_id = self.service("Parcel")
        self.run_inbox()
        self.assertEqual(order.sale_order_id.amount_total, 24.5)

    def test_charges_follow_the_channel(self):
        sale = self.sale(shipping=self.shipping(("Post", "4.50")), total="24.50")
        self.sale(version=2, shipping=self.shipping(("Post", "6.00")), total="26.00")
        self.sale(
            version=3,
            shipping=self.shipping(("Post", "6.00"), ("Wrap", "1.00")),
            total="27.00",
        )
        self.sale(version=4, shipping=[], total="20.00")
        self.assertEqual([price for _product, price in self.charges(sale)], [0.0, 0.0])
        self.sale(version=5, shipping=self.shipping(("Post", "4.50")), total="24.50")

    def test_first_charge_may_come_later(self):
        sale = self.sale(total="20.00")
        self.sale(version=2, shipping=self.shipping(("Post", "4.50")), total="24.50")
        self.assertEqual([price for _product, price in self.charges(sale)], [4.5])

    def test_charge_that_somebody_took_off_here_stays_off(self):
        sale = self.sale(shipping=self.shipping(("Post", "4.50")), total="24.50")
        sale.order_line[-1].price_unit = 0.0
        self.order(
            version=2,
            lines=[self.line_data("1", "DESK", 3)],
            shipping=self.shipping(("Post", "4.50")),
            total="34.50",
        )
        self.assertEqual(sale.amount_total, 30.0)
        self.assertEqual(self.open_exceptions().expected_value, "30.00")

    def test_charges_are_the_managers_to_map(self):
        vals = {
            "channel_id": self.channel.id,
            "name": "Post",
            "product_id": self.service("Post").id,
        }
        for group in ("group_user", "group_operator", "group_approver"):
            user = self.make_user(group)
            for model, values in (
                ("stock.channel.charge", vals),
                ("stock.channel.tax", {"channel_id": self.channel.id, "rate": 0}),
            ):
                with self.assertRaises(AccessError):
                    self.env[model].with_user(user).create(values)
        manager = self.make_user("group_manager")
        self.env["stock.channel.charge"].with_user(manager).create(vals)
        other = self.env["res.company"].create({"name": "Other"})
        stranger = new_test_user(
            self.env,
            "charge-stranger",
            "stock_channel_hub.group_manager",
            company_id=other.id,
            company_ids=[(6, 0, other.ids)],
        )
        self.assertFalse(
            self.env["stock.channel.charge"].with_user(stranger).search([])
        )
