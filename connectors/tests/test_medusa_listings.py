"""What a Medusa shop could sell and from where, recorded and from many pages."""

import json
from decimal import Decimal
from typing import Any

from ..data import RemoteListing
from ..medusa_listing import listing, location
from .test_medusa_orders import SAMPLES, MedusaCase


def recorded(name: str, key: str) -> list[dict[str, Any]]:
    """Return the rows of a recorded answer."""
    answer = json.loads((SAMPLES / "api" / f"{name}.json").read_text("utf-8"))
    rows: list[dict[str, Any]] = answer["body"][key]
    return rows


class TestRecorded(MedusaCase):
    """As a real server answered it."""

    def test_listings(self) -> None:
        """Backorders and unmanaged stock are sold whatever the number is."""
        found = [listing(r) for r in recorded("listings_untracked", "inventory_items")]
        self.assertEqual(
            [
                ("E-COM07", "Large Cabinet / Standard", "4006381333931", False),
                ("E-COM08", "Standard", "", False),
                ("E-COM10", "Pedal Bin / Standard", "", True),
            ],
            [(row.sku, row.title, row.barcode, row.tracked) for row in found],
        )

    def test_an_answer_without_these_fields_is_tracked(self) -> None:
        """What was recorded before they were asked for."""
        found = [listing(row) for row in recorded("listings", "inventory_items")]
        self.assertEqual(
            [
                RemoteListing(
                    sku=f"SKU{number}",
                    item_id=row.item_id,
                    title=f"P{number} / Default",
                    barcode=f"40000000{number}",
                )
                for number, row in enumerate(found)
            ],
            found,
        )

    def test_locations(self) -> None:
        """Without a sales channel nothing is sold."""
        name = "stock_locations_sold_from"
        found = [location(row) for row in recorded(name, "stock_locations")]
        self.assertEqual(
            [("East", True), ("West", True), ("Nowhere", False)],
            [(row.name, row.active) for row in found],
        )
        [east, _west] = recorded("stock_locations", "stock_locations")
        self.assertTrue(location(east).active)


class TestFetched(MedusaCase):
    """Through the connector."""

    def test_each_barcode_has_its_turn(self) -> None:
        """The field named barcode first, then EAN and UPC."""
        for codes, barcode in (
            ({"barcode": "1", "ean": "2", "upc": "3"}, "1"),
            ({"barcode": None, "ean": "2", "upc": "3"}, "2"),
            ({"barcode": "", "ean": None, "upc": "3"}, "3"),
            ({}, ""),
        ):
            with self.subTest(codes=codes):
                self.shop.variants["A-1"] = codes
                [first, _other] = self.connector.fetch_listings()
                self.assertEqual(barcode, first.barcode)

    def test_what_is_sold_whatever_the_number_is(self) -> None:
        """Marked, so that nobody relies on its number."""
        for variant, tracked in (
            ({}, True),
            ({"allow_backorder": True}, False),
            ({"manage_inventory": False}, False),
            (None, False),
        ):
            with self.subTest(variant=variant):
                self.shop.variants["A-1"] = variant
                found = {
                    row.sku: row.tracked for row in self.connector.fetch_listings()
                }
                self.assertEqual({"A-1": tracked, "B-2": True}, found)

    def test_location_without_sales_channel_is_inactive(self) -> None:
        """It still takes numbers."""
        self.shop.closed.add("shop")
        active = {row.id: row.active for row in self.connector.fetch_locations()}
        self.assertEqual({"main": True, "shop": False}, active)

    def test_all_pages_are_read(self) -> None:
        """200 items fit a page of ours."""
        for number in range(450):
            self.shop.add_item(f"P-{number:03}", "main", Decimal(0))
        skus = [row.sku for row in self.connector.fetch_listings()]
        self.assertEqual(452, len(set(skus)))
        self.assertEqual(452, len(skus))
        self.assertEqual(3, len(self.shop.transport.calls))
