"""Mail on its way out: sealed, durable, then carried (mail/outbound). Every message that leaves a mailbox for elsewhere begins here.

The key is durable first (`prepare`), the rows come in the caller's transaction (`save`); whoever was told that a message is taken
finds it delivered, bounced or expired within the policy's five days, and nothing of it afterwards (C-4.2).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID, uuid4

from stadtmail.kit import errors, store
from stadtmail.mail import transit
from stadtmail.mail.actions import signing
from stadtmail.mail.leaving import HELD, WAITING, Leg, Stopped, Transit
from stadtmail.mail.models import Mailbox
from stadtmail.mail.outbound import bounds
from stadtmail.mail.sealing import MOST_IN_ROW
from stadtmail.mail.transit import To
from stadtmail.privacy import events, units
from stadtmail.tenants.models import Tenant
from stadtmail.vault import blobs
from stadtmail.wire import dsn, smtp, submitted

__all__ = ["Loop", "NoRecipient", "Prepared", "To", "enqueue", "forget", "prepare", "save"]
MOST_RECEIVED = 100  # RFC 5321 6.3
NOT_PRODUCTION, OPERATOR = "not_production", "operator"  # why something is held


class Loop(errors.NotAllowed):
    """The message has been through a hundred servers: it goes in a circle."""


class NoRecipient(errors.NotAllowed):
    """Nobody is named to whom the message could go, or a name is none."""


@dataclass(frozen=True)
class Prepared:
    """A message in transit whose key (and blob) is durable and whose rows are not written yet."""

    unit: units.Prepared
    row: Transit = field(repr=False)
    legs: list[Leg] = field(repr=False)
    begins_at: datetime


def enqueue(
    tenant: Tenant, *, sender: str, recipients: Sequence[str | To], raw: bytes, now: datetime, origin: UUID | None = None,
    notify: Iterable[str] = (), ret: str = "", envid: str = "", sign: bool = False,
) -> UUID:  # fmt: skip
    """Take a message for anywhere, also for mailboxes of this instance; durable when this returns. Its id.

    `sender` "" is the null reverse-path (bounces, replies); `origin` the mailbox that it comes from; `notify` counts for
    recipients given as text; `sign` only what this instance itself has written. Raises Loop, NoRecipient.
    """
    to = [To(one, tuple(notify)) if isinstance(one, str) else one for one in recipients]
    made = prepare(tenant, sender=sender, recipients=to, raw=raw, now=now, mailbox=origin, ret=ret, envid=envid, sign=sign)
    with store.writing():
        save([made])
    return made.unit.id


def prepare(
    tenant: Tenant, *, sender: str, recipients: Sequence[To], raw: bytes, now: datetime, mailbox: UUID | None = None,
    ret: str = "", envid: str = "", sign: bool = False, utf8: bool = False, is_tls_report: bool = False,
) -> Prepared:  # fmt: skip
    """Seal a message under a key of its own, one leg a destination. Call outside of any transaction. Raises Loop, NoRecipient."""
    if submitted.received_count(raw) > MOST_RECEIVED:
        raise Loop
    groups, sender = _by_destination(recipients), address(sender) if sender else ""
    raw = signing.signed(tenant, raw, now=now) if sign else raw
    subject = Mailbox.objects.filter(id=mailbox).values_list("contract__person", flat=True).first() if mailbox else None
    (unit,) = units.prepare(tenant, [units.Wanted(transit.CATEGORY, transit.ANCHOR, uuid4(), subject)], now=now)
    is_utf8 = utf8 or not all(text.isascii() for text in (sender, *(one.address for one in recipients)))
    envid, ret = envid if dsn.is_xtext(envid) else "", ret if ret in ("FULL", "HDRS") else ""
    envelope = transit.Envelope(sender, now, envid, ret, is_8bit=not raw.isascii(), is_utf8=is_utf8, is_tls_report=is_tls_report)
    body, blob = transit.sealed_body(unit, raw, most_in_row=MOST_IN_ROW)
    row = Transit(
        unit_id=unit.id, tenant=tenant, mailbox=mailbox, size_bytes=len(raw), envelope=transit.sealed_envelope(unit, envelope), body=body,
        blob=blob,
    )  # fmt: skip
    return Prepared(unit, row, [_leg(unit, domain, to, now) for domain, to in groups.items()], now)


def address(text: str) -> str:
    """An address as it may stand in a command. Raises NoRecipient for what is none."""
    try:
        return smtp.address(text.encode("utf-8", "replace"), utf8=True)
    except smtp.Malformed:
        raise NoRecipient from None


def save(prepared: Sequence[Prepared]) -> None:
    """Write the rows and let the clock begin. Call inside `store.writing()`."""
    for one in prepared:
        wanted = one.unit.wanted
        events.record(
            tenant=one.unit.tenant, anchor_kind=wanted.anchor_kind, anchor=wanted.anchor, name=transit.BEGIN, at=one.begins_at,
            now=one.begins_at,
        )  # fmt: skip
        units.save([one.unit])
        one.row.save(force_insert=True)
        if Stopped.objects.filter(tenant=one.row.tenant_id).exists():
            for leg in one.legs:
                leg.state, leg.reason = HELD, OPERATOR
        Leg.objects.bulk_create(one.legs)


def forget(prepared: Sequence[Prepared]) -> None:
    """Rows were not written: the bytes go (the key follows as one without a row)."""
    blobs.delete([one.row.blob for one in prepared if one.row.blob is not None])


def leaves(domain: str) -> bool:
    """May this instance carry mail to that domain? A demo or test instance only within itself, and to a machine of its own."""
    return bounds.is_own(domain) or bounds.is_free_now()


def _leg(unit: units.Prepared, domain: str, to: Sequence[To], now: datetime) -> Leg:
    leg = Leg(id=uuid4(), transit_id=unit.id, next_at=now)
    leg.recipients = transit.sealed_recipients(unit, leg.id, domain, to)
    leg.state, leg.reason = (WAITING, "") if leaves(domain) else (HELD, NOT_PRODUCTION)
    return leg


def _by_destination(recipients: Sequence[To]) -> dict[str, list[To]]:
    """Domain -> its recipients, each once. Raises NoRecipient."""
    groups: dict[str, dict[str, To]] = {}
    for one in recipients:
        name = address(one.address)
        groups.setdefault(name.rpartition("@")[2], {}).setdefault(name, _named(one, name))
    if not groups:
        raise NoRecipient
    return {domain: list(found.values()) for domain, found in groups.items()}


def _named(one: To, name: str) -> To:
    """The recipient as it may stand in a command: what is no keyword and no xtext is left out."""
    notify = tuple(word for word in one.notify if word in (transit.NEVER, transit.SUCCESS, transit.FAILURE, transit.DELAY))
    return To(name, notify, one.orcpt if dsn.is_xtext(one.orcpt.replace(";", "", 1)) else "")
