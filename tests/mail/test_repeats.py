"""One mailbox takes a message, another does not, and SMTP has one reply: the sender comes again, and nobody has it twice (law 6)."""

import os
import subprocess
import sys
from datetime import timedelta

import pytest
from django.db import connections

from stadtmail.kit import errors
from stadtmail.mail import jobs, queries
from stadtmail.mail.actions import delivery, repeats
from stadtmail.mail.models import Mailbox, Message, Repeat
from stadtmail.people.actions import contracts
from stadtmail.people.models import Contract
from stadtmail.privacy import sweep
from stadtmail.privacy.models import Unit
from stadtmail.vault import blobs
from tests.mail.conftest import opened

pytestmark = pytest.mark.postgres
LETTER = b"Subject: an alle\r\n\r\nBesprechung KANARIE-5d1e\r\n"
LARGE = LETTER + b"x" * 200_000
ANNA, BEN = "anna@ahaus.net", "ben@ahaus.net"
CHILD = """
import os, signal, sys, django
django.setup()
from datetime import UTC, datetime
from stadtmail.mail.actions import delivery
now = datetime(2026, 11, 23, 10, tzinfo=UTC)
content = bytes.fromhex(sys.argv[2])
to = [delivery.recipient(address, now=now) for address in ("anna@ahaus.net", "ben@ahaus.net")]
writer = delivery.Writer(step=lambda number: os.kill(os.getpid(), signal.SIGKILL) if number == int(sys.argv[1]) else None)
writer.start()
writer.submit(content, to, received=b"", now=now).result()
"""


@pytest.fixture
def almost_full(ahaus, anna, ben) -> Mailbox:
    """Ben's mailbox has room for a few bytes."""
    box = queries.mailbox_of(ahaus, ben.contract)
    Mailbox.objects.filter(id=box.id).update(used_bytes=box.quota_bytes - 10)
    return box


def subjects(tenant, account) -> list[str]:
    return [row.subject for row in queries.page(opened(tenant, account), 1) if row.subject == "an alle"]


def kinds(answers) -> list[type | None]:
    return [answer and type(answer) for answer in answers]


@pytest.mark.parametrize("letter", [LETTER, LARGE], ids=["small", "large"])
def test_who_has_it_gets_it_once_and_who_had_no_room_gets_it_when_there_is_some(letter, ahaus, anna, ben, almost_full, deliver) -> None:
    for trace in (b"Received: 1\r\n", b"Received: 2\r\n"):  # our own lines differ from try to try
        assert kinds(deliver(letter, ANNA, BEN, received=trace)) == [None, delivery.MailboxFull]
    Mailbox.objects.filter(id=almost_full.id).update(used_bytes=0)
    assert kinds(deliver(letter, ANNA, BEN)) == [None, None]
    assert kinds(deliver(letter, ANNA)) == [None]  # or one at a time
    assert subjects(ahaus, anna) == subjects(ahaus, ben) == ["an alle"]
    assert set(blobs.every()) == set(Message.objects.exclude(blob=None).values_list("blob", flat=True))


@pytest.mark.matrix
@pytest.mark.parametrize(("step", "stored"), [(3, 0), (4, 1), (5, 1)])
def test_kill_9_between_the_try_and_its_answer_doubles_and_loses_nothing(step, stored, ahaus, anna, ben, almost_full, deliver) -> None:
    environment = dict(os.environ, DJANGO_SETTINGS_MODULE="stadtmail.settings")
    if url := environment.get("STADTMAIL_DATABASE_URL"):
        environment["STADTMAIL_DATABASE_URL"] = f"{url.rpartition('/')[0]}/{connections['default'].settings_dict['NAME']}"
    connections.close_all()
    killed = subprocess.run([sys.executable, "-c", CHILD, str(step), LETTER.hex()], env=environment, timeout=60, check=False)
    assert killed.returncode == -9
    assert len(subjects(ahaus, anna)) == stored
    assert kinds(deliver(LETTER, ANNA, BEN)) == [None, delivery.MailboxFull]
    Mailbox.objects.filter(id=almost_full.id).update(used_bytes=0)
    assert kinds(deliver(LETTER, ANNA, BEN)) == [None, None]
    assert subjects(ahaus, anna) == subjects(ahaus, ben) == ["an alle"]


def test_what_was_answered_for_all_is_a_new_message_when_it_is_sent_again(ahaus, anna, ben, deliver) -> None:
    """Nobody was told to come again: two equal messages are two messages."""
    for _ in range(2):
        assert kinds(deliver(LETTER, ANNA, BEN)) == [None, None]
    assert subjects(ahaus, anna) == ["an alle", "an alle"]
    assert not Repeat.objects.exists()


def test_another_message_is_no_repetition(ahaus, anna, ben, almost_full, deliver) -> None:
    deliver(LETTER, ANNA, BEN)
    deliver(LETTER + b".", ANNA, BEN)
    assert subjects(ahaus, anna) == ["an alle", "an alle"]


def test_a_commit_that_was_lost_and_tried_again_remembers_too(ahaus, anna, ben, almost_full, now) -> None:
    fail = [True]

    def step(number: int) -> None:
        if number == 4 and fail:
            fail.clear()
            raise errors.TryLater

    writer = delivery.Writer(step=step)
    writer.start()
    try:
        to = [delivery.recipient(address, now=now) for address in (ANNA, BEN)]
        for _ in range(2):
            assert kinds(writer.submit(LETTER, to, received=b"", now=now).result(timeout=30)) == [None, delivery.MailboxFull]
    finally:
        writer.stop()
    assert subjects(ahaus, anna) == ["an alle"]


def test_it_is_forgotten_when_no_sender_tries_any_more(ahaus, anna, ben, almost_full, deliver, now) -> None:
    deliver(LETTER, ANNA, BEN)
    assert jobs.forget_repeats(now + repeats.KEPT - timedelta(seconds=1)) == 0
    assert jobs.forget_repeats(now + repeats.KEPT) == 1
    deliver(LETTER, ANNA, BEN)
    assert subjects(ahaus, anna) == ["an alle", "an alle"]


def test_c47_the_mark_goes_with_the_mailbox_and_says_nothing_without_the_citys_key(ahaus, anna, ben, almost_full, deliver, now) -> None:
    from hashlib import sha256

    deliver(LETTER, ANNA, BEN)
    (row,) = Repeat.objects.all()
    assert bytes(row.mark) != sha256(LETTER).digest()
    contracts.cancel(Contract.objects.get(id=anna.contract), ends_at=now, now=now)
    sweep.run(Unit.objects.get(id=row.pair_id).due_at)
    assert not Repeat.objects.exists()


def test_an_announced_size_tells_the_full_mailbox_apart_before_the_message(almost_full, now) -> None:
    """RFC 1870: then each recipient has an answer of its own, and nobody comes again for the sake of another."""
    assert delivery.recipient(BEN, now=now, size_bytes=10)
    with pytest.raises(delivery.MailboxFull):
        delivery.recipient(BEN, now=now, size_bytes=11)
