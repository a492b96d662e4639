"""Periods of law as arithmetic on local days (privacy.md 5.3; BGB §§ 187(1), 188(2)(3)).

The day of the event is not counted; a period of months ends with the day of the same number, or the last day of its month.
Data become due at 00:00 local of the day after the last day. There is no weekend shift for deletion. Exact periods (PT1H)
count from the moment itself; year-end periods begin at the end of the event's calendar year.
"""

import calendar
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

_FORM = re.compile(r"P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?\Z")
KINDS = ("calendar", "exact", "year_end")


class BadPeriod(ValueError):
    """Not an ISO 8601 duration of the forms used here."""


@dataclass(frozen=True)
class Period:
    """An ISO 8601 duration: calendar parts (months, days) and an exact part."""

    months: int
    days: int
    exact: timedelta
    text: str

    @classmethod
    def parse(cls, text: str) -> "Period":
        """Read "P6M", "P8Y", "P8W", "PT1H" … Raises BadPeriod."""
        found = _FORM.match(text)
        if not found or text in ("P", "PT") or text.endswith("T"):
            raise BadPeriod(text)
        years, months, weeks, days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
        exact = timedelta(hours=hours, minutes=minutes, seconds=seconds)
        return cls(years * 12 + months, weeks * 7 + days, exact, text)


@dataclass(frozen=True)
class Term:
    """A period and the way it is counted."""

    period: Period
    kind: str = "calendar"


def ends(start: datetime, term: Term, zone: ZoneInfo) -> datetime:
    """The moment (UTC) at which the term, begun by an event at `start` (aware), has run out: then the data are due."""
    if term.kind == "exact":
        return (start + term.period.exact + timedelta(days=term.period.days)).astimezone(UTC)
    day = start.astimezone(zone).date()
    if term.kind == "year_end":
        day = date(day.year, 12, 31)
    last = _add_months(day, term.period.months) + timedelta(days=term.period.days)
    return midnight_after(last, zone)


def midnight_after(day: date, zone: ZoneInfo) -> datetime:
    """00:00 local of the following day, in UTC."""
    return datetime.combine(day + timedelta(days=1), time(), zone).astimezone(UTC)


def last_day(due: datetime, zone: ZoneInfo) -> date:
    """The last day on which data due at that moment are still kept: what a person is told."""
    return (due - timedelta(microseconds=1)).astimezone(zone).date()


def _add_months(day: date, months: int) -> date:
    # BGB § 188(2)(3): same number, else the last day of the month
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))
