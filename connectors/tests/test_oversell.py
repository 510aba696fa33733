import unittest
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from ..oversell import Cause, Event, Finding, Kind, find_cause

NINE = datetime(2026, 11, 23, 9, tzinfo=UTC)


def at(minutes: float) -> datetime:
    return NINE + timedelta(minutes=minutes)


def told(
    minutes: float,
    quantity: int,
    channel: str = "web",
    *,
    why: str = "stock",
    sent: float | None = None,
    extra: int = 0,
    listing: str = "desk",
) -> Event:
    return Event(
        at=at(minutes),
        kind=Kind.TOLD,
        channel=channel,
        listing=f"{channel} {listing}",
        quantity=Decimal(quantity),
        why=why,
        sent=at(minutes if sent is None else sent),
        extra=Decimal(extra),
    )


def bought(
    minutes: float,
    order: str,
    channel: str = "web",
    *,
    quantity: int = 1,
    heard: float | None = None,
    listing: str = "desk",
) -> list[Event]:
    """A customer bought at a channel, and we heard of it a while later."""
    event = Event(
        at=at(minutes),
        kind=Kind.ORDERED,
        channel=channel,
        listing=f"{channel} {listing}",
        order=order,
        quantity=Decimal(quantity),
    )
    return [
        event,
        replace(
            event,
            kind=Kind.RECEIVED,
            at=at(minutes + 1 if heard is None else heard),
        ),
    ]


def number(kind: Kind, minutes: float, quantity: int, **vals: str) -> Event:
    return Event(
        at=at(minutes),
        kind=kind,
        **{"channel": "web", "listing": "web desk", **vals},
        quantity=Decimal(quantity),
    )


def happened(kind: Kind, minutes: float, quantity: int = 0) -> Event:
    return Event(at=at(minutes), kind=kind, quantity=Decimal(quantity))


class TestFindCause(unittest.TestCase):
    """One story per cause; the last unit is sold twice in all of them."""

    def find(self, *events: Event, shortage: int = 1, allowance: int = 0) -> Finding:
        return find_cause(
            events,
            open_orders=["1", "2", "3"],
            shortage=Decimal(shortage),
            allowance=Decimal(allowance),
        )

    def test_two_customers_within_a_moment(self) -> None:
        """Nobody could know: the other order was on its way when ours was placed."""
        first = bought(10, "1", "shop", heard=12)
        last = bought(11, "2", heard=11.5)
        finding = self.find(told(0, 1), told(0, 1, "shop"), *first, *last)
        self.assertEqual(finding.cause, Cause.IN_FLIGHT)
        self.assertEqual((finding.sale, finding.event), (last[0], first[0]))
        self.assertEqual(finding.told, told(0, 1))

    def test_the_hub_knew_and_the_channel_did_not(self) -> None:
        first = bought(10, "1", "shop", heard=12)
        finding = self.find(told(0, 1), *first, *bought(15, "2"), told(16, 0))
        self.assertEqual(finding.cause, Cause.LATE)
        self.assertEqual((finding.event, finding.delay), (first[0], timedelta(0, 180)))

    def test_a_number_under_way_does_not_hold_what_came_after_it_was_sent(self) -> None:
        first = bought(10, "1", "shop", heard=12)
        late = told(14, 1, sent=11)
        finding = self.find(late, *first, *bought(15, "2"))
        self.assertEqual((finding.cause, finding.told), (Cause.LATE, late))

    def test_the_channel_had_not_been_told_anything(self) -> None:
        finding = self.find(*bought(15, "2"), told(16, 0))
        self.assertEqual((finding.cause, finding.told), (Cause.LATE, None))
        self.assertIsNone(finding.delay)

    def test_a_salesman_took_it_and_the_channel_was_not_told_yet(self) -> None:
        sale = happened(Kind.SALE, 10, 1)
        finding = self.find(told(0, 1), sale, *bought(12, "2"))
        self.assertEqual(
            (finding.cause, finding.event, finding.delay),
            (Cause.LATE, sale, timedelta(0, 120)),
        )

    def test_a_salesman_took_it_while_the_order_was_on_its_way(self) -> None:
        sale = happened(Kind.SALE, 12, 1)
        finding = self.find(told(0, 1), sale, *bought(10, "2", heard=13))
        self.assertEqual((finding.cause, finding.event), (Cause.IN_FLIGHT, sale))

    def test_a_salesman_took_what_was_known_to_be_sold(self) -> None:
        sale = happened(Kind.SALE, 20, 1)
        order = bought(10, "2", heard=13)
        applied = replace(order[0], kind=Kind.APPLIED, at=at(14))
        finding = self.find(told(0, 1), sale, *order, applied)
        self.assertEqual((finding.cause, finding.event), (Cause.BUFFER, sale))
        # It was heard of and not taken over: nobody saw it reserved.
        finding = self.find(told(0, 1), sale, *order)
        self.assertEqual((finding.cause, finding.event), (Cause.IN_FLIGHT, sale))

    def test_the_channel_refused_to_show_less(self) -> None:
        refusal = number(Kind.REFUSED, 12, 0)
        finding = self.find(
            told(0, 1), *bought(10, "1", "shop", heard=11), refusal, *bought(15, "2")
        )
        self.assertEqual((finding.cause, finding.event), (Cause.REFUSED, refusal))

    def test_a_refusal_that_was_overcome_or_would_have_raised_it_is_no_cause(
        self,
    ) -> None:
        first = bought(10, "1", "shop", heard=14)
        for other in (
            [number(Kind.REFUSED, 5, 0), told(6, 1)],
            [number(Kind.REFUSED, 12, 4)],
            [number(Kind.REFUSED, 16, 0)],
        ):
            finding = self.find(told(0, 1), *first, *other, *bought(13, "2"))
            self.assertEqual(finding.cause, Cause.IN_FLIGHT, other)

    def test_the_channel_was_seen_to_show_more(self) -> None:
        drift = number(Kind.DRIFT, 20, 3)
        first = bought(10, "1", "shop", heard=14)
        finding = self.find(told(0, 1), *first, *bought(13, "2"), drift)
        self.assertEqual((finding.cause, finding.event), (Cause.EDITED, drift))
        fewer = number(Kind.DRIFT, 20, -1)
        finding = self.find(told(0, 1), *first, *bought(13, "2"), fewer)
        self.assertEqual(finding.cause, Cause.IN_FLIGHT)

    def test_the_channel_sold_more_than_it_was_told(self) -> None:
        number_in_force = told(10, 1)
        finding = self.find(number_in_force, *bought(12, "1"), *bought(13, "2"))
        self.assertEqual(
            (finding.cause, finding.event), (Cause.EDITED, number_in_force)
        )

    def test_a_map_changed_under_the_number(self) -> None:
        """The item means another product now; the channel had not heard of it."""
        change = told(20, 0, why="map")
        finding = self.find(told(0, 5), *bought(10, "2"), change)
        self.assertEqual((finding.cause, finding.event), (Cause.MAPPING, change))
        pending = number(Kind.MAP, 9, 0)
        finding = self.find(told(0, 5), *bought(10, "2"), pending)
        self.assertEqual((finding.cause, finding.event), (Cause.MAPPING, pending))

    def test_what_else_was_changed_under_the_number(self) -> None:
        for why, cause in (
            ("bom", Cause.KIT),
            ("condition", Cause.COUNT),
            ("rule", Cause.BUFFER),
        ):
            change = replace(number(Kind.WANTED, 9, 2), why=why)
            finding = self.find(told(0, 5), *bought(10, "2"), change)
            self.assertEqual((finding.cause, finding.event), (cause, change))
            # What raised the number took nothing away.
            raised = replace(change, quantity=Decimal(9))
            finding = self.find(told(0, 5), *bought(10, "2"), raised)
            self.assertEqual(finding.cause, Cause.UNDETERMINED)

    def test_a_set_and_its_part(self) -> None:
        part = bought(10, "1", listing="leg", heard=12)
        finding = self.find(told(0, 1), *part, *bought(11, "2"))
        self.assertEqual((finding.cause, finding.event), (Cause.KIT, part[0]))
        # Once the number of the set was told without the part, that is not why.
        finding = self.find(told(0, 1), *part, told(13, 1), *bought(14, "2"))
        self.assertEqual(finding.cause, Cause.UNDETERMINED)

    def test_counted_away_after_the_sale(self) -> None:
        count = happened(Kind.COUNT, 20, -1)
        finding = self.find(told(0, 1), *bought(10, "2"), count)
        self.assertEqual((finding.cause, finding.event), (Cause.COUNT, count))
        # Two are missing, and the count took one.
        finding = self.find(told(0, 1), *bought(10, "2"), count, shortage=2)
        self.assertEqual(finding.cause, Cause.UNDETERMINED)

    def test_counted_away_before_the_sale(self) -> None:
        count = happened(Kind.COUNT, 8, -1)
        finding = self.find(told(0, 1), *bought(10, "2"), count)
        self.assertEqual(
            (finding.cause, finding.event, finding.delay),
            (Cause.LATE, count, timedelta(0, 120)),
        )

    def test_a_rule_offered_what_it_does_not_any_more(self) -> None:
        offered = told(0, 5, extra=5)
        finding = self.find(offered, *bought(10, "2", quantity=5), shortage=5)
        self.assertEqual((finding.cause, finding.event), (Cause.BUFFER, offered))
        finding = self.find(offered, *bought(10, "2", quantity=5), allowance=5)
        self.assertEqual(finding.cause, Cause.UNDETERMINED)

    def test_a_clock_that_is_ahead_does_not_accuse_the_channel(self) -> None:
        """The shop dates the order after it was told zero, and we had it before."""
        first = bought(9, "1", "shop", heard=9.5)
        ahead = bought(15, "2", heard=10)
        finding = self.find(told(0, 1), *first, *ahead, told(12, 0))
        self.assertEqual(finding.cause, Cause.LATE)

    def test_without_an_order_of_a_channel_nothing_is_told(self) -> None:
        shipped = bought(10, "9")
        finding = self.find(told(0, 1), happened(Kind.COUNT, 20, -1), *shipped)
        self.assertEqual(finding, Finding(cause=Cause.UNDETERMINED))

    def test_what_people_did_comes_before_what_crossed(self) -> None:
        """All stories at once: the first of the list is told, then the next …"""
        stories: list[tuple[Cause, list[Event]]] = [
            (Cause.REFUSED, [number(Kind.REFUSED, 3, 0)]),
            (Cause.EDITED, [number(Kind.DRIFT, 20, 3)]),
            (Cause.MAPPING, [told(21, 0, why="map")]),
            (Cause.KIT, bought(9, "3", listing="leg", heard=11)),
            (Cause.COUNT, [happened(Kind.COUNT, 22, -1)]),
            (Cause.LATE, [happened(Kind.SALE, 4, 1)]),
            (Cause.IN_FLIGHT, bought(8, "1", "shop", heard=12)),
            (Cause.BUFFER, [happened(Kind.SALE, 30, 1)]),
        ]
        last = bought(10, "2")
        last.append(replace(last[0], kind=Kind.APPLIED, at=at(15)))
        while stories:
            events = [event for _cause, story in stories for event in story]
            finding = self.find(told(0, 1), *events, *last)
            self.assertEqual(finding.cause, stories.pop(0)[0])


moments = st.integers(0, 60).map(at)
events = st.builds(
    Event,
    at=moments,
    kind=st.sampled_from(Kind),
    channel=st.sampled_from(["web", "shop"]),
    listing=st.sampled_from(["desk", "leg"]),
    order=st.sampled_from(["1", "2", "3", ""]),
    quantity=st.integers(-3, 5).map(Decimal),
    why=st.sampled_from(["stock", "order", "map", "bom", "rule", "condition"]),
    sent=st.none() | moments,
    extra=st.integers(0, 3).map(Decimal),
)


class TestAnyHistory(unittest.TestCase):
    """Whatever is recorded: one cause, the same each time, with its evidence."""

    @given(st.lists(events, max_size=12), st.randoms(use_true_random=False))
    def test_order_of_recording_does_not_matter(
        self, history: list[Event], random: object
    ) -> None:
        shuffled = list(history)
        random.shuffle(shuffled)  # type: ignore[attr-defined]
        first, second = (
            find_cause(given, open_orders=["1", "2"], shortage=Decimal(1))
            for given in (history, shuffled)
        )
        self.assertEqual(first, second)

    @given(st.lists(events, max_size=12))
    def test_every_cause_but_none_has_evidence(self, history: list[Event]) -> None:
        finding = find_cause(history, open_orders=["1", "2"], shortage=Decimal(1))
        self.assertIsInstance(finding.cause, Cause)
        for event in (finding.sale, finding.told, finding.event):
            self.assertTrue(event is None or event in history)
        if finding.cause == Cause.UNDETERMINED:
            self.assertIsNone(finding.event)
        elif finding.cause != Cause.LATE or finding.told:
            self.assertIsNotNone(finding.event)
        self.assertEqual(
            finding.delay is not None,
            finding.event is not None and finding.cause == Cause.LATE,
        )

    @given(st.lists(events, max_size=12))
    def test_what_only_informs_changes_nothing(self, history: list[Event]) -> None:
        """Receipts, sendings and the end itself are for the reader."""
        informing = (Kind.STOCK, Kind.SENT, Kind.SHORT, Kind.RULE)
        told_only = [event for event in history if event.kind not in informing]
        causes = {
            find_cause(given, open_orders=["1", "2"], shortage=Decimal(1)).cause
            for given in (history, told_only)
        }
        self.assertEqual(len(causes), 1)
