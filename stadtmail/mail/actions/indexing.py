"""The index follows the mail: what came is taken in from the change log (modseq), what was deleted is taken out at once.

A mark (IndexWork) is written in the same transaction as whatever has to be followed, so that no crash loses it; whoever
follows first takes the index's turn and then only reads, so that it never waits for a transaction that waits for it.
"""

import random
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from django.db.models import Q
from django.db.utils import DatabaseError

from stadtmail.kit import log, store
from stadtmail.mail import queries, views
from stadtmail.mail.actions import folding
from stadtmail.mail.index import files, words
from stadtmail.mail.index.files import Place
from stadtmail.mail.index.tables import Cursor, Index
from stadtmail.mail.index.words import Said
from stadtmail.mail.models import Expunged, IndexWork, Mailbox, MailboxKey, Message
from stadtmail.mail.queries import Opened
from stadtmail.privacy import units
from stadtmail.vault import blobs, seal

BATCH = 200  # messages of one transaction of an index
LARGE = 4 * 1024 * 1024  # bytes of a message beyond which its texts are read from its beginning only
UNLOCKED = 1.0  # seconds for what waited while a sealed mailbox was locked, at its unlocking
AT_ONCE = 0.3  # seconds for one mailbox in a round: a mailbox that is indexed anew must not keep the others waiting
ROUND = 2.0  # seconds of a round
MOST_PAIRS = 500  # of a round
LAST = 2**32
NEW: Cursor = (0, 0, 0)
_AGAIN = "ON CONFLICT (pair_id) DO UPDATE SET mark = mail_indexwork.mark + 1"


def note(pairs: Iterable[UUID]) -> None:
    """Mail under these pairs has come or gone. Call inside `store.writing()`."""
    store.insert("mail_indexwork", ("pair_id", "mark"), [(pair, 1) for pair in sorted(set(pairs))], conflict=_AGAIN)


def forget(mailbox: UUID, messages: Sequence[UUID], halves: Mapping[UUID, bytes] | None = None) -> None:
    """Take deleted messages out of the mailbox's indexes. Never raises: what cannot be done now the mark repeats."""
    try:
        box = Mailbox.objects.filter(id=mailbox).first()
        for place in places(Opened(box, halves or {})) if box is not None else ():
            if files.path_of(place.pair).exists():
                with files.writing(place) as index:
                    index.remove(list(index.ids(messages).values()))
    except units.Gone:  # the mailbox is being erased: its keys went, its files go; or it is sealed, and follows when it is opened
        return
    except Exception as error:  # noqa: BLE001 - the messages are gone, and that was the answer
        log.bug(error, role="mail")


def begin_anew() -> int:
    """Rows were put back from a backup: the indexes know mail that there is no more, and count further than the folders do, so that
    what comes now would be passed over. They go, and are made anew from the mail. Returns how many there were.
    """
    count = files.remove(list(files.every()))
    with store.writing():
        note(MailboxKey.objects.values_list("unit_id", flat=True))
    return count


def places(o: Opened) -> list[Place]:
    """The indexes of an opened mailbox: one for each pair that opens now. Raises units.Gone."""
    return [Place(o.mailbox.tenant_id, o.mailbox.id, pair, private.half) for pair, private in queries.privates(o).items()]


def follow(o: Opened, *, seconds: float) -> bool:
    """Bring the indexes of a mailbox up to date, for so long. True: they are. Raises units.Gone."""
    until, now = time.monotonic() + seconds, {folder: modseq for folder, modseq, _ in _folders(o)}
    behind = [place.pair for place in places(o) if not _is_up_to_date(files.ask(place, Index.cursors), now)]
    return sum(_followed(o, pair, until) for pair in behind) == len(behind)  # each gets its turn


def catch_up(o: Opened) -> None:
    """A sealed mailbox has just been opened: take in what came meanwhile, for a moment. The rest follows with each search. Never raises."""
    try:
        follow(o, seconds=UNLOCKED)
    except units.Gone:
        return
    except Exception as error:  # noqa: BLE001 - whoever logs in wants to read, not to search
        log.bug(error, role="mail")


def remind(o: Opened) -> None:
    """Have the work role go on where `follow` stopped."""
    with store.writing():
        note(queries.pairs_of(o))


def run(now: datetime) -> int:  # noqa: ARG001 - what waits is due
    """One round: follow all mailboxes that have a mark, each for a moment. Returns how many are up to date."""
    until, done = time.monotonic() + ROUND, 0
    waiting = list(IndexWork.objects.order_by("mark").values_list("pair", "mark", "pair__mailbox")[:MOST_PAIRS])
    random.shuffle(waiting)
    for pair, mark, mailbox in waiting:
        if time.monotonic() > until:
            break
        done += _turn_of(pair, mark, mailbox)
    return done


def _turn_of(pair: UUID, mark: int, mailbox: UUID) -> bool:
    box = Mailbox.objects.filter(id=mailbox).first()
    try:
        is_done = box is None or _followed(Opened(box), pair, time.monotonic() + AT_ONCE)
    except units.Gone:
        is_done = True
    except DatabaseError:
        raise
    except Exception as error:  # noqa: BLE001 - one index must not keep the others from their turn; the next mail tries again
        log.bug(error, role="mail")
        is_done = True
    if is_done:
        with store.writing():
            IndexWork.objects.filter(pair=pair, mark=mark)._raw_delete("default")
    return is_done


def _followed(o: Opened, pair: UUID, until: float) -> bool:
    """Follow one pair in steps, each under the index's turn and with the key asked for anew."""
    while True:
        place = next((one for one in places(o) if one.pair == pair), None)
        if place is None:
            return True
        taken: list[UUID] = []
        with files.writing(place) as index:
            if pair not in queries.privates(o):  # asked again where no erasure can come between
                return True
            is_done = _step(o, pair, index, taken)
        folding.fold(o, pair, taken)
        if is_done:
            return True
        if time.monotonic() > until:
            return False


def _step(o: Opened, pair: UUID, index: Index, taken: list[UUID]) -> bool:
    """Take in up to BATCH messages (`taken`: which), or take out what has gone. True where nothing is left to do."""
    folders = {folder: (modseq, forgotten) for folder, modseq, forgotten in _folders(o)}
    cursors = index.cursors()
    left = BATCH
    for folder, (modseq, _) in folders.items():
        cursor = cursors.get(folder, NEW)
        if cursor[:2] < (modseq, LAST):
            rows = _arrived(folder, pair, cursor, left)
            cursors[folder] = cursor = (rows[-1][2], rows[-1][1], cursor[2]) if len(rows) == left else (modseq, LAST, cursor[2])
            taken += _take_in(o, index, folder, rows, cursor)
            left -= len(rows)
            if left <= 0:
                return False
    for folder in [*folders, *(set(cursors) - set(folders))]:
        _take_out(index, folder, folders.get(folder), cursors.get(folder, NEW))
    return True


def _is_up_to_date(cursors: Mapping[UUID, Cursor] | None, now: Mapping[UUID, int]) -> bool:
    return cursors == {folder: (modseq, LAST, modseq) for folder, modseq in now.items()}


def _folders(o: Opened) -> list[tuple[UUID, int, int]]:
    rows = store.select("SELECT id, modseq, forgotten FROM mail_folder WHERE mailbox_id = %s ORDER BY number", [o.mailbox.id])
    return [(store.as_id(folder), modseq, forgotten) for folder, modseq, forgotten in rows]


def _arrived(folder: UUID, pair: UUID, cursor: Cursor, most: int) -> list[tuple[UUID, int, int]]:
    """(id, uid, modseq) of what came or changed in a folder after a cursor, in the order of the change log."""
    after = Q(modseq__gt=cursor[0]) | Q(modseq=cursor[0], uid__gt=cursor[1])
    rows = Message.objects.filter(after, folder=folder, modseq__gte=cursor[0], pair=pair)
    return list(rows.order_by("modseq", "uid").values_list("id", "uid", "modseq")[:most])


def _take_in(o: Opened, index: Index, folder: UUID, rows: Sequence[tuple[UUID, int, int]], cursor: Cursor) -> list[UUID]:
    """What came or changed in a folder. Returns which messages are new to the index."""
    known = index.ids(message for message, *_ in rows)
    fresh = [uid for message, uid, _ in rows if message not in known]
    said = [one for mail in views.mails(o, folder, fresh, with_bodies=True) if (one := _said(mail, folder)) is not None]
    there = index.ids(one.message for one in said)
    index.begin()
    for message, uid, _ in rows:
        if message in known:
            index.refile(known[message], folder, uid)
    index.add([one for one in said if one.message not in there])
    index.move_cursor(folder, cursor)
    index.commit()
    return [one.message for one in said]


def _said(mail: views.Mail, folder: UUID) -> Said | None:
    """What a message says; None for one that does not open any more: it was deleted meanwhile, or its bytes are damaged."""
    try:
        envelope = mail.envelope
        content = b"".join(mail.between(0, LARGE))
    except (units.Gone, seal.Unreadable, blobs.BlobGone):
        return None
    bcc = _bcc(content, envelope.root.body)
    return Said(
        message=mail.id, folder=folder, uid=mail.uid, size_bytes=mail.size_bytes, received_at=envelope.received_at,
        has_attachments=envelope.has_attachments, ident=envelope.message_id, sender=words.everybody(envelope, "from"),
        receiver=words.everybody(envelope, "to"), cc=words.everybody(envelope, "cc"), bcc=bcc, subject=envelope.subject,
        names=words.names(envelope.root), body=words.texts(envelope, content),
    )  # fmt: skip


def _bcc(content: bytes, end: int) -> str:
    """The addresses of Bcc: only what its owner has sent has any."""
    from stadtmail.wire import imapwrite, mimewords

    if b"bcc:" not in content[:end].lower():
        return ""
    return "\n".join(mimewords.text(value) for name, value in imapwrite.headers(content[: min(end, 256 * 1024)]) if name == b"bcc")


def _take_out(index: Index, folder: UUID, state: tuple[int, int] | None, cursor: Cursor) -> None:
    """Take out what has gone from a folder (None: the folder itself has gone). What was only moved stays."""
    modseq, forgotten = state or (0, 0)
    if state is not None and cursor[2] >= modseq:
        return
    if state is None or forgotten > cursor[2]:
        there = set(Message.objects.filter(folder=folder).values_list("uid", flat=True)) if state else set()
        missing = [(number, message) for number, message, uid in index.in_folder(folder) if uid not in there]
    else:
        spans = Expunged.objects.filter(folder=folder, modseq__gt=cursor[2]).values_list("first", "last")
        missing = [(number, message) for span in spans for number, message, _ in index.in_folder(folder, *span)]
    left = _existing([message for _, message in missing])
    index.remove([number for number, message in missing if message not in left])
    index.begin()
    if state is None:
        index.drop_cursor(folder)
    else:
        index.move_cursor(folder, (cursor[0], cursor[1], modseq))
    index.commit()


def _existing(messages: Sequence[UUID]) -> set[UUID]:
    found: set[UUID] = set()
    for at in range(0, len(messages), 400):
        found.update(Message.objects.filter(id__in=messages[at : at + 400]).values_list("id", flat=True))
    return found
