"""The pages of a folder: so many messages from a uid on, up or down, or only those that a filter leaves; and conversations.

Whatever is asked costs the same number of queries, and opens no more messages than a page has.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from stadtmail.kit import store
from stadtmail.mail import queries
from stadtmail.mail.folders import FLAGGED, SEEN
from stadtmail.mail.queries import MessageRow, Opened
from stadtmail.wire import imapthread
from stadtmail.wire.imapthread import Facts, Node

UNREAD, STARRED = "unread", "starred"
_ONLY = {"": "", UNREAD: f" AND (flags & {SEEN}) = 0", STARRED: f" AND (flags & {FLAGGED}) <> 0"}


@dataclass(frozen=True)
class Listed:
    """A page, newest first, and whether there is more on both sides of it."""

    rows: list[MessageRow]
    has_older: bool
    has_newer: bool


def page(o: Opened, folder: UUID, *, before: int | None = None, after: int | None = None, only: str = "", count: int) -> Listed:
    """The newest messages of a folder; those older than uid `before`; or the oldest of those newer than uid `after`.

    Raises units.Gone.
    """
    if after is not None:
        found = _uids(folder, (">", after), only, count + 1)
        uids, has_newer = sorted(found[:count], reverse=True), len(found) > count
        has_older = bool(uids) and bool(_uids(folder, ("<", uids[-1]), only, 1))
    else:
        found = _uids(folder, ("<", before or 2**32), only, count + 1)
        uids, has_older = found[:count], len(found) > count
        newest = uids[0] if uids else (before or 2**32) - 1
        has_newer = before is not None and bool(_uids(folder, (">", newest), only, 1))
    return Listed(rows(o, folder, uids), has_older, has_newer)


def rows(o: Opened, folder: UUID, uids: Sequence[int]) -> list[MessageRow]:
    """Those of these messages that are there, newest first. Raises units.Gone."""
    if o.guest is not None:
        o.guest.check(folder)
    where = f"folder.id = %s AND message.uid IN ({store.marks(uids)}) ORDER BY message.uid DESC"
    return queries.shown(o, queries.privates(o), where, [folder, *uids]) if uids else []


def beside(folder: UUID, uid: int) -> tuple[int | None, int | None]:
    """(the next newer uid, the next older uid) of a folder."""
    newer, older = (_uids(folder, (sign, uid), "", 1) for sign in (">", "<"))
    return next(iter(newer), None), next(iter(older), None)


def conversations(found: Sequence[MessageRow]) -> list[list[MessageRow]]:
    """The messages of a page as conversations (RFC 5256, REFERENCES): newest first, inside of each as well."""
    facts = [
        Facts(row.uid, number, row.envelope.date or row.date, row.subject, row.envelope.message_id, row.envelope.references,
              row.envelope.in_reply_to)
        for number, row in enumerate(sorted(found, key=lambda row: row.uid), 1)
    ]  # fmt: skip
    by_uid = {row.uid: row for row in found}
    groups = [sorted(_numbers(thread), reverse=True) for thread in imapthread.references(facts)]
    return [[by_uid[uid] for uid in group] for group in sorted((one for one in groups if one), key=lambda one: one[0], reverse=True)]


def _numbers(thread: Node) -> list[int]:
    found, waiting = [], [thread]
    while waiting:
        node = waiting.pop()
        found += [node.facts.number] if node.facts is not None else []
        waiting += node.children
    return found


def _uids(folder: UUID, than: tuple[str, int], only: str, count: int) -> list[int]:
    """The uids next to one, on this side of it: read from the index that has a folder's numbers, no message is touched for it."""
    sign, uid = than
    way = "ASC" if sign == ">" else "DESC"
    sql = f"SELECT uid FROM mail_message WHERE folder_id = %s AND uid {sign} %s{_ONLY[only]} ORDER BY uid {way} LIMIT %s"  # noqa: S608
    return [found for (found,) in store.select(sql, [folder, uid, count])]
