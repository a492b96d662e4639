"""The vectors of the calendar (C-4.1): Berlin time, leap days, year ends, summer time."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stadtmail.privacy.periods import BadPeriod, Period, Term, ends, last_day

BERLIN = ZoneInfo("Europe/Berlin")


def at(text: str) -> datetime:
    moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return moment if moment.tzinfo else moment.replace(tzinfo=BERLIN)


VECTORS = [
    ("2026-08-31T09:00", "P6M", "calendar", "2027-02-28T23:00:00Z"),
    ("2026-06-30T23:30Z", "P6M", "calendar", "2027-01-01T23:00:00Z"),
    ("2026-03-15T22:59:59Z", "P6M", "calendar", "2026-09-15T22:00:00Z"),
    ("2026-12-31T12:00", "P6M", "calendar", "2027-06-30T22:00:00Z"),
    ("2027-08-29T12:00", "P6M", "calendar", "2028-02-29T23:00:00Z"),
    ("2026-03-15T12:00", "P1Y", "year_end", "2027-12-31T23:00:00Z"),
    ("2026-12-31T23:30Z", "P1Y", "year_end", "2028-12-31T23:00:00Z"),
    ("2026-11-22T12:00", "P8Y", "year_end", "2034-12-31T23:00:00Z"),
    ("2026-11-22T12:00", "P10Y", "year_end", "2036-12-31T23:00:00Z"),
    ("2027-01-31T12:00", "P1M", "calendar", "2027-02-28T23:00:00Z"),
    ("2027-01-31T12:00", "P3M", "calendar", "2027-04-30T22:00:00Z"),
    ("2026-11-02T12:00", "P8W", "calendar", "2026-12-28T23:00:00Z"),
    ("2026-11-02T12:00", "P14M", "calendar", "2028-01-02T23:00:00Z"),
    ("2026-11-02T12:00", "PT1H", "exact", "2026-11-02T12:00:00Z"),
]


@pytest.mark.parametrize(("start", "period", "kind", "due"), VECTORS)
def test_vector(start: str, period: str, kind: str, due: str) -> None:
    assert ends(at(start), Term(Period.parse(period), kind), BERLIN) == at(due)


@pytest.mark.parametrize(("second", "due"), [(-1, "2026-12-31T00:00+01:00"), (0, "2027-01-02T00:00+01:00")])
def test_the_second_before_midnight_belongs_to_the_day_before(second: int, due: str) -> None:
    start = datetime(2026, 7, 1, tzinfo=BERLIN).astimezone(UTC) + timedelta(seconds=second)
    assert ends(start, Term(Period.parse("P6M")), BERLIN) == at(due)


def test_a_year_end_falls_on_local_new_year() -> None:
    assert ends(at("2026-12-31T22:59:59Z"), Term(Period.parse("P1Y"), "year_end"), BERLIN) == at("2027-12-31T23:00:00Z")


@pytest.mark.parametrize("text", ["", "P", "PT", "6M", "P6", "P-1M", "P1MT", "PT1D", "p6m", "P6M "])
def test_a_bad_period_is_refused(text: str) -> None:
    with pytest.raises(BadPeriod):
        Period.parse(text)


moments = st.datetimes(datetime(2020, 1, 1), datetime(2060, 1, 1), timezones=st.just(UTC))


@given(moments, st.integers(0, 200), st.integers(0, 400))
def test_later_events_never_fall_due_earlier(start: datetime, months: int, days: int) -> None:
    term = Term(Period(months, days, timedelta(0), ""))
    assert ends(start, term, BERLIN) <= ends(start + timedelta(hours=7), term, BERLIN)
    assert ends(start, term, BERLIN) > start


@given(moments, st.integers(0, 200))
def test_the_last_day_is_the_day_before_the_due_midnight(start: datetime, months: int) -> None:
    due = ends(start, Term(Period(months, 0, timedelta(0), "")), BERLIN)
    assert due.astimezone(BERLIN).hour == 0
    assert last_day(due, BERLIN) + timedelta(days=1) == due.astimezone(BERLIN).date()
