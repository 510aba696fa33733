"""Run the tests of another addon's connector on a machine without Odoo.

``python -m connectors.testing ../my_addon`` in the hub's folder. The addon imports the
hub as it does within Odoo, ``odoo.addons.stock_channel_hub.connectors``, and is imported
as ``odoo.addons.my_addon`` itself: here both names are made up, and lead to the same
modules. Whatever else is imported of Odoo is not there.
"""

from __future__ import annotations

import sys
import unittest
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

HUB = "odoo.addons.stock_channel_hub"
CONNECTORS = f"{HUB}.connectors"
_HERE = __package__.rpartition(".")[0]
_MADE_UP = ("odoo", "odoo.addons", HUB)
_ADDONS = "odoo.addons."


class _Alias(Loader):
    """Gives out a module that is there already, under another name."""

    def __init__(self, module: ModuleType) -> None:
        self._module = module
        self._spec = module.__spec__

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return self._module

    def exec_module(self, module: ModuleType) -> None:
        """Give the module its own name back, by which it imports its neighbours."""
        module.__spec__ = self._spec


class _Empty(Loader):
    """Gives out an empty package."""

    def exec_module(self, module: ModuleType) -> None:
        """Leave it empty."""


class _Finder(MetaPathFinder):
    """Finds the made-up packages, the hub's connectors, and one other addon."""

    def __init__(self, addon: Path) -> None:
        self._addon = addon

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        if fullname in _MADE_UP:
            return ModuleSpec(fullname, _Empty(), is_package=True)
        if fullname == CONNECTORS or fullname.startswith(f"{CONNECTORS}."):
            module = import_module(_HERE + fullname.removeprefix(CONNECTORS))
            return _spec_of(fullname, module)
        ours = _ADDONS + self._addon.name
        if fullname == ours:
            return PathFinder.find_spec(fullname, [str(self._addon.parent)])
        is_below = fullname.startswith(f"{ours}.")
        return PathFinder.find_spec(fullname, path) if is_below else None


def _spec_of(fullname: str, module: ModuleType) -> ModuleSpec:
    return ModuleSpec(fullname, _Alias(module), is_package=hasattr(module, "__path__"))


@contextmanager
def without_odoo(addon: Path) -> Iterator[None]:
    """Let an addon be imported as Odoo would import it; forget it afterwards.

    :param Path addon: its folder, absolute.
    """
    finder = _Finder(addon)
    before = {name for name in sys.modules if name.partition(".")[0] == "odoo"}
    if before:
        raise RuntimeError("Odoo is here: run the addon's tests within it.")
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for name in [n for n in sys.modules if n.partition(".")[0] == "odoo"]:
            del sys.modules[name]


def suite_of(addon: Path) -> unittest.TestSuite:
    """Return the tests in an addon's ``tests`` folder; within ``without_odoo``."""
    import_module(_ADDONS + addon.name)
    names = [
        f"{_ADDONS}{addon.name}.tests.{path.stem}"
        for path in sorted((addon / "tests").glob("test_*.py"))
    ]
    return unittest.defaultTestLoader.loadTestsFromNames(names)


def main(arguments: Sequence[str]) -> int:
    """Run the tests of the addon named; return the exit status."""
    if len(arguments) != 1 or not Path(arguments[0]).is_dir():
        sys.stderr.write("usage: python -m connectors.testing FOLDER_OF_THE_ADDON\n")
        return 2
    addon = Path(arguments[0]).resolve()
    with without_odoo(addon):
        suite = suite_of(addon)
        if not suite.countTestCases():
            sys.stderr.write(f"{addon.name}: no tests/test_*.py with a test in it\n")
            return 2
        result = unittest.TextTestRunner(verbosity=1).run(suite)
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
