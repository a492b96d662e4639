"""Sealed messages become rows. Inside the transaction everything is looked at again: the mailbox may have closed meanwhile.

Called inside `store.writing()` by the writer of deliveries and by whoever opens a mailbox; nothing else makes messages.
"""

from collections.abc import Iterable, Sequence
from uuid import UUID

from django.db import connection

from stadtmail.kit import errors, store
from stadtmail.mail.folders import INBOX
from stadtmail.mail.models import OPEN, Body, Folder, Mailbox, MailboxKey, Message
from stadtmail.mail.sealing import Sealed
from stadtmail.privacy.models import LIVE

CHUNK = 400


class MailboxClosed(errors.NotAllowed):
    """The mailbox takes no mail any more: its contract has ended (550)."""


class MailboxFull(errors.OverQuota):
    """The message does not fit into the mailbox's quota (552)."""


def place(batch: Sequence[Sealed]) -> list[errors.StadtmailError | None]:
    """Put each message into its mailbox's inbox; for each, None or why not. Call inside `store.writing()`."""
    pairs = _pairs(batch)
    inboxes = _inboxes({pair.mailbox_id for pair in pairs.values()})
    boxes = {pair.mailbox_id: pair.mailbox for pair in pairs.values()}
    answers: list[errors.StadtmailError | None] = []
    placed: list[tuple[Sealed, Message]] = []
    for one in batch:
        pair = pairs.get(one.target.pair)
        box, inbox = boxes.get(one.target.mailbox), inboxes.get(one.target.mailbox)
        if pair is None or box is None or inbox is None or pair.unit.state != LIVE or box.state != OPEN:
            answers.append(MailboxClosed())
        elif box.used_bytes + one.size_bytes > box.quota_bytes:
            answers.append(MailboxFull())
        else:
            placed.append((one, _row(one, inbox)))
            box.used_bytes += one.size_bytes
            answers.append(None)
    _write(placed, boxes, inboxes)
    return answers


def _row(one: Sealed, inbox: Folder) -> Message:
    row = Message(
        id=one.id, folder_id=inbox.id, pair_id=one.target.pair, uid=inbox.uidnext, modseq=inbox.modseq + 1, size_bytes=one.size_bytes,
        arrived_on=one.arrived_at.date(), record_key=one.record_key, envelope=one.envelope, blob=one.blob,
    )  # fmt: skip
    inbox.uidnext += 1
    inbox.modseq += 1
    return row


def _write(placed: list[tuple[Sealed, Message]], boxes: dict[UUID, Mailbox], inboxes: dict[UUID, Folder]) -> None:
    Message.objects.bulk_create([row for _, row in placed])
    Body.objects.bulk_create([Body(message_id=one.id, sealed=one.body) for one, _ in placed if one.body is not None])
    changed = {one.target.mailbox for one, _ in placed}
    _update(Mailbox, ("used_bytes",), [boxes[mailbox] for mailbox in changed])
    _update(Folder, ("uidnext", "modseq"), [inboxes[mailbox] for mailbox in changed])


def _update(model: type[Mailbox] | type[Folder], columns: tuple[str, ...], rows: Iterable[Mailbox | Folder]) -> None:
    # one prepared statement for all rows: a city's worth of mailboxes in one batch costs what the rows cost
    key = model._meta.pk
    values = [[*(getattr(row, name) for name in columns), key.get_db_prep_value(row.pk, connection)] for row in rows]
    if values:
        names = ", ".join(f"{name} = %s" for name in columns)
        with connection.cursor() as cursor:
            cursor.executemany(f"UPDATE {model._meta.db_table} SET {names} WHERE {key.column} = %s", values)  # noqa: S608


def _pairs(batch: Sequence[Sealed]) -> dict[UUID, MailboxKey]:
    wanted = sorted({one.target.pair for one in batch})
    found = {}
    boxes: dict[UUID, Mailbox] = {}
    for part in _parts(wanted):
        rows = MailboxKey.objects.filter(unit_id__in=part).select_related("unit", "mailbox").order_by("unit_id")
        for pair in store.locked(rows):
            assert isinstance(pair, MailboxKey)
            pair.mailbox = boxes.setdefault(pair.mailbox_id, pair.mailbox)
            found[pair.unit_id] = pair
    return found


def _inboxes(mailboxes: set[UUID]) -> dict[UUID, Folder]:
    found = {}
    for part in _parts(sorted(mailboxes)):
        for folder in store.locked(Folder.objects.filter(mailbox_id__in=part, role=INBOX).order_by("id")):
            assert isinstance(folder, Folder)
            found[folder.mailbox_id] = folder
    return found


def _parts(ids: list[UUID]) -> Iterable[list[UUID]]:
    return (ids[at : at + CHUNK] for at in range(0, len(ids), CHUNK))
