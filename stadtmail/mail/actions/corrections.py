"""What the desk corrects, its person is told in their own mailbox, in their language (Art. 14 GDPR, C-2.3)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from stadtmail.mail import corrected
from stadtmail.mail.actions import telling
from stadtmail.people.actions import corrections
from stadtmail.people.models import Contract
from stadtmail.privacy import policy
from stadtmail.tenants.models import Tenant


@dataclass(frozen=True)
class Corrected:
    """Which fields changed, and whether the mailbox took the message: one that is full or closed does not."""

    fields: list[str]
    told: bool


def correct(contract: Contract, *, tenant: Tenant, changes: Mapping[str, str], by: UUID, now: datetime) -> Corrected:
    """Put right what is wrong, for the person and on the record, and tell them. Raises what people's `correct` raises."""
    fields = corrections.correct(contract, tenant=tenant, changes=changes, now=now, by=by)
    return Corrected(fields, bool(fields) and _told(contract, fields, tenant, now))


def _told(contract: Contract, fields: list[str], tenant: Tenant, now: datetime) -> bool:
    rules = policy.current(tenant)
    return telling.tell(contract, lambda to: corrected.message(fields, to=to.address, lang=to.language, policy=rules, now=now),
                        tenant=tenant, now=now)  # fmt: skip
