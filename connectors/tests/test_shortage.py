import unittest
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from ..shortage import Held, Shortage, find_shortages

SHELVES = ("1/7/", "1/7/8/", "1/7/8/20/", "1/7/9/", "1/30/", "1/100/")


def held(place: str = "1", *roots: str, **quantities: int) -> Held:
    return Held(
        place=place,
        roots=roots or ("1/7/",),
        **{name: Decimal(quantity) for name, quantity in quantities.items()},
    )


quantities = st.integers(0, 6).map(Decimal)
anywhere = st.builds(
    Held,
    place=st.integers(1, 30).map(str),
    roots=st.lists(st.sampled_from(SHELVES), min_size=1, max_size=2).map(tuple),
    on_hand=st.integers(-3, 9).map(Decimal),
    reserved=quantities,
    owed=quantities,
    in_flight=quantities,
    waiting=quantities,
    served=quantities,
    allowance=quantities,
)


class TestFindShortages(unittest.TestCase):
    def found(self, *given: Held) -> list[tuple[str, tuple[str, ...], int]]:
        return [(s.root, s.places, int(s.quantity)) for s in find_shortages(given)]

    def test_what_is_there_is_not_missing(self) -> None:
        self.assertEqual(self.found(), [])
        self.assertEqual(self.found(held(on_hand=2, owed=2, waiting=2)), [])
        self.assertEqual(self.found(held(on_hand=2, reserved=1, in_flight=1)), [])

    def test_an_order_that_waits(self) -> None:
        self.assertEqual(
            self.found(held(on_hand=1, reserved=1, owed=1, waiting=1)),
            [("1/7/", ("1",), 1)],
        )
        self.assertEqual(
            self.found(held(on_hand=3, in_flight=5, waiting=5)), [("1/7/", ("1",), 2)]
        )

    def test_one_unit_reserved_twice(self) -> None:
        self.assertEqual(
            self.found(held(on_hand=1, reserved=2, served=1)), [("1/7/", ("1",), 1)]
        )
        # Twice for salesmen is no channel's affair, and nothing at all is nobody's.
        self.assertEqual(self.found(held(on_hand=1, reserved=2)), [])
        self.assertEqual(self.found(held(on_hand=-1)), [])
        self.assertEqual(
            self.found(held(on_hand=-1, reserved=1, served=1)), [("1/7/", ("1",), 1)]
        )

    def test_what_a_salesman_promised_beyond_stock_is_no_oversell(self) -> None:
        self.assertEqual(self.found(held(on_hand=1, reserved=1, owed=10)), [])
        # Of his ten and the channel's two, two are those of the channel.
        self.assertEqual(
            self.found(held(on_hand=1, reserved=1, owed=12, waiting=2)),
            [("1/7/", ("1",), 2)],
        )

    def test_what_a_rule_allows(self) -> None:
        two = {"on_hand": 0, "owed": 2, "waiting": 2}
        self.assertEqual(self.found(held(**two, allowance=2)), [])
        self.assertEqual(self.found(held(**two, allowance=1)), [("1/7/", ("1",), 1)])
        self.assertEqual(
            self.found(held(on_hand=1, reserved=2, served=2, allowance=1)), []
        )

    def test_one_channels_allowance_is_not_the_others(self) -> None:
        """Three may wait at the first; the second has sold one that is not there."""
        self.assertEqual(
            self.found(
                held("1", owed=4, waiting=3, allowance=5),
                held("2", owed=4, waiting=1),
            ),
            [("1/7/", ("1", "2"), 1)],
        )

    def test_two_channels_on_one_shelf_are_short_once(self) -> None:
        self.assertEqual(
            self.found(
                held("10", on_hand=1, reserved=1, owed=1, waiting=1),
                held("9", on_hand=1, reserved=1, owed=1),
            ),
            [("1/7/", ("9", "10"), 1)],
        )

    def test_the_outermost_shelf_names_it(self) -> None:
        short = {"owed": 2, "waiting": 1}
        self.assertEqual(
            self.found(
                held("1", "1/7/8/20/", **short),
                held("2", "1/7/8/", **short),
                held("3", "1/7/", **short),
            ),
            [("1/7/", ("1", "2", "3"), 2)],
        )

    def test_shelves_side_by_side_are_short_apart(self) -> None:
        self.assertEqual(
            self.found(
                held("1", "1/100/", owed=1, waiting=1),
                held("2", "1/30/", owed=2, waiting=2),
            ),
            [("1/30/", ("2",), 2), ("1/100/", ("1",), 1)],
        )

    def test_noise_is_nothing(self) -> None:
        noise = Held(place="1", roots=("1/",), on_hand=Decimal(0), owed=Decimal("1E-7"))
        self.assertEqual(find_shortages([noise]), [])

    @given(st.lists(anywhere, max_size=5, unique_by=lambda one: one.place))
    def test_order_does_not_matter_and_each_place_is_short_once(
        self, places: list[Held]
    ) -> None:
        found = find_shortages(places)
        self.assertEqual(found, find_shortages(places[::-1]))
        named = [place for shortage in found for place in shortage.places]
        self.assertEqual(len(named), len(set(named)))
        by_id = {one.place: one for one in places}
        for shortage in found:
            self.assertIsInstance(shortage, Shortage)
            self.assertGreater(shortage.quantity, 0)
            missing = max(by_id[place].missing for place in shortage.places)
            self.assertLessEqual(shortage.quantity, missing)
            self.assertIn(
                shortage.root,
                [root for place in shortage.places for root in by_id[place].roots],
            )

    @given(anywhere, st.integers(1, 5))
    def test_goods_that_come_never_make_it_worse(self, one: Held, more: int) -> None:
        before = sum(s.quantity for s in find_shortages([one]))
        fuller = Held(**{**vars(one), "on_hand": one.on_hand + more})
        self.assertLessEqual(sum(s.quantity for s in find_shortages([fuller])), before)
