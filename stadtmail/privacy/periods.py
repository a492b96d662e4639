"""Calendar arithmetic of the promises: BGB §§ 187(1), 188(2)(3) in the city's time zone; results are UTC.

House rule: gone_by is 00:00 local of the day after the last day, and is the moment at which data become due. Erased before
it is early; still there `lateness` after it is late. No weekend shift: § 193 BGB is about declarations, not deletion.
"""

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import Protocol, Self
from zoneinfo import ZoneInfo

CALENDAR, EXACT, YEAR_END = "calendar", "exact", "year_end"
KINDS = (CALENDAR, EXACT, YEAR_END)
# still there this long after gone_by is late; at a year's end a whole city falls due at once
LATENESS = timedelta(minutes=15)
LATENESS_YEAR_END = timedelta(hours=24)

_SHAPE = re.compile(
    r"P(?:(?P<years>\d+)Y)?(?:(?P<months>\d+)M)?(?:(?P<weeks>\d+)W)?(?:(?P<days>\d+)D)?"
    r"(?:T(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+)S)?)?\Z",
    re.ASCII,
)


class BadPeriod(ValueError):
    """Not a period that this product can count."""


@dataclass(frozen=True, order=True)
class Period:
    """An ISO 8601 period. Months and days are counted on the calendar, seconds on the clock."""

    months: int = 0
    days: int = 0
    seconds: int = 0

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read "P6M", "P14D", "P8W", "P8Y", "PT1H", "P6M1D". Raises BadPeriod."""
        found = _SHAPE.match(text)
        if found is None or text in ("P", "PT") or text.endswith("T"):
            raise BadPeriod(f"not a period: {text[:20]!r}")
        part = {name: int(value or 0) for name, value in found.groupdict().items()}
        return cls(
            months=12 * part["years"] + part["months"],
            days=7 * part["weeks"] + part["days"],
            seconds=3600 * part["hours"] + 60 * part["minutes"] + part["seconds"],
        )

    def __str__(self) -> str:
        """Back to ISO 8601, in the largest units that say the same."""
        years, months = divmod(self.months, 12)
        hours, rest = divmod(self.seconds, 3600)
        minutes, seconds = divmod(rest, 60)
        day = "".join(f"{n}{unit}" for n, unit in ((years, "Y"), (months, "M"), (self.days, "D")) if n)
        clock = "".join(f"{n}{unit}" for n, unit in ((hours, "H"), (minutes, "M"), (seconds, "S")) if n)
        return f"P{day}" + (f"T{clock}" if clock else "") if day or clock else "PT0S"


@dataclass(frozen=True)
class Term:
    """A period and how it is counted: "calendar", "exact" (to the second) or "year_end" (from the end of the event's year)."""

    period: Period
    kind: str

    @property
    def lateness(self) -> timedelta:
        """How long after the due moment data may still be there."""
        return LATENESS_YEAR_END if self.kind == YEAR_END else LATENESS


def add(start: datetime, period: Period, kind: str, tz: ZoneInfo) -> datetime:
    """The moment (UTC) at which a period that `start` began is over. `start` must be aware.

    calendar: the event's local day is not counted, the period ends with the day of the same number, else the month's last
    day; the result is 00:00 of the day after. year_end: the same, counted from 31 December of the event's local year.
    exact: to the second, in elapsed time. Raises BadPeriod for a kind that cannot count this period.
    """
    if start.tzinfo is None:
        raise ValueError("start must be aware")
    if kind == EXACT:
        if period.months:
            raise BadPeriod("an exact period has no months")
        return start.astimezone(UTC) + timedelta(days=period.days, seconds=period.seconds)
    if period.seconds or kind not in KINDS:
        raise BadPeriod(f"{kind} counts whole days")
    day = start.astimezone(tz).date()
    if kind == YEAR_END:
        day = date(day.year, 12, 31)
    return midnight(last_day(day, period) + timedelta(days=1), tz)


def last_day(event: date, period: Period) -> date:
    """The last day of a calendar period: § 188(2) BGB, (3) where the month is too short."""
    months = event.year * 12 + event.month - 1 + period.months
    year, month = months // 12, months % 12 + 1
    return date(year, month, min(event.day, monthrange(year, month)[1])) + timedelta(days=period.days)


def midnight(day: date, tz: ZoneInfo) -> datetime:
    """The first moment of a local day, UTC. Where the clock is put forward at midnight, the day begins when it exists."""
    return datetime.combine(day, time(), tzinfo=tz).astimezone(UTC)


def due(start: datetime, term: Term, tz: ZoneInfo) -> datetime:
    """gone_by (or keep_until) of a term whose start event happened at `start`, UTC."""
    return add(start, term.period, term.kind, tz)


class HasTerm(Protocol):
    """A rule, as far as the calendar needs it."""

    @property
    def gone_by(self) -> Term: ...


def gone_by(start: datetime, rule: HasTerm, tz: ZoneInfo) -> datetime:
    """The moment (UTC) at which data are due whose main start event happened at `start`."""
    return due(start, rule.gone_by, tz)


@cache
def may_outlast(longer: Term, shorter: Term) -> bool:
    """Is there a day on which `longer` ends after `shorter`? Then a duty to keep and a promise to erase collide."""
    zone = ZoneInfo("UTC")
    days = (datetime(2027, 1, 1, 12, tzinfo=UTC) + timedelta(days=n) for n in range(366))
    return any(due(day, longer, zone) > due(day, shorter, zone) for day in days)
