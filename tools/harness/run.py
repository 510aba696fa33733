"""Plays the scenarios one after the other and tells what they found."""

from __future__ import annotations

import argparse
import time
import traceback

from tools.devenv import DevEnvError, Environment
from tools.devenv.files import locked

from .database import own_database
from .diary import Diary
from .fleet import fleet
from .proofs import PROOFS, missing
from .scenarios import SCENARIOS
from .template import bring_template
from .verdict import Verdict, table
from .world import World, make_world, timed

DATABASE = "harness"


def run_all(env: Environment, options: argparse.Namespace) -> int:
    """Play what was asked for; return the exit status.

    :raise DevEnvError: when there is no such scenario.
    """
    names = [name for name in options.only.upper().split(",") if name] or [*SCENARIOS]
    if unknown := set(names) - set(SCENARIOS):
        raise DevEnvError(
            f"No scenario {', '.join(sorted(unknown))}: there are {', '.join(SCENARIOS)}."
        )
    diary, begin = Diary(), time.monotonic()
    # Two at once would stop each other's servers.
    alone = locked(env.layout.dev / "harness" / "run.lock", env.progress)
    with alone, own_database(env, diary) as database:
        env.create_database(DATABASE, template=bring_template(env))
        # PostgreSQL copies sequences as they are, with the numbers that each may give
        # out unlogged. A crash before the next checkpoint would take those back, and
        # ids would be given twice.
        env.server.execute("CHECKPOINT")
        database.name = DATABASE
        with fleet(env, DATABASE, diary) as servers:
            world = make_world(
                env, database, servers, diary, options.seed, is_long=options.long
            )
            play = _play_again if options.again else _play
            verdicts = [play(world, name) for name in names]
    say(table(verdicts))
    say(f"all of it took {time.monotonic() - begin:.0f} s")
    return 1 if any(verdict.problems for verdict in verdicts) else 0


def _play_again(world: World, name: str) -> Verdict:
    """Play one scenario, and once more when it was late.

    A machine that stands still for some seconds makes late what is not wrong. The first
    run is kept and told all the same. What is wrong without being late is wrong, and so
    is what no lateness explains.
    """
    first = _play(world, name)
    if first.is_wrong or not first.is_late:
        return first
    second = _play(world, name)
    second.failed_before = len(first.problems)
    return second


def _play(world: World, name: str) -> Verdict:
    """Play one scenario; whatever it raises is a problem of its own."""
    begin = time.monotonic()
    with world.env.progress.step(f"{name} (seed {world.seed})"):
        world.diary.begin()
        try:
            world.fleet.wait_ready()
            verdict = SCENARIOS[name](world)
        except DevEnvError as error:
            verdict = world.verdict(name, "did not come to its end")
            verdict.late(str(error))
        except Exception:  # noqa: BLE001 - the other scenarios are played all the same
            verdict = world.verdict(name, "broke off")
            verdict.problems.append(traceback.format_exc())
        finally:
            world.fleet.disarm()
            world.fleet.start_dead()
    verdict.proofs += PROOFS.get(name, ())
    root = world.env.layout.root
    verdict.problems += [f"no such test: {proof}" for proof in missing(root, name)]
    verdict.seconds = timed(begin)
    verdict.history += world.diary.lines
    say(verdict.line())
    folder = world.env.layout.dev / "harness"
    verdict.save(folder / "last")
    if verdict.problems:
        path = verdict.save(folder / "failures")
        for problem in verdict.problems[:8]:
            say(f"       problem: {problem}")
        again = f"make harness SEED={world.seed} ONLY={name}"
        say(f"       kept in {path}; again: {again}{' LONG=1' * world.is_long}")
    return verdict


def say(text: str) -> None:
    """Print a line."""
    print(text, flush=True)  # noqa: T201 - what the command is for
