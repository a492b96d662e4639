"""Each message has a record key of its own: equal messages share nothing, and of one that is gone nothing opens any more (C-4.7).

The attacker has the mailbox's private half, every row of every other message, and every byte as it lay before and lies now.
"""

import itertools
from pathlib import Path

import pytest

from stadtmail.mail import queries, sealing
from stadtmail.mail.actions import changing, filing
from stadtmail.mail.folders import DELETED
from stadtmail.mail.models import Body, Folder, Message
from stadtmail.privacy import sweep
from stadtmail.vault import blobs
from stadtmail.vault.seal import Unreadable
from tests.mail.conftest import every_byte, opened

SMALL = b"From: bank@absender.example\r\nSubject: gleich\r\n\r\nZweimal genau dasselbe.\r\n"
LARGE = SMALL + b"0123456789abcdef" * 8192
PIECE = 24  # octets: nothing random repeats so much


@pytest.fixture(params=[SMALL, LARGE], ids=["in a row", "in a blob"])
def raw(request) -> bytes:
    return request.param


@pytest.fixture
def inbox(ahaus, anna):
    o = opened(ahaus, anna)
    return o, Folder.objects.get(mailbox=o.mailbox, number=1)


def rows(folder: Folder) -> list[Message]:
    """Everything in a folder but the welcome."""
    return list(Message.objects.filter(folder=folder, uid__gt=1).order_by("uid"))


def lying(row: Message) -> list[bytes]:
    """Whatever of a message lies in the stores and could be compared."""
    body = Body.objects.filter(message=row).values_list("sealed", flat=True).first()
    return [bytes(row.record_key), bytes(row.envelope), bytes(body) if body is not None else blobs.path_of(row.blob).read_bytes()]


def record(o, row: Message) -> sealing.Record:
    half = queries.privates(o)[row.pair_id]
    return sealing.record(half, bytes(row.record_key), tenant=o.mailbox.tenant_id, mailbox=o.mailbox.id, role="", message=row.id)


def pieces(data: bytes) -> set[bytes]:
    return {data[at : at + PIECE] for at in range(len(data) - PIECE + 1)}


def two(deliver, raw: bytes, o, folder: Folder, how: str, now) -> list[Message]:
    if how == "delivered":
        assert deliver(raw, "anna@ahaus.net") == deliver(raw, "anna@ahaus.net") == [None]
    elif how == "appended":
        filing.append(o, folder.id, [filing.New(raw, 0, now), filing.New(raw, 0, now)], now=now)
    else:
        filing.append(o, folder.id, [filing.New(raw, 0, now)], now=now)
        filing.copy(o, folder.id, [2], to=folder.id, now=now)
    return rows(folder)


@pytest.mark.parametrize("how", ["delivered", "appended", "copied"])
def test_c47_two_equal_messages_share_nothing(deliver, inbox, raw, how, now) -> None:
    o, folder = inbox
    first, second = two(deliver, raw, o, folder, how, now)
    assert record(o, first).key != record(o, second).key
    for mine, theirs in itertools.product(lying(first), lying(second)):
        assert not pieces(mine[:4096]) & pieces(theirs[:4096])
    assert record(o, first).plain_envelope(bytes(first.envelope))
    with pytest.raises(Unreadable):
        record(o, second).plain_envelope(bytes(first.envelope))
    with pytest.raises(Unreadable):  # nor under the other's name
        sealing.Record(first.id, o.mailbox.tenant_id, sealing.RESIDENT, record(o, second).key).plain_envelope(bytes(first.envelope))


@pytest.mark.parametrize("how", ["delivered", "appended", "copied"])
def test_c47_of_an_expunged_one_nothing_is_left_that_opens_it(deliver, inbox, raw, how, now) -> None:
    o, folder = inbox
    first, second = two(deliver, raw, o, folder, how, now)
    key, box, sealed = record(o, first).key, bytes(first.record_key), lying(first)[2]
    gone(o, folder, first, now)
    sweep.run(now)  # which runs every ten minutes: until then the database's log still has the old pages
    assert [row.id for row in rows(folder)] == [second.id]
    for name, data in every_byte():
        assert key not in data, name
        assert box not in data, name
        assert sealed[:64] not in data, name
    for other in Message.objects.filter(folder__mailbox=o.mailbox):  # no key that lives opens the copy that somebody took before
        for named in (first.id, other.id):
            held = sealing.Record(named, o.mailbox.tenant_id, sealing.RESIDENT, record(o, other).key)
            with pytest.raises(Unreadable):
                read(held, sealed, first)
    assert b"".join(queries.raw(o, 1, second.uid)).endswith(raw)


def test_with_its_key_the_copy_would_open(deliver, inbox, raw, now) -> None:
    """The attack is a real one: whoever had kept the record key could read what was taken before."""
    o, folder = inbox
    first, _ = two(deliver, raw, o, folder, "delivered", now)
    kept, sealed = record(o, first), lying(first)[2]
    gone(o, folder, first, now)
    assert raw in read(kept, sealed, first)


def gone(o, folder: Folder, row: Message, now) -> None:
    """Expunged by its holder."""
    Message.objects.filter(id=row.id).update(flags=DELETED)
    assert changing.expunge(o, folder.id, uids=[row.uid], now=now) == [row.uid]


def read(held: sealing.Record, sealed: bytes, row: Message) -> bytes:
    """Open a copy of a body that was taken before."""
    if row.blob is None:
        return held.body(sealed)
    path: Path = blobs.path_of(row.blob)
    assert not path.exists()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(sealed)
    try:
        return b"".join(held.blob(row.blob))
    finally:
        path.unlink()
