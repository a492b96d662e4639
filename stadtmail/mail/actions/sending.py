"""A resident sends: checked, completed, signed, and durable when `send` returns. Mailboxes of this instance have it then already.

What goes to mailboxes here and what waits for elsewhere is written in one transaction: a message is taken as a whole or not at all.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from stadtmail.kit import errors, store
from stadtmail.mail import queries, sealing, transit
from stadtmail.mail.actions import delivery, local, outgoing, rates, reports, signing
from stadtmail.mail.actions.outgoing import Loop
from stadtmail.mail.actions.rates import TooOften
from stadtmail.mail.models import Mailbox
from stadtmail.mail.outbound import bounds
from stadtmail.mail.senders import is_own
from stadtmail.mail.transit import To
from stadtmail.people import queries as people
from stadtmail.people.models import Contract
from stadtmail.tenants.models import Tenant
from stadtmail.wire import dsn, mimewords, submitted

__all__ = ["BadRecipient", "Loop", "MayNotSend", "NotYourAddress", "Sent", "To", "TooOften", "send"]
_LINE_END = re.compile(rb"\r\n|\r|\n")


class NotYourAddress(errors.NotAllowed):
    """The sender of the envelope, or a From or Sender field, is not an address of the person who sends (553 5.7.1)."""


class MayNotSend(errors.NotAllowed):
    """The contract has ended, or is none of this city."""


class BadRecipient(errors.NotAllowed):
    """Some recipients cannot get it, so nobody does. `positions`: place in the list -> why."""

    def __init__(self, positions: Mapping[int, errors.StadtmailError]) -> None:
        super().__init__(f"{len(positions)} recipient(s) cannot be reached")
        self.positions = dict(positions)


@dataclass(frozen=True)
class Sent:
    """How many recipients have it already, and how many wait in the queue."""

    local: int
    queued: int


@dataclass(frozen=True, repr=False)
class _Here:
    """A recipient on this instance: their place in the list, and their mailbox."""

    position: int
    to: To
    target: sealing.Target


def send(
    tenant: Tenant, *, contract: UUID, sender: str, recipients: Sequence[str | To], raw: bytes, now: datetime, ret: str = "",
    envid: str = "", utf8: bool = False, limits: rates.Rates = rates.USUAL, still: Callable[[], bool] = lambda: True,
    along: Callable[[], None] = lambda: None, is_silent: bool = False,
) -> Sent:  # fmt: skip
    """Send a message of the contract's holder. Durable when this returns.

    `still`: may they still? It is asked in the transaction that takes the message, after all that takes time (MayNotSend).
    `along`: what is written in the same transaction; where it raises, nothing is sent.
    `is_silent`: from the null path, so that nobody answers it by itself (RFC 8098 3).

    Raises NotYourAddress, MayNotSend, TooOften, BadRecipient, Loop, outgoing.NoRecipient, and TryLater of a city that is
    closed.
    """
    who, mailbox = _holder(tenant, contract)
    try:
        sender = outgoing.address(sender)
    except outgoing.NoRecipient:
        raise NotYourAddress from None
    if not raw or b"\n" in raw.replace(b"\r\n", b"") or b"\r" in raw.replace(b"\r\n", b""):
        raw = _LINE_END.sub(b"\r\n", raw)
    _check_own(tenant, who, sender, raw)
    if submitted.received_count(raw) > outgoing.MOST_RECEIVED:
        raise Loop
    to = [To(one) if isinstance(one, str) else one for one in recipients]
    here, away = _sorted(to, now)
    rates.count(who.person_id, len(to), rates=limits, now=now)
    raw = submitted.completed(raw, sender=sender, domain=tenant.domain, now=now, new_id=lambda: uuid4().hex)
    raw = signing.signed(tenant, raw, now=now)
    of = transit.Envelope("" if is_silent else sender, now, envid, ret, is_utf8=utf8)
    return _take(mailbox, of, (here, away), raw, still=lambda: people.contract(tenant, contract).state == "active" and still(), along=along)


def _holder(tenant: Tenant, contract: UUID) -> tuple[Contract, Mailbox]:
    try:
        who, mailbox = people.contract(tenant, contract), queries.mailbox_of(tenant, contract)
    except errors.NotFound:
        raise MayNotSend from None
    if who.state != "active":
        raise MayNotSend
    return who, mailbox


def _check_own(tenant: Tenant, who: Contract, sender: str, raw: bytes) -> None:
    """Everything that says who writes must be an address of theirs. Raises NotYourAddress."""
    froms = submitted.values(raw, b"from")
    said = [address for value in (*froms, *submitted.values(raw, b"sender")) for _, address in mimewords.addresses(value)]
    if len(froms) > 1 or (froms and not mimewords.addresses(froms[0])):
        raise NotYourAddress
    if not all(is_own(tenant, who.id, address) for address in {sender, *said}):
        raise NotYourAddress


def _sorted(to: Sequence[To], now: datetime) -> tuple[list[_Here], list[To]]:
    """Recipients on this instance with their mailboxes, and the others. Raises BadRecipient with every position that is wrong."""
    here: list[_Here] = []
    away: list[To] = []
    wrong: dict[int, errors.StadtmailError] = {}
    for position, one in enumerate(to):
        try:
            address = outgoing.address(one.address)
            if bounds.is_own(address.rpartition("@")[2]):
                here.append(_Here(position, one, delivery.recipient(address, now=now)))
            else:
                away.append(one)
        except errors.StadtmailError as error:
            wrong[position] = error
    if wrong or not to:
        raise BadRecipient(wrong)
    return here, away


def _take(
    mailbox: Mailbox, of: transit.Envelope, to: tuple[list[_Here], list[To]], raw: bytes, *,
    still: Callable[[], bool], along: Callable[[], None],
) -> Sent:  # fmt: skip
    """Ask the neighbours' filters, seal everything, then write it in one transaction.

    Who is refused by a neighbour's filter is told by a report, like by any other server, and the others get it.
    """
    (here, away), now, tenant = to, of.accepted_at, mailbox.tenant
    copies = local.copies(raw, [one.target for one in here], sender=of.sender, now=now, own=True) if here else None
    refused = copies.refused if copies else {}
    no = [one.to.answered(transit.FAILED, "5.7.1", refused[one.target.mailbox].reason) for one in here if one.target.mailbox in refused]
    yes = [one.to.answered("", "2.1.5", "") for one in here if one.target.mailbox not in refused]
    told = [reports.made(tenant, action, group, of, raw, now=now) for action, group in ((dsn.FAILED, no), (dsn.DELIVERED, yes)) if group]
    queued = []
    try:
        if away:
            queued.append(
                outgoing.prepare(tenant, sender=of.sender, recipients=away, raw=raw, now=now, mailbox=mailbox.id, ret=of.ret,
                                 envid=of.envid, utf8=of.is_utf8)
            )  # fmt: skip
        with store.writing():
            if not still():
                raise MayNotSend
            failed: Mapping[UUID, errors.StadtmailError] = copies.place() if copies else {}
            outgoing.save(queued)
            placed = [one.place() for one in told]
            if not all(placed):
                failed = failed or refused  # their own mailbox is full: they are told now, by the answer
            if failed:
                raise BadRecipient({one.position: failed[one.target.mailbox] for one in here if one.target.mailbox in failed})
            along()
    except errors.StadtmailError:  # anything else may have been committed: what is lost then, the hourly job removes
        if copies:
            copies.forget()
        for one in told:
            one.forget()
        outgoing.forget(queued)
        raise
    return Sent(len(here), len(away))
