"""Which machines may hold copies of opened keys, where a keystore on PostgreSQL is shared by several.

Processes of one machine drop their copies by a counter that they share (`copies`); another machine is only known by its
announcement here, durable before it keeps its first copy. Whoever has destroyed a key waits out the lease of copies while
another machine is announced, and not at all where there is none. Times are the database's, so that no two clocks are compared.
"""

import os
import time
from hashlib import sha256
from pathlib import Path
from uuid import UUID

from django.db import connections

from stadtmail.kit import clock
from stadtmail.vault import copies

STAYS_SECONDS = 600  # an announcement; after half of it a new one is made, so it always outlasts the lease of a copy
_BOOT = Path("/proc/sys/kernel/random/boot_id")
_ANNOUNCE = """
    INSERT INTO vault_machine (id, until) VALUES (%s, clock_timestamp() + make_interval(secs => %s))
    ON CONFLICT (id) DO UPDATE SET until = GREATEST(vault_machine.until, excluded.until)"""
_OTHERS = "SELECT 1 FROM vault_machine WHERE id <> %s AND until > clock_timestamp() LIMIT 1"
_GONE = "DELETE FROM vault_machine WHERE until < clock_timestamp() - interval '1 day'"
_announced: dict[tuple[int, UUID], float] = {}  # process and machine -> since when, by the monotonic clock


def may_keep() -> bool:
    """May this process keep copies of what it reads next? Announces its machine first. Call before reading the keystore."""
    connection = connections["keys"]
    if connection.vendor == "sqlite":
        return True
    me, before = (os.getpid(), this()), clock.monotonic()
    age = before - _announced.get(me, -STAYS_SECONDS)
    if age < STAYS_SECONDS / 2:
        return True
    if connection.in_atomic_block:  # nobody else would see it yet
        return age < STAYS_SECONDS - 2 * copies.LEASE_SECONDS
    with connection.cursor() as cursor:
        cursor.execute(_ANNOUNCE, [me[1], STAYS_SECONDS])
        cursor.execute(_GONE)
    _announced[me] = before
    return True


def wait_for_others() -> bool:
    """After a destruction: return when no machine has a copy of what was destroyed. Says whether that took the lease."""
    connection = connections["keys"]
    if connection.vendor == "sqlite":
        return False
    with connection.cursor() as cursor:
        cursor.execute(_OTHERS, [this()])
        if cursor.fetchone() is None:
            return False
    time.sleep(copies.LEASE_SECONDS)
    return True


def this() -> UUID:
    """This machine: one running kernel and one counter file, for whoever shares both drops copies by the counter. Random to others."""
    try:
        boot = _BOOT.read_text()
    except OSError:
        boot = f"process {os.getpid()} {_process}"  # each process is a machine of its own then
    return UUID(bytes=sha256(f"{boot} {copies.units.place()}".encode()).digest()[:16])


def forget() -> None:
    """Announce anew before the next copy."""
    _announced.clear()


_process = os.urandom(16).hex()
