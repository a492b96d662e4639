"""A sender's pictures from now on, or no more: what `mail/trusted.py` reads."""

import json
from collections.abc import Callable

from stadtmail.kit import errors, store
from stadtmail.mail import trusted
from stadtmail.mail.models import Mailbox, PictureSenders
from stadtmail.mail.queries import Opened
from stadtmail.privacy import units

MOST = 500
LONGEST = 320  # signs of an address (RFC 5321 4.5.3.1)


class TooMany(errors.OverQuota):
    """So many senders are remembered already."""


def remember(o: Opened, address: str) -> None:
    """Always show this sender's pictures. Idempotent. Raises TooMany, units.Gone."""
    _change(o, lambda known: known | {trusted.plain(address)[:LONGEST]})


def forget(o: Opened, address: str) -> None:
    """Ask again from now on. Idempotent. Raises units.Gone."""
    _change(o, lambda known: known - {trusted.plain(address)})


def _change(o: Opened, step: Callable[[set[str]], set[str]]) -> None:
    with store.writing():
        box = store.locked(Mailbox.objects.filter(id=o.mailbox.id)).select_related("unit").first()
        if not isinstance(box, Mailbox) or box.unit is None:
            raise units.Gone
        row = PictureSenders.objects.filter(unit=box.unit).select_related("unit").first()
        before = set(trusted.opened(row)) if row else set()
        after = step(before)
        if len(after) > max(MOST, len(before)):
            raise TooMany
        if after:
            sealed = units.seal(box.unit, trusted.COLUMN, json.dumps(sorted(after)))
            PictureSenders.objects.update_or_create(unit=box.unit, defaults={"addresses": sealed})
        else:
            PictureSenders.objects.filter(unit=box.unit)._raw_delete("default")
