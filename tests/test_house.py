"""Rules of the house that a machine can look after: elevated rights, SQL, routes."""

import ast
import importlib.util
import os
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from lxml import etree

from odoo.http import Controller, _generate_routing_rules
from odoo.modules import get_module_path
from odoo.tests import BaseCase, TransactionCase, tagged

from odoo.addons.stock_channel_hub.controllers.stock_channel_hub import (
    MAX_BODY,
    body_limit,
)

from .sudo_table import OTHER_USER, ROOT_USER, SUDO

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


def with_sql():
    """Return our Python files that run statements, tests and tools included."""
    folders = (*CODE, "benchmarks", "demo", "tests", "tools")
    found = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    return sorted(
        path
        for path in [*found, ROOT / "hooks.py"]
        if re.search(r"execute\w*\(", path.read_text("utf-8"))
    )


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


def is_named(node, name):
    """Tell a use of a name, imported or of a module, from its import."""
    return (isinstance(node, ast.Name) and node.id == name) or (
        isinstance(node, ast.Attribute) and node.attr == name
    )


def acts_as_another(node):
    """Tell a call that goes on as somebody else than who called."""
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "with_user"
        and ast.unparse(node.args[0]) not in ("self.env.user", "SUPERUSER_ID")
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

    def test_s19_there_is_no_other_way_to_elevated_rights(self):
        """Not by the superuser's id, not by ``su=True``, not as root or another user."""
        root, other = {}, {}
        for path, tree in sources():
            for node in ast.walk(tree):
                if isinstance(node, ast.Call):
                    self.assertFalse(
                        [one for one in node.keywords if one.arg == "su"], path
                    )
                if is_named(node, "SUPERUSER_ID"):
                    root[path] = root.get(path, 0) + 1
                elif acts_as_another(node):
                    other[path] = other.get(path, 0) + 1
        self.assertEqual(root, {path: count for path, (count, _) in ROOT_USER.items()})
        self.assertEqual(
            other, {path: count for path, (count, _) in OTHER_USER.items()}
        )

    def test_s19_the_counts_would_notice(self):
        tree = ast.parse(
            "a.sudo(); a.sudo(False); a.with_user(self.env.user)\n"
            "a.with_user(1); a.with_user(person); Environment(cr, SUPERUSER_ID, {})"
        )
        nodes = list(ast.walk(tree))
        self.assertEqual(sum(map(is_sudo, nodes)), 2)
        self.assertEqual(sum(map(acts_as_another, nodes)), 2)
        self.assertEqual(sum(is_named(node, "SUPERUSER_ID") for node in nodes), 1)

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
            files = [str(path) for path in with_sql()]
            self.assertGreater(len(files), 100)
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
class TestTemplates(BaseCase):
    """What the server renders knows no ``t-key``, which is for the browser's templates:
    the page of a number filled the log with warnings."""

    def test_no_key_in_what_the_server_renders(self):
        templates = [
            template
            for file in Path(get_module_path("stock_channel_hub")).glob("*/*.xml")
            for template in etree.parse(str(file)).iterfind(".//template")
        ]
        self.assertGreater(len(templates), 5)
        self.assertEqual(
            [t.get("id") for t in templates if t.xpath(".//@t-key")],
            [],
        )


@tagged("post_install", "-at_install")
class TestRoutes(TransactionCase):
    """S20: the routes are these, and each is declared like this."""

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
        limits = {routing.pop("max_content_length") for routing in found.values()}
        self.assertEqual(limits, {body_limit})
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
