"""A resident sends. Durable when `send` returns: mailboxes of this instance have the message then already.

What goes to mailboxes here is written in one transaction: a message is taken as a whole or not at all.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from uuid import UUID, uuid4

from stadtmail.kit import errors, store
from stadtmail.mail import envelope, sealing
from stadtmail.mail.actions import delivery, storing
from stadtmail.mail.senders import is_own
from stadtmail.people import queries as people
from stadtmail.tenants import queries as tenants
from stadtmail.tenants.models import Tenant
from stadtmail.wire import header

MOST_RECEIVED = 30
DROPPED = frozenset({b"bcc", b"resent-bcc", b"return-path", b"received", b"authentication-results", b"x-originating-ip"})


class NotYourAddress(errors.NotAllowed):
    """The sender of the envelope is not an address of the person who sends."""


class MayNotSend(errors.NotAllowed):
    """The contract has ended, or is none of this city."""


class TooOften(errors.OverQuota):
    """More messages or recipients than one person may send in an hour or a day."""


class Loop(errors.NotAllowed):
    """The message has been through too many servers (RFC 5321 6.3)."""


class BadRecipient(errors.NotAllowed):
    """Some recipients cannot get it, so nobody does. `positions`: place in the list -> why."""

    def __init__(self, positions: Mapping[int, errors.StadtmailError]) -> None:
        super().__init__(f"{len(positions)} recipient(s) cannot be reached")
        self.positions = dict(positions)


@dataclass(frozen=True, repr=False)
class To:
    """A recipient, and what the sender wants to hear (RFC 3461)."""

    address: str
    notify: tuple[str, ...] = ()
    orcpt: str = ""


@dataclass(frozen=True)
class Sent:
    """How many recipients have it already, and how many wait in the queue."""

    local: int
    queued: int


def send(
    tenant: Tenant, *, contract: UUID, sender: str, recipients: Sequence[str | To], raw: bytes, now: datetime, ret: str = "",
    envid: str = "", utf8: bool = False,
) -> Sent:  # fmt: skip
    """Send a message of the contract's holder. Raises NotYourAddress, MayNotSend, BadRecipient, Loop, TryLater for other hosts."""
    del ret, envid, utf8  # what is delivered at once has nothing to report
    try:
        who = people.contract(tenant, contract)
    except errors.NotFound:
        raise MayNotSend from None
    if who.state != "active":
        raise MayNotSend
    if not is_own(tenant, contract, sender):
        raise NotYourAddress
    targets = _targets([one.address if isinstance(one, To) else one for one in recipients], now)
    whole = f"Return-Path: <{sender}>\r\n".encode() + _completed(raw, tenant, now)
    plain = envelope.packed(envelope.summary(whole, now=now))
    sealed = [sealing.sealed(whole, one, plain, now=now) for one in {one.mailbox: one for one in targets}.values()]
    with store.writing():
        answers = storing.place(sealed)
        refused = {one.target.mailbox: answer for one, answer in zip(sealed, answers, strict=True) if answer is not None}
        if refused:
            raise BadRecipient({at: refused[one.mailbox] for at, one in enumerate(targets) if one.mailbox in refused})
    return Sent(len(targets), 0)


def _targets(addresses: Sequence[str], now: datetime) -> list[delivery.Recipient]:
    found, wrong = [], {}
    for position, address in enumerate(addresses):
        try:
            found.append(delivery.recipient(address, now=now))
        except tenants.NoSuchCity:
            raise errors.TryLater from None
        except errors.StadtmailError as error:
            wrong[position] = error
    if wrong or not found:
        raise BadRecipient(wrong)
    return found


def _completed(raw: bytes, tenant: Tenant, now: datetime) -> bytes:
    """Without blind copies and claims about its way; with a date, an id, and a trace that names no client (RFC 6409 8)."""
    fields, rest = header.split(raw)
    if sum(one.name == b"received" for one in fields) > MOST_RECEIVED:
        raise Loop
    kept = [one for one in fields if one.name not in DROPPED]
    present = {one.name for one in kept}
    moment = format_datetime(now)
    added = f"Received: by {tenant.domain} with ESMTPSA id {uuid4().hex[:16]};\r\n\t{moment}\r\n"
    added += "" if b"date" in present else f"Date: {moment}\r\n"
    added += "" if b"message-id" in present else f"Message-ID: <{uuid4().hex}@{tenant.domain}>\r\n"
    return added.encode() + b"".join(one.raw for one in kept) + rest
