"""What something costs: wall time and processor time of whole process trees, read from /proc and from the kernel's own books.

Processor time is what a shared machine lets one compare; wall time is told beside it.
"""

import os
import resource
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

_TICK = os.sysconf("SC_CLK_TCK")


@dataclass
class Cost:
    """Seconds on the wall and seconds of processors."""

    wall: float = 0.0
    cpu: float = 0.0


def of_tree(roots: Sequence[int]) -> float:
    """Processor seconds of these processes, of their living descendants and of the children that they have reaped."""
    return sum(_seconds(pid) for pid in _tree(set(roots)))


def memory(roots: Sequence[int]) -> int:
    """Bytes of memory of these processes and of their living descendants; what several of them share is divided among them (PSS)."""
    return 1024 * sum(_share(pid) for pid in _tree(set(roots)))


@contextmanager
def measured(roots: Sequence[int]) -> Iterator[Cost]:
    """What the block costs in other processes' trees."""
    cost, cpu, wall = Cost(), of_tree(roots), time.perf_counter()
    yield cost
    cost.wall, cost.cpu = time.perf_counter() - wall, of_tree(roots) - cpu


@contextmanager
def own() -> Iterator[Cost]:
    """What the block costs in this process, all threads."""
    cost, cpu, wall = Cost(), _own(), time.perf_counter()
    yield cost
    cost.wall, cost.cpu = time.perf_counter() - wall, _own() - cpu


def middle(costs: Sequence[Cost]) -> Cost:
    """Medians of several runs."""
    return Cost(median(one.wall for one in costs), median(one.cpu for one in costs))


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which this share of all values lies."""
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, int(share * len(ranked)))]


def _own() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _tree(roots: set[int]) -> set[int]:
    parents = {int(path.name): parent for path in Path("/proc").iterdir() if path.name.isdigit() and (parent := _field(path, 1))}
    found, grown = set(roots), True
    while grown:
        children = {pid for pid, parent in parents.items() if parent in found} - found
        found |= children
        grown = bool(children)
    return found


def _seconds(pid: int) -> float:
    return sum(_field(Path(f"/proc/{pid}"), number) for number in (11, 12, 13, 14)) / _TICK  # utime stime cutime cstime


def _share(pid: int) -> int:
    """KiB that count for a process (proc(5), smaps_rollup); 0 where it has gone."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)


def _field(path: Path, number: int) -> int:
    """A number behind the name in /proc/PID/stat (proc(5)); 0 where the process has gone."""
    try:
        return int((path / "stat").read_text().rpartition(")")[2].split()[number])
    except OSError:
        return 0
