"""The log of a city: leaves move from the outbox into the tree, and each sweep that wrote something signs one head.

A leaf was written to the outbox in the transaction of its effect, and its outbox id is unique in the tree: so it arrives
exactly once, whatever crashes in between. What others read of it (whole or as proof) is in `public`.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any
from uuid import UUID, uuid4

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from stadtmail.kit import instance, store
from stadtmail.privacy.evidence import leaves, tree
from stadtmail.privacy.models import Commitment, Head, Leaf, Outbox, PublicKey
from stadtmail.tenants.models import Tenant
from stadtmail.vault import keys

BATCH = 500


def note(
    tenant: Tenant, fields: Mapping[str, object], *, now: datetime, outbox: UUID | None = None, commitments: bytes = b""
) -> UUID:
    """Put a leaf into the outbox. Call inside `store.writing()`, in the transaction of its effect."""
    data = leaves.write({**fields, "city": str(tenant.id), "test": instance.current().is_test})
    row = Outbox.objects.create(id=outbox or uuid4(), tenant=tenant, leaf=data, commitments=commitments, made_at=now)
    return row.id


def move(now: datetime) -> int:
    """Move everything from the outbox into the trees, sign the new heads, tell the witness. Returns leaves moved. Idempotent."""
    from stadtmail.privacy import witness  # it reads what was moved

    moved = 0
    while True:
        waiting = list(Outbox.objects.order_by("made_at", "id").select_related("tenant")[:BATCH])
        if not waiting:
            break
        cities = {row.tenant_id: row.tenant for row in waiting}
        signers = {city: signer(cities[city]) for city in cities}
        with store.writing("evidence"):
            for city in cities:
                moved += add(city, [(row.id, bytes(row.leaf), bytes(row.commitments)) for row in waiting if row.tenant_id == city])
                _sign(city, signers[city], now)
        with store.writing():
            Outbox.objects.filter(id__in=[row.id for row in waiting])._raw_delete("default")
    if moved:
        witness.copy(now)
    return moved


def leaf_of(outbox: UUID) -> int | None:
    """Index of the leaf that came from this outbox row, once it is in the tree."""
    return Leaf.objects.filter(outbox=outbox).values_list("index", flat=True).first()


def size(tenant: UUID) -> int:
    """Number of leaves."""
    last = Leaf.objects.filter(tenant=tenant).order_by("-index").values_list("index", flat=True).first()
    return 0 if last is None else last + 1


def head(tenant: UUID) -> Head | None:
    """The newest signed head."""
    return Head.objects.filter(tenant=tenant).order_by("-size").first()


def signer(tenant: Tenant) -> Ed25519PrivateKey:
    """The city's signing key."""
    return Ed25519PrivateKey.from_private_bytes(keys.city(tenant.id, "signing"))


def public_key(tenant: Tenant) -> bytes:
    """The city's public signing key, 32 bytes."""
    return signer(tenant).public_key().public_bytes_raw()


def head_bytes(*, city: UUID, size: int, root: bytes, signed_at: datetime, test: bool) -> bytes:
    """What the signature of a head covers."""
    return leaves.canonical(
        {"city": str(city), "root": root.hex(), "signed_at": leaves.minute(signed_at), "size": size, "test": test, "type": "head"}
    )


def export(tenant: Tenant) -> dict[str, Any]:
    """The whole public log: what /datenschutz/nachweis/log.json gives and the verifier reads. Nothing personal is in it."""
    from stadtmail.privacy.evidence import public  # it reads what lies here

    return public.whole(tenant)


def add(city: UUID, rows: Sequence[tuple[UUID, bytes, bytes]]) -> int:
    """Put (outbox id, leaf, commitments) behind the last leaf, without those that are there. Call inside `writing("evidence")`."""
    known = set(Leaf.objects.filter(outbox__in=[outbox for outbox, _, _ in rows]).values_list("outbox", flat=True))
    fresh = [row for row in rows if row[0] not in known]
    first = size(city)
    tree.append(city, first, [data for _, data, _ in fresh])
    Leaf.objects.bulk_create(
        [Leaf(tenant=city, index=first + n, data=data, outbox=outbox) for n, (outbox, data, _) in enumerate(fresh)], batch_size=200
    )
    Commitment.objects.bulk_create(
        [
            Commitment(tenant=city, leaf=first + n, position=position, digest=digest)
            for n, (_, _, marks) in enumerate(fresh)
            for position, digest in enumerate(split(marks))
        ],
        batch_size=200,
    )
    return len(fresh)


def marks(city: UUID, first: int, end: int) -> dict[int, bytes]:
    """Leaf -> its commitments, one behind the other, of the leaves from `first` to before `end`."""
    rows = Commitment.objects.filter(tenant=city, leaf__gte=first, leaf__lt=end).order_by("leaf", "position")
    pairs = rows.values_list("leaf", "digest").iterator(chunk_size=5_000)
    return {leaf: b"".join(bytes(digest) for _, digest in group) for leaf, group in groupby(pairs, key=lambda pair: pair[0])}


def split(marks: bytes) -> list[bytes]:
    """Commitments that lie one behind the other, 32 bytes each."""
    return [marks[at : at + 32] for at in range(0, len(marks), 32)]


def _sign(city: UUID, key: Ed25519PrivateKey, now: datetime) -> None:
    count = size(city)
    if Head.objects.filter(tenant=city, size=count).exists():
        return
    public = key.public_key().public_bytes_raw()
    if not PublicKey.objects.filter(tenant=city, key=public).exists():
        PublicKey.objects.create(tenant=city, key=public, since=now)
    test = instance.current().is_test
    root = tree.root(city, count)
    signed_at = now.replace(second=0, microsecond=0)
    signature = key.sign(head_bytes(city=city, size=count, root=root, signed_at=signed_at, test=test))
    Head.objects.create(tenant=city, size=count, root=root, signed_at=signed_at, signature=signature, test=test)
