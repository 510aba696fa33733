"""How busy the machine was with the work of others: then nobody can judge seconds."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass, field
from pathlib import Path

BUSY = 0.25
"""Share of all processors that others may take before seconds prove nothing."""


@dataclass(frozen=True)
class Ticks:
    """Clock ticks since the machine was started.

    :param int all: of all processors, idle ones too.
    :param int busy: of them, spent on anything.
    :param int own: of them, spent by this command and all below it.
    """

    all: int
    busy: int
    own: int


@dataclass
class Machine:
    """Looks at the machine's processors from its making on.

    :param roots: processes whose work, and whose children's, is our own.
    """

    roots: frozenset[int] = frozenset({os.getpid()})
    _begin: Ticks = field(init=False)

    def __post_init__(self) -> None:
        self._begin = self._now()

    def foreign_share(self) -> float:
        """Return which share of the processors others took meanwhile."""
        now = self._now()
        passed = max(now.all - self._begin.all, 1)
        busy, own = now.busy - self._begin.busy, now.own - self._begin.own
        return max(0.0, busy - max(own, 0)) / passed

    def noise(self) -> str:
        """Return, in words, why seconds cannot be judged; empty when they can."""
        share = self.foreign_share()
        if share <= BUSY:
            return ""
        return f"others took {share:.0%} of the processors meanwhile"

    def _now(self) -> Ticks:
        words = Path("/proc/stat").read_text().splitlines()[0].split()[1:9]
        ticks = [int(word) for word in words]
        idle = ticks[3] + ticks[4]
        return Ticks(sum(ticks), sum(ticks) - idle, self._own())

    def _own(self) -> int:
        """Return the ticks of our processes, and of those that have ended."""
        used: dict[int, int] = {}
        parent: dict[int, int] = {}
        for folder in Path("/proc").iterdir():
            if folder.name.isdecimal():
                with contextlib.suppress(OSError, ValueError, IndexError):
                    text = (folder / "stat").read_text(errors="replace")
                    words = text.rpartition(")")[2].split()
                    pid = int(folder.name)
                    parent[pid] = int(words[1])
                    used[pid] = sum(int(word) for word in words[11:15])
        return sum(ticks for pid, ticks in used.items() if self._is_ours(pid, parent))

    def _is_ours(self, pid: int, parent: dict[int, int]) -> bool:
        while pid:
            if pid in self.roots:
                return True
            pid = parent.get(pid, 0)
        return False
