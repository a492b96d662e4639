"""The calendar of the promises: every vector of the design to the second, and what holds for all dates."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stadtmail.privacy import periods
from stadtmail.privacy.periods import CALENDAR, EXACT, YEAR_END, BadPeriod, Period, Term

BERLIN = ZoneInfo("Europe/Berlin")
SECOND = timedelta(seconds=1)
# what starts the clock, the period, its kind, gone_by local, gone_by UTC
VECTORS = [
    ("2026-08-31T09:00:00+02:00", "P6M", CALENDAR, "2027-03-01T00:00:00+01:00", "2027-02-28T23:00:00Z"),
    ("2026-06-30T23:30:00Z", "P6M", CALENDAR, "2027-01-02T00:00:00+01:00", "2027-01-01T23:00:00Z"),
    ("2026-03-15T22:59:59Z", "P6M", CALENDAR, "2026-09-16T00:00:00+02:00", "2026-09-15T22:00:00Z"),
    ("2026-12-31T12:00:00+01:00", "P6M", CALENDAR, "2027-07-01T00:00:00+02:00", "2027-06-30T22:00:00Z"),
    ("2027-08-29T12:00:00+02:00", "P6M", CALENDAR, "2028-03-01T00:00:00+01:00", "2028-02-29T23:00:00Z"),
    ("2026-03-15T12:00:00+01:00", "P1Y", YEAR_END, "2028-01-01T00:00:00+01:00", "2027-12-31T23:00:00Z"),
    ("2026-12-31T23:30:00Z", "P1Y", YEAR_END, "2029-01-01T00:00:00+01:00", "2028-12-31T23:00:00Z"),
    ("2026-11-22T12:00:00+01:00", "P8Y", YEAR_END, "2035-01-01T00:00:00+01:00", "2034-12-31T23:00:00Z"),
    ("2026-11-22T12:00:00+01:00", "P10Y", YEAR_END, "2037-01-01T00:00:00+01:00", "2036-12-31T23:00:00Z"),
    ("2027-01-31T12:00:00+01:00", "P1M", CALENDAR, "2027-03-01T00:00:00+01:00", "2027-02-28T23:00:00Z"),
    ("2027-01-31T12:00:00+01:00", "P3M", CALENDAR, "2027-05-01T00:00:00+02:00", "2027-04-30T22:00:00Z"),
    ("2026-11-02T12:00:00+01:00", "P8W", CALENDAR, "2026-12-29T00:00:00+01:00", "2026-12-28T23:00:00Z"),
    ("2026-11-02T12:00:00+01:00", "P14M", CALENDAR, "2028-01-03T00:00:00+01:00", "2028-01-02T23:00:00Z"),
]


@pytest.mark.parametrize(("start", "period", "kind", "local", "utc"), VECTORS)
def test_add_counts_as_the_law_does(start, period, kind, local, utc):
    moment = periods.add(datetime.fromisoformat(start), Period.parse(period), kind, BERLIN)
    assert moment == datetime.fromisoformat(utc) == datetime.fromisoformat(local)
    assert moment.tzinfo is UTC
    assert moment.astimezone(BERLIN).time().isoformat() == "00:00:00"


@pytest.mark.parametrize(("start", "period", "kind", "local", "utc"), VECTORS)
def test_add_moves_at_local_midnight_and_not_a_second_beside_it(start, period, kind, local, utc):
    event = datetime.fromisoformat(start).astimezone(BERLIN)
    first = periods.midnight(event.date(), BERLIN)
    last = periods.midnight(event.date() + timedelta(days=1), BERLIN) - SECOND
    found = [periods.add(at, Period.parse(period), kind, BERLIN) for at in (first - SECOND, first, last, last + SECOND)]
    assert found[1] == found[2] == datetime.fromisoformat(utc)
    assert found[0] <= found[1] <= found[3]
    if kind == CALENDAR and event.day not in (1, 29, 31):  # a month's last days may end together
        assert found[0] < found[1] < found[3]


def test_a_year_ends_at_local_midnight():
    year = Period.parse("P1Y")
    turn = datetime(2026, 12, 31, 23, tzinfo=UTC)
    assert periods.add(turn - SECOND, year, YEAR_END, BERLIN) == datetime(2027, 12, 31, 23, tzinfo=UTC)
    assert periods.add(turn, year, YEAR_END, BERLIN) == datetime(2028, 12, 31, 23, tzinfo=UTC)


@pytest.mark.parametrize(
    ("start", "utc"),
    [
        ("2026-10-25T00:30:00Z", "2026-11-25T23:00:00Z"),  # 02:30 the first time, summer
        ("2026-10-25T01:30:00Z", "2026-11-25T23:00:00Z"),  # 02:30 the second time, winter
        ("2027-02-28T00:59:59Z", "2027-03-28T22:00:00Z"),  # ends on the day that has 23 hours
        ("2026-09-25T12:00:00Z", "2026-10-25T23:00:00Z"),  # ends on the day that has 25 hours
    ],
)
def test_a_month_across_the_change_of_summer_time(start, utc):
    assert periods.add(datetime.fromisoformat(start), Period.parse("P1M"), CALENDAR, BERLIN) == datetime.fromisoformat(utc)


def test_midnight_that_does_not_exist_is_the_first_moment_of_the_day():
    # Beirut puts the clock forward at midnight: 27 March 2022 began at 01:00 local
    assert periods.midnight(date(2022, 3, 27), ZoneInfo("Asia/Beirut")) == datetime(2022, 3, 26, 22, tzinfo=UTC)


def test_exact_counts_elapsed_seconds_across_the_change_of_summer_time():
    start = datetime(2026, 10, 24, 12, tzinfo=BERLIN)
    assert periods.add(start, Period.parse("PT24H"), EXACT, BERLIN) == datetime(2026, 10, 25, 10, tzinfo=UTC)
    assert periods.add(start, Period.parse("P1D"), EXACT, BERLIN) == datetime(2026, 10, 25, 10, tzinfo=UTC)
    assert periods.add(start, Period.parse("PT0S"), EXACT, BERLIN) == start


@pytest.mark.parametrize(
    ("text", "period"),
    [
        ("P6M", Period(months=6)), ("P1Y2M3D", Period(14, 3)), ("P8W", Period(days=56)), ("PT1H", Period(seconds=3600)),
        ("PT0S", Period()), ("P6M1D", Period(6, 1)), ("PT1H30M10S", Period(seconds=5410)), ("P12M", Period(months=12)),
    ],
)  # fmt: skip
def test_parse_reads_iso_8601(text, period):
    assert Period.parse(text) == period


@pytest.mark.parametrize("text", ["", "P", "PT", "P6", "6M", "P6M ", "P-6M", "P1.5D", "PT1D", "P1DT", "p6m", "P6M\n", "P٣M"])
def test_parse_refuses_what_it_cannot_count(text):
    with pytest.raises(BadPeriod):
        Period.parse(text)


def test_add_refuses_to_mix_what_does_not_mix(now):
    for period, kind in [("P1M", EXACT), ("PT1H", CALENDAR), ("PT1H", YEAR_END), ("P1D", "weeks")]:
        with pytest.raises(BadPeriod):
            periods.add(now, Period.parse(period), kind, BERLIN)
    with pytest.raises(ValueError, match="aware"):
        periods.add(datetime(2026, 1, 1), Period.parse("P1D"), CALENDAR, BERLIN)


def test_may_outlast_compares_periods_on_every_day_of_a_year():
    half, year_end = Term(Period.parse("P6M"), CALENDAR), Term(Period.parse("P1Y"), YEAR_END)
    assert periods.may_outlast(year_end, half)
    assert not periods.may_outlast(half, year_end)
    assert not periods.may_outlast(year_end, year_end)
    # 12 months outlast the end of the same year, but not the end of the next
    twelve = Term(Period.parse("P12M"), CALENDAR)
    assert periods.may_outlast(twelve, Term(Period(), YEAR_END))
    assert not periods.may_outlast(twelve, year_end)


moments = st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1)).map(lambda at: at.replace(tzinfo=UTC))
zones = st.sampled_from(["Europe/Berlin", "UTC", "Pacific/Auckland", "America/St_Johns", "Asia/Beirut"]).map(ZoneInfo)
whole = st.builds(Period, months=st.integers(0, 150), days=st.integers(0, 400))
short = st.builds(Period, days=st.integers(0, 400), seconds=st.integers(0, 10**6))
terms = st.one_of(
    st.builds(Term, whole, st.sampled_from([CALENDAR, YEAR_END])), st.builds(Term, short, st.just(EXACT))
)


@given(moments, moments, terms, zones)
def test_later_events_are_never_due_earlier(one, other, term, zone):
    first, second = sorted((one, other))
    assert periods.due(first, term, zone) <= periods.due(second, term, zone)


@given(moments, terms, zones)
def test_nothing_is_due_before_its_period_is_over(start, term, zone):
    due = periods.due(start, term, zone)
    assert due >= start + timedelta(days=term.period.days, seconds=term.period.seconds) - timedelta(hours=2 if term.period.days else 0)
    if term.kind != EXACT:
        local, begun = due.astimezone(zone), start.astimezone(zone).date()
        assert local.date() > begun  # the event's day is over
        assert periods.midnight(local.date(), zone) == due  # and a day begins
        assert local.date() <= periods.last_day(date(begun.year, 12, 31), term.period) + SECOND * 86400


@given(moments, st.integers(0, 149), zones)
def test_a_longer_period_is_never_due_earlier(start, months, zone):
    for kind in (CALENDAR, YEAR_END):
        assert periods.add(start, Period(months), kind, zone) <= periods.add(start, Period(months + 1), kind, zone)


@given(st.one_of(whole, short))
def test_a_period_reads_back_what_it_writes(period):
    assert Period.parse(str(period)) == period
