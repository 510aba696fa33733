"""What the harness did to the world, and when, for whoever looks into a failure."""

from __future__ import annotations

import time
from dataclasses import dataclass, field


@dataclass
class Diary:
    """One scenario's happenings, each with its second.

    :param lines: as in ``"  12.3 s  killed worker 4711"``.
    """

    lines: list[str] = field(default_factory=list)
    _begin: float = field(default_factory=time.monotonic)

    def begin(self) -> None:
        """Start an empty page."""
        self.lines.clear()
        self._begin = time.monotonic()

    def note(self, text: str) -> None:
        """Write down what has just happened."""
        self.lines.append(f"{time.monotonic() - self._begin:6.1f} s  {text}")
