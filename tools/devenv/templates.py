"""Template databases: install once, copy in a second.

Installing the dependencies takes about a minute, our addon a few seconds.  Both
stages are kept as databases whose names hold a hash of what they were made of, so a
changed source file makes a new one and an interrupted build is never mistaken for a
finished one (it is built under another name and renamed at the end).

Those with demo data have Odoo's alone. The addon's own shows every state there is, and
whoever counts channels or exceptions would count it.
"""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .files import digest, locked
from .paths import ADDON

if TYPE_CHECKING:
    from .environment import Environment

_KEPT_PER_STAGE = 2
# Odoo looks up companies and its own updates on the internet. A database for tests
# and demonstrations has no business there: a closed port of this machine answers.
_OFFLINE = """
    INSERT INTO ir_config_parameter (key, value)
    VALUES ('iap.endpoint', 'http://127.0.0.1:9'),
           ('iap.partner_autocomplete.endpoint', 'http://127.0.0.1:9')
    ON CONFLICT (key) DO UPDATE SET value = EXCLUDED.value;
    UPDATE ir_cron SET active = FALSE
     WHERE id IN (SELECT res_id FROM ir_model_data
                   WHERE module = 'mail'
                     AND name = 'ir_cron_module_update_notification');
"""
# Odoo loads a module's demo data where all that it depends on has some.
_DEMO = "UPDATE ir_module_module SET demo = {} WHERE name = '{}'"
# Folders of the checkout that do not change what a database holds.
_NOT_INSTALLED = {
    ".ci",
    ".dev",
    ".git",
    ".hypothesis",
    ".mypy_cache",
    ".pytest_cache",
    ".ruff_cache",
    "__pycache__",
    "benchmarks",
    "docs",
    "node_modules",
    "tests",
    "tools",
}
_INSTALLED_SUFFIXES = {".py", ".xml", ".csv", ".sql", ".json", ".js", ".scss", ".po"}


def installable_files(root: Path) -> Iterator[Path]:
    """Yield, in a fixed order, the files that make up the installed addon."""
    for folder, subfolders, names in os.walk(root):
        subfolders[:] = sorted(set(subfolders) - _NOT_INSTALLED)
        for name in sorted(names):
            if Path(name).suffix in _INSTALLED_SUFFIXES:
                yield Path(folder, name)


def addon_digest(root: Path) -> str:
    """Return a hash of the addon's installable sources (names and contents)."""
    parts: list[str | Path] = []
    for path in installable_files(root):
        parts += [str(path.relative_to(root)), path]
    return digest(*parts)


def dependencies(root: Path) -> list[str]:
    """Return what the addon's manifest depends on."""
    manifest = ast.literal_eval((root / "__manifest__.py").read_text(encoding="utf-8"))
    return sorted(manifest.get("depends", []))


class Templates:
    """Makes and keeps the template databases of one environment."""

    def __init__(self, env: Environment) -> None:
        self._env = env

    def ensure(self, modules: Sequence[str], demo: bool) -> str:
        """Return the name of a database with ``modules`` installed."""
        env = self._env
        root = env.layout.root
        base_key = digest(env.odoo.version, str(demo), _OFFLINE)
        kind = "demo" if demo else "bare"
        with locked(env.layout.dev / f"template-{kind}.lock", env.progress):
            if ADDON not in modules:
                key = digest(base_key, *sorted(modules))
                return self._build(f"base_{kind}", key, modules, demo, None)
            needed = sorted({*dependencies(root), *modules} - {ADDON})
            base = self._build(
                f"base_{kind}", digest(base_key, *needed), needed, demo, None
            )
            key = digest(base, addon_digest(root))
            return self._build(f"full_{kind}", key, [ADDON], demo, base)

    def _build(
        self,
        stage: str,
        key: str,
        modules: Sequence[str],
        demo: bool,
        base: str | None,
    ) -> str:
        env = self._env
        prefix = env.database_name(f"tpl_{stage}_")
        name = prefix + key
        if env.server.database_exists(name):
            return name
        partial = env.database_name(f"build_{stage}")
        data = "with demo data" if demo else "without demo data"
        title = f"Template database: {', '.join(modules)} ({data})"
        with env.progress.step(title):
            env.drop_database(partial)
            if base:
                env.create_database(partial, base)
            if base and demo:
                self._init_without_own_demo(partial, modules)
            else:
                env.run_odoo_init(partial, modules, demo=demo)
            env.server.execute(_OFFLINE, database=partial)
            self._forget_older(prefix)
            env.rename_database(partial, name)
        return name

    def _init_without_own_demo(self, database: str, modules: Sequence[str]) -> None:
        """Install the addon as if one of its dependencies had no demo data."""
        env = self._env
        dependency = dependencies(env.layout.root)[0]
        env.server.execute(_DEMO.format("FALSE", dependency), database=database)
        env.run_odoo_init(database, modules, demo=False)
        env.server.execute(_DEMO.format("TRUE", dependency), database=database)

    def _forget_older(self, prefix: str) -> None:
        """Drop templates of earlier sources; names do not sort by age, so drop all
        but the newest by object id."""
        rows = self._env.server.execute(
            "SELECT datname FROM pg_database ORDER BY oid DESC"
        )
        mine = [name for name in rows.split("\n") if name.startswith(prefix)]
        for name in mine[_KEPT_PER_STAGE - 1 :]:
            self._env.drop_database(name)
