import itertools
import unittest
from collections.abc import Mapping
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from ..sourcing import (
    EXACT_PLACES,
    LineNeed,
    Place,
    Sourcing,
    choose_places,
    servable,
)

COMPONENTS = "abc"
PLACES = "wxyz"


def place(name: str, priority: int = 10, **free: int | str) -> Place:
    return Place(
        id=name,
        priority=priority,
        free={key: Decimal(value) for key, value in free.items()},
    )


def line(
    name: str, quantity: int | str, at: str = "", step: str = "1", **needs: int | str
) -> LineNeed:
    return LineNeed(
        id=name,
        quantity=Decimal(quantity),
        needs={key: Decimal(value) for key, value in needs.items()},
        step=Decimal(step),
        place=at,
    )


def plain(sourcing: Sourcing) -> dict[str, dict[str, float]]:
    return {
        line_id: {place_id: float(quantity) for place_id, quantity in parts.items()}
        for line_id, parts in sourcing.parts.items()
    }


def used(sourcing: Sourcing) -> set[str]:
    return {place_id for parts in sourcing.parts.values() for place_id in parts}


few = st.integers(min_value=0, max_value=6)
places = st.lists(
    st.builds(
        lambda name, priority, free: place(name, priority, **free),
        st.sampled_from(PLACES),
        st.integers(min_value=0, max_value=3),
        st.dictionaries(st.sampled_from(COMPONENTS), few),
    ),
    min_size=1,
    max_size=4,
    unique_by=lambda one: one.id,
)
# Each line needs a component of its own: then the best is known by counting.
own_lines = st.lists(
    st.builds(
        lambda name, quantity, need: line(name, quantity, **{name: need}),
        st.sampled_from(COMPONENTS),
        st.integers(min_value=1, max_value=6),
        st.integers(min_value=1, max_value=2),
    ),
    min_size=1,
    max_size=3,
    unique_by=lambda one: one.id,
)
shared_lines = st.lists(
    st.builds(
        lambda name, quantity, needs, at: line(name, quantity, at, **needs),
        st.sampled_from("1234"),
        st.integers(min_value=1, max_value=6),
        st.dictionaries(
            st.sampled_from(COMPONENTS), st.integers(min_value=1, max_value=2)
        ),
        st.sampled_from(["", "", "w"]),
    ),
    max_size=4,
    unique_by=lambda one: one.id,
)


def there(lines: list[LineNeed], chosen: tuple[Place, ...]) -> int:
    """Count what these places have of lines that share nothing."""
    total = 0
    for wanted in lines:
        ((component, need),) = wanted.needs.items()
        found = sum(one.free.get(component, Decimal(0)) // need for one in chosen)
        total += int(min(found, wanted.quantity))
    return total


def fewest(lines: list[LineNeed], ordered: list[Place]) -> set[str]:
    """Return the places to choose, by trying all of them."""
    most = there(lines, tuple(ordered))
    is_short = most < sum(int(wanted.quantity) for wanted in lines)
    base = ordered[:1] if is_short else []
    rest = ordered[len(base) :]
    for size in range(len(rest) + 1):
        for extra in itertools.combinations(rest, size):
            if there(lines, (*base, *extra)) == most:
                return {one.id for one in (*base, *extra)}
    raise AssertionError("all of them have as much as all of them")


class TestChoosePlaces(unittest.TestCase):
    def test_one_place_that_has_everything_wins(self) -> None:
        chosen = choose_places(
            [line("1", 2, a=1), line("2", 1, b=1)],
            [place("x", 1, a=5), place("y", 2, a=2, b=1), place("z", 3, a=9, b=9)],
        )
        self.assertEqual(plain(chosen), {"1": {"y": 2}, "2": {"y": 1}})
        self.assertEqual((chosen.short, chosen.is_exact), ({}, True))

    def test_lowest_number_wins_among_equals(self) -> None:
        both = [place("x", 9, a=5), place("y", 1, a=5)]
        self.assertEqual(
            plain(choose_places([line("1", 2, a=1)], both)), {"1": {"y": 2}}
        )

    def test_two_parcels_rather_than_three(self) -> None:
        chosen = choose_places(
            [line("1", 4, a=1), line("2", 1, b=1)],
            [place("x", 1, a=2), place("y", 2, a=2), place("z", 3, a=2, b=1)],
        )
        self.assertEqual(plain(chosen), {"1": {"x": 2, "z": 2}, "2": {"z": 1}})

    def test_lines_stay_whole_where_they_can(self) -> None:
        chosen = choose_places(
            [line("1", 3, a=1), line("2", 1, b=1)],
            [place("x", 1, a=2, b=1), place("y", 2, a=3)],
        )
        self.assertEqual(plain(chosen), {"1": {"y": 3}, "2": {"x": 1}})

    def test_what_nobody_has_is_owed_at_the_first(self) -> None:
        chosen = choose_places([line("1", 5, a=1)], [place("x", 1), place("y", 2, a=2)])
        self.assertEqual(plain(chosen), {"1": {"x": 3, "y": 2}})
        self.assertEqual(chosen.short, {"1": 3})

    def test_nothing_anywhere_is_one_parcel_of_the_first(self) -> None:
        chosen = choose_places([line("1", 5, a=1)], [place("y", 2), place("x", 1)])
        self.assertEqual(plain(chosen), {"1": {"x": 5}})

    def test_the_channel_decides_its_lines_and_others_join_their_parcel(self) -> None:
        chosen = choose_places(
            [line("1", 2, at="y", a=1), line("2", 1, a=1)],
            [place("x", 1, a=9), place("y", 2, a=3)],
        )
        self.assertEqual(plain(chosen), {"1": {"y": 2}, "2": {"y": 1}})

    def test_what_the_channel_assigned_is_gone_for_the_others(self) -> None:
        chosen = choose_places(
            [line("1", 2, at="y", a=1), line("2", 2, a=1)],
            [place("x", 1, a=9), place("y", 2, a=3)],
        )
        self.assertEqual(plain(chosen), {"1": {"y": 2}, "2": {"x": 2}})

    def test_assigned_stays_even_where_nothing_is(self) -> None:
        chosen = choose_places(
            [line("1", 2, at="y", a=1)], [place("x", 1, a=9), place("y", 2)]
        )
        self.assertEqual((plain(chosen), chosen.short), ({"1": {"y": 2}}, {}))

    def test_a_place_that_sends_a_parcel_anyway_is_preferred(self) -> None:
        both = [place("x", 1, a=5), place("y", 2, a=5)]
        chosen = choose_places([line("1", 2, a=1)], both, used={"y", "gone"})
        self.assertEqual(plain(chosen), {"1": {"y": 2}})

    def test_kits_are_split_whole(self) -> None:
        chosen = choose_places(
            [line("1", 3, a=2, b=1)],
            [place("x", 1, a=5, b=9), place("y", 2, a=2, b=1)],
        )
        self.assertEqual(plain(chosen), {"1": {"x": 2, "y": 1}})

    def test_a_component_missing_at_one_place_makes_no_kit_there(self) -> None:
        chosen = choose_places(
            [line("1", 1, a=1, b=1)], [place("x", 1, a=1), place("y", 2, b=1)]
        )
        self.assertEqual((plain(chosen), chosen.short), ({"1": {"x": 1}}, {"1": 1}))

    def test_metres_are_split_finer(self) -> None:
        chosen = choose_places(
            [line("1", "2.5", step="0.01", a=1)],
            [place("x", 1, a="1.239"), place("y", 2, a=2)],
        )
        self.assertEqual(plain(chosen), {"1": {"x": 1.23, "y": 1.27}})

    def test_twelve_twelfths_are_a_box(self) -> None:
        chosen = choose_places(
            [line("1", 12, a="0.0833333333333334")], [place("x", 1, a=1)]
        )
        self.assertEqual(chosen.short, {})

    def test_what_is_not_counted_joins_any_parcel(self) -> None:
        chosen = choose_places(
            [line("1", 1), line("2", 1, a=1)], [place("x", 1), place("y", 2, a=1)]
        )
        self.assertEqual(plain(chosen), {"1": {"y": 1}, "2": {"y": 1}})
        alone = choose_places([line("1", 1)], [place("x", 1), place("y", 2)])
        self.assertEqual(plain(alone), {"1": {"x": 1}})

    def test_beyond_the_exact_search_it_says_so(self) -> None:
        many = [place(str(n), n, a=1) for n in range(EXACT_PLACES)]
        exact = choose_places([line("1", EXACT_PLACES, a=1)], many)
        self.assertTrue(exact.is_exact)
        many.append(place("big", 99, a=5))
        chosen = choose_places([line("1", 7, a=1)], many)
        self.assertFalse(chosen.is_exact)
        self.assertEqual(plain(chosen), {"1": {"0": 1, "1": 1, "big": 5}})

    def test_one_place_is_found_among_many(self) -> None:
        many = [place(str(n), n, a=1) for n in range(20)] + [place("big", 99, a=5)]
        chosen = choose_places([line("1", 5, a=1)], many)
        self.assertEqual((plain(chosen), chosen.is_exact), ({"1": {"big": 5}}, True))


class TestEveryOrder(unittest.TestCase):
    @given(own_lines, places)
    def test_fewest_parcels_then_priority(
        self, lines: list[LineNeed], some: list[Place]
    ) -> None:
        ordered = sorted(some, key=lambda one: one.priority)
        chosen = choose_places(lines, some)
        # A place that only the base would need sends nothing.
        self.assertEqual(used(chosen), fewest(lines, ordered))
        short = sum(int(wanted.quantity) for wanted in lines) - there(
            lines, tuple(ordered)
        )
        self.assertEqual(sum(chosen.short.values()), short)

    @given(shared_lines, places)
    def test_nothing_is_lost_nor_taken_twice(
        self, lines: list[LineNeed], some: list[Place]
    ) -> None:
        chosen = choose_places(lines, some)
        by_id = {wanted.id: wanted for wanted in lines}
        first = min(some, key=lambda one: one.priority).id
        free = {one.id: dict(one.free) for one in some}
        for line_id, parts in chosen.parts.items():
            wanted = by_id[line_id]
            self.assertEqual(sum(parts.values()), wanted.quantity)
            if wanted.place:
                self.assertEqual(parts, {wanted.place: wanted.quantity})
                continue
            for place_id, quantity in parts.items():
                self.assertGreater(quantity, 0)
                self.assertEqual(quantity % wanted.step, 0)
                if place_id == first:
                    quantity -= chosen.short.get(line_id, Decimal(0))
                for component, need in wanted.needs.items():
                    left = free[place_id].get(component, Decimal(0)) - need * quantity
                    self.assertGreaterEqual(left, 0)
                    free[place_id][component] = left
        self.assertEqual(set(chosen.parts), set(by_id))

    @given(shared_lines, places)
    def test_one_that_has_all_is_never_passed_over(
        self, lines: list[LineNeed], some: list[Place]
    ) -> None:
        lines = [
            line(one.id, str(one.quantity), **plain_needs(one.needs)) for one in lines
        ]
        ordered = sorted(some, key=lambda one: one.priority)
        for one in ordered:
            wanted = {
                component: sum(
                    need.quantity * need.needs.get(component, Decimal(0))
                    for need in lines
                )
                for component in COMPONENTS
            }
            if all(
                one.free.get(component, Decimal(0)) >= quantity
                for component, quantity in wanted.items()
            ):
                self.assertEqual(
                    used(choose_places(lines, some)), {one.id} if lines else set()
                )
                return


def plain_needs(needs: Mapping[str, Decimal]) -> dict[str, str]:
    return {component: str(need) for component, need in needs.items()}


class TestServable(unittest.TestCase):
    """What can be served of lines that may be refused."""

    def served(self, lines: list[LineNeed], *places: Place) -> dict[str, float]:
        return {
            line_id: float(quantity)
            for line_id, quantity in servable(lines, places).items()
        }

    def test_lines_share_what_is_there(self) -> None:
        lines = [line("1", 2, at="x", a=1), line("2", 2, at="x", a=1)]
        self.assertEqual(self.served(lines, place("x", a=3)), {"1": 2, "2": 1})
        self.assertEqual(self.served(lines, place("x", a=-3)), {"1": 0, "2": 0})

    def test_a_place_of_its_own_is_the_only_one(self) -> None:
        lines = [line("1", 3, at="x", a=1), line("2", 2, a=1)]
        self.assertEqual(
            self.served(lines, place("x", a=1), place("y", a=9)), {"1": 1, "2": 2}
        )

    def test_what_is_refused_is_left_to_others(self) -> None:
        """A set that lacks one part leaves the other part on the shelf."""
        lines = [line("1", 1, at="x", a=1, b=1), line("2", 1, at="x", a=1)]
        self.assertEqual(self.served(lines, place("x", a=1, b=0)), {"1": 0, "2": 1})

    def test_open_lines_take_from_several_places(self) -> None:
        self.assertEqual(
            self.served([line("1", 5, a=1)], place("x", a=2), place("y", a=2)),
            {"1": 4},
        )

    def test_whole_steps_only_and_what_is_not_counted_always(self) -> None:
        lines = [line("1", 5, at="x", step="2", a=1), line("2", 7, at="x")]
        self.assertEqual(self.served(lines, place("x", a=3)), {"1": 2, "2": 7})

    @given(own_lines, places)
    def test_open_lines_get_what_the_choice_of_places_gives(
        self, lines: list[LineNeed], given_places: list[Place]
    ) -> None:
        short = choose_places(lines, given_places).short
        self.assertEqual(
            servable(lines, given_places),
            {one.id: one.quantity - short.get(one.id, Decimal(0)) for one in lines},
        )
