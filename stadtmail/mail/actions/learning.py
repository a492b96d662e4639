"""A mailbox's filter learns from what its holder does: into Junk is spam, out of it is not, and back again is taken back.

So that it knows both kinds, it learns beside each spam a message that was read and stays where it is. Each message carries a mark
of what was learned from it, so nothing counts twice. Words are kept as keyed hashes only; whatever fails here fails quietly,
because moving a message must not depend on it.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db.models import F

from stadtmail.kit import errors, log, store
from stadtmail.mail import views
from stadtmail.mail.actions import deliverykeys
from stadtmail.mail.folders import INBOX, LEARNED, LEARNED_GOOD, LEARNED_SPAM, SEEN
from stadtmail.mail.models import DeliveryKey, Folder, JunkFilter, Message
from stadtmail.mail.queries import Opened
from stadtmail.mail.spam import filters
from stadtmail.mail.spam.learned import Hash, hashes
from stadtmail.privacy import units
from stadtmail.wire import words

JUNK, TRASH = "junk", "trash"
QUIET = frozenset({"archive", INBOX})  # where what was read and stays is no spam
MOST_AT_ONCE = 40  # messages of one move that are learned from: the newest
Lesson = tuple[UUID, Sequence[Hash], bool]  # message, its words, is it spam?


def moved(o: Opened, uids: Sequence[int], *, source: UUID, to: UUID, now: datetime) -> None:
    """Learn from messages that lie under these uids in `to` since they came from `source`. Never raises."""
    try:
        is_spam = _lesson(source, to)
        if is_spam is not None and o.mailbox.contract_id is not None:
            _learn(o, to, sorted(uids)[-MOST_AT_ONCE:], is_spam, now)
    except (errors.StadtmailError, units.Gone):  # the mailbox is going, or has gone
        return
    except Exception as error:  # noqa: BLE001 - the message has been moved, and that is what was asked for
        log.bug(error, role="mail")


def forget(o: Opened, *, now: datetime) -> None:  # noqa: ARG001 - what was taught, and when, is kept nowhere
    """The filter begins anew: everything learned is gone, the marks as well."""
    with store.writing():
        JunkFilter.objects.filter(delivery__mailbox=o.mailbox).delete()
        marked = Message.objects.filter(folder__mailbox=o.mailbox).annotate(mark=F("flags").bitand(LEARNED)).filter(mark__gt=0)
        Message.objects.filter(id__in=marked.values("id")).update(flags=F("flags").bitand(~LEARNED))


def _lesson(source: UUID, to: UUID) -> bool | None:
    """True: spam; False: none; None: the move says nothing about it."""
    roles = dict(Folder.objects.filter(id__in=[source, to]).values_list("id", "role"))
    first, second = roles.get(source, ""), roles.get(to, "")
    if first != JUNK and second == JUNK:
        return True
    return False if first == JUNK and second not in (JUNK, TRASH) else None


def _learn(o: Opened, folder: UUID, uids: Sequence[int], is_spam: bool, now: datetime) -> None:
    key = deliverykeys.ensured(o, now=now)
    hashing = filters.word_key(key)
    known = LEARNED_SPAM if is_spam else LEARNED_GOOD
    lessons: list[Lesson] = [(message, hashed, is_spam) for message, hashed in _read(o, folder, uids, hashing, but=known)]
    if not lessons:
        return
    state = filters.state(key)
    missing = state.spam + len(lessons) - state.good
    if is_spam and missing > 0:
        lessons += _quiet(o, min(missing, MOST_AT_ONCE), hashing)
    with store.writing():
        deliverykeys.locked(key, o)
        _count(key, lessons)


def _read(o: Opened, folder: UUID, uids: Sequence[int], hashing: bytes, *, but: int = 0) -> list[tuple[UUID, list[Hash]]]:
    """(message, its words) of those that do not carry the mark `but`."""
    mails = [mail for mail in views.mails(o, folder, uids, with_bodies=True) if not mail.flags & but]
    return [(mail.id, hashes(hashing, words.words(b"".join(mail.between(0, words.MOST_BYTES))))) for mail in mails]


def _quiet(o: Opened, count: int, hashing: bytes) -> list[Lesson]:
    """Messages that were read, stay in their folder, and have not been learned from: the newest."""
    rows = Message.objects.filter(folder__mailbox=o.mailbox, folder__role__in=QUIET).annotate(mark=F("flags").bitand(LEARNED | SEEN))
    places = rows.filter(mark=SEEN).order_by("-arrived_on", "-uid").values_list("folder", "uid")[:count]
    found: dict[UUID, list[int]] = {}
    for folder, uid in places:
        found.setdefault(folder, []).append(uid)
    return [(message, hashed, False) for folder, uids in found.items() for message, hashed in _read(o, folder, uids, hashing)]


def _count(key: DeliveryKey, lessons: Sequence[Lesson]) -> None:
    """Count what is not counted yet, take back what was counted as the other kind. Call inside `store.writing()`."""
    state = filters.state(key)
    flags = dict(Message.objects.filter(id__in=[message for message, *_ in lessons]).values_list("id", "flags"))
    steps: list[tuple[Sequence[Hash], bool, int]] = []
    for message, hashed, is_spam in lessons:
        known, mark = flags.get(message, LEARNED), LEARNED_SPAM if is_spam else LEARNED_GOOD
        if message not in flags or known & mark:
            continue
        if known & LEARNED:
            steps.append((hashed, not is_spam, -1))
        steps.append((hashed, is_spam, 1))
        Message.objects.filter(id=message).update(flags=(known & ~LEARNED) | mark)
    if not steps:
        return
    state.learn(steps)
    sealed = units.seal(key.unit, filters.COLUMN, state.packed())
    JunkFilter.objects.update_or_create(delivery=key, defaults={"state": sealed})
