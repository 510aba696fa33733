"""``connectors`` runs without Odoo, and on nothing but ``requests``."""

import ast
import functools
import subprocess
import sys
import unittest
from pathlib import Path

ROOT = Path(__file__).parents[1]
TESTERS = {"conformance_story.py": {"hypothesis"}}
"""What single modules for authors need besides; nothing imports these by itself."""
PROGRAM = """
import importlib, pkgutil, sys

class NoOdoo:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "odoo":
            raise ImportError("odoo is out of bounds")

sys.meta_path.insert(0, NoOdoo())
import connectors
names = [
    module.name
    for module in pkgutil.walk_packages(connectors.__path__, "connectors.")
    if not module.name.startswith("connectors.tests")
]
for name in names:
    importlib.import_module(name)
print(len(names), "odoo" in sys.modules)
"""


def modules() -> list[Path]:
    """Return the shipped modules, tests left out."""
    return [p for p in ROOT.rglob("*.py") if "tests" not in p.relative_to(ROOT).parts]


@functools.cache
def imports(path: Path) -> frozenset[str]:
    """Return the top-level names a module imports absolutely."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add((node.module or "").partition(".")[0])
    return frozenset(found)


class TestIndependence(unittest.TestCase):
    def test_everything_imports_with_odoo_out_of_reach(self):
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM],
            cwd=ROOT.parent,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        self.assertEqual("", done.stderr)
        packages = sum(1 for p in modules() if p.parent != ROOT or p.stem != "__init__")
        self.assertEqual(f"{packages} False\n", done.stdout)

    def test_only_the_standard_library_and_requests_are_imported(self):
        allowed = sys.stdlib_module_names | {"requests", "urllib3"}
        for path in modules():
            with self.subTest(path.name):
                wanted = imports(path) - TESTERS.get(path.name, set())
                self.assertEqual(set(), wanted - allowed)

    def test_only_the_transport_knows_the_network(self):
        network = {"requests", "urllib3", "socket", "http", "ssl"}
        users = {p.name for p in modules() if imports(p) & network}
        self.assertEqual({"transport.py", "netguard.py"}, users)

    def test_other_libraries_are_asked_for_when_they_are_needed(self):
        """A server without them runs every other channel, and says what is missing."""
        asked = set()
        for path in modules():
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                is_call = isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
                if is_call and node.func.id == "optional":
                    asked.add(node.args[0].value)
        self.assertEqual({"openpyxl", "paramiko", "xlsxwriter"}, asked)
