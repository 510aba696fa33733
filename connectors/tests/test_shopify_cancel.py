"""Cancellations told to Shopify: taken off once, and nothing put back on sale."""

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

from ..data import Cancellation, ReportedLine
from ..errors import Rejected, RetryLater
from ..testing.fake_shopify_orders import gid
from .shopify_case import OrderCase


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
        # Once for each, whatever was lost of it.
        self.assertEqual(4, len(self.sent("HubEditCommit")))
        # What the shop adds afterwards is not taken off again.
        self.order["lineItems"][1].update(currentQuantity=9, unfulfilledQuantity=9)
        for name in ("HubMark", "HubEditBegin", "HubEditLine", "HubEditCommit"):
            self.tell(self.cancellation(f"C/{name}", b="1"))
        self.assertEqual([3, 9], self.left())

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

        self.assertEqual([], self.sent("HubEditBegin"))
        self.server.answers["HubEditBegin"] = shipped
        error = self.refused(Rejected, self.tell, self.cancellation(b="1"))
        self.assertEqual("not_open", error.code)  # type: ignore[attr-defined]
        self.assertEqual([3, 5], self.left())
        self.assertEqual([], self.sent("HubEditCommit"))

    def test_removed_in_shopify_already(self) -> None:
        """Nothing is left to say; less than shall go is for a person."""
        self.order["lineItems"][0].update(currentQuantity=0, unfulfilledQuantity=0)
        self.tell(self.cancellation(a="3"))
        self.assertEqual(["HubOrderToCancel", "HubMark"], self.names())
        self.order["lineItems"][0].update(currentQuantity=1, unfulfilledQuantity=1)
        self.refused(Rejected, self.tell, self.cancellation("C2", a="3"))

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
        error = self.refused(
            Rejected, self.tell, replace(self.cancellation(a="1"), order_id="404")
        )
        self.assertEqual("unknown_order", error.code)  # type: ignore[attr-defined]
        line = (ReportedLine(order_line_id="99", quantity=Decimal(1)),)
        error = self.refused(
            Rejected, self.tell, replace(self.cancellation(a="1"), lines=line)
        )
        self.assertEqual("unknown_line", error.code)  # type: ignore[attr-defined]

    def test_edits_that_say_too_little(self) -> None:
        """No draft, or one without the line."""
        begin = self.server.answers["HubEditBegin"]
        self.server.answers["HubEditBegin"] = lambda _: {"orderEditBegin": {}}
        self.refused(RetryLater, self.tell, self.cancellation(b="1"))
        draft = {"id": gid("CalculatedOrder", 1), "lineItems": {"nodes": []}}
        empty = {"orderEditBegin": {"calculatedOrder": draft}}
        self.server.answers["HubEditBegin"] = lambda _: empty
        error = self.refused(Rejected, self.tell, self.cancellation(b="1"))
        self.assertEqual("unknown_line", error.code)  # type: ignore[attr-defined]
        self.server.answers["HubEditBegin"] = begin
        self.tell(self.cancellation(b="1"))
        self.assertEqual([3, 4], self.left())

    def test_line_that_somebody_takes_off_meanwhile(self) -> None:
        """It is neither put back nor taken off once more."""
        begin = self.server.answers["HubEditBegin"]

        def lowered(variables: dict[str, Any]) -> dict[str, Any]:
            line = self.order["lineItems"][1]
            line.update(currentQuantity=4, unfulfilledQuantity=4)
            return begin(variables)

        self.server.answers["HubEditBegin"] = lowered
        self.tell(self.cancellation(a="1", b="1"))
        self.assertEqual([2, 4], self.left())
        self.assertEqual([2], [sent["quantity"] for sent in self.sent("HubEditLine")])

    def test_edit_that_is_refused_on_its_way(self) -> None:
        """At a line, at the end: nothing is changed, and it may be told again."""
        errors = {"userErrors": [{"message": "Not this one.", "field": ["id"]}]}
        answers = dict(self.server.answers)
        for name, field in (
            ("HubEditLine", "orderEditSetQuantity"),
            ("HubEditCommit", "orderEditCommit"),
        ):
            refusal = {field: errors}
            self.server.answers = {**answers, name: lambda _, r=refusal: r}
            error = self.refused(Rejected, self.tell, self.cancellation(b="1"))
            with self.subTest(name):
                self.assertIn("Not this one.", error.message)
                self.assertEqual([3, 5], self.left())
        self.server.answers = answers
        self.tell(self.cancellation(b="1"))
        self.assertEqual([3, 4], self.left())

    def test_order_cancelled_in_shopify(self) -> None:
        """There is nothing to say any more."""
        self.order["cancelledAt"] = self.server.now()
        self.tell(self.cancellation(b="1"))
        self.assertEqual(["HubOrderToCancel"], self.names())
