"""A message is sent at its moment: seconds after "send", so that it can be undone, or when its writer said. Exactly once.

It lies in Drafts until then. The work role opens it with its own record key, which lies sealed under the delivery key beside the
recipients; nothing else of the mailbox opens. What is delivered, queued, put into Sent and taken out of Drafts is one transaction
with the end of the plan: whoever is killed in between has sent nothing.
"""

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import IntegrityError
from django.db.models import Exists, OuterRef, QuerySet

from stadtmail.kit import errors, log, store
from stadtmail.mail import bodies, drafts, queries, sealing, unsent
from stadtmail.mail.actions import changing, delivery, deliverykeys, drafting, filing, rates, sending, submitting, telling
from stadtmail.mail.drafts import Draft
from stadtmail.mail.folders import ANSWERED, SEEN
from stadtmail.mail.models import Folder, Mailbox, Message, Planned
from stadtmail.mail.queries import Opened
from stadtmail.mail.senders import is_own
from stadtmail.people import queries as people
from stadtmail.people.actions import restriction
from stadtmail.people.models import Contract
from stadtmail.privacy import policy, units
from stadtmail.privacy.models import ERASING
from stadtmail.usage import limits
from stadtmail.vault import seal
from stadtmail.wire import compose, flowed

UNDO = timedelta(seconds=10)
FARTHEST = timedelta(days=366)
MOST_PLANNED = 200  # of one mailbox
MOST_UNKNOWN = 50  # addresses here that nobody has, named by one person within the city's `throttle`: nobody lists residents
AT_ONCE, PAUSE, MOST_TRIES = 20, timedelta(minutes=5), 288  # of a round; between two tries; a day of them
FORWARDED = "$Forwarded"
_OVER = "over"  # there is no plan any more


class NotWaiting(errors.Conflict):
    """There is no plan any more: it was sent, stopped, or its message was deleted."""


class TooManyPlanned(errors.OverQuota):
    """As many messages wait to be sent as a mailbox may have."""


class TooManyUnknown(errors.OverQuota):
    """The person has named so many addresses of this instance that nobody has: no more is said about any."""


class IsRestricted(errors.NotAllowed):
    """The person has restricted their data: nothing is sent for them while they are not there."""


class NotThere(errors.NotAllowed):
    """Some recipients of this city cannot get it. `whom`: their addresses with why."""

    def __init__(self, whom: dict[str, errors.StadtmailError]) -> None:
        super().__init__(f"{len(whom)} recipient(s) cannot be reached")
        self.whom = whom


@dataclass(frozen=True, repr=False)
class Dispatch:
    """A draft that is to be sent: which one, as whom, to whom."""

    message: UUID
    uid: int
    ident: UUID
    sender: str
    recipients: Sequence[str]


def check(o: Opened, sender: str, recipients: Sequence[str], *, now: datetime) -> None:
    """Could it be sent at this moment? Raises sending.NotYourAddress, NotThere, rates.TooOften, TooManyUnknown."""
    contract = _contract(o.mailbox)
    if contract is None or not is_own(o.mailbox.tenant, contract.id, sender):
        raise sending.NotYourAddress
    period = policy.current(o.mailbox.tenant).limits["throttle"]
    unknown: Any = {"scope": "sent.unknown", "key": str(contract.person_id), "limit": MOST_UNKNOWN,
                    "per_seconds": period.days * 86_400 + period.seconds, "now": now}  # fmt: skip
    if not limits.is_open(**unknown):
        raise TooManyUnknown
    wrong: dict[str, errors.StadtmailError] = {}
    for address in recipients:
        try:
            submitting.reachable(address, now=now)
        except errors.StadtmailError as error:
            wrong[address] = error
    if wrong:
        nobody = [one for one, error in wrong.items() if isinstance(error, errors.NotFound | delivery.MailboxClosed)]
        if not all(limits.allow(**unknown) for _ in nobody):
            raise TooManyUnknown
        raise NotThere(wrong)
    if not rates.is_open(contract.person_id, now=now):
        raise rates.TooOften


def plan(o: Opened, what: Dispatch, *, at: datetime, later: bool, now: datetime) -> UUID:
    """Let a draft be sent at a moment; pressed twice it is planned once. Returns the message that waits.

    Raises NotWaiting (the draft has gone), TooManyPlanned, IsRestricted, units.Gone.
    """
    if later and _is_restricted(o.mailbox, now):
        raise IsRestricted
    _, record = queries.record(o, drafts.folder(o, drafts.DRAFTS).number, what.uid)
    key = deliverykeys.ensured(o, now=now)
    said = json.dumps({"key": record.key.hex(), "sender": what.sender, "to": list(what.recipients), "word": _forwarded(o, now)})
    row = Planned(
        message=what.message, delivery=key, ident=what.ident, sealed=units.seal(key.unit, _column(what.message), said), at=at, later=later
    )  # fmt: skip
    try:
        with store.writing():
            deliverykeys.locked(key, o)
            if not Message.objects.filter(id=what.message, uid=what.uid, folder__role=drafts.DRAFTS, folder__mailbox=o.mailbox).exists():
                raise NotWaiting
            if Planned.objects.filter(delivery=key).count() >= MOST_PLANNED:
                raise TooManyPlanned
            row.save(force_insert=True)
    except IntegrityError:
        first = Planned.objects.filter(delivery=key, ident=what.ident).values_list("message", flat=True).first()
        if first is None:
            raise NotWaiting from None
        if first != what.message:
            drafting.discard(o, what.uid, now=now)
        return first
    return what.message


def repeated(o: Opened, written: Draft) -> UUID | None:
    """The message that waits or was sent already, where this is the same form once more, as it was: somebody pressed twice."""
    found = Planned.objects.filter(delivery__mailbox=o.mailbox.id, ident=written.ident).values_list("message", flat=True).first()
    if found is not None:
        uid = Message.objects.filter(id=found, folder__mailbox=o.mailbox).values_list("uid", flat=True).first()
        return found if uid is not None and _same(drafts.draft(o, uid), written) else None
    sent = drafts.sent(o, written.ident)
    if sent is None:
        return None
    message, view = sent
    return message if (view.subject, _lines(view.text or "")) == (written.subject, _lines(written.text)) else None


def _same(one: Draft, other: Draft) -> bool:
    fields = ("sender", "to", "cc", "bcc", "subject", "receipt")
    return all(getattr(one, name) == getattr(other, name) for name in fields) and _lines(one.text) == _lines(other.text)


def _lines(text: str) -> str:
    """The text as it comes back from a message."""
    return "\n".join(line.rstrip() for line in flowed.settled(text.replace("\r\n", "\n")).splitlines()).rstrip()


def stop(o: Opened, message: UUID, *, now: datetime) -> int:  # noqa: ARG001
    """Do not send it: it is a draft again. Returns its number in Drafts. Raises NotWaiting: it was sent already."""
    with store.writing():
        found = store.locked(Planned.objects.filter(message=message, delivery__mailbox=o.mailbox.id)).first()
        uid = Message.objects.filter(id=message, folder__mailbox=o.mailbox).values_list("uid", flat=True).first()
        if found is None or uid is None:
            raise NotWaiting
        found.delete()
    return uid


def move(o: Opened, message: UUID, *, at: datetime, now: datetime) -> None:
    """Another moment. Raises NotWaiting, IsRestricted."""
    if at > now and _is_restricted(o.mailbox, now):
        raise IsRestricted
    with store.writing():
        found = store.locked(Planned.objects.filter(message=message, delivery__mailbox=o.mailbox.id)).first()
        if found is None:
            raise NotWaiting
        Planned.objects.filter(pk=found.pk).update(at=at, later=at > now, tries=0)


def kept(row: Planned) -> dict[str, Any]:
    """What lies sealed in a plan: `sender`, `to`, and what opens its message. Raises units.Gone."""
    found: dict[str, Any] = json.loads(units.text(row.delivery.unit, _column(row.message), row.sealed))
    return found


def is_due(now: datetime, *, later: bool) -> bool:
    """Does anything have to be sent? `later`: of what its writer planned, else of what was only held back."""
    return _due(now).filter(later=later).exists()


def next_due(after: datetime) -> datetime | None:
    """The next moment at which a message is to be sent."""
    return Planned.objects.filter(at__gt=after).order_by("at").values_list("at", flat=True).first()


def send_due(now: datetime, *, later: bool | None = None) -> int:
    """Send what is due (of one kind, or all). One that cannot be sent keeps no other. Returns how many were sent."""
    rows = _due(now) if later is None else _due(now).filter(later=later)
    return sum(_send(row, now) for row in rows.select_related("delivery__unit").order_by("at", "message")[:AT_ONCE])


def forget_lost(now: datetime) -> int:  # noqa: ARG001
    """Plans whose message was deleted go. Returns how many."""
    with store.writing():
        lost = Planned.objects.filter(~Exists(Message.objects.filter(id=OuterRef("message"))))
        return lost.delete()[0]


def end_restored(now: datetime) -> int:
    """The rows are older than the ledger (a backup was put back): what waited may have been sent since, or stopped. None of it goes by
    itself: each is a draft again, and its writer hears of it. Returns how many.
    """
    rows = list(Planned.objects.exclude(delivery__unit__state=ERASING).select_related("delivery"))
    for row in rows:
        mailbox = Mailbox.objects.filter(id=row.delivery.mailbox_id).select_related("tenant").first()
        contract = _contract(mailbox) if mailbox is not None else None
        if contract is not None and contract.state == "active" and Message.objects.filter(id=row.message).exists():
            _not_sent(row, contract, unsent.RESTORED, now)
        else:
            _end(row)
    return len(rows)


def _due(now: datetime) -> "QuerySet[Planned]":
    return Planned.objects.filter(at__lte=now).exclude(delivery__unit__state=ERASING)


def _send(row: Planned, now: datetime) -> bool:
    mailbox = Mailbox.objects.filter(id=row.delivery.mailbox_id).select_related("tenant").first()
    contract = _contract(mailbox) if mailbox is not None else None
    if mailbox is None or contract is None or contract.state != "active":  # it stays a draft, to be collected
        _end(row)
        return False
    reason, again = ("restricted", False) if row.later and _is_restricted(mailbox, now) else _tried(row, mailbox, contract, now)
    if reason == _OVER:
        _end(row)
    elif reason and again and row.tries + 1 < MOST_TRIES:
        with store.writing():
            Planned.objects.filter(pk=row.pk, at=row.at).update(at=now + PAUSE, tries=row.tries + 1)
    elif reason:
        _not_sent(row, contract, reason, now)
    return not reason


def _tried(row: Planned, mailbox: Mailbox, contract: Contract, now: datetime) -> tuple[str, bool]:
    """("", …) where it was sent, else a word of unsent.py and whether it is tried again."""
    try:
        _sent(row, mailbox, contract, now)
    except (NotWaiting, units.Gone):
        found = (_OVER, False)
    except (rates.TooOften, errors.TryLater):
        found = ("later", True)
    except sending.BadRecipient as error:
        found = ("recipient", any(isinstance(one, errors.TryLater) for one in error.positions.values()))
    except errors.StadtmailError:
        found = ("refused", False)
    except Exception as error:  # noqa: BLE001 - a bug with one message must not keep the others
        log.bug(error, role="mail")
        found = ("refused", True)
    else:
        found = ("", False)
    return found


def _sent(row: Planned, mailbox: Mailbox, contract: Contract, now: datetime) -> None:
    """Send it, and in the same transaction: the plan ends, the draft goes, Sent has it, and the original knows."""
    said = kept(row)
    message = Message.objects.filter(id=row.message, folder__mailbox=mailbox, folder__role=drafts.DRAFTS).first()
    if message is None:
        raise NotWaiting
    o, record = Opened(mailbox), sealing.Record(message.id, mailbox.tenant_id, sealing.RESIDENT, bytes.fromhex(said["key"]))
    try:
        written = b"".join(bodies.raw(message, record))
    except seal.Unreadable:
        raise NotWaiting from None
    original = drafts.original_of(written)
    raw = compose.ready(written, now=now)
    copy = filing.boxed(o, filing.New(raw, SEEN, now, email_id=f"M{message.id.hex}"))

    def along() -> None:
        if store.locked(Planned.objects.filter(pk=row.pk, at=row.at)).first() is None:  # stopped, or moved
            raise NotWaiting
        there = Message.objects.filter(id=message.id, folder=message.folder_id).values_list("uid", flat=True).first()
        if there is None:
            raise NotWaiting
        Planned.objects.filter(pk=row.pk)._raw_delete("default")
        drafting.remove(o, changing.locked(o, message.folder_id), message.id, there)
        filing.placed(o, drafts.folder(o, drafts.SENT).id, [(copy, SEEN)], now, beyond_quota=True)
        _mark_original(o, original, said["word"])

    try:
        utf8 = not all(one.isascii() for one in (said["sender"], *said["to"]))
        sending.send(
            mailbox.tenant, contract=contract.id, sender=said["sender"], recipients=said["to"], raw=raw, now=now, utf8=utf8, along=along
        )  # fmt: skip
    except BaseException:
        filing.forget([(copy, 0)])
        raise


def _mark_original(o: Opened, original: tuple[str, UUID] | None, forwarded: int) -> None:
    """Answered or passed on: the message that it was, wherever in the mailbox it lies now."""
    if original is None:
        return
    how, message = original
    found = Message.objects.filter(id=message, folder__mailbox=o.mailbox).values_list("folder", "flags").first()
    if found is None:
        return
    place, flags = changing.locked(o, found[0]), found[1] | (ANSWERED if how == drafts.REPLY else forwarded)
    if flags != found[1]:
        Folder.objects.filter(id=place.id).update(modseq=place.modseq + 1)
        Message.objects.filter(id=message).update(flags=flags, modseq=place.modseq + 1)


def _forwarded(o: Opened, now: datetime) -> int:
    """The bit of the keyword for what was passed on; none where the mailbox has all the keywords that it can have."""
    with suppress(changing.TooManyKeywords, changing.StandardOnly):
        return changing.keyword_bits(o, [FORWARDED], now=now)
    return 0


def _end(row: Planned) -> None:
    with store.writing():
        Planned.objects.filter(pk=row.pk, at=row.at)._raw_delete("default")


def _not_sent(row: Planned, contract: Contract, reason: str, now: datetime) -> None:
    """The plan ends, the message stays in Drafts, and its writer hears why."""
    _end(row)
    rules = policy.current(contract.tenant)
    with suppress(units.Gone):
        telling.tell(contract, lambda to: unsent.message(reason, to=to, policy=rules, now=now), tenant=contract.tenant, now=now)


def _contract(mailbox: Mailbox) -> Contract | None:
    try:
        return people.contract(mailbox.tenant, mailbox.contract_id) if mailbox.contract_id else None
    except people.NoSuchContract:
        return None


def _is_restricted(mailbox: Mailbox, now: datetime) -> bool:
    contract = _contract(mailbox)
    return contract is not None and bool(restriction.standing(contract, tenant=mailbox.tenant, now=now))


def _column(message: UUID) -> str:
    return f"planned {message}"

