"""How a message in transit lies in the store: envelope, recipients and body sealed under the transit's own key (C-4.2).

Whoever opens one does it to deliver it, to tell its sender, or for the sender's own access file; nothing here is ever logged.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from uuid import UUID

from stadtmail.mail.leaving import Leg, Transit
from stadtmail.privacy import units
from stadtmail.privacy.models import Unit
from stadtmail.vault import blobs

CATEGORY, ANCHOR = "TRANSIT", "transit"
BEGIN, END = "transit_begin", "transit_end"  # the events of its clock
OPEN, FAILED = "", "failed"
NEVER, SUCCESS, FAILURE, DELAY = "NEVER", "SUCCESS", "FAILURE", "DELAY"  # RFC 3461 4.1
_PIECE = 1024 * 1024


@dataclass(frozen=True, repr=False)
class To:
    """A recipient, what its sender wants to hear (RFC 3461), and what became of it. `orcpt` is the value of ORCPT, as it came."""

    address: str
    notify: tuple[str, ...] = ()
    orcpt: str = ""
    state: str = OPEN
    status: str = ""  # RFC 3463: what the last answer meant
    text: str = ""  # what the remote server said
    server: str = ""  # which one

    def wants(self, word: str) -> bool:
        """Does the sender want a notice of this kind? Without a word they want failures, and to be told of a delay."""
        return word in self.notify if self.notify else word in (FAILURE, DELAY)

    def answered(self, state: str, status: str, text: str, server: str = "") -> "To":
        """The recipient after an answer."""
        return replace(self, state=state, status=status, text=text[:400], server=server)


@dataclass(frozen=True, repr=False)
class Envelope:
    """What belongs to the whole message. `sender` is empty for a bounce; `ret` is FULL, HDRS or empty (RFC 3461 4.3)."""

    sender: str
    accepted_at: datetime
    envid: str = ""
    ret: str = ""
    is_8bit: bool = False
    is_utf8: bool = False
    is_tls_report: bool = False  # it has to arrive although TLS fails (RFC 8460 3)


@dataclass(frozen=True, repr=False)
class Opened:
    """A leg that somebody works on: what it needs to be carried, without the body."""

    id: UUID
    unit: Unit
    row: Transit
    envelope: Envelope
    destination: str
    recipients: tuple[To, ...]
    attempts: int = 0
    told: bool = False
    claim: UUID | None = field(default=None)

    @property
    def waiting(self) -> tuple[To, ...]:
        """Recipients who do not have it yet and may still get it."""
        return tuple(one for one in self.recipients if one.state == OPEN)


def sealed_envelope(unit: units.Prepared, envelope: Envelope) -> bytes:
    """Seal the envelope."""
    return units.seal(unit, "envelope", _packed({**asdict(envelope), "accepted_at": envelope.accepted_at.isoformat()}))


def sealed_recipients(unit: units.Prepared | Unit, leg: UUID, destination: str, recipients: Iterable[To]) -> bytes:
    """Seal the recipients of a leg. Raises units.Gone."""
    return units.seal(unit, f"leg {leg}", _packed({"destination": destination, "to": [asdict(one) for one in recipients]}))


def sealed_body(unit: units.Prepared, raw: bytes, *, most_in_row: int) -> tuple[bytes | None, UUID | None]:
    """(for the row, None), or (None, a blob that is durable)."""
    if len(raw) <= most_in_row:
        return units.seal(unit, "body", raw), None
    pieces = (raw[at : at + _PIECE] for at in range(0, len(raw), _PIECE))
    return None, blobs.put(pieces, key=unit.key, tenant=unit.tenant.id, category=CATEGORY)


def opened(leg: Leg) -> Opened:
    """Open a leg (with its transit and unit). Raises units.Gone, Unreadable."""
    row, unit = leg.transit, leg.transit.unit
    plain = json.loads(units.unseal(unit, f"leg {leg.id}", leg.recipients))
    recipients = tuple(To(**{**one, "notify": tuple(one["notify"])}) for one in plain["to"])
    return Opened(leg.id, unit, row, envelope(row), plain["destination"], recipients, leg.attempts, leg.told, leg.claim)


def envelope(row: Transit) -> Envelope:
    """Open the envelope. Raises units.Gone, Unreadable."""
    plain = json.loads(units.unseal(row.unit, "envelope", row.envelope))
    return Envelope(**{**plain, "accepted_at": datetime.fromisoformat(plain["accepted_at"])})


def body(row: Transit) -> Iterator[bytes]:
    """The message, piece by piece. Raises units.Gone, Unreadable, blobs.BlobGone."""
    if row.blob is None:
        yield units.unseal(row.unit, "body", row.body or b"")
    else:
        yield from blobs.get(row.blob, key=units.key(row.unit), tenant=row.tenant_id, category=CATEGORY)


def _packed(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
