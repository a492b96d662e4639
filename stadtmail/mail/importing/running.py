"""The work of an import, in a thread of the work role: portion by portion, each durable with the place that it has come to.

Killed at any moment it goes on from there; what had come already is known by Message-ID and size and not taken twice. Those marks
are keyed by a random key and live in this thread's memory.
"""

import hmac
import os
import threading
from contextlib import closing
from datetime import datetime
from io import RawIOBase
from typing import Any
from uuid import UUID

from django.db import connections

from stadtmail.kit import clock, errors, log
from stadtmail.mail import views
from stadtmail.mail.actions import changing, filing, foldering, importing, indexing
from stadtmail.mail.actions.storing import MailboxClosed, MailboxFull
from stadtmail.mail.folders import ANSWERED, DRAFT, FLAGGED, SEEN
from stadtmail.mail.importing import files, guard, remote, report
from stadtmail.mail.index import files as indexes
from stadtmail.mail.index.tables import Index
from stadtmail.mail.models import Import, Mailbox
from stadtmail.mail.queries import Opened
from stadtmail.privacy import units
from stadtmail.vault import blobs, seal

AT_ONCE = 2  # in this process
PORTION, PORTION_BYTES = 50, 8 * 1024 * 1024
MOST_KEYWORDS = 20
_BITS = {"\\seen": SEEN, "\\answered": ANSWERED, "\\flagged": FLAGGED, "\\draft": DRAFT}
_running: set[UUID] = set()
_turn = threading.Lock()


class Stopped(Exception):
    """Its holder has stopped it, or its time is over."""


def begin_waiting(now: datetime) -> int:
    """Work on what waits, each in a thread of its own. Returns how many were begun."""
    with _turn:
        free = AT_ONCE - len(_running)
        rows = importing.claim(now, most=free) if free > 0 else []
        _running.update(row.pk for row in rows)
    for row in rows:
        threading.Thread(target=_run, args=(row,), name="import", daemon=True).start()
    return len(rows)


def _run(row: Import) -> None:
    try:
        work(row)
    except Exception as error:  # noqa: BLE001 - a bug ends this import, and its credentials with it
        log.bug(error, role="mail")
        importing.end(row.pk, now=clock.now())
    finally:
        with _turn:
            _running.discard(row.pk)
        connections.close_all()


def work(row: Import) -> None:
    """Do all of an import and end it. Where the other server is not there it is left to its lease: tried again until its time is over."""
    try:
        job = _Job(row)
        reason = job.run()
    except (units.Gone, Stopped):
        return
    except files.DiskFailed:  # tried again when its lease is over, until its time is
        log.event("import_disk", role="mail")
        return
    except remote.Unreachable:
        if row.position is None and not row.taken:  # never reached: the name may be wrong, so say it at once
            reason = "unreachable"
        else:
            return
    importing.end(row.pk, now=clock.now())
    report.tell(job.o, row, reason, lang=job.lang, now=clock.now())


class _Job:
    def __init__(self, row: Import) -> None:
        self.row, self.o = row, Opened(Mailbox.objects.select_related("tenant").get(id=row.mailbox_id))
        self._secret, self.where = importing.secret(row), importing.position(row)
        self.lang: str = self._secret["lang"]
        self._key, self._known = os.urandom(32), set[bytes]()
        self._waiting: list[tuple[UUID, filing.New]] = []
        self._folders: dict[str, UUID] = {}

    def run(self) -> str:
        """Returns why it ended: a word of report.py. Raises Stopped, units.Gone, remote.Unreachable."""
        try:
            self._learn()
            if self.row.kind == "imap":
                self._from_server()
            else:
                self._from_file()
        except (MailboxFull, MailboxClosed):
            return "full"
        except remote.LoginRefused:
            return "refused"
        except guard.NotPublic:
            return "not_public"
        except guard.NoSuchServer:
            return "no_server"
        except (files.NotMail, files.TooLarge, blobs.BlobGone, seal.Unreadable):
            return "not_mail"
        return "done"

    def _learn(self) -> None:
        """What is here already, as the index knows it."""
        while not indexing.follow(self.o, seconds=5.0):
            self._note()
        for place in indexing.places(self.o):
            for row in indexes.ask(place, _marks) or ():
                self._known.add(self._mark(*row))

    def _mark(self, ident: str, sender: str, subject: str, size: int) -> bytes:
        words = ident.strip() or f"{sender}\0{subject}"
        return hmac.digest(self._key, f"{words}\0{size}".encode("utf-8", "replace"), "sha256")[:16]

    def _from_server(self) -> None:
        given = self._secret
        with remote.Remote(given["host"], given["port"], given["user"], given["password"]) as server:
            for folder in server.folders():
                self._folder(server, folder)

    def _folder(self, server: remote.Remote, folder: remote.RemoteFolder) -> None:
        validity, uids = server.select(folder)
        before = self.where.get(folder.name, [validity, 0, 0])
        last = before[1] if before[0] == validity else 0
        if last == 0:
            self.row.total += len(uids)
        for head in server.heads([uid for uid in uids if uid > last]):
            if head.size_bytes > remote.MOST_MESSAGE:
                self.row.left_out += 1
            elif self._mark(head.ident, head.sender, head.subject, head.size_bytes) in self._known:
                self.row.known += 1
            elif (content := server.message(head.uid)) is not None:
                self._take(content, folder.role, folder.name, head.flags, head.received_at)
            self.where[folder.name] = [validity, head.uid, 0]
            self._store_when_many()
        self._store()

    def _from_file(self) -> None:
        done = self.where.get("messages", 0)
        key = units.key(self.row.unit)
        assert self.row.blob is not None
        with closing(_Sealed(self.row.blob, key, self.row.unit.tenant_id)) as file:
            for number, found in enumerate(files.messages(file, now=clock.now()), 1):  # type: ignore[arg-type]
                if number <= done:
                    continue
                self.row.total = max(self.row.total, number)
                if found.content is None:
                    self.row.left_out += 1
                else:
                    self._take(found.content, "", found.folder or "Import", found.flags, found.received_at)
                self.where["messages"] = number
                self._store_when_many()
        self._store()

    def _take(self, content: bytes, role: str, name: str, flags: tuple[str, ...], received_at: datetime) -> None:
        mail = _facts(content)
        mark = self._mark(*mail, len(content))
        if mark in self._known:
            self.row.known += 1
            return
        self._known.add(mark)
        self._waiting.append((self._place(role, name), filing.New(content, self._flags(flags), received_at)))
        self.row.taken += 1

    def _store_when_many(self) -> None:
        if len(self._waiting) >= PORTION or sum(len(new.content) for _, new in self._waiting) >= PORTION_BYTES:
            self._store()

    def _store(self) -> None:
        """Put what was taken into its folders, then note the place: killed in between, the marks know it."""
        self._ask_whether_it_is_wanted()
        for folder in dict.fromkeys(folder for folder, _ in self._waiting):
            filing.append(self.o, folder, [new for place, new in self._waiting if place == folder], now=clock.now())
        self._waiting.clear()
        self._note()

    def _ask_whether_it_is_wanted(self) -> None:
        if not Import.objects.filter(pk=self.row.pk).exclude(unit__state="erasing").exists():
            raise Stopped

    def _note(self) -> None:
        if not importing.note(self.row, where=self.where, now=clock.now()):
            raise Stopped

    def _place(self, role: str, name: str) -> UUID:
        if name not in self._folders:
            states = views.states(self.o)
            by_role = next((one.id for one in states if role and one.role == role), None)
            self._folders[name] = by_role or next((one.id for one in states if one.name == name), None) or self._made(name)
        return self._folders[name]

    def _made(self, name: str) -> UUID:
        try:
            return foldering.create(self.o, name, now=clock.now())
        except (foldering.BadName, foldering.TooManyFolders):
            return self._place("inbox", "INBOX")
        except foldering.FolderExists:
            return views.named(self.o, name).id

    def _flags(self, names: tuple[str, ...]) -> int:
        bits = sum({_BITS[name.lower()] for name in names if name.lower() in _BITS})
        words = [name for name in names if not name.startswith("\\") and name.isascii() and name.isprintable() and 0 < len(name) <= 60]
        try:
            return bits | changing.keyword_bits(self.o, words[:MOST_KEYWORDS], now=clock.now())
        except errors.StadtmailError:
            return bits


def _marks(index: Index) -> list[Any]:
    return list(index.db.execute("SELECT head.ident, head.sender, head.subject, doc.size FROM head JOIN doc USING (id)"))


def _facts(content: bytes) -> tuple[str, str, str]:
    from stadtmail.mail.index import words
    from stadtmail.wire import mime, mimewords

    mail = mime.parse(content[: 256 * 1024])
    ident, subject = (mimewords.text(mail.first(name))[:1000] for name in (b"message-id", b"subject"))
    return ident, words.people(mimewords.addresses(mail.first(b"from"))), subject


class _Sealed(RawIOBase):
    """An uploaded file, opened chunk by chunk wherever the reader goes; never more than one chunk is plain."""

    def __init__(self, blob: UUID, key: bytes, tenant: UUID) -> None:
        super().__init__()
        self._blob, self._where = blob, {"key": key, "tenant": tenant, "category": importing.CATEGORY}
        self._size, self._at, self._number, self._chunk = blobs.size(blob), 0, -1, b""

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True

    def tell(self) -> int:
        """Where it is."""
        return self._at

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go somewhere."""
        self._at = max(0, offset + (0, self._at, self._size)[whence])
        return self._at

    def read(self, size: int = -1) -> bytes:
        """So many bytes."""
        parts, left = [], self._size - self._at if size < 0 else size
        while left > 0 and (piece := self._piece(left)):
            parts.append(piece)
            self._at += len(piece)
            left -= len(piece)
        return b"".join(parts)

    def _piece(self, most: int) -> bytes:
        number, offset = divmod(self._at, blobs.CHUNK_BYTES)
        if self._at >= self._size:
            return b""
        if number != self._number:
            self._chunk, _ = blobs.chunk(self._blob, number, **self._where)  # type: ignore[arg-type]
            self._number = number
        return self._chunk[offset : offset + most]
