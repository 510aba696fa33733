"""Conformance of what is polled: orders, listings, locations."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from ..base import Resource
from ..data import FetchedOrder, OrderSnapshot, RemoteListing, RemoteLocation
from ..errors import Rejected
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
        """Over several pages, each at least once.

        What to do: follow the channel's pages to the last one, oldest change first.
        """
        self.need("polling")
        ids = self.add_orders(2 * self.server.page_size + 1)
        orders = self.poll()
        self.assertEqual(ids, list(dict.fromkeys(order.order_id for order in orders)))
        self.assertEqual(ids, [self.parsed(order).id for order in orders])

    def test_polling_since_includes_the_moment(self) -> None:
        """What changed exactly then comes; what did not change may be left out.

        What to do: ask for orders changed at or after ``since``; where the channel only
        knows "after", ask from a moment earlier.
        """
        self.need("polling")
        ids = self.add_orders(3)
        polled = {order.order_id for order in self.poll(since_seconds_ago=60)}
        self.assertLessEqual(set(ids[1:]), polled)

    def test_no_orders(self) -> None:
        """An empty channel gives no order and no high water.

        What to do: yield no page, or an empty one whose ``high_water`` is None.
        """
        self.need("polling")
        pages = list(self.connector.fetch_orders(None))
        self.assertEqual([], [order for page in pages for order in page.orders])
        self.assertEqual({None}, {page.high_water for page in pages} | {None})

    def test_high_water_is_the_newest_change(self) -> None:
        """The cursor may move so far and no further.

        What to do: give each page the newest date of its orders as ``high_water``,
        aware UTC, never the present moment.
        """
        self.need("polling")
        self.add_orders(3)
        marks = [page.high_water for page in self.connector.fetch_orders(None)]
        self.assertEqual(self.clock(), max(mark for mark in marks if mark))
        self.assertTrue(all(m.utcoffset() == timedelta(0) for m in marks if m))

    def test_reading_goes_on_behind_any_page(self) -> None:
        """Stopped there, and begun again from the newest change seen: all come.

        What to do: read oldest change first, and put no date into ``high_water`` behind
        which orders are still to come.
        """
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

    def test_order_that_changes_between_pages_is_not_lost(self) -> None:
        """Nor are those that move up in its place; its new version comes, too.

        What to do: page from the newest date seen (or by a cursor the channel keeps),
        never by offset or page number alone; keep ``high_water`` at what was read.
        """
        self.need("polling")
        for changed in (0, -1):
            with self.subTest(changed=changed):
                self.begin()
                ids = self.add_orders(2 * self.server.page_size + 1)
                pages = self.connector.fetch_orders(None)
                read = [next(pages)]
                self.clock.advance(60)
                self.server.add_order(ids[changed], version=2)
                read += pages
                mark = max(page.high_water for page in read if page.high_water)
                read += self.connector.fetch_orders(mark)
                found = [order for page in read for order in page.orders]
                self.assertEqual(set(ids), {order.order_id for order in found})
                versions = {
                    order.dedupe_key: self.parsed(order).version
                    for order in found
                    if order.order_id == ids[changed]
                }
                fetched = self.connector.fetch_order(ids[changed])
                assert fetched is not None  # noqa: S101 - for the type checker
                self.assertEqual(max(versions.values()), self.parsed(fetched).version)

    def test_orders_of_one_moment_all_come(self) -> None:
        """More of them carry one date than fit a page, and none is left out.

        What to do: where the next page would begin with the date this one began
        with, ask for a larger page or go on by the channel's cursor.
        """
        self.need("polling")
        ids = [f"{3_000 + number}" for number in range(2 * self.server.page_size + 1)]
        for order_id in ids:
            self.server.add_order(order_id)
        self.clock.advance(60)
        self.assertEqual(set(ids), {order.order_id for order in self.poll()})

    def test_every_resource_is_polled(self) -> None:
        """From the beginning and from a moment, each with pages of its own.

        What to do: name what is polled in ``resources`` and answer each of them in
        ``poll``.
        """
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
        """The same version has the same key, whenever it is polled.

        What to do: build the raw body from the order alone, sorted and without the time
        of polling; derive the key from id and version.
        """
        self.need("polling")
        self.add_orders(1)
        [first] = self.poll()
        self.clock.advance(3_600)
        [again] = self.poll()
        self.assertEqual(first.dedupe_key, again.dedupe_key)
        self.assertEqual(first.raw, again.raw)

    def test_changed_order_has_another_key(self) -> None:
        """A new version is not taken for a repeat.

        What to do: put the channel's version, or its date of change, into the key and
        into ``OrderSnapshot.version``.
        """
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
        """As polling would bring it; None for one the channel does not have.

        What to do: return what polling would return, or None when the channel answers
        that there is no such order.
        """
        ids = self.add_orders(3)
        fetched = self.connector.fetch_order(ids[1])
        self.assertIsNotNone(fetched)
        assert fetched is not None  # noqa: S101 - for the type checker
        self.assertEqual(ids[1], fetched.order_id)
        self.assertEqual(ids[1], self.parsed(fetched).id)
        self.assertIsNone(self.connector.fetch_order("404"))

    def test_foreign_ids_are_harmless(self) -> None:
        """An id of any shape is an unknown order, never another page of the channel.

        What to do: quote ids that become part of an address, and return None for what
        the channel does not know.
        """
        self.server.add_order("1001")
        for order_id in ("", "0", "..", "404/../1001", "1001?x=1", "1001#", "é\n", "%"):
            with self.subTest(order_id=order_id):
                try:
                    fetched = self.connector.fetch_order(order_id)
                except Rejected:
                    continue
                self.assertIsNone(fetched)

    def test_lines_are_named(self) -> None:
        """Each line can be told apart, and names what was sold.

        What to do: give each line the channel's id of it, its SKU, and what was
        ordered, cancelled units included.
        """
        lines = self.server.add_order("1001")
        fetched = self.connector.fetch_order("1001")
        assert fetched is not None  # noqa: S101 - for the type checker
        snapshot = self.parsed(fetched)
        self.assertEqual(lines, [line.id for line in snapshot.lines])
        self.assertTrue(all(line.sku and line.quantity >= 2 for line in snapshot.lines))

    def test_listings(self) -> None:
        """Everything listed comes, with the keys the hub publishes to.

        What to do: return from ``fetch_listings`` the same SKU and item id that
        ``publish`` is given; check ``add_item`` of your fake.
        """
        listed = {(item.sku, item.item_id) for item in self.connector.fetch_listings()}
        self.assertLessEqual({(key.sku, key.item_id) for key in self.keys}, listed)

    def test_listings_have_the_contracts_shape(self) -> None:
        """Texts are texts, and no listing comes twice.

        What to do: leave out what the channel does not say instead of None; give each
        ``RemoteListing`` the ids that ``publish`` is to be given for it.
        """
        listings = list(self.connector.fetch_listings())
        for item in listings:
            self.assertIsInstance(item, RemoteListing)
            texts = (item.sku, item.item_id, item.title, item.barcode, item.unit)
            self.assertEqual({str}, {type(text) for text in texts}, item)
            self.assertIsInstance(item.tracked, bool)
            self.assertTrue(item.sku or item.item_id, "it has no name")
        names = [(item.sku, item.item_id) for item in listings]
        self.assertEqual(len(set(names)), len(names), "a listing comes twice")

    def test_listings_go_on_behind_any_page(self) -> None:
        """Pages hold what is listed; behind one with a position it goes on there.

        What to do: give a page a ``position`` only where reading can begin again right
        behind it, and leave it empty otherwise, as on the last page.
        """
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
        """The locations of our items are among them; one where there are none.

        What to do: return each location once; a channel without any has exactly one.
        """
        locations = list(self.connector.fetch_locations())
        for location in locations:
            self.assertIsInstance(location, RemoteLocation)
            self.assertEqual((str, str), (type(location.id), type(location.name)))
            self.assertIsInstance(location.active, bool)
            self.assertTrue(location.id)
        ids = [location.id for location in locations]
        self.assertEqual(len(set(ids)), len(ids))
        if self.capabilities.locations:
            self.assertLessEqual({key.location_id for key in self.keys}, set(ids))
        else:
            self.assertEqual(1, len(ids))

    def test_check_changes_nothing(self) -> None:
        """A connection test is good and has no effect.

        What to do: do a reading call in ``check`` and say in one sentence what was
        found.
        """
        health = self.connector.check()
        self.assertEqual((True, True), (health.ok, bool(health.message)))
        self.assertEqual([], self.server.books.effects)
