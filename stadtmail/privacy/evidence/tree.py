"""The Merkle tree of a city (RFC 6962 2.1): append, root, inclusion and consistency.

Only hashes of complete subtrees are stored: an append writes two rows a leaf at most on average, and nothing is ever changed.
"""

import hashlib
from collections.abc import Callable, Sequence
from uuid import UUID

from stadtmail.privacy.models import Node

EMPTY = hashlib.sha256(b"").digest()


def leaf_hash(data: bytes) -> bytes:
    """RFC 6962 2.1: SHA-256(0x00 || leaf)."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """RFC 6962 2.1: SHA-256(0x01 || left || right)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def root_of(leaves: Sequence[bytes]) -> bytes:
    """Root over a short list of leaf hashes (the commitments of one leaf)."""
    if not leaves:
        return EMPTY
    level = list(leaves)
    while len(level) > 1:
        paired = [node_hash(level[at], level[at + 1]) for at in range(0, len(level) - 1, 2)]
        level = paired + ([level[-1]] if len(level) % 2 else [])
    return level[0]


def append(tenant: UUID, size: int, leaves: Sequence[bytes]) -> None:
    """Add leaves behind the first `size`. Call inside `store.writing("evidence")`."""
    made: dict[tuple[int, int], bytes] = {}
    stored = _stored(tenant)
    for offset, data in enumerate(leaves):
        digest, level, index = leaf_hash(data), 0, size + offset
        made[level, index] = digest
        while index % 2:
            left = made.get((level, index - 1)) or stored(level, index - 1)
            digest, level, index = node_hash(left, digest), level + 1, index // 2
            made[level, index] = digest
    rows = [Node(tenant=tenant, level=level, index=index, digest=digest) for (level, index), digest in made.items()]
    Node.objects.bulk_create(rows, batch_size=200)


def root(tenant: UUID, size: int) -> bytes:
    """Root of the first `size` leaves."""
    return _range(_stored(tenant), 0, size)


def path_of(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """Audit path inside a short list of leaf hashes (RFC 6962 2.1.1)."""
    size = len(leaves)
    if size <= 1:
        return []
    half = _split(size)
    if index < half:
        return [*path_of(leaves[:half], index), root_of(leaves[half:])]
    return [*path_of(leaves[half:], index - half), root_of(leaves[:half])]


def inclusion(tenant: UUID, index: int, size: int) -> list[bytes]:
    """Audit path of a leaf (RFC 6962 2.1.1)."""
    return _path(_stored(tenant), index, 0, size)


def consistency(tenant: UUID, old: int, new: int) -> list[bytes]:
    """Proof that the tree of `new` leaves extends the tree of `old` (RFC 6962 2.1.2)."""
    return [] if old in (0, new) else _subproof(_stored(tenant), old, 0, new, whole=True)


Lookup = Callable[[int, int], bytes]


def _stored(tenant: UUID) -> Lookup:
    rows = Node.objects.filter(tenant=tenant)
    return lambda level, index: bytes(rows.values_list("digest", flat=True).get(level=level, index=index))


def _split(size: int) -> int:
    return 1 << (size - 1).bit_length() - 1  # largest power of two below size


def _range(stored: Lookup, start: int, size: int) -> bytes:
    if size == 0:
        return EMPTY
    level = size.bit_length() - 1
    if size == 1 << level:
        return stored(level, start >> level)
    half = _split(size)
    return node_hash(_range(stored, start, half), _range(stored, start + half, size - half))


def _path(stored: Lookup, index: int, start: int, size: int) -> list[bytes]:
    if size <= 1:
        return []
    half = _split(size)
    if index < half:
        return [*_path(stored, index, start, half), _range(stored, start + half, size - half)]
    return [*_path(stored, index - half, start + half, size - half), _range(stored, start, half)]


def _subproof(stored: Lookup, old: int, start: int, size: int, *, whole: bool) -> list[bytes]:
    if old == size:
        return [] if whole else [_range(stored, start, size)]
    half = _split(size)
    if old <= half:
        return [*_subproof(stored, old, start, half, whole=whole), _range(stored, start + half, size - half)]
    return [*_subproof(stored, old - half, start + half, size - half, whole=False), _range(stored, start, half)]
