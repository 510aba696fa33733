"""Child processes end with us; failures are one sentence."""

import contextlib
import io
import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

from tools.devenv import errors, processes
from tools.devenv.errors import CommandFailed, DevEnvError
from tools.devenv.progress import Progress

ROOT = Path(__file__).resolve().parents[2]
QUIET = Progress(quiet=True)


def _gone(pid: int) -> bool:
    """Tell whether a process has ended, giving it a moment."""
    for _ in range(100):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        stat = Path(f"/proc/{pid}/stat")
        if stat.exists() and ") Z " in stat.read_text():
            return True
        time.sleep(0.02)
    return False


class TestRun(unittest.TestCase):
    def test_output_is_returned(self):
        self.assertEqual(processes.run(["printf", "hello"], "Saying").strip(), "hello")

    def test_failure_quotes_the_last_line_and_a_way_out(self):
        with self.assertRaises(CommandFailed) as caught:
            processes.run(["sh", "-c", "echo one; echo two >&2; exit 3"], "Trying")
        self.assertEqual(
            str(caught.exception),
            "Trying failed because it said: two: fix that and run the same command "
            "again.",
        )
        self.assertEqual(caught.exception.returncode, 3)
        self.assertIn("one", caught.exception.output)

    def test_missing_program_is_one_sentence(self):
        with self.assertRaisesRegex(DevEnvError, "no-such-program is missing: install"):
            processes.run(["no-such-program"], "Trying")

    def test_known_causes_are_told_in_plain_words(self):
        cause, way_out = errors.explain("x\nOSError: No space left on device\n")
        self.assertEqual(cause, "the disk is full")
        self.assertIn("free some space", way_out)
        cause, _ = errors.explain("THESE PACKAGES DO NOT MATCH THE HASHES ...")
        self.assertIn("differs from the lock file", cause)


class TestThreeTimes(unittest.TestCase):
    def test_third_try_may_succeed(self):
        tries = []

        def action() -> str:
            tries.append(1)
            if len(tries) < 3:
                raise CommandFailed("not yet")
            return "done"

        self.assertEqual(processes.three_times(action, QUIET, pause=0), "done")

    def test_third_failure_is_final(self):
        tries = []

        def action() -> None:
            tries.append(1)
            raise CommandFailed("never")

        with self.assertRaisesRegex(CommandFailed, "never"):
            processes.three_times(action, QUIET, pause=0)
        self.assertEqual(len(tries), 3)

    def test_other_failures_are_not_tried_again(self):
        tries = []

        def action() -> None:
            tries.append(1)
            raise DevEnvError("the package is gone")

        with self.assertRaises(DevEnvError):
            processes.three_times(action, QUIET, pause=0)
        self.assertEqual(len(tries), 1)


class TestRunning(unittest.TestCase):
    def test_grandchildren_end_with_the_block(self):
        with tempfile.TemporaryDirectory() as folder:
            note = Path(folder, "pid")
            script = f"sleep 60 & echo $! > {note}; wait"
            with processes.running(["sh", "-c", script]):
                while not (note.exists() and note.read_text().strip()):
                    time.sleep(0.01)
                grandchild = int(note.read_text())
        self.assertTrue(_gone(grandchild))

    def test_process_that_ignores_sigterm_is_killed(self):
        script = "trap '' TERM; while :; do sleep 0.05; done"
        started = time.monotonic()
        with processes.running(["sh", "-c", script], grace=0.3) as process:
            time.sleep(0.1)
        self.assertEqual(process.returncode, -signal.SIGKILL)
        self.assertLess(time.monotonic() - started, 3)

    def test_sigterm_to_us_ends_the_child_and_exits_with_143(self):
        code = (
            "from tools.devenv import guarded, running\n"
            "def main():\n"
            "    with running(['sleep', '60']) as child:\n"
            "        print(child.pid, flush=True)\n"
            "        child.wait()\n"
            "    return 0\n"
            "raise SystemExit(guarded(main))\n"
        )
        with subprocess.Popen(
            [sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True
        ) as program:
            assert program.stdout
            child = int(program.stdout.readline())
            program.send_signal(signal.SIGTERM)
            self.assertEqual(program.wait(10), 143)
        self.assertTrue(_gone(child))

    def test_second_signal_of_a_burst_does_not_stop_the_clean_up(self):
        code = (
            "import time\n"
            "from tools.devenv import guarded\n"
            "def main():\n"
            "    try:\n"
            "        print('up', flush=True)\n"
            "        time.sleep(60)\n"
            "    finally:\n"
            "        time.sleep(0.5)\n"
            "        print('cleaned up', flush=True)\n"
            "    return 0\n"
            "raise SystemExit(guarded(main))\n"
        )
        with subprocess.Popen(
            [sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True
        ) as program:
            assert program.stdout
            program.stdout.readline()
            program.send_signal(signal.SIGTERM)
            time.sleep(0.1)
            program.send_signal(signal.SIGTERM)
            self.assertEqual(program.stdout.readline(), "cleaned up\n")
            self.assertEqual(program.wait(10), 143)


class TestGuarded(unittest.TestCase):
    def guarded(self, error: BaseException) -> tuple[int, str]:
        def main() -> int:
            raise error

        said = io.StringIO()
        ending = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        before = {signum: signal.getsignal(signum) for signum in ending}
        try:
            with contextlib.redirect_stderr(said):
                return processes.guarded(main), said.getvalue()
        finally:
            for signum, handler in before.items():
                signal.signal(signum, handler)

    def test_foreseen_failure_is_one_line_and_status_1(self):
        status, said = self.guarded(DevEnvError("Port 1 is taken: name another."))
        self.assertEqual(status, 1)
        self.assertEqual(said, "error: Port 1 is taken: name another.\n")

    def test_interruption_is_status_130(self):
        status, said = self.guarded(KeyboardInterrupt())
        self.assertEqual(status, 130)
        self.assertNotIn("Traceback", said)

    def test_system_error_names_the_file(self):
        status, said = self.guarded(PermissionError(13, "Permission denied", "/x/y"))
        self.assertEqual(status, 1)
        self.assertIn("Permission denied (/x/y)", said)


class TestProgress(unittest.TestCase):
    def test_step_tells_start_and_end(self):
        stream = io.StringIO()
        with Progress(stream).step("Fetching"):
            pass
        first, last = stream.getvalue().splitlines()
        self.assertEqual(first, "  .. Fetching")
        self.assertRegex(last, r"^  ok Fetching \(\d+\.\d s\)$")

    def test_failed_step_is_marked(self):
        stream = io.StringIO()
        with self.assertRaises(ValueError), Progress(stream).step("Fetching"):
            raise ValueError
        self.assertIn("  !! Fetching", stream.getvalue())
