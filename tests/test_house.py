"""Rules of the house that a machine can look after: elevated rights, SQL, routes."""

import ast
import importlib.util
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from odoo.http import Controller, _generate_routing_rules
from odoo.modules import get_module_path
from odoo.tests import BaseCase, TransactionCase, tagged

from odoo.addons.stock_channel_hub.controllers.stock_channel_hub import MAX_BODY

from .sudo_table import SUDO

ROOT = Path(__file__).parent.parent
CODE = ("models", "wizards", "controllers")
# What gives records with the same rights again; anything else gives values.
KEEPS_RIGHTS = {
    "sudo",
    "search",
    "browse",
    "create",
    "copy",
    "exists",
    "filtered",
    "filtered_domain",
    "sorted",
    "with_company",
    "with_context",
    "with_env",
}
OURS = "odoo.addons.stock_channel_hub"
# Proves that the checker is awake.
BAD_SAMPLE = """
class Sample:
    def find(self, name):
        self.env.cr.execute("SELECT 1 FROM t WHERE name = '%s'" % name)
"""
ROUTES = {
    "/stock_channel/<string:token>": {
        "type": "http",
        "auth": "public",
        "methods": ["POST"],
        "csrf": False,
        "save_session": False,
        "readonly": False,
    },
    "/stock_channel/<string:token>/inventory": {
        "type": "http",
        "auth": "public",
        "methods": ["GET"],
        "csrf": False,
        "save_session": False,
        "readonly": False,
    },
}


def sources():
    """Yield (path from the root, syntax tree) of every file that runs in Odoo."""
    paths = [path for folder in CODE for path in sorted((ROOT / folder).glob("*.py"))]
    for path in [*paths, ROOT / "hooks.py"]:
        yield str(path.relative_to(ROOT)), ast.parse(path.read_text("utf-8"))


def chain(node):
    """Return the names of a chain of attributes and calls, innermost first."""
    names = []
    while isinstance(node, (ast.Call, ast.Attribute)):
        if isinstance(node, ast.Attribute):
            names.append(node.attr)
            node = node.value
        else:
            node = node.func
    return names[::-1]


def is_sudo(node):
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "sudo"
    )


def gives_elevated_records(value):
    names = chain(value)
    return "sudo" in names and set(names[names.index("sudo") :]) <= KEEPS_RIGHTS


@tagged("post_install", "-at_install")
class TestElevatedRights(BaseCase):
    def test_every_sudo_is_counted_and_has_a_reason(self):
        found = {}
        for path, tree in sources():
            count = sum(map(is_sudo, ast.walk(tree)))
            if count:
                found[path] = count
        self.assertEqual(found, {path: count for path, (count, _why) in SUDO.items()})

    def test_elevated_records_say_so_by_name(self):
        """But in scheduled actions: there everything is."""
        unnamed = []
        for path, tree in sources():
            jobs = {
                id(node)
                for function in ast.walk(tree)
                if isinstance(function, ast.FunctionDef)
                and function.name.startswith("_cron_")
                for node in ast.walk(function)
            }
            for node in ast.walk(tree):
                if not isinstance(node, ast.Assign) or id(node) in jobs:
                    continue
                [target] = node.targets[:1]
                if isinstance(target, ast.Name) and gives_elevated_records(node.value):
                    if not target.id.endswith("_sudo"):
                        unnamed.append(f"{path}:{node.lineno} {target.id}")
        self.assertEqual(unnamed, [])

    def test_governance_hangs_on_no_context_key(self):
        """Whoever calls over RPC brings the context along."""
        asking = []
        for path, tree in sources():
            for function in ast.walk(tree):
                if not isinstance(function, ast.FunctionDef):
                    continue
                names = {
                    node.attr
                    for node in ast.walk(function)
                    if isinstance(node, ast.Attribute)
                }
                if {"has_group", "check_access"} & names and "context" in names:
                    asking.append(f"{path}:{function.name}")
        self.assertEqual(asking, [])


@tagged("post_install", "-at_install")
class TestSql(BaseCase):
    def test_odoo_s_own_checker_finds_no_injection(self):
        """The checker Odoo runs over its own code, over ours."""
        folder = get_module_path("test_lint", display_warning=False)
        if not folder or not importlib.util.find_spec("pylint"):
            raise unittest.SkipTest("Odoo's test_lint or pylint is not installed")
        with tempfile.TemporaryDirectory() as bad_folder:
            bad = Path(bad_folder) / "bad_sample.py"
            bad.write_text(BAD_SAMPLE)
            files = [str(ROOT / path) for path, _tree in sources()]
            result = subprocess.run(  # noqa: S603 - our own files
                [
                    sys.executable,
                    "-m",
                    "pylint",
                    f"--rcfile={os.devnull}",
                    "--load-plugins=_odoo_checker_sql_injection",
                    "--disable=all",
                    "--enable=sql-injection",
                    "--score=n",
                    str(bad),
                    *files,
                ],
                env={**os.environ, "PYTHONPATH": str(Path(folder) / "tests")},
                capture_output=True,
                text=True,
                check=False,
            )
        found = [line for line in result.stdout.splitlines() if "sql-injection" in line]
        self.assertEqual(len(found), 1, result.stdout + result.stderr)
        self.assertIn("bad_sample.py", found[0])


@tagged("post_install", "-at_install")
class TestRoutes(TransactionCase):
    def routes(self):
        """Return what each route of ours is declared with."""
        found = {}
        for controller in Controller.children_classes.get("stock_channel_hub", ()):
            for method in vars(controller).values():
                routing = dict(getattr(method, "original_routing", {}))
                for path in routing.pop("routes", ()):
                    found[path] = routing
        return found

    def test_exactly_these_routes_declared_like_this(self):
        found = self.routes()
        limit = found["/stock_channel/<string:token>"].pop("max_content_length")
        self.assertTrue(callable(limit))
        self.assertEqual(MAX_BODY, 1024 * 1024)
        self.assertEqual(found, ROUTES)

    def test_and_no_other_route_leads_to_the_hub(self):
        modules = sorted(self.env.registry._init_modules)
        paths = {
            path
            for path, endpoint in _generate_routing_rules(modules, nodb_only=False)
            if "stock_channel" in path or endpoint.func.__module__.startswith(OURS)
        }
        self.assertEqual(paths, set(ROUTES))
