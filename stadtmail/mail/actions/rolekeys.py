"""The pairs of role mailboxes: a new one each month, so that each month's mail is erased as one (category CONT).

The event month_end is recorded with the pair, at the last second of the city's local month: its date stands from the start.
"""

from datetime import datetime, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

from stadtmail.kit import store
from stadtmail.mail.models import Mailbox, MailboxKey
from stadtmail.mail.sealing import ROLE
from stadtmail.privacy import events, policy, units
from stadtmail.privacy.models import ERASING
from stadtmail.vault import boxes

ANCHOR = "mailbox-month"


def is_over(pair: MailboxKey | None, now: datetime) -> bool:
    """Has the pair's month ended, or is there none?"""
    return pair is None or pair.until is None or pair.until <= now


def current(mailbox: Mailbox, *, now: datetime) -> MailboxKey:
    """The pair that new mail of a role is sealed to, made where its month is over or it is being erased."""
    pair = MailboxKey.objects.filter(mailbox=mailbox, current=True).exclude(unit__state=ERASING).first()
    return renew(mailbox, now=now) if pair is None or is_over(pair, now) else pair


def renew(mailbox: Mailbox, *, now: datetime) -> MailboxKey:
    """The pair of this month, made if nobody was faster."""
    tenant = mailbox.tenant
    until = month_end(now, policy.current(tenant).tz)
    (unit,) = units.prepare(tenant, [units.Wanted(ROLE, ANCHOR, uuid4())], now=now)
    with store.writing():
        list(store.locked(Mailbox.objects.filter(id=mailbox.id)))
        current = MailboxKey.objects.filter(mailbox=mailbox, current=True).select_related("unit").first()
        if current is not None and not is_over(current, now):
            return current  # the unit's key stays without a row and is destroyed after an hour
        MailboxKey.objects.filter(mailbox=mailbox, current=True).update(current=False)
        pair = add(mailbox, unit, until=until)
        events.record(
            tenant=tenant, anchor_kind=ANCHOR, anchor=unit.wanted.anchor, name="month_end", at=until - timedelta(seconds=1), now=now
        )
    return pair


def add(mailbox: Mailbox, unit: units.Prepared, *, until: datetime | None) -> MailboxKey:
    """Write a unit and a fresh pair under it. Call inside `store.writing()`."""
    private, public = boxes.pair()
    units.save([unit])
    return MailboxKey.objects.create(
        unit_id=unit.id, mailbox=mailbox, public=public, private=units.seal(unit, "private", private), until=until
    )


def month_end(now: datetime, tz: ZoneInfo) -> datetime:
    """00:00 local of the first day of the next month."""
    local = now.astimezone(tz)
    year, month = (local.year + 1, 1) if local.month == 12 else (local.year, local.month + 1)
    return datetime(year, month, 1, tzinfo=tz).astimezone(now.tzinfo)
