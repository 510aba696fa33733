"""The harness's database begins as a copy of the one that the tests begin with.

Installing everything a second time, on the harness's own server, takes minutes.
"""

from __future__ import annotations

from pathlib import Path

from tools.devenv import Environment
from tools.devenv.postgres import BINARIES_IN_VENV, Server
from tools.devenv.processes import run


def bring_template(env: Environment) -> str:
    """Return a database on the harness's own server with the addon installed."""
    own = env.server
    with env.using(None), env.postgres() as other:
        name = env.template_database(demo=False)
        if not own.database_exists(name):
            with env.progress.step("Template database for the harness"):
                _copy(env, name, other, own)
    for old in own.execute("SELECT datname FROM pg_database").split("\n"):
        if old.startswith(env.database_name("tpl_")) and old != name:
            # Its files are the other server's, too: they stay.
            own.drop_database(old)
    return name


def _copy(env: Environment, name: str, source: Server, target: Server) -> None:
    """Copy one database between two servers; under its name only when it is whole."""
    binaries = env.site_packages / BINARIES_IN_VENV
    partial = env.database_name("build_harness")
    folder = env.layout.dev / "harness"
    dump = folder / "template.dump"
    target.drop_database(partial)
    target.create_database(partial, None)
    dumping: list[str | Path] = [binaries / "pg_dump", "--format=custom"]
    run(
        [*dumping, "--compress=0", f"--file={dump}", name],
        "Copying the template database",
        env={**env.variables(), **source.variables()},
    )
    restoring: list[str | Path] = [binaries / "pg_restore", "--no-owner"]
    run(
        [*restoring, f"--dbname={partial}", dump],
        "Copying the template database",
        env={**env.variables(), **target.variables()},
    )
    dump.unlink()
    target.execute("ANALYZE", database=partial)
    target.rename_database(partial, name)
