"""Warehouses proposed for a channel's locations."""

from __future__ import annotations

import random
import unittest

from connectors.matching import NAME_FLOOR
from connectors.pairing import House, Pair, PairReason, Place, pair

WORDS = ("north", "south", "hub", "store", "berlin", "2", "3", "outlet")


def house(key: int, name: str = "", code: str = "") -> House:
    return House(key=key, name=name, code=code)


def place(key: int, name: str = "", id: str = "") -> Place:
    return Place(key=key, name=name, id=id)


class TestPairing(unittest.TestCase):
    def test_the_same_name_and_the_same_code(self) -> None:
        houses = [house(7, "Hub North", "HUBN"), house(8, "Hub South", "HUBS")]
        found = pair([place(1, "hub  NORTH", "x1"), place(2, "Store", "hubs")], houses)
        self.assertEqual(
            found,
            {
                1: Pair(house=7, percent=100, reason=PairReason.NAME),
                2: Pair(house=8, percent=100, reason=PairReason.CODE),
            },
        )

    def test_a_name_that_is_the_code(self) -> None:
        houses = [house(7, "Main", "WH"), house(8, "Other", "OT")]
        self.assertEqual(
            pair([place(1, "w h")], houses)[1].reason,
            PairReason.CODE,
        )

    def test_one_location_and_one_warehouse(self) -> None:
        houses = [house(7, "YourCompany", "WH")]
        self.assertEqual(
            pair([place(1, "WooCommerce")], houses),
            {1: Pair(house=7, percent=0, reason=PairReason.ONLY)},
        )
        self.assertEqual(pair([place(1, "x"), place(2, "y")], houses), {})
        self.assertEqual(pair([place(1, "x")], houses, taken={7}), {})
        self.assertEqual(pair([place(1, "x")], [*houses, house(8)], taken={7}), {})

    def test_the_only_one_is_told_by_its_name_where_it_has_it(self) -> None:
        self.assertEqual(
            pair([place(1, "Hub")], [house(7, "hub")])[1],
            Pair(house=7, percent=100, reason=PairReason.NAME),
        )

    def test_nobody_guesses_between_two(self) -> None:
        twins = [house(7, "Hub South"), house(8, "South Hub")]
        self.assertEqual(pair([place(1, "Hub South")], twins), {})
        both = [place(1, "Hub South"), place(2, "South Hub")]
        self.assertEqual(pair(both, [house(7, "hub south"), house(9, "x")]), {})

    def test_what_is_taken_is_not_proposed(self) -> None:
        houses = [house(7, "Hub North"), house(8, "Hub South")]
        self.assertEqual(pair([place(1, "Hub North")], houses, taken=[7]), {})

    def test_two_numbers_are_two_houses(self) -> None:
        houses = [house(7, "Store 2"), house(8, "Store 3")]
        found = pair([place(1, "Store 3"), place(2, "Store 4")], houses)
        self.assertEqual({key: one.house for key, one in found.items()}, {1: 8})

    def test_whatever_there_is_no_house_is_proposed_twice(self) -> None:
        dice = random.Random(7)

        def name() -> str:
            return " ".join(dice.choices(WORDS, k=dice.randint(0, 3)))

        for _round in range(500):
            houses = [
                house(key, name(), dice.choice(WORDS))
                for key in range(dice.randint(0, 5))
            ]
            places = [
                place(key, name(), dice.choice(WORDS))
                for key in range(dice.randint(0, 5))
            ]
            taken = {one.key for one in houses if dice.random() < 0.3}
            found = pair(places, houses, taken)
            used = [one.house for one in found.values()]
            self.assertEqual(len(used), len(set(used)))
            self.assertFalse(taken & set(used))
            self.assertLessEqual(found.keys(), {one.key for one in places})
            for one in found.values():
                if one.reason is PairReason.ONLY:
                    self.assertEqual((len(places), len(houses)), (1, 1))
                else:
                    self.assertGreaterEqual(one.percent, NAME_FLOOR)
            # The order in which they are listed decides nothing.
            dice.shuffle(houses)
            dice.shuffle(places)
            self.assertEqual(pair(places, houses, taken), found)


if __name__ == "__main__":
    unittest.main()
