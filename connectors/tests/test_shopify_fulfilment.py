"""Shipments told to Shopify: once each, from the right place."""

import json
from collections import Counter
from dataclasses import replace
from decimal import Decimal
from typing import Any

from ..data import ReportedLine, Shipment
from ..errors import KeptAsTold, Rejected, RetryLater
from ..shopify_client import number
from ..shopify_marks import KEY
from ..testing.fake_shopify import ACCESS_TOKEN, MAIN, SHOP
from ..testing.fake_shopify_orders import gid
from .shopify_case import OrderCase


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
        # Read once, where nothing has to be moved.
        self.assertEqual(1, len(self.sent("HubOrderToShip")))

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

    def test_shop_that_keeps_no_note(self) -> None:
        """Then nothing is told: it could not be known again."""
        error = {"code": "APP_NOT_AUTHORIZED", "message": "Not yours.", "field": None}
        self.server.answers["HubMark"] = lambda _: {
            "metafieldsSet": {"userErrors": [error]}
        }
        refusal = self.refused(Rejected, self.tell, self.shipment())
        self.assertIn("Not yours.", refusal.message)
        self.assertEqual([], self.order["fulfillments"])

    def test_unreadable_note_is_not_guessed_about(self) -> None:
        """Otherwise everything would be shipped once more."""
        for value in (
            "",
            "no JSON",
            "[]",
            '{"shipments": []}',
            '{"shipments": [{"id": "P1"}], "cancels": []}',
            '{"shipments": [{"known": [], "fulfillment": ""}], "cancels": []}',
            '{"shipments": [], "cancels": [{"left": [], "done": true}]}',
            '{"shipments": [], "cancels": [{"id": "C", "left": [], "done": 1}]}',
            '{"shipments": [], "cancels": [{"id": "C", "done": true,'
            ' "left": [{"quantity": 1}]}]}',
        ):
            kept = {"value": value, "compareDigest": "x"}
            self.server.marks[self.order["id"]] = kept
            with self.subTest(value):
                error = self.refused(Rejected, self.tell, self.shipment())
                self.assertIn(KEY, error.message)

    def test_answers_that_say_too_little(self) -> None:
        """Nobody knows whether it was noted, moved or made."""
        answers = dict(self.server.answers)
        elsewhere = replace(self.shipment(a="1"), location_id=SHOP)
        for name, answer, shipment in (
            ("HubMark", {"metafieldsSet": {"metafields": []}}, self.shipment()),
            ("HubMove", {"fulfillmentOrderMove": {}}, elsewhere),
            ("HubShip", {"fulfillmentCreate": {}}, self.shipment()),
        ):
            self.server.answers = {**answers, name: lambda _, a=answer: a}
            with self.subTest(name):
                self.refused(RetryLater, self.tell, shipment)
        self.server.answers = answers
        self.tell(self.shipment())
        self.assertEqual(1, len(self.order["fulfillments"]))

    def test_parcel_beyond_those_that_are_shown(self) -> None:
        """Of very many; it was told, and its tracking number may be corrected."""
        shipment = self.shipment()
        self.tell(shipment)
        shown = self.server.answers["HubOrderToShip"]

        def cut(variables: dict[str, Any]) -> dict[str, Any]:
            order = shown(variables)["order"]
            return {"order": {**order, "fulfillments": []}}

        self.server.answers["HubOrderToShip"] = cut
        self.tell(shipment)
        self.tell(replace(shipment, tracking="T9", corrects=True))
        self.assertEqual([(MAIN, {"10011": 3, "10012": 5}, "T9")], self.shipped())

    def test_same_goods_from_another_place_are_not_ours(self) -> None:
        """Though the answer to ours was lost."""
        shipment = self.shipment("P1", a="1")
        self.lose("HubMark")
        self.refused(RetryLater, self.tell, shipment)
        mark = self.server.marks.pop(self.order["id"])
        self.tell(replace(self.shipment("P2", a="1"), location_id=SHOP))
        self.server.marks[self.order["id"]] = mark
        self.tell(shipment)
        self.assertEqual([SHOP, MAIN], [place for place, _, _ in self.shipped()])

    def test_more_lines_than_a_list_holds(self) -> None:
        """A person tells it; nothing is told in part."""
        work = self.order["fulfillmentOrders"][0]
        line = work["lineItems"][0]
        work["lineItems"] = [
            {**line, "id": gid("FulfillmentOrderLineItem", 80_000 + n)}
            for n in range(251)
        ]
        for row in work["lineItems"]:
            row["remainingQuantity"] = 1
        error = self.refused(Rejected, self.tell, self.shipment(a="251"))
        self.assertEqual("too_many_lines", error.code)  # type: ignore[attr-defined]
        work["lineItems"].pop()
        self.tell(self.shipment(a="250"))

    def test_of_two_alike_the_one_with_our_number_is_ours(self) -> None:
        """Somebody made the other one by hand, before ours arrived."""
        shipment = self.shipment("P1", b="1")
        self.lose("HubShip")
        self.refused(RetryLater, self.tell, shipment)
        [made] = self.order["fulfillments"]
        by_hand = {
            **made,
            "id": gid("Fulfillment", 5),
            "trackingInfo": [{"number": "X"}],
        }
        self.order["fulfillments"].insert(0, by_hand)
        self.tell(shipment)
        self.tell(replace(shipment, tracking="T9", corrects=True))
        self.assertEqual(["X", "T9"], [tracking for _, _, tracking in self.shipped()])

    def test_goods_planned_elsewhere_do_not_matter(self) -> None:
        """Where nobody said the location: only those that are shipped do."""
        self.tell(replace(self.shipment("P1", a="1"), location_id=SHOP))
        self.server._move(
            {
                "id": self.order["fulfillmentOrders"][0]["id"],
                "location": gid("Location", SHOP),
                "lines": [
                    {
                        "id": self.order["fulfillmentOrders"][0]["lineItems"][0]["id"],
                        "quantity": 2,
                    }
                ],
            }
        )
        self.tell(replace(self.shipment("P2", b="1"), location_id=""))
        self.assertEqual((MAIN, {"10012": 1}, "T1"), self.shipped()[1])

    def test_refusals_carry_shopifys_words(self) -> None:
        """Of the shipment, of its tracking number."""
        errors = [{"message": "Not this one.", "field": ["fulfillment"]}]
        answers = dict(self.server.answers)
        self.server.answers["HubShip"] = lambda _: {
            "fulfillmentCreate": {"userErrors": errors}
        }
        error = self.refused(Rejected, self.tell, self.shipment())
        self.assertIn("Not this one.", error.message)
        self.server.answers = answers
        self.tell(self.shipment())
        self.server.answers["HubTrack"] = lambda _: {
            "fulfillmentTrackingInfoUpdate": {"userErrors": errors}
        }
        corrected = replace(self.shipment(), tracking="T9", corrects=True)
        error = self.refused(Rejected, self.tell, corrected)
        self.assertIn("Not this one.", error.message)
