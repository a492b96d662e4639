"""An import begins, is stopped, and ends: at its end its unit is erased by the one path, and a message says what came of it.

Credentials and file lie sealed under that unit for as long as the work takes, and 24 hours at most (rule IMPORT).
"""

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from django.db.models import QuerySet

from stadtmail.kit import errors, log, store
from stadtmail.mail import queries
from stadtmail.mail.models import OPEN, Import, Mailbox
from stadtmail.mail.queries import Opened
from stadtmail.privacy import erasure, events, units
from stadtmail.privacy.models import ERASING
from stadtmail.vault import blobs

CATEGORY, ANCHOR = "IMPORT", "import"
LEASE = timedelta(minutes=3)


class ImportRuns(errors.Conflict):
    """One import at a time: the mailbox has one that is not at its end."""


class MailboxSealed(errors.NotAllowed):
    """An import works while nobody is logged in: a sealed mailbox does not open for it."""


class UploadTooLarge(errors.OverQuota):
    """The file is larger than what may be uploaded."""


@dataclass(frozen=True)
class Progress:
    """How far an import has come."""

    kind: str
    total: int
    taken: int
    known: int
    left_out: int
    runs: bool


class Upload:
    """A file on its way: sealed under the key of the import that it will be. `with` forgets it where nothing came of it."""

    def __init__(self, o: Opened, *, most: int, now: datetime) -> None:
        self._o, self._most, self._size = o, most, 0
        (self._unit,) = units.prepare(o.mailbox.tenant, [_wanted(o)], now=now)
        self._writer = blobs.Writer(key=self._unit.key, tenant=o.mailbox.tenant_id, category=CATEGORY)
        self._blob: UUID | None = None

    def write(self, piece: bytes) -> None:
        """Take a piece. Raises UploadTooLarge, OSError."""
        self._size += len(piece)
        if self._size > self._most:
            raise UploadTooLarge
        self._writer.write(piece)

    def begin(self, *, lang: str, now: datetime) -> None:
        """The file is whole: let the import begin. Raises ImportRuns, MailboxSealed."""
        self._blob = self._writer.finish()
        _begin(self._o, self._unit, "file", {"lang": lang}, blob=self._blob, now=now)
        self._blob = None

    def forget(self) -> None:
        """Remove what was written, unless an import has it."""
        if self._blob is not None:
            blobs.delete([self._blob])
        else:
            with suppress(OSError, ValueError):
                self._writer.abandon()


def begin_imap(o: Opened, *, host: str, port: int, user: str, password: str, lang: str, now: datetime) -> None:
    """Let an import from another provider begin. Raises ImportRuns, MailboxSealed."""
    (unit,) = units.prepare(o.mailbox.tenant, [_wanted(o)], now=now)
    _begin(o, unit, "imap", {"host": host, "port": port, "user": user, "password": password, "lang": lang}, blob=None, now=now)


def progress(o: Opened, *, now: datetime) -> Progress | None:
    """The import of a mailbox, None where none is under way."""
    row = Import.objects.filter(mailbox=o.mailbox).exclude(unit__state=ERASING).first()
    if row is None:
        return None
    runs = row.lease_until is not None and row.lease_until > now
    return Progress(row.kind, row.total, row.taken, row.known, row.left_out, runs)


def stop(o: Opened, *, now: datetime) -> None:
    """End an import at once: what it has brought stays, its credentials go. Idempotent."""
    row = Import.objects.filter(mailbox=o.mailbox).exclude(unit__state=ERASING).first()
    if row is not None:
        end(row.unit_id, now=now)


def claim(now: datetime, *, most: int) -> list[Import]:
    """Imports that nobody works on, with a lease for whoever asks."""
    with store.writing():
        free = _allowed().exclude(lease_until__gt=now).order_by("pk")[:most]
        rows = list(store.locked(Import.objects.filter(pk__in=[row.pk for row in free])).select_related("unit__tenant", "mailbox__tenant"))
        for row in rows:
            row.lease_until = now + LEASE
            Import.objects.filter(pk=row.pk).update(lease_until=row.lease_until)
    return rows


def secret(row: Import) -> dict[str, Any]:
    """Server and credentials. Raises units.Gone."""
    found: dict[str, Any] = json.loads(units.unseal(row.unit, "secret", row.secret))
    return found


def position(row: Import) -> dict[str, Any]:
    """How far it had come. Raises units.Gone."""
    found: dict[str, Any] = json.loads(units.unseal(row.unit, "position", row.position)) if row.position else {}
    return found


def note(row: Import, *, where: dict[str, Any], now: datetime) -> bool:
    """Keep how far it has come, and the lease. False: it was stopped, is being erased, or its contract has ended."""
    try:
        sealed = units.seal(units.unit(row.unit.tenant, row.unit_id), "position", json.dumps(where))
    except units.Gone:
        return False
    with store.writing():
        return bool(
            _allowed().filter(pk=row.pk).update(
                position=sealed, lease_until=now + LEASE, total=row.total, taken=row.taken, known=row.known, left_out=row.left_out
            )
        )  # fmt: skip


def end_with_contracts(now: datetime) -> int:
    """No import outlives its contract, and nor do its credentials (C-2.8). Returns how many ended."""
    ids = list(Import.objects.filter(mailbox__contract__state="ended").exclude(unit__state=ERASING).values_list("pk", flat=True))
    for unit in ids:
        end(unit, now=now)
    return len(ids)


def end(unit_id: UUID, *, now: datetime) -> None:
    """The import is over: its unit goes now. What cannot be erased now is due, and the sweep's."""
    row = Import.objects.filter(pk=unit_id).select_related("unit__tenant").first()
    if row is None:
        return
    with store.writing():
        events.record(tenant=row.unit.tenant, anchor_kind=ANCHOR, anchor=row.unit.anchor, name="import_end", at=now, now=now)
    try:
        erasure.erase([unit_id], tenant=row.unit.tenant, now=now, cause="deleted")
    except errors.TryLater as error:
        log.event("erasure_repeated", error=type(error).__name__)


def purge(ids: Sequence[UUID]) -> int:
    """Rows and files of these units."""
    rows = Import.objects.filter(unit__in=ids)
    blobs.delete([blob for blob in rows.values_list("blob", flat=True) if blob is not None])
    return rows._raw_delete("default")


def left(ids: Sequence[UUID]) -> int:
    """Rows of these units that are still there: their files go before them."""
    return Import.objects.filter(unit__in=ids).count()


def _allowed() -> "QuerySet[Import]":
    """Imports that may go on."""
    return Import.objects.exclude(unit__state=ERASING).exclude(mailbox__contract__state="ended")


def _wanted(o: Opened) -> units.Wanted:
    contract = o.mailbox.contract
    return units.Wanted(CATEGORY, ANCHOR, uuid4(), contract.person_id if contract is not None else None)


def _begin(o: Opened, unit: units.Prepared, kind: str, values: dict[str, Any], *, blob: UUID | None, now: datetime) -> None:
    sealed = units.seal(unit, "secret", json.dumps(values))
    with store.writing():
        box = store.locked(Mailbox.objects.filter(id=o.mailbox.id, state=OPEN)).first()
        if box is None or Import.objects.filter(mailbox=o.mailbox).exists():
            raise ImportRuns
        if queries.is_sealed(o.mailbox):
            raise MailboxSealed
        units.save([unit])
        Import.objects.create(unit_id=unit.id, mailbox=o.mailbox, kind=kind, secret=sealed, blob=blob)
        events.record(tenant=unit.tenant, anchor_kind=ANCHOR, anchor=unit.wanted.anchor, name="import_begin", at=now, now=now)
