"""Each message has a record key of its own: equal messages share nothing, and of one that is gone nothing opens any more (C-4.7).

The attacker has the mailbox's private half, every row of every other message, and every byte as it lay before and lies now.
"""

import itertools
from pathlib import Path

import pytest

from stadtmail.mail import queries, sealing
from stadtmail.mail.actions import changing, filing, folding, indexing
from stadtmail.mail.folders import DELETED
from stadtmail.mail.models import Body, Folder, MailboxKey, Message
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
    if how in ("delivered", "taken in"):
        assert deliver(raw, "anna@ahaus.net") == deliver(raw, "anna@ahaus.net") == [None]
        if how == "taken in":
            assert indexing.follow(o, seconds=10)
            assert all(sealing.is_folded(bytes(row.record_key)) for row in rows(folder))
    elif how == "appended":
        filing.append(o, folder.id, [filing.New(raw, 0, now), filing.New(raw, 0, now)], now=now)
    else:
        filing.append(o, folder.id, [filing.New(raw, 0, now)], now=now)
        filing.copy(o, folder.id, [2], to=folder.id, now=now)
    return rows(folder)


@pytest.mark.parametrize("how", ["delivered", "taken in", "appended", "copied"])
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


def test_c47_the_box_of_a_folded_record_key_is_gone_with_the_message(deliver, inbox, raw, now) -> None:
    o, folder = inbox
    assert deliver(raw, "anna@ahaus.net") == [None]
    (row,) = rows(folder)
    box, key = bytes(row.record_key), record(o, row).key
    assert indexing.follow(o, seconds=10)
    (row,) = rows(folder)
    assert record(o, row).key == key
    assert folding.fold(o, row.pair_id, [row.id]) == 0  # once
    gone(o, folder, row, now)
    sweep.run(now)
    for name, data in every_byte():
        assert box not in data, name
        assert key not in data, name


def test_what_is_folded_opens_for_its_own_place_and_pair_alone(deliver, inbox, now) -> None:
    o, folder = inbox
    assert deliver(SMALL, "anna@ahaus.net") == deliver(SMALL, "anna@ahaus.net") == [None]
    assert indexing.follow(o, seconds=10)
    first, second = rows(folder)
    first.record_key, second.record_key = second.record_key, first.record_key
    for row in (first, second):
        with pytest.raises(Unreadable):
            record(o, row)


def test_a_damaged_box_keeps_no_other_from_being_folded(deliver, inbox, now) -> None:
    o, folder = inbox
    assert deliver(SMALL, "anna@ahaus.net") == deliver(SMALL, "anna@ahaus.net") == [None]
    first, second = rows(folder)
    Message.objects.filter(id=first.id).update(record_key=bytes(first.record_key)[:-1] + b"x")
    assert folding.fold(o, second.pair_id, [first.id, second.id]) == 1
    assert sealing.is_folded(bytes(Message.objects.get(id=second.id).record_key))


def test_what_has_moved_to_another_pair_meanwhile_stays_as_it_is(deliver, inbox, ben, now, monkeypatch) -> None:
    """Between reading and writing somebody seals the mailbox: the row is under the new pair, and its key is that pair's."""
    o, folder = inbox
    assert deliver(SMALL, "anna@ahaus.net") == [None]
    (row,) = rows(folder)
    other = MailboxKey.objects.get(mailbox__contract=ben.contract)
    change = folding.store.change

    def late(*given) -> None:
        Message.objects.filter(id=row.id).update(pair=other, record_key=b"another pair's")
        change(*given)

    monkeypatch.setattr(folding.store, "change", late)
    folding.fold(o, row.pair_id, [row.id])
    assert bytes(Message.objects.get(id=row.id).record_key) == b"another pair's"


@pytest.mark.parametrize("how", ["delivered", "taken in", "appended", "copied"])
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
