"""Messages leave: row, body and blob at once, and their uids are remembered for mail programs that come back (RFC 7162).

Remembered are numbers only, and a bounded number of them: beyond it a folder says from which modseq on it still knows.
Whatever deletes a message of a living mailbox does it here.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from uuid import UUID

from django.db import transaction
from django.db.models import F, QuerySet, Sum

from stadtmail.kit import store
from stadtmail.mail.actions import gone, indexing
from stadtmail.mail.models import Body, Expunged, Folder, Mailbox, Message

CHUNK = 400
MOST_REMEMBERED = 2000  # ranges in a folder


def delete(rows: "QuerySet[Message]", halves: Mapping[UUID, bytes] | None = None) -> int:
    """Delete messages of one mailbox, whole (`halves`: of a sealed one that is open). Returns how many bytes are free again.

    Call inside `store.writing()`.
    """
    pairs = list(rows.order_by().values_list("pair", flat=True).distinct())
    gone_ids = list(rows.order_by().values_list("id", "folder__mailbox"))
    size = rows.aggregate(size=Sum("size_bytes"))["size"] or 0
    gone.note(rows)
    Body.objects.filter(message__in=rows.order_by().values("id"))._raw_delete("default")
    rows.order_by()._raw_delete("default")
    transaction.on_commit(partial(gone.unlink, pairs))
    indexing.note(pairs)
    for mailbox in {mailbox for _, mailbox in gone_ids}:
        store.after(partial(indexing.forget, mailbox, [message for message, place in gone_ids if place == mailbox], halves))
    return int(size)


def delete_ids(ids: Sequence[UUID], *, mailbox: UUID, halves: Mapping[UUID, bytes] | None = None) -> None:
    """Delete these messages of a mailbox and give their room back. Call inside `store.writing()`.

    Locks as deliveries do: folder (the caller's), mailbox, then what is noted for the index.
    """
    if not store.is_near():
        store.select("SELECT id FROM mail_mailbox WHERE id = %s FOR NO KEY UPDATE", [mailbox])
    freed = sum(delete(Message.objects.filter(id__in=ids[at : at + CHUNK]), halves) for at in range(0, len(ids), CHUNK))
    Mailbox.objects.filter(id=mailbox).update(used_bytes=F("used_bytes") - freed)


def remember(folder: UUID, uids: Sequence[int], *, modseq: int) -> None:
    """Note that these uids (in order) left a folder at a modseq. Call inside `store.writing()`."""
    Expunged.objects.bulk_create(
        [Expunged(folder_id=folder, modseq=modseq, first=first, last=last) for first, last in ranges(uids)], batch_size=100
    )
    rows = Expunged.objects.filter(folder=folder)
    surplus = rows.count() - MOST_REMEMBERED
    if surplus > 0:
        until = rows.order_by("modseq").values_list("modseq", flat=True)[surplus - 1]
        rows.filter(modseq__lte=until)._raw_delete("default")
        Folder.objects.filter(id=folder).update(forgotten=until)


def ranges(uids: Iterable[int]) -> list[tuple[int, int]]:
    """Neighbours as (first, last)."""
    found: list[list[int]] = []
    for uid in uids:
        if found and found[-1][1] == uid - 1:
            found[-1][1] = uid
        else:
            found.append([uid, uid])
    return [(first, last) for first, last in found]
