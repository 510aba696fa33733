"""What a scenario found, told in a line, kept when it failed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass
class Verdict:
    """One scenario's outcome.

    :param str name: the goal in PROOF, such as R1.
    :param str goal: what is shown, in a few words.
    :param dict counts: what was done and seen.
    :param list problems: what contradicts the goal; empty is a pass.
    :param list unjudged: what could not be judged here and now, and why.
    :param list history: what happened, for whoever looks into a failure.
    :param list proofs: the tests that show the goal, by name.
    :param bool is_late: some of the problems are about seconds, see :meth:`late`.
    :param bool is_wrong: some of them no seconds can explain, see :meth:`never`.
    :param int failed_before: problems of a run before this one, with the same seed.
    """

    name: str
    goal: str
    seed: int
    seconds: float = 0.0
    counts: dict[str, object] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    unjudged: list[str] = field(default_factory=list)
    history: list[str] = field(default_factory=list)
    proofs: list[str] = field(default_factory=list)
    is_late: bool = False
    is_wrong: bool = False
    failed_before: int = 0

    @property
    def word(self) -> str:
        """Return the outcome in a word."""
        if self.problems:
            return "FAILED"
        return "unjudged" if self.unjudged else "passed"

    def expect(self, holds: bool, problem: str) -> None:
        """Note a problem unless something holds."""
        if not holds:
            self.problems.append(problem)

    def late(self, problem: str) -> None:
        """Note a problem about seconds: what came too late, or not in time.

        It may be the machine that stood still, and what is compared after it is
        different because nobody waited any longer.
        """
        self.problems.append(problem)
        self.is_late = True

    def never(self, problems: Sequence[str]) -> None:
        """Note what must not happen on any machine, however late it is."""
        self.problems += problems
        self.is_wrong = self.is_wrong or bool(problems)

    def expect_soon(self, holds: bool, problem: str, noise: str) -> None:
        """Note a problem about seconds, which a busy machine makes no problem.

        :param str noise: why nobody can judge it here and now; empty when they can.
        """
        if holds:
            return
        if noise:
            self.unjudged.append(f"{problem}; {noise}")
        else:
            self.late(problem)

    def same(self, what: str, found: object, wanted: object) -> None:
        """Note a problem unless two values are equal."""
        self.expect(found == wanted, f"{what}: {found} instead of {wanted}")

    def line(self) -> str:
        """Return one line of the table."""
        told = ", ".join(f"{name} {value}" for name, value in self.counts.items())
        return (
            f"{self.name:<4} {self.word:<8} {self.seconds:5.0f} s  seed {self.seed}  "
            f"{self.goal}: {told}"
        )

    def save(self, folder: Path) -> Path:
        """Keep all of it; return the file."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{self.name}-{self.seed}.json"
        path.write_text(json.dumps(asdict(self), indent=1, default=str) + "\n")
        return path


def table(verdicts: Sequence[Verdict]) -> str:
    """Return the verdicts with their problems, for people."""
    lines = []
    for verdict in verdicts:
        lines.append(verdict.line())
        lines += [f"       problem: {text}" for text in verdict.problems[:8]]
        if len(verdict.problems) > 8:
            lines.append(f"       and {len(verdict.problems) - 8} more problems")
        lines += [f"       unjudged: {text}" for text in verdict.unjudged]
        if verdict.failed_before:
            lines.append(
                f"       failed before, with {verdict.failed_before} problems: see above"
            )
        lines += [f"       also shown by {name}" for name in verdict.proofs]
    by_word: dict[str, list[str]] = {"passed": [], "unjudged": [], "FAILED": []}
    for verdict in verdicts:
        by_word[verdict.word].append(verdict.name)
    last = f"harness: {len(by_word.pop('passed'))} of {len(verdicts)} hold"
    for word, names in by_word.items():
        last += f"; {word}: {', '.join(names)}" if names else ""
    again = [verdict.name for verdict in verdicts if verdict.failed_before]
    last += f"; played again: {', '.join(again)}" if again else ""
    return "\n".join([*lines, last])
