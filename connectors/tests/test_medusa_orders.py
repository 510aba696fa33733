"""What recorded orders of a real Medusa 2.18.0 mean, and which orders are polled."""

import json
import unittest
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from unittest.mock import patch

from .. import medusa, medusa_payload, signing
from ..base import Resource
from ..data import FetchedOrder, FetchOrder, OrderSnapshot, PaymentStatus
from ..errors import BadPayload, BadSignature, RetryLater
from ..testing.fake_channel import FixedClock
from ..testing.fake_medusa import API_KEY, BASE_URL, FakeMedusa

SAMPLES = Path(__file__).parents[1] / "samples" / "medusa"
SECRET = "whsec_" + "c2VjcmV0IG9mIHRoZSBtZWR1c2Egc3Vic2NyaWJlcg=="


class MedusaCase(unittest.TestCase):
    """A connector in front of a fake shop with one item at two locations."""

    def setUp(self) -> None:
        """Build clock, shop and connector."""
        self.clock = FixedClock()
        self.shop = FakeMedusa(self.clock)
        self.key = self.shop.add_item("A-1", "main", Decimal(10))
        self.shop.add_item("B-2", "main", Decimal(10))
        self.connector = medusa.MedusaConnector(
            {"base_url": BASE_URL, "api_key": API_KEY}, self.shop.transport, self.clock
        )

    def parsed(self, order: FetchedOrder | None) -> OrderSnapshot:
        """Return the snapshot of a fetched order."""
        assert order is not None
        [event] = self.connector.parse(order.raw, order.topic)
        assert isinstance(event, OrderSnapshot)
        return event

    def sample(self, name: str) -> OrderSnapshot:
        """Return the snapshot of a recorded body."""
        raw = (SAMPLES / f"{name}.json").read_bytes()
        [event] = self.connector.parse(raw, medusa_payload.TOPIC)
        assert isinstance(event, OrderSnapshot)
        return event

    def poll(self, since_seconds_ago: float | None = None) -> list[FetchedOrder]:
        """Return the orders of all pages."""
        ago = since_seconds_ago
        since = None if ago is None else self.clock() - timedelta(seconds=ago)
        pages = self.connector.fetch_orders(since)
        return [order for page in pages for order in page.orders]


class TestRecordedOrders(MedusaCase):
    """One order through its life, as the real server told it."""

    def quantities(self, name: str) -> dict[str, tuple[int, int, int]]:
        """Return (ordered, cancelled, fulfilled) per sku."""
        return {
            line.sku: (
                int(line.quantity),
                int(line.cancelled_quantity),
                int(line.fulfilled_quantity),
            )
            for line in self.sample(name).lines
        }

    def test_placed(self) -> None:
        """Prices, discounts, taxes and the rounded total."""
        order = self.sample("order_placed")
        self.assertEqual(PaymentStatus.AUTHORIZED, order.payment_status)
        self.assertEqual("USD", order.currency)
        self.assertFalse(order.prices_include_tax)
        lines = {line.sku: line for line in order.lines}
        self.assertEqual({"SKU0", "SKU1"}, set(lines))
        line = lines["SKU1"]
        self.assertEqual(Decimal("11.25"), line.unit_price)
        self.assertEqual(Decimal("3.375"), line.discount)
        self.assertEqual(Decimal("8.25"), line.tax_rate)
        self.assertTrue(line.item_id.startswith("iitem_"))
        self.assertTrue(line.location_id.startswith("sloc_"))
        [shipping] = order.shipping
        self.assertEqual(Decimal("9.5"), shipping.amount)
        net = sum(x.quantity * x.unit_price - x.discount for x in order.lines)
        gross = (net + shipping.amount) * Decimal("1.0825")
        self.assertEqual(gross.quantize(Decimal("0.01")), order.total)
        address = order.shipping_address
        assert address is not None
        self.assertEqual(("TX", "US"), (address.state, address.country))
        self.assertEqual("ACME, Jane Doe", address.name)

    def test_versions_grow_through_the_life_of_an_order(self) -> None:
        """Also where Medusa's own version and date stand still."""
        names = (
            "order_placed",
            "order_captured",
            "order_reduced",
            "order_line_removed",
            "order_partly_fulfilled",
            "order_returned",
            "order_refunded",
        )
        orders = [self.sample(name) for name in names]
        self.assertEqual({orders[0].id}, {order.id for order in orders})
        versions = [order.version for order in orders]
        self.assertEqual(sorted(set(versions)), versions)

    def test_captured(self) -> None:
        """The payment is there though the order's own date did not move."""
        self.assertEqual(
            PaymentStatus.PAID, self.sample("order_captured").payment_status
        )

    def test_reduced_line_keeps_what_was_ordered(self) -> None:
        """An edit from two to one cancels one."""
        self.assertEqual(
            {"SKU0": (2, 1, 0), "SKU1": (3, 0, 0)}, self.quantities("order_reduced")
        )

    def test_removed_line_is_cancelled_not_gone(self) -> None:
        """Medusa no longer lists it; the hub must release its stock."""
        self.assertEqual(
            {"SKU0": (2, 2, 0), "SKU1": (3, 0, 0)},
            self.quantities("order_line_removed"),
        )
        order = self.sample("order_line_removed")
        [line] = [line for line in order.lines if line.sku == "SKU0"]
        self.assertEqual(Decimal("10.25"), line.unit_price)

    def test_partly_fulfilled(self) -> None:
        """Two of three left; the rest is still reserved where they left from."""
        self.assertEqual((3, 0, 2), self.quantities("order_partly_fulfilled")["SKU1"])
        [line] = [
            line
            for line in self.sample("order_partly_fulfilled").lines
            if line.sku == "SKU1"
        ]
        self.assertTrue(line.location_id.startswith("sloc_"))

    def test_edit_may_move_a_line(self) -> None:
        """Medusa reserved the rest of the edited line at the other location."""
        places = [
            line.location_id
            for name in ("order_placed", "order_reduced")
            for line in self.sample(name).lines
            if line.sku == "SKU0"
        ]
        self.assertEqual(2, len(set(places)))

    def test_return_changes_neither_quantity_nor_total(self) -> None:
        """Medusa takes what came back off its total; the customer paid for it."""
        before = self.sample("order_partly_fulfilled")
        after = self.sample("order_returned")
        self.assertEqual(before.total, after.total)
        self.assertEqual((3, 0, 2), self.quantities("order_returned")["SKU1"])
        self.assertEqual(
            [line.discount for line in before.lines],
            [line.discount.quantize(Decimal("0.001")) for line in after.lines],
        )

    def test_cancelled(self) -> None:
        """Everything is cancelled, nothing is owed."""
        order = self.sample("order_cancelled")
        self.assertTrue(order.cancelled)
        self.assertEqual({"SKU4": (1, 1, 0)}, self.quantities("order_cancelled"))

    def test_events_name_the_order_to_fetch(self) -> None:
        """The subscriber's thin events carry no order."""
        for path in sorted(SAMPLES.glob("event_*.json")):
            with self.subTest(path.name):
                data = json.loads(path.read_bytes())["data"]
                wanted = FetchOrder(order_id=data.get("order_id") or data["id"])
                self.assertEqual([wanted], self.connector.parse(path.read_bytes(), ""))
                delivery = self.connector.describe(path.read_bytes(), {})
                self.assertEqual(f"order:{wanted.order_id}", delivery.order_key)

    def test_other_events_concern_no_order(self) -> None:
        """Our own push echoes back and is no news."""
        raw = b'{"type":"inventory-level.updated","data":{"id":"ilev_1"}}'
        self.assertEqual([], self.connector.parse(raw, ""))

    def test_subscriber_signs_as_standard_webhook(self) -> None:
        """Signed events are accepted, unsigned ones are not."""
        raw = b'{"type":"order.placed","data":{"id":"order_1"}}'
        headers = signing.signed_headers(SECRET, "msg_1", self.clock(), raw)
        self.connector.verify(raw, headers, [SECRET], self.clock())
        self.assertEqual("msg_1", self.connector.dedupe_key(raw, headers))
        with self.assertRaises(BadSignature):
            self.connector.verify(raw, {}, [SECRET], self.clock())


class TestReading(MedusaCase):
    """Prices and items in the forms a shop can have them."""

    def fetched(self) -> OrderSnapshot:
        """Return order 1 as it is now."""
        return self.parsed(self.connector.fetch_order("1"))

    def test_kit_of_the_shop_is_not_mapped(self) -> None:
        """One unit of a six-pack must not be taken for one unit of its content."""
        self.shop.add_order("1")
        item = self.shop.books.orders["1"]["items"][0]
        item["variant"]["inventory_items"][0]["required_quantity"] = 6
        line = self.fetched().lines[0]
        self.assertEqual(("A-1 (Medusa kit of 6)", ""), (line.sku, line.item_id))

    def test_line_without_variant(self) -> None:
        """A custom line has a title and no sku."""
        self.shop.add_order("1")
        item = self.shop.books.orders["1"]["items"][0]
        item.update(variant=None, variant_sku=None, title="Engraving")
        line = self.fetched().lines[0]
        self.assertEqual(("", "", "Engraving"), (line.sku, line.item_id, line.title))

    def test_mixed_tax_regimes_become_one(self) -> None:
        """A gross price beside a net one is turned into a net one."""
        self.shop.add_order("1")
        gross, net = self.shop.books.orders["1"]["items"]
        gross.update(unit_price=Decimal(12), tax_lines=[{"id": "t", "rate": 20}])
        net.update(is_tax_inclusive=False)
        order = self.fetched()
        self.assertFalse(order.prices_include_tax)
        self.assertEqual(
            [Decimal(10), Decimal("0.5")], [line.unit_price for line in order.lines]
        )

    def test_currencies_round_to_their_own_decimals(self) -> None:
        """Medusa does not round its totals."""
        for currency, total in (("eur", "32.13"), ("jpy", "32"), ("kwd", "32.125")):
            self.shop.add_order("1")
            order = self.shop.books.orders["1"]
            order.update(currency_code=currency, total=Decimal("32.1254"))
            with self.subTest(currency):
                self.assertEqual(Decimal(total), self.fetched().total)

    def test_order_of_lists_does_not_matter(self) -> None:
        """Medusa lists the same order's lines in any order."""
        self.shop.add_order("1")
        first = self.connector.fetch_order("1")
        self.shop.books.orders["1"]["items"].reverse()
        again = self.connector.fetch_order("1")
        assert first and again
        self.assertEqual(first.raw, again.raw)


class TestPolling(MedusaCase):
    """Nothing is left out, nothing is taken that may vanish."""

    def test_capture_is_found_though_the_order_is_not_dated(self) -> None:
        """The payment leads to the order."""
        self.shop.add_order("1")
        self.clock.advance(3_600)
        self.assertEqual([], self.poll(60))
        self.shop.capture("1")
        [order] = self.poll(60)
        self.assertEqual(PaymentStatus.PAID, self.parsed(order).payment_status)

    def test_payments_have_a_position_of_their_own(self) -> None:
        """A round over the orders that takes several runs hides no capture."""
        self.shop.add_order("1")
        [page] = self.connector.poll(Resource.PAYMENTS, None)
        self.assertEqual(((), self.clock()), (page.orders, page.high_water))
        self.clock.advance(3_600)
        self.shop.capture("1")
        captured_at = self.clock()
        self.clock.advance(3_600)
        self.assertEqual([], [*self.pages(Resource.ORDERS, 60)])
        [found] = self.connector.poll(Resource.PAYMENTS, page.high_water)
        self.assertEqual(["1"], [order.order_id for order in found.orders])
        self.assertEqual(captured_at, found.high_water)

    def pages(self, resource: Resource, seconds_ago: float) -> list[FetchedOrder]:
        """Return the orders of all pages of one resource."""
        since = self.clock() - timedelta(seconds=seconds_ago)
        pages = self.connector.poll(resource, since)
        return [order for page in pages for order in page.orders]

    def test_moved_reservation_is_a_new_version(self) -> None:
        """When the order is read again, its line is elsewhere."""
        self.shop.add_order("1")
        before = self.parsed(self.connector.fetch_order("1"))
        self.clock.advance(5)
        now = self.shop.now()
        self.shop.reservations[0].update(location_id="shop", updated_at=now)
        after = self.parsed(self.connector.fetch_order("1"))
        self.assertGreater(after.version, before.version)
        self.assertEqual("shop", after.lines[0].location_id)

    def test_order_that_may_still_vanish_waits(self) -> None:
        """Medusa shows an order before it is reserved and paid, and may delete it."""
        self.shop.add_order("1")
        self.clock.advance(60)
        self.shop.add_order("2")
        self.shop.books.orders["2"]["payment_status"] = "not_paid"
        pages = list(self.connector.fetch_orders(None))
        self.assertEqual(["1"], [o.order_id for page in pages for o in page.orders])
        marks = [page.high_water for page in pages if page.high_water]
        self.assertEqual(self.clock() - timedelta(seconds=60), max(marks))
        self.clock.advance(11)
        self.assertEqual(["1", "2"], [order.order_id for order in self.poll()])

    def test_draft_is_no_order(self) -> None:
        """Nobody has bought anything yet."""
        self.shop.add_order("1")
        self.shop.books.orders["1"]["is_draft_order"] = True
        self.assertEqual([], self.poll())

    def test_order_moving_between_pages_hides_no_other(self) -> None:
        """While we page, the first order changes and moves to the end."""
        for number in range(5):
            self.clock.advance(1)
            self.shop.add_order(str(number))
        with patch.object(medusa, "PAGE", 2):
            pages = self.connector.fetch_orders(None)
            seen = [order.order_id for order in next(pages).orders]
            self.clock.advance(1)
            self.shop.add_order("0", version=2)
            seen += [order.order_id for page in pages for order in page.orders]
        self.assertEqual(["0", "1", "2", "3", "4", "0"], seen)

    def test_more_equal_dates_than_a_page(self) -> None:
        """A bulk update dates many orders alike."""
        for number in range(7):
            self.shop.add_order(str(number))
        with patch.object(medusa, "PAGE", 2):
            self.assertEqual(7, len(self.poll()))

    def test_edited_order_is_completed(self) -> None:
        """The line that vanished is fetched from the order's history."""
        lines = self.shop.add_order("1")
        self.clock.advance(5)
        self.shop.edit("1", lines[0], 1)
        self.shop.edit("1", lines[0], 0)
        [order] = self.poll()
        line = [x for x in self.parsed(order).lines if x.id == lines[0]][0]
        self.assertEqual((3, 3), (line.quantity, line.cancelled_quantity))

    def test_many_lines_are_asked_for_in_bearable_calls(self) -> None:
        """No address grows beyond what servers accept."""
        for number in range(60):
            self.shop.add_order(f"order_{number:026d}")
        self.poll()
        longest = max(len(call.url) for call in self.shop.transport.calls)
        self.assertLess(longest, 8_000)

    def test_order_that_makes_no_sense_stops_no_other(self) -> None:
        """It is stored, and reading it says what is wrong."""
        self.shop.add_order("1")
        self.shop.add_order("2")
        self.shop.books.orders["1"]["total"] = "a lot"
        self.shop.books.orders["1"].pop("created_at")
        bad, good = self.poll()
        self.assertEqual(["1", "2"], [bad.order_id, good.order_id])
        self.assertEqual("2", self.parsed(good).id)
        with self.assertRaises(BadPayload):
            self.connector.parse(bad.raw, bad.topic)

    def test_order_without_date_is_tried_again(self) -> None:
        """Nobody can page without dates."""
        self.shop.add_order("1")
        self.shop.books.orders["1"]["updated_at"] = None
        with self.assertRaises(RetryLater):
            self.poll()
