"""Sealed messages become rows. Inside the transaction everything is looked at again: the mailbox may have closed meanwhile.

Called inside `store.writing()` by the writer of deliveries and by whoever opens a mailbox; nothing else makes messages.
The statements are prepared once a batch: through models a message cost three times as much.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from uuid import UUID

from django.db import connections, transaction

from stadtmail.kit import errors, store
from stadtmail.mail.actions import indexing
from stadtmail.mail.folders import INBOX
from stadtmail.mail.models import OPEN, Folder, MailboxKey
from stadtmail.mail.sealing import Sealed
from stadtmail.privacy.models import LIVE
from stadtmail.usage import bell

CHUNK = 400
_MESSAGE = ("id", "folder_id", "pair_id", "uid", "modseq", "flags", "size_bytes", "arrived_on", "record_key", "envelope", "blob")
_INBOXES = """
    SELECT pair.unit_id, unit.state, box.id, box.state, box.used_bytes, box.quota_bytes, folder.id, folder.uidnext, folder.modseq
    FROM mail_mailboxkey pair
    JOIN privacy_unit unit ON unit.id = pair.unit_id
    JOIN mail_mailbox box ON box.id = pair.mailbox_id
    JOIN mail_folder folder ON folder.mailbox_id = box.id AND folder.role = %s
    WHERE pair.unit_id IN ({marks}) AND (pair.current OR box.role <> '')
    ORDER BY pair.unit_id {lock}"""


class MailboxClosed(errors.NotAllowed):
    """The mailbox takes no mail any more: its contract has ended (550)."""


class PairChanged(errors.TryLater):
    """The mailbox got another pair meanwhile (it was sealed, or begins anew): sealed to that one the message fits (4xx)."""


class MailboxFull(errors.OverQuota):
    """The message does not fit into the mailbox's quota (552)."""


@dataclass
class _Folder:
    """A folder as it is in this transaction."""

    id: UUID
    uidnext: int
    modseq: int


@dataclass
class _Box:
    """A mailbox and its inbox as they are in this transaction."""

    mailbox: UUID
    state: str
    used: int
    quota: int
    inbox: _Folder
    added: int = 0


_Placed = tuple[Sealed, _Box, _Folder, int, int]


def place(batch: Sequence[Sealed], *, beyond_quota: bool = False) -> list[errors.StadtmailError | None]:
    """Put each message into its folder (one that is not there any more: the inbox); for each, None or why not.

    Copies of one delivery lie behind each other and fit together, or not. Call inside `store.writing()`.
    `beyond_quota`: for what its person must read even where the mailbox is full.
    """
    boxes, others = _boxes(batch), _others(batch)
    answers: list[errors.StadtmailError | None] = []
    placed: list[_Placed] = []
    for _, group in groupby(batch, key=lambda one: one.delivery or one.id):
        copies = list(group)
        box = boxes.get(copies[0].target.pair)
        refusal = _refusal(copies, box)
        if beyond_quota and isinstance(refusal, MailboxFull):
            refusal = None
        answers += [refusal] * len(copies)
        if refusal is None:
            assert box is not None
            placed += [_put(one, box, others) for one in copies]
    _write(placed)
    return answers


def has_other_pair(mailbox: UUID) -> bool:
    """Is a mailbox open, with a pair that mail can be sealed to?"""
    return MailboxKey.objects.filter(mailbox=mailbox, mailbox__state=OPEN, current=True, unit__state=LIVE).exists()


def _refusal(copies: Sequence[Sealed], box: _Box | None) -> errors.StadtmailError | None:
    if box is None and has_other_pair(copies[0].target.mailbox):
        return PairChanged()
    if box is None or box.mailbox != copies[0].target.mailbox or box.state != OPEN:
        return MailboxClosed()
    return MailboxFull() if box.used + sum(one.size_bytes for one in copies) > box.quota else None


def _put(one: Sealed, box: _Box, others: dict[tuple[UUID, UUID], _Folder]) -> _Placed:
    folder = (others.get((box.mailbox, one.folder)) if one.folder else None) or box.inbox
    folder.modseq += 1
    folder.uidnext += 1
    box.used += one.size_bytes
    box.added += one.size_bytes
    return one, box, folder, folder.uidnext - 1, folder.modseq


def _boxes(batch: Sequence[Sealed]) -> dict[UUID, _Box]:
    """pair -> where its mail goes now; pairs whose unit is not alive any more are left out. All rows are locked."""
    wanted = sorted({one.target.pair for one in batch})
    found: dict[UUID, _Box] = {}
    known: dict[UUID, _Box] = {}
    # the claim of an erasure and the end of a contract lock the same units: no 250 into a destroyed key or a closed mailbox;
    # mail programs lock the folder: no number is given twice, and none of the changes after it is overlooked. NO KEY: whoever
    # holds the folder and writes a row that names the pair would otherwise wait for us, and we for them
    lock = "FOR NO KEY UPDATE OF unit, pair, folder" if connections["default"].vendor == "postgresql" else ""
    for part in (wanted[at : at + CHUNK] for at in range(0, len(wanted), CHUNK)):
        sql = _INBOXES.format(marks=", ".join(["%s"] * len(part)), lock=lock)
        for pair, state, mailbox, box_state, used, quota, folder, *rest in store.select(sql, [INBOX, *part]):
            box = store.as_id(mailbox)
            inbox = _Folder(store.as_id(folder), *rest)
            place = known.setdefault(box, _Box(box, box_state, used, quota, inbox))  # a role's two pairs may meet
            if state == LIVE:
                found[store.as_id(pair)] = place
    return found


def _others(batch: Sequence[Sealed]) -> dict[tuple[UUID, UUID], _Folder]:
    """(mailbox, folder) -> the folder, for those that are no inbox: only messages that a filter or a verdict sends there ask."""
    wanted = sorted({one.folder for one in batch if one.folder is not None})
    if not wanted:
        return {}
    rows = store.locked(Folder.objects.exclude(role=INBOX))
    return {
        (mailbox, folder): _Folder(folder, uidnext, modseq)
        for at in range(0, len(wanted), CHUNK)
        for mailbox, folder, uidnext, modseq in rows.filter(id__in=wanted[at : at + CHUNK]).values_list(
            "mailbox_id", "id", "uidnext", "modseq"
        )
    }


def _write(placed: list[_Placed]) -> None:
    store.insert(
        "mail_message", _MESSAGE,
        [
            (one.id, folder.id, one.target.pair, uid, modseq, one.flags, one.size_bytes, one.arrived_at.date(), one.record_key,
             one.envelope, one.blob)
            for one, _, folder, uid, modseq in placed
        ],
    )  # fmt: skip
    store.insert("mail_body", ("message_id", "sealed"), [(one.id, one.body) for one, *_ in placed if one.body is not None])
    boxes = {box.mailbox: box for _, box, *_ in placed}.values()
    folders = {folder.id: folder for _, _, folder, *_ in placed}
    # mail programs give room back meanwhile: what is used is added to
    store.update("mail_mailbox", "used_bytes = used_bytes + new.column2", [(box.mailbox, box.added) for box in boxes])
    numbers = [(folder.id, folder.uidnext, folder.modseq) for folder in folders.values()]
    store.update("mail_folder", "uidnext = new.column2, modseq = new.column3", numbers)
    indexing.note(one.target.pair for one, *_ in placed)
    transaction.on_commit(partial(_ring, list(folders)))


def _ring(folders: Sequence[UUID]) -> None:
    """Mail programs that wait hear of it at once, in whichever process they are."""
    for folder in folders:
        bell.ring(folder)
