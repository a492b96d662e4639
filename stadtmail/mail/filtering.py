"""Reads under the delivery key: filters, the addresses that they pass mail on to, and what they remember.

From an erasure's claim on the key does not open, and nothing here answers. Nothing here opens a message.
"""

import hmac
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from stadtmail.kit import store
from stadtmail.mail.folders import INBOX
from stadtmail.mail.models import DeliveryKey, Forward, Mailbox, Remembered, Script
from stadtmail.privacy import units
from stadtmail.privacy.models import ERASING, Unit

_AT_DELIVERY = """
    SELECT unit.id, unit.tenant_id, unit.category, unit.key, unit.state, script.text
    FROM mail_deliverykey own
    JOIN privacy_unit unit ON unit.id = own.unit_id
    JOIN mail_script script ON script.delivery_id = own.unit_id
    WHERE own.mailbox_id = %s AND script.id = %s"""
_FOLDERS = """
    SELECT folder.id, folder.role, folder.name, unit.id, unit.tenant_id, unit.category, unit.key, unit.state
    FROM mail_mailbox box
    JOIN privacy_unit unit ON unit.id = box.unit_id
    JOIN mail_folder folder ON folder.mailbox_id = box.id
    WHERE box.id = %s ORDER BY folder.number"""


@dataclass(frozen=True)
class ScriptRow:
    """A filter, opened."""

    id: UUID
    name: str = field(repr=False)
    text: str = field(repr=False)


@dataclass(frozen=True)
class FolderName:
    """A folder as a filter names it."""

    id: UUID
    role: str
    name: str = field(repr=False)


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


def at_delivery(mailbox: UUID, script: UUID) -> tuple[DeliveryKey, str] | None:
    """The delivery key and the text of the filter that runs, in one read; None where it is not there. Raises units.Gone."""
    found = store.select(_AT_DELIVERY, [mailbox, script])
    if not found:
        return None
    unit, tenant, category, key, state, text = found[0]
    row = Unit(id=store.as_id(unit), tenant_id=store.as_id(tenant), category=category, key=store.as_id(key), state=state)
    return DeliveryKey(unit=row, mailbox_id=mailbox), units.text(row, f"text {script}", bytes(text))


def folders(mailbox: UUID) -> list[FolderName]:
    """All folders by name, in one read. Raises units.Gone."""
    return [_folder(*row) for row in store.select(_FOLDERS, [mailbox])]


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


def _folder(*row: Any) -> FolderName:
    folder, role, name, unit, tenant, category, key, state = row
    if role == INBOX:
        return FolderName(store.as_id(folder), role, "INBOX")
    own = Unit(id=store.as_id(unit), tenant_id=store.as_id(tenant), category=category, key=store.as_id(key), state=state)
    return FolderName(store.as_id(folder), role, units.text(own, f"folder {store.as_id(folder)}", bytes(name)))


def _script(key: DeliveryKey, row: Script) -> ScriptRow:
    return ScriptRow(row.id, units.text(key.unit, f"name {row.id}", row.name), units.text(key.unit, f"text {row.id}", row.text))
