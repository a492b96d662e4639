"""The witness (STADTMAIL_WITNESS_URL): a file on another disk or host that remembers what a rolled-back machine has forgotten.

After each signed head the new leaves, the head and the ledger's new entries are appended there and synced; it holds random ids
and proofs, nothing about anybody. A store that is older than its witness keeps its ports closed until `catch_up` has put the
witnessed leaves back into their places and claimed again what had been erased; `recovery` then erases it again. Nothing is ever
taken out of the file. Where both went on differently (a fork), the erasures are caught up and the fork is reported, never hidden.
"""

import base64
import fcntl
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from stadtmail.kit import config, errors, instance, store
from stadtmail.kit import log as lines
from stadtmail.privacy.evidence import leaves, log, tree
from stadtmail.privacy.models import ERASING, Head, Leaf, LedgerEntry, PublicKey, Unit
from stadtmail.tenants.models import Tenant
from stadtmail.tenants.queries import cities

SLACK = timedelta(days=1)  # ledger entries are looked for from the last witnessed one on, less this
PART = 400
Row = tuple[UUID, bytes, bytes]  # outbox id, leaf, commitments
_known: dict[Path, tuple[int, "Seen", int]] = {}  # file -> inode, what it said, how far it was read


class WitnessUnreachable(errors.TryLater):
    """A witness is configured and cannot be read: nobody can say whether this machine is up to date."""


class WitnessForged(errors.Conflict):
    """What the witness holds does not fit the signature of its own head."""


class Forked(errors.Conflict):
    """Store and witness have different pasts: the erasures are caught up, the logs cannot be joined. `settle` is the operator's."""


@dataclass
class Seen:
    """What a witness file says. `rows` stays empty where only the counts are wanted."""

    sizes: dict[UUID, int] = field(default_factory=dict)
    heads: dict[UUID, dict[str, Any]] = field(default_factory=dict)
    erasures: dict[UUID, dict[str, Any]] = field(default_factory=dict)
    rows: dict[UUID, list[Row]] = field(default_factory=dict)
    uncovered: dict[UUID, dict[int, Row | None]] = field(default_factory=dict)
    newest: datetime | None = None


@dataclass(frozen=True)
class CaughtUp:
    """What was missing in this store."""

    leaves: int
    erasures: int


def copy(now: datetime) -> bool:  # noqa: ARG001 - the same shape as catch_up
    """Append what is new since the last copy. False where no witness is configured or it could not be told (noted, not raised)."""
    path = place()
    if path is None:
        return False
    whole = True
    try:
        with _locked(path) as fd:
            seen = _followed(path)
            records = list(_new_entries(seen))
            for tenant in cities():
                try:
                    records += _new_leaves(tenant, seen)
                except Forked:
                    lines.event("witness_forked", city=tenant.id)
                    whole = False
            _append(fd, records)
    except OSError:
        lines.event("witness_unreachable")
        return False
    return whole


def behind(now: datetime) -> bool:  # noqa: ARG001 - the same shape as catch_up
    """Does the witness know more than this store, or another past? Then no port opens. Raises WitnessUnreachable."""
    path = place()
    if path is None:
        return False
    seen = _told(path)
    if _missing(seen):
        return True
    return any(log.size(city) < size or _is_forked(city, seen) for city, size in seen.sizes.items())


def catch_up(now: datetime) -> CaughtUp:
    """Bring the store to where its witness is. `recovery` then erases again what had been erased before the roll-back.

    Raises WitnessUnreachable, WitnessForged, and Forked after the erasures have been caught up. Idempotent.
    """
    path = place()
    if path is None:
        return CaughtUp(0, 0)
    seen = _told(path)
    for city in seen.sizes:
        _check(city, seen)
    claimed = _claim_again(_missing(seen))
    forked = [city for city in seen.sizes if _is_forked(city, seen)]
    added = sum(_add_leaves(city, seen, now) for city in seen.sizes if city not in forked)
    lines.event("witness_caught_up", count=claimed)
    for city in forked:
        lines.event("witness_forked", city=city, count=min(log.size(city), seen.sizes[city]))
    if forked:
        raise Forked
    return CaughtUp(added, claimed)


def settle(now: datetime) -> int:
    """The operator has looked into the fork: confess it in each city's log and begin a new witness file beside the old one."""
    path = place()
    if path is None:
        return 0
    seen = _told(path)
    forked = [city for city in seen.sizes if _is_forked(city, seen)]
    for tenant in Tenant.objects.filter(id__in=forked):
        head = seen.heads[tenant.id]
        with store.writing():
            log.note(tenant, {"type": "fork", "size": head["size"], "root": head["root"], "at": leaves.minute(now)}, now=now)
    if forked:
        os.replace(path, path.with_suffix(f".fork-{now:%Y%m%dT%H%M%S}"))
        log.move(now)
    return len(forked)


def place() -> Path | None:
    """The witness file of this instance; None where no witness is configured."""
    url = config.load().witness_url
    return Path(url.removeprefix("file://")).absolute() / f"{instance.current().id}.witness" if url else None


def lag(tenant: Tenant) -> int | None:
    """How many of the city's leaves the witness does not have; None where there is no witness. Raises WitnessUnreachable."""
    path = place()
    return None if path is None else log.size(tenant.id) - _counts(path).sizes.get(tenant.id, 0)


# -- the file --------------------------------------------------------------------------------------------------------


@contextmanager
def _locked(path: Path) -> Iterator[int]:
    is_new = not path.exists()
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        if is_new:
            _sync_folder(path.parent)
        yield fd
    finally:
        os.close(fd)


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _append(fd: int, records: list[dict[str, Any]]) -> None:
    if not records:
        return
    end = os.fstat(fd).st_size
    torn = end > 0 and os.pread(fd, 1, end - 1) != b"\n"  # a crash in the middle of a line: it is passed over, and told again
    text = b"".join(leaves.canonical(record) + b"\n" for record in records)
    left = memoryview(b"\n" + text if torn else text)
    while left:
        left = left[os.write(fd, left) :]
    os.fsync(fd)


def _told(path: Path) -> Seen:
    """Everything that the file says, leaves included."""
    return _reachable(path, lambda: _read(path, Seen(), 0, rows=True)[0])


def _counts(path: Path) -> Seen:
    return _reachable(path, lambda: _followed(path))


def _reachable(path: Path, read: Callable[[], Seen]) -> Seen:
    if not path.parent.is_dir():
        raise WitnessUnreachable
    try:
        return read()
    except OSError as error:
        raise WitnessUnreachable from error


def _followed(path: Path) -> Seen:
    """Counts and heads only; of a file that this process knows, what has been appended since."""
    if not path.exists():
        return Seen()
    inode = path.stat().st_ino
    known = _known.get(path)
    seen, at = (known[1], known[2]) if known and known[0] == inode and known[2] <= path.stat().st_size else (Seen(), 0)
    seen, at = _read(path, seen, at, rows=False)
    _known[path] = (inode, seen, at)
    return seen


def _read(path: Path, seen: Seen, at: int, *, rows: bool) -> tuple[Seen, int]:
    if not path.exists():
        return seen, 0
    with open(path, "rb") as file:
        file.seek(at)
        for line in file:
            if not line.endswith(b"\n"):  # torn by a crash, or still being written: not read yet
                break
            at += len(line)
            try:
                record = json.loads(line)
            except ValueError:  # torn; what it said was told again behind it
                continue
            _take(record, seen, rows=rows)
    return seen, at


def _take(record: dict[str, Any], seen: Seen, *, rows: bool) -> None:
    if "leaf" in record:
        row = (UUID(record["outbox"]), record["leaf"].encode(), base64.b64decode(record["commitments"])) if rows else None
        seen.uncovered.setdefault(UUID(record["city"]), {})[record["index"]] = row
    elif "head" in record:
        _cover(UUID(record["head"]["city"]), record["head"], seen)
    elif "erasure" in record:
        entry = record["erasure"]
        intent = datetime.fromisoformat(entry["intent_at"])
        seen.erasures[UUID(entry["erasure"])] = entry
        seen.newest = max(intent, seen.newest or intent)


def _cover(city: UUID, head: dict[str, Any], seen: Seen) -> None:
    """Only leaves under a told head count; a head whose leaves were torn does not. Both are told again by the next copy."""
    waiting = seen.uncovered.pop(city, {})
    fresh = range(seen.sizes.get(city, 0), head["size"])
    if all(index in waiting for index in fresh):
        seen.rows.setdefault(city, []).extend(row for index in fresh if (row := waiting[index]))
        seen.sizes[city], seen.heads[city] = head["size"], head


# -- what is told ----------------------------------------------------------------------------------------------------


def _new_leaves(tenant: Tenant, seen: Seen) -> Iterator[dict[str, Any]]:
    newest, known = log.head(tenant.id), seen.sizes.get(tenant.id, 0)
    told = seen.heads.get(tenant.id)
    if told and (newest is None or newest.size < known or tree.root(tenant.id, told["size"]).hex() != told["root"]):
        raise Forked
    if newest is None or (told and told["size"] == newest.size):
        return
    marks = log.marks(tenant.id, known, newest.size)
    for row in Leaf.objects.filter(tenant=tenant.id, index__gte=known, index__lt=newest.size).order_by("index"):
        yield {
            "city": str(tenant.id), "index": row.index, "outbox": str(row.outbox), "leaf": bytes(row.data).decode(),
            "commitments": base64.b64encode(marks.get(row.index, b"")).decode(),
        }  # fmt: skip
    yield {
        "head": {
            "city": str(tenant.id), "size": newest.size, "root": bytes(newest.root).hex(), "signed_at": newest.signed_at.isoformat(),
            "signature": bytes(newest.signature).hex(), "test": newest.test, "public_key": log.public_key(tenant).hex(),
        }
    }  # fmt: skip


def _new_entries(seen: Seen) -> Iterator[dict[str, Any]]:
    rows = LedgerEntry.objects.filter(intent_at__gte=seen.newest - SLACK) if seen.newest else LedgerEntry.objects.all()
    for entry in rows.order_by("intent_at"):
        if entry.erasure not in seen.erasures:
            yield {
                "erasure": {
                    "erasure": str(entry.erasure), "tenant": str(entry.tenant), "category": entry.category, "cause": entry.cause,
                    "rule_due": entry.rule_due.isoformat() if entry.rule_due else None, "units": bytes(entry.units).hex(),
                    "keys": bytes(entry.keys).hex(), "commitments": bytes(entry.commitments).hex(),
                    "intent_at": entry.intent_at.isoformat(), "test": entry.test, "synthetic": entry.synthetic, "late": entry.late,
                    "rule_known": entry.rule_known.isoformat() if entry.rule_known else None,
                }
            }  # fmt: skip


# -- what is caught up -----------------------------------------------------------------------------------------------


def _missing(seen: Seen) -> list[dict[str, Any]]:
    known = set(LedgerEntry.objects.values_list("erasure", flat=True))
    return [entry for erasure, entry in seen.erasures.items() if erasure not in known]


def _check(city: UUID, seen: Seen) -> None:
    """The witness's own head must fit its leaves and be signed by the city: a damaged witness is not believed."""
    head = seen.heads[city]
    public = bytes.fromhex(head["public_key"])
    tenant = Tenant.objects.filter(id=city).first()
    hashes = [tree.leaf_hash(data) for _, data, _ in seen.rows[city]]
    message = log.head_bytes(
        city=city, size=head["size"], root=tree.root_of(hashes), signed_at=datetime.fromisoformat(head["signed_at"]), test=head["test"]
    )
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(bytes.fromhex(head["signature"]), message)
    except InvalidSignature as error:
        raise WitnessForged from error
    if tenant is not None and log.public_key(tenant) != public:
        raise WitnessForged


def _is_forked(city: UUID, seen: Seen) -> bool:
    common = min(log.size(city), seen.sizes[city])
    return tree.root(city, common) != tree.root_of([tree.leaf_hash(data) for _, data, _ in seen.rows[city][:common]])


def _claim_again(missing: list[dict[str, Any]]) -> int:
    """Units first, ledger second: whatever crashes in between is found again, by `recovery` or by the next `behind`."""
    for entry in missing:
        units = [UUID(hex=entry["units"][at : at + 32]) for at in range(0, len(entry["units"]), 32)]
        with store.writing():
            for at in range(0, len(units), PART):
                rows = Unit.objects.filter(id__in=units[at : at + PART]).exclude(state=ERASING)
                rows.update(state=ERASING, erasure=UUID(entry["erasure"]))
    with store.writing("evidence"):
        LedgerEntry.objects.bulk_create([_entry(entry) for entry in missing], batch_size=50)
    return len(missing)


def _entry(told: dict[str, Any]) -> LedgerEntry:
    return LedgerEntry(
        erasure=UUID(told["erasure"]), tenant=UUID(told["tenant"]), category=told["category"], cause=told["cause"],
        rule_due=datetime.fromisoformat(told["rule_due"]) if told["rule_due"] else None, units=bytes.fromhex(told["units"]),
        keys=bytes.fromhex(told["keys"]), commitments=bytes.fromhex(told["commitments"]), step=1,
        intent_at=datetime.fromisoformat(told["intent_at"]), test=told["test"], synthetic=told["synthetic"], late=told["late"],
        rule_known=datetime.fromisoformat(told["rule_known"]) if told["rule_known"] else None,
    )  # fmt: skip


def _add_leaves(city: UUID, seen: Seen, now: datetime) -> int:
    head, have = seen.heads[city], log.size(city)
    if have >= head["size"]:
        return 0
    public = bytes.fromhex(head["public_key"])
    with store.writing("evidence"):
        added = log.add(city, seen.rows[city][have:])
        if not PublicKey.objects.filter(tenant=city, key=public).exists():
            PublicKey.objects.create(tenant=city, key=public, since=now)
        Head.objects.create(
            tenant=city, size=head["size"], root=bytes.fromhex(head["root"]), signature=bytes.fromhex(head["signature"]),
            signed_at=datetime.fromisoformat(head["signed_at"]), test=head["test"],
        )  # fmt: skip
    return added
