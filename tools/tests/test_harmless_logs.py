"""S11: a suite in which a secret or a customer is logged fails, and says where."""

import io
import logging
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from connectors.testing.canaries import CUSTOMERS, Leak, LogWatch
from tools.devenv.environment import LEAKS
from tools.devenv.testing import leaks

ROOT = Path(__file__).parents[2]
TESTS = f"""
import logging

logger = logging.getLogger("some.module")

def test_clean():
    logger.warning("order 7 is applied")

def test_within_a_text():
    logger.debug(f"for {CUSTOMERS[0]}")

def test_where_nobody_listens():
    logger.propagate, logger.handlers = False, [logging.NullHandler()]
    try:
        raise ValueError("{CUSTOMERS[1]}")
    except ValueError:
        logger.info("failed", exc_info=True)
"""


class TestPlugin(unittest.TestCase):
    """S11: what the Odoo tests and the tours are run with."""

    def test_each_test_that_logs_a_canary_fails_and_no_other(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "test_sample.py"
            path.write_text(TESTS)
            done = subprocess.run(
                [
                    *(sys.executable, "-m", "pytest", f"-p{LEAKS}", "-rA", "-q"),
                    *("-p", "no:cacheprovider", f"--rootdir={folder}", str(path)),
                ],
                cwd=ROOT,
                env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
                capture_output=True,
                text=True,
                check=False,
            )
        self.assertEqual(1, done.returncode, done.stdout + done.stderr)
        self.assertIn("1 passed", done.stdout)
        self.assertIn("2 failed", done.stdout)
        self.assertRegex(done.stdout, r"(?m)^PASSED \S*test_sample.py::test_clean$")
        self.assertIn(f"some.module at DEBUG: for {CUSTOMERS[0]}", done.stdout)
        self.assertIn("some.module at INFO: failed Traceback", done.stdout)
        self.assertIn("3 log records were searched", done.stdout)


class TestResult(unittest.TestCase):
    """S11: what the pure tests are run with."""

    def run_sample(self, leak: Leak | None) -> unittest.TestResult:
        """Run one good test, with something found meanwhile."""

        class Sample(unittest.TestCase):
            def test_it(self) -> None:
                if leak:
                    leaks.WATCH.leaks.append(leak)

        runner = unittest.TextTestRunner(io.StringIO(), resultclass=leaks.WatchedResult)
        return runner.run(Sample("test_it"))

    def test_a_leak_is_a_failure_of_its_test(self):
        result = self.run_sample(Leak("some.logger", "DEBUG", "for Ada"))
        self.assertEqual(1, len(result.failures))
        self.assertIn("some.logger at DEBUG: for Ada", result.failures[0][1])
        self.assertTrue(self.run_sample(None).wasSuccessful())

    def test_it_looks_for_the_length_of_the_block(self):
        before = logging.Logger.handle
        with mock.patch.object(leaks, "WATCH", LogWatch()), leaks.watched():
            self.assertIsNot(before, logging.Logger.handle)
        self.assertIs(before, logging.Logger.handle)

    def test_the_same_leak_is_told_once(self):
        leak = Leak("some.logger", "DEBUG", "for Ada")
        with self.assertRaises(leaks.CanaryLogged) as caught:
            leaks.refuse([leak, leak])
        self.assertEqual(1, str(caught.exception).count("some.logger"))
        leaks.refuse([])
