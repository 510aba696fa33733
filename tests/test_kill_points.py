import ast
import os
import signal
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

from odoo.tests import tagged
from odoo.tests.common import BaseCase

from odoo.addons.stock_channel_hub.models import kill_points
from odoo.addons.stock_channel_hub.models.kill_points import (
    OPTION,
    POINTS,
    VARIABLE,
    armed,
    armed_folder,
)

ROOT = Path(__file__).parents[1]


@tagged("post_install", "-at_install")
class TestKillPoints(BaseCase):
    """Where workers die for the harness, nobody ever dies in production."""

    def setUp(self):
        super().setUp()
        folder = TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.deaths = []
        patcher = patch.object(
            kill_points.os, "kill", lambda pid, how: self.deaths.append((pid, how))
        )
        patcher.start()
        self.addCleanup(patcher.stop)

    def arm(self, name, text=""):
        (self.folder / name).write_text(text, encoding="utf-8")

    def test_this_server_is_not_armed(self):
        """Each point is a call of an empty function: nothing is looked at."""
        self.assertIs(kill_points.reach, kill_points._pass_by)
        self.assertIs(kill_points.after_commit, kill_points._never)
        for function in (kill_points._pass_by, kill_points._never):
            self.assertEqual(function.__code__.co_names, ())

    def test_it_takes_environment_and_configuration(self):
        here = str(self.folder)
        self.assertEqual(
            armed_folder({VARIABLE: here}, {OPTION: here}), Path(self.folder)
        )
        for variables, options in (
            ({}, {}),
            ({VARIABLE: here}, {}),
            ({}, {OPTION: here}),
            ({VARIABLE: here}, {OPTION: f"{here}/"}),
            ({VARIABLE: ""}, {OPTION: ""}),
            ({VARIABLE: f"{here}/no"}, {OPTION: f"{here}/no"}),
            ({VARIABLE: "."}, {OPTION: "."}),
        ):
            with self.subTest(variables=variables, options=options):
                self.assertIsNone(armed_folder(variables, options))

    def test_nothing_arms_a_server_that_runs(self):
        here = str(self.folder)
        self.arm("door.stored.1")
        with (
            patch.dict(os.environ, {VARIABLE: here}),
            patch.dict(kill_points.config.options, {OPTION: here}),
        ):
            kill_points.reach("door.stored")
        self.assertEqual(self.deaths, [])

    def test_whoever_takes_the_file_dies_once(self):
        reach, _after_commit = armed(self.folder)
        self.arm("door.stored.1")
        reach("door.committed")
        self.assertEqual(self.deaths, [])
        reach("door.stored")
        reach("door.stored")
        self.assertEqual(self.deaths, [(os.getpid(), signal.SIGKILL)])
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_only_the_key_that_is_meant(self):
        reach, _after_commit = armed(self.folder)
        self.arm("inbox.message.1", "order:7")
        reach("inbox.message", "order:8")
        self.assertEqual(self.deaths, [])
        reach("inbox.message", "order:7")
        self.assertEqual(len(self.deaths), 1)

    def test_freezing_says_who(self):
        reach, _after_commit = armed(self.folder)
        self.arm("publish.leased.1", "stop")
        reach("publish.leased")
        self.assertEqual(self.deaths, [(os.getpid(), signal.SIGSTOP)])
        pid = (self.folder / "publish.leased.1.pid").read_text(encoding="utf-8")
        self.assertEqual(int(pid), os.getpid())
        reach("publish.leased")
        self.assertEqual(len(self.deaths), 1)

    def test_the_table_names_every_point_and_no_other(self):
        used = set()
        for path in [*ROOT.glob("models/*.py"), *ROOT.glob("controllers/*.py")]:
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if (
                    isinstance(node, ast.Call)
                    and isinstance(node.func, ast.Attribute)
                    and getattr(node.func.value, "id", "") == "kill_points"
                ):
                    named = [a.value for a in node.args if isinstance(a, ast.Constant)]
                    used.update(named)
        self.assertEqual(used, set(POINTS))
