"""As whom somebody may send: with every open address that leads to their own mailbox, plus-addresses included."""

from uuid import UUID

from stadtmail.kit import store
from stadtmail.people import queries as people
from stadtmail.tenants.models import Tenant

_LEADS = """
    SELECT box.id
    FROM people_address address
    JOIN mail_route route ON route.address_id = address.id
    JOIN mail_mailbox box ON box.id = route.mailbox_id
    WHERE address.tenant_id = %s AND address.blind = %s AND address.open AND box.contract_id = %s"""


def is_own(tenant: Tenant, contract: UUID, address: str) -> bool:
    """Does the address lead to the mailbox of this contract? anna+anything@ is anna@ (RFC 5233)."""
    localpart, _, domain = address.strip().rpartition("@")
    if domain.lower() != tenant.domain:
        return False
    digest = people.address_digest(tenant, localpart.partition("+")[0])
    return bool(store.select(_LEADS, [tenant.id, digest, contract]))
