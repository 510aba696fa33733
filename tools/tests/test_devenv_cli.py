"""The command line and the promises about the repository's own files."""

import contextlib
import io
import re
import unittest
from pathlib import Path
from unittest import mock

from tools.devenv import cli
from tools.devenv.testing.lint import source_files

ROOT = Path(__file__).resolve().parents[2]
# Put together here, so that this file does not hold what it forbids.
REGISTRY_HOSTS = re.compile(
    "|".join(
        re.escape(".".join(parts))
        for parts in (
            ("deb", "debian", "org"),
            ("debian", "org/debian"),
            ("pypi", "org"),
            ("python" + "hosted", "org"),
            ("registry", "npmjs", "org"),
            ("registry", "yarnpkg", "com"),
        )
    )
)
MACHINE_PATH = re.compile("/".join(("", "work", "(main|shared)")))
BINARY = {".png", ".jpg", ".gif", ".ico", ".woff", ".woff2", ".mo", ".gz"}


class TestCommandLine(unittest.TestCase):
    def test_help_lists_every_command_and_variable(self):
        text = cli.parser().format_help()
        for word in ("setup", "test", "counts", "lock", "clean", "ODOO_HOME", "PGHOST"):
            self.assertIn(word, text)

    def test_options_after_a_passing_command_belong_to_the_other_program(self):
        with mock.patch.object(cli, "_odoo", return_value=0) as odoo:
            status = cli.main(["odoo", "-d", "db", "--help-me"])
        self.assertEqual(status, 0)
        self.assertEqual(odoo.call_args[0][0].passed_on, ["-d", "db", "--help-me"])

    def test_unknown_suite_is_refused(self):
        with (
            contextlib.redirect_stderr(io.StringIO()) as said,
            self.assertRaises(SystemExit) as ended,
        ):
            cli.main(["test", "--only", "everything"])
        self.assertEqual(ended.exception.code, 2)
        self.assertIn("invalid choice", said.getvalue())


class TestRepository(unittest.TestCase):
    def test_no_registry_host_and_no_machine_path_in_any_file(self):
        for path in source_files(ROOT, ""):
            if path.suffix in BINARY:
                continue
            text = (ROOT / path).read_text(encoding="utf-8", errors="replace")
            with self.subTest(str(path)):
                self.assertIsNone(REGISTRY_HOSTS.search(text))
                self.assertIsNone(MACHINE_PATH.search(text))

    def test_every_requirement_is_pinned_and_hashed(self):
        for lock in (ROOT / "tools").glob("*.lock"):
            text = lock.read_text(encoding="utf-8")
            for block in re.split(r"\n(?=\S)", text.strip()):
                with self.subTest(lock=lock.name, requirement=block.split()[0]):
                    self.assertRegex(block, r"^[\w.\-\[\]]+==\S+")
                    self.assertIn("--hash=sha256:", block)

    def test_make_help_lists_every_target(self):
        text = (ROOT / "Makefile").read_text(encoding="utf-8")
        targets = set(re.findall(r"^\.PHONY: (\S+)$", text, re.MULTILINE))
        explained = set(re.findall(r"^([a-z0-9-]+):.*## \S", text, re.MULTILINE))
        self.assertEqual(targets, explained)
