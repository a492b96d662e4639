"""What the city must tell a person lies in their own mailbox, in their language.

A closed mailbox does not take it; a full one takes only what must be read at once.
"""

from collections.abc import Callable
from datetime import datetime

from stadtmail.kit import store
from stadtmail.mail import envelope, sealing
from stadtmail.mail.actions import storing
from stadtmail.mail.models import MailboxKey
from stadtmail.people import queries as people
from stadtmail.people.models import Contract
from stadtmail.tenants.models import Tenant


def tell(
    contract: Contract, write: Callable[[people.Holder], bytes], *, tenant: Tenant, now: datetime, beyond_quota: bool = False
) -> bool:  # fmt: skip
    """Place the message that `write` makes for the contract's holder, where it must be read also in a full mailbox (`beyond_quota`).
    False: the mailbox did not take it. Raises units.Gone."""
    key = MailboxKey.objects.filter(mailbox__contract=contract, mailbox__tenant=tenant, current=True).first()
    if key is None:
        return False
    raw = write(people.holder(tenant, contract))
    target = sealing.Target(tenant.id, key.mailbox_id, "", key.unit_id, bytes(key.public))
    sealed = sealing.sealed(raw, target, envelope.packed(envelope.summary(raw, now=now, found=envelope.OWN)), now=now)
    with store.writing():
        return storing.place([sealed], beyond_quota=beyond_quota) == [None]
