"""Mail arrives. A 250 means stored: the future of a delivery is resolved after the commit and never before (law 6).

Sealing happens in the caller's thread, outside of any transaction. One writer thread puts up to 256 waiting deliveries into
one transaction; no delay is needed, the batch forms while the last one is being synced.
"""

import queue
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.db import connection, connections

from stadtmail.kit import errors, log, store
from stadtmail.mail import envelope, sealing
from stadtmail.mail.actions import repeats, rolekeys, storing
from stadtmail.mail.actions.incoming import Incoming
from stadtmail.mail.actions.storing import MailboxClosed, MailboxFull
from stadtmail.mail.models import OPEN, Mailbox, Message
from stadtmail.people import queries as people
from stadtmail.privacy.models import ERASING, LIVE
from stadtmail.tenants import queries as tenants
from stadtmail.vault import blobs

__all__ = ["Answers", "Incoming", "MailboxClosed", "MailboxFull", "NoSuchMailbox", "Recipient", "Writer", "recipient"]

MOST_IN_BATCH = 256
LARGE_AT_ONCE = 2  # messages over 64 KiB that are opened in memory at the same time
_WAY = """
    SELECT box.id, box.role, box.state, box.used_bytes, box.quota_bytes, address.open, pair.unit_id, pair.public, unit.state
    FROM people_address address
    JOIN mail_route route ON route.address_id = address.id
    JOIN mail_mailbox box ON box.id = route.mailbox_id
    LEFT JOIN mail_mailboxkey pair ON pair.mailbox_id = box.id AND pair.current
    LEFT JOIN privacy_unit unit ON unit.id = pair.unit_id
    WHERE address.tenant_id = %s AND address.blind = %s"""
Recipient = sealing.Target
Answers = list[errors.StadtmailError | None]


class NoSuchMailbox(errors.NotFound):
    """Nobody has this address (550)."""


class NotOurDomain(NoSuchMailbox, tenants.NoSuchCity):
    """No city has this domain: a door answers that it relays nothing (550 5.7.1)."""


class NotStored(errors.TryLater):
    """The message could not be stored now; nothing of it remains (4xx)."""


def recipient(address: str, *, now: datetime, size_bytes: int = 0) -> Recipient:
    """The mailbox that an address leads to, whatever its case; anna+anything@ is anna@ (RFC 5233).

    `size_bytes`: what the sender has announced (RFC 1870), so that one full mailbox is told apart from the others at once.
    Raises NoSuchMailbox, MailboxClosed or MailboxFull.
    """
    localpart, _, domain = address.strip().rpartition("@")
    if len(localpart) > 1 and localpart[0] == localpart[-1] == '"':  # RFC 5321 4.1.2
        localpart = localpart[1:-1].replace("\\", "")
    try:
        tenant = tenants.city_of_domain(domain)
    except tenants.NoSuchCity:
        raise NotOurDomain from None
    digest = people.address_digest(tenant, localpart.partition("+")[0])
    found = store.select(_WAY, [tenant.id, digest])
    if not found:
        raise NoSuchMailbox
    mailbox, role, state, used, quota, address_open, pair, public, pair_state = found[0]
    if not address_open or state != OPEN:
        raise MailboxClosed
    if role:
        current = rolekeys.current(Mailbox.objects.get(id=mailbox), now=now)
        pair, public, pair_state = current.unit_id, current.public, LIVE
    if pair is None or pair_state == ERASING:
        raise MailboxClosed
    if used >= quota or used + size_bytes > quota:
        raise MailboxFull
    return Recipient(tenant.id, store.as_id(mailbox), role, store.as_id(pair), bytes(public))


@dataclass(eq=False)
class _Job:
    """One submission: what was sealed (one a mailbox), and to whom each answer belongs."""

    sealed: list[sealing.Sealed]
    marks: list[bytes]
    mailboxes: list[UUID]
    known: set[UUID] = field(default_factory=set)  # of `sealed`: the mailbox has it from an earlier try of the sender
    future: "Future[Answers]" = field(default_factory=Future)

    def answer(self, answers: Sequence[errors.StadtmailError | None]) -> None:
        """Resolve the future: an answer for each recipient, in order."""
        of = dict(zip((one.target.mailbox for one in self.sealed), answers, strict=True))
        if self.future.set_running_or_notify_cancel():  # who gave up waiting must not take the writer along
            self.future.set_result([of[mailbox] for mailbox in self.mailboxes])


class Writer:
    """Takes deliveries of all doors of a process and commits them in groups. `step(n)` is called after each step, for tests
    that crash: 1 sealed, 2 blob durable, 3 in the transaction, 4 committed, 5 answered."""

    def __init__(self, *, step: sealing.Step = lambda _: None) -> None:
        self._step = step
        self._queue: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._large = threading.BoundedSemaphore(LARGE_AT_ONCE)
        self._turn = threading.Lock()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to write."""
        with self._turn:
            assert self._thread is None
            self._thread = threading.Thread(target=self._run, name="deliveries")
            self._thread.start()

    def stop(self) -> None:
        """Commit what waits, then end. Later submissions are answered "try later"."""
        with self._turn:
            thread, self._thread = self._thread, None
            if thread is not None:
                self._queue.put(None)
        if thread is not None:
            thread.join()

    def submit(self, message: bytes | Incoming, recipients: Sequence[Recipient], *, received: bytes, now: datetime) -> "Future[Answers]":
        """Deliver a message to mailboxes; one that is named twice gets it once. `received` goes before the message.

        The future's answers are None (stored, durable) or MailboxClosed, MailboxFull, NotStored, one a recipient, in order.
        Seals in the calling thread: for a large message a door calls this in a thread of its own.
        """
        try:
            sealed, marks = self._sealed(message, recipients, received, now)
        except OSError as error:  # the disk is full or gone
            log.bug(error, role="delivery")
            return _refused(recipients)
        job = _Job(sealed, marks, [one.mailbox for one in recipients])
        with self._turn:
            if self._thread is None:
                _forget_blobs(sealed)
                return _refused(recipients)
            self._queue.put(job)
        return job.future

    def _sealed(
        self, message: bytes | Incoming, recipients: Sequence[Recipient], received: bytes, now: datetime
    ) -> tuple[list[sealing.Sealed], list[bytes]]:
        with nullcontext() if len(message) <= sealing.MOST_IN_ROW else self._large:
            content = bytes(message)
            sealed = self._seal_all(received + content, recipients, now)
            return sealed, repeats.marks(content, sealed)

    def _seal_all(self, raw: bytes, recipients: Sequence[Recipient], now: datetime) -> list[sealing.Sealed]:
        plain = envelope.packed(envelope.summary(raw, now=now))
        sealed: list[sealing.Sealed] = []
        try:
            for target in {one.mailbox: one for one in recipients}.values():
                sealed.append(sealing.sealed(raw, target, plain, now=now, step=self._step))
        except OSError:
            _forget_blobs(sealed)
            raise
        return sealed

    def _run(self) -> None:
        while (first := self._queue.get()) is not None:
            batch: list[_Job] = [first]
            try:
                while len(batch) < MOST_IN_BATCH:
                    job = self._queue.get_nowait()
                    if job is None:
                        self._queue.put(None)  # the end is seen again after this batch
                        break
                    batch.append(job)
            except queue.Empty:
                pass
            self._commit(batch)
        connections.close_all()

    def _commit(self, batch: list[_Job], *, again: bool = False) -> None:
        try:
            answers = self._stored(batch, again)
        except Exception as error:  # noqa: BLE001 - whatever it was: no 250, and each of the batch gets a try of its own
            connection.close_if_unusable_or_obsolete()  # a lost connection to PostgreSQL is made anew
            if not again:
                for job in batch:
                    self._commit([job], again=True)
                return
            log.bug(error, role="delivery")
            batch[0].answer([NotStored() for _ in batch[0].sealed])  # its blobs are left to the job: the commit may have come through
            return
        for job in batch:
            own, answers = answers[: len(job.sealed)], answers[len(job.sealed) :]
            _forget_blobs([one for one, answer in zip(job.sealed, own, strict=True) if answer is not None or one.id in job.known])
            job.answer(own)
        self._step(5)

    def _stored(self, batch: list[_Job], again: bool) -> Answers:
        sealed = [one for job in batch for one in job.sealed]
        with store.writing():
            # after a commit whose answer was lost the rows are there: they count, and are not written twice
            known = set(Message.objects.filter(id__in=[one.id for one in sealed]).values_list("id", flat=True)) if again else set()
            wanted = {one.id: mark for job in batch for one, mark in zip(job.sealed, job.marks, strict=True) if one.id not in known}
            repeated = repeats.known(wanted)
            known |= repeated
            fresh = iter(storing.place([one for one in sealed if one.id not in known]))
            answers = [None if one.id in known else next(fresh) for one in sealed]
            _remember(batch, answers)
            self._step(3)
        self._step(4)
        for job in batch:
            job.known = repeated & {one.id for one in job.sealed}
        return answers


def _remember(batch: Sequence[_Job], answers: Answers) -> None:
    """One reply for all (RFC 5321): where some mailboxes took the message and some did not, its sender will come again."""
    at = 0
    for job in batch:
        own = answers[at : at + len(job.sealed)]
        at += len(job.sealed)
        if any(answer is None for answer in own) and any(answer is not None for answer in own):
            repeats.remember((one, mark) for one, mark, answer in zip(job.sealed, job.marks, own, strict=True) if answer is None)


def _refused(recipients: Sequence[Recipient]) -> "Future[Answers]":
    future: Future[Answers] = Future()
    future.set_result([NotStored() for _ in recipients])
    return future


def _forget_blobs(sealed: Sequence[sealing.Sealed]) -> None:
    """Bytes that got no row. What cannot be unlinked now, the hourly look for lost blobs removes."""
    try:
        blobs.delete([one.blob for one in sealed if one.blob is not None])
    except OSError:
        log.event("blob_left", count=len(sealed))
