"""As whom somebody may send: with every open address that leads to their own mailbox, plus-addresses included."""

from uuid import UUID

from stadtmail.mail.models import Route
from stadtmail.people import queries as people
from stadtmail.tenants.models import Tenant


def is_own(tenant: Tenant, contract: UUID, address: str) -> bool:
    """Does the address lead to the mailbox of this contract? anna+anything@ is anna@ (RFC 5233)."""
    localpart, _, domain = address.strip().rpartition("@")
    if domain.lower() != tenant.domain:
        return False
    digest = people.address_digest(tenant, localpart.partition("+")[0])
    rows = Route.objects.filter(address__tenant=tenant, address__blind=digest, address__open=True)
    return rows.filter(mailbox__contract=contract, mailbox__tenant=tenant).exists()
