"""The receipt of a contract: with it, its holder can prove later that everything was erased when promised, without us."""

from datetime import datetime
from typing import Any
from uuid import UUID

from stadtmail.people import queries as people
from stadtmail.privacy.evidence import receipts
from stadtmail.rights.overview import shown
from stadtmail.tenants.models import Tenant


def receipt(tenant: Tenant, contract_id: UUID, *, now: datetime) -> dict[str, Any]:
    """Opens the commitments of everything that hangs on the contract now. Raises people.queries.NoSuchContract."""
    contract = people.contract(tenant, contract_id)
    return receipts.receipt(tenant, shown(people.units_of(tenant, contract), now=now), now=now)
