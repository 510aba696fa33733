"""How the ``rest`` connector reads: pages, levels, polled orders, broken answers."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from ..data import FetchedOrder, QuantityKey
from ..errors import BadPayload, RetryLater
from ..testing.fake_rest import FakeRest
from .test_rest import ScriptedCase as _ScriptedCase

D = Decimal


class TestReading(_ScriptedCase):
    def test_pages_are_followed(self):
        self.say(
            {"listings": [{"sku": "A"}], "next": "2"},
            {"listings": [], "next": "3"},
            {"listings": [{"sku": "B", "item_id": "i", "title": "T", "barcode": "5"}]},
        )
        listings = list(self.connector.fetch_listings())
        self.assertEqual(["A", "B"], [listing.sku for listing in listings])
        full = listings[1]
        self.assertEqual(("i", "T", "5"), (full.item_id, full.title, full.barcode))
        self.assertEqual(
            [{}, {"cursor": "2"}, {"cursor": "3"}],
            [call.params for call in self.transport.calls],
        )

    def test_pages_in_a_circle_end(self):
        self.say(*[{"orders": [], "next": n} for n in ("2", "3", "2")])
        with self.assertRaises(RetryLater):
            list(self.connector.fetch_orders(None))
        self.assertEqual([], self.answers)

    def test_malformed_pages(self):
        for page in (None, [], {}, {"orders": {}}, {"orders": [], "next": 2}):
            with self.subTest(page):
                self.say(page)
                with self.assertRaises(RetryLater):
                    list(self.connector.fetch_orders(None))

    def test_malformed_entries(self):
        for call, key, entry, path in (
            (self.connector.fetch_listings, "listings", {"sku": 5}, "listings.0.sku"),
            (self.connector.fetch_locations, "locations", {}, "locations.0.id"),
            (self.connector.fetch_locations, "locations", "main", "locations.0"),
        ):
            with self.subTest(entry):
                self.say({key: [entry]})
                with self.assertRaises(RetryLater) as caught:
                    list(call())
                self.assertIn(path, str(caught.exception))

    def test_quantities_stop_when_all_are_found(self):
        level = {
            "sku": "A",
            "location_id": "main",
            "quantity": "2.5",
            "sequence": 7,
            "updated_at": "2026-11-21T13:00:00+01:00",
        }
        self.say({"levels": [{**level, "sku": "B"}, level], "next": "2"})
        key = QuantityKey(sku="A", item_id="x", location_id="main")
        [observed] = self.connector.fetch_quantities([key])
        self.assertEqual(
            (key, D("2.5"), 7, datetime(2026, 11, 21, 12, tzinfo=UTC)),
            (observed.key, observed.quantity, observed.sequence, observed.updated_at),
        )

    def test_malformed_level_of_ours_is_told(self):
        level = {"sku": "A", "location_id": "main", "quantity": 2}
        self.say({"levels": [level]})
        key = QuantityKey(sku="A", item_id="", location_id="main")
        with self.assertRaises(RetryLater) as caught:
            self.connector.fetch_quantities([key])
        self.assertIn("levels.0.quantity", str(caught.exception))

    def test_since_is_sent_as_utc(self):
        self.say({"orders": []})
        list(self.connector.fetch_orders(datetime(2026, 11, 21, 11, 59, 59, 5, UTC)))
        self.assertEqual(
            {"updated_since": "2026-11-21T11:59:59.000005Z"},
            self.transport.calls[0].params,
        )

    def poll(self, *orders: object) -> list[FetchedOrder]:
        """Return what becomes of these polled orders."""
        self.say({"orders": list(orders)})
        [page] = self.connector.fetch_orders(None)
        self.high_water = page.high_water
        return list(page.orders)

    def test_broken_orders_are_not_left_out(self):
        orders = self.poll(
            None, 5, {}, {"id": 1001}, {"id": "1001"}, {"id": "1", "version": 1.5}
        )
        self.assertEqual(
            ["", "", "", "", "1001", "1"], [order.order_id for order in orders]
        )
        self.assertEqual(6, len({order.dedupe_key for order in orders}))
        for order in orders:
            self.assertTrue(order.dedupe_key.startswith("digest:"))
            with self.assertRaises(BadPayload):
                self.connector.parse(order.raw, order.topic)
        self.assertIsNone(self.high_water)

    def test_polled_body_is_what_a_delivery_would_hold(self):
        when = "2026-11-21T10:00:00Z"
        [order] = self.poll({"id": "1", "version": 2, "updated_at": when, "total": 1.5})
        self.assertEqual(
            {
                "type": "order.updated",
                "timestamp": when,
                "data": {"id": "1", "version": 2, "updated_at": when, "total": 1.5},
            },
            json.loads(order.raw),
        )
        self.assertEqual(
            ("order.updated", "order:1:2"), (order.topic, order.dedupe_key)
        )

    def test_number_for_money_is_still_refused_after_polling(self):
        server = FakeRest(self.clock)
        server.add_order("1001")
        [good] = self.poll(server.books.orders["1001"])
        self.connector.parse(good.raw, good.topic)
        [bad] = self.poll({**server.books.orders["1001"], "total": 32.20})
        with self.assertRaises(BadPayload) as caught:
            self.connector.parse(bad.raw, bad.topic)
        self.assertEqual("data.total", caught.exception.field)

    def test_high_water_never_passes_our_clock(self):
        ahead = (self.clock() + timedelta(days=900)).isoformat()
        self.poll({"updated_at": "2026-11-20T00:00:00Z"}, {"updated_at": ahead})
        self.assertEqual(self.clock(), self.high_water)

    def test_one_order_from_a_channel_that_ignores_the_filter(self):
        self.say(
            {"orders": [{"id": "1"}, None], "next": "2"},
            {"orders": [{"id": "2", "version": 1}]},
        )
        order = self.connector.fetch_order("2")
        self.assertEqual(("2", "order:2:1"), (order.order_id, order.dedupe_key))
        self.assertEqual({"id": "2"}, self.transport.calls[0].params)

    def test_check_counts_locations(self):
        self.say({"locations": [{"id": "a"}, {"id": "b", "name": "B"}]})
        health = self.connector.check()
        self.assertEqual(
            (True, "Connected; the channel has 2 location(s)."),
            (health.ok, health.message),
        )
