"""What a measurement is held against: at its end one line for each aim says met or missed, the number, and the command that gave it.

Aims are those of the full sizes on a quiet machine. Where a time was missed on the wall of a machine that had more to do than it has
cores, and is kept in processor time, the line says so: "met by processor time".
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass

MET, BUSY, MISSED = "met", "met by processor time", "missed"


@dataclass(frozen=True)
class Aim:
    """One aim: a number that has to be at most `limit` (or at least). `processor`: the same figure in processor time, for times."""

    what: str
    found: float
    limit: float
    unit: str = "ms"
    at_least: bool = False
    processor: float | None = None

    def verdict(self, load: float) -> str:
        """MET, BUSY or MISSED, on a machine with this load (of one minute) for each core."""
        if self._holds(self.found):
            return MET
        return BUSY if self.processor is not None and load > 1 and self._holds(self.processor) else MISSED

    def _holds(self, value: float) -> bool:
        return value >= self.limit if self.at_least else value <= self.limit


def load() -> float:
    """How many processes wanted a core during the last minute, for each core."""
    return os.getloadavg()[0] / (os.cpu_count() or 1)


def lines(aims: Iterable[Aim], command: str, load: float) -> list[str]:
    """The verdicts, one a line."""
    found = []
    for aim in aims:
        beside = "" if aim.processor is None else f" ({_number(aim.processor)} of processor)"
        word = "at least" if aim.at_least else "at most"
        said = f"{aim.what}: {_number(aim.found)} {aim.unit}{beside}, aim {word} {_number(aim.limit)}"
        found.append(f"{aim.verdict(load).upper()} | {said} | {command} | load {load:.1f} a core")
    return found


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}".rstrip("0").rstrip(".") if value >= 1 else f"{value:.3g}"
