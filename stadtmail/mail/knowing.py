"""Has somebody written to this person before, or been written to? Asked of the mailbox's index, which knows it already."""

from collections.abc import Sequence
from functools import partial
from itertools import islice
from uuid import UUID

from stadtmail.kit import store
from stadtmail.mail import queries
from stadtmail.mail.actions import indexing
from stadtmail.mail.index import files, looking
from stadtmail.mail.index.tables import Index
from stadtmail.mail.queries import Opened

PATIENCE = 0.2  # seconds for taking in what the index does not know yet, where nothing was found
MOST_LOOKED_AT = 12  # messages of a kind whose address is compared


def is_known(o: Opened, address: str, *, besides: UUID) -> bool | None:
    """Is there another message from or to this address? None where the index does not know all mail yet. Raises units.Gone."""
    if _is_found(o, address, besides):
        return True
    return _is_found(o, address, besides) if indexing.follow(o, seconds=PATIENCE) else None


def _is_found(o: Opened, address: str, besides: UUID) -> bool:
    for fields in (("FROM",), ("TO", "CC", "BCC")):  # most of what comes is from somebody who has written before
        found: dict[UUID, None] = {}  # in this order, each once
        for place in indexing.places(o):
            found |= dict.fromkeys(files.ask(place, partial(_some, fields=fields, address=address)) or ())
        if _is_named(o, address.lower(), [one for one in found if one != besides]):
            return True
    return False


def _some(index: Index, *, fields: Sequence[str], address: str) -> list[UUID]:
    return [one for field in fields for one in islice(looking.saying(index, field, address), MOST_LOOKED_AT)]


def _is_named(o: Opened, address: str, messages: Sequence[UUID]) -> bool:
    halves = queries.privates(o)
    for some in (messages[:1], messages[1:]):  # the first one that is opened mostly answers it
        rows = queries.shown(o, halves, f"message.id IN ({store.marks(some)})", some) if some else []
        people = [one for row in rows for one in (row.envelope.sender, row.envelope.to, row.envelope.cc)]
        if any(address == known.lower() for part in people for _, known in part):
            return True
    return False
