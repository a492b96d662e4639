"""What the city must tell a person lies in their own mailbox, in their language; one that is full or closed does not take it."""

from collections.abc import Callable
from datetime import datetime

from stadtmail.kit import store
from stadtmail.mail import envelope, sealing
from stadtmail.mail.actions import storing
from stadtmail.mail.models import MailboxKey
from stadtmail.people import queries as people
from stadtmail.people.models import Contract
from stadtmail.tenants.models import Tenant


def tell(contract: Contract, write: Callable[[people.Holder], bytes], *, tenant: Tenant, now: datetime) -> bool:
    """Place the message that `write` makes for the contract's holder. False: the mailbox did not take it. Raises units.Gone."""
    key = MailboxKey.objects.filter(mailbox__contract=contract, mailbox__tenant=tenant, current=True).first()
    if key is None:
        return False
    raw = write(people.holder(tenant, contract))
    target = sealing.Target(tenant.id, key.mailbox_id, "", key.unit_id, bytes(key.public))
    sealed = sealing.sealed(raw, target, envelope.packed(envelope.summary(raw, now=now, found=envelope.OWN)), now=now)
    with store.writing():
        return storing.place([sealed]) == [None]
