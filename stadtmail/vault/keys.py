"""The keystore: make, open and destroy the keys of units. Destroying a key is the erasure of everything under it.

A key is durable before the row that names it; a key without a row is found again by `orphans`. Nothing here knows what a
key is for, and no opened key is ever written anywhere.
"""

import os
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from uuid import UUID, uuid4, uuid5

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from stadtmail.kit import errors, store
from stadtmail.vault import epochs, machines, ring
from stadtmail.vault.copies import units as copies
from stadtmail.vault.models import Key

CHUNK = 400  # ids in one statement: below SQLite's limit of variables
BUSY_SECONDS = 30.0
# of a city's own keys
PURPOSES = ("signing", "blind.address", "blind.staff", "codes", "quarantine", "forms", "probe", "apps", "dkim")
_cities = UUID("6f1f6a1e-2f0c-4a53-9f0f-5b7f6f8d2a10")


class KeyGone(errors.NotFound):
    """The key has been destroyed, or never was."""


class CityKeyLost(errors.TryLater):
    """A key of the city itself is not there or does not open: look at STADTMAIL_KEYS_URL, put back a keystore, or a ring as new as it."""


class StillRead(errors.TryLater):
    """A reader keeps the keystore's log from being truncated; the erasure is repeated later."""


@dataclass(frozen=True)
class NewKey:
    """A key that is already durable. The key itself never shows in a repr."""

    id: UUID
    key: bytes = field(repr=False)


def new(tenant: UUID, *, count: int, now: datetime) -> list[NewKey]:
    """Make `count` keys for units of the city, durable when this returns (one transaction)."""
    epoch = epochs.current(now)
    made = [NewKey(uuid4(), os.urandom(32)) for _ in range(count)]
    with store.writing("keys"):
        _insert(tenant, "unit", made, epoch, now)
    return made


def one(key_id: UUID) -> bytes:
    """The opened key. Raises KeyGone."""
    found = copies.find(key_id) or many([key_id]).get(key_id)
    if found is None:
        raise KeyGone
    return found


def many(ids: Iterable[UUID]) -> dict[UUID, bytes]:
    """The opened keys of those ids that exist and can be opened."""
    wanted = list(dict.fromkeys(ids))
    generation = copies.generation()
    opened = {key_id: key for key_id in wanted if (key := copies.find(key_id)) is not None}
    missing = [key_id for key_id in wanted if key_id not in opened]
    may_keep = not missing or machines.may_keep()
    for part in parts(missing):
        for key_id, epoch, wrapped in Key.objects.filter(id__in=part).values_list("id", "epoch", "wrapped"):
            with suppress(KeyGone):  # damaged, or its epoch has left the ring: one that does not open hides no other
                opened[key_id] = unwrap(key_id, epoch, bytes(wrapped))
                if may_keep:
                    copies.keep(key_id, opened[key_id], generation)
    return opened


def exists(ids: Iterable[UUID]) -> set[UUID]:
    """Which of the keys are still in the keystore (read back after destruction, never from a copy)."""
    return {key_id for part in parts(list(ids)) for key_id in Key.objects.filter(id__in=part).values_list("id", flat=True)}


def destroy(ids: Sequence[UUID]) -> None:
    """Overwrite and delete the keys, truncate the log, and make every process of this machine drop its copies. Idempotent.

    For other machines there is `machines.wait_for_others`. Raises StillRead when a reader blocks the truncation for longer than
    half a minute: the caller repeats the step.
    """
    for part in parts(list(ids)):
        with store.writing("keys"):
            Key.objects.filter(id__in=part).update(wrapped=os.urandom(60))
            Key.objects.filter(id__in=part).delete()
    copies.raise_generation()
    truncate()


def truncate() -> None:
    """Bring the keystore's log to length zero, so that no wrapped key stays in it (SQLite). Raises StillRead."""
    until = time.monotonic() + BUSY_SECONDS
    while not store.truncate_log("keys"):
        if time.monotonic() > until:
            raise StillRead
        time.sleep(0.02)


def drop_copies() -> None:
    """Forget this process's opened keys."""
    copies.drop()
    machines.forget()
    epochs.forget()


def found_city(tenant: UUID, *, now: datetime) -> None:
    """Make the keys of a city that opens, before its row is committed. Never later: a second one would find nothing of the first."""
    epoch = epochs.current(now)
    with store.writing("keys"):
        for purpose in PURPOSES:
            _insert(tenant, purpose, [NewKey(city_id(tenant, purpose), os.urandom(32))], epoch, now)


def city(tenant: UUID, purpose: str) -> bytes:
    """The city's own 32-byte key for a purpose. Raises CityKeyLost: it is never made anew."""
    key_id = city_id(tenant, purpose)
    found = copies.find(key_id) or many([key_id]).get(key_id)
    if found is None:
        raise CityKeyLost
    return found


@lru_cache(maxsize=4096)
def city_id(tenant: UUID, purpose: str) -> UUID:
    """Id of the city's key for a purpose."""
    return uuid5(_cities, f"{tenant}/{purpose}")


def any_of_units() -> bool:
    """Does the keystore hold the key of a unit at all?"""
    return Key.objects.filter(kind="unit").exists()


def made_between(after: datetime, before: datetime) -> Iterable[list[UUID]]:
    """Unit keys made in that time (by the hour), in parts: whoever knows the rows destroys those that have none."""
    rows = Key.objects.filter(kind="unit", made_at__gte=after.replace(minute=0, second=0, microsecond=0), made_at__lt=before)
    return parts(list(rows.values_list("id", flat=True)))


def wrap(key_id: UUID, key: bytes, epoch: ring.Epoch) -> bytes:
    """The key, wrapped under the epoch key (60 bytes), bound to its id and epoch."""
    nonce = os.urandom(12)
    return nonce + AESGCM(epoch.key).encrypt(nonce, key, key_id.bytes + epoch.number.to_bytes(4, "big"))


def unwrap(key_id: UUID, epoch: int, wrapped: bytes, epoch_key: bytes | None = None) -> bytes:
    """Open a wrapped key. Raises KeyGone when its epoch has left the ring or the bytes were overwritten."""
    key = epoch_key or epochs.key(epoch)
    if key is None:
        raise KeyGone
    try:
        return AESGCM(key).decrypt(wrapped[:12], wrapped[12:], key_id.bytes + epoch.to_bytes(4, "big"))
    except InvalidTag:
        raise KeyGone from None


def _insert(tenant: UUID, kind: str, made: Sequence[NewKey], epoch: ring.Epoch, now: datetime) -> None:
    hour = now.replace(minute=0, second=0, microsecond=0)
    Key.objects.bulk_create(
        [Key(id=k.id, tenant=tenant, kind=kind, epoch=epoch.number, wrapped=wrap(k.id, k.key, epoch), made_at=hour) for k in made],
        batch_size=CHUNK // 4,
    )


def parts(ids: Sequence[UUID]) -> Iterable[list[UUID]]:
    """The ids in portions that fit one statement."""
    return (list(ids[at : at + CHUNK]) for at in range(0, len(ids), CHUNK))
