"""What arrived is boxed, because nobody was there to open it; once its index takes it in, its record key is folded, as what its holder
appends is from the beginning: it then opens without a key agreement, and a page of fifty messages takes fifty of them less.

Nothing becomes easier to read: both open with the private half of the pair and with nothing else, and die with it.
"""

from collections.abc import Sequence
from uuid import UUID

from stadtmail.kit import store
from stadtmail.mail import queries, sealing
from stadtmail.mail.queries import Opened
from stadtmail.vault.seal import Unreadable

_KEYS = "SELECT id, record_key FROM mail_message WHERE pair_id = %s AND id IN ({ids})"
_FOLD = "UPDATE mail_message SET record_key = %s WHERE id = %s AND pair_id = %s"


def fold(o: Opened, pair: UUID, messages: Sequence[UUID]) -> int:
    """Fold the record keys of these messages, those that are boxed under this pair; who moved or went meanwhile stays as it is.

    Call outside of an index's turn. Returns how many. Raises units.Gone.
    """
    private = queries.privates(o).get(pair)
    if private is None or not messages:
        return 0
    rows = store.select(_KEYS.format(ids=store.marks(messages)), [pair, *messages])
    found = [(key, store.as_id(message), pair) for message, box in rows if (key := _folded(o, private, store.as_id(message), bytes(box)))]
    if found:
        with store.writing():
            store.change(_FOLD, found)
    return len(found)


def _folded(o: Opened, private: sealing.Private, message: UUID, box: bytes) -> bytes | None:
    """The folded record key; None for one that is folded already, or damaged."""
    if sealing.is_folded(box):
        return None
    where = {"tenant": o.mailbox.tenant_id, "mailbox": o.mailbox.id, "role": o.mailbox.role, "message": message}
    try:
        return sealing.folded(private, sealing.record(private, box, **where).key, **where)  # type: ignore[arg-type]
    except Unreadable:
        return None
