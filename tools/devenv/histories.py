"""Many random histories, of numbers or of orders, in runs one can follow."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .environment import Environment
from .errors import DevEnvError
from .processes import call


@dataclass(frozen=True, kw_only=True)
class Kind:
    """Histories of one kind.

    :param str variable: tells the tests which seeds to play.
    :param int run_size: histories per run of pytest: a failure is told before all the
        others are played.
    """

    name: str
    test_file: str
    variable: str
    run_size: int


ORACLE = Kind(
    name="oracle",
    test_file="test_oracle.py",
    variable="STOCK_CHANNEL_HUB_SEEDS",
    run_size=120,
)
ORDERS = Kind(
    name="orders",
    test_file="test_order_history.py",
    variable="STOCK_CHANNEL_HUB_ORDERS",
    run_size=5,
)


def parse_seeds(text: str) -> range:
    """Return the seeds meant: so many from 0, or ``first:last`` without last.

    :raise DevEnvError: when they are not whole numbers, or none at all.
    """
    first, _colon, last = text.rpartition(":")
    try:
        seeds = range(int(first or 0), int(last))
    except ValueError:
        seeds = range(0)
    if not seeds or seeds.start < 0:
        raise DevEnvError(
            f"The seeds {text!r} mean no history: write 1000, or 417:418 for one."
        )
    return seeds


def runs(kind: Kind, seeds: range) -> Iterator[range]:
    """Return the seeds in the portions they are played in."""
    for start in range(seeds.start, seeds.stop, kind.run_size):
        yield range(start, min(start + kind.run_size, seeds.stop))


def run(env: Environment, kind: Kind, seeds: range) -> int:
    """Play the histories on a database of their own; return the exit status."""
    database = env.database_name(kind.name)
    arguments = ["-q", "-k", "histories", str(env.layout.addon_tests / kind.test_file)]
    differing = []
    with env.postgres():
        env.create_database(database, env.template_database())
        command = env.pytest_command(database, arguments)
        for part in runs(kind, seeds):
            text = f"{part.start}:{part.stop}"
            with env.progress.step(f"Histories {text}") as step:
                variables = {**env.variables(), kind.variable: text}
                status = call(command, env=variables, cwd=env.layout.root)
                step.failed = status != 0
            if status:
                differing.append(text)
        env.drop_database(database)
    print(summary(kind, seeds, differing), flush=True)
    return 1 if differing else 0


def summary(kind: Kind, seeds: range, differing: list[str]) -> str:
    """Return the last line of a run."""
    if differing:
        return f"{kind.name}: {len(seeds)} histories, differences in {', '.join(differing)}"
    return f"{kind.name}: {len(seeds)} histories, no difference"
