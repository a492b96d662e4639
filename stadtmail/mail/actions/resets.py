"""A letter with which a new password can be set, and the message about it in its person's mailbox, in one use case."""

from datetime import datetime
from uuid import UUID

from stadtmail.mail import resetting
from stadtmail.mail.actions import telling
from stadtmail.people.actions import resets
from stadtmail.people.models import Contract
from stadtmail.privacy import policy
from stadtmail.tenants.models import Tenant


def issue(contract: Contract, *, tenant: Tenant, by: UUID, second: UUID, case: str, now: datetime) -> resets.Letter:
    """Make the letter and tell its person. Raises what people's `issue` raises."""
    made = resets.issue(contract, tenant=tenant, by=by, second=second, case=case, now=now)
    rules = policy.current(tenant)
    telling.tell(
        contract,
        lambda to: resetting.message(
            case=case.strip(), opens_at=made.opens_at, to=to.address, lang=to.language, policy=rules, now=now
        ),
        tenant=tenant,
        now=now,
        beyond_quota=True,
    )
    return made
