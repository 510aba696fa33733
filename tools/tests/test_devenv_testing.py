"""The test run itself: numbers, guard, log reading, lint helpers."""

import json
import tempfile
import unittest
from pathlib import Path
from unittest.mock import patch

from tools.devenv.errors import DevEnvError
from tools.devenv.testing import counts, lint, logs, odoo_suite, pure
from tools.devenv.testing.results import SuiteResult, read_junit, summary

JUNIT = """<testsuites><testsuite>
<testcase name="a"/><testcase name="b"><failure/></testcase>
<testcase name="c"><error/></testcase><testcase name="d"><skipped/></testcase>
</testsuite></testsuites>"""


class FolderTestCase(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)


class TestResults(FolderTestCase):
    def test_junit_numbers(self):
        report = self.folder / "r.xml"
        report.write_text(JUNIT)
        result = read_junit("odoo", report)
        numbers = (result.passed, result.failed, result.skipped, result.collected)
        self.assertEqual(numbers, (1, 2, 1, 4))

    def test_skipped_for_want_of_a_server_is_failed(self):
        report = self.folder / "r.xml"
        skipped = '<skipped message="it is an HttpCase and --odoo-http is not set"/>'
        report.write_text(
            f'<testsuite><testcase name="a">{skipped}</testcase></testsuite>'
        )
        result = read_junit("odoo", report)
        self.assertEqual((result.failed, result.skipped), (1, 0))
        self.assertEqual(result.problems, ["a needs Odoo's server and ran without it"])

    def test_failures_are_named(self):
        report = self.folder / "r.xml"
        report.write_text(
            '<testsuite><testcase classname="hub.tests.test_tours.TestTours" name="a">'
            "<failure/></testcase></testsuite>"
        )
        result = read_junit("tours", report)
        self.assertEqual(result.failures, ["test_tours::TestTours::a"])

    def failed(self, *tests: str, passed: int = 0) -> SuiteResult:
        return SuiteResult("tours", passed=passed, failed=len(tests), failures=[*tests])

    def test_what_holds_the_second_time_is_passed_and_named(self):
        result = self.failed("m::A::a", "m::A::b", passed=5)
        result.replayed(self.failed("m::A::b", passed=1))
        self.assertEqual((result.passed, result.failed), (6, 1))
        self.assertEqual(result.failures, ["m::A::b"])
        self.assertIn(
            "tours: m::A::a failed once and held when it was run again",
            summary([result]).splitlines(),
        )

    def test_second_run_that_broke_saves_nothing(self):
        broken = SuiteResult("tours", failed=1, problems=["it was ended"])
        nothing = SuiteResult("tours")
        for second in (broken, nothing):
            result = self.failed("m::A::a", passed=5)
            result.replayed(second)
            with self.subTest(second.problems):
                self.assertEqual((result.passed, result.failed), (5, 1))
                self.assertEqual(result.unsteady, [])

    def test_summary_ends_with_the_line_machines_read(self):
        results = [
            SuiteResult("lint", passed=5),
            SuiteResult("odoo", passed=7, failed=1, skipped=2, problems=["too few"]),
        ]
        text = summary(results)
        self.assertEqual(
            text.splitlines()[-1], "stock_channel_hub: 12 passed, 1 failed, 2 skipped"
        )
        self.assertIn("odoo: too few", text)


class TestCounts(FolderTestCase):
    def test_fewer_tests_than_before_fail_the_suite(self):
        result = SuiteResult("odoo", passed=3, collected=3)
        counts.guard(result, {"odoo": 4})
        self.assertEqual(result.failed, 1)
        self.assertIn("only 3 tests", result.problems[0])
        self.assertIn("make counts", result.problems[0])

    def test_no_test_at_all_is_a_failure(self):
        result = SuiteResult("tours")
        counts.guard(result, {"tours": 1})
        self.assertEqual(result.failed, 1)

    def test_more_tests_are_fine(self):
        result = SuiteResult("pure", passed=9, collected=9)
        counts.guard(result, {"pure": 4})
        self.assertEqual(result.failed, 0)

    def test_file_is_written_and_read_back(self):
        path = self.folder / "counts.json"
        numbers = {"tours": 1, "pure": 2, "odoo": 3}
        counts.save(path, numbers)
        self.assertEqual(counts.load(path), numbers)

    def test_missing_damaged_or_toothless_file_is_refused(self):
        path = self.folder / "counts.json"
        with self.assertRaisesRegex(DevEnvError, "missing: run `make counts`"):
            counts.load(path)
        for text in ("{", "[]", "{}", json.dumps({"pure": 0, "odoo": 1, "tours": 1})):
            path.write_text(text)
            with self.subTest(text), self.assertRaisesRegex(DevEnvError, "make counts"):
                counts.load(path)


class TestLogs(unittest.TestCase):
    LOG = (
        "2026-01-01 10:00:00,000 1 INFO db odoo.modules.loading: fine\n"
        "2026-01-01 10:00:00,000 1 ERROR ? odoo.sql_db: bad query: "
        "b'CREATE EXTENSION IF NOT EXISTS pg_trgm'\n"
        'ERROR: extension "pg_trgm" is not available\n'
        "2026-01-01 10:00:00,000 1 WARNING db odoo.models: no access rules for x\n"
        "consider adding some\n"
        "2026-01-01 10:00:00,000 1 INFO db odoo.modules.loading: done\n"
    )

    def test_only_real_complaints_are_returned_with_their_further_lines(self):
        found = logs.complaints(self.LOG)
        self.assertEqual(len(found), 1)
        self.assertTrue(
            found[0].endswith("no access rules for x\nconsider adding some")
        )

    def test_clean_log_has_none(self):
        self.assertEqual(logs.complaints(self.LOG.splitlines()[0]), [])


class TestLint(FolderTestCase):
    def test_malformed_xml_is_named_with_its_place(self):
        (self.folder / "good.xml").write_text("<odoo/>")
        (self.folder / "bad.xml").write_text("<odoo>\n<a></odoo>")
        found = lint.malformed_xml(self.folder)
        self.assertEqual(len(found), 1)
        self.assertTrue(found[0].startswith("bad.xml:2:"))

    def test_hidden_folders_are_left_out(self):
        (self.folder / ".dev").mkdir()
        (self.folder / ".dev" / "a.xml").write_text("<")
        self.assertEqual(lint.malformed_xml(self.folder), [])


class TestPure(unittest.TestCase):
    def test_odoo_is_refused(self):
        finder = pure.OdooRefused()
        for name in ("odoo", "odoo.fields"):
            with self.subTest(name), self.assertRaises(ImportError):
                finder.find_spec(name, None)
        self.assertIsNone(finder.find_spec("odoorpc", None))

    def test_numbers_of_a_run(self):
        result = unittest.TestResult()
        result.testsRun = 4
        result.failures.append((unittest.FunctionTestCase(print), "x"))
        result.skipped.append((unittest.FunctionTestCase(print), "y"))
        self.assertEqual(
            pure._count(result, 4),
            {"passed": 2, "failed": 1, "skipped": 1, "collected": 4},
        )


class TestPortions(unittest.TestCase):
    """The Odoo tests in two lanes, of which one has Odoo's server."""

    def test_every_file_is_in_one_portion(self):
        a, b, c, d = (Path(f"test_{name}.py") for name in "abcd")
        sources = {
            a: "def test_1" * 9,
            b: "class B(HttpCase):\n def test_1",
            c: "def test_1" * 5,
            d: "def test_1" * 5,
        }
        with patch.object(odoo_suite, "PORTIONS", 2):
            found = odoo_suite.portions(sources)
        self.assertEqual(found, ([b], [[a], [c, d]]))

    def test_cases_that_files_share_need_the_server_too(self):
        """Tests of the door were skipped in every run, and the run was green."""
        sources = {
            Path("door_common.py"): "class DoorCase(HttpCase):\n",
            Path("raw_common.py"): "class RawCase(Mixed, DoorCase):\n",
            Path("test_door.py"): "class TestDoor(DoorCase):\n def test_1",
            Path("test_raw.py"): "class TestRaw(RawCase):\n def test_1",
            Path("test_other.py"): "class TestOther(HubCase):\n def test_1",
        }
        self.assertEqual(
            odoo_suite.portions(sources),
            (
                [Path("test_door.py"), Path("test_raw.py")],
                [[Path("test_other.py")]],
            ),
        )

    def test_few_files_make_few_portions(self):
        alone = Path("test_a.py")
        self.assertEqual(odoo_suite.portions({alone: "def test_1"}), ([], [[alone]]))
