"""A draft is saved: written anew into the Drafts folder in the place of its older self, so that drafts do not pile up.

Whoever saves a draft that has meanwhile been saved, sent or planned elsewhere loses nothing: theirs becomes a draft of its own.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from os import urandom
from threading import BoundedSemaphore
from uuid import UUID, uuid4

from stadtmail.kit import errors, store
from stadtmail.mail import bodies, drafts, queries
from stadtmail.mail.actions import filing, removing
from stadtmail.mail.actions.changing import locked
from stadtmail.mail.drafts import Draft
from stadtmail.mail.folders import DRAFT, SEEN
from stadtmail.mail.models import Folder, Mailbox, Message, Planned, Signature
from stadtmail.mail.queries import NoSuchMessage, Opened
from stadtmail.privacy import units
from stadtmail.vault import blobs
from stadtmail.wire import compose, mime, typed

MOST_BYTES = 50 * 1024 * 1024  # of a message with its attachments, as they are encoded: what submission takes as well
MOST_FILES = 50
MOST_SIGNATURE = 4_000  # signs
LARGE_AT_ONCE = 2  # messages that this process has in memory while they are put together
_large = BoundedSemaphore(LARGE_AT_ONCE)


class TooLarge(errors.OverQuota):
    """The message with its attachments is larger than what can be sent."""


class IsPlanned(errors.Conflict):
    """The draft waits to be sent: its plan has to be stopped before it is changed."""


class _Raced(Exception):
    """The older self went while the new one was being written."""


@dataclass(frozen=True)
class Saved:
    """Where the draft lies now. `apart`: its older self had been changed, sent or planned elsewhere, so it is a draft of its own."""

    uid: int
    message: UUID
    ident: UUID
    apart: bool


class Upload:
    """A file on its way in: sealed under a key that only this request has, so that a slow sender costs no memory and leaves nothing."""

    def __init__(self, filename: str, tenant: UUID) -> None:
        self.filename, self.size = filename, 0
        self._key, self._tenant = urandom(32), tenant
        self._writer = blobs.Writer(key=self._key, tenant=tenant, category="INH")
        self._blob: UUID | None = None

    def write(self, piece: bytes) -> None:
        """Take a piece. Raises OSError."""
        self.size += len(piece)
        self._writer.write(piece)

    def finish(self) -> None:
        """It is whole."""
        self._blob = self._writer.finish()

    def pieces(self) -> Iterator[bytes]:
        """What came."""
        assert self._blob is not None
        return blobs.get(self._blob, key=self._key, tenant=self._tenant, category="INH")

    def forget(self) -> None:
        """Remove it: a draft has it now, or nobody. Idempotent."""
        if self._blob is not None:
            blobs.delete([self._blob])
        else:
            with suppress(OSError, ValueError):
                self._writer.abandon()


def save(
    o: Opened, written: Draft, *, sender: typed.Person, drop: Collection[str] = (), uploads: Sequence[Upload] = (), now: datetime
) -> Saved:  # fmt: skip
    """Save what was written; `written.uid` says which draft it was, `drop` which of its attachments go.

    Raises TooLarge, filing.MailboxFull, filing.MailboxClosed, units.Gone.
    """
    with _large:
        while True:
            with suppress(_Raced):
                return _save(o, written, sender, (drop, uploads), now)


def pass_on(o: Opened, written: Draft, number: int, uid: int, *, sender: typed.Person, whole: bool, now: datetime) -> Saved:
    """A draft that passes a message on: with its attachments, or with all of it as one. Raises as `save`, NoSuchMessage."""
    with _large:
        if whole:
            name = f"{drafts.heading(o, number, uid).subject or 'nachricht'}.eml"
            files = [compose.File("message/rfc822", name, "8bit", queries.raw(o, number, uid))]
        else:
            files = list(_attachments(o, number, uid, ()))
        return _write(o, _raw(o, written, sender, files, now), written.ident, None, now=now)


def discard(o: Opened, uid: int, *, now: datetime) -> None:  # noqa: ARG001
    """Delete a draft for good. Idempotent. Raises IsPlanned."""
    with store.writing():
        place = locked(o, drafts.folder(o, drafts.DRAFTS).id)
        found = Message.objects.filter(folder=place, uid=uid).values_list("id", flat=True).first()
        if found is None:
            return
        if Planned.objects.filter(message=found).exists():
            raise IsPlanned
        remove(o, place, found, uid)


def remove(o: Opened, place: Folder, message: UUID, uid: int) -> None:
    """Take a draft out of its locked folder. Call inside `store.writing()`."""
    Folder.objects.filter(id=place.id).update(modseq=place.modseq + 1)
    removing.delete_ids([message], mailbox=o.mailbox.id, halves=o.halves)
    removing.remember(place.id, [uid], modseq=place.modseq + 1)


def sign(o: Opened, text: str, *, now: datetime) -> None:  # noqa: ARG001
    """Keep what the person puts under their messages; nothing is kept of an empty text. Raises units.Gone."""
    text = text.replace("\r\n", "\n").strip("\n")[:MOST_SIGNATURE]
    with store.writing():
        box = store.locked(Mailbox.objects.filter(id=o.mailbox.id)).select_related("unit").first()
        if not isinstance(box, Mailbox) or box.unit is None:
            raise units.Gone
        if text.strip():
            Signature.objects.update_or_create(unit=box.unit, defaults={"text": units.seal(box.unit, "signature", text)})
        else:
            Signature.objects.filter(unit=box.unit)._raw_delete("default")


def _save(
    o: Opened, written: Draft, sender: typed.Person, changes: tuple[Collection[str], Sequence[Upload]], now: datetime
) -> Saved:  # fmt: skip
    drop, uploads = changes
    older = _older(o, written.uid)
    source, is_apart = older, False
    if older is None or older.planned is not None:
        known = written.uid if older is not None else drafts.of_ident(o, written.ident)
        source = drafts.draft(o, known) if known else None
        is_apart = bool(written.uid) or source is not None or drafts.sent(o, written.ident) is not None
        older, written = None, replace(written, ident=uuid4()) if is_apart else written
    if source is None:
        written = _of_original(o, written)
    else:
        written = replace(written, in_reply_to=source.in_reply_to, references=source.references, original=source.original)
    files = list(_attachments(o, drafts.folder(o, drafts.DRAFTS).number, source.uid, drop)) if source is not None else []
    files += [compose.File(compose.type_of(one.filename), one.filename, "base64", compose.encoded(one.pieces())) for one in uploads]
    if sum(one.size for one in uploads) * 4 // 3 > MOST_BYTES or len(files) > MOST_FILES:
        raise TooLarge
    return replace(_write(o, _raw(o, written, sender, files, now), written.ident, older, now=now), apart=is_apart)


def _older(o: Opened, uid: int) -> Draft | None:
    if not uid:
        return None
    try:
        return drafts.draft(o, uid)
    except NoSuchMessage:
        return None


def _of_original(o: Opened, written: Draft) -> Draft:
    """Which message is answered, from that message itself: what a form claims is only which one."""
    how, _, name = written.original.partition(" ")
    try:
        message = UUID(name)
    except ValueError:
        return replace(written, original="", in_reply_to="", references="")
    row = Message.objects.filter(id=message, folder__mailbox=o.mailbox).values_list("folder__number", "uid").first()
    if row is None or how not in (drafts.REPLY, drafts.FORWARD):
        return replace(written, original="", in_reply_to="", references="")
    envelope = drafts.heading(o, *row)
    references = compose.references(envelope.references, envelope.in_reply_to, envelope.message_id)
    return replace(written, in_reply_to=envelope.message_id if how == drafts.REPLY else "", references=references)


def _attachments(o: Opened, number: int, uid: int, drop: Collection[str]) -> Iterator[compose.File]:
    """The attachments of a message, encoded as they are where that may be sent on."""
    row, record = queries.record(o, number, uid)
    root = record.envelope(bytes(row.envelope)).root
    shown = mime.shown(root)
    wanted = [part for part in (*shown.attachments, *shown.pictures) if part.id not in drop]
    raw = b"".join(bodies.raw(row, record)) if wanted else b""
    for part in wanted[:MOST_FILES]:
        content = raw[part.body : part.end]
        if part.type == "message/rfc822" and not part.encoding:
            yield compose.File(part.type, part.saved_as, "8bit", [content])
        elif part.encoding:
            kind = part.type if part.type != "message/rfc822" else "application/octet-stream"
            yield compose.File(kind, part.saved_as, part.encoding, [content], part.charset)
        else:
            yield compose.File(part.type, part.saved_as, "base64", compose.encoded([content]), part.charset)


def _write(o: Opened, raw: bytes, ident: UUID, older: Draft | None, *, now: datetime) -> Saved:
    if len(raw) > MOST_BYTES:
        raise TooLarge
    place = drafts.folder(o, drafts.DRAFTS)
    new = filing.sealed(o, filing.New(raw, DRAFT | SEEN, now))
    try:
        with store.writing():
            if older is not None and older.message is not None:
                row = Message.objects.filter(folder=place, id=older.message).first()
                if row is None or Planned.objects.filter(message=older.message).exists():
                    raise _Raced
                remove(o, locked(o, place.id), row.id, row.uid)
            there = filing.placed(o, place.id, [(new, DRAFT | SEEN)], now)
    except BaseException:
        filing.forget([(new, 0)])
        raise
    return Saved(there.uids[0], new.id, ident, apart=False)


def _raw(o: Opened, written: Draft, sender: typed.Person, files: Sequence[compose.File], now: datetime) -> bytes:
    kept = {"sender": written.sender, "to": written.to, "cc": written.cc, "bcc": written.bcc, "original": written.original}
    to, cc, bcc = (typed.read(text).people for text in (written.to, written.cc, written.bcc))
    letter = compose.Letter(
        sender=sender, to=to, cc=cc, bcc=bcc, subject=written.subject, text=written.text, html=written.html,
        message_id=f"<{written.ident}@{o.mailbox.tenant.domain}>", in_reply_to=written.in_reply_to, references=written.references,
        draft=drafts.kept_fields(kept), receipt=written.receipt,
    )  # fmt: skip
    return compose.message(letter, files, now=now, boundary=f"=_{uuid4().hex}")
