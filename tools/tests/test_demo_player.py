"""The demo player's arithmetic, table and patience, without Odoo or a shop."""

from __future__ import annotations

import unittest
from decimal import Decimal

from tools.demo import table
from tools.demo.__main__ import check_log
from tools.demo.hub import Number
from tools.demo.numbers import disagreements, misstated
from tools.demo.stage import EAST, KIT, NAMES, SOUTH, WEST
from tools.demo.steps import CHAIR, SEAT, STEPS, WORKPLACE, first_numbers
from tools.demo.waiting import wait_for
from tools.demo_shop import catalogue
from tools.devenv import DevEnvError


def number(wanted: str, acknowledged: str = "", state: str = "clean") -> Number:
    """Return a row of the ledger."""
    return Number(Decimal(wanted), Decimal(acknowledged or wanted), state)


class TestNumbers(unittest.TestCase):
    """Every number must be the same in every place."""

    def test_agreement_is_silent(self) -> None:
        key = (CHAIR, WEST)
        found = disagreements({key: 7}, {key: number("7.0")}, {key: Decimal(7)})
        self.assertEqual(found, [])

    def test_each_place_that_differs_is_found(self) -> None:
        key = (CHAIR, WEST)
        cases = {
            "by hand": ({key: 6}, number("7"), Decimal(7)),
            "wanted": ({key: 7}, number("6", "7"), Decimal(7)),
            "acknowledged": ({key: 7}, number("7", "6"), Decimal(7)),
            "shown": ({key: 7}, number("7"), Decimal(6)),
        }
        for name, (by_hand, row, shown) in cases.items():
            with self.subTest(name):
                found = disagreements(by_hand, {key: row}, {key: shown})
                self.assertEqual(len(found), 1)
                self.assertIn("6", found[0])

    def test_a_number_that_one_place_lacks_is_found(self) -> None:
        key = (CHAIR, WEST)
        (lost,) = disagreements({key: 7}, {}, {key: Decimal(7)})
        self.assertEqual(
            lost,
            f"{CHAIR} at {WEST}: by hand 7, the ERP wants nothing, acknowledged "
            "nothing, the shop shows 7",
        )
        self.assertEqual(len(disagreements({}, {key: number("7")}, {})), 1)
        self.assertEqual(len(disagreements({}, {}, {key: Decimal(0)})), 1)

    def test_an_equal_number_still_under_way_is_found(self) -> None:
        key = (CHAIR, WEST)
        row = {key: number("7", state="sending")}
        found = disagreements({key: 7}, row, {key: Decimal(7)})
        self.assertEqual(found, [f"{CHAIR} at {WEST} is sending in the ledger"])

    def test_kits_and_cases_are_counted_whole_off_the_shelves(self) -> None:
        shelves = {
            (WORKPLACE, SOUTH): Decimal(5),
            (SEAT, SOUTH): Decimal(9),
            ("E-COM08", SOUTH): Decimal(25),
        }
        right = {(KIT, SOUTH): 4, ("E-COM08-P6", SOUTH): 4, (SEAT, SOUTH): 9}
        self.assertEqual(misstated({**right, (KIT, EAST): 0}, shelves), [])
        self.assertEqual(
            misstated({(KIT, SOUTH): 5}, shelves),
            [f"{KIT} at {SOUTH}: by hand 5, on Odoo's shelves 4"],
        )


class TestStory(unittest.TestCase):
    """The hand-made numbers fit the shop they are checked against."""

    def test_the_first_publication_is_the_whole_shop(self) -> None:
        assortment = catalogue.load()
        everything = {
            (product.sku, location.id)
            for product in assortment.products
            for location in assortment.locations
        }
        self.assertEqual(set(first_numbers()), everything)
        names = {location.id: location.name for location in assortment.locations}
        self.assertEqual(names, NAMES)

    def test_steps_look_at_numbers_that_exist(self) -> None:
        titles = [step.title for step in STEPS]
        self.assertEqual(len(titles), len(set(titles)))
        for step in STEPS:
            self.assertLessEqual(set(step.changes), set(first_numbers()), step.title)


class TestTable(unittest.TestCase):
    """The table stays readable."""

    def test_a_long_sentence_wraps_beside_its_numbers(self) -> None:
        cells = [table.Cell("Office Chair, San Francisco", "7", "7")]
        text = table.row(" 1 First", "many words " * 9, cells, 1.26)
        lines = text.splitlines()
        self.assertEqual(len(lines), 3)
        self.assertRegex(lines[0], r"^ 1 First .*Office Chair.* 7 +7 +1\.3$")
        widest = max(len(line) for line in f"{table.heading()}\n{text}".splitlines())
        self.assertLessEqual(widest, sum(table.WIDTHS) + 10)


class TestPatience(unittest.TestCase):
    """Waiting ends, well or with a reason."""

    def test_waiting_ends_as_soon_as_nothing_is_wrong(self) -> None:
        answers = [["too early"], []]
        wait_for(lambda: answers.pop(0), seconds=5, what="it")
        self.assertEqual(answers, [])

    def test_waiting_in_vain_says_what_is_wrong(self) -> None:
        problems = [f"problem {index}" for index in range(6)]
        with self.assertRaisesRegex(DevEnvError, "vain for it: problem 0.*2 more"):
            wait_for(lambda: problems, seconds=0, what="it")


class TestLog(unittest.TestCase):
    """A check fails on errors in Odoo's log, and on errors only."""

    def test_two_transactions_that_met_are_no_error(self) -> None:
        check_log(
            [
                "2026-01-01 INFO db odoo: fine",
                '2026-01-01 ERROR db odoo.sql_db: bad query: b"UPDATE"',
                "ERROR: could not serialize access due to concurrent update",
            ]
        )

    def test_anything_else_is(self) -> None:
        for line in (
            '2026-01-01 ERROR db odoo.sql_db: bad query: b"SELEC"',
            "2026-01-01 CRITICAL db odoo: down",
            "Traceback (most recent call last):",
        ):
            with self.subTest(line), self.assertRaises(DevEnvError):
                check_log([line, "next"])


if __name__ == "__main__":
    unittest.main()
