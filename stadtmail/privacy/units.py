"""Units: make them, seal under them, open what they seal. What is being erased is invisible here from the claim on.

The key is durable before the row (`prepare`, outside the room's transaction), the row comes with the room's own rows
(`save`, inside it). A crash in between leaves a key without a row, which the sweep destroys after an hour.
"""

import hmac
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID, uuid4

from stadtmail.kit import errors
from stadtmail.privacy import deadlines, policy
from stadtmail.privacy.models import ERASING, Unit
from stadtmail.tenants.models import Tenant
from stadtmail.vault import keys
from stadtmail.vault.seal import Unreadable, open_sealed
from stadtmail.vault.seal import seal as seal_bytes

_synthetic: ContextVar[bool] = ContextVar("synthetic", default=False)


class Gone(errors.NotFound):
    """The unit is being erased, or is gone: there is nothing to open."""


@dataclass(frozen=True)
class Wanted:
    """A unit that a room wants: a category on an anchor. `keyless`: a keyed hash without content (TOMB)."""

    category: str
    anchor_kind: str
    anchor: UUID
    subject: UUID | None = None
    keyless: bool = False


@dataclass(frozen=True)
class Prepared:
    """A unit whose key is durable and whose row is not written yet."""

    id: UUID
    tenant: Tenant
    wanted: Wanted
    key_id: UUID | None
    key: bytes = field(repr=False)
    policy: int

    @property
    def category(self) -> str:
        """Category of the data."""
        return self.wanted.category


@contextmanager
def synthetic() -> Iterator[None]:
    """Whatever this thread saves inside carries the mark of the standing test resident, up to the leaf of its erasure."""
    mark = _synthetic.set(True)
    try:
        yield
    finally:
        _synthetic.reset(mark)


def prepare(tenant: Tenant, wanted: Sequence[Wanted], *, now: datetime) -> list[Prepared]:
    """Make the keys of all wanted units in one keystore transaction. Call before the room's own transaction begins."""
    version = policy.current(tenant).version
    made = iter(keys.new(tenant.id, count=sum(not w.keyless for w in wanted), now=now))
    prepared = []
    for one in wanted:
        new = None if one.keyless else next(made)
        prepared.append(Prepared(uuid4(), tenant, one, new.id if new else None, new.key if new else b"", version))
    return prepared


def save(prepared: Iterable[Prepared]) -> None:
    """Write the rows, with the dates that events already recorded for the anchor give. Call inside `store.writing()`."""
    rows = []
    for one in prepared:
        row = Unit(
            id=one.id,
            tenant=one.tenant,
            subject=one.wanted.subject,
            category=one.category,
            anchor_kind=one.wanted.anchor_kind,
            anchor=one.wanted.anchor,
            key=one.key_id,
            commitment=seal(one, "commitment", os.urandom(32)) if one.key_id else None,
            policy=one.policy,
            synthetic=_synthetic.get(),
        )
        rows.append(row)
    Unit.objects.bulk_create(rows, batch_size=100)
    deadlines.recompute(rows)


def seal(unit: Prepared | Unit, column: str, plain: str | bytes) -> bytes:
    """Seal a value for one column of one unit; city, category, unit and column are bound in. Raises Gone."""
    key_bytes = unit.key if isinstance(unit, Prepared) else key(unit)
    tenant = unit.tenant.id if isinstance(unit, Prepared) else unit.tenant_id
    data = plain.encode() if isinstance(plain, str) else plain
    return seal_bytes(key_bytes, data, tenant=tenant, category=unit.category, object=f"{unit.id}/{column}")


def unseal(unit: Unit, column: str, sealed: bytes | memoryview) -> bytes:
    """Open a sealed column. Raises Gone (being erased, or no key) or vault.seal.Unreadable."""
    return open_sealed(key(unit), bytes(sealed), tenant=unit.tenant_id, category=unit.category, object=f"{unit.id}/{column}")


def text(unit: Unit, column: str, sealed: bytes | memoryview) -> str:
    """`unseal` as text."""
    return unseal(unit, column, sealed).decode()


def key(unit: Unit) -> bytes:
    """The unit's opened key. Raises Gone."""
    if unit.state == ERASING or unit.key is None:
        raise Gone
    try:
        return keys.one(unit.key)
    except keys.KeyGone:
        raise Gone from None


def unit(tenant: Tenant, unit_id: UUID) -> Unit:
    """One living unit of the city. Raises Gone."""
    found = Unit.objects.filter(tenant=tenant, id=unit_id).exclude(state=ERASING).first()
    if found is None:
        raise Gone
    return found


def of_anchor(tenant: Tenant, anchor: UUID) -> list[Unit]:
    """All living units of an anchor."""
    return list(Unit.objects.filter(tenant=tenant, anchor=anchor).exclude(state=ERASING).order_by("category", "id"))


def of_subject(tenant: Tenant, subject: UUID) -> list[Unit]:
    """All living units of a person."""
    return list(Unit.objects.filter(tenant=tenant, subject=subject).exclude(state=ERASING).order_by("category", "id"))


def commitments(rows: Sequence[Unit]) -> Mapping[UUID, bytes]:
    """unit id -> the random k of its commitment, for those that have one. Only for receipts and the claim of an erasure."""
    opened = keys.many([row.key for row in rows if row.key])
    found = {}
    for row in rows:
        if row.key in opened and row.commitment:
            with suppress(Unreadable):  # a damaged row is erased without a mark: it must not keep a whole city from its dates
                found[row.id] = open_sealed(
                    opened[row.key], bytes(row.commitment), tenant=row.tenant_id, category=row.category, object=f"{row.id}/commitment"
                )
    return found


def commitment(k: bytes, unit_id: UUID) -> bytes:
    """HMAC-SHA-256(k, unit id): what a leaf carries instead of the unit (privacy.md 5.11)."""
    return hmac.digest(k, unit_id.bytes, "sha256")
