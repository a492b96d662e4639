"""What the desk corrects, its person is told in their own mailbox, in their language (Art. 14 GDPR, C-2.3)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from stadtmail.kit import store
from stadtmail.mail import corrected, envelope, sealing
from stadtmail.mail.actions import storing
from stadtmail.mail.models import MailboxKey
from stadtmail.people import queries as people
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
    holder = people.holder(tenant, contract)
    key = MailboxKey.objects.filter(mailbox__contract=contract, mailbox__tenant=tenant).first()
    if key is None:
        return False
    raw = corrected.message(fields, to=holder.address, lang=holder.language, policy=policy.current(tenant), now=now)
    target = sealing.Target(tenant.id, key.mailbox_id, "", key.unit_id, bytes(key.public))
    sealed = sealing.sealed(raw, target, envelope.packed(envelope.summary(raw, now=now)), now=now)
    with store.writing():
        return storing.place([sealed]) == [None]
