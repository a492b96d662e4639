"""Reads under the delivery key: filters, the addresses that they pass mail on to, and what they remember.

From an erasure's claim on the key does not open, and nothing here answers. Nothing here opens a message.
"""

import hmac
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from stadtmail.mail.models import DeliveryKey, Forward, Mailbox, Remembered, Script
from stadtmail.privacy import units
from stadtmail.privacy.models import ERASING


@dataclass(frozen=True)
class ScriptRow:
    """A filter, opened."""

    id: UUID
    name: str = field(repr=False)
    text: str = field(repr=False)


@dataclass(frozen=True)
class ForwardRow:
    """An address that mail is passed on to, opened."""

    id: UUID
    address: str = field(repr=False)
    is_confirmed: bool


def key_of(mailbox: UUID) -> DeliveryKey | None:
    """The delivery key of a mailbox, if it has one and is not being erased."""
    return DeliveryKey.objects.filter(mailbox_id=mailbox).exclude(unit__state=ERASING).select_related("unit").first()


def scripts(key: DeliveryKey) -> list[ScriptRow]:
    """All filters, by name. Raises units.Gone."""
    rows = Script.objects.filter(delivery=key)
    return sorted((_script(key, row) for row in rows), key=lambda one: one.name)


def active(key: DeliveryKey, script: UUID) -> str | None:
    """The text of a filter. Raises units.Gone."""
    row = Script.objects.filter(delivery=key, id=script).first()
    return units.text(key.unit, f"text {row.id}", row.text) if row else None


def active_script(mailbox: UUID) -> UUID | None:
    """Which filter of a mailbox runs."""
    found: UUID | None = Mailbox.objects.filter(id=mailbox).values_list("script", flat=True).first()
    return found


def forwards(key: DeliveryKey) -> list[ForwardRow]:
    """All addresses that mail is, or would be, passed on to. Raises units.Gone."""
    rows = Forward.objects.filter(delivery=key).order_by("id")
    return [ForwardRow(row.id, units.text(key.unit, f"forward {row.id}", row.address), row.code is None) for row in rows]


def may_forward(key: DeliveryKey, address: str) -> bool:
    """Has whoever reads there agreed?"""
    return Forward.objects.filter(delivery=key, mark=mark(key, "forward", address.lower()), code=None).exists()


def is_remembered(key: DeliveryKey, kind: str, value: str, *, now: datetime) -> bool:
    """Was this remembered, and is it still? Raises units.Gone."""
    own = mark(key, kind, value)
    row = Remembered.objects.filter(delivery=key, mark=own).first()
    return row is not None and ends_at(key, own, bytes(row.ends)) > now


def mark(key: DeliveryKey, kind: str, value: str) -> bytes:
    """What stands for a value in the store: nobody without the delivery key can tell or try. Raises units.Gone."""
    own = hmac.digest(units.key(key.unit), b"stadtmail memory", "sha256")
    return hmac.digest(own, f"{kind}\0{value}".encode("utf-8", "replace"), "sha256")


def ends_at(key: DeliveryKey, own: bytes, sealed: bytes) -> datetime:
    """Until when something is remembered. Raises units.Gone."""
    return datetime.fromisoformat(units.text(key.unit, f"ends {own.hex()}", sealed))


def _script(key: DeliveryKey, row: Script) -> ScriptRow:
    return ScriptRow(row.id, units.text(key.unit, f"name {row.id}", row.name), units.text(key.unit, f"text {row.id}", row.text))
