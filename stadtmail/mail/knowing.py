"""Has somebody written to this person before, or been written to? Asked of the mailbox's index, which knows it already."""

from collections.abc import Collection
from itertools import islice
from uuid import UUID

from stadtmail.mail import queries
from stadtmail.mail.actions import indexing
from stadtmail.mail.index import files, looking
from stadtmail.mail.index.looking import Wish
from stadtmail.mail.index.tables import Index
from stadtmail.mail.models import Message
from stadtmail.mail.queries import Opened

PATIENCE = 0.2  # seconds for taking in what the index does not know yet, where nothing was found
MOST_LOOKED_AT = 12  # messages of a kind whose address is compared


def is_known(o: Opened, address: str, *, besides: UUID) -> bool | None:
    """Is there another message from or to this address? None where the index does not know all mail yet. Raises units.Gone."""
    if _is_found(o, address, besides):
        return True
    return _is_found(o, address, besides) if indexing.follow(o, seconds=PATIENCE) else None


def _is_found(o: Opened, address: str, besides: UUID) -> bool:
    wanted = f'"{address}"'
    found: set[UUID] = set()
    for place in indexing.places(o):
        for wish in (Wish(sender=wanted), Wish(receiver=wanted)):
            found.update(files.ask(place, lambda index, wish=wish: _some(index, wish)) or ())  # type: ignore[misc]
    return _is_named(o, address.lower(), found - {besides})


def _some(index: Index, wish: Wish) -> list[UUID]:
    return [message for _, message in islice(looking.meant(index, wish), MOST_LOOKED_AT)]


def _is_named(o: Opened, address: str, messages: Collection[UUID]) -> bool:
    rows = Message.objects.filter(id__in=messages, folder__mailbox_id=o.mailbox.id)
    people = [one for row in queries.shown(o, queries.privates(o), rows) for one in (row.envelope.sender, row.envelope.to, row.envelope.cc)]
    return any(address == known.lower() for part in people for _, known in part)
