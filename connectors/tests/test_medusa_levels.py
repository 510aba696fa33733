"""Pushing to Medusa: each trap of its batch call, and the recorded answers."""

import json
import unittest
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from ..data import (
    Cancellation,
    LotQuantity,
    QuantityKey,
    QuantityUpdate,
    ReportedLine,
    ResultStatus,
    Shipment,
    UpdateResult,
)
from ..errors import Misconfigured, RateLimited, Rejected, RetryLater
from ..testing.fake_channel import Fault
from ..transport import Request, Response
from .test_medusa_orders import SAMPLES, MedusaCase

APPLIED, REJECTED = ResultStatus.APPLIED, ResultStatus.REJECTED
STALE, UNKNOWN = ResultStatus.STALE, ResultStatus.UNKNOWN


class PushCase(MedusaCase):
    """Short ways to publish."""

    def key_of(self, sku: str, location_id: str = "main") -> QuantityKey:
        """Return the key of an item, listed or not."""
        return QuantityKey(sku=sku, item_id=f"iitem_{sku}", location_id=location_id)

    def push(self, *numbers: tuple[QuantityKey, str]) -> list[UpdateResult]:
        """Publish, in rising sequence."""
        updates = [
            QuantityUpdate(
                key=key, quantity=Decimal(quantity), unit="Units", sequence=sequence
            )
            for sequence, (key, quantity) in enumerate(numbers, start=1)
        ]
        return self.connector.publish(updates, "push-1")

    def batches(self) -> list[dict[str, Any]]:
        """Return the bodies of all batch calls."""
        return [
            json.loads(call.body)
            for call in self.shop.transport.calls
            if call.method == "POST"
        ]

    def statuses(self, results: Sequence[UpdateResult]) -> list[ResultStatus]:
        """Return the statuses alone."""
        return [result.status for result in results]


class TestPush(PushCase):
    """Levels that exist are updated, others created, bad ones named."""

    def test_new_levels_are_created_others_updated(self) -> None:
        """In one call."""
        results = self.push((self.key, "4"), (self.key_of("A-1", "shop"), "6"))
        self.assertEqual([APPLIED, APPLIED], self.statuses(results))
        self.assertEqual([4, 6], [result.quantity for result in results])
        [batch] = self.batches()
        self.assertEqual(
            [1, 1, 0], [len(batch[n]) for n in ("create", "update", "delete")]
        )
        self.assertEqual(Decimal(6), self.shop.books.shown("A-1", "shop"))

    def test_numbers_are_json_numbers(self) -> None:
        """Medusa refuses strings, with a misleading sentence."""
        self.push((self.key, "4"), (self.key_of("B-2"), "2.50"))
        sent = [row["stocked_quantity"] for row in self.batches()[0]["update"]]
        self.assertEqual([4, 2.5], sent)
        self.assertIs(int, type(sent[0]))

    def test_unknown_location_is_refused_by_us(self) -> None:
        """Medusa would take the level, and nobody would ever see it."""
        [result] = self.push((self.key_of("A-1", "ghost"), "4"))
        self.assertEqual(
            (REJECTED, "unknown_location", "location_id"),
            (result.status, result.code, result.field),
        )
        self.assertEqual([], self.batches())
        self.assertNotIn(("A-1", "ghost"), self.shop.books.levels)

    def test_unknown_item_does_not_stop_the_others(self) -> None:
        """It never reaches the batch that it would spoil."""
        results = self.push((self.key_of("NOPE"), "1"), (self.key, "4"))
        self.assertEqual([REJECTED, APPLIED], self.statuses(results))
        self.assertEqual("unknown_item", results[0].code)

    def test_negative_is_never_sent(self) -> None:
        """Nor does it spoil the batch."""
        results = self.push((self.key, "-1"), (self.key_of("B-2"), "3"))
        self.assertEqual([REJECTED, APPLIED], self.statuses(results))
        self.assertEqual(Decimal(10), self.shop.books.shown("A-1", "main"))

    def test_newest_number_of_a_level_wins(self) -> None:
        """Medusa takes a level twice and may show either."""
        newer, older = (
            QuantityUpdate(key=self.key, quantity=Decimal(n), unit="Units", sequence=n)
            for n in (9, 8)
        )
        results = self.connector.publish([newer, older], "push-1")
        self.assertEqual([APPLIED, STALE], self.statuses(results))
        self.assertEqual(9, results[1].sequence)
        self.assertEqual(1, len(self.batches()[0]["update"]))
        self.assertEqual(Decimal(9), self.shop.books.shown("A-1", "main"))

    def test_level_that_appears_meanwhile_is_updated(self) -> None:
        """Someone creates it between our reading and our writing."""
        key = self.key_of("A-1", "shop")
        self._before_first_write(lambda: self.shop.add_item("A-1", "shop", Decimal(1)))
        results = self.push((key, "6"), (self.key, "4"))
        self.assertEqual([APPLIED, APPLIED], self.statuses(results))
        self.assertEqual(Decimal(6), self.shop.books.shown("A-1", "shop"))

    def test_level_that_vanishes_meanwhile_is_created(self) -> None:
        """Someone deletes it between our reading and our writing."""
        self._before_first_write(lambda: self.shop.books.levels.pop(("A-1", "main")))
        results = self.push((self.key, "4"), (self.key_of("B-2"), "5"))
        self.assertEqual([APPLIED, APPLIED], self.statuses(results))

    def test_guilty_rows_are_found_by_halving(self) -> None:
        """Medusa refuses two of nine for reasons of its own; seven go through."""
        keys = [self.shop.add_item(f"S-{n}", "main", Decimal(1)) for n in range(9)]
        guilty = {keys[3].item_id, keys[7].item_id}
        self._refuse_items(guilty)
        results = self.push(*((key, "5") for key in keys))
        wanted = [REJECTED if key.item_id in guilty else APPLIED for key in keys]
        self.assertEqual(wanted, self.statuses(results))
        self.assertEqual("not_allowed", results[3].code)
        self.assertIn("I do not like it", results[3].message)
        self.assertLessEqual(len(self.batches()), 20)

    def _before_first_write(self, meddle: Any) -> None:
        """Run a function right before the next batch call arrives."""
        handle, meddled = self.shop.handle, []

        def handler(call: Request) -> Response:
            if call.method == "POST" and not meddled:
                meddled.append(meddle())
            return handle(call)

        self.shop.transport._handler = handler

    def _refuse_items(self, guilty: set[str]) -> None:
        """Let the shop refuse every batch that names one of these items."""
        handle = self.shop.handle

        def handler(call: Request) -> Response:
            if call.method == "POST" and any(i in call.body.decode() for i in guilty):
                text = b'{"type":"not_allowed","message":"I do not like it"}'
                return Response(400, {}, text)
            return handle(call)

        self.shop.transport._handler = handler


class TestLostAnswers(PushCase):
    """What is claimed is what Medusa shows."""

    def test_lost_answer_is_read_back(self) -> None:
        """It went through, and Medusa shows it."""
        self.shop.transport.lose_writes = True
        [result] = self.push((self.key, "4"))
        self.assertEqual((APPLIED, Decimal(4)), (result.status, result.quantity))

    def test_broken_write_is_unknown(self) -> None:
        """Medusa shows another number: perhaps it still comes."""
        self.shop.transport.faults = [None, Fault.BROKEN]
        [result] = self.push((self.key, "4"))
        self.assertEqual(UNKNOWN, result.status)

    def test_nothing_readable_after_a_lost_answer(self) -> None:
        """Then nobody knows."""
        self.shop.transport.faults = [None, Fault.LOST_ANSWER, Fault.DOWN]
        [result] = self.push((self.key, "4"))
        self.assertEqual(UNKNOWN, result.status)

    def test_rate_limit_before_any_write(self) -> None:
        """Nothing was seen, and the caller may say so."""
        self.shop.transport.faults = [None, Fault.RATE_LIMIT]
        with self.assertRaises(RateLimited):
            self.push((self.key, "4"))

    def test_empty_settings(self) -> None:
        """The form says which."""
        self.connector.config = {"base_url": "https://medusa.example"}
        with self.assertRaises(Misconfigured) as caught:
            self.push((self.key, "4"))
        self.assertEqual("api_key", caught.exception.field)


class TestReports(PushCase):
    """Fulfilments and cancellations reach Medusa once."""

    def shipment(self, *lines: ReportedLine, location_id: str = "main") -> Shipment:
        """Return a shipment of order 1."""
        return Shipment(
            id="WH/OUT/1",
            order_id="1",
            location_id=location_id,
            shipped_at=self.clock(),
            lines=lines,
            tracking="T1",
        )

    def test_line_in_two_lots_is_one_item(self) -> None:
        """Given twice, Medusa would keep a reservation for ever."""
        [line, _] = self.shop.add_order("1")
        lots = [
            ReportedLine(
                order_line_id=line,
                quantity=Decimal(quantity),
                lots=(LotQuantity(name=name, quantity=Decimal(quantity)),),
            )
            for name, quantity in (("L1", 1), ("L2", 2))
        ]
        self.connector.report_shipment(self.shipment(*lots))
        [fulfilment] = self.shop.books.shipments.values()
        self.assertEqual("1 x L1, 2 x L2", fulfilment["metadata"]["lots"])
        held = [row["line_item_id"] for row in self.shop.reservations]
        self.assertNotIn(line, held)
        self.assertEqual(Decimal(7), self.shop.books.shown("A-1", "main"))

    def test_shipment_without_its_second_half_is_completed(self) -> None:
        """The fulfilment was made, marking it shipped failed."""
        [line, _] = self.shop.add_order("1")
        shipment = self.shipment(ReportedLine(order_line_id=line, quantity=Decimal(3)))
        # Look, fulfil, look, ship: the last call fails.
        self.shop.transport.faults = [None, None, None, Fault.DOWN]
        with self.assertRaises(RetryLater):
            self.connector.report_shipment(shipment)
        self.connector.report_shipment(shipment)
        [fulfilment] = self.shop.books.shipments.values()
        self.assertTrue(fulfilment["shipped_at"])

    def test_fulfilment_cancelled_there_is_not_made_again(self) -> None:
        """Someone in the shop decided otherwise: a person must look."""
        [line, _] = self.shop.add_order("1")
        shipment = self.shipment(ReportedLine(order_line_id=line, quantity=Decimal(1)))
        self.connector.report_shipment(shipment)
        [fulfilment] = self.shop.books.shipments.values()
        fulfilment["canceled_at"] = self.shop.now()
        with self.assertRaises(Rejected) as caught:
            self.connector.report_shipment(shipment)
        self.assertEqual("fulfillment_canceled", caught.exception.code)

    def test_too_much_is_rejected(self) -> None:
        """With Medusa's own words."""
        [line, _] = self.shop.add_order("1")
        with self.assertRaises(Rejected) as caught:
            self.connector.report_shipment(
                self.shipment(ReportedLine(order_line_id=line, quantity=Decimal(4)))
            )
        self.assertIn("exceeds", caught.exception.message)

    def test_part_of_an_order_cannot_be_cancelled(self) -> None:
        """And nothing is cancelled instead."""
        lines = self.shop.add_order("1")
        part = Cancellation(
            id="C1",
            order_id="1",
            reason="",
            decided_at=self.clock(),
            lines=(ReportedLine(order_line_id=lines[0], quantity=Decimal(3)),),
        )
        with self.assertRaises(Rejected) as caught:
            self.connector.report_cancel(part)
        self.assertEqual("partial_cancel", caught.exception.code)
        self.assertEqual("pending", self.shop.books.orders["1"]["status"])

    def test_hostile_order_id_stays_one_part_of_the_path(self) -> None:
        """An id from outside must not choose another address."""
        for order_id in ("../../store", "..", "a/b?c=d"):
            with self.subTest(order_id), self.assertRaises(Rejected):
                self.connector.report_cancel(
                    Cancellation(
                        id="C1",
                        order_id=order_id,
                        reason="",
                        decided_at=self.clock(),
                        lines=(),
                    )
                )
        paths = [
            call.url.split("/admin/orders/")[1] for call in self.shop.transport.calls
        ]
        self.assertFalse([path for path in paths if "/" in path])


class TestFakeIsFaithful(PushCase):
    """The fake refuses what the real server was recorded to refuse, likewise."""

    def test_refusals(self) -> None:
        """Same status and type for the same fault."""
        row = {"inventory_item_id": "iitem_A-1", "location_id": "main"}
        nope = {"inventory_item_id": "iitem_nope", "location_id": "main"}
        faults = {
            "refused_create_existing": {"create": [{**row, "stocked_quantity": 3}]},
            "refused_unknown_item_create": {
                "create": [{**nope, "stocked_quantity": 3}]
            },
            "refused_unknown_level_update": {
                "update": [{**nope, "stocked_quantity": 3}]
            },
            "refused_negative": {"update": [{**row, "stocked_quantity": -3}]},
            "refused_string": {"update": [{**row, "stocked_quantity": "3"}]},
            "created_at_unknown_location": {
                "create": [{**row, "location_id": "ghost", "stocked_quantity": 1}]
            },
        }
        for name, body in faults.items():
            with self.subTest(name):
                recorded = json.loads((SAMPLES / "api" / f"{name}.json").read_text())
                answer = self.call({"create": [], "update": [], "delete": [], **body})
                self.assertEqual(recorded["status"], answer.status)
                self.assertEqual(
                    recorded["body"].get("type"), json.loads(answer.body).get("type")
                )

    def test_stale_available_quantity(self) -> None:
        """The answer's available quantity is the one from before the call."""
        recorded = json.loads((SAMPLES / "api" / "levels_updated.json").read_text())
        [level] = recorded["body"]["updated"]
        self.assertEqual(7, level["stocked_quantity"])
        self.assertEqual(50 - level["reserved_quantity"], level["available_quantity"])
        row = {"inventory_item_id": "iitem_A-1", "location_id": "main"}
        body = {"create": [], "update": [{**row, "stocked_quantity": 7}], "delete": []}
        [level] = json.loads(self.call(body).body)["updated"]
        self.assertEqual(
            (7, 10), (level["stocked_quantity"], level["available_quantity"])
        )

    def call(self, body: object) -> Response:
        """Send one batch past the connector."""
        headers = self.shop.transport.calls
        self.connector.check()
        return self.shop.handle(
            Request(
                method="POST",
                url="https://medusa.example/admin/inventory-items/location-levels/batch",
                headers=headers[-1].headers,
                body=json.dumps(body).encode(),
            )
        )


if __name__ == "__main__":
    unittest.main()
