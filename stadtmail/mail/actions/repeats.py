"""A message that comes a second time, because one of its mailboxes could not take it: whoever has it already gets it once.

SMTP has one reply for all recipients of a message (RFC 5321 4.2.5). Where some mailboxes took it and another did not, the sender is told
to come again; what was stored is remembered by keyed hash, in the transaction that stores it, for longer than a sender tries.
"""

import hmac
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from uuid import UUID

from stadtmail.kit import store
from stadtmail.mail.models import Repeat
from stadtmail.mail.sealing import Sealed
from stadtmail.vault import keys

KEPT = timedelta(days=6)  # RFC 5321 4.5.4.1: a sender gives up after four or five
PART = 400


def marks(content: bytes, sealed: Sequence[Sealed]) -> list[bytes]:
    """What each mailbox remembers the message by: its content as it was handed over, without the lines that we put before it."""
    digest = sha256(content).digest()
    return [hmac.digest(keys.city(one.target.tenant, "codes"), b"repeat" + one.target.mailbox.bytes + digest, "sha256") for one in sealed]


def known(wanted: Mapping[UUID, bytes]) -> set[UUID]:
    """Which of these messages (id -> mark) their mailboxes have from an earlier try. Call inside `store.writing()`."""
    found: set[bytes] = set()
    every = list(wanted.values())
    for part in (every[at : at + PART] for at in range(0, len(every), PART)):
        sql = f"SELECT mark FROM mail_repeat WHERE mark IN ({store.marks(part)})"  # noqa: S608
        found |= {bytes(mark) for (mark,) in store.select(sql, part)}
    return {message for message, mark in wanted.items() if mark in found}


def remember(stored: Iterable[tuple[Sealed, bytes]]) -> None:
    """These are in their mailboxes, and will come again. Call inside `store.writing()`, in the transaction that stores them."""
    rows = [Repeat(pair_id=one.target.pair, mark=mark, until=one.arrived_at + KEPT) for one, mark in stored]
    Repeat.objects.bulk_create(rows, batch_size=100, ignore_conflicts=True)


def forget(now: datetime) -> int:
    """No sender tries for so long. Returns how many were forgotten."""
    old = Repeat.objects.filter(until__lte=now)
    if not old.exists():
        return 0
    with store.writing():
        return old._raw_delete("default")
