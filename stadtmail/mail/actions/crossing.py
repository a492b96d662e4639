"""Messages go from one mailbox into another: copied or moved out of a shared folder, or into one. All or none, as in one mailbox.

Each gets a record key of its own under the other mailbox's pair. Which flags come along, the rights in the target decide.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from stadtmail.kit import store
from stadtmail.mail import envelope, sealing, views
from stadtmail.mail.actions import filing, removing
from stadtmail.mail.actions.changing import Moved, locked
from stadtmail.mail.models import Folder, Mailbox, Message
from stadtmail.mail.queries import Opened

Flags = Callable[[int], int]  # as they lie in the source -> as they are to lie in the target


def copy(source: Opened, folder: UUID, uids: Sequence[int], *, into: Opened, to: UUID, flags: Flags, now: datetime) -> Moved:
    """Copy messages with their dates. Raises MailboxFull, NoSuchFolder, guests.NotShared."""
    old: list[int] = []
    new: list[int] = []
    try:
        for part in filing.portions_of(folder, uids):
            copied = _portion(source, folder, part, (into, to, flags), removes=False, now=now)
            old += copied.old
            new += copied.new
    except BaseException:
        filing.take_back(into, to, new)
        raise
    return Moved(_validity(into, to), old, new)


def move(source: Opened, folder: UUID, uids: Sequence[int], *, into: Opened, to: UUID, flags: Flags, now: datetime) -> Moved:
    """Move messages: each lies in one of the two folders at any moment, never in both. Raises as `copy`; what was moved before stays so."""
    old: list[int] = []
    new: list[int] = []
    for part in filing.portions_of(folder, uids):
        moved = _portion(source, folder, part, (into, to, flags), removes=True, now=now)
        old += moved.old
        new += moved.new
    return Moved(_validity(into, to), old, new)


def _portion(
    source: Opened, folder: UUID, uids: Sequence[int], target: tuple[Opened, UUID, Flags], *, removes: bool, now: datetime
) -> Moved:  # fmt: skip
    into, to, flags = target
    key, private = filing.target_of(into)
    sealed: list[tuple[sealing.Sealed, int]] = []
    ids, old = [], []
    try:
        for mail in views.mails(source, folder, uids, with_bodies=True):
            plain = envelope.packed(replace(mail.envelope, email_id=mail.email_id))
            content = b"".join(mail.pieces())
            sealed.append((sealing.sealed(content, key, plain, private=private, now=mail.envelope.received_at), flags(mail.flags)))
            old.append(mail.uid)
            ids.append(mail.id)
        if not removes:
            return Moved(0, old, filing.placed(into, to, sealed, now).uids)
        with store.writing():
            new = _changed(source, folder, (ids, old), (into, to, sealed), now)
        return Moved(0, old, new)
    except BaseException:
        filing.forget(sealed)
        raise


def _changed(
    source: Opened, folder: UUID, found: tuple[list[UUID], list[int]], target: tuple[Opened, UUID, list[tuple[sealing.Sealed, int]]],
    now: datetime,
) -> list[int]:  # fmt: skip
    """Place the copies and take the messages away, in this transaction. Where one went meanwhile, all stay: views.NoSuchFolder."""
    ids, old = found
    into, to, sealed = target
    list(store.locked(Folder.objects.filter(id__in=[folder, to])))  # both, then both mailboxes: nobody waits for us who has one of them
    list(store.locked(Mailbox.objects.filter(id__in=[source.mailbox.id, into.mailbox.id])))
    if Message.objects.filter(id__in=ids, folder=folder).count() != len(ids):
        raise views.NoSuchFolder
    new = filing.placed(into, to, sealed, now).uids
    place = locked(source, folder)  # the same folder, where it was copied into itself
    removing.delete_ids(ids, mailbox=source.mailbox.id, halves=source.halves)
    Folder.objects.filter(id=folder).update(modseq=place.modseq + 1)
    removing.remember(folder, old, modseq=place.modseq + 1)
    return new


def _validity(into: Opened, to: UUID) -> int:
    with store.writing():
        return locked(into, to).uidvalidity
