"""A mail program hands a message over: is it the sender's own, may they, and can its recipients be reached? Then it is sent.

What a program says about itself is read nowhere: neither its name nor its address reaches this room.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Protocol

from stadtmail.kit import errors
from stadtmail.mail.actions import delivery, rates, sending
from stadtmail.mail.actions.entering import Entered
from stadtmail.mail.actions.sending import To
from stadtmail.mail.senders import is_own
from stadtmail.people import queries as people
from stadtmail.tenants import queries as tenants
from stadtmail.wire import header

LARGE_AT_ONCE, LARGE_BYTES = 2, 64 * 1024
_large = threading.BoundedSemaphore(LARGE_AT_ONCE)


class Octets(Protocol):
    """A message in memory, or one that can be brought there."""

    def __len__(self) -> int: ...
    def __bytes__(self) -> bytes: ...


class NotYourAddress(errors.NotAllowed):
    """From or Sender names an address that is not the sender's, or the envelope does."""


class UnclearHeader(errors.NotAllowed):
    """The header cannot be read, or does not plainly say who writes: From exactly once, with addresses only."""


class LoginEnded(errors.NotAllowed):
    """The password was revoked, the person logged out everywhere, or the connection's time is over."""


@dataclass(frozen=True, repr=False)
class Letter:
    """A message as it was handed over."""

    sender: str  # empty for a notice about a message that was read (RFC 8098)
    recipients: Sequence[To]
    ret: str = ""
    envid: str = field(default="", repr=False)
    utf8: bool = False


def may_send_as(who: Entered, sender: str) -> None:
    """May they give this sender in the envelope? Raises NotYourAddress."""
    if sender and not is_own(who.tenant, who.contract, sender):
        raise NotYourAddress


def reachable(address: str, *, now: datetime) -> None:
    """Recipients of this instance must exist and have room, so that the program learns it at once; others are tried later.

    Raises delivery.NoSuchMailbox, MailboxClosed, MailboxFull, TryLater.
    """
    try:
        tenants.city_of_domain(address.rpartition("@")[2])
    except tenants.NoSuchCity:
        return
    delivery.recipient(address, now=now)


def submit(who: Entered, letter: Letter, message: Octets, *, limits: rates.Rates, now: datetime) -> sending.Sent:
    """Send a message for whoever came in. Durable when this returns.

    Raises NotYourAddress, UnclearHeader, LoginEnded, and what `sending.send` raises.
    """
    if len(message) <= LARGE_BYTES:
        return _submit(who, letter, bytes(message), limits, now)
    with _large:
        return _submit(who, letter, bytes(message), limits, now)


def _submit(who: Entered, letter: Letter, raw: bytes, limits: rates.Rates, now: datetime) -> sending.Sent:
    for author in {*_authors(raw), letter.sender}:
        may_send_as(who, author)
    if not who.connection.beat(now):
        raise LoginEnded
    sender, recipients = letter.sender, list(letter.recipients)
    if not sender:  # nobody wants to hear what becomes of it, and the sender stays somebody
        contract = people.contract(who.tenant, who.contract)
        sender, recipients = people.holder(who.tenant, contract).address, [replace(one, notify=("NEVER",)) for one in recipients]
    try:
        return sending.send(
            who.tenant, contract=who.contract, sender=sender, recipients=recipients, raw=raw, now=now, ret=letter.ret, envid=letter.envid,
            utf8=letter.utf8, limits=limits, still=partial(who.connection.beat, now),
        )  # fmt: skip
    except sending.MayNotSend:
        raise LoginEnded from None


def _authors(raw: bytes) -> list[str]:
    try:
        return header.authors(header.split(raw)[0])
    except header.Malformed:
        raise UnclearHeader from None
