"""Building once, atomically, and surviving interruptions."""

import multiprocessing
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from tools.devenv import files
from tools.devenv.errors import DevEnvError


def _try_lock(path: str, found: "multiprocessing.Queue[bool]") -> None:
    import fcntl

    with open(path, "w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            found.put(False)
        else:
            found.put(True)


class TestFiles(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.link = self.folder / "venv"

    def test_second_build_with_the_same_key_is_reused(self):
        built = files.build_once(self.link, "k1", lambda f: (f / "a").touch())
        again = files.build_once(self.link, "k1", self.fail)
        self.assertTrue(built)
        self.assertFalse(again)
        self.assertTrue((self.link / "a").exists())

    def test_new_key_switches_the_link_and_removes_the_old_build(self):
        files.build_once(self.link, "k1", lambda f: (f / "old").touch())
        files.build_once(self.link, "k2", lambda f: (f / "new").touch())
        self.assertTrue((self.link / "new").exists())
        self.assertEqual([p.name for p in self.folder.glob("venv-*")], ["venv-k2"])

    def test_complete_but_broken_build_is_made_again(self):
        files.build_once(self.link, "k1", lambda f: (f / "a").touch())
        made = files.build_once(
            self.link, "k1", lambda f: (f / "b").touch(), usable=lambda _folder: False
        )
        self.assertTrue(made)
        self.assertTrue((self.link / "b").exists())
        self.assertFalse((self.link / "a").exists())

    def test_interrupted_build_is_started_afresh(self):
        def interrupted(folder: Path) -> None:
            (folder / "half").touch()
            raise KeyboardInterrupt

        with self.assertRaises(KeyboardInterrupt):
            files.build_once(self.link, "k1", interrupted)
        self.assertFalse(self.link.exists())
        files.build_once(self.link, "k1", lambda f: (f / "whole").touch())
        self.assertTrue((self.link / "whole").exists())
        self.assertFalse((self.link / "half").exists())

    def test_failed_rebuild_leaves_the_earlier_build_in_use(self):
        def failing(_folder: Path) -> None:
            raise DevEnvError("no network")

        files.build_once(self.link, "k1", lambda f: (f / "old").touch())
        with self.assertRaises(DevEnvError):
            files.build_once(self.link, "k2", failing)
        self.assertTrue((self.link / "old").exists())

    def test_digest_tells_boundaries_and_contents_apart(self):
        path = self.folder / "x"
        path.write_text("b")
        self.assertNotEqual(files.digest("ab", ""), files.digest("a", "b"))
        self.assertEqual(files.digest("a", path), files.digest("a", "b"))

    def test_write_atomically_sets_content_and_mode(self):
        path = self.folder / "deep" / "secret"
        files.write_atomically(path, "x", 0o600)
        self.assertEqual(path.read_text(), "x")
        self.assertEqual(path.stat().st_mode & 0o777, 0o600)
        self.assertEqual([p.name for p in path.parent.iterdir()], ["secret"])

    def test_lock_keeps_another_process_out_and_is_freed(self):
        lock = self.folder / "lock"
        outcome: multiprocessing.Queue[bool] = multiprocessing.Queue()
        with files.locked(lock):
            other = multiprocessing.Process(target=_try_lock, args=(lock, outcome))
            other.start()
            self.assertFalse(outcome.get(timeout=5))
            other.join()
        other = multiprocessing.Process(target=_try_lock, args=(lock, outcome))
        other.start()
        self.assertTrue(outcome.get(timeout=5))
        other.join()

    def test_full_disk_is_one_sentence_with_both_numbers(self):
        usage = mock.Mock(free=5 * 2**20)
        with (
            mock.patch("shutil.disk_usage", return_value=usage),
            self.assertRaisesRegex(DevEnvError, "needs 900 MB .* only 5 MB are free"),
        ):
            files.require_free_space(self.folder, 900, "Odoo 19")
