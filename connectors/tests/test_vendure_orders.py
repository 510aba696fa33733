"""What recorded orders of a real Vendure 3.7.3 mean, and which orders are polled."""

import json
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from ..data import (
    ChargeKind,
    OrderSnapshot,
    PaymentStatus,
    ReturnSnapshot,
)
from ..price import Terms
from .vendure_case import SAMPLES, VendureCase

BOX, BIN = "E-COM08", "E-COM10"


class TestRecordedOrders(VendureCase):
    """One order through its life, as the real server told it: 7 boxes of 15.80 and 3
    bins of 47.00, 10 % off, 20 % tax, 9.50 for delivery."""

    def sample(self, name: str) -> tuple[OrderSnapshot, list[ReturnSnapshot]]:
        """Return the snapshots of a recorded body."""
        return self.read((SAMPLES / f"{name}.json").read_bytes())

    def quantities(self, name: str) -> dict[str, tuple[int, int, int]]:
        """Return (ordered, cancelled, fulfilled) per sku."""
        return {
            line.sku: (
                int(line.quantity),
                int(line.cancelled_quantity),
                int(line.fulfilled_quantity),
            )
            for line in self.sample(name)[0].lines
        }

    def test_placed(self) -> None:
        """Prices without tax, the coupon prorated over the lines."""
        order, returns = self.sample("order_placed")
        self.assertEqual([], returns)
        self.assertEqual(
            (Decimal("281.23"), "USD", False, PaymentStatus.PAID, False),
            (
                order.total,
                order.currency,
                order.prices_include_tax,
                order.payment_status,
                order.cancelled,
            ),
        )
        self.assertEqual(
            {
                BOX: (Decimal("15.80"), Decimal("11.06"), 20, "Storage Box"),
                BIN: (Decimal("47.00"), Decimal("14.10"), 20, "Pedal Bin"),
            },
            {
                x.sku: (x.unit_price, x.discount, x.tax_rate, x.title)
                for x in order.lines
            },
        )
        [delivery] = order.shipping
        self.assertEqual(
            ("Standard delivery", "standard", Decimal("9.50"), 0),
            (delivery.title, delivery.code, delivery.amount, delivery.tax_rate),
        )
        assert order.shipping_address
        self.assertEqual(
            ("Jane Customer", "1 Main Street", "US", "TX", "73301"),
            (
                order.shipping_address.name,
                order.shipping_address.street,
                order.shipping_address.country,
                order.shipping_address.state,
                order.shipping_address.zip,
            ),
        )
        self.assertEqual("jane.customer@example.com", order.customer.email)

    def test_life_of_the_quantities(self) -> None:
        """Cancelled before it left, shipped, and back after it left."""
        for name, box, bins in (
            ("order_placed", (7, 0, 0), (3, 0, 0)),
            ("order_partly_shipped", (7, 0, 3), (3, 0, 3)),
            ("order_reduced", (7, 2, 3), (3, 0, 3)),
            ("order_shipped", (7, 2, 5), (3, 0, 3)),
            ("order_returned", (7, 2, 5), (3, 0, 3)),
            ("order_line_returned", (7, 2, 5), (3, 0, 3)),
        ):
            with self.subTest(name):
                self.assertEqual({BOX: box, BIN: bins}, self.quantities(name))

    def test_what_came_back(self) -> None:
        """One return that grows, restocked by Vendure itself."""
        for name, wanted, refund in (
            ("order_shipped", {}, None),
            ("order_returned", {BOX: 1}, None),
            ("order_refunded", {BOX: 1}, Decimal("17.06")),
            ("order_line_returned", {BOX: 1, BIN: 3}, Decimal("17.06")),
        ):
            with self.subTest(name):
                order, returns = self.sample(name)
                skus = {line.id: line.sku for line in order.lines}
                found = {
                    skus[line.order_line_id]: line.quantity
                    for event in returns
                    for line in event.lines
                }
                self.assertEqual(wanted, found)
                for event in returns:
                    self.assertEqual(f"{order.name}-R", event.id)
                    self.assertEqual(refund, event.refund_amount)
                    for line in event.lines:
                        self.assertEqual(line.quantity, line.restocked)

    def test_price_stays_when_goods_come_back(self) -> None:
        """Vendure's own total falls, and of a line gone whole it forgets the discount;
        what was sold was sold at that price, and refunded apart."""
        for name in (
            "order_reduced",
            "order_shipped",
            "order_returned",
            "order_refunded",
            "order_line_returned",
        ):
            with self.subTest(name):
                order, _returns = self.sample(name)
                self.assertEqual(Decimal("247.10"), order.total)
                self.assertEqual(
                    {BOX: Decimal("11.06"), BIN: Decimal("14.10")},
                    {line.sku: line.discount for line in order.lines},
                )

    def test_each_change_is_a_new_version(self) -> None:
        """Also the second parcel and the refund, which date no order anew."""
        names = (
            "order_placed order_partly_shipped order_reduced order_shipped"
            " order_returned order_refunded order_line_returned"
        ).split()
        versions = [self.sample(name)[0].version for name in names]
        self.assertEqual(sorted(set(versions)), versions)

    def test_cancelled(self) -> None:
        """With its delivery charge; nothing came back, for nothing had left."""
        order, returns = self.sample("order_cancelled")
        self.assertEqual(
            (True, Decimal(0), []), (order.cancelled, order.total, returns)
        )
        [line] = order.lines
        self.assertEqual((2, 2, 0), self.quantities("order_cancelled")[line.sku])

    def test_prices_with_tax(self) -> None:
        """The channel's setting was changed afterwards; the order shows how it was."""
        order, _returns = self.sample("order_gross")
        self.assertIs(
            False, json.loads((SAMPLES / "order_gross.json").read_bytes())["inclusive"]
        )
        self.assertTrue(order.prices_include_tax)
        self.assertEqual(Decimal("235.04"), order.total)
        self.assertEqual(
            [Decimal("15.80"), Decimal("140.00")], [x.unit_price for x in order.lines]
        )

    def test_modified(self) -> None:
        """A line fewer, one more, a gift wrap; not all of it is paid."""
        order, _returns = self.sample("order_modified")
        self.assertEqual(
            {BOX: (3, 1, 0), BIN: (1, 0, 0)}, self.quantities("order_modified")
        )
        self.assertEqual(PaymentStatus.UNPAID, order.payment_status)
        self.assertEqual(Decimal("98.39"), order.total)
        [wrap] = [x for x in order.shipping if x.kind is ChargeKind.FEE]
        self.assertEqual(
            ("Gift wrap", "WRAP", Decimal("2.50"), 20),
            (wrap.title, wrap.code, wrap.amount, wrap.tax_rate),
        )

    def test_lines_and_charges_add_up_to_the_total(self) -> None:
        """As Odoo adds them up: each line rounded, taxes on top or within."""
        for path in SAMPLES.glob("order_*.json"):
            with self.subTest(path.stem):
                order, _returns = self.read(path.read_bytes())
                self.assertEqual(order.total, added_up(order))


def added_up(order: OrderSnapshot) -> Decimal:
    """Return what an order costs by its lines and charges."""
    cent = Decimal("0.01")
    total = Decimal(0)
    parts = [
        (
            Terms(quantity=x.quantity, unit_price=x.unit_price, discount=x.discount),
            x.quantity - x.cancelled_quantity,
            x.tax_rate,
        )
        for x in order.lines
    ]
    parts += [
        (Terms(quantity=Decimal(1), unit_price=x.amount), Decimal(1), x.tax_rate)
        for x in order.shipping
    ]
    for terms, quantity, rate in parts:
        amount = terms.amount(quantity)
        tax = Decimal(0) if order.prices_include_tax else (rate or Decimal(0))
        exact = Decimal(amount.numerator) / Decimal(amount.denominator)
        total += (exact * (1 + tax / 100)).quantize(cent, "ROUND_HALF_UP")
    return total


class TestArithmetic(VendureCase):
    """Whatever happens to a line, its quantities and its money stay true."""

    @settings(max_examples=25)
    @given(
        st.integers(1, 12),
        st.integers(1, 99_999),
        st.booleans(),
        st.lists(st.tuples(st.booleans(), st.integers(1, 6)), max_size=6),
    )
    def test_line_through_any_life(
        self, ordered: int, price: int, inclusive: bool, steps: list[tuple[bool, int]]
    ) -> None:
        """Ships and cancels, in any order: open units are cancelled first."""
        self.setUp()
        self.shop.inclusive = inclusive
        self.shop.books.levels["A-1", "main"].quantity = Decimal(99)
        line, _other = self.shop.add_order("1")
        row = self.shop.books.orders["1"]["lines"][0]
        row.update(price=Decimal(price), quantity=ordered, orderPlacedQuantity=ordered)
        shipped = cancelled = returned = 0
        for number, (ships, wish) in enumerate(steps):
            still_open = ordered - shipped - cancelled
            if ships and still_open:
                count = min(wish, still_open)
                shipped += count
                self.connector.report_shipment(
                    self.shipment({line: count}, f"S{number}")
                )
            elif not ships and wish <= ordered - cancelled - returned:
                cancelled += min(wish, still_open)
                returned += max(wish - still_open, 0)
                self.shop.cancel("1", {line: wish})
        self.shop._total(self.shop.books.orders["1"])
        order, returns = self.told(self.connector.fetch_order("1"))
        found = {x.id: x for x in order.lines}[line]
        self.assertEqual(
            (ordered, cancelled, shipped),
            (found.quantity, found.cancelled_quantity, found.fulfilled_quantity),
        )
        self.assertEqual(returned, sum(x.quantity for r in returns for x in r.lines))
        self.assertEqual(order.total, added_up(order))

    def test_version_keeps_within_what_a_float_holds(self) -> None:
        """Also in twenty-five years: the hub rounds it as a float."""
        self.shop.add_order("1")
        self.shop.books.orders["1"]["updatedAt"] = "2050-12-31T23:59:59.999Z"
        self.assertLess(self.fetched().version, 5 * 10**14)

    def test_second_parcel_and_refund_are_new_versions(self) -> None:
        """Within one second, and though the order is not dated anew."""
        first, second = self.shop.add_order("1")
        before = self.fetched()
        versions = [before.version]
        self.connector.report_shipment(self.shipment({first: 3}, "S1"))
        versions.append(self.fetched().version)
        self.connector.report_shipment(self.shipment({second: 2}, "S2"))
        versions.append(self.fetched().version)
        self.shop.refund("1", 100, [])
        versions.append(self.fetched().version)
        self.assertEqual(sorted(set(versions)), versions)
        self.assertEqual(before.updated_at, self.fetched().updated_at)


class TestReading(VendureCase):
    """Money, states and texts in the forms a shop can have them."""

    def setUp(self) -> None:
        """Place order 1: 32.20 EUR with tax, paid."""
        super().setUp()
        self.lines = self.shop.add_order("1")
        self.order = self.shop.books.orders["1"]

    def test_decimals_are_a_setting_of_the_server(self) -> None:
        """Vendure writes 32.20 yen as 3220 unless a shop counts in whole ones."""
        for precision, total in ((2, "32.20"), (0, "3220"), (3, "3.220")):
            with self.subTest(precision):
                self.shop.precision = precision
                self.assertEqual(Decimal(total), self.fetched().total)

    def test_how_far_the_payment_is(self) -> None:
        """What is authorised, taken and given back, against what is asked."""
        for payments, refunds, state, wanted in (
            ([], [], "PaymentSettled", PaymentStatus.UNPAID),
            ([("Settled", 3220)], [], "PaymentSettled", PaymentStatus.PAID),
            ([("Declined", 3220)], [], "PaymentSettled", PaymentStatus.UNPAID),
            ([("Authorized", 3220)], [], "PaymentAuthorized", PaymentStatus.AUTHORIZED),
            (
                [("Settled", 1000), ("Authorized", 2220)],
                [],
                "PaymentAuthorized",
                PaymentStatus.AUTHORIZED,
            ),
            ([("Settled", 1000)], [], "PaymentSettled", PaymentStatus.UNPAID),
            ([("Settled", 3220)], [3220], "PaymentSettled", PaymentStatus.REFUNDED),
            ([("Settled", 3220)], [100], "PaymentSettled", PaymentStatus.UNPAID),
        ):
            with self.subTest(payments=payments, refunds=refunds):
                self.order.update(payments=[], state=state)
                for kind, amount in payments:
                    self.shop.pay("1", amount, kind)
                for amount in refunds:
                    self.shop.refund("1", amount, [])
                self.assertEqual(wanted, self.fetched().payment_status)

    def test_cancelled_before_it_was_paid(self) -> None:
        """Nothing is asked, and nothing was paid."""
        self.order["payments"] = []
        self.shop.cancel("1", {self.lines[0]: 3, self.lines[1]: 5})
        order = self.fetched()
        self.assertEqual(
            (True, PaymentStatus.UNPAID), (order.cancelled, order.payment_status)
        )

    def test_all_of_it_came_back(self) -> None:
        """Vendure calls it cancelled; what has left is not cancelled."""
        self.connector.report_shipment(self.shipment({self.lines[0]: 3}, "S1"))
        self.connector.report_shipment(self.shipment({self.lines[1]: 5}, "S2"))
        self.shop.cancel("1", {self.lines[0]: 3, self.lines[1]: 5})
        order, [returned] = self.told(self.connector.fetch_order("1"))
        self.assertEqual("Cancelled", self.order["state"])
        self.assertEqual((False, Decimal("32.20")), (order.cancelled, order.total))
        self.assertEqual([3, 5], [line.quantity for line in returned.lines])

    def test_fulfilment_that_was_cancelled_has_not_left(self) -> None:
        """Its units are open again."""
        self.connector.report_shipment(self.shipment({self.lines[0]: 3}))
        self.order["fulfillments"][0]["state"] = "Cancelled"
        self.assertEqual(0, self.line(self.lines[0]).fulfilled_quantity)

    def test_tax_of_the_delivery_is_found(self) -> None:
        """Vendure does not say it; of the order's rates the one that fits."""
        row = {
            "id": "9",
            "discounts": [],
            "shippingMethod": {"code": "std", "name": "Post"},
        }
        for net, gross, wanted in (
            (500, 600, 20),
            ("416.6666666666667", 500, 20),
            (500, 500, 0),
            (500, 535, None),
        ):
            with self.subTest(net=net, gross=gross):
                money = {
                    "discountedPrice": Decimal(net),
                    "discountedPriceWithTax": gross,
                }
                self.order["shippingLines"] = [{**row, **money}]
                [delivery] = self.fetched().shipping
                self.assertEqual(wanted, delivery.tax_rate)
                self.assertEqual(Decimal(gross) / 100, delivery.amount)

    def test_empty_address_is_none(self) -> None:
        """Vendure keeps an object without a street where nobody entered one."""
        self.assertIsNone(self.fetched().shipping_address)

    def test_guest_without_customer(self) -> None:
        """The address has the name."""
        self.order["customer"] = None
        self.order["shippingAddress"] = {
            "fullName": "Ada Lovelace",
            "streetLine1": "Square 1",
            "countryCode": "gb",
        }
        order = self.fetched()
        self.assertEqual(("", "Ada Lovelace"), (order.customer.id, order.customer.name))
        assert order.shipping_address
        self.assertEqual("GB", order.shipping_address.country)

    def test_order_of_lists_does_not_matter(self) -> None:
        """Vendure lists the same order's lines in any order."""
        self.connector.report_shipment(self.shipment({x: 1 for x in self.lines}))
        first = self.connector.fetch_order("1")
        self.order["lines"].reverse()
        self.order["fulfillments"][0]["lines"].reverse()
        again = self.connector.fetch_order("1")
        assert first and again
        self.assertEqual(first.raw, again.raw)
