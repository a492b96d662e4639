"""Mail arrives. A 250 means stored: the future of a delivery is resolved after the commit and never before (law 6).

Sealing happens in the caller's thread, outside of any transaction. One writer thread puts up to 256 waiting deliveries into
one transaction; a message that comes alone waits for nobody, and where several come it is three milliseconds.
"""

import queue
import threading
import time
from collections.abc import Container, Mapping, Sequence
from concurrent.futures import Future
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from django.db import connection, connections

from stadtmail.kit import errors, log, store
from stadtmail.mail import deciding, envelope, sealing
from stadtmail.mail.actions import passing, remembering, repeats, rolekeys, storing
from stadtmail.mail.actions.incoming import Incoming
from stadtmail.mail.actions.passing import Enqueue
from stadtmail.mail.actions.storing import MailboxClosed, MailboxFull
from stadtmail.mail.inbound import judging
from stadtmail.mail.inbound.judging import Refused
from stadtmail.mail.models import OPEN, DeliveryKey, Mailbox, Message
from stadtmail.mail.spam import filters
from stadtmail.mail.verdicts import Verdict
from stadtmail.people import queries as people
from stadtmail.privacy import units
from stadtmail.privacy.models import ERASING, LIVE
from stadtmail.tenants import queries as tenants
from stadtmail.tenants.models import Tenant
from stadtmail.vault import blobs, keys
from stadtmail.wire import authres
from stadtmail.wire.sieveactions import Mark

__all__ = ["Answers", "Incoming", "MailboxClosed", "MailboxFull", "NoSuchMailbox", "Recipient", "Rejected", "Writer", "recipient"]

MOST_IN_BATCH = 256
GATHER_SECONDS = 0.003  # for more to come, where the last batch had more than one message: a commit costs more than what is in it
LIGHT = 4  # recipients of a message that is sealed in a door's event loop
LARGE_AT_ONCE = 2  # messages over 64 KiB that are opened in memory at the same time
_WAY = """
    SELECT box.id, box.role, box.state, box.used_bytes, box.quota_bytes, box.script, address.open, pair.unit_id, pair.public, unit.state,
        junk.delivery_id
    FROM tenants_tenant city
    JOIN people_address address ON address.tenant_id = city.id
    JOIN mail_route route ON route.address_id = address.id
    JOIN mail_mailbox box ON box.id = route.mailbox_id
    LEFT JOIN mail_mailboxkey pair ON pair.mailbox_id = box.id AND pair.current
    LEFT JOIN privacy_unit unit ON unit.id = pair.unit_id
    LEFT JOIN mail_deliverykey own ON own.mailbox_id = box.id
    LEFT JOIN mail_junkfilter junk ON junk.delivery_id = own.unit_id
    WHERE city.id = %s AND city.domain = %s AND city.is_open AND address.blind = %s"""
Recipient = sealing.Target
Answers = list[errors.StadtmailError | None]
Verdicts = Mapping[UUID, Verdict | None]  # by mailbox
_cities: dict[str, Tenant] = {}  # by the domain that was asked for; whether it is still so, each statement looks at


class NoSuchMailbox(errors.NotFound):
    """Nobody has this address (550)."""


class NotOurDomain(NoSuchMailbox, tenants.NoSuchCity):
    """No city has this domain: a door answers that it relays nothing (550 5.7.1)."""


class Rejected(errors.NotAllowed):
    """The recipient's filter refuses the message (550). `reason`: the recipient's words, for the sender only."""

    def __init__(self, reason: str) -> None:
        super().__init__()
        self.reason = reason


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
    domain = domain.strip().lower().rstrip(".")
    found, tenant = _way(domain, localpart.partition("+")[0])
    mailbox, role, state, used, quota, script, address_open, pair, public, pair_state, junk = found
    if not address_open or state != OPEN:
        raise MailboxClosed
    if role:
        current = rolekeys.current(Mailbox.objects.get(id=mailbox), now=now)
        pair, public, pair_state = current.unit_id, current.public, LIVE
    if pair is None or pair_state == ERASING:
        raise MailboxClosed
    if used >= quota or used + size_bytes > quota:
        raise MailboxFull
    ids = (store.as_id(one) if one else None for one in (script, junk))
    return Recipient(tenant, store.as_id(mailbox), role, store.as_id(pair), bytes(public), f"{localpart}@{domain}", *ids)


def _way(domain: str, localpart: str) -> tuple[tuple[Any, ...], UUID]:
    """What is stored about an address, in one statement where its domain was asked for before; and its city."""
    known = _cities.get(domain)
    found: list[tuple[Any, ...]] = []
    if known is not None:
        try:
            found = _stored_way(known, domain, localpart)
        except keys.CityKeyLost:  # of a city that is gone, perhaps, and another one has its domain
            known = None
    if not found:
        try:
            tenant = tenants.city_of_domain(domain)
        except tenants.NoSuchCity:
            raise NotOurDomain from None
        if known is None or known.id != tenant.id:
            found, known = _stored_way(tenant, domain, localpart), tenant
    if not found or known is None:
        raise NoSuchMailbox
    _cities[domain] = known
    return found[0], known.id


def _stored_way(tenant: Tenant, domain: str, localpart: str) -> list[tuple[Any, ...]]:
    return store.select(_WAY, [tenant.id, domain, people.address_digest(tenant, localpart)])


def is_light(recipients: Sequence[Recipient]) -> bool:
    """Does a small message to these ask nothing but what is at hand, so that a door may hand it over in its event loop?"""
    return len(recipients) <= LIGHT and all(one.script is None and one.filter is None for one in recipients)


@dataclass(eq=False)
class Job:
    """One message: what was sealed, to whom each answer belongs, and what is settled already (refused, or put nowhere)."""

    sealed: list[sealing.Sealed]
    mailboxes: list[UUID]
    at: datetime
    settled: dict[UUID, errors.StadtmailError | None] = field(default_factory=dict)
    notes: list[tuple[UUID, DeliveryKey, Mark]] = field(default_factory=list)  # what filters remember once it is stored
    marks: list[bytes] = field(default_factory=list)  # one for each of `sealed`, by which it is known when it comes again
    known: set[UUID] = field(default_factory=set)  # of `sealed`: the mailbox has it from an earlier try of the sender
    future: "Future[Answers]" = field(default_factory=Future)

    def answer(self, answers: Sequence[errors.StadtmailError | None]) -> None:
        """Resolve the future: an answer for each recipient, in order."""
        of = self.settled | dict(zip((one.target.mailbox for one in self.sealed), answers, strict=True))
        if self.future.set_running_or_notify_cancel():  # who gave up waiting must not take the writer along
            self.future.set_result([of[mailbox] for mailbox in self.mailboxes])


class Writer:
    """Takes deliveries of all doors of a process and commits them in groups. `step(n)` is called after each step, for tests
    that crash: 1 sealed, 2 blob durable, 3 in the transaction, 4 committed, 5 answered."""

    def __init__(self, *, enqueue: Enqueue | None = None, step: sealing.Step = lambda _: None, names: Sequence[str] = ()) -> None:
        self._step, self._enqueue = step, enqueue
        self._names = tuple(names)  # in which nobody but us may say what was found (RFC 8601 5)
        self._queue: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
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

    def submit(
        self, message: bytes | Incoming, recipients: Sequence[Recipient], *, received: bytes, now: datetime, verdict: Verdict | None = None
    ) -> "Future[Answers]":
        """Deliver a message to mailboxes; one that is named twice gets it once. `received` goes before the message.

        Each mailbox's filter is asked first; what it wants sent out is durable before the message is. The future's answers are
        None (stored, durable) or MailboxClosed, MailboxFull, NotStored, Rejected, one a recipient, in order, or Refused for all.
        Seals in the calling thread: for a large message a door calls this in a thread of its own.
        """
        try:
            verdicts = judging.judged(verdict, recipients)
            job = self._job(message, recipients, received, now, verdicts)
        except Refused as refused:
            return _answered([refused] * len(recipients))
        except OSError as error:  # the disk is full or gone
            log.bug(error, role="delivery")
            return _refused(recipients)
        with self._turn:
            if self._thread is None:
                forget_blobs(job.sealed)
                return _refused(recipients)
            self._queue.put(job)
        return job.future

    def prepared(self, message: bytes, recipients: Sequence[Recipient], *, received: bytes, now: datetime, own: bool = False) -> Job:
        """Ask the filters and seal, for whoever places the job in a transaction of their own. Raises OSError where the disk is full."""
        return self._job(message, recipients, received, now, judging.judged(None, recipients), own=own)

    def _job(
        self, message: bytes | Incoming, recipients: Sequence[Recipient], received: bytes, now: datetime, verdicts: Verdicts, *,
        own: bool = False,
    ) -> Job:  # fmt: skip
        with nullcontext() if len(message) <= sealing.MOST_IN_ROW else self._large:
            content = bytes(message)
            job = self._seal_all(self._whole(content, received, verdicts), recipients, received, now, verdicts, own=own)
            job.marks = repeats.marks(content, job.sealed)
            return job

    def _whole(self, content: bytes, received: bytes, verdicts: Verdicts) -> bytes:
        """The message as it is stored: behind our lines, and without what only we may say."""
        found = next((one.authentication_results for one in verdicts.values() if one is not None), b"")
        return received + found + authres.cleaned(content, servers=self._names)

    def _seal_all(
        self, raw: bytes, recipients: Sequence[Recipient], received: bytes, now: datetime, verdicts: Verdicts, *, own: bool
    ) -> Job:
        found = envelope.OWN if own else next((one.told for one in verdicts.values() if one is not None), "")
        plain = envelope.packed(envelope.summary(raw, now=now, found=found))
        job = Job([], [one.mailbox for one in recipients], now)
        targets = {one.mailbox: one for one in recipients}
        verdicts = filters.asked(verdicts, targets, raw)
        rulings = {} if _is_simple(targets, verdicts) else self._decided(targets, raw, _sender(received), now, verdicts)
        try:
            for mailbox, target in targets.items():
                ruling = rulings.get(mailbox, deciding.INBOX)
                copies = uuid4() if len(ruling.places) > 1 else None
                for place in ruling.places:
                    job.sealed.append(
                        sealing.sealed(
                            raw, target, plain, now=now, folder=place.folder, flags=place.flags, delivery=copies, step=self._step
                        )
                    )
                if not ruling.places:
                    job.settled[mailbox] = None if ruling.reject is None else Rejected(ruling.reject)
                if ruling.key is not None:
                    job.notes += [(mailbox, ruling.key, mark) for mark in ruling.marks]
        except OSError:
            forget_blobs(job.sealed)
            raise
        return job

    def _decided(
        self, targets: dict[UUID, Recipient], raw: bytes, sender: str, now: datetime, verdicts: Verdicts
    ) -> dict[UUID, deciding.Decision]:
        """What each mailbox's filter wants, sent out as far as it goes out. Refusing is for all, or told by a message."""
        found = {box: deciding.decide(target, raw, verdicts[box], sender=sender, now=now) for box, target in targets.items()}
        if all(one.reject is not None for one in found.values()):
            return found
        out = {"sender": sender, "enqueue": self._enqueue, "now": now}
        return {
            mailbox: passing.carry_out(one, targets[mailbox], raw, verdicts[mailbox], **out)  # type: ignore[arg-type]
            if one.reject is None
            else passing.refuse(one, targets[mailbox], raw, verdicts[mailbox], **out)  # type: ignore[arg-type]
            for mailbox, one in found.items()
        }

    def _run(self) -> None:
        batch: list[Job] = []
        while (first := self._queue.get()) is not None:
            if len(batch) > 1:
                time.sleep(GATHER_SECONDS)
            batch = [first]
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

    def _commit(self, batch: list[Job], *, again: bool = False) -> None:
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
            forget_blobs([one for one, answer in zip(job.sealed, own, strict=True) if answer is not None or one.id in job.known])
            job.answer(own)
        self._step(5)

    def _stored(self, batch: list[Job], again: bool) -> Answers:
        sealed = [one for job in batch for one in job.sealed]
        with store.writing():
            # after a commit whose answer was lost the rows are there: they count, and are not written twice
            known = set(Message.objects.filter(id__in=[one.id for one in sealed]).values_list("id", flat=True)) if again else set()
            wanted = {one.id: mark for job in batch for one, mark in zip(job.sealed, job.marks, strict=True) if one.id not in known}
            repeated = repeats.known(wanted)
            answers = place(batch, known | repeated)
            _expect_again(batch, answers)
            self._step(3)
        self._step(4)
        for job in batch:
            job.known = repeated & {one.id for one in job.sealed}
        return answers


def place(batch: Sequence[Job], known: Container[UUID] = ()) -> Answers:
    """Put what was sealed into its mailboxes, except what is known to lie there; for each, None or why not. Inside `store.writing()`."""
    sealed = [one for job in batch for one in job.sealed]
    fresh = iter(storing.place([one for one in sealed if one.id not in known]))
    answers = [None if one.id in known else next(fresh) for one in sealed]
    _remember(batch, sealed, answers)
    return answers


def _is_simple(targets: Mapping[UUID, Recipient], verdicts: Verdicts) -> bool:
    """Nobody has a filter and nothing is suspicious: most mail, and it costs nothing more than before."""
    return all(one.script is None for one in targets.values()) and not any(one and one.is_junk for one in verdicts.values())


def _sender(received: bytes) -> str:
    """Who the door says the message comes from; empty for a bounce, or where it does not say."""
    line = next((line for line in received.split(b"\r\n") if line[:12].lower() == b"return-path:"), b"")
    return line[12:].strip().removeprefix(b"<").removesuffix(b">").decode("utf-8", "replace")


def _remember(batch: Sequence[Job], sealed: Sequence[sealing.Sealed], answers: Answers) -> None:
    """Filters remember what was stored, in the same transaction: what failed may come again, and is then no duplicate."""
    if not any(job.notes for job in batch):
        return
    failed = {(one.target.mailbox, one.id) for one, answer in zip(sealed, answers, strict=True) if answer is not None}
    for job in batch:
        own = {one.target.mailbox for one in job.sealed if (one.target.mailbox, one.id) in failed}
        for mailbox, key, mark in job.notes:
            if mailbox not in own:
                with suppress(units.Gone):
                    remembering.remember(key, "duplicate", mark.id, seconds=mark.seconds, now=job.at)


def _expect_again(batch: Sequence[Job], answers: Answers) -> None:
    """One reply for all (RFC 5321): where some mailboxes took the message and some did not, its sender will come again."""
    at = 0
    for job in batch:
        own = answers[at : at + len(job.sealed)]
        at += len(job.sealed)
        if any(answer is None for answer in own) and any(answer is not None for answer in own):
            repeats.remember((one, mark) for one, mark, answer in zip(job.sealed, job.marks, own, strict=True) if answer is None)


def _refused(recipients: Sequence[Recipient]) -> "Future[Answers]":
    return _answered([NotStored() for _ in recipients])


def _answered(answers: Answers) -> "Future[Answers]":
    future: Future[Answers] = Future()
    future.set_result(answers)
    return future


def forget_blobs(sealed: Sequence[sealing.Sealed]) -> None:
    """Bytes that got no row. What cannot be unlinked now, the hourly look for lost blobs removes."""
    try:
        blobs.delete([one.blob for one in sealed if one.blob is not None])
    except OSError:
        log.event("blob_left", count=len(sealed))
