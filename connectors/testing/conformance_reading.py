"""Conformance of what is polled: orders, listings, locations."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from ..base import Resource
from ..data import FetchedOrder, OrderSnapshot
from .conformance_base import ConformanceBase


class ReadingConformance(ConformanceBase):
    """Nothing is left out, and the same version always looks the same."""

    def add_orders(self, count: int) -> list[str]:
        """Store orders a minute apart and return their ids, oldest first."""
        ids = []
        for number in range(count):
            self.clock.advance(60)
            ids.append(f"{2_000 + number}")
            self.server.add_order(ids[-1])
        return ids

    def poll(self, since_seconds_ago: float | None = None) -> list[FetchedOrder]:
        """Return the orders of all pages."""
        since = None
        if since_seconds_ago is not None:
            since = self.clock() - timedelta(seconds=since_seconds_ago)
        return [
            order
            for page in self.connector.fetch_orders(since)
            for order in page.orders
        ]

    def parsed(self, order: FetchedOrder) -> OrderSnapshot:
        """Return the one snapshot a polled order holds."""
        [event] = self.connector.parse(order.raw, order.topic)
        self.assertIsInstance(event, OrderSnapshot)
        assert isinstance(event, OrderSnapshot)  # noqa: S101 - for the type checker
        return event

    def test_all_orders_are_polled(self) -> None:
        """Over several pages, each at least once."""
        self.need("polling")
        ids = self.add_orders(2 * self.server.page_size + 1)
        orders = self.poll()
        self.assertEqual(ids, list(dict.fromkeys(order.order_id for order in orders)))
        self.assertEqual(ids, [self.parsed(order).id for order in orders])

    def test_polling_since_includes_the_moment(self) -> None:
        """What changed exactly then comes; what did not change may be left out."""
        self.need("polling")
        ids = self.add_orders(3)
        polled = {order.order_id for order in self.poll(since_seconds_ago=60)}
        self.assertLessEqual(set(ids[1:]), polled)

    def test_no_orders(self) -> None:
        """An empty channel gives no order and no high water."""
        self.need("polling")
        pages = list(self.connector.fetch_orders(None))
        self.assertEqual([], [order for page in pages for order in page.orders])
        self.assertEqual({None}, {page.high_water for page in pages} | {None})

    def test_high_water_is_the_newest_change(self) -> None:
        """The cursor may move so far and no further."""
        self.need("polling")
        self.add_orders(3)
        marks = [page.high_water for page in self.connector.fetch_orders(None)]
        self.assertEqual(self.clock(), max(mark for mark in marks if mark))
        self.assertTrue(all(m.utcoffset() == timedelta(0) for m in marks if m))

    def test_reading_goes_on_behind_any_page(self) -> None:
        """Stopped there, and begun again from the newest change seen: all come."""
        self.need("polling")
        ids = self.add_orders(2 * self.server.page_size + 1)
        page_count = len(list(self.connector.fetch_orders(None)))
        self.assertGreater(page_count, 1)
        for stop in range(1, page_count):
            pages = self.connector.fetch_orders(None)
            read = [next(pages) for _page in range(stop)]
            mark = max(page.high_water for page in read if page.high_water)
            read += self.connector.fetch_orders(mark)
            found = [order.order_id for page in read for order in page.orders]
            self.assertEqual(ids, list(dict.fromkeys(found)))

    def test_every_resource_is_polled(self) -> None:
        """From the beginning and from a moment, each with pages of its own."""
        self.need("polling")
        ids = self.add_orders(3)
        self.assertIn(Resource.ORDERS, self.connector.resources)
        for since in (None, self.clock() - timedelta(days=1)):
            found = {
                resource: [
                    order.order_id
                    for page in self.connector.poll(resource, since)
                    for order in page.orders
                ]
                for resource in self.connector.resources
            }
            self.assertEqual(ids, list(dict.fromkeys(found[Resource.ORDERS])))

    def test_polled_order_is_stable(self) -> None:
        """The same version has the same key, whenever it is polled."""
        self.need("polling")
        self.add_orders(1)
        [first] = self.poll()
        self.clock.advance(3_600)
        [again] = self.poll()
        self.assertEqual(first.dedupe_key, again.dedupe_key)
        self.assertEqual(first.raw, again.raw)

    def test_changed_order_has_another_key(self) -> None:
        """A new version is not taken for a repeat."""
        self.need("polling")
        [order_id] = self.add_orders(1)
        [first] = self.poll()
        self.clock.advance(60)
        self.server.add_order(order_id, version=2)
        [changed] = self.poll()
        self.assertEqual(order_id, changed.order_id)
        self.assertNotEqual(first.dedupe_key, changed.dedupe_key)
        self.assertGreater(self.parsed(changed).version, self.parsed(first).version)

    def test_one_order_is_fetched(self) -> None:
        """As polling would bring it; None for one the channel does not have."""
        ids = self.add_orders(3)
        fetched = self.connector.fetch_order(ids[1])
        self.assertIsNotNone(fetched)
        assert fetched is not None  # noqa: S101 - for the type checker
        self.assertEqual(ids[1], fetched.order_id)
        self.assertEqual(ids[1], self.parsed(fetched).id)
        self.assertIsNone(self.connector.fetch_order("404"))

    def test_lines_are_named(self) -> None:
        """Each line can be told apart, and names what was sold."""
        lines = self.server.add_order("1001")
        fetched = self.connector.fetch_order("1001")
        assert fetched is not None  # noqa: S101 - for the type checker
        snapshot = self.parsed(fetched)
        self.assertEqual(lines, [line.id for line in snapshot.lines])
        self.assertTrue(all(line.sku and line.quantity >= 2 for line in snapshot.lines))

    def test_listings(self) -> None:
        """Everything listed comes, with the keys the hub publishes to."""
        listed = {(item.sku, item.item_id) for item in self.connector.fetch_listings()}
        self.assertLessEqual({(key.sku, key.item_id) for key in self.keys}, listed)

    def test_listings_go_on_behind_any_page(self) -> None:
        """Pages hold what is listed; behind one with a position it goes on there."""
        for number in range(2 * self.server.page_size + 1):
            self.server.add_item(f"P-{number:04}", "main", Decimal(1))
        listed = list(self.connector.fetch_listings())
        pages = list(self.connector.listing_pages())
        self.assertEqual(listed, [item for page in pages for item in page.listings])
        read = 0
        for page in pages:
            read += len(page.listings)
            if page.position:
                rest = self.connector.listing_pages(page.position)
                found = [item for later in rest for item in later.listings]
                self.assertEqual(listed[read:], found)

    def test_locations(self) -> None:
        """The locations of our items are among them; one where there are none."""
        ids = [location.id for location in self.connector.fetch_locations()]
        self.assertEqual(len(set(ids)), len(ids))
        if self.capabilities.locations:
            self.assertLessEqual({key.location_id for key in self.keys}, set(ids))
        else:
            self.assertEqual(1, len(ids))

    def test_check_changes_nothing(self) -> None:
        """A connection test is good and has no effect."""
        health = self.connector.check()
        self.assertEqual((True, True), (health.ok, bool(health.message)))
        self.assertEqual([], self.server.books.effects)
