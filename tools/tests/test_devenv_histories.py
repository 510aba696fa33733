"""Which histories a command plays, and how it says what it found."""

import contextlib
import io
import unittest
from pathlib import Path
from unittest import mock

from tools.devenv import cli, histories
from tools.devenv.errors import DevEnvError
from tools.devenv.progress import Progress

TESTS = Path(__file__).resolve().parents[2] / "tests"


class TestHistories(unittest.TestCase):
    def run_with(self, statuses, seeds):
        """Run with pytest ending as told; returns status, output and what was asked."""
        env = mock.MagicMock()
        env.progress = Progress(quiet=True)
        env.variables.return_value = {"PATH": "/bin"}
        with (
            mock.patch.object(histories, "call", side_effect=statuses) as call,
            contextlib.redirect_stdout(io.StringIO()) as said,
        ):
            status = histories.run(env, histories.ORACLE, seeds)
        asked = [
            c.kwargs["env"][histories.ORACLE.variable] for c in call.call_args_list
        ]
        env.drop_database.assert_called_once()
        return status, said.getvalue(), asked

    def test_seeds_are_a_number_or_a_range(self):
        self.assertEqual(histories.parse_seeds("1000"), range(1000))
        self.assertEqual(histories.parse_seeds("417:418"), range(417, 418))

    def test_seeds_that_mean_nothing_are_refused(self):
        for text in ("", "0", "many", "5:5", "9:3", "-3:2", "1:2:3"):
            with self.subTest(text), self.assertRaisesRegex(DevEnvError, "no history"):
                histories.parse_seeds(text)

    def test_every_seed_is_in_one_run(self):
        parts = list(histories.runs(histories.ORACLE, range(7, 1000)))
        self.assertEqual([s for part in parts for s in part], list(range(7, 1000)))
        self.assertLessEqual(max(map(len, parts)), histories.ORACLE.run_size)

    def test_all_runs_are_played_and_summed_up(self):
        status, said, asked = self.run_with([0, 0], range(200))
        self.assertEqual((status, asked), (0, ["0:120", "120:200"]))
        self.assertEqual(said, "oracle: 200 histories, no difference\n")

    def test_difference_stops_no_other_run_and_is_named(self):
        status, said, asked = self.run_with([1, 0], range(200))
        self.assertEqual((status, len(asked)), (1, 2))
        self.assertEqual(said, "oracle: 200 histories, differences in 0:120\n")

    def test_command_line_asks_for_a_thousand(self):
        self.assertEqual(cli.parser().parse_args(["oracle"]).seeds, "1000")
        self.assertEqual(cli.parser().parse_args(["orders"]).seeds, "10")

    def test_tests_read_the_same_variable(self):
        for kind in (histories.ORACLE, histories.ORDERS):
            source = (TESTS / kind.test_file).read_text(encoding="utf-8")
            self.assertIn(f'"{kind.variable}"', source)
