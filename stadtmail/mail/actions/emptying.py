"""Trash, Junk and notes of log-ins empty by themselves: what has lain there for the city's period goes, as if its holder had deleted it.

Never early: a day of filing counts as the last local day that it may have been. A hold on the mailbox keeps what is there.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

from django.db.models import F
from django.db.models.functions import Coalesce

from stadtmail.kit import store
from stadtmail.mail.actions import removing
from stadtmail.mail.models import Folder, Message
from stadtmail.privacy import holds, periods, policy
from stadtmail.privacy.models import ERASING
from stadtmail.privacy.policy import Policy
from stadtmail.tenants.models import Tenant

LIMITS = {"trash": "role", "junk": "role", "logins": "use"}  # kinds of folders, and names of their periods in the policy
BATCH = 400
MOST_DAYS = 800


def empty(tenant: Tenant, *, now: datetime) -> int:
    """Delete what is due in such folders of the city. Returns how many messages went."""
    rules = policy.current(tenant)
    return sum(_empty(tenant, kind, last, now) for kind in LIMITS if (last := last_due(rules, kind, now)) is not None)


def last_due(rules: Policy, kind: str, now: datetime) -> date | None:
    """The latest day (UTC) whose messages have lain there for the whole period; None where none has."""
    day = now.astimezone(UTC).date()
    counts = periods.EXACT if rules.limits[kind].seconds else periods.CALENDAR
    for _ in range(MOST_DAYS):
        end = datetime.combine(day + timedelta(days=1), time(), UTC) - timedelta(seconds=1)
        local = periods.midnight(end.astimezone(rules.tz).date(), rules.tz)
        if periods.add(local, rules.limits[kind], counts, rules.tz) <= now:
            return day
        day -= timedelta(days=1)
    return None


def _empty(tenant: Tenant, kind: str, last: date, now: datetime) -> int:
    count = 0
    for folder, mailbox, unit in _folders(tenant, kind, last):
        if unit is not None and holds.standing([unit], now=now).get(unit):
            continue
        while part := _delete(folder, mailbox, last):
            count += part
    return count


def _folders(tenant: Tenant, kind: str, last: date) -> Iterator[tuple[UUID, UUID, UUID | None]]:
    """Folders in which something is due, of mailboxes that are not being erased."""
    due = _due(Message.objects.filter(**{f"folder__{LIMITS[kind]}": kind}, folder__mailbox__tenant=tenant), last)
    rows = Folder.objects.filter(id__in=due.values("folder")).exclude(mailbox__unit__state=ERASING)
    return iter(list(rows.values_list("id", "mailbox", "mailbox__unit")))


def _delete(folder: UUID, mailbox: UUID, last: date) -> int:
    with store.writing():
        place = store.locked(Folder.objects.filter(id=folder)).first()
        if place is None:
            return 0
        found = list(_due(Message.objects.filter(folder=folder), last).order_by("uid").values_list("id", "uid")[:BATCH])
        if found:
            modseq = place.modseq + 1
            Folder.objects.filter(id=folder).update(modseq=modseq)
            removing.delete_ids([message for message, _ in found], mailbox=mailbox)
            removing.remember(folder, [uid for _, uid in found], modseq=modseq)  # mail programs see them vanish
    return len(found)


def _due(rows, last: date):  # type: ignore[no-untyped-def]
    return rows.annotate(lies_since=Coalesce(F("filed_on"), F("arrived_on"))).filter(lies_since__lte=last)
