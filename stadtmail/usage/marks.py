"""Marks: keyed hashes by which the volatile store finds entries without knowing of whom they are.

The keys are random per start or per day, lie in the volatile store itself and are mixed with the root key: neither a copy of
the folder nor the root key alone lets anybody guess a name or an address back.
"""

import hmac
import os
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

from stadtmail.usage import volatile
from stadtmail.vault import ring

_FOR_EVER = datetime(9999, 1, 1, tzinfo=UTC)
_ALWAYS = datetime(1970, 1, 1, tzinfo=UTC)  # keys of a start have no end of their own


def of_person(tenant: UUID, person: UUID) -> bytes:
    """Keyed reference of a person or member of staff; another one after each start."""
    return hmac.digest(_key("person", until=_FOR_EVER, now=_ALWAYS), tenant.bytes + person.bytes, "sha256")


def of_entry(tenant: UUID, person: UUID, key: bytes) -> str:
    """What a person's page calls one of their own entries: it ends that one, and says nothing about it."""
    return hmac.new(of_person(tenant, person), b"entry" + key, "sha256").hexdigest()[:32]


def outline_key(tenant: UUID, person: UUID) -> bytes:
    """The key under which a person's entries say in outline what they are: of the person and this start."""
    return hmac.digest(of_person(tenant, person), b"outline" + person.bytes, "sha256")


def of_challenge(tenant: UUID, mark: str) -> bytes:
    """Keyed hash of a used challenge."""
    return hmac.digest(_key("challenge", until=_FOR_EVER, now=_ALWAYS), tenant.bytes + mark.encode(), "sha256")


def of_network(network: str) -> bytes:
    """Keyed hash of the network of a stranger's connection, another one after each start."""
    return hmac.digest(_key("network", until=_FOR_EVER, now=_ALWAYS), network.encode(), "sha256")


def of_limit(scope: str, key: str, day: date, *, now: datetime) -> bytes:
    """Keyed hash of whatever is limited, under the key of that day (UTC). The key is gone two days later."""
    until = datetime.combine(day + timedelta(days=2), time(), UTC)
    return hmac.digest(_key(f"limit {day}", until=until, now=now), f"{scope}\0{key}".encode(), "sha256")


def _key(word: str, *, until: datetime, now: datetime) -> bytes:
    name = word.encode()
    made = volatile.get("start", name, now)
    if made is None:
        volatile.add("start", name, os.urandom(32), until=until, now=now)
        made = volatile.get("start", name, now)  # another process may have been first
    assert made is not None
    return hmac.digest(ring.root_key(), b"stadtmail mark" + name + made, "sha256")
