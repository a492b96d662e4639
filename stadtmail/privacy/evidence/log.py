"""The log of a city: leaves move from the outbox into the tree, and each sweep that wrote something signs one head.

A leaf was written to the outbox in the transaction of its effect, and its outbox id is unique in the tree: so it arrives
exactly once, whatever crashes in between.
"""

from collections.abc import Mapping
from datetime import datetime
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
    """Move everything from the outbox into the trees and sign the new heads. Returns leaves moved. Idempotent."""
    moved = 0
    while True:
        waiting = list(Outbox.objects.order_by("made_at", "id").select_related("tenant")[:BATCH])
        if not waiting:
            return moved
        cities = {row.tenant_id: row.tenant for row in waiting}
        signers = {city: signer(cities[city]) for city in cities}
        with store.writing("evidence"):
            for city in cities:
                moved += _append(city, [row for row in waiting if row.tenant_id == city])
                _sign(city, signers[city], now)
        with store.writing():
            Outbox.objects.filter(id__in=[row.id for row in waiting]).delete()


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
    marks: dict[int, list[str]] = {}
    for leaf, digest in Commitment.objects.filter(tenant=tenant.id).order_by("leaf", "position").values_list("leaf", "digest"):
        marks.setdefault(leaf, []).append(bytes(digest).hex())
    return {
        "format": "stadtmail log 1",
        "city": str(tenant.id),
        "domain": tenant.domain,
        "public_keys": [bytes(row.key).hex() for row in PublicKey.objects.filter(tenant=tenant.id).order_by("since")],
        "leaves": [bytes(d).decode() for d in Leaf.objects.filter(tenant=tenant.id).order_by("index").values_list("data", flat=True)],
        "commitments": {str(leaf): digests for leaf, digests in marks.items()},
        "heads": [
            {
                "size": row.size, "root": bytes(row.root).hex(), "signed_at": leaves.minute(row.signed_at),
                "signature": bytes(row.signature).hex(), "test": row.test,
            }
            for row in Head.objects.filter(tenant=tenant.id).order_by("size")
        ],
    }  # fmt: skip


def _append(city: UUID, rows: list[Outbox]) -> int:
    known = set(Leaf.objects.filter(outbox__in=[row.id for row in rows]).values_list("outbox", flat=True))
    fresh = [row for row in rows if row.id not in known]
    at = size(city)
    for row in fresh:
        Leaf.objects.create(tenant=city, index=at, data=row.leaf, outbox=row.id)
        tree.append(city, at, bytes(row.leaf))
        marks = bytes(row.commitments)
        Commitment.objects.bulk_create(
            [Commitment(tenant=city, leaf=at, position=n, digest=marks[32 * n : 32 * n + 32]) for n in range(len(marks) // 32)]
        )
        at += 1
    return len(fresh)


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
