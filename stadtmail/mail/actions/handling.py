"""What people do with messages on the pages of the mailbox and what no command of IMAP says in one word: delete for good, take back,
empty, dissolve a folder, colour a label. Each in one transaction; the folders' modseqs rise, so that mail programs see it at once.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from secrets import choice
from uuid import UUID

from stadtmail.kit import errors, store
from stadtmail.mail import labels, queries, views
from stadtmail.mail.actions import changing, foldering, removing
from stadtmail.mail.actions.changing import Moved, locked
from stadtmail.mail.folders import KEYWORD_BITS
from stadtmail.mail.models import Folder, Keyword, Mailbox, Message
from stadtmail.mail.queries import Opened
from stadtmail.mail.views import NoSuchFolder
from stadtmail.privacy import units

CHUNK = 400
_LABELLED = "SELECT uid FROM mail_message WHERE folder_id = %s AND (flags & %s) <> 0 ORDER BY uid"


class BadLabel(errors.NotAllowed):
    """That cannot be the name of a label."""


class LabelExists(errors.Conflict):
    """There is a label with this name."""


class NoSuchLabel(errors.NotFound):
    """The mailbox has no such label."""


@dataclass(frozen=True)
class Place:
    """A folder as it was: a folder that came later has another uidvalidity, whatever its number."""

    number: int
    uidvalidity: int


def erase(o: Opened, folder: UUID, uids: Collection[int], *, now: datetime) -> list[int]:  # noqa: ARG001
    """Delete these messages of a folder for good. Returns the uids of those that were there. Raises NoSuchFolder."""
    with store.writing():
        place = locked(o, folder)
        found: list[tuple[UUID, int]] = []
        for part in changing.parts(sorted(set(uids))):
            found += Message.objects.filter(folder=folder, uid__in=part).order_by("uid").values_list("id", "uid")
        if not found:
            return []
        gone = [uid for _, uid in found]
        Folder.objects.filter(id=folder).update(modseq=place.modseq + 1)
        removing.delete_ids([message for message, _ in found], mailbox=o.mailbox.id, halves=o.halves)
        removing.remember(folder, gone, modseq=place.modseq + 1)
    return gone


def empty(o: Opened, folder: UUID, *, until: int, now: datetime) -> int:
    """Delete for good what a folder has up to a uid: what came later was not seen by whoever said so. Raises NoSuchFolder."""
    count = 0
    while uids := list(Message.objects.filter(folder=folder, uid__lte=until).order_by("uid").values_list("uid", flat=True)[:CHUNK]):
        gone = len(erase(o, folder, uids, now=now))
        count += gone
        if not gone:
            break
    return count


def give_back(o: Opened, uids: Sequence[int], *, source: Place, to: Place, now: datetime) -> Moved:
    """Move messages back to where they came from; those that have moved on meanwhile stay where they are.

    Raises NoSuchFolder where one of the two folders is not the one that it was.
    """
    rows = {row.number: row for row in Folder.objects.filter(mailbox=o.mailbox, number__in=[source.number, to.number])}
    first, second = rows.get(source.number), rows.get(to.number)
    if first is None or second is None or (first.uidvalidity, second.uidvalidity) != (source.uidvalidity, to.uidvalidity):
        raise NoSuchFolder
    return changing.move(o, first.id, uids, to=second.id, now=now)


def dissolve(o: Opened, folder: UUID, *, now: datetime) -> int:
    """Move everything in a folder to Trash and delete the folder. Returns how many messages it had.

    Raises NoSuchFolder, foldering.StandardFolder, foldering.HasChildren.
    """
    with store.writing():
        store.locked(Mailbox.objects.filter(id=o.mailbox.id)).first()
        state = next((one for one in views.states(o) if one.id == folder), None)
        if state is None:
            raise NoSuchFolder
        trash = Folder.objects.get(mailbox=o.mailbox, role="trash")
        uids = [] if state.role else list(Message.objects.filter(folder=folder).values_list("uid", flat=True))
        moved = changing.move(o, folder, uids, to=trash.id, now=now) if uids else None
        foldering.delete(o, state.name, now=now)
    return len(moved.old) if moved else 0


def make_label(o: Opened, name: str, colour: str, *, now: datetime) -> int:  # noqa: ARG001
    """Make a label and return its bit. Raises BadLabel, LabelExists, changing.TooManyKeywords, changing.StandardOnly."""
    keyword = labels.keyword(name)
    if not keyword:
        raise BadLabel
    with store.writing():
        unit, known = _unit(o), queries.keywords(o)
        if keyword.lower() in {one.lower() for one in known.values()}:
            raise LabelExists
        free = [bit for bit in KEYWORD_BITS if bit not in known]
        if not free:
            raise changing.TooManyKeywords
        bit = choice(free)  # not the one that has just been given up: a mail program may still know it by its old name
        sealed = units.seal(unit, f"keyword {bit}", labels.sealed(keyword, colour))
        Keyword.objects.create(mailbox=o.mailbox, bit=bit, name=sealed)
    return bit


def colour_label(o: Opened, bit: int, colour: str, *, now: datetime) -> None:  # noqa: ARG001
    """Give a label one of the colours. Raises NoSuchLabel."""
    with store.writing():
        unit = _unit(o)
        row = store.locked(Keyword.objects.filter(mailbox=o.mailbox, bit=bit)).first()
        if row is None or colour not in labels.COLOURS:
            raise NoSuchLabel
        name, _ = labels.parted(units.text(unit, f"keyword {bit}", bytes(row.name)))
        Keyword.objects.filter(id=row.id).update(name=units.seal(unit, f"keyword {bit}", labels.sealed(name, colour)))


def remove_label(o: Opened, bit: int, *, now: datetime) -> int:
    """Take a label off all messages and forget it. Returns how many had it. Raises NoSuchLabel."""
    with store.writing():
        _unit(o)
        row = store.locked(Keyword.objects.filter(mailbox=o.mailbox, bit=bit)).first()
        if row is None:
            raise NoSuchLabel
        count = 0
        for folder in Folder.objects.filter(mailbox=o.mailbox).order_by("id"):
            uids = [uid for (uid,) in store.select(_LABELLED, [folder.id, 1 << bit])]
            if uids:
                changing.store_flags(o, folder.id, uids, how=changing.REMOVE, flags=1 << bit, now=now)
                count += len(uids)
        Keyword.objects.filter(id=row.id).delete()
    return count


def _unit(o: Opened):  # type: ignore[no-untyped-def]
    if o.mailbox.unit_id is None:
        raise changing.StandardOnly
    box = store.locked(Mailbox.objects.filter(id=o.mailbox.id)).select_related("unit").get()
    assert isinstance(box, Mailbox)
    return box.unit
