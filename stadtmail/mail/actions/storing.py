"""Sealed messages become rows. Inside the transaction everything is looked at again: the mailbox may have closed meanwhile.

Called inside `store.writing()` by the writer of deliveries and by whoever opens a mailbox; nothing else makes messages.
The statements are prepared once a batch: through models a message cost three times as much.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

from django.db import connections, transaction
from django.db.models import Model

from stadtmail.kit import errors, store
from stadtmail.mail.folders import INBOX
from stadtmail.mail.models import OPEN, Body, Folder, Mailbox, Message
from stadtmail.mail.sealing import Sealed
from stadtmail.privacy.models import LIVE
from stadtmail.usage import bell

CHUNK = 400
_INBOXES = """
    SELECT pair.unit_id, unit.state, box.id, box.state, box.used_bytes, box.quota_bytes, folder.id, folder.uidnext, folder.modseq
    FROM mail_mailboxkey pair
    JOIN privacy_unit unit ON unit.id = pair.unit_id
    JOIN mail_mailbox box ON box.id = pair.mailbox_id
    JOIN mail_folder folder ON folder.mailbox_id = box.id AND folder.role = %s
    WHERE pair.unit_id IN ({marks})
    ORDER BY pair.unit_id {lock}"""


class MailboxClosed(errors.NotAllowed):
    """The mailbox takes no mail any more: its contract has ended (550)."""


class MailboxFull(errors.OverQuota):
    """The message does not fit into the mailbox's quota (552)."""


@dataclass
class _Inbox:
    """A mailbox and its inbox as they are in this transaction."""

    mailbox: UUID
    state: str
    used: int
    quota: int
    folder: UUID
    uidnext: int
    modseq: int


def place(batch: Sequence[Sealed]) -> list[errors.StadtmailError | None]:
    """Put each message into its mailbox's inbox; for each, None or why not. Call inside `store.writing()`."""
    inboxes = _inboxes(batch)
    answers: list[errors.StadtmailError | None] = []
    placed: list[tuple[Sealed, _Inbox, int, int]] = []
    for one in batch:
        inbox = inboxes.get(one.target.pair)
        if inbox is None or inbox.mailbox != one.target.mailbox or inbox.state != OPEN:
            answers.append(MailboxClosed())
        elif inbox.used + one.size_bytes > inbox.quota:
            answers.append(MailboxFull())
        else:
            inbox.modseq += 1
            placed.append((one, inbox, inbox.uidnext, inbox.modseq))
            inbox.uidnext += 1
            inbox.used += one.size_bytes
            answers.append(None)
    _write(placed)
    return answers


def _inboxes(batch: Sequence[Sealed]) -> dict[UUID, _Inbox]:
    """pair -> where its mail goes now; pairs whose unit is not alive any more are left out. All rows are locked."""
    wanted = sorted({one.target.pair for one in batch})
    found: dict[UUID, _Inbox] = {}
    known: dict[UUID, _Inbox] = {}
    # the claim of an erasure and the end of a contract lock the same units: no 250 into a destroyed key or a closed mailbox
    lock = "FOR UPDATE OF unit, pair" if connections["default"].vendor == "postgresql" else ""
    for part in (wanted[at : at + CHUNK] for at in range(0, len(wanted), CHUNK)):
        sql = _INBOXES.format(marks=", ".join(["%s"] * len(part)), lock=lock)
        for pair, state, mailbox, box_state, used, quota, folder, *rest in store.select(sql, [INBOX, *part]):
            box = store.as_id(mailbox)
            inbox = known.setdefault(box, _Inbox(box, box_state, used, quota, store.as_id(folder), *rest))  # a role's two pairs may meet
            if state == LIVE:
                found[store.as_id(pair)] = inbox
    return found


def _write(placed: list[tuple[Sealed, _Inbox, int, int]]) -> None:
    _insert(
        Message, ("id", "folder", "pair", "uid", "modseq", "flags", "size_bytes", "arrived_on", "record_key", "envelope", "blob"),
        [
            (one.id, inbox.folder, one.target.pair, uid, modseq, 0, one.size_bytes, one.arrived_at.date(), one.record_key, one.envelope,
             one.blob)
            for one, inbox, uid, modseq in placed
        ],
    )  # fmt: skip
    _insert(Body, ("message", "sealed"), [(one.id, one.body) for one, *_ in placed if one.body is not None])
    changed = {inbox.mailbox: inbox for _, inbox, *_ in placed}.values()
    _update(Mailbox, ("used_bytes",), [(inbox.used, inbox.mailbox) for inbox in changed])
    _update(Folder, ("uidnext", "modseq"), [(inbox.uidnext, inbox.modseq, inbox.folder) for inbox in changed])
    transaction.on_commit(partial(_ring, [inbox.folder for inbox in changed]))


def _ring(folders: Sequence[UUID]) -> None:
    """Mail programs that wait hear of it at once, in whichever process they are."""
    for folder in folders:
        bell.ring(folder)


def _insert(model: type[Model], names: tuple[str, ...], rows: Sequence[tuple[Any, ...]]) -> None:
    fields: list[Any] = [model._meta.get_field(name) for name in names]
    columns, marks = ", ".join(field.column for field in fields), ", ".join("%s" for _ in fields)
    _execute(f"INSERT INTO {model._meta.db_table} ({columns}) VALUES ({marks})", fields, rows)  # noqa: S608 - our own names


def _update(model: type[Model], names: tuple[str, ...], rows: Sequence[tuple[Any, ...]]) -> None:
    key = model._meta.pk
    columns = ", ".join(f"{name} = %s" for name in names)
    fields = [*(model._meta.get_field(name) for name in names), key]
    _execute(f"UPDATE {model._meta.db_table} SET {columns} WHERE {key.column} = %s", fields, rows)  # noqa: S608 - our own names


def _execute(statement: str, fields: Sequence[Any], rows: Iterable[tuple[Any, ...]]) -> None:
    default = connections["default"]
    values = [[field.get_db_prep_save(value, default) for field, value in zip(fields, row, strict=True)] for row in rows]
    if values:
        with default.cursor() as cursor:
            cursor.executemany(statement, values)
