"""Which orders the ``rest`` connector polls while the shop goes on selling."""

from __future__ import annotations

import unittest
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from unittest.mock import patch

from ..data import OrderPage
from ..rest import RestConnector
from ..testing.fake_channel import FixedClock
from ..testing.fake_rest import BASE_URL, SECRET, FakeRest


class TestPolling(unittest.TestCase):
    """The shop answers two orders a page and counts its pages."""

    def setUp(self) -> None:
        """Build clock, shop and connector."""
        self.clock = FixedClock()
        self.start = self.clock()
        self.shop = FakeRest(self.clock)
        self.connector = RestConnector(
            {"base_url": BASE_URL}, self.shop.transport, self.clock, secrets=(SECRET,)
        )

    def add(self, *order_ids: str, seconds: float = 60) -> None:
        """Let the shop have orders, each so much younger than the one before."""
        for order_id in order_ids:
            self.clock.advance(seconds)
            self.shop.add_order(order_id)

    def names(self, pages: Iterator[OrderPage]) -> list[str]:
        """Return the ids of the orders of all pages."""
        return [order.order_id for page in pages for order in page.orders]

    def asked(self) -> list[dict[str, str]]:
        """Return what was asked for, page by page."""
        return [dict(call.params) for call in self.shop.transport.calls]

    def test_pages_go_on_by_date(self) -> None:
        """The order at the seam is told twice and taken once."""
        self.add("1", "2", "3", "4")
        self.assertEqual(
            ["1", "2", "3", "4"], self.names(self.connector.fetch_orders(None))
        )
        self.assertEqual(
            [
                {},
                {"updated_since": "2026-11-21T12:02:00Z"},
                {"updated_since": "2026-11-21T12:03:00Z"},
            ],
            self.asked(),
        )

    def test_order_that_changes_meanwhile_hides_no_other(self) -> None:
        """It moves to the end, and what was behind it moves up by one."""
        self.add("1", "2", "3", "4", "5")
        pages = self.connector.fetch_orders(None)
        seen = self.names(iter([next(pages)]))
        self.clock.advance(60)
        self.shop.add_order("1", version=2)
        seen += self.names(pages)
        self.assertEqual(["1", "2", "3", "4", "5", "1"], seen)

    def test_more_equal_dates_than_a_page(self) -> None:
        """Then the shop's own pages are followed, up to the next date."""
        self.add("1")
        self.add("2", "3", "4", "5", "6", seconds=0)
        self.add("7", "8")
        found = self.names(self.connector.fetch_orders(self.start))
        self.assertEqual([f"{n}" for n in range(1, 9)], found)

    def test_shop_that_ignores_the_date(self) -> None:
        """Its own pages are followed; every order comes, and the pages end."""
        self.add("1", "2", "3", "4", "5")
        orders = FakeRest._orders

        def ignoring(shop: FakeRest, call: Any) -> list[dict[str, Any]]:
            call.params.pop("updated_since", None)
            return orders(shop, call)

        with patch.object(FakeRest, "_orders", ignoring):
            found = self.names(
                self.connector.fetch_orders(self.start + timedelta(minutes=4))
            )
        self.assertEqual({"1", "2", "3", "4", "5"}, set(found))

    def test_shop_that_does_not_sort(self) -> None:
        """Going on from the newest date of a page would leave the older ones out."""
        self.add("1", "2", "3", "4", "5")
        dates = [self.shop.books.orders[f"{n}"]["updated_at"] for n in range(1, 6)]
        for number, date in zip((3, 1, 5, 2, 4), dates, strict=True):
            self.shop.books.orders[f"{number}"]["updated_at"] = date
        unsorted = [self.shop.books.orders[f"{n}"] for n in range(1, 6)]
        with patch.object(FakeRest, "_orders", lambda shop, call: unsorted):
            found = self.names(self.connector.fetch_orders(None))
        self.assertEqual(["1", "2", "3", "4", "5"], found)

    def test_order_without_a_date_stops_nothing(self) -> None:
        """Nobody knows where to go on from: the shop's pages are followed."""
        self.add("1", "2", "3", "4", "5")
        nameless = dict(self.shop.books.orders["2"], updated_at=None)
        all_orders = [
            nameless if order_id == "2" else order
            for order_id, order in self.shop.books.orders.items()
        ]
        with patch.object(FakeRest, "_orders", lambda shop, call: all_orders):
            found = self.names(self.connector.fetch_orders(None))
        self.assertEqual(["1", "2", "3", "4", "5"], list(dict.fromkeys(found)))

    def test_clock_that_runs_ahead_moves_nothing_past_the_present(self) -> None:
        """The high water is at most now, by our clock."""
        self.add("1")
        self.shop.books.orders["1"]["updated_at"] = "2030-01-01T00:00:00Z"
        [page] = self.connector.fetch_orders(None)
        now: datetime = self.clock()
        self.assertEqual(now, page.high_water)
