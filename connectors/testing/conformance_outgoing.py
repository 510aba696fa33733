"""Conformance of what goes out: numbers, shipments, cancellations."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from decimal import Decimal

from ..data import QuantityKey, QuantityUpdate, ResultStatus, UpdateResult
from ..errors import KeptAsTold, Rejected, RetryLater
from .conformance_base import ConformanceBase
from .fake_channel import Fault


class OutgoingConformance(ConformanceBase):
    """One result per update, one effect per call, true numbers."""

    def shown(self) -> list[Decimal | None]:
        """Return what the channel shows for our keys."""
        return [self.server.quantity(key) for key in self.keys]

    def publish(
        self, *updates: QuantityUpdate, key: str = "push-1"
    ) -> list[UpdateResult]:
        """Publish and check that there is one result per update."""
        results = self.connector.publish(updates, key)
        self.assertEqual(len(updates), len(results))
        return results

    def publish_or_lose(self, update: QuantityUpdate) -> None:
        """Publish one number while the answer gets lost."""
        try:
            results = self.publish(update)
        except RetryLater:
            return
        self.assertEqual([ResultStatus.UNKNOWN], [result.status for result in results])

    def test_nothing_to_publish(self) -> None:
        """An empty batch makes no call.

        What to do: return [] for no updates before anything else.
        """
        self.assertEqual([], self.publish())
        self.assertEqual([], self.transport.calls)

    def test_published_numbers_are_shown(self) -> None:
        """Each number arrives at its own item and location.

        What to do: send the absolute number of each update to the item and location its
        key names, and say ``applied`` where the channel took it.
        """
        numbers = ["12", "0", "31"][: len(self.keys)]
        updates = [self.update(k, n) for k, n in zip(self.keys, numbers, strict=True)]
        results = self.publish(*updates)
        self.assertEqual(
            [ResultStatus.APPLIED] * len(updates), [result.status for result in results]
        )
        self.assertEqual([Decimal(number) for number in numbers], self.shown())

    def test_extreme_numbers_survive_the_wire(self) -> None:
        """Zero, a million, and fractions to the last digit where there are any.

        What to do: write numbers as the channel wants them, without an exponent and
        without going through a rounded float; say ``fractions=False`` where it takes
        whole numbers only.
        """
        numbers = ["0", "1000000", "1"]
        if self.capabilities.fractions:
            numbers += ["0.125", "0.0000000001", "1E+3", "2.50"]
        for sequence, number in enumerate(numbers, start=2_000):
            with self.subTest(number):
                update = self.update(self.keys[0], number, sequence)
                [result] = self.publish(update, key=f"push-{sequence}")
                self.assertEqual(ResultStatus.APPLIED, result.status)
                self.assertEqual(Decimal(number), self.server.quantity(self.keys[0]))

    def test_results_follow_the_updates(self) -> None:
        """A refused update says so in its own place; the others go through.

        What to do: return one ``UpdateResult`` per update in the order given, found by
        item and location, not by place in the answer; what the channel refuses is
        ``rejected`` with its words.
        """
        self.need("confirms")
        unknown = QuantityKey(sku="NOPE", item_id="item_nope", location_id="main")
        results = self.publish(
            self.update(unknown, "4"),
            self.update(self.keys[0], "3"),
            self.update(self.keys[1], "5"),
        )
        self.assertEqual(
            [ResultStatus.REJECTED, ResultStatus.APPLIED, ResultStatus.APPLIED],
            [result.status for result in results],
        )
        self.assertTrue(results[0].message)
        self.assertEqual([Decimal(3), Decimal(5)], self.shown()[:2])

    def test_compare_and_set(self) -> None:
        """A number is not set over one we did not expect.

        What to do: send ``update.previous`` where it is not None, and return ``stale``
        where the channel shows another number; or say ``compare_and_set=False``.
        """
        self.need("compare_and_set")
        before = self.shown()
        wrong = self.update(self.keys[0], "3", previous=Decimal(6))
        [result] = self.publish(wrong)
        self.assertEqual(ResultStatus.STALE, result.status)
        self.assertIn(result.quantity, (None, before[0]))
        self.assertEqual(before, self.shown())
        right = self.update(self.keys[0], "3", sequence=1_001, previous=before[0])
        [result] = self.publish(right, key="push-2")
        self.assertEqual(ResultStatus.APPLIED, result.status)
        self.assertEqual(Decimal(3), self.server.quantity(self.keys[0]))

    def test_repeat_with_the_same_key_has_one_effect(self) -> None:
        """The channel may sell between the call and its repeat.

        What to do: send ``idempotency_key`` where the channel takes one; or say
        ``idempotency=False``.
        """
        self.need("idempotency")
        update = self.update(self.keys[0], "5")
        self.publish(update)
        self.server.books.sell(self.keys[0].sku, self.keys[0].location_id, Decimal(2))
        self.publish(update)
        self.assertEqual(Decimal(3), self.server.quantity(self.keys[0]))

    def test_read_back_tells_what_is_shown(self) -> None:
        """Known keys with their numbers; unknown ones are left out.

        What to do: return one ``ObservedQuantity`` for each key the channel knows, with
        the key as it was given, and leave the others out.
        """
        self.need("read_back")
        self.publish(self.update(self.keys[1], "0"))
        unknown = QuantityKey(sku="NOPE", item_id="item_nope", location_id="main")
        observed = self.connector.fetch_quantities([*self.keys, unknown])
        self.assertEqual(
            dict(zip(self.keys, self.shown(), strict=True)),
            {entry.key: entry.quantity for entry in observed},
        )

    def test_read_back_of_nothing(self) -> None:
        """No keys, no call.

        What to do: make no call where no key is asked for.
        """
        self.need("read_back")
        self.assertEqual([], list(self.connector.fetch_quantities([])))
        self.assertEqual([], self.transport.calls)

    def test_lost_answer_is_unknown_and_read_back_tells(self) -> None:
        """The number went through, the answer did not: nobody claims anything.

        What to do: never say ``applied`` or ``rejected`` without an answer: let
        ``RetryLater`` through, or return ``unknown``.
        """
        self.need("read_back")
        update = self.update(self.keys[0], "3")
        # Whatever the connector reads first succeeds; the write loses its answer.
        self.transport.lose_writes = True
        self.publish_or_lose(update)
        self.transport.lose_writes = False
        [observed] = self.connector.fetch_quantities(self.keys[:1])
        self.assertEqual(Decimal(3), observed.quantity)
        self.assertEqual(Decimal(3), self.server.quantity(self.keys[0]))

    def test_rubbish_answer_is_unknown(self) -> None:
        """A page of HTML with status 200 confirms nothing.

        What to do: read answers by ``response.json()`` and check their shape; what
        makes no sense is ``RetryLater`` or ``unknown``.
        """
        self.transport.always = Fault.RUBBISH
        self.publish_or_lose(self.update(self.keys[0], "3"))

    def test_shipment_is_taken_once(self) -> None:
        """Repeats of a shipment have no second effect.

        What to do: send ``shipment.id`` as the channel's key for repeats, or look for a
        shipment that carries it before you make one.
        """
        lines = self.server.add_order("1001")
        shipment = self.shipment("1001", lines[0], "2")
        self.connector.report_shipment(shipment)
        after = list(self.server.books.effects)
        self.assertEqual(1, len(self.server.books.shipments))
        self.assertEqual(1, len(after))
        self.connector.report_shipment(shipment)
        self.assertEqual(after, self.server.books.effects)

    def test_shipment_survives_a_lost_answer(self) -> None:
        """Told again until it is taken, taken once.

        What to do: let ``RetryLater`` through and keep nothing: the repeat finds at the
        channel what became of the first try.
        """
        lines = self.server.add_order("1001")
        shipment = self.shipment("1001", lines[0])
        self.transport.lose_writes = True
        self.assertRaises(RetryLater, self.connector.report_shipment, shipment)
        self.transport.lose_writes = False
        self.connector.report_shipment(shipment)
        self.assertEqual(1, len(self.server.books.shipments))
        self.assertEqual(1, len(self.server.books.effects))

    def test_correction_makes_no_second_shipment(self) -> None:
        """Another tracking number changes the shipment, or the channel says no.

        What to do: where ``shipment.corrects`` is set, change the shipment of that id;
        raise ``KeptAsTold`` where the channel does not let you.
        """
        lines = self.server.add_order("1001")
        shipment = self.shipment("1001", lines[0], "2")
        self.connector.report_shipment(shipment)
        corrected = replace(shipment, tracking="NEW-1", revision=1, corrects=True)
        told = [len(self.server.books.shipments)]
        with suppress(KeptAsTold):
            self.connector.report_shipment(corrected)
            # Whoever took it takes the repeat of it as well.
            self.connector.report_shipment(corrected)
            (taken,) = self.server.books.shipments.values()
            self.assertIn("NEW-1", str(taken))
        told.append(len(self.server.books.shipments))
        self.assertEqual([1, 1], told)

    def test_shipment_of_unknown_order_is_rejected(self) -> None:
        """Repeating would not help; a person must look.

        What to do: raise ``Rejected`` with the channel's words when it does not know
        the order.
        """
        self.need("confirms")
        with self.assertRaises(Rejected) as caught:
            self.connector.report_shipment(self.shipment("404", "404-1"))
        self.assertTrue(str(caught.exception))
        self.assertEqual([], self.server.books.effects)

    def test_refused_shipment_may_be_told_anew(self) -> None:
        """What was refused once is not refused from memory for ever.

        What to do: make ``shipment.revision`` part of the idempotency key: a refusal is
        remembered by the channel under the old one.
        """
        self.need("confirms")
        shipment = self.shipment("1001", "1001-1")
        self.assertRaises(Rejected, self.connector.report_shipment, shipment)
        lines = self.server.add_order("1001")
        shipment = self.shipment("1001", lines[0])
        self.connector.report_shipment(replace(shipment, revision=1))
        self.assertEqual(1, len(self.server.books.shipments))

    def test_cancellation_is_taken_once(self) -> None:
        """Repeats of a cancellation have no second effect.

        What to do: send ``cancellation.id`` as the channel's key for repeats, or look
        first whether it is cancelled already.
        """
        self.need("can_cancel")
        lines = self.server.add_order("1001")
        cancellation = self.cancellation("1001", lines[0])
        self.connector.report_cancel(cancellation)
        after = list(self.server.books.effects)
        self.assertEqual(1, len(self.server.books.cancellations))
        self.connector.report_cancel(cancellation)
        self.assertEqual(after, self.server.books.effects)

    def test_cancellation_of_unknown_order_is_rejected(self) -> None:
        """Repeating would not help; a person must look.

        What to do: raise ``Rejected`` with the channel's words when it does not know
        the order.
        """
        self.need("confirms")
        self.need("can_cancel")
        cancellation = self.cancellation("404", "404-1")
        self.assertRaises(Rejected, self.connector.report_cancel, cancellation)
        self.assertEqual([], self.server.books.effects)
