"""Many random histories of the availability oracle, in runs one can follow."""

from __future__ import annotations

from collections.abc import Iterator

from .environment import Environment
from .errors import DevEnvError
from .processes import call

SEEDS_VARIABLE = "STOCK_CHANNEL_HUB_SEEDS"
TEST_FILE = "test_oracle.py"
# Histories per run of pytest: a failure is told before all the others are played.
RUN_SIZE = 120


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


def runs(seeds: range) -> Iterator[range]:
    """Return the seeds in the portions they are played in."""
    for start in range(seeds.start, seeds.stop, RUN_SIZE):
        yield range(start, min(start + RUN_SIZE, seeds.stop))


def run(env: Environment, seeds: range) -> int:
    """Play the histories on a database of their own; return the exit status."""
    database = env.database_name("oracle")
    arguments = ["-q", "-k", "histories", str(env.layout.addon_tests / TEST_FILE)]
    differing = []
    with env.postgres():
        env.create_database(database, env.template_database())
        command = env.pytest_command(database, arguments)
        for part in runs(seeds):
            text = f"{part.start}:{part.stop}"
            with env.progress.step(f"Histories {text}") as step:
                variables = {**env.variables(), SEEDS_VARIABLE: text}
                status = call(command, env=variables, cwd=env.layout.root)
                step.failed = status != 0
            if status:
                differing.append(text)
        env.drop_database(database)
    print(summary(seeds, differing), flush=True)
    return 1 if differing else 0


def summary(seeds: range, differing: list[str]) -> str:
    """Return the last line of a run."""
    if differing:
        return f"oracle: {len(seeds)} histories, differences in {', '.join(differing)}"
    return f"oracle: {len(seeds)} histories, no difference"
