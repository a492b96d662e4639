"""Trash and Junk empty after the policy's period: at the clock's edge, seen as VANISHED, kept by a hold, other folders as before."""

from datetime import UTC, date, datetime, timedelta

import pytest

from stadtmail.mail import jobs, queries, views
from stadtmail.mail.actions import changing, emptying, filing
from stadtmail.mail.models import Message
from stadtmail.privacy import policy
from tests.mail.conftest import opened

RAW = b"Subject: weg\r\n\r\nWeg.\r\n"


@pytest.fixture
def box(ahaus, anna):
    """Anna's mailbox, and a way to put a message into a folder."""
    o = opened(ahaus, anna)
    folders = {one.role: one.id for one in views.states(o)}

    def put(role: str, at: datetime) -> None:
        filing.append(o, folders[role], [filing.New(RAW, 0, at)], now=at)

    return o, folders, put


def left(folders, role: str) -> int:
    return Message.objects.filter(folder=folders[role]).count()


def test_due_to_the_minute_and_never_early(ahaus, box, now) -> None:
    o, folders, put = box
    for role in ("trash", "junk", "archive"):
        put(role, now)  # 23 November UTC: in Ahaus it may have been the 24th, whose 30 days are over when the 24 December is
    due = datetime(2026, 12, 24, 23, 0, tzinfo=UTC)  # 00:00 of the 25th there
    assert jobs.empty_due_folders(due - timedelta(minutes=1)) == 0
    assert jobs.empty_due_folders(due) == 2
    assert [left(folders, role) for role in ("trash", "junk", "archive")] == [0, 0, 1]
    assert queries.used(o.mailbox)[0] == sum(Message.objects.filter(folder__mailbox=o.mailbox).values_list("size_bytes", flat=True))


def test_late_at_night_the_local_day_counts(ahaus, now) -> None:
    rules = policy.current(ahaus)
    late = datetime(2026, 11, 23, 23, 30, tzinfo=UTC)  # 00:30 of the 24th in Ahaus
    due = datetime(2026, 12, 24, 23, 0, tzinfo=UTC)  # the 24 December is over
    assert emptying.last_due(rules, "trash", due - timedelta(minutes=1)) < late.date()
    assert emptying.last_due(rules, "trash", due) == late.date()
    assert emptying.last_due(rules, "trash", now) == date(2026, 10, 22)


def test_the_period_begins_when_it_is_moved_there(box, now) -> None:
    o, folders, put = box
    put("archive", now)
    later = now + timedelta(days=20)
    uid = Message.objects.get(folder=folders["archive"]).uid
    changing.move(o, folders["archive"], [uid], to=folders["trash"], now=later)
    assert jobs.empty_due_folders(now + timedelta(days=32)) == 0
    assert jobs.empty_due_folders(later + timedelta(days=32)) == 1


def test_mail_programs_see_it_vanish(box, now) -> None:
    _, folders, put = box
    put("trash", now)
    put("trash", now + timedelta(days=5))
    before = views.position(folders["trash"])[0]
    jobs.empty_due_folders(now + timedelta(days=32))
    assert views.expunged(folders["trash"], since=before) == [(1, 1)]
    assert views.news(folders["trash"], since=before, known=[1, 2]).gone == {1}


def test_a_hold_keeps_what_is_there(ahaus, anna, box, now, monkeypatch) -> None:
    from stadtmail.privacy import holds

    _, folders, put = box
    put("trash", now)
    monkeypatch.setattr(holds, "standing", lambda units, *, now: {unit: ["a hold"] for unit in units})
    assert jobs.empty_due_folders(now + timedelta(days=40)) == 0
    monkeypatch.undo()
    assert jobs.empty_due_folders(now + timedelta(days=40)) == 1
    assert left(folders, "trash") == 0
