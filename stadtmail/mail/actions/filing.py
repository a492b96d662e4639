"""Messages come into a folder from its holder: appended by a mail program, or copied from another folder. Quota rules hold.

Sealing is done before the transaction; a copy has a record key of its own, so that each of the two can be destroyed alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from stadtmail.kit import store
from stadtmail.mail import envelope, queries, sealing, views
from stadtmail.mail.actions import changing, indexing, learning, removing
from stadtmail.mail.actions.changing import Moved, locked
from stadtmail.mail.actions.incoming import Incoming
from stadtmail.mail.actions.storing import MailboxClosed, MailboxFull, PairChanged, has_other_pair
from stadtmail.mail.models import OPEN, Body, Folder, Mailbox, MailboxKey, Message
from stadtmail.mail.queries import Opened
from stadtmail.privacy.models import ERASING
from stadtmail.vault import blobs

MOST_AT_ONCE, MOST_BYTES_AT_ONCE = 200, 16 * 1024 * 1024  # of a copy: sealed in memory before they are written


@dataclass(frozen=True)
class Appended:
    """Where new messages are."""

    uidvalidity: int
    uids: list[int]


@dataclass(frozen=True)
class New:
    """A message to append: its bytes, flags and internal date."""

    content: Incoming | bytes
    flags: int
    received_at: datetime
    email_id: str = ""  # of what it is made from (RFC 8474)


def append(o: Opened, folder: UUID, news: Sequence[New], *, now: datetime) -> Appended:
    """Put messages into a folder, all or none. Raises MailboxFull, MailboxClosed, NoSuchFolder."""
    used, quota = views.quota(o)
    if used + sum(len(one.content) for one in news) > quota:  # asked again inside the transaction
        raise MailboxFull
    target, private = target_of(o)
    sealed: list[tuple[sealing.Sealed, int]] = []
    try:
        sealed.extend((_sealed(one, target, private), one.flags) for one in news)
        return placed(o, folder, sealed, now)
    except BaseException:
        forget(sealed)
        raise


def sealed(o: Opened, new: New) -> sealing.Sealed:
    """A message of the holder's own before it is placed: whoever places it forgets it where that fails. Raises MailboxClosed."""
    return _sealed(new, *target_of(o))


def boxed(o: Opened, new: New) -> sealing.Sealed:
    """The same for whoever works while its holder is away: sealed to the public half, as at delivery. Raises MailboxClosed."""
    return _sealed(new, _public(o), None)


def forget(sealed: Sequence[tuple[sealing.Sealed, int]]) -> None:
    """They were not placed: their bytes go."""
    blobs.delete([one.blob for one, _ in sealed if one.blob is not None])


def _sealed(one: New, target: sealing.Target, private: sealing.Private | None) -> sealing.Sealed:
    raw = bytes(one.content)
    plain = envelope.packed(replace(envelope.summary(raw, now=one.received_at), email_id=one.email_id))
    return sealing.sealed(raw, target, plain, private=private, now=one.received_at)


def copy(o: Opened, folder: UUID, uids: Sequence[int], *, to: UUID, now: datetime) -> Moved:
    """Copy messages with flags and internal dates; where one does not fit none stays. Raises MailboxFull, NoSuchFolder."""
    old: list[int] = []
    new: list[int] = []
    validity = 0
    try:
        for part in portions_of(folder, uids):
            copied = _copied(o, folder, part, to, now)
            old += copied.old
            new += copied.new
            validity = copied.uidvalidity
    except BaseException:
        take_back(o, to, new)
        raise
    learning.moved(o, new, source=folder, to=to, now=now)
    if not old:
        with store.writing():
            validity = locked(o, to).uidvalidity
    return Moved(validity, old, new)


def portions_of(folder: UUID, uids: Sequence[int]) -> list[list[int]]:
    """Those of these messages that are there, in portions that fit into memory."""
    sizes = {uid: size for uid, (size, _) in views.numbers(folder, uids).items()}
    portions: list[list[int]] = []
    room = 0
    for uid in sorted(sizes):
        if not portions or len(portions[-1]) >= MOST_AT_ONCE or room < sizes[uid]:
            portions.append([])
            room = MOST_BYTES_AT_ONCE
        portions[-1].append(uid)
        room -= sizes[uid]
    return portions


def _copied(o: Opened, folder: UUID, uids: Sequence[int], to: UUID, now: datetime) -> Moved:
    target, private = target_of(o)
    sealed: list[tuple[sealing.Sealed, int]] = []
    old = []
    try:
        for mail in views.mails(o, folder, uids, with_bodies=True):
            plain = envelope.packed(replace(mail.envelope, email_id=mail.email_id))
            content = b"".join(mail.pieces())
            sealed.append((sealing.sealed(content, target, plain, private=private, now=mail.envelope.received_at), mail.flags))
            old.append(mail.uid)
        there = placed(o, to, sealed, now)
    except BaseException:
        forget(sealed)
        raise
    return Moved(there.uidvalidity, old, there.uids)


def take_back(o: Opened, folder: UUID, uids: Sequence[int]) -> None:
    """What came under these uids goes again: not all of it fitted, or the right to put it there ended meanwhile (which is no right to
    leave a part of it)."""
    if not uids:
        return
    with store.writing():
        place = locked(replace(o, guest=None), folder)
        rows = [Message.objects.filter(folder=folder, uid__in=part) for part in changing.parts(uids)]
        ids = [message for part in rows for message in part.values_list("id", flat=True)]
        removing.delete_ids(ids, mailbox=o.mailbox.id, halves=o.halves)
        Folder.objects.filter(id=folder).update(modseq=place.modseq + 1)
        removing.remember(folder, uids, modseq=place.modseq + 1)


def target_of(o: Opened) -> tuple[sealing.Target, sealing.Private | None]:
    """What new messages of a mailbox are sealed to, and the private half where it is open here. Raises MailboxClosed."""
    target = _public(o)
    try:
        return target, queries.privates(o).get(target.pair)
    except queries.Locked:  # a sealed mailbox takes what is sealed to its public half, like mail that arrives
        return target, None


def _public(o: Opened) -> sealing.Target:
    pair = MailboxKey.objects.filter(mailbox=o.mailbox, current=True).exclude(unit__state=ERASING).first()
    if pair is None:
        raise MailboxClosed
    return sealing.Target(o.mailbox.tenant_id, o.mailbox.id, o.mailbox.role, pair.unit_id, bytes(pair.public))


def placed(
    o: Opened, folder: UUID, sealed: Sequence[tuple[sealing.Sealed, int]], now: datetime, *, beyond_quota: bool = False
) -> Appended:  # fmt: skip
    """Write what was sealed into a folder, in the caller's transaction or one of its own. Raises as `append`.

    `beyond_quota`: for what was sent already, which must not be lost.
    """
    size = sum(one.size_bytes for one, _ in sealed)
    with store.writing():
        place = locked(o, folder)  # folder, then mailbox: the order of deliveries and deletions
        box = store.locked(Mailbox.objects.filter(id=o.mailbox.id)).first()
        if not isinstance(box, Mailbox) or box.state != OPEN:
            raise MailboxClosed
        pairs = {one.target.pair for one, _ in sealed}
        living = MailboxKey.objects.filter(unit__in=pairs, mailbox=box).exclude(unit__state=ERASING)
        if living.exclude(current=False, mailbox__role="").count() != len(pairs):
            raise PairChanged if has_other_pair(box.id) else MailboxClosed
        if not beyond_quota and box.used_bytes + size > box.quota_bytes:
            raise MailboxFull
        modseq = place.modseq + 1
        uids = [place.uidnext + n for n in range(len(sealed))]
        Message.objects.bulk_create(
            [
                Message(id=one.id, folder=place, pair_id=one.target.pair, uid=uid, modseq=modseq, flags=flags, size_bytes=one.size_bytes,
                        arrived_on=one.arrived_at.date(), filed_on=now.date(), record_key=one.record_key, envelope=one.envelope,
                        blob=one.blob)
                for (one, flags), uid in zip(sealed, uids, strict=True)
            ],
            batch_size=50,
        )  # fmt: skip
        Body.objects.bulk_create([Body(message_id=one.id, sealed=one.body) for one, _ in sealed if one.body is not None], batch_size=100)
        Mailbox.objects.filter(id=box.id).update(used_bytes=box.used_bytes + size)
        Folder.objects.filter(id=place.id).update(uidnext=place.uidnext + len(sealed), modseq=modseq)
        indexing.note(pairs)
    return Appended(place.uidvalidity, uids)
