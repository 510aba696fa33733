"""Stop-watches: time, CPU of Python with its PostgreSQL backend, memory."""

from __future__ import annotations

import gc
import os
import resource
import time
from collections.abc import Callable
from pathlib import Path

CLOCK_TICKS = os.sysconf("SC_CLK_TCK")


def seconds(work: Callable[[], object]) -> float:
    """Return how long ``work`` took."""
    gc.collect()
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


class Cpu:
    """CPU seconds of this process and of one PostgreSQL backend.

    The backend is read from /proc, so it counts only where the server runs on this
    machine; ``sees_backend`` says so.
    """

    def __init__(self, backend_pid: int) -> None:
        self._process = Path("/proc") / str(backend_pid)
        self.sees_backend = (self._process / "stat").is_file()

    def spent(self, work: Callable[[], object]) -> float:
        """Return the CPU seconds ``work`` cost, the collector's whims left out."""
        gc.collect()
        gc.disable()
        try:
            start = time.process_time() + self._backend()
            work()
            return time.process_time() + self._backend() - start
        finally:
            gc.enable()

    def _backend(self) -> float:
        if not self.sees_backend:
            return 0.0
        try:
            # In nanoseconds, where stat counts in hundredths of a second.
            on_cpu = (self._process / "schedstat").read_text(encoding="ascii").split()
            return int(on_cpu[0]) / 1e9
        except OSError:
            text = (self._process / "stat").read_text(encoding="ascii")
            fields = text.rpartition(")")[2].split()
            return (int(fields[11]) + int(fields[12])) / CLOCK_TICKS


def peak_growth(work: Callable[[], object]) -> float:
    """Return by how many megabytes the peak of the memory exceeded the start's.

    Linux forgets the earlier peak on request; elsewhere the highest of the whole
    process counts, so call it in a fresh process.
    """
    gc.collect()
    before = _reset_peak()
    work()
    return max(0.0, _peak() - before) / 1e6


def _reset_peak() -> float:
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError:
        return _peak()
    return _status("VmRSS")


def _peak() -> float:
    try:
        return _status("VmHWM")
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024.0


def _status(name: str) -> float:
    """Return one of the sizes the kernel tells of this process, in bytes."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        key, _, rest = line.partition(":")
        if key == name:
            return float(rest.split()[0]) * 1024
    raise OSError(f"the kernel does not tell {name}")
