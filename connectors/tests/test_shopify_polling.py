"""Which of Shopify's orders are read, and that all of each is read."""

import functools
import json
import re
import unittest
from datetime import timedelta
from decimal import Decimal
from typing import Any
from unittest.mock import patch

from .. import shopify_payload as payload
from .. import shopify_polling
from ..data import FetchedOrder, OrderSnapshot, ReturnSnapshot
from ..errors import BadPayload, Misconfigured, RateLimited, RetryLater
from ..shopify import ShopifyConnector
from ..strict_json import format_time
from ..testing.fake_channel import FakeTransport, FixedClock
from ..testing.fake_shopify import ACCESS_TOKEN, BASE_URL, FakeShopify, TopError
from ..testing.fake_shopify_reading import page
from ..testing.shopify_sale import Sale, gid
from . import shopify_schema

Row = dict[str, Any]


class ShopifyCase(unittest.TestCase):
    """A connector in front of a shop in memory."""

    def setUp(self) -> None:
        """Build clock, shop and connector."""
        self.clock = FixedClock()
        self.shop = FakeShopify(self.clock)
        self.connector = self.connect()

    def connect(self, **config: str) -> ShopifyConnector:
        """Return a connector with further settings."""
        return ShopifyConnector(
            {"base_url": BASE_URL, "access_token": ACCESS_TOKEN, **config},
            self.shop.transport,
            self.clock,
        )

    def put(self, sale: Sale) -> Row:
        """Store a sale as the shop has it now."""
        order = sale.order()
        self.shop.books.orders[str(sale.number)] = order
        return order

    def fetched(self, order_id: str = "1001") -> FetchedOrder:
        """Return one order as it is read."""
        order = self.connector.fetch_order(order_id)
        assert order is not None
        return order

    def events(self, order: FetchedOrder) -> tuple[OrderSnapshot, list[ReturnSnapshot]]:
        """Return what a read order says."""
        first, *rest = self.connector.parse(order.raw, order.topic)
        assert isinstance(first, OrderSnapshot)
        return first, rest  # type: ignore[return-value]

    def poll(self, seconds_ago: float | None = None) -> list[str]:
        """Return the ids of all pages, repeats included."""
        since = None
        if seconds_ago is not None:
            since = self.clock() - timedelta(seconds=seconds_ago)
        pages = self.connector.fetch_orders(since)
        return [order.order_id for page in pages for order in page.orders]

    def asked(self) -> list[str]:
        """Return the names of the operations that were called."""
        documents = [json.loads(c.body)["query"] for c in self.shop.transport.calls]
        return [document.split()[1].partition("(")[0] for document in documents]


class TestWholeOrders(ShopifyCase):
    """Everything that has more entries than one answer is read to its end."""

    def busy_sale(self) -> Sale:
        """Return a sale with several of everything."""
        sale = Sale([(1000, 6, 100), (250, 4, 0), (99, 3, 0)], number=1001)
        for index in range(3):
            for _parcel in range(2):
                sale.ship(index, 1)
        sale.cancel(0, 1)
        sale.refund(0, 1)
        for _return in range(2):
            back = sale.announce(0, 1)
            sale.dispose(back, "RESTOCKED", 1)
        charges = sale.order()["shippingLines"]
        second = {**charges[0], "id": gid("ShippingLine", 10018)}
        sale.extra["shippingLines"] = [*charges, second]
        return sale

    def test_pages_of_one_hold_the_same_as_one_page(self) -> None:
        """Lines, places, parcels, refunds, returns and their own lines."""
        order = self.put(self.busy_sale())
        whole = self.fetched()
        self.assertEqual(payload.wrap(order).raw[:50], whole.raw[:50])
        self.shop.nested = 1
        self.assertEqual(whole.raw, self.fetched().raw)
        self.assertEqual(6, whole.raw.count(b"fulfillmentLineItems"))
        self.assertEqual(
            set(payload.COSTS) - {payload.ORDERS, payload.OWNER},
            self.documents(),
        )

    def documents(self) -> set[str]:
        """Return every document that was sent."""
        return {json.loads(call.body)["query"] for call in self.shop.transport.calls}

    def test_usual_order_takes_one_call(self) -> None:
        """Points are scarce on the smallest plan: a hundred a second."""
        self.put(Sale([(1000, 2, 0)]))
        self.fetched()
        self.assertEqual(["HubOrder"], self.asked())

    def test_order_that_changes_meanwhile_is_read_again(self) -> None:
        """Half of one version and half of the next would be neither."""
        sale = Sale([(1000, 2, 0), (500, 2, 0)])
        self.put(sale)
        self.shop.nested = 1
        ask = self.shop.answers["HubOrderLines"]
        times = []

        def change(given: Row) -> Row:
            answer = ask(given)
            if not times:
                sale.cancel(1, 1)
                self.put(sale)
            times.append(1)
            return answer

        self.shop.answers["HubOrderLines"] = change
        order, _returns = self.events(self.fetched())
        self.assertEqual([0, 1], [line.cancelled_quantity for line in order.lines])
        self.assertEqual(2, self.asked().count("HubOrder"))

    def test_order_that_never_rests_is_taken_as_it_is(self) -> None:
        """Its date moved, so that the next poll finds it."""
        sale = Sale([(1000, 2, 0), (500, 2, 0)])
        self.put(sale)
        self.shop.nested = 1
        self.shop.answers["HubOrderDate"] = lambda given: {
            "order": {"id": given["id"], "updatedAt": "2026-11-21T12:00:00Z"}
        }
        self.assertEqual("1001", self.fetched().order_id)
        self.assertEqual(3, self.asked().count("HubOrder"))

    def test_part_that_is_gone_is_tried_again(self) -> None:
        """Somebody is at work on the order."""
        sale = Sale([(1000, 2, 0)])
        sale.cancel(0, 1)
        self.put(sale)
        self.shop.answers["HubRefund"] = lambda given: {"refund": None}
        with self.assertRaises(RetryLater):
            self.fetched()

    def test_endless_pages_are_refused(self) -> None:
        """A cursor that does not move would never end."""
        self.put(Sale([(1000, 2, 0), (500, 2, 0)]))
        self.shop.nested = 1
        rows: Row = {"nodes": [], "pageInfo": {"hasNextPage": True, "endCursor": "x"}}
        self.shop.answers["HubOrderLines"] = lambda given: {
            "order": {"id": given["id"], "lineItems": rows}
        }
        with self.assertRaises(RetryLater):
            self.fetched()

    def test_stored_form_does_not_depend_on_shopifys_order(self) -> None:
        """The same order read twice is a repeat."""
        sale = self.busy_sale()
        order = self.put(sale)
        first = self.fetched()
        for name in ("lineItems", "fulfillments", "refunds", "returns"):
            order[name].reverse()
        self.assertEqual(first, self.fetched())


class TestWhichOrders(ShopifyCase):
    """Nothing is left out, and what is not there is said."""

    def test_by_the_number_or_by_what_belongs_to_it(self) -> None:
        """Some deliveries name a fulfilment order, a return or a refund only."""
        sale = Sale([(1000, 3, 0)])
        sale.ship(0, 1)
        sale.refund(0, 1)
        sale.announce(0, 1)
        order = self.put(sale)
        [back] = order["returns"]
        for owned in (
            order["fulfillmentOrders"][0],
            order["fulfillments"][0],
            order["refunds"][0],
            back,
            back["reverseFulfillmentOrders"][0],
        ):
            with self.subTest(owned["id"]):
                self.assertEqual("1001", self.fetched(owned["id"]).order_id)

    def test_unknown_ids_are_no_orders(self) -> None:
        """Whatever they look like; nothing is asked for what can be no id."""
        for wrong in ("404", gid("Return", 5)):
            self.assertIsNone(self.connector.fetch_order(wrong))
        self.shop.transport.calls.clear()
        for wrong in ("", "0", "abc", gid("Product", 5), gid("Return", "x"), "1 1"):
            self.assertIsNone(self.connector.fetch_order(wrong), wrong)
        self.assertEqual([], self.shop.transport.calls)

    def test_order_moving_between_pages_hides_no_other(self) -> None:
        """While we page, the first order changes and moves to the end."""
        for number in range(5):
            self.clock.advance(1)
            self.shop.add_order(str(2000 + number))
        with patch.object(shopify_polling, "PAGE", 2):
            pages = self.connector.fetch_orders(None)
            seen = [order.order_id for order in next(pages).orders]
            self.clock.advance(1)
            self.shop.add_order("2000", version=2)
            seen += [order.order_id for page in pages for order in page.orders]
        self.assertEqual(["2000", "2001", "2002", "2003", "2004", "2000"], seen)

    def test_more_equal_dates_than_a_page(self) -> None:
        """A bulk change dates many orders alike; a cursor gets past them."""
        for number in range(7):
            self.shop.add_order(str(2000 + number))
        with patch.object(shopify_polling, "PAGE", 2):
            self.assertEqual([str(2000 + number) for number in range(7)], self.poll())

    def test_poll_looks_back_behind_its_cursor(self) -> None:
        """The list is a search index and knows a change a moment later."""
        self.shop.add_order("2000")
        self.clock.advance(119)
        self.assertEqual(["2000"], self.poll(0))
        self.clock.advance(2)
        self.assertEqual([], self.poll(0))

    def test_what_came_late_is_read_last(self) -> None:
        """It keeps nothing waiting, and moves no cursor."""
        for number in ("2000", "2001"):
            self.shop.add_order(number)
            self.clock.advance(60)
        since = self.clock() - timedelta(seconds=60)
        pages = list(self.connector.fetch_orders(since))
        self.assertEqual(
            [(["2001"], since), (["2000"], None)],
            [([o.order_id for o in p.orders], p.high_water) for p in pages],
        )

    def test_cursor_follows_the_clock_where_nothing_happens(self) -> None:
        """Or the last busy minutes would be read with every poll for ever."""
        self.shop.add_order("2000")
        since = self.clock()
        self.clock.advance(900)
        pages = list(self.connector.fetch_orders(since))
        marks = [page_.high_water for page_ in pages if page_.high_water]
        self.assertEqual(self.clock() - timedelta(minutes=10), max(marks))
        self.shop.transport.calls.clear()
        self.assertEqual([], list(self.connector.fetch_orders(max(marks))))
        self.assertEqual(["HubOrders", "HubOrders"], self.asked())

    def test_few_points_hold_nothing_up(self) -> None:
        """On the smallest plan a poll ends early, but further than the last one."""
        for number in range(40):
            self.clock.advance(3)
            self.shop.add_order(str(2000 + number))
        self.shop.costs = {"HubOrder": 600.0, "HubOrders": 100.0}
        self.shop.points = 2000.0
        cursor, found, rounds = None, [], 0
        while len(set(found)) < 40:
            rounds += 1
            self.assertLess(rounds, 15)
            self.connector.transport = FakeTransport(self.shop.handle, self.clock)
            vars(self.connector).pop("_client", None)
            before = cursor
            try:
                for page_ in self.connector.fetch_orders(cursor):
                    found += [order.order_id for order in page_.orders]
                    cursor = max(filter(None, (cursor, page_.high_water)))
            except RateLimited as error:
                self.clock.advance(error.after or 0)
            self.assertNotEqual(before, cursor)

    def test_fractions_of_a_second_lose_no_order(self) -> None:
        """Shopify dates by the second, the cursor may be finer."""
        self.shop.add_order("2000")
        self.clock.advance(120.5)
        self.assertEqual(["2000"], self.poll(0))

    def test_test_orders_are_passed_over(self) -> None:
        """Nobody paid for them; but they move the cursor."""
        self.shop.add_order("2000")
        self.shop.books.orders["2000"]["test"] = True
        [page_] = self.connector.fetch_orders(None)
        self.assertEqual(((), self.clock()), (page_.orders, page_.high_water))
        fetched = self.fetched("2000")
        self.assertEqual([], self.connector.parse(fetched.raw, fetched.topic))
        taking = self.connect(test_orders=" Yes ")
        [page_] = taking.fetch_orders(None)
        [order] = page_.orders
        self.assertEqual(1, len(taking.parse(order.raw, order.topic)))

    def test_order_that_makes_no_sense_stops_no_other(self) -> None:
        """It is stored, and reading it says what is wrong."""
        self.shop.add_order("2000")
        self.shop.add_order("2001")
        self.shop.books.orders["2000"]["updatedAt"] += " or so"
        self.shop.books.orders["2000"]["taxesIncluded"] = None
        with self.assertRaises(RetryLater):
            self.poll()
        self.shop.books.orders["2000"]["updatedAt"] = format_time(self.clock())
        self.assertEqual(["2000", "2001"], self.poll())
        fetched = self.fetched("2000")
        with self.assertRaisesRegex(BadPayload, "taxesIncluded"):
            self.connector.parse(fetched.raw, fetched.topic)

    def test_missing_scope_is_named(self) -> None:
        """A person has to give it to the app."""

        def denied(_given: Row) -> Row:
            raise TopError(
                "ACCESS_DENIED", "Access denied.", requiredAccess="`read_orders` scope"
            )

        self.shop.answers["HubOrders"] = denied
        with self.assertRaisesRegex(Misconfigured, "read_orders"):
            self.poll()

    def test_empty_list_has_no_date(self) -> None:
        """The cursor stays where it is."""
        self.assertEqual([], list(self.connector.fetch_orders(None)))


@unittest.skipUnless(shopify_schema.is_there(), shopify_schema.REASON)
class TestDocuments(ShopifyCase):
    """What is asked, against Shopify's own schema."""

    def test_costs_are_what_is_told_to_the_limiter(self) -> None:
        """And none is more than a single query may cost."""
        for document, told in payload.COSTS.items():
            cost = shopify_schema.cost(document)
            with self.subTest(document.split()[1]):
                self.assertLessEqual(cost, told)
                self.assertLessEqual(told, 1000)
                self.assertLess(told - cost, 12)

    def test_documents_are_valid_and_ask_for_all_that_is_kept(self) -> None:
        """Run by the schema, they find in a shop what the fake answers unasked."""
        self.put(TestWholeOrders.busy_sale(TestWholeOrders()))
        answered = self.fetched()
        for document in payload.COSTS:
            name = document.split()[1].partition("(")[0]
            self.shop.answers[name] = functools.partial(self.run_document, document)
        self.assertEqual(answered.raw, self.fetched().raw)
        # And with pages of one, each part of the order is asked for by itself.
        small = re.sub(r"first: [0-9]+", "first: 1", payload.ORDER)
        self.shop.answers["HubOrder"] = functools.partial(self.run_document, small)
        with (
            patch.object(payload, "PARCELS", 1),
            patch.object(payload, "REFUNDS", 1),
        ):
            self.assertEqual(answered.raw, self.fetched().raw)

    def run_document(self, document: str, variables: Row) -> Row:
        """Answer a document by what the schema makes of it."""
        graphql = shopify_schema.graphql
        self.assertEqual([], shopify_schema.problems(document))
        schema = shopify_schema.schema(
            shopify_schema.names_in(shopify_schema.documents().values())
        )
        result = graphql.execute(
            schema,
            graphql.parse(document),
            self.rows(),
            variable_values=variables,
            field_resolver=_resolve,
            type_resolver=_type_of,
        )
        self.assertIsNone(result.errors)
        return result.data  # type: ignore[no-any-return]

    def rows(self) -> Row:
        """Return everything by its wire id, below the name of the query."""
        [order] = self.shop.books.orders.values()
        found = [order, *order["refunds"], *order["returns"]]
        found += [*order["fulfillments"], *order["fulfillmentOrders"]]
        for back in order["returns"]:
            found += back["reverseFulfillmentOrders"]
        return {"by_id": {row["id"]: row for row in found}}


def _resolve(source: Row, info: Any, **given: Any) -> Any:
    """Find a row by its id, cut a page, or read a value."""
    if "by_id" in source:
        return source["by_id"].get(given["id"])
    value = source.get(info.field_name)
    if isinstance(value, list) and info.return_type is not None:
        kind = shopify_schema.graphql.get_named_type(info.return_type)
        if kind.name.endswith("Connection"):
            return page(value, given.get("after"), given["first"])
        return value[: given.get("first")]
    return float(value) if isinstance(value, Decimal) else value


def _type_of(row: Row, *_args: Any) -> str:
    return str(row["id"]).split("/")[3]
