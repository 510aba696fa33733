"""When a change of many numbers is held, and what a held number may show."""

import unittest
from dataclasses import replace
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from ..guard import Reason, Tally, Thresholds, ceiling, decide, is_far
from ..rules import apply_rules

USUAL = Thresholds(
    zero_share=Decimal(20), move_share=Decimal(30), value_share=Decimal(30), floor=10
)
COUNTS = st.integers(0, 100_000)
UNITS = st.decimals(min_value=-10_000, max_value=10_000, places=3)
FACTORS = st.sampled_from([Decimal(1), Decimal(6), Decimal("0.25"), Decimal("0.1")])
RULES = st.fixed_dictionaries(
    {},
    optional={
        "share": st.decimals(min_value=0, max_value=100, places=2),
        "buffer": st.decimals(min_value=0, max_value=1_000, places=3),
        "buffer_percent": st.decimals(min_value=0, max_value=100, places=2),
        "backorder": st.decimals(min_value=0, max_value=1_000, places=3),
        "cap": st.decimals(min_value=0, max_value=1_000, places=3),
    },
)


@st.composite
def tallies(draw: st.DrawFn) -> Tally:
    on_sale = draw(COUNTS)
    moved = draw(st.integers(0, on_sale))
    value = draw(st.decimals(min_value=0, max_value=10**9, places=2))
    return Tally(
        on_sale=on_sale,
        zeroed=draw(st.integers(0, moved)),
        moved=moved,
        changed=draw(st.integers(moved, on_sale)),
        value=value,
        value_changed=draw(st.decimals(min_value=0, max_value=10**9, places=2)),
    )


def tally(
    on_sale: int, zeroed: int = 0, moved: int = 0, changed: int = 0, value: int = 0
) -> Tally:
    """Return a tally of a catalogue worth a hundred, of which ``value`` changes."""
    moved = max(moved, zeroed)
    return Tally(
        on_sale=on_sale,
        zeroed=zeroed,
        moved=moved,
        changed=max(changed, moved),
        value=Decimal(100),
        value_changed=Decimal(value),
    )


class TestDecide(unittest.TestCase):
    def test_share_that_goes_to_zero(self) -> None:
        self.assertEqual(decide(tally(500, zeroed=100), USUAL), ())
        self.assertEqual(decide(tally(500, zeroed=101), USUAL), (Reason.ZERO,))

    def test_share_that_moves_far(self) -> None:
        self.assertEqual(decide(tally(500, moved=150), USUAL), ())
        self.assertEqual(decide(tally(500, moved=151), USUAL), (Reason.MOVE,))

    def test_share_of_the_value(self) -> None:
        self.assertEqual(decide(tally(500, changed=10, value=30), USUAL), ())
        self.assertEqual(
            decide(tally(500, changed=10, value=31), USUAL), (Reason.VALUE,)
        )

    def test_few_listings_are_never_held_whatever_they_are_worth(self) -> None:
        self.assertEqual(decide(tally(500, changed=9, value=99), USUAL), ())
        for on_sale in (3, 4, 10, 20):
            for edited in range(min(on_sale, 10)):
                with self.subTest(on_sale=on_sale, edited=edited):
                    change = tally(on_sale, zeroed=edited, value=100)
                    self.assertEqual(decide(change, USUAL), ())

    def test_small_catalogue_of_which_nothing_is_left(self) -> None:
        for on_sale, reasons in ((1, ()), (2, ()), (3, (Reason.ZERO,))):
            with self.subTest(on_sale=on_sale):
                self.assertEqual(decide(tally(on_sale, zeroed=on_sale), USUAL), reasons)

    def test_every_reason_is_told(self) -> None:
        self.assertEqual(decide(tally(20, zeroed=20, value=100), USUAL), tuple(Reason))

    def test_nothing_is_no_reason(self) -> None:
        self.assertEqual(decide(tally(0), USUAL), ())

    @given(tallies(), st.integers(1, 1000))
    def test_below_the_floor_only_an_empty_shop_is_held(
        self, change: Tally, floor: int
    ) -> None:
        thresholds = Thresholds(
            zero_share=Decimal(0),
            move_share=Decimal(0),
            value_share=Decimal(0),
            floor=floor,
        )
        if change.changed < floor and change.zeroed < change.on_sale:
            self.assertEqual(decide(change, thresholds), ())

    @given(tallies())
    def test_everything_passes_at_one_hundred_percent_but_an_empty_shop(
        self, change: Tally
    ) -> None:
        thresholds = Thresholds(
            zero_share=Decimal(100),
            move_share=Decimal(100),
            value_share=Decimal(100),
            floor=1,
        )
        change = replace(change, value_changed=Decimal(0))
        is_empty = 3 <= change.on_sale == change.zeroed
        self.assertEqual(decide(change, thresholds), (Reason.ZERO,) * is_empty)

    @given(tallies(), st.integers(0, 1000))
    def test_more_of_the_same_never_lets_it_pass(
        self, change: Tally, more: int
    ) -> None:
        zeroed = min(change.zeroed + more, change.on_sale)
        moved = max(change.moved, zeroed)
        worse = Tally(
            on_sale=change.on_sale,
            zeroed=zeroed,
            moved=moved,
            changed=max(change.changed, moved),
            value=change.value,
            value_changed=change.value_changed + more,
        )
        self.assertLessEqual(set(decide(change, USUAL)), set(decide(worse, USUAL)))


class TestFar(unittest.TestCase):
    def test_half_is_not_far_and_more_is(self) -> None:
        half = Decimal(50)
        for before, after, expected in (
            (10, 5, False),
            (10, 15, False),
            (10, 4, True),
            (10, 16, True),
            (10, 0, True),
            (0, 1, True),
            (0, 0, False),
            (1, 6, True),
        ):
            with self.subTest(before=before, after=after):
                self.assertEqual(
                    is_far(Decimal(before), Decimal(after), half), expected
                )


class TestCeiling(unittest.TestCase):
    """A hold never offers more than the stock of before still gives."""

    def test_what_was_sold_comes_off(self) -> None:
        for now, expected in ((10, 8), (7, 5), (2, 0), (0, 0), (-4, 0), (99, 8)):
            with self.subTest(now=now):
                left = ceiling(
                    Decimal(8),
                    units_then=Decimal(10),
                    units_now=Decimal(now),
                    factor=Decimal(1),
                    whole_units=True,
                )
                self.assertEqual(left, expected)

    def test_packs_lose_a_whole_pack_for_its_first_unit(self) -> None:
        left = ceiling(
            Decimal(5),
            units_then=Decimal(30),
            units_now=Decimal(29),
            factor=Decimal(1) / Decimal(6),
            whole_units=True,
        )
        self.assertEqual(left, 4)

    @given(UNITS, UNITS, FACTORS, RULES, st.booleans())
    def test_never_more_than_the_number_under_the_rules_of_before(
        self,
        then: Decimal,
        now: Decimal,
        factor: Decimal,
        rules: dict[str, Decimal],
        whole_units: bool,
    ) -> None:
        def number(units: Decimal) -> Decimal:
            return apply_rules(
                units * factor, rules, whole_units=whole_units, withdrawn=False
            )[-1].quantity

        left = ceiling(
            number(then),
            units_then=then,
            units_now=now,
            factor=factor,
            whole_units=whole_units,
        )
        self.assertLessEqual(left, number(min(then, now)))
        self.assertLessEqual(left, number(then))
        self.assertGreaterEqual(left, 0)

    @given(UNITS, UNITS, FACTORS, st.booleans())
    def test_nothing_is_lost_while_nothing_goes(
        self, units: Decimal, more: Decimal, factor: Decimal, whole_units: bool
    ) -> None:
        shown = max(Decimal(0), Decimal(int(units * factor)))
        left = ceiling(
            shown,
            units_then=units,
            units_now=units + abs(more),
            factor=factor,
            whole_units=whole_units,
        )
        self.assertEqual(left, shown)


if __name__ == "__main__":
    unittest.main()
