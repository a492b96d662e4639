"""Living connections: one UsageRecord each (C-2.5), sealed under a key that only this process has, gone at its end (C-4.2).

The entry is on a lease: whoever serves the connection beats within 30 seconds, or it has ended at its last beat. A beat that
is refused says that the connection must be cut: absolute limit, end of its person's sessions, or a new start. A stranger's
connection may wait for its first beat to be entered: what ends before that was never written anywhere.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from stadtmail.privacy import policy
from stadtmail.tenants import queries as tenants
from stadtmail.usage import marks, volatile
from stadtmail.vault.seal import open_sealed, seal

LEASE = timedelta(seconds=30)
ABSOLUTE = timedelta(hours=12)  # where no city, and so no policy, is known: incoming mail
SERVICES = {"web": "ND", "smtp": "VD", "submission": "VD", "lmtp": "VD", "imap": "VD", "sieve": "VD"}  # service -> category
HELD = frozenset({"imap", "submission", "sieve"})  # those that a person's programs hold: their owner may see and end them
_NO_CITY = UUID(int=0)


@dataclass(frozen=True)
class UsageRecord:
    """The record of a use: exactly these seven, no agent, no place, no page (C-2.5; TDDDG § 9(1))."""

    id: UUID
    subject_ref: bytes  # keyed, another one after each start; empty: nobody is logged in
    begin_at: datetime
    end_at: datetime | None  # None while it lasts, and it does not outlast its end
    tz: str  # "Europe/Berlin +01:00": name and offset at the begin
    ip: str
    service: str


@dataclass(frozen=True)
class Live:
    """A connection of this moment, as its owner sees it: no address, no device. `mark` ends it (sessions.end_one)."""

    service: str
    began_at: datetime
    mark: str


class Connection:
    """One living connection of this process. Once it is entered, its record lies sealed in the store and nowhere else."""

    def __init__(
        self, record: UsageRecord, *, tenant: UUID, until: datetime, via: bytes = b"", network: bytes = b"", outline: bytes = b""
    ) -> None:
        self.id = record.id
        self._tenant, self._service, self._until = tenant, record.service, until
        self._owner, self._via, self._outline = record.subject_ref or network, via, outline
        self._record: UsageRecord | None = record
        self._key, self._value, self._has_ended = bytearray(), b"", False

    @property
    def is_entered(self) -> bool:
        """Do the other processes know of it?"""
        return bool(self._value)

    def enter(self, now: datetime) -> None:
        """Seal the record into the store. From another thread than the one that ends it, too: nothing stays behind."""
        record = self._record
        if record is None:
            return
        key = os.urandom(32)
        sealed = seal(key, _written(record), tenant=self._tenant, category=SERVICES[self._service], object=f"use {self.id}")
        value = len(self._outline).to_bytes(2, "big") + self._outline + sealed
        volatile.put("connection", self.id.bytes, value, until=min(now + LEASE, self._until), person=self._owner, via=self._via)
        self._key[:], self._value, self._record = key, value, None
        if self._has_ended:  # meanwhile
            self.end()

    def beat(self, now: datetime) -> bool:
        """Renew the lease, or enter it for the first time. False: the connection is over and has to be cut."""
        if now >= self._until:
            self.end()
            return False
        if not self._value:
            self.enter(now)
            return not self._has_ended
        return volatile.replace("connection", self.id.bytes, self._value, until=min(now + LEASE, self._until), now=now)

    def record(self, now: datetime) -> UsageRecord | None:
        """What the store holds of this connection; None once it has ended."""
        value = volatile.get("connection", self.id.bytes, now)
        if value is None:
            return None
        place = {"tenant": self._tenant, "category": SERVICES[self._service], "object": f"use {self.id}"}
        return _read(open_sealed(bytes(self._key), value[2 + int.from_bytes(value[:2], "big") :], **place))  # type: ignore[arg-type]

    def end(self) -> None:
        """The connection has ended: its entry is dropped, its key overwritten. Idempotent."""
        self._has_ended, self._record = True, None
        if self._value:
            volatile.drop("connection", self.id.bytes)
        self._key[:] = bytes(len(self._key))


def begin(
    service: str, *, peer: str, tenant: UUID | None, person: UUID | None, now: datetime, via: UUID | None = None, network: str = "",
    is_entered: bool = True,
) -> Connection:  # fmt: skip
    """Begin a connection; whoever begins one ends it (or uses open_connection).

    `via`: the credential that it began with. `network`: of a stranger, to be counted (of_network). `is_entered` off: its first
    beat enters it, and whoever serves it beats soon.
    """
    rules = policy.current(tenants.city(tenant)) if tenant else None
    limit = rules.limits["session_absolute"] if rules else None
    zone = rules.tz if rules else ZoneInfo("UTC")
    record = UsageRecord(
        id=uuid4(),
        subject_ref=marks.of_person(tenant, person) if tenant and person else b"",
        begin_at=now.astimezone(UTC),
        end_at=None,
        tz=f"{zone.key} {now.astimezone(zone).isoformat()[-6:]}",
        ip=_address(peer),
        service=service,
    )
    lasts = timedelta(days=limit.days, seconds=limit.seconds) if limit else ABSOLUTE
    mark = marks.of_person(tenant, via) if tenant and via else b""
    counted = marks.of_network(network) if network and person is None else b""
    outline = _outline(record, tenant, person) if tenant and person and service in HELD else b""
    made = Connection(record, tenant=tenant or _NO_CITY, until=now + lasts, via=mark, network=counted, outline=outline)
    if is_entered:
        made.enter(now)
    return made


@contextmanager
def open_connection(service: str, *, peer: str, tenant: UUID | None, person: UUID | None, now: datetime) -> Iterator[Connection]:
    """A connection for as long as the block runs, whatever ends it."""
    connection = begin(service, peer=peer, tenant=tenant, person=person, now=now)
    try:
        yield connection
    finally:
        connection.end()


def count(now: datetime) -> int:
    """How many connections are alive, over all processes."""
    return volatile.count("connection", now)


def of_credential(tenant: UUID, credential: UUID, now: datetime) -> int:
    """How many living connections began with a credential: whether it is in use now, and nothing about before."""
    return volatile.count_of_credential(marks.of_person(tenant, credential), now)


def end_credential(tenant: UUID, credential: UUID) -> int:
    """End all connections that began with a credential (it was revoked). Returns how many."""
    return volatile.end_of_credential(marks.of_person(tenant, credential))


def endings() -> int:
    """Changes whenever connections were ended from elsewhere: a door that sees it change beats at once."""
    return volatile.endings()


def live_of(tenant: UUID, person: UUID, now: datetime) -> list[Live]:
    """The connections that a person's programs hold at this moment, over all processes: kind and begin, from RAM."""
    opener, found = marks.outline_key(tenant, person), []
    for key, value in volatile.entries_of_person("connection", marks.of_person(tenant, person), now):
        length = int.from_bytes(value[:2], "big")
        if length:
            plain = open_sealed(opener, value[2 : 2 + length], tenant=tenant, category="VD", object="outline")
            service, began_at = json.loads(plain)
            found.append(Live(service, datetime.fromisoformat(began_at), marks.of_entry(tenant, person, key)))
    return sorted(found, key=lambda one: one.began_at)


def of_person(tenant: UUID, person: UUID, now: datetime) -> int:
    """How many connections a person has, over all services and processes."""
    return len(volatile.of_person("connection", marks.of_person(tenant, person), now))


def of_network(network: str, now: datetime) -> int:
    """How many connections of a network have not said yet who they are, over all processes."""
    return len(volatile.of_person("connection", marks.of_network(network), now))


def end_lost(now: datetime) -> int:
    """Remove the connections whose process has died: they ended at their last beat. Returns how many."""
    return volatile.sweep(now, space="connection")


def _address(peer: str) -> str:
    try:
        return str(ip_address(peer.partition("%")[0]))
    except ValueError:
        return ""


def _outline(record: UsageRecord, tenant: UUID, person: UUID) -> bytes:
    plain = json.dumps([record.service, record.begin_at.isoformat()]).encode()
    return seal(marks.outline_key(tenant, person), plain, tenant=tenant, category="VD", object="outline")


def _written(record: UsageRecord) -> bytes:
    parts = [record.id.hex, record.subject_ref.hex(), record.begin_at.isoformat(), record.tz, record.ip, record.service]
    return json.dumps(parts).encode()


def _read(plain: bytes) -> UsageRecord:
    identity, subject, begin_at, tz, ip, service = json.loads(plain)
    return UsageRecord(UUID(identity), bytes.fromhex(subject), datetime.fromisoformat(begin_at), None, tz, ip, service)
