"""What the room measures: it looks at the bytes in RAM, with a use of its own among them, and not at what the code intended."""

import re
from dataclasses import fields
from datetime import datetime, timedelta
from uuid import uuid4

from stadtmail.kit import clock, egress
from stadtmail.privacy import policy
from stadtmail.privacy.proofs import Measure, Measured, register
from stadtmail.tenants.models import Tenant
from stadtmail.usage import connections, folder, outgoing, volatile
from stadtmail.usage.privacy import SPACES, USAGE_RECORD

PEER = "192.0.2.77"  # of nobody (RFC 5737)
READABLE = re.compile(
    rb"\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}"  # IPv4
    rb"|[0-9a-f]{1,4}(?::[0-9a-f]{0,4}){3,7}"  # IPv6
    rb"|[a-z0-9._+-]{2,}@[a-z0-9-]{2,}\.[a-z]{2,}",  # mail
    re.IGNORECASE,
)


def declare() -> None:
    """Register the measures. Called once at start."""
    register(
        Measure("C-1.2", "connections_refused", _connections),
        Measure("C-2.4", "uses_without_purpose", _without_purpose),
        Measure("C-2.5", "usage_record_fields", _record_fields),
        Measure("C-2.5", "readable_addresses_in_ram", _readable),
        Measure("C-4.2", "ended_uses_in_ram", _ended),
        Measure("C-4.2", "volatile_store_in_ram", _in_ram),
    )


def _connections(tenant: Tenant, now: datetime) -> Measured:  # noqa: ARG001
    """Connections to elsewhere that any process tried or had open within a day. Measured only where the guard refuses one now."""
    outgoing.look("prove")
    found = outgoing.refused(clock.now())
    return Measured(found, found == 0 and egress.refuses(PEER, 9))


def _without_purpose(tenant: Tenant, now: datetime) -> Measured:  # noqa: ARG001
    """Entries in RAM of a kind that is not declared, or whose category this city's policy does not keep in RAM for a purpose."""
    known = policy.current(tenant).categories
    allowed = {code for code, category in known.items() if category.store == "ram" and category.purposes}
    good = {name for name, space in SPACES.items() if set(space.categories) <= allowed}
    found = sum(space not in good for space, _ in volatile.every())
    return Measured(found, found == 0)


def _record_fields(tenant: Tenant, now: datetime) -> Measured:
    """Columns of the record of a use, read back from RAM."""
    with connections.open_connection("web", peer=PEER, tenant=tenant.id, person=uuid4(), now=now) as connection:
        record = connection.record(now)
    assert record is not None
    found = [field.name for field in fields(record)]
    whole = record.ip == PEER and not hasattr(record, "__slots__") and set(vars(record)) == set(found)
    return Measured(len(found), tuple(found) == USAGE_RECORD and whole, real=False)


def _readable(tenant: Tenant, now: datetime) -> Measured:
    """IP and mail addresses that can be read in a copy of the store while a use is under way."""
    with connections.open_connection("web", peer=PEER, tenant=tenant.id, person=uuid4(), now=now):
        found = sum(len(READABLE.findall(path.read_bytes())) for path in folder.current().iterdir())
    return Measured(found, found == 0)


def _ended(tenant: Tenant, now: datetime) -> Measured:
    """Entries that ended longer ago than the policy's limit and are still there."""
    gone = policy.current(tenant).limits["use_gone"]
    limit = now - timedelta(days=gone.days, seconds=gone.seconds)
    found = sum(until <= limit for _, until in volatile.every())
    return Measured(found, found == 0)


def _in_ram(tenant: Tenant, now: datetime) -> Measured:  # noqa: ARG001
    """1 where the store lies in RAM, 0 where it lies on a disk."""
    in_ram = folder.is_ram(folder.current())
    return Measured(int(in_ram), in_ram)
