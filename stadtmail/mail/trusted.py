"""Whose pictures from the internet a person always wants to see: a short list, sealed under the mailbox's unit key."""

import json

from stadtmail.mail.models import PictureSenders
from stadtmail.mail.queries import Opened
from stadtmail.privacy import units

COLUMN = "picture senders"


def plain(address: str) -> str:
    """An address as it is compared: whole, without a difference between large and small letters."""
    return address.strip().lower()


def senders(o: Opened) -> list[str]:
    """The addresses, in the order of the alphabet. A role's mailbox has none. Raises units.Gone."""
    row = PictureSenders.objects.filter(unit=o.mailbox.unit_id).select_related("unit").first() if o.mailbox.unit_id else None
    return opened(row) if row else []


def opened(row: PictureSenders) -> list[str]:
    """What is in a row. Raises units.Gone."""
    found: list[str] = json.loads(units.text(row.unit, COLUMN, row.addresses))
    return found


def is_trusted(o: Opened, address: str) -> bool:
    """Are pictures of this sender to be shown? Whether it really is the sender, the caller must know."""
    return plain(address) in senders(o)
