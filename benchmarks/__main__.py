"""``python3 -m benchmarks [topic ...]``: datasets, then the figures of the topics."""

from __future__ import annotations

import sys
from pathlib import Path

from tools.devenv import ADDON, DevEnvError, Environment, Progress, call, guarded
from tools.devenv.files import digest, write_atomically
from tools.devenv.templates import addon_digest

from .options import Plan, Session, read

GENERATOR = ("dataset.py", "odoo_session.py")


def main(plan: Plan) -> int:
    """Make what is missing, measure; goals that are not met are no error."""
    env = Environment.ensure(Progress())
    with env.postgres():
        databases = tuple(_dataset(env, size) for size in plan.sizes)
        folder = env.layout.dev / "bench"
        session = Session(plan, env.layout.odoo_conf, databases, folder)
        file = folder / "session.json"
        write_atomically(file, session.to_json())
        _run(env, "measure", str(file))
    return 0


def _dataset(env: Environment, listings: int) -> str:
    """Return a database with the catalogue, kept between runs.

    It is made anew when its generator changes, and updated when the addon does.
    """
    folder = Path(__file__).parent
    key = digest(*(folder / name for name in GENERATOR))
    prefix = env.database_name(f"bench_{listings}_")
    name = prefix + key
    addon = addon_digest(env.layout.root)
    holds = env.layout.dev / "bench" / f"{name}.addon"
    if not env.server.database_exists(name):
        _build(env, prefix, name, listings)
    elif not holds.exists() or holds.read_text(encoding="utf-8") != addon:
        with env.progress.step(f"The addon as it is now, in {name}"):
            env.run_odoo_init(name, [], demo=False, update=[ADDON])
    write_atomically(holds, addon)
    return name


def _build(env: Environment, prefix: str, name: str, listings: int) -> None:
    """Make the catalogue under another name, so that half of one is never used."""
    partial = env.database_name("bench_build")
    template = env.template_database(demo=False)
    with env.progress.step(f"A catalogue of {listings} products"):
        env.create_database(partial, template)
        _run(env, "build", str(env.layout.odoo_conf), partial, str(listings))
        env.server.execute("VACUUM ANALYZE", partial)
        for old in env.server.execute("SELECT datname FROM pg_database").splitlines():
            if old.startswith(prefix):
                env.drop_database(old)
        env.rename_database(partial, name)


def _run(env: Environment, *words: str) -> None:
    """Run the process with Odoo inside; what it prints is shown."""
    command = [str(env.python), "-m", "benchmarks.session", *words]
    status = call(command, env=env.variables(), cwd=env.layout.root)
    if status:
        raise DevEnvError(f"`{' '.join(command)}` ended with status {status}.")


if __name__ == "__main__":
    chosen = read()  # --help must not build an environment first
    sys.exit(guarded(lambda: main(chosen)))
