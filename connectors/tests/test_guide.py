"""The authors' guide is right: its example is built and run as the guide says."""

import contextlib
import io
import re
import sys
import tempfile
import unittest
from collections import Counter
from pathlib import Path
from unittest import mock

from .. import registry
from ..testing import __main__ as runner
from ..testing import guide
from ..testing.conformance import ConnectorConformance

CONNECTOR = "tiny_shop/connector.py"
MOST_LINES = 150


class GuideCase(unittest.TestCase):
    """Writes the example into a folder of its own, and forgets it again."""

    def setUp(self) -> None:
        """Write the example; whatever it registers is gone afterwards."""
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)
        guide.write(self.root)
        self.addon = self.root / "tiny_shop"
        patch = mock.patch.dict(registry._registered)
        patch.start()
        self.addCleanup(patch.stop)
        # Two tests write the same files within one second: no stale bytecode.
        self.enterContext(mock.patch.object(sys, "dont_write_bytecode", True))

    def change(self, name: str, old: str, new: str) -> None:
        """Replace something that stands in a file of the example once."""
        path = self.root / name
        text = path.read_text("utf-8")
        self.assertEqual(1, text.count(old), f"{old!r} in {name}")
        path.write_text(text.replace(old, new), "utf-8")

    def said(self, *arguments: str) -> tuple[int, str]:
        """Run the runner as a command; return its status and what it wrote."""
        with contextlib.redirect_stderr(io.StringIO()) as written:
            status = runner.main(arguments)
        return status, written.getvalue()


class TestExample(GuideCase):
    def test_the_connector_is_short(self):
        lines = guide.files()[CONNECTOR].splitlines()
        self.assertLess(len(lines), MOST_LINES)
        self.assertGreater(len(lines), 100, "are blocks missing?")
        self.assertLessEqual(max(map(len, lines)), 88)

    def test_the_suite_passes_with_the_numbers_promised(self):
        status, text = self.said(str(self.addon))
        numbers = r"Ran (\d+) tests? in [0-9.]+s\n\n(.*)\n"
        ran, end = re.search(numbers, text).groups()
        self.assertEqual(
            guide.promised_result(),
            f"Ran {ran} tests\n\n{end}\n",
            "the suite has other tests now: write the numbers into the guide,"
            " docs/connectors/writing-one.md, step 9",
        )
        self.assertEqual(0, status)

    def test_what_is_skipped_says_why(self):
        with runner.without_odoo(self.addon):
            result = unittest.TestResult()
            runner.suite_of(self.addon).run(result)
        self.assertEqual([], result.failures + result.errors)
        reasons = Counter(reason for _test, reason in result.skipped)
        self.assertEqual(
            {
                "tiny_shop: no signed_time": 1,
                "tiny_shop: no compare_and_set": 1,
                "tiny_shop: no idempotency": 1,
                "tiny_shop: no can_cancel": 2,
                "tiny_shop: no registers_webhooks": 4,
                "tiny_shop: no pings": 1,
                "tiny_shop: no tokens that end": 4,
                "tiny_shop: its fake has no use_up_limit": 2,
            },
            dict(reasons),
        )

    def test_importing_it_registers_it(self):
        with runner.without_odoo(self.addon):
            runner.suite_of(self.addon)
            self.assertIn(("tiny_shop", "Tiny Shop"), registry.selection())

    def test_nothing_of_it_stays(self):
        self.said(str(self.addon))
        names = [name for name in sys.modules if name.partition(".")[0] == "odoo"]
        self.assertEqual([], names)

    def test_a_mistake_is_explained(self):
        self.change(CONNECTOR, "for update in updates]", "for update in updates][::-1]")
        status, text = self.said(str(self.addon))
        self.assertEqual(1, status)
        self.assertIn("FAIL: test_results_follow_the_updates", text)
        self.assertIn("What to do: return one ``UpdateResult`` per update", text)

    def test_a_mistake_in_a_subtest_is_explained(self):
        old, new = "load(raw)", '__import__("json").loads(raw)'
        self.change(CONNECTOR, f"order = {old}", f"order = {new}")
        status, text = self.said(str(self.addon))
        self.assertEqual(1, status)
        self.assertIn("ERROR: test_hostile_bytes_are_bad_payload", text)
        self.assertIn("What to do: begin ``parse`` with ``strict_json.load``", text)

    def test_the_guide_quotes_the_advice(self):
        test = ConnectorConformance.test_results_follow_the_updates
        quoted = " ".join(guide.GUIDE.read_text("utf-8").split())
        self.assertIn(" ".join(test.__doc__.split()), quoted)

    def test_an_unfinished_connector_is_told_what_is_missing(self):
        self.change(CONNECTOR, "def fetch_order(self", "def fetch_another(self")
        with runner.without_odoo(self.addon), self.assertRaises(ValueError) as caught:
            runner.suite_of(self.addon)
        self.assertEqual(
            "TinyShop leaves methods of the contract out: fetch_order.",
            str(caught.exception),
        )

    def test_every_link_of_the_pages_leads_somewhere(self):
        for page in sorted(guide.GUIDE.parent.glob("*.md")):
            for target in re.findall(r"\]\(([^)#]+)", page.read_text("utf-8")):
                is_there = (page.parent / target).exists()
                with self.subTest(page.name, target=target):
                    self.assertTrue(is_there or target.startswith("https://"))


class TestRunner(GuideCase):
    def test_it_says_how_it_is_used(self):
        usage = "usage: python -m connectors.testing FOLDER_OF_THE_ADDON\n"
        self.assertEqual((2, usage), self.said())
        self.assertEqual((2, usage), self.said(str(self.root / "nowhere")))

    def test_no_tests_are_no_success(self):
        (self.addon / "tests" / "test_conformance.py").unlink()
        status, text = self.said(str(self.addon))
        self.assertEqual(2, status)
        self.assertIn("tiny_shop: no tests/test_*.py", text)

    def test_odoo_itself_is_not_there(self):
        self.change(CONNECTOR, "from decimal", "import odoo.tools\nfrom decimal")
        with self.assertRaises(ModuleNotFoundError):
            self.said(str(self.addon))

    def test_the_hubs_modules_are_the_same_ones(self):
        with runner.without_odoo(self.addon):
            from odoo.addons.stock_channel_hub.connectors import registry as found
            from odoo.addons.stock_channel_hub.connectors.testing import conformance

            self.assertIs(registry, found)
            self.assertIs(ConnectorConformance, conformance.ConnectorConformance)
            self.assertEqual(registry.__name__, found.__spec__.name)

    def test_it_is_for_machines_without_odoo(self):
        with mock.patch.dict(sys.modules, {"odoo": mock.Mock()}):
            self.assertRaises(RuntimeError, self.said, str(self.addon))

    def test_the_example_is_written_where_one_says(self):
        folder = self.root / "elsewhere"
        self.assertEqual(0, guide.main([str(folder)]))
        written = {
            path.relative_to(folder).as_posix(): path.read_text("utf-8")
            for path in folder.rglob("*.*")
        }
        self.assertEqual(guide.files(), written)
        with contextlib.redirect_stderr(io.StringIO()) as said:
            self.assertEqual(2, guide.main([]))
        self.assertIn("usage:", said.getvalue())
