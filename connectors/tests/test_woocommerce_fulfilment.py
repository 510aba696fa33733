"""Telling WooCommerce of shipments and cancellations: once, and without money."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from ..data import Cancellation, LotQuantity, ReportedLine
from ..errors import Misconfigured, Rejected, RetryLater
from ..testing.fake_channel import Fault
from ..transport import Request, Response
from .woocommerce_case import WooCase


class ShipCase(WooCase):
    """Order 1001 has three of line 10011 and two of line 10012."""

    def setUp(self) -> None:
        """Place it."""
        super().setUp()
        self.place("1001")
        self.whole = self.shipment(("10011", "3"), ("10012", "2"))
        self.part = self.shipment(("10011", "2"))

    @property
    def order(self) -> dict[str, Any]:
        """Return the order as the shop has it."""
        return self.shop.books.orders["1001"]

    @property
    def notes(self) -> list[str]:
        """Return the notes on it, oldest first."""
        return [note["note"] for note in self.shop.notes.get("1001", [])]


class TestShipment(ShipCase):
    """A note for the customer, an entry for us, a status for the shop."""

    def test_whole_order_is_completed(self) -> None:
        """With one note, that names carrier, tracking and goods in no language."""
        self.connector.report_shipment(
            replace(self.whole, tracking_url="https://post.example/TRACK1")
        )
        self.assertEqual("completed", self.order["status"])
        [note] = self.shop.notes["1001"]
        self.assertTrue(note["customer_note"])
        self.assertEqual(
            "WH/OUT/00007\n3 × Item A-1 – Green\n2 × Item B-2 – Green\n"
            "Example &amp; Post TRACK1\nhttps://post.example/TRACK1",
            note["note"],
        )
        self.assertEqual(
            ["/orders/1001/notes"], self.paths("POST"), "and nothing about refunds"
        )

    def test_part_of_an_order_leaves_it_open(self) -> None:
        """Until the rest has left, too."""
        self.connector.report_shipment(self.part)
        self.assertEqual("processing", self.order["status"])
        rest = self.shipment(("10011", "1"), ("10012", "2"), id="WH/OUT/00008")
        self.connector.report_shipment(rest)
        self.assertEqual("completed", self.order["status"])
        self.assertEqual(2, len(self.notes))

    def test_refunded_units_are_not_waited_for(self) -> None:
        """They will not leave."""
        self.shop.refund("1001", "9.90", restock=True, l10011=1)
        self.connector.report_shipment(self.shipment(("10011", "2"), ("10012", "2")))
        self.assertEqual("completed", self.order["status"])

    def test_line_named_twice_counts_together(self) -> None:
        """As for two lots."""
        self.connector.report_shipment(
            self.shipment(("10011", "1"), ("10011", "2"), ("10012", "2"))
        )
        self.assertEqual("completed", self.order["status"])
        self.assertIn("3 × Item A-1", self.notes[0])

    def test_lots_are_named(self) -> None:
        """For whoever has to trace them."""
        line = ReportedLine(
            order_line_id="10011",
            quantity=Decimal(2),
            lots=(LotQuantity(name="LOT-7", quantity=Decimal(2)),),
        )
        self.connector.report_shipment(replace(self.part, lines=(line,)))
        self.assertEqual("2 × LOT-7", self.notes[0].splitlines()[-1])

    def test_private_note(self) -> None:
        """For shops that mail tracking by a plugin."""
        self.connector.config = {**self.config, "notes": " Private "}
        self.connector.report_shipment(self.part)
        self.assertFalse(self.shop.notes["1001"][0]["customer_note"])

    def test_unknown_kind_of_note(self) -> None:
        """Nothing is told before a person has chosen."""
        self.connector.config = {**self.config, "notes": "loud"}
        with self.assertRaises(Misconfigured) as caught:
            self.connector.report_shipment(self.part)
        self.assertEqual("notes", caught.exception.field)
        self.assertEqual([], self.calls)

    def test_each_step_survives_a_lost_answer(self) -> None:
        """Note and entry: neither is written twice."""
        for lost in (2, 3, 4):
            with self.subTest(lost=lost):
                self.setUp()
                self.shop.transport.faults = [None] * lost + [Fault.LOST_ANSWER]
                self.assertRaises(
                    RetryLater, self.connector.report_shipment, self.whole
                )
                self.connector.report_shipment(self.whole)
                self.assertEqual(1, len(self.notes))
                self.assertEqual("completed", self.order["status"])
                self.assertEqual(1, len(self.shop.books.shipments))

    def test_note_is_found_behind_markup(self) -> None:
        """Some plugins wrap notes into paragraphs."""
        note = {"id": 1, "note": "<p>WH/OUT/00007</p>\n<p>2 × Item</p>"}
        self.shop.notes["1001"] = [note]
        self.connector.report_shipment(self.part)
        self.assertEqual(1, len(self.notes))

    def test_note_of_another_parcel_is_not_ours(self) -> None:
        """Nor one in which somebody wrote about it."""
        for text in ("WH/OUT/000071", "See WH/OUT/00007"):
            self.shop.notes.setdefault("1001", []).append({"id": 1, "note": text})
        self.connector.report_shipment(self.part)
        self.assertEqual(3, len(self.notes))

    def test_repeat_asks_once_and_changes_nothing(self) -> None:
        """The entry is enough."""
        self.connector.report_shipment(self.part)
        before = len(self.calls)
        self.connector.report_shipment(self.part)
        self.assertEqual(before + 1, len(self.calls))
        self.assertEqual(1, len(self.notes))

    def test_correction_writes_another_note(self) -> None:
        """The customer learns the new tracking number; once."""
        self.connector.report_shipment(self.part)
        corrected = replace(self.part, tracking="NEW-1", revision=1, corrects=True)
        self.connector.report_shipment(corrected)
        self.connector.report_shipment(corrected)
        self.assertEqual(2, len(self.notes))
        self.assertTrue(self.notes[1].startswith("WH/OUT/00007 (1)\n"))
        self.assertIn("NEW-1", self.notes[1])
        [entry] = self.shop.books.shipments.values()
        self.assertEqual("NEW-1", entry["tracking"])
        self.assertEqual([2, 0], self.fulfilled())

    def fulfilled(self) -> list[Decimal]:
        """Return how many of each line have left."""
        return [line.fulfilled_quantity for line in self.read("1001")[0].lines]

    def test_correction_that_changes_nothing_is_no_news(self) -> None:
        """The customer gets no second mail."""
        self.connector.report_shipment(self.part)
        self.connector.report_shipment(replace(self.part, revision=3, corrects=True))
        self.assertEqual(1, len(self.notes))

    def test_two_parcels_told_at_the_same_time(self) -> None:
        """Each is read before the other one is written, and the order is completed."""
        rest = self.shipment(("10011", "1"), ("10012", "2"), id="WH/OUT/00008")
        handle = self.shop.transport._handler

        def answer(call: Request) -> Response:
            if call.method == "POST" and self.notes == []:
                self.shop.transport._handler = handle
                self.connector.report_shipment(rest)
            return handle(call)

        self.shop.transport._handler = answer
        self.connector.report_shipment(self.part)
        self.assertEqual(2, len(self.shop.books.shipments))
        self.assertEqual("completed", self.order["status"])

    def test_told_anew_after_a_refusal(self) -> None:
        """A higher revision without a correction is the same parcel."""
        self.connector.report_shipment(self.part)
        self.connector.report_shipment(replace(self.part, revision=2))
        self.assertEqual(1, len(self.notes))

    def test_status_of_an_order_that_is_over_stays(self) -> None:
        """Completing a cancelled order would take its goods off the number again."""
        for status in ("cancelled", "refunded", "failed"):
            with self.subTest(status):
                self.setUp()
                self.shop.touch("1001", status=status)
                self.connector.report_shipment(self.whole)
                self.assertEqual(status, self.order["status"])
                self.assertEqual(1, len(self.notes))

    def test_order_in_the_bin(self) -> None:
        """Nobody would see it."""
        self.shop.bin("1001")
        with self.assertRaises(Rejected) as caught:
            self.connector.report_shipment(self.part)
        self.assertIn("bin", caught.exception.message)
        self.assertEqual([], self.notes)

    def test_number_of_the_shop_does_not_fall_twice(self) -> None:
        """It fell when the order was paid; completing it takes nothing more."""
        before = self.shop.quantity(self.simple)
        self.connector.report_shipment(self.whole)
        self.assertEqual(before, self.shop.quantity(self.simple))


class TestCancellation(ShipCase):
    """Whole orders, and never any money."""

    def cancellation(self, *lines: tuple[str, str]) -> Cancellation:
        """Return a cancellation in order 1001."""
        return Cancellation(
            id="CANCEL/1",
            order_id="1001",
            reason="Out of stock",
            decided_at=datetime(2026, 11, 21, tzinfo=UTC),
            lines=tuple(
                ReportedLine(order_line_id=line, quantity=Decimal(quantity))
                for line, quantity in lines
            ),
        )

    def refused(self, *lines: tuple[str, str]) -> Rejected:
        """Return why a cancellation is refused."""
        with self.assertRaises(Rejected) as caught:
            self.connector.report_cancel(self.cancellation(*lines))
        self.assertEqual([], self.paths("PUT"))
        self.assertEqual([], self.paths("POST"))
        return caught.exception

    def test_whole_order(self) -> None:
        """One change of status."""
        self.connector.report_cancel(self.cancellation(("10011", "3"), ("10012", "2")))
        self.assertEqual("cancelled", self.order["status"])
        self.assertEqual([{"status": "cancelled"}], self.bodies("PUT"))
        self.assertEqual([], self.paths("POST"))

    def test_what_is_left_after_refunds_is_the_whole(self) -> None:
        """The rest was taken back before."""
        self.shop.refund("1001", "9.90", restock=True, l10011=1)
        self.connector.report_cancel(
            self.cancellation(("10011", "1"), ("10011", "1"), ("10012", "2"))
        )
        self.assertEqual("cancelled", self.order["status"])

    def test_part_of_an_order_is_refused(self) -> None:
        """A refund is about money, and that is for a person."""
        error = self.refused(("10011", "3"))
        self.assertEqual("partial_cancel", error.code)
        self.assertIn("refund", error.message)

    def test_order_of_which_a_part_has_left(self) -> None:
        """Cancelling would put all of it back on sale."""
        self.order["meta_data"] = [
            {
                "id": 1,
                "key": "_stock_channel_hub_shipment_WH/OUT/00007",
                "value": {"lines": [{"id": "10011", "quantity": "2"}]},
            }
        ]
        error = self.refused(("10011", "1"), ("10012", "2"))
        self.assertEqual("partly_shipped", error.code)
        self.order["meta_data"] = []
        self.shop.touch("1001", status="completed")
        self.assertEqual(
            "partly_shipped", self.refused(("10011", "3"), ("10012", "2")).code
        )

    def test_order_that_is_over_already(self) -> None:
        """It had it already."""
        for status in ("cancelled", "refunded", "failed", "trash"):
            self.shop.touch("1001", status=status)
            self.connector.report_cancel(self.cancellation(("10011", "1")))
        self.assertEqual([], self.paths("PUT"))

    def test_cancelling_gives_the_goods_back_to_the_number(self) -> None:
        """WooCommerce does that by itself, where it took them."""
        self.order["status"] = "pending"
        self.shop.deduct("1001")
        self.order["status"] = "processing"
        self.assertEqual(4, self.shop.quantity(self.simple))
        self.connector.report_cancel(self.cancellation(("10011", "3"), ("10012", "2")))
        self.assertEqual(7, self.shop.quantity(self.simple))
