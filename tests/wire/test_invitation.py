"""Invitations: what a calendar says, and what a stranger writes into one."""

import time
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stadtmail.wire import invitation

BERLIN = ZoneInfo("Europe/Berlin")
WHOLE = (
    "BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nBEGIN:VTIMEZONE\r\nTZID:Europe/Berlin\r\nBEGIN:STANDARD\r\nDTSTART:19701025T030000\r\n"
    "END:STANDARD\r\nEND:VTIMEZONE\r\nBEGIN:VEVENT\r\nSUMMARY;LANGUAGE=de:Ratssitzung\\, öf\r\n fentlich\r\n"
    'DTSTART;TZID="Europe/Berlin":20261212T190000\r\nDTEND;TZID=Europe/Berlin:20261212T210000\r\nLOCATION:Rathaus\\nSaal 1\r\n'
    'ORGANIZER;CN="Büro: Rat";ROLE=CHAIR:mailto:rat@ahaus.net\r\nRRULE:FREQ=MONTHLY\r\nBEGIN:VALARM\r\nSUMMARY:Alarm\r\nEND:VALARM\r\n'
    "END:VEVENT\r\nEND:VCALENDAR\r\n"
)


def event(*lines: str) -> invitation.Invitation | None:
    return invitation.read("\r\n".join(["BEGIN:VCALENDAR", "BEGIN:VEVENT", *lines, "END:VEVENT"]).encode(), zone=BERLIN)


def test_a_whole_invitation() -> None:
    found = invitation.read(WHOLE.encode(), zone=BERLIN)
    assert found is not None
    assert (found.method, found.summary, found.location) == ("REQUEST", "Ratssitzung, öffentlich", "Rathaus Saal 1")
    assert found.start == datetime(2026, 12, 12, 18, tzinfo=UTC)
    assert found.end == datetime(2026, 12, 12, 20, tzinfo=UTC)
    assert found.organizer == ("Büro: Rat", "rat@ahaus.net")
    assert (found.repeats, found.is_floating) == (True, False)


def test_days_durations_and_times_without_a_zone() -> None:
    days = event("DTSTART;VALUE=DATE:20261224", "DTEND;VALUE=DATE:20261227")
    assert days is not None
    assert (days.start, days.end) == (date(2026, 12, 24), date(2026, 12, 26))
    short = event("DTSTART:20260101T100000", "DURATION:PT1H30M")
    assert short is not None
    assert short.is_floating
    assert short.end == datetime(2026, 1, 1, 11, 30, tzinfo=BERLIN)


@pytest.mark.parametrize(
    ("name", "hour"),
    [("Eastern Standard Time", 19), ("W. Europe Standard Time", 13), ("UTC", 14), ("/freeassociation.sourceforge.net/America/New_York", 19),
     ("America/Argentina/Buenos_Aires", 17)],
)  # fmt: skip
def test_zones_as_outlook_and_evolution_name_them(name: str, hour: int) -> None:
    """Taken for a time of the city, a call with New York would be six hours early."""
    for written in (name, f'"{name}"'):
        found = event(f"DTSTART;TZID={written}:20260115T140000")
        assert found is not None
        assert found.start == datetime(2026, 1, 15, hour, tzinfo=UTC)
        assert not found.is_floating


@pytest.mark.parametrize(
    "lines",
    [["SUMMARY:x"], ["DTSTART:gestern"], ["DTSTART:20261340T250000Z"], ["DTSTART:00000101T000000Z"], ["DTSTART;TZID=../../etc/passwd:x"]],
)
def test_what_says_no_time_is_no_invitation(lines: list[str]) -> None:
    assert event(*lines) is None


def test_a_zone_is_never_a_path_and_an_end_never_before_its_start() -> None:
    found = event("DTSTART;TZID=../../../etc/passwd:20260101T100000", "DTEND:20250101T100000Z", "ORGANIZER:https://evil.example/")
    assert found is not None
    assert (found.is_floating, found.end, found.organizer) == (True, None, ("", ""))
    assert event("DTSTART:89991231T235959Z", "DURATION:P9999W") is not None


@pytest.mark.parametrize("day", ["99991231", "00010101", "99991231T235959Z", "00010101T000000", "99991231T235959"])
def test_a_moment_that_cannot_be_told_in_every_zone_is_none(day: str) -> None:
    assert event(f"DTSTART:{day}") is None
    found = event("DTSTART:20260101T100000Z", f"DTEND:{day}")
    assert found is not None
    assert found.end is None


@given(st.binary(max_size=600))
def test_it_never_raises(raw: bytes) -> None:
    invitation.read(raw, zone=BERLIN)
    invitation.read(b"BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:20260101\n" + raw, zone=BERLIN)


@pytest.mark.parametrize("line", [b"A;B=" + b'"' * 200_000, b"X" + b";A=b" * 60_000, b"\n " * 100_000, b"DTSTART;" + b"=" * 200_000 + b":"])
def test_its_work_is_bounded(line: bytes) -> None:
    begin = time.thread_time()
    invitation.read(b"BEGIN:VCALENDAR\nBEGIN:VEVENT\n" + line * 3, zone=BERLIN)
    assert time.thread_time() - begin < 2
