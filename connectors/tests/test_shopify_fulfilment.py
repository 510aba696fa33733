"""Shipments and cancellations told to Shopify: once each, from the right place."""

import json
from collections import Counter
from dataclasses import replace
from decimal import Decimal
from typing import Any

from ..data import Cancellation, ReportedLine, Shipment
from ..errors import ConnectorError, KeptAsTold, Rejected, RetryLater
from ..shopify_client import number
from ..shopify_marks import KEY
from ..testing.fake_channel import Fault
from ..testing.fake_shopify import ACCESS_TOKEN, MAIN, SHOP
from ..testing.fake_shopify_orders import gid
from ..transport import Request
from .shopify_case import ShopifyCase


class OrderCase(ShopifyCase):
    """An order of three A-1 (line 10011) and five B-2 (line 10012), all at main."""

    def setUp(self) -> None:
        """Place it; A-1 is stocked at the shop too."""
        super().setUp()
        for place in ("main", "shop"):
            self.server.add_item("A-1", place, Decimal(7))
        self.server.add_item("B-2", "main", Decimal(9))
        self.server.add_order("1001")
        self.order = self.server.books.orders["1001"]
        self.server.books.effects.clear()
        self.transport.calls.clear()

    def lose(self, name: str) -> None:
        """Lose the answer of the next call of an operation."""
        exchange = self.transport._exchange

        def lossy(call: Request) -> Any:
            is_it = f"mutation {name}(" in call.body.decode()
            if is_it:
                self.transport._exchange = exchange  # type: ignore[method-assign]
                self.transport.faults = [Fault.LOST_ANSWER]
            return exchange(call)

        self.transport._exchange = lossy  # type: ignore[method-assign]

    def refused(
        self, error: type[ConnectorError], call: Any, *args: Any
    ) -> ConnectorError:
        """Return the error a call ends with."""
        with self.assertRaises(error) as caught:
            call(*args)
        return caught.exception

    def lines(self, **quantities: str) -> tuple[ReportedLine, ...]:
        """Return lines such as ``a="2"``."""
        ids = {"a": "10011", "b": "10012"}
        return tuple(
            ReportedLine(order_line_id=ids[name], quantity=Decimal(quantity))
            for name, quantity in quantities.items()
        )


class TestShopifyShipments(OrderCase):
    """Each parcel is one fulfilment, whatever gets lost on the way."""

    def shipment(self, id_: str = "WH/OUT/1", **lines: str) -> Shipment:
        """Return a shipment from main."""
        return Shipment(
            id=id_,
            order_id="1001",
            location_id=MAIN,
            shipped_at=self.clock(),
            lines=self.lines(**(lines or {"a": "3", "b": "5"})),
            carrier="DHL Express",
            tracking="T1",
            tracking_url="https://track.example/T1",
        )

    def tell(self, shipment: Shipment) -> None:
        """Report it."""
        self.connector.report_shipment(shipment)

    def shipped(self) -> list[tuple[str, dict[str, int], object]]:
        """Return place, lines and tracking number of each fulfilment."""
        return [
            (
                number(row["location"]["id"]),
                self.counted(row["fulfillmentLineItems"]),
                row["trackingInfo"][0]["number"],
            )
            for row in self.order["fulfillments"]
        ]

    def counted(self, lines: list[dict[str, Any]]) -> dict[str, int]:
        """Return how many of each order line."""
        total: Counter[str] = Counter()
        for line in lines:
            total[number(line["lineItem"]["id"])] += line["quantity"]
        return dict(total)

    def test_whole_order_in_one_parcel(self) -> None:
        """With what there is to follow it by; nobody writes to the customer."""
        self.tell(self.shipment())
        self.assertEqual([(MAIN, {"10011": 3, "10012": 5}, "T1")], self.shipped())
        [sent] = self.sent("HubShip")
        given = sent["fulfillment"]
        self.assertEqual(
            {
                "company": "DHL Express",
                "number": "T1",
                "url": "https://track.example/T1",
            },
            given["trackingInfo"],
        )
        self.assertIs(False, given["notifyCustomer"])
        self.assertEqual("CLOSED", self.order["fulfillmentOrders"][0]["status"])

    def test_customer_is_written_to_where_that_is_wished(self) -> None:
        """By a setting of the channel."""
        self.connector = self.connect(access_token=ACCESS_TOKEN, notify_customer="Yes")
        self.tell(self.shipment())
        self.assertIs(True, self.sent("HubShip")[0]["fulfillment"]["notifyCustomer"])

    def test_twin_parcels_without_tracking_are_two(self) -> None:
        """The same goods from the same place; each repeat finds its own."""
        first = replace(
            self.shipment("P1", b="1"), tracking="", tracking_url="", carrier=""
        )
        second = replace(first, id="P2")
        for shipment in (first, second, first, second):
            self.tell(shipment)
        self.assertEqual([(MAIN, {"10012": 1}, None)] * 2, self.shipped())
        self.assertNotIn("trackingInfo", self.sent("HubShip")[0]["fulfillment"])

    def test_every_lost_answer_is_made_up_for(self) -> None:
        """Of the note before, of the fulfilment, of the note behind."""
        for name, lost_first in (("HubMark", True), ("HubShip", False)):
            with self.subTest(name):
                shipment = self.shipment(f"P/{name}", b="1")
                self.lose(name)
                self.refused(RetryLater, self.tell, shipment)
                before = len(self.order["fulfillments"])
                self.tell(shipment)
                self.tell(shipment)
                self.assertEqual(before + lost_first, len(self.order["fulfillments"]))

    def test_twins_whose_answers_were_both_lost(self) -> None:
        """What the first made was there before the second."""
        first, second = self.shipment("P1", b="1"), self.shipment("P2", b="1")
        for shipment in (first, second):
            self.lose("HubShip")
            self.refused(RetryLater, self.tell, shipment)
        for shipment in (second, first, second):
            self.tell(shipment)
        self.assertEqual(2, len(self.order["fulfillments"]))
        notes = json.loads(self.server.marks[self.order["id"]]["value"])["shipments"]
        made = [number(row["id"]) for row in self.order["fulfillments"]]
        self.assertEqual(made, [note["fulfillment"] for note in notes])

    def test_lost_answer_is_not_taken_for_somebody_elses_parcel(self) -> None:
        """Other goods, made meanwhile by hand; the one with our number comes first."""
        shipment = self.shipment("P1", b="1")
        self.lose("HubMark")
        self.refused(RetryLater, self.tell, shipment)
        by_hand = replace(self.shipment("HAND", b="2"), tracking="OTHER")
        self.connect(access_token=ACCESS_TOKEN).report_shipment(by_hand)
        del self.server.marks[self.order["id"]]
        self.tell(shipment)
        self.assertEqual(
            [(MAIN, {"10012": 2}, "OTHER"), (MAIN, {"10012": 1}, "T1")], self.shipped()
        )

    def test_shipped_from_elsewhere_is_moved_first(self) -> None:
        """Shopify plans it anew there; the rest stays where it was."""
        self.tell(replace(self.shipment(a="2"), location_id=SHOP))
        self.assertEqual([(SHOP, {"10011": 2}, "T1")], self.shipped())
        [moved] = self.sent("HubMove")
        self.assertEqual(f"gid://shopify/Location/{SHOP}", moved["location"])
        self.assertEqual([2], [line["quantity"] for line in moved["lines"]])
        self.tell(self.shipment("WH/OUT/2", a="1", b="5"))
        self.assertEqual([SHOP, MAIN], [place for place, _, _ in self.shipped()])

    def test_goods_of_two_plans_leave_in_one_parcel(self) -> None:
        """Those planned there, and those moved there."""
        self.tell(replace(self.shipment("P1", a="1"), location_id=SHOP))
        self.server._move(
            {
                "id": self.order["fulfillmentOrders"][0]["id"],
                "location": gid("Location", SHOP),
                "lines": [
                    {
                        "id": self.order["fulfillmentOrders"][0]["lineItems"][0]["id"],
                        "quantity": 1,
                    }
                ],
            }
        )
        self.tell(replace(self.shipment("P2", a="2"), location_id=SHOP))
        self.assertEqual((SHOP, {"10011": 2}, "T1"), self.shipped()[1])
        self.assertEqual(2, len(self.order["fulfillments"][1]["fulfillmentLineItems"]))

    def test_move_that_is_refused_says_why(self) -> None:
        """B-2 is not stocked at the shop."""
        error = self.refused(
            Rejected, self.tell, replace(self.shipment(b="1"), location_id=SHOP)
        )
        self.assertIn("not stocked at the location", error.message)
        self.assertEqual([], self.order["fulfillments"])

    def test_without_a_location_it_leaves_from_where_it_is_planned(self) -> None:
        """Unless that is more than one place."""
        self.tell(replace(self.shipment("P1", a="1"), location_id=""))
        self.assertEqual([(MAIN, {"10011": 1}, "T1")], self.shipped())
        self.tell(replace(self.shipment("P2", a="1"), location_id=SHOP))
        split = {
            "id": self.order["fulfillmentOrders"][0]["id"],
            "location": gid("Location", SHOP),
            "lines": [
                {
                    "id": self.order["fulfillmentOrders"][0]["lineItems"][0]["id"],
                    "quantity": 1,
                }
            ],
        }
        self.server._move(split)
        error = self.refused(
            Rejected,
            self.tell,
            replace(self.shipment("P3", a="1", b="1"), location_id=""),
        )
        self.assertEqual(("location", "location_id"), (error.code, error.field))  # type: ignore[attr-defined]

    def test_more_than_is_left_is_refused(self) -> None:
        """Nothing is moved or made for it."""
        self.tell(self.shipment("P1", a="2"))
        error = self.refused(Rejected, self.tell, self.shipment("P2", a="2"))
        self.assertEqual("nothing_left", error.code)  # type: ignore[attr-defined]
        moved = replace(self.shipment("P3", a="2"), location_id=SHOP)
        self.refused(Rejected, self.tell, moved)
        self.assertEqual([], self.sent("HubMove"))
        self.tell(self.shipment("P2", a="1"))

    def test_order_on_hold_is_refused_with_what_to_do(self) -> None:
        """Until somebody releases the hold."""
        work = self.order["fulfillmentOrders"][0]
        for status, words in (
            ("ON_HOLD", "release the hold"),
            ("SCHEDULED", "later day"),
        ):
            work["status"] = status
            error = self.refused(Rejected, self.tell, self.shipment())
            self.assertIn(words, error.message)
        work["status"] = "OPEN"
        self.tell(self.shipment())

    def test_cancelled_order_and_unknown_order(self) -> None:
        """A person has to look."""
        self.order["cancelledAt"] = self.server.now()
        self.assertEqual(
            "order_cancelled",
            self.refused(Rejected, self.tell, self.shipment()).code,  # type: ignore[attr-defined]
        )
        error = self.refused(
            Rejected, self.tell, replace(self.shipment(), order_id="404")
        )
        self.assertIn("read_all_orders", error.message)

    def test_what_is_no_shipment_of_shopify(self) -> None:
        """Refused before any call."""
        odd = (
            replace(self.shipment(), order_id="so_1"),
            replace(self.shipment(), location_id="main"),
            self.shipment(a="1.5"),
            self.shipment(a="0"),
            replace(self.shipment(), lines=()),
            replace(
                self.shipment(),
                lines=(ReportedLine(order_line_id="x", quantity=Decimal(1)),),
            ),
        )
        for shipment in odd:
            with self.subTest(shipment):
                self.refused(Rejected, self.tell, shipment)
        self.assertEqual([], self.transport.calls)

    def test_correction_changes_its_own_parcel(self) -> None:
        """Of two alike; what is so already needs no call."""
        first, second = self.shipment("P1", b="1"), self.shipment("P2", b="1")
        self.tell(first)
        self.tell(second)
        corrected = replace(
            second, tracking="T9", tracking_url="ftp://x", revision=1, corrects=True
        )
        self.tell(corrected)
        self.tell(corrected)
        self.assertEqual(["T1", "T9"], [tracking for _, _, tracking in self.shipped()])
        [sent] = self.sent("HubTrack")
        self.assertEqual({"company": "DHL Express", "number": "T9"}, sent["tracking"])
        self.assertIs(False, sent["notify"])

    def test_correction_of_what_was_never_told_makes_it(self) -> None:
        """With the newer tracking number."""
        self.tell(replace(self.shipment(), tracking="T9", revision=1, corrects=True))
        self.assertEqual("T9", self.shipped()[0][2])

    def test_correction_to_nothing_keeps_what_was_told(self) -> None:
        """Shopify has no word for it."""
        shipment = self.shipment()
        self.tell(shipment)
        bare = replace(
            shipment, tracking="", carrier="", tracking_url="", corrects=True
        )
        self.refused(KeptAsTold, self.tell, bare)
        self.assertEqual("T1", self.shipped()[0][2])

    def test_fulfilment_cancelled_in_shopify_is_not_made_again(self) -> None:
        """Somebody did that on purpose."""
        self.tell(self.shipment())
        self.order["fulfillments"][0]["status"] = "CANCELLED"
        error = self.refused(Rejected, self.tell, self.shipment())
        self.assertEqual("fulfillment_cancelled", error.code)  # type: ignore[attr-defined]

    def test_two_workers_cannot_undo_each_others_notes(self) -> None:
        """Who has not seen the last note starts over."""
        mark = self.server.answers["HubMark"]

        def late(variables: dict[str, Any]) -> dict[str, Any]:
            self.server.answers["HubMark"] = mark
            kept = {"value": "{}", "compareDigest": "other"}
            self.server.marks[self.order["id"]] = kept
            return mark(variables)

        self.server.answers["HubMark"] = late
        self.refused(RetryLater, self.tell, self.shipment())
        self.assertEqual([], self.order["fulfillments"])

    def test_unreadable_note_is_not_guessed_about(self) -> None:
        """Otherwise everything would be shipped once more."""
        for value in (
            "",
            "no JSON",
            "[]",
            '{"shipments": [{"id": "P1"}], "cancels": []}',
        ):
            kept = {"value": value, "compareDigest": "x"}
            self.server.marks[self.order["id"]] = kept
            with self.subTest(value):
                error = self.refused(Rejected, self.tell, self.shipment())
                self.assertIn(KEY, error.message)


class TestShopifyCancellations(OrderCase):
    """What will not ship is taken off, and nothing is put back on sale."""

    def cancellation(self, id_: str = "C1", **lines: str) -> Cancellation:
        """Return a cancellation."""
        return Cancellation(
            id=id_,
            order_id="1001",
            reason="Sold out." + "x" * 300,
            decided_at=self.clock(),
            lines=self.lines(**lines),
        )

    def tell(self, cancellation: Cancellation) -> None:
        """Report it."""
        self.connector.report_cancel(cancellation)

    def left(self) -> list[int]:
        """Return what is left of the lines."""
        return [line["currentQuantity"] for line in self.order["lineItems"]]

    def document(self, name: str) -> str:
        """Return the text of the last call of an operation."""
        texts = [call.body.decode() for call in self.transport.calls]
        return next(text for text in reversed(texts) if f" {name}(" in text)

    def test_whole_order_is_cancelled(self) -> None:
        """Without restocking or refunding, with the reason for the staff."""
        shown = {key: level.quantity for key, level in self.server.books.levels.items()}
        self.tell(self.cancellation(a="3", b="5"))
        self.assertTrue(self.order["cancelledAt"])
        [sent] = self.sent("HubCancel")
        self.assertEqual((255, False), (len(sent["note"]), sent["notify"]))
        self.assertIn("restock: false", self.document("HubCancel"))
        self.assertNotIn("refund", self.document("HubCancel"))
        self.assertEqual(
            shown,
            {key: level.quantity for key, level in self.server.books.levels.items()},
        )
        self.tell(self.cancellation(a="3", b="5"))
        self.assertEqual(1, len(self.sent("HubCancel")))

    def test_cancelling_takes_its_time(self) -> None:
        """It is waited for a little, then looked at again later."""
        self.server.cancel_seconds = 2
        self.tell(self.cancellation(a="3", b="5"))
        self.assertEqual([1.0, 2.0], self.transport.pauses)
        self.server.add_order("1002")
        self.server.cancel_seconds = 60
        slow = replace(
            self.cancellation(),
            order_id="1002",
            lines=tuple(
                ReportedLine(order_line_id=f"1002{n}", quantity=Decimal(q))
                for n, q in ((1, 3), (2, 5))
            ),
        )
        self.refused(RetryLater, self.tell, slow)
        self.clock.advance(60)
        self.tell(slow)
        self.assertEqual(2, len(self.sent("HubCancel")))

    def test_part_of_an_order_is_edited_off(self) -> None:
        """One line by one, the other altogether; once."""
        cancellation = self.cancellation(a="1", b="5")
        self.tell(cancellation)
        self.tell(cancellation)
        self.assertEqual([2, 0], self.left())
        self.assertIsNone(self.order["cancelledAt"])
        self.assertEqual(1, len(self.sent("HubEditCommit")))
        self.assertIn("restock: false", self.document("HubEditLine"))
        self.tell(self.cancellation("C2", a="1"))
        self.assertEqual([1, 0], self.left())

    def test_lost_answers_cancel_nothing_twice(self) -> None:
        """The quantities to be left are noted before anything is changed."""
        for name in ("HubMark", "HubEditBegin", "HubEditLine", "HubEditCommit"):
            cancellation = self.cancellation(f"C/{name}", b="1")
            before = self.left()[1]
            self.lose(name)
            self.refused(RetryLater, self.tell, cancellation)
            self.tell(cancellation)
            self.tell(cancellation)
            with self.subTest(name):
                self.assertEqual([3, before - 1], self.left())

    def test_rest_of_a_shipped_order_is_edited_off(self) -> None:
        """An order with fulfilments cannot be cancelled."""
        line = self.order["lineItems"][0]
        line["unfulfilledQuantity"] = 0
        self.tell(self.cancellation(b="5"))
        self.assertEqual([3, 0], self.left())
        self.assertEqual([], self.sent("HubCancel"))

    def test_what_was_shipped_is_not_cancelled(self) -> None:
        """Also where it is noticed only within the edit."""
        self.order["lineItems"][0]["unfulfilledQuantity"] = 1
        error = self.refused(Rejected, self.tell, self.cancellation(a="2"))
        self.assertEqual("not_open", error.code)  # type: ignore[attr-defined]
        begin = self.server.answers["HubEditBegin"]

        def shipped(variables: dict[str, Any]) -> dict[str, Any]:
            self.order["lineItems"][1]["unfulfilledQuantity"] = 0
            return begin(variables)

        self.server.answers["HubEditBegin"] = shipped
        self.refused(Rejected, self.tell, self.cancellation(b="1"))
        self.assertEqual([3, 5], self.left())

    def test_removed_in_shopify_already(self) -> None:
        """Nothing is left to say; less than shall go is for a person."""
        self.order["lineItems"][0].update(currentQuantity=0, unfulfilledQuantity=0)
        self.tell(self.cancellation(a="3"))
        self.assertEqual(["HubOrderToCancel"], self.names())
        self.order["lineItems"][0].update(currentQuantity=1, unfulfilledQuantity=1)
        self.refused(Rejected, self.tell, self.cancellation(a="3"))

    def test_refused_edit_is_counted_anew(self) -> None:
        """The shop may have added to the line before somebody tells it again."""
        self.server.edit_refused = "Not now."
        self.refused(Rejected, self.tell, self.cancellation(b="1"))
        self.server.edit_refused = ""
        self.order["lineItems"][1].update(currentQuantity=7, unfulfilledQuantity=7)
        self.tell(self.cancellation(b="1"))
        self.assertEqual([3, 6], self.left())

    def names(self) -> list[str]:
        """Return the operations called, repeats of pages left out."""
        texts = [
            json.loads(call.body)["query"].split()[1] for call in self.transport.calls
        ]
        return list(dict.fromkeys(text.partition("(")[0] for text in texts))

    def test_refusals_carry_shopifys_words(self) -> None:
        """Of the cancellation, of the edit, of an order nobody may edit."""
        self.server.edit_refused = "The order cannot be edited: it is archived."
        error = self.refused(Rejected, self.tell, self.cancellation(a="1"))
        self.assertIn("it is archived", error.message)
        self.order["merchantEditable"] = False
        self.order["merchantEditableErrors"] = ["It was placed with an app."]
        error = self.refused(Rejected, self.tell, self.cancellation(a="1"))
        self.assertIn("It was placed with an app.", error.message)
        self.order["fulfillments"].append(
            {"id": gid("Fulfillment", 1), "status": "SUCCESS"}
        )
        error = self.refused(Rejected, self.tell, self.cancellation(a="3", b="5"))
        self.assertIn("with fulfillments", error.message)

    def test_unknown_line_and_order(self) -> None:
        """A person has to look."""
        self.refused(
            Rejected, self.tell, replace(self.cancellation(a="1"), order_id="404")
        )
        line = (ReportedLine(order_line_id="99", quantity=Decimal(1)),)
        error = self.refused(
            Rejected, self.tell, replace(self.cancellation(a="1"), lines=line)
        )
        self.assertEqual("unknown_line", error.code)  # type: ignore[attr-defined]
