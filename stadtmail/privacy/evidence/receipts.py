"""The receipt: what a resident takes home to prove later, without us, that their data were erased when promised.

For each unit it opens the random k of its commitment HMAC(k, unit id), which lies under the unit's own key and dies with it.
From then on nobody but the holder of a receipt can link a leaf to a person. Hand it to its holder only; it is stored nowhere.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from stadtmail.kit import instance
from stadtmail.privacy import policy, units
from stadtmail.privacy.evidence import leaves, log, public
from stadtmail.privacy.models import Unit
from stadtmail.tenants.models import Tenant

RECEIPT = "stadtmail receipt 1"


def receipt(tenant: Tenant, rows: Sequence[Unit], *, now: datetime | None = None) -> dict[str, Any]:
    """The signed receipt for these units of one person. `now` dates it.

    A unit without a key (a keyed hash, TOMB) has no commitment: it is listed with `k` null and cannot be proven one by one.
    """
    assert all(row.tenant_id == tenant.id for row in rows)
    assert len({row.synthetic for row in rows}) <= 1  # nobody's and somebody's never share a paper
    rules, opened, newest = policy.current(tenant), units.commitments(rows), log.head(tenant.id)
    key = log.signer(tenant)
    own = key.public_key().public_bytes_raw().hex()
    paper: dict[str, Any] = {
        "format": RECEIPT,
        "city": str(tenant.id),
        "domain": tenant.domain,
        "test": instance.current().is_test,
        "synthetic": any(row.synthetic for row in rows),
        "issued": leaves.minute(now) if now else None,
        "public_keys": [*[k for k in public.keys_of(tenant) if k != own], own],
        "policy": {"version": rules.version, "digest": rules.digest},
        "head": public.head_of(newest) if newest else None,
        "units": [_unit(row, opened.get(row.id), rules) for row in sorted(rows, key=lambda row: (row.category, row.id))],
    }
    return {**paper, "signature": key.sign(leaves.canonical(paper)).hex()}


def commitments(paper: dict[str, Any]) -> list[bytes]:
    """The commitments that a receipt opens: what `public.proof_for` is asked for."""
    return [units.commitment(bytes.fromhex(u["k"]), UUID(u["id"])) for u in paper["units"] if u["k"]]


def _unit(row: Unit, k: bytes | None, rules: policy.Policy) -> dict[str, Any]:
    rule = rules.rules.get(row.category)
    return {
        "id": str(row.id),
        "category": row.category,
        "k": k.hex() if k else None,
        "due": leaves.minute(row.due_at) if row.due_at else None,
        "lateness_minutes": int(rule.lateness.total_seconds() // 60) if rule else None,
    }
