"""What the command line says."""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

from .figures import DEFAULT_LISTINGS, LEAST_RUNS

TOPICS = (
    "availability",
    "ledger",
    "sweep",
    "delta",
    "hooks",
    "explain",
    "screens",
    "orders",
    "door",
    "latency",
)
LEAST_LISTINGS = 1000
PAIRS = 60
QUICK_LISTINGS = 10_000
QUICK_PAIRS = 10


@dataclasses.dataclass(frozen=True)
class Plan:
    """What is to be measured.

    :param int listings: size of the catalogue.
    :param int runs: how often each figure is measured.
    :param int pairs: how often figures of CPU are measured, with and without.
    """

    topics: tuple[str, ...]
    listings: int = DEFAULT_LISTINGS
    runs: int = LEAST_RUNS
    pairs: int = PAIRS

    @property
    def tenth(self) -> int:
        """Size of the catalogue that growth is measured against."""
        return self.listings // 10

    @property
    def sizes(self) -> tuple[int, ...]:
        """Sizes of the catalogues these topics need."""
        needs_tenth = {"sweep", "delta", "door", "latency"} & set(self.topics)
        return (self.listings, self.tenth) if needs_tenth else (self.listings,)


@dataclasses.dataclass(frozen=True)
class Session:
    """What the measuring process needs to know.

    :param tuple databases: their names, in the order of ``plan.sizes``.
    """

    plan: Plan
    config: Path
    databases: tuple[str, ...]
    folder: Path

    def to_json(self) -> str:
        """Return all of it as text, for the process that measures."""
        return json.dumps(dataclasses.asdict(self), default=str)

    @classmethod
    def from_json(cls, text: str) -> Session:
        """Read what :meth:`to_json` wrote."""
        told = json.loads(text)
        plan = told["plan"]
        return cls(
            plan=Plan(**{**plan, "topics": tuple(plan["topics"])}),
            config=Path(told["config"]),
            databases=tuple(told["databases"]),
            folder=Path(told["folder"]),
        )


def read(arguments: Sequence[str] | None = None) -> Plan:
    """Read the command line; wrong words end the program with a sentence."""
    parser = argparse.ArgumentParser(
        prog="python3 -m benchmarks",
        description="Measures the hub against baselines of the same run, prints a "
        "table and writes .dev/bench/<topic>.json. Databases are kept for next time.",
    )
    parser.add_argument(
        "topics",
        nargs="*",
        metavar="topic",
        type=_topic,
        help=f"{', '.join(TOPICS)}; all of them unless named",
    )
    parser.add_argument(
        "--listings",
        type=_listings,
        help=f"size of the catalogue; default {DEFAULT_LISTINGS}",
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help=f"{QUICK_LISTINGS} listings and fewer pairs, to see that it works",
    )
    given = parser.parse_args(arguments)
    usual = QUICK_LISTINGS if given.quick else DEFAULT_LISTINGS
    return Plan(
        topics=tuple(name for name in TOPICS if name in (given.topics or TOPICS)),
        listings=given.listings or usual,
        pairs=QUICK_PAIRS if given.quick else PAIRS,
    )


def _topic(text: str) -> str:
    if text not in TOPICS:
        raise argparse.ArgumentTypeError(f"{text} is none of {', '.join(TOPICS)}")
    return text


def _listings(text: str) -> int:
    if not text.isdecimal() or int(text) < LEAST_LISTINGS:
        raise argparse.ArgumentTypeError(
            f"{text} is no size of a catalogue ({LEAST_LISTINGS} or more)"
        )
    return int(text)
