"""The harness can fail: its books, dice, verdicts and proofs are right."""

import json
import os
import random
import tempfile
import threading
import unittest
from decimal import Decimal
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from unittest.mock import patch

from tools.devenv import Layout
from tools.faults.proxy import Proxy, Weather
from tools.harness import run
from tools.harness.expected import differences, expect
from tools.harness.fleet import Fleet, parents
from tools.harness.machine import Machine, Ticks
from tools.harness.proofs import PROOFS, missing
from tools.harness.scenarios import SCENARIOS
from tools.harness.scenarios.stock import blamed_on_us, lost_races
from tools.harness.senders import quantile
from tools.harness.verdict import Verdict, table

ROOT = Layout.of_this_checkout().root


def line(name: str, quantity: int, cancelled: int = 0, gone: int = 0) -> dict[str, Any]:
    """Return a line as a shop tells it."""
    return {
        "id": name,
        "sku": "A",
        "location_id": "north",
        "quantity": str(quantity),
        "cancelled_quantity": str(cancelled),
        "fulfilled_quantity": str(gone),
    }


class TestExpected(unittest.TestCase):
    def setUp(self) -> None:
        orders = [
            {"id": "1", "lines": [line("1-1", 5, 1, 2), line("1-2", 3)]},
            {"id": "2", "lines": [line("2-1", 2, 2)]},
        ]
        back = {"lines": [{"order_line_id": "1-1", "quantity": "1"}]}
        returns = [{**back, "status": "received"}, {**back, "status": "announced"}]
        self.books = expect(orders, returns)

    def test_lines_of_one_thing_are_added_up(self) -> None:
        key = ("1", "A", "north")
        self.assertEqual(self.books.wanted[key], 7)
        self.assertEqual(self.books.shipped[key], 2)
        self.assertEqual(self.books.returned[key], 1)
        self.assertEqual(self.books.open(), {key: 5})

    def test_shelves(self) -> None:
        self.assertEqual(self.books.on_hand({("A", "north"): 10}), {("A", "north"): 9})
        self.assertEqual(self.books.reserved(), {("A", "north"): 5})

    def test_what_nobody_wants_any_more_has_no_sale(self) -> None:
        self.assertEqual(self.books.orders, {"1", "2"})
        self.assertEqual(self.books.with_sale, {"1"})

    def test_differences_are_told_both_ways(self) -> None:
        self.assertEqual(
            differences("sold", {("A",): 1, ("B",): 0}, {("C",): 2}),
            ["sold of A: 1 instead of 0", "sold of C: 0 instead of 2"],
        )


class TestVerdict(unittest.TestCase):
    def verdict(self) -> Verdict:
        return Verdict(name="R1", goal="a goal", seed=7)

    def test_a_problem_fails_it_and_is_kept(self) -> None:
        verdict = self.verdict()
        verdict.same("pieces", 1, 1)
        self.assertEqual(verdict.word, "passed")
        verdict.same("pieces", 1, 2)
        self.assertEqual(
            (verdict.word, verdict.problems), ("FAILED", ["pieces: 1 instead of 2"])
        )
        with tempfile.TemporaryDirectory() as folder:
            kept = json.loads(verdict.save(Path(folder)).read_text())
        self.assertEqual((kept["seed"], kept["problems"]), (7, verdict.problems))
        self.assertIn("0 of 1 hold; FAILED: R1", table([verdict]))

    def test_what_failed_before_is_told(self) -> None:
        verdict = self.verdict()
        verdict.failed_before = 2
        self.assertEqual(verdict.word, "passed")
        lines = table([verdict]).splitlines()
        self.assertIn("       failed before, with 2 problems: see above", lines)
        self.assertEqual(lines[-1], "harness: 1 of 1 hold; played again: R1")

    def test_seconds_on_a_busy_machine_prove_nothing(self) -> None:
        verdict = self.verdict()
        verdict.expect_soon(True, "too slow", "busy")
        self.assertEqual(verdict.word, "passed")
        verdict.expect_soon(False, "too slow", "busy")
        self.assertEqual(
            (verdict.word, verdict.unjudged), ("unjudged", ["too slow; busy"])
        )
        self.assertIn("0 of 1 hold; unjudged: R1", table([verdict]))
        self.assertFalse(verdict.is_late)
        verdict.expect_soon(False, "too slow", "")
        self.assertEqual((verdict.word, verdict.is_late), ("FAILED", True))

    def test_wrong_is_not_late(self) -> None:
        verdict = self.verdict()
        verdict.same("pieces", 1, 2)
        self.assertFalse(verdict.is_late)

    def test_quantile(self) -> None:
        self.assertEqual(quantile([], 0.99), 0.0)
        self.assertEqual(quantile([3, 1, 2], 0.5), 2)
        self.assertEqual(quantile(range(100), 0.99), 99)


class TestAgain(unittest.TestCase):
    """In CI: what was late is played again, what was wrong is not."""

    def played(self, *verdicts: Verdict) -> tuple[Verdict, int]:
        with patch.object(run, "_play", side_effect=verdicts) as play:
            found = run._play_again(None, "R1")  # type: ignore[arg-type]
        return found, play.call_count

    def verdict(self) -> Verdict:
        return Verdict(name="R1", goal="a goal", seed=7)

    def test_late_once(self) -> None:
        late, held = self.verdict(), self.verdict()
        late.late("too slow")
        found, times = self.played(late, held)
        self.assertEqual((found.word, found.failed_before, times), ("passed", 1, 2))

    def test_late_twice(self) -> None:
        late, again = self.verdict(), self.verdict()
        late.late("too slow")
        again.late("too slow")
        self.assertEqual(self.played(late, again)[0].word, "FAILED")

    def test_late_and_what_must_never_be(self) -> None:
        wrong = self.verdict()
        wrong.late("too slow")
        wrong.never([])
        self.assertFalse(wrong.is_wrong)
        wrong.never(["A at north: 2 after 3"])
        found, times = self.played(wrong)
        self.assertEqual((found.word, times), ("FAILED", 1))

    def test_wrong(self) -> None:
        wrong = self.verdict()
        wrong.same("pieces", 1, 2)
        found, times = self.played(wrong)
        self.assertEqual((found.word, times), ("FAILED", 1))


class TestProofs(unittest.TestCase):
    def test_all_of_them_are_there(self) -> None:
        for name in PROOFS:
            with self.subTest(name=name):
                self.assertEqual(missing(ROOT, name), [])

    def test_one_that_is_gone_is_missed(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            self.assertEqual(len(missing(root, "R3")), len(PROOFS["R3"]))
            path = root / "tests" / "test_order_arrivals.py"
            path.parent.mkdir()
            path.write_text(
                "class TestAnyOrder:\n    def test_other(self):\n        pass\n"
            )
            self.assertEqual(len(missing(root, "R3")), len(PROOFS["R3"]))

    def test_every_goal_has_a_scenario(self) -> None:
        goals = {f"R{number}" for number in range(1, 19)}
        self.assertEqual(set(SCENARIOS), {*goals, "TWO"})


class TestBlame(unittest.TestCase):
    """R11: only what people lose over tables of ours is blamed on us."""

    def log(self, pid: int, statement: str) -> str:
        at = f"2026-11-22 12:00:00,000 {pid}"
        return (
            f"{at} ERROR harness odoo.sql_db: bad query: b'{statement}'\n"
            "ERROR: could not serialize access due to concurrent update\n\n"
            f"{at} INFO harness odoo.service.model: could not serialize, retry\n"
        )

    def test_only_people_s_statements_on_tables_of_ours(self) -> None:
        ours = "INSERT INTO stock_channel_dirty (product_id) VALUES (1)"
        odoo = "UPDATE stock_quant SET quantity = 1"
        log = self.log(7, ours) + self.log(8, ours) + self.log(7, odoo)
        races = lost_races(log, {7})
        self.assertEqual(races, [f"b'{ours}'", f"b'{odoo}'"])
        self.assertEqual(blamed_on_us(races), [f"failed for a person: b'{ours}'"])
        self.assertEqual(lost_races(log, {9}), [])

    def test_other_errors_are_no_races(self) -> None:
        log = self.log(7, "SELECT 1 FROM stock_channel").replace(
            "could not serialize access", "column does not exist"
        )
        self.assertEqual(lost_races(log, {7}), [])


class TestFleet(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.fleet = Fleet(None, Path(folder.name))  # type: ignore[arg-type]

    def test_points_are_armed_so_many_times(self) -> None:
        self.fleet.arm("door.stored", times=2)
        self.fleet.arm("door.committed", "stop", "order:1")
        self.assertEqual(self.fleet.armed("door.stored"), 2)
        (file,) = self.fleet.points.glob("door.committed.*")
        self.assertEqual(file.read_text(), "stop order:1")
        self.fleet.disarm()
        self.assertEqual([*self.fleet.points.iterdir()], [])

    def test_this_process_has_a_parent(self) -> None:
        self.assertEqual(parents()[os.getpid()], os.getppid())

    def test_our_own_work_is_not_foreign(self) -> None:
        begin = Ticks(all=1000, busy=500, own=200)
        for end, foreign in (
            (Ticks(all=1100, busy=560, own=240), 0.2),
            (Ticks(all=1100, busy=560, own=260), 0.0),
            # A process's ticks are told later than the processor's, or sooner.
            (Ticks(all=1100, busy=560, own=270), 0.0),
            (Ticks(all=1000, busy=500, own=200), 0.0),
        ):
            with (
                self.subTest(end),
                patch.object(Machine, "_now", side_effect=(begin, end)),
            ):
                self.assertEqual(Machine().foreign_share(), foreign)

    def test_ticks_are_read_off_this_machine(self) -> None:
        found = Machine()._now()
        self.assertGreater(found.busy, 0)
        self.assertGreater(found.all, found.busy)


class _Shop(BaseHTTPRequestHandler):
    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:  # noqa: N802
        self.send_response(200)
        self.send_header("Content-Length", "10")
        self.end_headers()
        self.wfile.write(b"0123456789")


class TestFaults(unittest.TestCase):
    """Each fault is what it says, seen from the caller's side."""

    def setUp(self) -> None:
        server = ThreadingHTTPServer(("127.0.0.1", 0), _Shop)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        self.url = f"http://127.0.0.1:{server.server_port}"

    def call(self, **shares: float) -> bytes:
        calm = dict.fromkeys(("error", "lost", "hang", "burst"), 0.0)
        weather = Weather(**{**calm, **shares})
        with Proxy(self.url, weather, 1).running() as proxy:
            proxy.is_stormy = True
            line = HTTPConnection(proxy.url.removeprefix("http://"), timeout=5)
            try:
                line.request("GET", "/x")
                return line.getresponse().read()
            finally:
                line.close()

    def test_slow(self) -> None:
        self.assertEqual(self.call(slow=1.0, slow_seconds=0.01), b"0123456789")

    def test_half_a_body(self) -> None:
        with self.assertRaises(HTTPException) as caught:
            self.call(half=1.0)
        self.assertEqual(caught.exception.partial, b"01234")  # type: ignore[attr-defined]

    def test_reset(self) -> None:
        with self.assertRaises((ConnectionResetError, HTTPException)):
            self.call(reset=1.0)

    def test_an_answer_instead(self) -> None:
        with Proxy(self.url, Weather(), 1).running() as proxy:
            proxy.answers["GET", "/x"] = lambda: (429, [("Retry-After", "2")], b"")
            line = HTTPConnection(proxy.url.removeprefix("http://"), timeout=5)
            line.request("GET", "/x?cursor=1", headers={"Idempotency-Key": "k"})
            answer = line.getresponse()
            answer.read()
            line.close()
        self.assertEqual((answer.status, answer.headers["Retry-After"]), (429, "2"))
        (call,) = proxy.calls
        self.assertEqual((call.headers["idempotency-key"], call.fate), ("k", "instead"))


class TestActs(unittest.TestCase):
    def test_what_the_shop_shows_is_what_it_had_less_what_it_sold(self) -> None:
        from tools.demo_shop.catalogue import Catalogue, Location, Product
        from tools.demo_shop.store import Store
        from tools.harness.acts import Acts
        from tools.harness.front import Front

        places = ("north", "depot")
        catalogue = Catalogue(
            shop="S",
            currency="USD",
            locations=tuple(Location(id=place, name=place) for place in places),
            products=tuple(
                Product(sku=sku, title=sku, price=Decimal(1)) for sku in "ABC"
            ),
            shop_only=Product(sku="Z", title="Z", price=Decimal(1)),
        )
        store = Store(catalogue)
        with store.transaction() as db:
            for sku in "ABC":
                for place in places:
                    store.set_quantity(db, sku, place, Decimal(500), 1)
        front = Front(store, None, None, "", None, "", places)  # type: ignore[arg-type]
        acts = Acts(front, random.Random(5), "depot")
        acts.play(30, 200)
        self.assertEqual(sum(acts.done.values()), 200)
        self.assertEqual(len(front.new_webhooks()), 200)
        self.assertEqual(front.new_webhooks(), [])
        for name in ("more", "less", "part", "cancel", "ship", "back", "arrive"):
            self.assertGreater(acts.done[name], 0, name)
        books = expect(front.orders(), front.returns())
        sold = {key: 500 for key in front.levels()}
        for (_order, sku, place), number in books.wanted.items():
            sold[sku, place] -= number
        self.assertEqual(front.levels(), sold)
        store.close()


if __name__ == "__main__":
    unittest.main()
