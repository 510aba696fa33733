"""How Vendure is polled, what its events say, and what it lists."""

import json
from datetime import timedelta
from decimal import Decimal
from unittest.mock import patch

from .. import signing, vendure
from ..data import (
    FetchOrder,
)
from ..errors import BadPayload, BadSignature, RetryLater
from ..testing.fake_channel import Fault
from ..transport import Request, Response
from .test_vendure_conformance import SECRET
from .vendure_case import VendureCase

BOX, BIN = "E-COM08", "E-COM10"


class TestPolling(VendureCase):
    """Nothing is left out, nothing is taken that nobody has bought."""

    def test_carts_drafts_and_collections_are_no_orders(self) -> None:
        """The orders of the sellers carry the goods of an aggregate one."""
        self.shop.add_order("1")
        for name, values in (
            ("cart", {"orderPlacedAt": None, "active": True}),
            ("draft", {"orderPlacedAt": None, "state": "Draft"}),
            ("whole", {"type": "Aggregate"}),
            ("sold", {"type": "Seller"}),
        ):
            self.shop.add_order(name)
            self.shop.books.orders[name].update(values)
        self.assertEqual(["1", "sold"], [order.order_id for order in self.poll()])
        found = [self.connector.fetch_order(n) for n in ("cart", "draft", "whole")]
        self.assertEqual([None, None, None], found)

    def test_looks_back_behind_the_cursor(self) -> None:
        """An order is dated when its transaction begins, and seen when it ends."""
        self.shop.add_order("1")
        self.clock.advance(59)
        self.assertEqual(["1"], [order.order_id for order in self.poll(0)])
        self.clock.advance(2)
        self.assertEqual([], self.poll(0))

    def test_order_moving_between_pages_hides_no_other(self) -> None:
        """While we page, the first order changes and moves to the end."""
        for number in range(5):
            self.clock.advance(5)
            self.shop.add_order(str(number))
        with patch.object(vendure, "PAGE", 2):
            pages = self.connector.fetch_orders(None)
            seen = [order.order_id for order in next(pages).orders]
            self.clock.advance(5)
            self.shop.add_order("0", version=2)
            seen += [order.order_id for page in pages for order in page.orders]
        self.assertEqual(["0", "1", "2", "3", "4", "0"], seen)

    def test_more_equal_dates_than_a_page(self) -> None:
        """A bulk update dates many orders alike, and dates are whole seconds."""
        for number in range(23):
            self.shop.add_order(f"{number:02}")
        with patch.multiple(vendure, PAGE=2, MOST=4):
            self.assertEqual(23, len({order.order_id for order in self.poll()}))

    def test_two_orders_of_one_second(self) -> None:
        """The second one comes after the first was polled, with the same date."""
        self.shop.add_order("1")
        [page] = self.connector.fetch_orders(None)
        self.shop.add_order("2")
        since = page.high_water
        found = [
            o.order_id for p in self.connector.fetch_orders(since) for o in p.orders
        ]
        self.assertEqual(["1", "2"], found)

    def test_orders_are_read_whole_in_bearable_calls(self) -> None:
        """Ids and dates are paged; what orders hold comes in smaller answers."""
        for number in range(50):
            self.shop.add_order(f"{number:02}")
        self.assertEqual(50, len(self.poll()))
        self.assertEqual((1, 3), (self.sent("HubOrderHeads"), self.sent("HubOrders")))

    def test_order_that_vendure_cannot_show_stops_no_other(self) -> None:
        """It is stored by its id alone; reading it says that, to a person."""
        for number in ("1", "2", "3"):
            self.shop.add_order(number)
        self._cannot_show("2")
        found = self.poll()
        self.assertEqual(["1", "2", "3"], [order.order_id for order in found])
        with self.assertRaises(BadPayload):
            self.connector.parse(found[1].raw, found[1].topic)

    def _cannot_show(self, order_id: str) -> None:
        handle = self.shop.handle

        def handler(call: Request) -> Response:
            if b"HubOrders(" in call.body and f'"{order_id}"'.encode() in call.body:
                error = {"message": "x", "extensions": {"code": "ENTITY_NOT_FOUND"}}
                body = json.dumps({"errors": [error], "data": None}).encode()
                return Response(200, {}, body)
            return handle(call)

        self.shop.transport._handler = handler

    def test_order_that_makes_no_sense_stops_no_other(self) -> None:
        """It is stored, and reading it says what is wrong."""
        self.shop.add_order("1")
        self.shop.add_order("2")
        self.shop.books.orders["1"]["totalWithTax"] = "a lot"
        bad, good = self.poll()
        self.assertEqual("2", self.told(good)[0].id)
        with self.assertRaisesRegex(BadPayload, "totalWithTax"):
            self.connector.parse(bad.raw, bad.topic)

    def test_trouble_is_not_taken_for_the_end(self) -> None:
        """A page that cannot be read leaves nothing out."""
        self.shop.add_order("1")
        self.shop.transport.faults = [None, Fault.RUBBISH]
        with self.assertRaises(RetryLater):
            self.poll()


class TestEvents(VendureCase):
    """A shop may tell which order changed, in Standard Webhooks."""

    RAW = b'{"type":"order.changed","timestamp":"x","data":{"id":"7"}}'

    def test_thin_event_names_the_order(self) -> None:
        """It is fetched, and filed with what is polled of it."""
        self.assertEqual([FetchOrder(order_id="7")], self.connector.parse(self.RAW, ""))
        self.assertEqual("order:7", self.connector.describe(self.RAW, {}).order_key)

    def test_other_events_concern_no_order(self) -> None:
        """Our own push is no news."""
        raw = b'{"type":"stock.moved","data":{"id":"7"}}'
        self.assertEqual([], self.connector.parse(raw, ""))

    def test_plugin_signs_as_standard_webhook(self) -> None:
        """Signed events are accepted, unsigned ones are not."""
        headers = signing.signed_headers(SECRET, "msg_1", self.clock(), self.RAW)
        self.connector.verify(self.RAW, headers, [SECRET], self.clock())
        self.assertEqual("msg_1", self.connector.dedupe_key(self.RAW, headers))
        late = self.clock() + timedelta(seconds=301)
        for given_headers, moment in (({}, self.clock()), (headers, late)):
            with self.assertRaises(BadSignature):
                self.connector.verify(self.RAW, given_headers, [SECRET], moment)


class TestListings(VendureCase):
    """Everything sold, and whether its number counts at all."""

    def tracked(self) -> dict[str, bool]:
        """Return whether each item is counted, by sku."""
        return {item.sku: item.tracked for item in self.connector.fetch_listings()}

    def test_what_is_not_counted_is_said(self) -> None:
        """Downloads are sold whatever their number is."""
        self.shop.variants["vA-1"]["trackInventory"] = "FALSE"
        self.assertEqual({"A-1": False, "B-2": True}, self.tracked())
        self.shop.variants["vA-1"]["trackInventory"] = "TRUE"
        self.shop.tracks = False
        self.assertEqual({"A-1": True, "B-2": False}, self.tracked())

    def test_all_pages(self) -> None:
        """More items than one answer has."""
        for number in range(450):
            self.shop.add_item(f"S-{number:03}", "main", Decimal(1))
        self.assertEqual(452, len(self.tracked()))
