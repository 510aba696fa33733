"""Whatever Shopify answers and loses, in whatever order: nothing twice, nothing wrong."""

import unittest
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from ..data import QuantityUpdate, ReportedLine, ResultStatus, Shipment
from ..errors import RetryLater
from ..shopify import ShopifyConnector
from ..shopify_client import number
from ..testing.fake_channel import Fault, FixedClock
from ..testing.fake_shopify import ACCESS_TOKEN, BASE_URL, MAIN, SHOP, FakeShopify

APPLIED, STALE = ResultStatus.APPLIED, ResultStatus.STALE
REJECTED, UNKNOWN = ResultStatus.REJECTED, ResultStatus.UNKNOWN
CODES = (
    "INVALID_INVENTORY_ITEM",
    "NON_MUTABLE_INVENTORY_ITEM",
    "INVALID_QUANTITY_TOO_HIGH",
    "SOMETHING_NEW",
)

ROW = st.tuples(
    st.sampled_from(["main", "shop"]),
    st.sampled_from(["fine", "fine", "sold", "away", "gone", "bad"]),
    st.integers(0, 9),
    st.sampled_from([None, "right", "wrong"]),
    st.sampled_from(CODES),
)
LOSS = st.sampled_from([None, None, None, Fault.LOST_ANSWER, Fault.DOWN, Fault.RUBBISH])


def shop() -> tuple[FakeShopify, ShopifyConnector]:
    """Return a shop and a connector to it."""
    server = FakeShopify(FixedClock())
    config = {"base_url": BASE_URL, "access_token": ACCESS_TOKEN}
    return server, ShopifyConnector(config, server.transport, server.clock)


class TestShopifyRandomNumbers(unittest.TestCase):
    """Every result says what is so."""

    def prepare(self, server: FakeShopify, rows: list[Any]) -> list[QuantityUpdate]:
        """Stock what there is; return the updates to publish."""
        updates = []
        for index, (place, state, quantity, expected, code) in enumerate(rows):
            key = server.add_item(f"S{index}", place, Decimal(5))
            location = {"main": MAIN, "shop": SHOP}[place]
            if state == "sold":
                server.books.sell(f"S{index}", location, Decimal(2))
            elif state == "away":
                del server.books.levels[f"S{index}", location]
            elif state == "gone":
                key = replace(key, item_id=f"99{index}")
            elif state == "bad":
                server.fails[key.item_id, location] = code
            previous = {None: None, "right": Decimal(5), "wrong": Decimal(4)}[expected]
            update = QuantityUpdate(
                key=key,
                quantity=Decimal(quantity),
                unit="Units",
                sequence=index,
                previous=previous,
            )
            updates.append(update)
        return updates

    @settings(max_examples=25)
    @given(
        st.lists(ROW, min_size=1, max_size=6),
        st.lists(LOSS, max_size=4),
        st.booleans(),
        st.integers(0, 2),
    )
    def test_results_are_true(
        self, rows: list[Any], losses: list[Any], silent: bool, busy: int
    ) -> None:
        """Applied is shown, stale and refused were not written; the rest is unknown."""
        server, connector = shop()
        updates = self.prepare(server, rows)
        before = [server.quantity(update.key) for update in updates]
        server.silent, server.busy = silent, busy
        server.transport.faults = list(losses)
        with suppress(RetryLater):
            results = connector.publish(updates, "push-1")
            self.assertEqual(len(updates), len(results))
            for update, result, old in zip(updates, results, before, strict=True):
                shown = server.quantity(update.key)
                if result.status is APPLIED:
                    self.assertEqual(update.quantity, shown)
                elif result.status is STALE:
                    self.assertIn(result.quantity, (None, shown))
                    self.assertNotEqual(update.previous, None)
                if result.status in (STALE, REJECTED):
                    # An item that was not stocked yet may be now, with nothing.
                    self.assertEqual(old or 0, shown or 0)
                if result.status is REJECTED:
                    self.assertTrue(result.code and result.message)
                if result.status is UNKNOWN:
                    self.assertTrue(any(losses))
        self.assertLess(len(server.transport.calls), 60)

    @settings(max_examples=25)
    @given(st.lists(ROW, min_size=1, max_size=6), st.booleans())
    def test_repeats_have_no_second_effect(self, rows: list[Any], silent: bool) -> None:
        """Under the same key, whatever the shop sold meanwhile."""
        server, connector = shop()
        updates = self.prepare(server, rows)
        server.silent = silent
        first = connector.publish(updates, "push-1")
        for update, result in zip(updates, first, strict=True):
            if result.status is APPLIED and update.quantity:
                server.books.sell(update.key.sku, update.key.location_id, Decimal(1))
        shown = [server.quantity(update.key) for update in updates]
        again = connector.publish(updates, "push-1")
        self.assertEqual(shown, [server.quantity(update.key) for update in updates])
        for old, new in zip(first, again, strict=True):
            # It may not be clear any more what became of it; never is it written anew.
            self.assertIn(new.status, {old.status, STALE, UNKNOWN})


PARCEL = st.tuples(
    st.sampled_from(["10011", "10012"]), st.integers(1, 2), st.booleans(), st.booleans()
)


class TestShopifyRandomParcels(unittest.TestCase):
    """Each parcel is told once, whatever answers got lost on the way."""

    @settings(max_examples=25)
    @given(
        st.lists(PARCEL, min_size=1, max_size=3),
        st.lists(st.tuples(st.integers(0, 2), LOSS, st.integers(0, 9)), max_size=6),
    )
    def test_every_parcel_once(self, parcels: list[Any], tries: list[Any]) -> None:
        """First with losses in any order, then told until each was taken."""
        server, connector = shop()
        for place in ("main", "shop"):
            for sku in ("A-1", "B-2"):
                server.add_item(sku, place, Decimal(9))
        server.add_order("1001")
        left = {"10011": 3, "10012": 5}
        shipments = []
        for index, (line, count, tracked, elsewhere) in enumerate(parcels):
            if count > left[line]:
                continue
            left[line] -= count
            shipments.append(
                Shipment(
                    id=f"P{index}",
                    order_id="1001",
                    location_id=SHOP if elsewhere else MAIN,
                    shipped_at=server.clock(),
                    lines=(ReportedLine(order_line_id=line, quantity=Decimal(count)),),
                    tracking=f"T{index}" if tracked else "",
                )
            )
        for index, loss, position in tries:
            server.transport.faults = [*[None] * position, loss]
            with suppress(RetryLater):
                connector.report_shipment(shipments[index % len(shipments)])
        server.transport.faults = []
        for shipment in (*shipments, *shipments):
            connector.report_shipment(shipment)
        told = Counter(
            (s.location_id, s.lines[0].order_line_id, int(s.lines[0].quantity))
            for s in shipments
        )
        order = server.books.orders["1001"]
        self.assertEqual(told, Counter(map(self.shipped, order["fulfillments"])))

    def shipped(self, row: dict[str, Any]) -> tuple[str, str, int]:
        """Return place, line and quantity of a fulfilment of one line."""
        lines = row["fulfillmentLineItems"]
        ids = {number(line["lineItem"]["id"]) for line in lines}
        [order_line] = ids
        total = sum(line["quantity"] for line in lines)
        return number(row["location"]["id"]), order_line, total
