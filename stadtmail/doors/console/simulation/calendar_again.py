"""The calendar once more, by other means: days are counted one by one (BGB §§ 187(1), 188). Nothing of stadtmail is imported."""

import calendar
import re
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

_PERIOD = re.compile(r"P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?\Z")


def end_of(start: datetime, period: str, kind: str, zone: ZoneInfo) -> datetime:
    """When a period that began at `start` is over: 00:00 local of the day after its last day, or to the second."""
    found = _PERIOD.match(period)
    assert found is not None, period
    years, months, weeks, days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    if kind == "exact":
        return start + timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds)
    day = start.astimezone(zone).date()
    if kind == "year_end":
        day = date(day.year, 12, 31)
    for _ in range(12 * years + months):
        year, month = (day.year, day.month + 1) if day.month < 12 else (day.year + 1, 1)
        day = date(year, month, 1)
    if years or months:
        begun = start.astimezone(zone).date() if kind != "year_end" else date(start.astimezone(zone).year, 12, 31)
        day = date(day.year, day.month, min(begun.day, calendar.monthrange(day.year, day.month)[1]))
    after = day + timedelta(weeks=weeks, days=days + 1)
    return datetime(after.year, after.month, after.day, tzinfo=zone).astimezone(UTC)


def month_of(at: datetime, zone: ZoneInfo) -> tuple[tuple[int, int], datetime]:
    """Year and month of a moment in that zone, and the month's last second."""
    local = at.astimezone(zone)
    days = calendar.monthrange(local.year, local.month)[1]
    return (local.year, local.month), datetime(local.year, local.month, days, 23, 59, 59, tzinfo=zone).astimezone(UTC)
