"""A measured figure, how it is judged, and how it is shown and kept."""

from __future__ import annotations

import dataclasses
import json
import statistics
from collections.abc import Sequence
from pathlib import Path

LEAST_RUNS = 5
DEFAULT_LISTINGS = 100_000
_HEADINGS = ("FIGURE", "VALUE", "BASELINE", "UNIT", "RATIO", "GOAL", "MET")


@dataclasses.dataclass(frozen=True)
class Figure:
    """One measured value beside its baseline.

    :param float value: median of the runs, in ``unit``.
    :param float baseline: what it is compared with, in the same unit.
    :param float ratio: value against baseline.
    :param float limit: the largest ratio that still meets the goal, or the smallest
        where more is better.
    :param str note: what a reader must know to judge the figure.
    """

    name: str
    value: float
    unit: str
    baseline: float
    ratio: float
    limit: float
    note: str = ""
    more_is_better: bool = False

    @property
    def goal(self) -> str:
        """The goal in words, as in ``<= 1.5``."""
        return f"{'>=' if self.more_is_better else '<='} {self.limit:.4g}"

    @property
    def met(self) -> bool:
        if self.more_is_better:
            return self.ratio >= self.limit
        return self.ratio <= self.limit

    def noted(self, note: str) -> Figure:
        """Return the same figure with another note."""
        return dataclasses.replace(self, note=note)

    def row(self) -> dict[str, object]:
        """Return what is written to the report."""
        return {
            "name": self.name,
            "value": rounded(self.value),
            "unit": self.unit,
            "baseline": rounded(self.baseline),
            "ratio": rounded(self.ratio),
            "goal": self.goal,
            "met": self.met,
            "note": self.note,
        }


def compare(
    name: str,
    values: Sequence[float],
    baselines: Sequence[float],
    limit: float,
    *,
    unit: str = "s",
    least_runs: int = LEAST_RUNS,
    note: str = "",
) -> Figure:
    """Compare the medians of two series of runs.

    :raise ValueError: when there are fewer than ``least_runs`` of either, or the
        baseline is zero.
    """
    value, baseline = median(values, least_runs), median(baselines, least_runs)
    return Figure(name, value, unit, baseline, _ratio(value, baseline), limit, note)


def compare_pairs(
    name: str,
    values: Sequence[float],
    baselines: Sequence[float],
    limit: float,
    *,
    unit: str = "s",
    note: str = "",
    more_is_better: bool = False,
) -> Figure:
    """Compare runs that were made in pairs: the ratio is the median of theirs.

    What slowed both runs of a pair down is no difference between them.
    """
    ratios = [_ratio(*pair) for pair in zip(values, baselines, strict=True)]
    return Figure(
        name,
        median(values),
        unit,
        median(baselines),
        median(ratios),
        limit,
        note,
        more_is_better,
    )


def against(
    name: str,
    values: Sequence[float],
    bound: float,
    *,
    unit: str = "s",
    note: str = "",
) -> Figure:
    """Compare the median of runs with a fixed bound, which is the baseline."""
    value = median(values)
    return Figure(name, value, unit, bound, _ratio(value, bound), 1.0, note)


def median(runs: Sequence[float], least_runs: int = LEAST_RUNS) -> float:
    """Return the median.

    :raise ValueError: when there are too few runs to say anything.
    """
    if len(runs) < least_runs:
        raise ValueError(f"{len(runs)} runs are too few, {least_runs} are needed")
    return statistics.median(runs)


def _ratio(value: float, baseline: float) -> float:
    if baseline <= 0:
        raise ValueError("a baseline of nothing compares with nothing")
    return value / baseline


def rounded(number: float) -> float:
    """Return four significant digits; more would be noise."""
    return float(f"{number:.4g}")


def table(figures: Sequence[Figure]) -> str:
    """Return the figures as aligned lines, the notes below."""
    rows = [_HEADINGS] + [
        (
            figure.name,
            f"{rounded(figure.value):g}",
            f"{rounded(figure.baseline):g}",
            figure.unit,
            f"{rounded(figure.ratio):g}",
            figure.goal,
            "yes" if figure.met else "NO",
        )
        for figure in figures
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADINGS))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        for row in rows
    ]
    notes = [f"{figure.name}: {figure.note}" for figure in figures if figure.note]
    return "\n".join(line.rstrip() for line in [*lines, *notes])


def report_path(folder: Path, topic: str, listings: int) -> Path:
    """Return where a topic's figures go; only the usual size has the plain name."""
    size = "" if listings == DEFAULT_LISTINGS else f"-{listings}"
    return folder / f"{topic}{size}.json"


def write_report(path: Path, figures: Sequence[Figure]) -> None:
    """Write the figures as a list of objects."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps([figure.row() for figure in figures], indent=4)
    path.write_text(f"{text}\n", encoding="utf-8")
