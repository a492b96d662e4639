"""The city ends a person's restriction: it tells them first, in their own mailbox, and two weeks before (Art. 18(3) GDPR, C-6.2c)."""

from datetime import datetime
from uuid import UUID

from stadtmail.kit import errors
from stadtmail.mail import unrestricted
from stadtmail.mail.actions import telling
from stadtmail.people.actions import restriction
from stadtmail.privacy import holds, periods, policy
from stadtmail.privacy.models import Hold
from stadtmail.tenants.models import Tenant


class NotTold(errors.Conflict):
    """The person's mailbox is closed or full: tell them by letter, then say so (--by-letter). Nothing has changed."""


def announce(hold: UUID, *, tenant: Tenant, now: datetime, by_letter: bool = False) -> datetime:
    """Tell the person, then let the restriction run out. `by_letter`: they have been written to. Returns the end.

    Raises holds.NoSuchHold, NotTold.
    """
    found = Hold.objects.filter(id=hold, tenant=tenant, type=holds.RESTRICTION, released_at=None).first()
    contract = restriction.contract_of(found) if found else None
    if found is None or contract is None:
        raise holds.NoSuchHold
    rules = policy.current(tenant)
    ends = found.ends_at or periods.add(now, holds.TOLD_BEFORE, periods.CALENDAR, rules.tz)
    if not by_letter and not telling.tell(
        contract, lambda to: unrestricted.message(ends, to=to.address, lang=to.language, policy=rules, now=now), tenant=tenant, now=now
    ):
        raise NotTold
    holds.end_at(hold, tenant=tenant, ends_at=ends)
    return ends
