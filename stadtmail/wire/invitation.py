"""An invitation of a calendar (RFC 5545, RFC 5546), read as far as a reader needs it: what, when, where, by whom. Pure.

A stranger wrote it: whatever is not plainly understood is left out, nothing is fetched, nothing raises, and the work is bounded.
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from babel.core import get_global

MOST_BYTES = 256 * 1024
MOST_LINES = 5_000
MOST_SIGNS = 500  # of one value
YEARS = range(2, 9000)  # beyond them a moment cannot be told in every zone, and nobody invites anybody
REQUEST, CANCEL, REPLY = "REQUEST", "CANCEL", "REPLY"
_LINE = re.compile(r"([A-Za-z0-9-]{1,40})((?:;[A-Za-z0-9-]{1,40}=(?:\"[^\"]*\"|[^\";:,]*)(?:,(?:\"[^\"]*\"|[^\";:,]*))*)*):(.*)\Z", re.S)
_PARAMETER = re.compile(r";([A-Za-z0-9-]+)=(\"[^\"]*\"|[^\";:]*)")
_PREFIX = re.compile(r"^/[A-Za-z0-9._-]{1,60}/(?=[A-Za-z]+/)")
_NAME = re.compile(r"(?:[A-Za-z]{2,30}(?:/[A-Za-z0-9_+-]{1,30}){1,2}|UTC)\Z")
_MOMENT = re.compile(r"(\d{4})(\d{2})(\d{2})(?:T(\d{2})(\d{2})(\d{2})(Z?))?\Z")
_DURATION = re.compile(r"P(?:(\d{1,4})W)?(?:(\d{1,4})D)?(?:T(?:(\d{1,4})H)?(?:(\d{1,5})M)?(?:(\d{1,6})S)?)?\Z")
Values = dict[str, tuple[dict[str, str], str]]  # name -> parameters, value: the first of each


@dataclass(frozen=True)
class Invitation:
    """One event. A moment is aware; a `date` means the whole day. `end` of whole days is the last of them."""

    method: str
    summary: str
    start: datetime | date
    end: datetime | date | None
    location: str
    organizer: tuple[str, str]  # name, address
    repeats: bool
    is_floating: bool  # its times are those of wherever the reader is


def read(raw: bytes, *, zone: ZoneInfo) -> Invitation | None:
    """The first event of a calendar; times without a zone of their own are taken as of `zone`. None where there is none."""
    method, event = _event(raw[:MOST_BYTES].decode("utf-8", "replace"))
    if event is None or "DTSTART" not in event:
        return None
    start, floating = _moment(*event["DTSTART"], zone)
    if start is None:
        return None
    return Invitation(
        method, _text(event, "SUMMARY"), start, _end(event, start, zone), _text(event, "LOCATION"), _organizer(event),
        bool({"RRULE", "RDATE"} & set(event)), floating,
    )  # fmt: skip


def _event(text: str) -> tuple[str, Values | None]:
    """The calendar's method and the properties of its first event; what lies in an alarm is not the event's."""
    unfolded = re.sub(r"\r?\n[ \t]", "", text)
    method, depth = "", 0
    event: Values | None = None
    for line in unfolded.splitlines()[:MOST_LINES]:
        found = _LINE.match(line)
        if found is None:
            continue
        name, value = found[1].upper(), found[3]
        if name == "METHOD" and event is None:
            method = value.strip().upper()[:20]
        elif name == "BEGIN" and value.strip().upper() == "VEVENT" and event is None:
            event = {}
        elif event is not None and name in ("BEGIN", "END"):
            if name == "END" and not depth:
                return method, event
            depth += 1 if name == "BEGIN" else -1
        elif event is not None and not depth:
            event.setdefault(name, ({key.upper(): one.strip('"') for key, one in _PARAMETER.findall(found[2])}, value))
    return method, event


def _text(event: Values, name: str) -> str:
    value = event.get(name, ({}, ""))[1]
    value = re.sub(r"\\([\\;,nN])", lambda one: " " if one[1] in "nN" else one[1], value)
    return " ".join(value.split())[:MOST_SIGNS]


def _organizer(event: Values) -> tuple[str, str]:
    parameters, value = event.get("ORGANIZER", ({}, ""))
    address = value.strip()[7:] if value.strip().lower().startswith("mailto:") else ""
    return " ".join(parameters.get("CN", "").split())[:MOST_SIGNS], address.strip()[:254]


def _moment(parameters: dict[str, str], value: str, zone: ZoneInfo) -> tuple[datetime | date | None, bool]:
    """(the moment or the day, does it name no zone that is known?)."""
    found = _MOMENT.match(value.strip())
    if found is None:
        return None, False
    try:
        day = date(int(found[1]), int(found[2]), int(found[3]))
        if day.year not in YEARS:
            return None, False
        if found[4] is None:
            return day, False
        at = datetime.combine(day, time(int(found[4]), int(found[5]), min(int(found[6]), 59)))
    except ValueError:
        return None, False
    if found[7]:
        return at.replace(tzinfo=UTC), False
    own = _zone(parameters.get("TZID", ""))
    return at.replace(tzinfo=own or zone), own is None


def _zone(name: str) -> ZoneInfo | None:
    """The zone of a name as calendars write it: of the IANA, behind a maker's prefix, or of Windows (CLDR, windowsZones)."""
    plain = str(get_global("windows_zone_mapping").get(name, "")) or _PREFIX.sub("", name)
    if not _NAME.match(plain):
        return None
    try:
        return ZoneInfo(plain)
    except (KeyError, ValueError, OSError):
        return None


def _end(event: Values, start: datetime | date, zone: ZoneInfo) -> datetime | date | None:
    end: datetime | date | None = None
    try:
        if "DTEND" in event:
            end, _ = _moment(*event["DTEND"], zone)
        elif "DURATION" in event and (found := _DURATION.match(event["DURATION"][1].strip())):
            weeks, days, hours, minutes, seconds = (int(one or 0) for one in found.groups())
            end = start + timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds)
        if isinstance(end, datetime) != isinstance(start, datetime) or end is None or end <= start:
            return None
        return end if isinstance(end, datetime) else end - timedelta(days=1)
    except OverflowError:
        return None
