"""A deleted message whose mailbox lives on: its key in the row would still open it, so its bytes leave the database's log, too (C-4.7)."""

import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connections

from stadtmail.doors.console import work
from stadtmail.kit import clock, store
from stadtmail.mail.actions import removing
from stadtmail.mail.models import Body, Message
from tests.mail.conftest import every_byte, opened


@pytest.fixture(autouse=True)
def _on_sqlite() -> None:
    if not store.is_near():
        pytest.skip("a server's log is its own: operate.md says how long it keeps what")


def files() -> tuple[Path, Path]:
    path = Path(connections.settings["default"]["NAME"])
    return path, path.with_name(f"{path.name}-wal")


def lies_in(needle: bytes) -> list[str]:
    return [name for name, content in every_byte() if needle in content]


def secrets_of(message) -> list[bytes]:
    """What would open and what would be read: the message's own key, as it is wrapped for the mailbox, and its sealed body."""
    return [bytes(message.record_key), bytes(Body.objects.get(message=message).sealed)]


def log_task() -> work.Work:
    return work.Work(tuple(task for task in work.TASKS if task.name == "log"))


@pytest.fixture
def deleted(ahaus, anna, deliver) -> list[bytes]:
    """A message that was there and is deleted: what its bytes were."""
    deliver(b"Subject: Kanarie\r\n\r\n" + b"Kanarientext " * 30, "anna@ahaus.net")
    message = Message.objects.order_by("-uid").first()
    found = secrets_of(message)
    o = opened(ahaus, anna)
    with store.writing():
        removing.delete_ids([message.id], mailbox=o.mailbox.id)
    assert not Message.objects.filter(id=message.id).exists()
    return found


def test_c47_a_minute_after_its_deletion_no_file_has_a_message_s_key_or_body(deleted, now) -> None:
    wal = files()[1].name
    assert any(lies_in(one) == [wal] for one in deleted), "else this test looks for nothing"
    jobs = log_task()
    assert jobs.round(now) == 1
    assert [lies_in(one) for one in deleted] == [[], []]
    assert files()[1].stat().st_size == 0
    assert jobs.round(now + timedelta(seconds=5)) == 0
    assert jobs.round(now + timedelta(seconds=20)) == 1


def test_a_reader_keeps_it_for_as_long_as_it_reads_and_keeps_no_delivery(deleted, deliver, now) -> None:
    reader = sqlite3.connect(files()[0], isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM mail_message").fetchone()
    deliver(b"Subject: danach\r\n\r\nText", "anna@ahaus.net")  # the reader sees the state before it
    assert store.shorten_log() is False
    assert deliver(b"Subject: noch eine\r\n\r\nText", "anna@ahaus.net") == [None]
    assert Message.objects.count() >= 2
    reader.execute("COMMIT")
    reader.close()
    assert log_task().round(clock.now()) == 1
    assert [lies_in(one) for one in deleted] == [[], []]


def test_others_wait_for_it_as_long_as_ever_afterwards(deleted) -> None:
    def patience() -> int:
        with connections["default"].cursor() as cursor:
            cursor.execute("PRAGMA busy_timeout")
            return cursor.fetchone()[0]

    before = patience()
    assert deleted
    assert store.shorten_log()
    assert patience() == before > store.SOON_MS
