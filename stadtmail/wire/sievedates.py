"""Dates as Sieve tests them (RFC 5260): the moment in a header, a zone, and the parts of a date as text."""

from datetime import datetime, timedelta, timezone, tzinfo
from email.utils import format_datetime, parsedate_to_datetime

_MODIFIED_JULIAN = 678_576  # ordinal of its day zero, 1858-11-17


def moment(value: str) -> datetime | None:
    """The date in a header: of Received and its like, what stands after the last semicolon. None where there is none."""
    try:
        found = parsedate_to_datetime(value.rpartition(";")[2].strip()[:100])
    except (ValueError, TypeError, IndexError, OverflowError, AttributeError):
        return None
    return found.replace(tzinfo=timezone.utc) if found.tzinfo is None else found  # noqa: UP017


def zone(text: str) -> tzinfo | None:
    """+0130 as a zone."""
    if len(text) != 5 or text[0] not in "+-" or not text[1:].isdecimal() or not text.isascii():
        return None
    away = timedelta(hours=int(text[1:3]), minutes=int(text[3:]))
    return timezone(-away if text[0] == "-" else away) if away < timedelta(hours=24) else None


def part(at: datetime, name: str) -> str:
    """A part of a date (4): "" for a part that there is not."""
    if name == "weekday":
        return str(at.isoweekday() % 7)
    if name == "julian":
        return str(at.toordinal() - _MODIFIED_JULIAN)
    if name == "std11":
        return format_datetime(at)
    offset = at.strftime("%z")[:5]
    made = {
        "year": f"{at.year:04}", "month": f"{at.month:02}", "day": f"{at.day:02}", "hour": f"{at.hour:02}",
        "minute": f"{at.minute:02}", "second": f"{at.second:02}", "zone": offset,
        "date": f"{at.year:04}-{at.month:02}-{at.day:02}", "time": f"{at.hour:02}:{at.minute:02}:{at.second:02}",
    }  # fmt: skip
    made["iso8601"] = f"{made['date']}T{made['time']}{offset[:3]}:{offset[3:]}"
    return made.get(name, "")
