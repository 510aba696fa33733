"""wrk, the load generator, with deliveries that were signed beforehand."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.devenv import DevEnvError, Progress
from tools.devenv.apt import install_system_packages
from tools.devenv.processes import run

from .knocking import Knock, write_knocks

SCRIPT = Path(__file__).with_name("door.lua")
CONNECTIONS = 16


@dataclass(frozen=True)
class Load:
    """What came of as many deliveries as a server takes.

    :param int answers: how many there were, ``refused`` those that were no 2xx or 3xx.
    :param int broken: connections that were not answered.
    :param float p99: seconds.
    """

    answers: int
    seconds: float
    refused: int
    broken: int
    p99: float

    @property
    def rate(self) -> float:
        return self.answers / self.seconds


def ensure(progress: Progress) -> None:
    """Have wrk; it is installed, after saying so, where there is none."""
    if not shutil.which("wrk"):
        install_system_packages(
            ["wrk"], "the benchmark of the door is measured with it", progress
        )


def load(url: str, knocks: Sequence[Knock], file: Path, seconds: int) -> Load:
    """Deliver for some seconds, as fast as the answers come.

    :param file: where the deliveries are written to.
    :raise DevEnvError: when the deliveries were not enough: the same one again is
        another kind of work.
    """
    write_knocks(file, knocks)
    options = ["-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--timeout", "30s"]
    text = run(
        ["wrk", *options, "-s", SCRIPT, url, "--", file], "Measuring the door with wrk"
    )
    told = json.loads(text.splitlines()[-1])
    found = Load(**told)
    if found.answers + CONNECTIONS > len(knocks):
        raise DevEnvError(f"{len(knocks)} deliveries are too few for {seconds} s.")
    return found
