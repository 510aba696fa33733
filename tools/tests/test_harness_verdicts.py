"""Each verdict of the harness fails when it is fed a wrong ledger."""

import json
import unittest
from collections import Counter
from decimal import Decimal
from typing import Any

from tools.faults.books import Books
from tools.harness import ledger
from tools.harness.expected import Expected, expect
from tools.harness.scenarios.neighbours import judge_claims, judge_retention
from tools.harness.scenarios.numbers import judge_pauses
from tools.harness.scenarios.stock import Sale, bound, oversold
from tools.harness.scenarios.two import count_shares, judge_shares, shares
from tools.harness.verdict import Verdict

BEGUN = {("A", "north"): 10, ("B", "north"): 10}


def book() -> Expected:
    """Return one order: 3 of A, of which 2 left and 1 came back; 4 of B are open."""
    lines = [
        {"id": "1-1", "sku": "A", "quantity": "3", "fulfilled_quantity": "2"},
        {"id": "1-2", "sku": "B", "quantity": "5", "cancelled_quantity": "1"},
    ]
    blank = {
        "location_id": "north",
        "cancelled_quantity": "0",
        "fulfilled_quantity": "0",
    }
    back = {"order_line_id": "1-1", "quantity": "1"}
    return expect(
        [{"id": "1", "lines": [{**blank, **line} for line in lines]}],
        [{"status": "received", "lines": [back]}],
    )


class _Database:
    """Answers what Odoo's tables would say; each answer can be falsified."""

    def __init__(self) -> None:
        self.sold = [("1", "A", "north", 3), ("1", "B", "north", 4)]
        # Shipped, returned, to be shipped.
        self.moved = [("1", "A", "north", 2, 1, 1), ("1", "B", "north", 0, 0, 4)]
        # On the shelf, reserved.
        self.shelves = [("A", "north", 9, 1), ("B", "north", 10, 4)]
        self.orders = [("1", 70)]
        self.made = [(70,)]
        self.stuck: list[tuple[Any, ...]] = []
        self.open: list[tuple[Any, ...]] = []

    def rows(self, statement: str, *_values: object) -> list[Any]:
        """Return the rows for one of the ledger's statements."""
        for mark, rows in (
            ("l.product_uom_qty", self.sold),
            ("stock_move m", self.moved),
            ("stock_quant q", self.shelves),
            ("SELECT external_id, sale_order_id", self.orders),
            ("SELECT DISTINCT l.order_id", self.made),
            ("FROM stock_channel_message", self.stuck),
            ("FROM stock_channel_exception", self.open),
        ):
            if mark in statement:
                return rows
        raise AssertionError(statement)


class TestWrongLedgers(unittest.TestCase):
    """R1, R3, R7, R13, R17 and TWO all judge by this one comparison."""

    def setUp(self) -> None:
        self.database = _Database()
        self.shown = {("A", "north"): Decimal(8), ("B", "north"): Decimal(6)}

    def found(self) -> list[str]:
        return ledger.unequal(
            self.database,  # type: ignore[arg-type]
            1,
            book(),
            BEGUN,
            self.shown,
        )

    def test_the_right_one_has_no_problem(self) -> None:
        self.assertEqual(self.found(), [])
        self.assertEqual(ledger.trouble(self.database, 1), [])  # type: ignore[arg-type]

    def test_a_piece_too_few_is_sold(self) -> None:
        self.database.sold[0] = ("1", "A", "north", 2)
        self.assertEqual(self.found(), ["sold of 1/A/north: 2 instead of 3"])

    def test_a_shipment_counts_twice(self) -> None:
        self.database.moved[0] = ("1", "A", "north", 4, 1, 1)
        self.assertEqual(self.found(), ["shipped of 1/A/north: 4 instead of 2"])

    def test_a_return_is_lost(self) -> None:
        self.database.moved[0] = ("1", "A", "north", 2, 0, 1)
        self.assertEqual(self.found(), ["returned of 1/A/north: 0 instead of 1"])

    def test_too_little_is_to_be_shipped(self) -> None:
        self.database.moved[1] = ("1", "B", "north", 0, 0, 3)
        self.assertEqual(self.found(), ["to be shipped of 1/B/north: 3 instead of 4"])

    def test_a_shelf_is_wrong(self) -> None:
        self.database.shelves[0] = ("A", "north", 8, 1)
        self.assertEqual(self.found(), ["on hand of A/north: 8 instead of 9"])

    def test_a_reservation_is_lost(self) -> None:
        self.database.shelves[1] = ("B", "north", 10, 0)
        self.assertEqual(self.found(), ["reserved of B/north: 0 instead of 4"])

    def test_the_shop_shows_an_old_number(self) -> None:
        self.shown["B", "north"] = Decimal(10)
        self.assertEqual(self.found(), ["shown of B/north: 10 instead of 6"])

    def test_an_order_was_never_heard_of(self) -> None:
        self.database.orders = []
        self.database.made = []
        self.assertEqual(
            self.found(),
            ["orders of 1: 0 instead of 1", "order 1 has no sale order"],
        )

    def test_an_order_counts_twice(self) -> None:
        self.database.orders.append(("1", 71))
        self.database.made.append((71,))
        self.assertEqual(self.found(), ["orders of 1: 2 instead of 1"])

    def test_a_sale_order_belongs_to_nobody(self) -> None:
        self.database.made.append((71,))
        self.assertEqual(self.found(), ["sale orders of no channel order: [71]"])

    def test_what_is_stuck_and_what_is_open(self) -> None:
        self.database.stuck = [(5, "order:1", "failed", 4, "died")]
        self.database.open = [("Sold too much", "2")]
        self.assertEqual(
            ledger.trouble(self.database, 1),  # type: ignore[arg-type]
            [
                "message 5 of order:1 is failed after 4 tries: died",
                "open exception: Sold too much (2)",
            ],
        )


class TestInversions(unittest.TestCase):
    """R8: an old number after a newer one."""

    def tap(self, books: Books, sequence: int, status: str = "applied") -> None:
        level = {"sku": "A", "location_id": "north", "sequence": sequence}
        result = {"sku": "A", "location_id": "north", "status": status}
        books.tap(
            "POST",
            "/inventory",
            json.dumps({"data": {"levels": [level]}}).encode(),
            200,
            json.dumps({"results": [result]}).encode(),
        )

    def test_only_what_is_applied_and_older_counts(self) -> None:
        books = Books()
        for sequence in (1, 3, 3):
            self.tap(books, sequence)
        self.tap(books, 2, "stale")
        self.assertEqual((books.inversions, books.applied), ([], 3))
        self.tap(books, 2)
        self.assertEqual(books.inversions, ["A at north: 2 after 3"])


class TestOversold(unittest.TestCase):
    """R10: more than the other shop sold unheard of is too much."""

    def setUp(self) -> None:
        at = [(0, 0), (10, 1), (19, 1), (20, 0)]
        self.sales = [Sale(float(second), shop, "A") for second, shop in at]

    def test_how_many(self) -> None:
        self.assertEqual(oversold(self.sales, 3), {"A": 1})
        self.assertEqual(oversold(self.sales, 4), {})

    def test_bound(self) -> None:
        self.assertEqual(bound(self.sales, "A", 0.5), 0)
        self.assertEqual(bound(self.sales, "A", 2.0), 1)
        self.assertEqual(bound(self.sales, "A", 15.0), 2)


class TestPauses(unittest.TestCase):
    """R14: nobody calls before a pause is over, somebody soon after."""

    def problems(self, calls: list[float]) -> list[str]:
        verdict = Verdict(name="R14", goal="", seed=1)
        judge_pauses(verdict, [(10.0, 2), (12.5, 3)], calls)
        return verdict.problems

    def test_in_time(self) -> None:
        self.assertEqual(self.problems([9.99, 12.5, 15.9]), [])

    def test_too_late(self) -> None:
        (problem,) = self.problems([9.99, 12.5, 16.8])
        self.assertEqual(problem, "a call came 1.3 s after Retry-After")

    def test_too_early(self) -> None:
        (problem,) = self.problems([9.99, 11.0, 12.5, 15.9])
        self.assertEqual(problem, "calls within Retry-After 2: [-1.0] instead of []")

    def test_never(self) -> None:
        self.assertEqual(self.problems([9.99, 12.5]), ["no call after Retry-After 3"])


class TestShares(unittest.TestCase):
    """TWO: who did how much."""

    def problems(self, messages: Counter[int], numbers: Counter[int]) -> list[str]:
        verdict = Verdict(name="TWO", goal="", seed=1)
        done = {"messages": messages, "numbers": numbers}
        judge_shares(verdict, count_shares(verdict, done))
        return verdict.problems

    def test_by_process(self) -> None:
        rows = [("messages", "odoo-7", 3), ("messages", "odoo-8", 4)]
        rows += [("numbers", "odoo-9", 1), ("numbers", "psql", 1)]
        self.assertEqual(
            shares(rows, {7: 0, 8: 0, 9: 1}),
            {"messages": Counter({0: 7}), "numbers": Counter({1: 1, -1: 1})},
        )

    def test_fair(self) -> None:
        self.assertEqual(
            self.problems(Counter({0: 7, 1: 1}), Counter({0: 1, 1: 1})), []
        )

    def test_one_does_nearly_all(self) -> None:
        self.assertEqual(
            self.problems(Counter({0: 8, 1: 1}), Counter({0: 1})),
            ["server 2 did 1 of 10"],
        )

    def test_one_does_all(self) -> None:
        self.assertEqual(
            self.problems(Counter({0: 50}), Counter()), ["server 2 did 0 of 50"]
        )

    def test_nobody_known(self) -> None:
        self.assertEqual(
            self.problems(Counter({0: 5, 1: 5, -1: 1}), Counter()),
            ["messages done by nobody known: 1 instead of 0"],
        )


class TestNeighbours(unittest.TestCase):
    """R16: a claim that slows down, a retention that keeps or takes too much."""

    def claims(self, **changes: Any) -> dict[str, Any]:
        return {
            "seconds": [0.01] * 40,
            "claimed": 50,
            "statements": 1,
            "ms": 5.0,
            "buffers": 100,
            **changes,
        }

    def judge(self, before: dict[str, Any], after: dict[str, Any]) -> Verdict:
        verdict = Verdict(name="R16", goal="", seed=1)
        judge_claims(verdict, before, after)
        return verdict

    def test_five_times_is_fine_and_six_is_not(self) -> None:
        before = self.claims()
        self.assertEqual(self.judge(before, self.claims(seconds=[0.05])).word, "passed")
        self.assertEqual(
            self.judge(before, self.claims(seconds=[0.06])).problems,
            ["the claim's p95 is 6.0 times its baseline"],
        )

    def test_a_baseline_that_varies_judges_nothing(self) -> None:
        before = self.claims(seconds=[0.01] * 30 + [0.05] * 10)
        after = self.claims(seconds=[0.3])
        self.assertEqual(self.judge(before, after).word, "unjudged")

    def test_fewer_are_claimed(self) -> None:
        self.assertEqual(
            self.judge(self.claims(), self.claims(claimed=49)).problems,
            ["claimed at once: 49 instead of 50"],
        )

    def retention(self, deleted: list[int], kept: tuple[int, int]) -> list[str]:
        verdict = Verdict(name="R16", goal="", seed=1)
        gone = {"seconds": [0.1] * len(deleted), "deleted": deleted}
        judge_retention(verdict, gone, 16_000, kept)
        return verdict.problems

    def test_retention(self) -> None:
        self.assertEqual(self.retention([2000, 2000, 0], (12_000, 0)), [])
        self.assertEqual(
            self.retention([4000], (12_000, 0)), ["one step deleted 4000 rows"]
        )
        self.assertEqual(
            self.retention([2000, 1999], (12_001, 1)),
            [
                "deleted: 3999 instead of 4000",
                "kept, and too old: (12001, 1) instead of (12000, 0)",
            ],
        )


if __name__ == "__main__":
    unittest.main()
