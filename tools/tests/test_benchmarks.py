"""Figures, their table and report, and the command line of the benchmarks."""

import contextlib
import io
import json
import tempfile
import unittest
from pathlib import Path

from benchmarks.figures import (
    Figure,
    against,
    compare,
    compare_pairs,
    median,
    report_path,
    table,
    write_report,
)
from benchmarks.gauges import Cpu, peak_growth, seconds
from benchmarks.options import TOPICS, Plan, Session, read


class TestFigures(unittest.TestCase):
    def test_the_median_ignores_outliers(self):
        self.assertEqual(median([1.0, 9.0, 2.0, 100.0, 3.0]), 3.0)

    def test_fewer_than_five_runs_are_refused(self):
        with self.assertRaisesRegex(ValueError, "4 runs are too few, 5 are needed"):
            median([1.0, 2.0, 3.0, 4.0])

    def test_a_comparison_divides_the_medians(self):
        figure = compare("x", [3, 3, 3, 3, 30], [2, 2, 2, 2, 1], 1.5)
        self.assertEqual((figure.value, figure.baseline, figure.ratio), (3, 2, 1.5))
        self.assertTrue(figure.met)

    def test_a_goal_is_missed_by_a_little_too_much(self):
        figure = compare("x", [1.51] * 5, [1.0] * 5, 1.5)
        self.assertFalse(figure.met)
        self.assertEqual(figure.goal, "<= 1.5")

    def test_pairs_are_compared_one_by_one(self):
        """A pair that was slowed down as a whole says nothing else."""
        values = [1.0, 2.0, 3.0, 4.0, 50.0]
        baselines = [1.0, 1.0, 3.0, 4.0, 50.0]
        figure = compare_pairs("x", values, baselines, 1.03)
        self.assertEqual(figure.ratio, 1.0)
        self.assertEqual((figure.value, figure.baseline), (3.0, 3.0))

    def test_pairs_must_be_complete(self):
        with self.assertRaises(ValueError):
            compare_pairs("x", [1.0] * 6, [1.0] * 5, 1.03)

    def test_a_fixed_bound_is_the_baseline(self):
        figure = against("x", [0.1, 0.1, 0.12, 0.2, 0.3], 0.15)
        self.assertEqual((figure.baseline, figure.goal), (0.15, "<= 1"))
        self.assertAlmostEqual(figure.ratio, 0.8)

    def test_nothing_is_no_baseline(self):
        with self.assertRaisesRegex(ValueError, "compares with nothing"):
            compare("x", [1.0] * 5, [0.0] * 5, 1.0)

    def test_a_row_has_what_is_promised(self):
        row = Figure("x", 1.234567, "s", 2.0, 0.6172835, 1 / 60, "why").row()
        self.assertEqual(
            row,
            {
                "name": "x",
                "value": 1.235,
                "unit": "s",
                "baseline": 2.0,
                "ratio": 0.6173,
                "goal": "<= 0.01667",
                "met": False,
                "note": "why",
            },
        )

    def test_a_report_is_a_list_of_rows(self):
        figure = Figure("x", 1.0, "s", 2.0, 0.5, 1.0)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "new" / "topic.json"
            write_report(path, [figure])
            self.assertEqual(json.loads(path.read_text("utf-8")), [figure.row()])

    def test_only_the_usual_size_has_the_plain_name(self):
        folder = Path("bench")
        self.assertEqual(report_path(folder, "delta", 100_000).name, "delta.json")
        self.assertEqual(report_path(folder, "delta", 10_000).name, "delta-10000.json")

    def test_the_table_is_aligned_and_notes_are_below(self):
        figures = [
            Figure("short", 1.0, "s", 2.0, 0.5, 1.0),
            Figure("a_longer_name", 3.0, "MB", 2.0, 1.5, 1.3, "a note"),
        ]
        self.assertEqual(
            table(figures).splitlines(),
            [
                "FIGURE         VALUE  BASELINE  UNIT  RATIO  GOAL    MET",
                "short          1      2         s     0.5    <= 1    yes",
                "a_longer_name  3      2         MB    1.5    <= 1.3  NO",
                "a_longer_name: a note",
            ],
        )


class TestOptions(unittest.TestCase):
    def refused(self, *words):
        """Return the sentence with which these words are refused."""
        errors = io.StringIO()
        with contextlib.redirect_stderr(errors), self.assertRaises(SystemExit):
            read(words)
        return errors.getvalue()

    def test_everything_at_the_usual_size_unless_told(self):
        self.assertEqual(read([]), Plan(TOPICS, 100_000, 5, 60))

    def test_topics_keep_their_own_order(self):
        self.assertEqual(read(["hooks", "delta"]).topics, ("delta", "hooks"))

    def test_quick_is_small_but_never_fewer_runs(self):
        self.assertEqual(read(["--quick"]), Plan(TOPICS, 10_000, 5, 10))

    def test_a_named_size_wins_over_quick(self):
        self.assertEqual(read(["--quick", "--listings", "30000"]).listings, 30_000)

    def test_an_unknown_topic_is_named(self):
        self.assertIn("speed is none of availability", self.refused("speed"))

    def test_a_size_too_small_or_no_number_is_refused(self):
        for word in ("999", "many", "-5000"):
            with self.subTest(word):
                self.assertIn("no size", self.refused(f"--listings={word}"))

    def test_growth_needs_a_catalogue_a_tenth_the_size(self):
        self.assertEqual(Plan(("delta",), 10_000).sizes, (10_000, 1000))
        self.assertEqual(Plan(("hooks", "ledger"), 10_000).sizes, (10_000,))

    def test_a_session_survives_the_way_to_another_process(self):
        session = Session(Plan(("delta",), 5000), Path("a"), ("x", "y"), Path("b"))
        self.assertEqual(Session.from_json(session.to_json()), session)


class TestGauges(unittest.TestCase):
    def test_work_is_done_once_and_timed(self):
        done = []
        self.assertGreater(seconds(lambda: done.append(1)), 0.0)
        self.assertEqual(done, [1])

    def test_cpu_of_a_backend_elsewhere_is_left_out(self):
        cpu = Cpu(0)  # no process has this id
        self.assertFalse(cpu.sees_backend)
        self.assertGreater(cpu.spent(lambda: sum(range(100_000))), 0.0)

    def test_memory_that_was_needed_for_a_moment_counts(self):
        self.assertGreater(peak_growth(lambda: len(bytes(range(256)) * 200_000)), 40.0)
