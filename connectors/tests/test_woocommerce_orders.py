"""Reading WooCommerce's orders: amounts to the cent, places, statuses, erasing."""

import json
import unittest
from decimal import Decimal
from typing import Any

from ..data import Address, ChargeKind, Customer, OrderSnapshot
from ..errors import BadPayload, RetryLater
from ..woocommerce_payload import trimmed, wrap
from .test_woocommerce_conformance import SAMPLES
from .woocommerce_case import WooCase


def line(**values: Any) -> dict[str, Any]:
    """Return one stored line that costs ten."""
    return {
        "id": "311",
        "name": "Lamp",
        "product_id": "12",
        "quantity": "1",
        "subtotal": "10",
        "total": "10",
        **values,
    }


def sum_of(snapshot: OrderSnapshot) -> Decimal:
    """Return what the parts of an order add up to, taxes included."""
    total = Decimal(0)
    parts = [
        (item.quantity * item.unit_price - item.discount, item.tax_rate)
        for item in snapshot.lines
    ]
    parts += [(charge.amount, charge.tax_rate) for charge in snapshot.shipping]
    for amount, rate in parts:
        factor = 1 if snapshot.prices_include_tax else 1 + (rate or 0) / 100
        total += amount * factor
    return total.quantize(Decimal("0.01"))


class TestAmounts(WooCase):
    """Net amounts and taxes, with coupons in the totals already."""

    def test_prices_without_tax(self) -> None:
        """What a coupon takes off is the line's discount."""
        snapshot, _ = self.sample("order_processing")
        first, second = snapshot.lines
        self.assertFalse(snapshot.prices_include_tax)
        self.assertEqual(
            [("20.00", "5.00", "19.00"), ("20.00", "0.00", "19.00")],
            [
                (str(item.unit_price), str(item.discount), str(item.tax_rate))
                for item in (first, second)
            ],
        )
        self.assertEqual(("12", "20/34"), (first.item_id, second.item_id))
        self.assertEqual("Ship Your Idea – Green", second.title)
        self.assertEqual(Decimal("118.04"), snapshot.total)
        self.assertEqual(snapshot.total, sum_of(snapshot))

    def test_prices_with_tax(self) -> None:
        """Net and tax are added up; a fee without tax stays without."""
        snapshot, _ = self.sample("order_guest_taxes_included")
        self.assertTrue(snapshot.prices_include_tax)
        self.assertEqual(Decimal("8.48"), snapshot.lines[0].unit_price)
        self.assertEqual(Decimal(6), snapshot.lines[0].tax_rate)
        [fee] = snapshot.shipping
        self.assertEqual(
            (ChargeKind.FEE, Decimal("0.25"), Decimal(0)),
            (fee.kind, fee.amount, fee.tax_rate),
        )
        self.assertEqual(Decimal("25.69"), snapshot.total)
        self.assertEqual(snapshot.total, sum_of(snapshot))

    def test_price_that_does_not_come_out_even(self) -> None:
        """Three for ten: ten it is."""
        snapshot = self.changed_sample(
            "order_processing", line_items=[line(quantity="3")], tax_lines=[]
        )
        [item] = snapshot.lines
        self.assertEqual(Decimal("3.3333333333"), item.unit_price)
        self.assertAlmostEqual(10, item.unit_price * 3 - item.discount, places=8)

    def test_price_as_number_or_text(self) -> None:
        """It is all there is where plugins leave subtotals out."""
        for price in (4, "4", Decimal("4.0")):
            with self.subTest(price=price):
                bare = line(quantity="3", price=str(price), subtotal="", total="12")
                snapshot = self.changed_sample(
                    "order_processing", line_items=[bare], tax_lines=[]
                )
                self.assertEqual(Decimal(4), snapshot.lines[0].unit_price)

    def test_line_that_was_made_dearer(self) -> None:
        """By a plugin that writes the total only: no negative discount."""
        snapshot = self.changed_sample(
            "order_processing", line_items=[line(total="12")], tax_lines=[]
        )
        [item] = snapshot.lines
        self.assertEqual((12, 0), (item.unit_price, item.discount))

    def test_voucher_as_negative_fee(self) -> None:
        """It is given, not charged."""
        fee = {"id": "1", "name": "Voucher", "total": "-5.00", "total_tax": "0"}
        snapshot = self.changed_sample("order_processing", fee_lines=[fee])
        self.assertEqual(Decimal("-5.00"), snapshot.shipping[-1].amount)

    def test_amounts_keep_their_cents(self) -> None:
        """And lose the zeros that were asked for."""
        for text, expected in {
            "118.040000": "118.04",
            "20.000000": "20.00",
            "3.333333": "3.333333",
            "0": "0.00",
            "1E+3": "1000.00",
            "0.0010": "0.001",
        }.items():
            self.assertEqual(expected, str(trimmed(Decimal(text))))


class TestTaxes(WooCase):
    """The rate of a line."""

    def rate(self, item: dict[str, Any], *tax_lines: dict[str, Any]) -> Decimal:
        """Return the rate of one line of an order with these taxes."""
        snapshot = self.changed_sample(
            "order_processing", line_items=[item], tax_lines=list(tax_lines)
        )
        found = snapshot.lines[0].tax_rate
        assert found is not None
        return found

    def test_two_taxes_add_up(self) -> None:
        """State and county."""
        taxes = [{"id": "1", "total": "0.6"}, {"id": "2", "total": "0.125"}]
        rates = [
            {"rate_id": "1", "rate_percent": "6"},
            {"rate_id": "2", "rate_percent": "1.25"},
        ]
        self.assertEqual(Decimal("7.25"), self.rate(line(taxes=taxes), *rates))

    def test_compound_tax_is_on_top(self) -> None:
        """Five percent, and ten on what that makes."""
        taxes = [{"id": "1", "total": "0.5"}, {"id": "2", "total": "1.05"}]
        rates = [
            {"rate_id": "1", "rate_percent": "5"},
            {"rate_id": "2", "rate_percent": "10", "compound": True},
        ]
        self.assertEqual(Decimal("15.5"), self.rate(line(taxes=taxes), *rates))

    def test_rate_that_does_not_apply(self) -> None:
        """It is named with an empty amount, or none."""
        for amount in ("", "0.00"):
            taxes = [{"id": "1", "total": amount}]
            rate = {"rate_id": "1", "rate_percent": "19"}
            with self.subTest(amount=amount):
                self.assertEqual(0, self.rate(line(taxes=taxes), rate))

    def test_tax_of_what_is_free(self) -> None:
        """The rate is known though there is nothing to pay."""
        free = line(subtotal="10", total="0", taxes=[{"id": "1", "total": "0"}])
        rate = {"rate_id": "1", "rate_percent": "19"}
        self.assertEqual(19, self.rate(free, rate))

    def test_rate_without_its_percentage(self) -> None:
        """Older shops do not name it: it follows from the amounts."""
        taxed = line(total_tax="1.9", taxes=[{"id": "1", "total": "1.9"}])
        self.assertEqual(19, self.rate(taxed, {"rate_id": "1"}))
        self.assertEqual(19, self.rate(line(total_tax="1.9")))
        self.assertEqual(0, self.rate(line()))


class TestHead(WooCase):
    """Who, where to, when, and whether at all."""

    def test_person_and_places(self) -> None:
        """Codes alone for country and state."""
        snapshot, _ = self.sample("order_processing")
        self.assertEqual(
            Customer(
                id="26",
                email="ada@example.com",
                name="Ada Lovelace",
                phone="+49 30 5550100",
            ),
            snapshot.customer,
        )
        self.assertEqual(
            Address(
                name="Engines Ltd, Ada Lovelace",
                street="12 Analytical Row",
                street2="Second floor",
                city="Berlin",
                zip="10115",
                state="BE",
                country="DE",
            ),
            snapshot.shipping_address,
        )
        self.assertEqual("Ring twice, ask for Charles", snapshot.note)
        self.assertEqual("#4711", snapshot.name)
        self.assertEqual("ch_3PqExample", snapshot.payment_reference)
        self.assertEqual("2026-11-20T10:15:02+00:00", snapshot.placed_at.isoformat())
        self.assertEqual(1795169800, snapshot.version)

    def test_guest_has_no_id(self) -> None:
        """Customer 0 is nobody, and the number may be any text."""
        snapshot, _ = self.sample("order_guest_taxes_included")
        self.assertEqual("", snapshot.customer.id)
        self.assertEqual("Charles Babbage", snapshot.customer.name)
        self.assertEqual(("#2026-4712", "4712"), (snapshot.name, snapshot.id))

    def test_empty_delivery_address_means_the_other_one(self) -> None:
        """As in shops that ship to the billing address only."""
        snapshot, _ = self.sample("order_guest_taxes_included")
        self.assertEqual(snapshot.billing_address, snapshot.shipping_address)

    def test_php_writes_an_empty_address_as_a_list(self) -> None:
        """And some plugins leave it out."""
        for nothing in ([], None):
            snapshot = self.changed_sample(
                "order_processing", shipping=nothing, billing=nothing
            )
            self.assertIsNone(snapshot.shipping_address)
            self.assertEqual(Customer(id="26"), snapshot.customer)

    def test_states(self) -> None:
        """Without the country's code, where WooCommerce puts it before."""
        for country, state, expected in (
            ("US", "CA", "CA"),
            ("JP", "JP13", "13"),
            ("DE", "DE-BY", "BY"),
            ("GB", "Kent", "Kent"),
        ):
            place = {"city": "X", "country": country.lower(), "state": state}
            snapshot = self.changed_sample("order_processing", shipping=place)
            assert snapshot.shipping_address is not None
            self.assertEqual(expected, snapshot.shipping_address.state)
            self.assertEqual(country, snapshot.shipping_address.country)

    def test_which_statuses_are_over(self) -> None:
        """Those of plugins are open."""
        expected = {
            "order_pending": False,
            "order_processing": False,
            "order_completed": False,
            "order_status_of_plugin": False,
            "order_cancelled": True,
            "order_failed": True,
            "order_bin": True,
            "order_fully_refunded": True,
        }
        found = {name: self.sample(name)[0].cancelled for name in expected}
        self.assertEqual(expected, found)
        on_hold = self.changed_sample("order_processing", status="on-hold")
        self.assertFalse(on_hold.cancelled)

    def test_product_deleted_since(self) -> None:
        """Its name stands where its SKU would, so that a person can map it."""
        snapshot, _ = self.sample("order_guest_taxes_included")
        item = snapshot.lines[1]
        self.assertEqual(("", "A lamp nobody sells any more"), (item.item_id, item.sku))

    def test_later_change_has_a_later_version(self) -> None:
        """By whole seconds; within one the hub lets the later message count."""
        self.place("1001")
        first, _ = self.read("1001")
        self.shop.touch("1001", transaction_id="x")
        same, _ = self.read("1001")
        self.clock.advance(1)
        self.shop.touch("1001")
        later, _ = self.read("1001")
        self.assertEqual(first.version, same.version)
        self.assertEqual(first.version + 1, later.version)

    def test_change_within_a_second_has_a_key_of_its_own(self) -> None:
        """It must not count as a repeat."""
        self.place("1001")
        first = self.connector.fetch_order("1001")
        self.shop.touch("1001", transaction_id="x")
        second = self.connector.fetch_order("1001")
        assert first and second
        self.assertNotEqual(first.dedupe_key, second.dedupe_key)


class TestStoring(unittest.TestCase):
    """What of an answer is kept."""

    def orders(self) -> list[dict[str, Any]]:
        """Return orders as a shop answers them."""
        text = (SAMPLES / "api" / "orders.json").read_text("utf-8")
        orders: list[dict[str, Any]] = json.loads(text, parse_float=Decimal)
        return orders

    def test_what_nobody_asked_for_is_not_kept(self) -> None:
        """Addresses of computers, keys of orders, traces of advertising."""
        raw = wrap(self.orders()[0], []).raw.decode()
        for text in ("198.51.100.7", "Mozilla", "wc_order_", "attribution", "_links"):
            self.assertNotIn(text, raw)

    def test_order_without_id_is_not_stored(self) -> None:
        """Nobody could ask for it again."""
        for nothing in (None, "4711", 0, True):
            with self.assertRaises(RetryLater):
                wrap({**self.orders()[0], "id": nothing}, [])

    def test_broken_order_is_stored_and_fails_in_front_of_a_person(self) -> None:
        """The others go on."""
        broken = {**self.orders()[0], "date_modified_gmt": "?", "line_items": {"1": 2}}
        stored = wrap(broken, [])
        self.assertEqual("4711", stored.order_id)
        self.assertTrue(stored.dedupe_key.startswith("order:4711::"))
        case = WooCase()
        case.setUp()
        self.assertRaises(BadPayload, case.connector.parse, stored.raw, stored.topic)

    def test_lists_have_one_order(self) -> None:
        """The same order gives the same bytes, however the shop sorts."""
        order = self.orders()[0]
        turned = {**order, "line_items": order["line_items"][::-1]}
        self.assertEqual(wrap(order, []).raw, wrap(turned, []).raw)
