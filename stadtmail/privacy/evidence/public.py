"""What everybody may read of a city's log: whole, or as a proof for a few commitments. Nothing personal is in either.

The whole log is the private way: who downloads it names nobody. A proof is small however long the log is, but whoever asks for
one shows the server which commitments are theirs. `verifier/stadtmail_verify.py` reads both.
"""

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from stadtmail.kit.errors import NotFound
from stadtmail.privacy.evidence import leaves, log, tree
from stadtmail.privacy.models import Commitment, Head, Leaf, LedgerEntry, PublicKey
from stadtmail.tenants.models import Tenant

LOG, PROOF = "stadtmail log 1", "stadtmail proof 1"


class NoHead(NotFound):
    """The city has not signed a head of that size (yet)."""


def whole(tenant: Tenant) -> dict[str, Any]:
    """All leaves under the newest head, their commitments, and the newest head of each day."""
    newest = log.head(tenant.id)
    size = newest.size if newest else 0  # what a sweep adds meanwhile belongs to the next head
    texts = Leaf.objects.filter(tenant=tenant.id, index__lt=size).order_by("index").values_list("data", flat=True)
    return {
        "format": LOG,
        **_named(tenant),
        "leaves": [bytes(data).decode() for data in texts.iterator(chunk_size=5_000)],
        # in base64, one behind the other: two thirds of what lists of hexadecimal would take
        "commitments": {str(leaf): base64.b64encode(marks).decode() for leaf, marks in log.marks(tenant.id, 0, size).items()},
        "heads": [head_of(head) for head in _daily(Head.objects.filter(tenant=tenant.id, size__lte=size).order_by("size"))],
    }


@dataclass(frozen=True)
class Erasures:
    """How many erasures the city's log tells of, and of how many nobody real stands behind."""

    all: int
    synthetic: int


def erasures(tenant: Tenant) -> Erasures:
    """The count for the page of proof; who reads the log counts the same."""
    done = LedgerEntry.objects.filter(tenant=tenant.id)
    synthetic = done.filter(synthetic=True).count()
    return Erasures(synthetic + done.filter(synthetic=False).count(), synthetic)


def proof_for(tenant: Tenant, marks: Sequence[bytes], *, since: int = 0) -> dict[str, Any]:
    """Proof that these commitments lie in erasures of the newest head, and that it extends the head of size `since`.

    A commitment that no erasure carries yet is left out: the verifier says "not yet". Raises NoHead where nothing is signed.
    """
    newest = log.head(tenant.id)
    if newest is None or since > newest.size:
        raise NoHead
    return {
        "format": PROOF,
        **_named(tenant),
        "head": head_of(newest),
        "consistency": consistency(tenant, since, newest.size),
        "erasures": [found for mark in marks if (found := _erasure(tenant.id, mark, newest.size))],
    }


def consistency(tenant: Tenant, old: int, new: int) -> dict[str, Any]:
    """Proof that the tree of `new` leaves extends the tree of `old` (RFC 6962 2.1.2)."""
    return {"from": old, "to": new, "path": [digest.hex() for digest in tree.consistency(tenant.id, old, new)]}


def head_of(head: Head) -> dict[str, Any]:
    """A signed head as others read it."""
    return {
        "size": head.size, "root": bytes(head.root).hex(), "signed_at": leaves.minute(head.signed_at),
        "signature": bytes(head.signature).hex(), "test": head.test,
    }  # fmt: skip


def keys_of(tenant: Tenant) -> list[str]:
    """The city's public keys, the oldest first."""
    return [bytes(key).hex() for key in PublicKey.objects.filter(tenant=tenant.id).order_by("since").values_list("key", flat=True)]


def _named(tenant: Tenant) -> dict[str, Any]:
    return {"city": str(tenant.id), "domain": tenant.domain, "public_keys": keys_of(tenant)}


def _daily(heads: Iterable[Head]) -> list[Head]:
    """Of each day's heads the newest: every older one is recomputed from the leaves anyway."""
    return list({head.signed_at.date(): head for head in heads}.values())


def _erasure(city: UUID, mark: bytes, size: int) -> dict[str, Any] | None:
    found = Commitment.objects.filter(tenant=city, digest=mark, leaf__lt=size).first()
    if found is None:
        return None
    leaf = Leaf.objects.get(tenant=city, index=found.leaf)
    members = Commitment.objects.filter(tenant=city, leaf=found.leaf).order_by("position").values_list("digest", flat=True)
    hashes = [tree.leaf_hash(bytes(digest)) for digest in members]
    return {
        "commitment": mark.hex(),
        "position": found.position,
        "members": len(hashes),
        "inner": [digest.hex() for digest in tree.path_of(hashes, found.position)],
        "leaf": bytes(leaf.data).decode(),
        "index": leaf.index,
        "path": [digest.hex() for digest in tree.inclusion(city, leaf.index, size)],
    }
