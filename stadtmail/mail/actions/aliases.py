"""A further address gets its way into a mailbox. What it is and when it ends is people's business (people/actions/aliases)."""

from datetime import datetime

from stadtmail.kit import store
from stadtmail.mail.models import Mailbox, Route
from stadtmail.mail.queries import NoSuchMailbox
from stadtmail.people.actions import aliases
from stadtmail.people.models import Contract
from stadtmail.tenants.models import Tenant


def add(contract: Contract, localpart: str, *, tenant: Tenant, until: datetime | None = None, now: datetime) -> str:
    """Take a further address, for good or until a moment; mail to it arrives from now on. Returns it.

    Raises aliases.NoAddress, TooManyAliases, InThePast, contracts.AddressTaken, AlreadyEnded, NoSuchMailbox.
    """
    mailbox = Mailbox.objects.filter(tenant=tenant, contract=contract).first()
    if mailbox is None:
        raise NoSuchMailbox
    made = aliases.prepare(contract, localpart, tenant=tenant, until=until, now=now)
    with store.writing():
        Route.objects.create(address=aliases.write(made, now=now), mailbox=mailbox)
    return made.address
