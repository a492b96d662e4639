"""What happens by itself: at its moment, in order, once; and a walked clock does what a waited one does."""

import os
import shutil
import time
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connections

from stadtmail.doors.console import clock as door
from stadtmail.doors.console import work
from stadtmail.kit import clock, config
from stadtmail.people import queries as people
from stadtmail.people.actions import contracts
from stadtmail.privacy.models import Unit
from stadtmail.privacy.periods import Period
from stadtmail.vault import backups, blobs, epochs, keys, ring
from tests.people.test_life import order

pytestmark = [pytest.mark.django_db(transaction=True, databases="__all__"), pytest.mark.postgres]


@pytest.fixture(autouse=True)
def clock_back():
    path = config.load().data / "clock"
    before = path.read_bytes()
    yield
    path.write_bytes(before)


@pytest.fixture(autouse=True)
def fresh_ring():
    path = config.load().data / "ring"
    path.unlink(missing_ok=True)
    shutil.rmtree(backups.folder(), ignore_errors=True)
    keys.drop_copies()
    yield
    path.unlink(missing_ok=True)
    keys.drop_copies()


def named(name: str) -> work.Task:
    return next(task for task in work.TASKS if task.name == name)


@pytest.mark.parametrize(
    ("start", "period", "landed"),
    [
        ("2026-11-25T03:00", "P6M1D", "2027-05-26T03:00"),
        ("2026-08-31T12:00", "P6M", "2027-02-28T12:00"),
        ("2026-12-31T23:59", "PT1M", "2027-01-01T00:00"),
        ("2028-02-29T00:00", "P1Y", "2029-02-28T00:00"),
    ],
)
def test_the_clock_lands_on_the_calendar(start: str, period: str, landed: str) -> None:
    moment = datetime.fromisoformat(start).replace(tzinfo=UTC)
    assert door.moved(moment, Period.parse(period)) == datetime.fromisoformat(landed).replace(tzinfo=UTC)


def test_a_message_on_its_way_in_is_no_remains_of_a_crash_because_the_clock_was_moved(ahaus, monkeypatch) -> None:
    writer = blobs.Writer(key=bytes(32), tenant=ahaus.id, category="INH")
    left = blobs.Writer(key=bytes(32), tenant=ahaus.id, category="INH")
    old = time.time() - 25 * 3600
    os.utime(blobs.path_of(left.id).with_suffix(".part"), (old, old))
    monkeypatch.setattr(clock, "offset", lambda: timedelta(days=1500))
    named("part_blobs").run(clock.now())
    assert not blobs.path_of(left.id).with_suffix(".part").exists()
    assert blobs.age(writer.finish()) is not None
    left.abandon()


def test_a_failing_task_is_named_and_does_not_stop_the_others(now) -> None:
    ran = []

    def broken(moment: datetime) -> None:
        raise RuntimeError("anna@ahaus.net")

    jobs = work.Work((work.Task("broken", work.each_day, broken), work.Task("next", work.each_day, ran.append)))
    assert jobs.round(now) == 2
    assert (jobs.failed, ran) == (["broken"], [now])
    assert "anna" not in (config.load().data / "log" / "stadtmail.log").read_text()


def test_each_task_has_its_own_turn(now) -> None:
    seen: list[tuple[str, datetime]] = []
    tasks = (
        work.Task("hourly", work.each(timedelta(hours=1)), lambda moment: seen.append(("hourly", moment))),
        work.Task("daily", work.each_day, lambda moment: seen.append(("daily", moment))),
    )
    jobs = work.Work(tasks)
    for minutes in (0, 59, 60, 14 * 60 - 1, 14 * 60):
        jobs.round(now + timedelta(minutes=minutes))
    hours = [moment - now for name, moment in seen if name == "hourly"]
    days = [moment - now for name, moment in seen if name == "daily"]
    assert hours == [timedelta(0), timedelta(hours=1), timedelta(minutes=14 * 60 - 1)]
    assert days == [timedelta(0), timedelta(hours=14)]  # 00:00 UTC


def test_c41_the_sweep_comes_at_the_due_moment_and_not_before(ahaus, now) -> None:
    contract = order(ahaus, now)
    contracts.cancel(contract, ends_at=now, now=now)
    due = work.next_moment(now)
    assert due == now + timedelta(hours=1)  # the credentials
    last = due - timedelta(minutes=1)
    assert not work.sweep_due(due - timedelta(seconds=1), last)
    assert work.sweep_due(due, last)
    assert work.sweep_due(last + work.EVERY_SWEEP, last)


def test_c41_a_later_end_takes_effect_when_the_walked_clock_passes_it(ahaus, now) -> None:
    contract = order(ahaus, now)
    end = now + timedelta(days=10)
    contracts.cancel(contract, ends_at=end, now=now)
    jobs = work.Work((named("ends"), named("sweep"), named("keys"), named("keystore_backup")))
    at = now
    while at < now + timedelta(days=60):
        at = min(work.next_moment(at), now + timedelta(days=60))
        before = people.address(ahaus, "anna.k") is not None
        jobs.round(at)
        assert jobs.failed == []
        assert before == (at <= end), "the address is open until the end, and closed from it on"
    assert not Unit.objects.filter(due_at__lte=at).exists()


def test_an_epoch_a_day_and_seven_days_of_backups(ahaus, now) -> None:
    order(ahaus, now)
    jobs = work.Work((named("keys"), named("keystore_backup")))
    first = ring.epochs()[0].number
    for day in range(12):
        jobs.round(now + timedelta(days=day))
    assert first not in [epoch.number for epoch in ring.epochs()]
    days = sorted(path.name for path in backups.folder().glob("*"))
    last = (now + timedelta(days=11)).date()
    kept = range(epochs.BACKUP_DAYS, -1, -1) if connections["keys"].vendor == "sqlite" else ()  # PostgreSQL: the operator's pg_dump
    assert days == [f"{last - timedelta(days=back)}.sqlite3" for back in kept]


def test_the_clock_walks_through_all_of_it_and_lands_on_the_moment(ahaus, now, monkeypatch) -> None:
    monkeypatch.setattr(work, "TASKS", (named("ends"), named("sweep"), named("keys")))
    monkeypatch.setattr(work.Work.__init__, "__defaults__", (work.TASKS,))
    contract = order(ahaus, now)
    contracts.cancel(contract, ends_at=clock.now(), now=clock.now())
    target = clock.now() + timedelta(days=2)
    seen: list[datetime] = []
    door.walk(target, say=lambda moment, share: seen.append(moment))
    assert seen == sorted(seen)
    assert seen[-1] == target
    assert clock.now() - target < timedelta(seconds=30)
    assert not Unit.objects.filter(category="BD-CRED").exists()


def test_nobody_works_while_a_clock_is_walked(now) -> None:
    ran: list[datetime] = []
    jobs = work.Work((work.Task("look", work.each_day, ran.append, looks_only=True),))
    with work.turn(wait=True) as mine, work.turn(wait=False) as other:
        assert (mine, other) == (True, False)
    with work.turn(wait=False) as mine:
        assert mine
    jobs.round(now, passing=True)
    assert ran == []
    jobs.round(now)
    assert ran == [now]


def test_c41_nothing_that_a_date_sets_going_runs_while_time_cannot_be_trusted(now, monkeypatch) -> None:
    from stadtmail.privacy import guard

    ran: list[str] = []
    tasks = [work.Task(task.name, task.due, lambda _, name=task.name: ran.append(name), by_date=task.by_date) for task in work.TASKS]
    jobs, trusted = work.Work(tuple(tasks)), [False]
    monkeypatch.setattr(guard, "paused", lambda now: not trusted[0])
    jobs.round(now)
    assert ran == ["generation", "sealing", "mailboxes", "search_index", "imports", "evidence", "proofs", "witness", "log"]
    trusted[0] = True
    jobs.round(now + work.EVERY_LOOK)
    assert {"ends", "usage", "sweep", "keys", "keystore_backup"} <= set(ran)
