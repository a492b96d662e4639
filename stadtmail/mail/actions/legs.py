"""What becomes of a leg: claimed by one worker, settled after each try, expired by its date. Every end is one transaction.

A recipient who got it is struck off in the commit that follows the remote server's 250: a crash between the two sends it once
more (RFC 1047), a crash anywhere else neither loses nor repeats it. With the last leg the transit ends, and its key is destroyed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connections
from django.db.models import Exists, OuterRef, Q, QuerySet

from stadtmail.kit import store
from stadtmail.mail import sealing, transit
from stadtmail.mail.actions import local, reports
from stadtmail.mail.leaving import HELD, WAITING, Leg, Stopped, Transit
from stadtmail.mail.models import Mailbox
from stadtmail.mail.outbound import bounds
from stadtmail.mail.transit import FAILED, OPEN, Opened, To
from stadtmail.privacy import events, units
from stadtmail.privacy.models import ERASING
from stadtmail.tenants.models import Tenant
from stadtmail.vault.seal import Unreadable
from stadtmail.wire import dsn

DELIVERED = "delivered"
SENDER_FULL, UNREADABLE, RESTORED = "sender_full", "unreadable", "restored"
BATCH = 200
Step = sealing.Step


@dataclass(frozen=True, repr=False)
class Try:
    """What a try gave: each recipient with its answer; by which way; a closed word why it goes on. `here`: copies for mailboxes."""

    recipients: Sequence[To]
    way: str = ""
    reason: str = ""
    confirms: bool = False  # the remote server sends confirmations itself (RFC 3461)
    here: local.Copies | None = None
    mailboxes: Mapping[str, UUID] = field(default_factory=dict)  # address -> whose copy it is


def claim(worker: UUID, *, most: int, now: datetime) -> list[Opened]:
    """Take up to `most` legs whose time has come; nobody else gets them until the lease has run out."""
    living = Exists(Mailbox.objects.filter(id=OuterRef("transit__mailbox")))
    free = Q(leased_until=None) | Q(leased_until__lte=now)
    with store.writing():
        rows = Leg.objects.filter(free, state=WAITING, next_at__lte=now).exclude(transit__unit__state=ERASING)
        rows = rows.filter(Q(transit__mailbox=None) | living)
        ids = list(_locked(rows.order_by("next_at")).values_list("id", flat=True)[:most])
        Leg.objects.filter(id__in=ids).update(claim=worker, leased_until=now + bounds.LEASE)
    legs = Leg.objects.filter(id__in=ids).select_related("transit__unit", "transit__tenant").order_by("next_at")
    return [one for one in map(_opened, legs) if one is not None]


def renew(worker: UUID, now: datetime) -> None:
    """Go on holding what this worker has."""
    with store.writing():
        Leg.objects.filter(claim=worker).update(leased_until=now + bounds.LEASE)


def give_back(worker: UUID) -> None:
    """The worker ends: what it has not settled is free."""
    with store.writing():
        Leg.objects.filter(claim=worker).update(claim=None, leased_until=None)


def settle(tries: Sequence[tuple[Opened, Try]], *, now: datetime, step: Step = lambda _: None) -> None:
    """Note tries: strike off who has it, tell the senders what they want to know, set the next try, or end. One transaction.

    Idempotent. `step(n)`: 1 reports sealed, 2 inside the transaction, 3 committed.
    """
    noted = [found for leg, tried in tries if (found := _noted(leg, tried, now)) is not None]
    step(1)
    with store.writing():
        for one in noted:
            if not _write(one, now):
                one.forget()
        step(2)
    step(3)


def expire(now: datetime) -> int:
    """Bounce what has waited for as long as the policy allows. Runs before the sweep, which erases it. Returns how many legs."""
    rows = Leg.objects.filter(transit__unit__due_at__lte=now).exclude(transit__unit__state=ERASING)
    count, seen = 0, set[UUID]()
    while part := list(rows.exclude(id__in=seen).select_related("transit__unit", "transit__tenant")[:BATCH]):
        for row in part:
            seen.add(row.id)
            leg = _opened(row)
            if leg is not None:
                settle([(leg, Try(leg.recipients, row.way, row.reason))], now=now)
                count += 1
    return count


def expiry_is_due(now: datetime) -> bool:
    """Has anything waited for too long, or lost its mailbox?"""
    rows = Leg.objects.exclude(transit__unit__state=ERASING)
    return rows.filter(Q(transit__unit__due_at__lte=now) | _orphaned("transit__mailbox")).exists()


def end_orphans(now: datetime) -> int:
    """Mail of a mailbox that has been erased goes with it: its key is destroyed by the next sweep. Returns how many messages."""
    rows = Transit.objects.filter(_orphaned("mailbox"), legs__isnull=False).exclude(unit__state=ERASING).distinct()
    found = list(rows.select_related("unit", "tenant"))
    for row in found:
        with store.writing():
            Leg.objects.filter(transit=row).delete()
            _end(row, now)
    return len(found)


def hold(tenant: Tenant) -> int:
    """Stop what a city sends: what waits, and what comes. Returns how many legs are held now."""
    with store.writing():
        Stopped.objects.get_or_create(tenant=tenant)
        return Leg.objects.filter(transit__tenant=tenant, state=WAITING).update(state=HELD, reason="operator")


def hold_restored() -> int:
    """The rows are older than the ledger (a backup was put back): what waits in them may have been delivered since, so nothing of it
    goes by itself. It is released by the operator, or ends after its five days. Returns how many legs."""
    with store.writing():
        return Leg.objects.filter(state=WAITING).update(state=HELD, reason=RESTORED, claim=None, leased_until=None)


def release(tenant: Tenant, *, now: datetime) -> int:
    """Let a city's mail go again, also what waited because this instance could not send. Returns how many legs."""
    with store.writing():
        Stopped.objects.filter(tenant=tenant).delete()
        rows = Leg.objects.filter(transit__tenant=tenant, state=HELD)
        rows = rows if bounds.is_free_now() else rows.exclude(reason="not_production")
        ids = list(rows.values_list("id", flat=True))
        return Leg.objects.filter(id__in=ids).update(state=WAITING, reason="", next_at=now)


def retry(tenant: Tenant, *, now: datetime) -> int:
    """Try everything of a city at once that waits for a later moment. Returns how many legs."""
    with store.writing():
        return Leg.objects.filter(transit__tenant=tenant, state=WAITING, next_at__gt=now).update(next_at=now)


@dataclass(frozen=True, repr=False)
class _Noted:
    """A try with the reports that it calls for, before it is written."""

    leg: Opened
    tried: Try
    after: list[To]
    told: list[reports.Made]
    is_over: bool
    is_late: bool

    def forget(self) -> None:
        for one in self.told:
            one.forget()
        if self.tried.here is not None:
            self.tried.here.forget()


def _noted(leg: Opened, tried: Try, now: datetime) -> _Noted | None:
    """None where the transit's key is gone: its mailbox was erased meanwhile."""
    due = leg.unit.due_at
    is_over = due is not None and now >= due
    after = [_expired(one) if is_over and one.state == OPEN else one for one in tried.recipients]
    is_late = not leg.told and now - leg.envelope.accepted_at >= bounds.DELAYED and any(one.state == OPEN for one in after)
    try:
        return _Noted(leg, tried, after, _reports(leg, after, tried, now, is_late=is_late), is_over, is_late)
    except (units.Gone, Unreadable):
        return None


def _reports(leg: Opened, after: Sequence[To], tried: Try, now: datetime, *, is_late: bool) -> list[reports.Made]:
    of, until = leg.envelope, leg.unit.due_at
    failed = [one for one in after if one.state == FAILED]
    got = [one for one in after if one.state == DELIVERED and not tried.confirms]
    late = [one for one in after if one.state == OPEN] if is_late else []
    groups = [(dsn.FAILED, failed), (dsn.DELIVERED if tried.here else dsn.RELAYED, got), (dsn.DELAYED, late)]
    wanted = [(action, group) for action, group in groups if any(one.wants(reports.WORDS[action]) for one in group)]
    if not of.sender or not wanted:
        return []
    original = b"".join(transit.body(leg.row)) if of.ret == "FULL" else next(transit.body(leg.row))
    return [reports.made(leg.row.tenant, action, group, of, original, now=now, until=until) for action, group in wanted]


def _write(one: _Noted, now: datetime) -> bool:
    """The rows after a try. False: the leg has ended already, in another process. Call inside `store.writing()`."""
    leg, tried = one.leg, one.tried
    row = store.locked(Leg.objects.filter(id=leg.id).select_related("transit__unit")).first()
    known = _opened(row) if row is not None else None
    if row is None or known is None:
        return False
    missed = _missed(tried)
    left = _left(known, [replace(to, state=OPEN) if to.address in missed else to for to in one.after])
    placed = [report.place() for report in one.told]
    left = [to for to in left if to.state == OPEN or not all(placed)]
    if not left or one.is_over:
        row.delete()
        if not Leg.objects.filter(transit=leg.row).exists():
            _end(leg.row, now)
        return True
    row.recipients = transit.sealed_recipients(leg.unit, leg.id, leg.destination, left)
    row.attempts, row.way, row.told = leg.attempts + 1, tried.way or row.way, leg.told or one.is_late
    if row.state == WAITING:
        row.reason = tried.reason if all(placed) else SENDER_FULL
    row.next_at = bounds.next_try(row.attempts, now, leg.unit.due_at)
    row.claim = row.leased_until = None
    row.save()
    return True


def _missed(tried: Try) -> set[str]:
    """Put the copies for mailboxes here into them. Addresses whose mailbox changed meanwhile: they are tried again."""
    answers = tried.here.place() if tried.here is not None else {}
    return {address for address, mailbox in tried.mailboxes.items() if mailbox in answers}


def _left(known: Opened, after: Sequence[To]) -> list[To]:
    """Those who were still there, as this try left them; who has it is struck off."""
    mine = {one.address: one for one in after}
    return [now for one in known.recipients if (now := mine.get(one.address, one)).state != DELIVERED]


def _end(row: Transit, now: datetime) -> None:
    moment = now.replace(second=0, microsecond=0)  # what ends within a minute is erased as one
    events.record(tenant=row.tenant, anchor_kind=transit.ANCHOR, anchor=row.unit.anchor, name=transit.END, at=moment, now=now)


def _expired(one: To) -> To:
    text = one.text or "not delivered within the time that the policy allows"
    return one.answered(FAILED, "4.4.7", text, one.server)


def _opened(row: Leg) -> Opened | None:
    try:
        return transit.opened(row)
    except (units.Gone, Unreadable):
        return None


def _orphaned(path: str) -> Any:
    return Q(**{f"{path}__isnull": False}) & ~Exists(Mailbox.objects.filter(id=OuterRef(path)))


def _locked(rows: "QuerySet[Leg]") -> "QuerySet[Leg]":
    """Locked, without waiting for what another worker takes at this moment."""
    return rows.select_for_update(skip_locked=True, of=("self",)) if connections["default"].vendor == "postgresql" else rows
