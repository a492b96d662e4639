"""What changed in the selected folder, told at the moments at which the RFC allows it (RFC 9051 5.2, 7.5; RFC 7162 3.2.10)."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from stadtmail.doors.imap.numbers import View
from stadtmail.doors.imap.replies import Bye
from stadtmail.kit import clock
from stadtmail.mail import queries, shares, views
from stadtmail.mail.actions import foldering
from stadtmail.mail.folders import FLAG_NAMES, KEYWORD_BITS, flag_names
from stadtmail.mail.given import words
from stadtmail.mail.views import Change, News
from stadtmail.usage import recents
from stadtmail.wire import imap

if TYPE_CHECKING:
    from stadtmail.doors.imap.session import Session

SYSTEM = b"\\Answered \\Flagged \\Deleted \\Seen \\Draft"


async def catch_up(session: "Session", *, expunges: bool) -> None:
    """Tell what happened, and take it into the view. What the client has changed itself (View.own) it knows already."""
    view = session.selected
    await ask_rights(session)
    news = await session.quick(partial(_news, view))
    if news is None and not (expunges and view.pending):
        return
    if news is not None:
        view.pending |= news.gone
        view.synced = news.modseq
    changes = [one for one in (news.changes if news else ()) if one[0] not in view.pending]
    gone = {uid for uid in view.pending if view.numbers.at(uid) >= 0} if expunges else set()
    if gone:
        _tell_gone(session, gone)
    before = len(view.numbers) - len(gone)
    known = view.numbers.uids[-1] if len(view.numbers) else 0
    is_whole = expunges and (news is None or news.is_exact)
    shared = session.server.shelf.find(view.folder.id, view.synced) if is_whole else None
    view.numbers = shared if shared is not None else view.numbers.after(changes, gone)
    if expunges:
        view.pending.clear()
    if is_whole:
        session.server.shelf.put(view.folder.id, view.synced, view.numbers)
    if len(view.numbers) != before:
        session.say(b"%d EXISTS" % len(view.numbers))
        await say_recent(session)
    await know_keywords(session, changes)
    for change in changes:
        if change[0] <= known and view.own.get(change[0]) != change:
            tell_flags(session, change)
    view.own.clear()


async def ask_rights(session: "Session") -> None:
    """What may be done in a folder of somebody else is asked anew each time; whoever may not read it any more is put out.

    RFC 4314 5.1.1 leaves the choice between that and refusing each command.
    """
    view = session.selected
    if view.given is None:
        return
    rights = await session.quick(view.given.guest.rights)
    if "r" not in rights:
        raise Bye("The mailbox is not shared any more")
    if rights != view.rights:
        view.rights = rights
        say_flags(session)


def _news(view: View) -> News | None:
    try:
        return views.news(view.folder.id, since=view.synced, known=view.numbers.uids)
    except views.NoSuchFolder:
        raise Bye("The mailbox is gone") from None


def _tell_gone(session: "Session", gone: set[int]) -> None:
    if "QRESYNC" in session.enabled:
        session.say(b"VANISHED " + imap.written(sorted(gone)))
        return
    for at in sorted((session.selected.numbers.at(uid) for uid in gone), reverse=True):
        session.say(b"%d EXPUNGE" % (at + 1))


def become_aware(session: "Session") -> None:
    """The client has shown that it knows modseqs (RFC 7162 3.1): from now on it is told them, and at once the newest."""
    if not session.is_aware and session.view is not None:
        session.say(b"OK [HIGHESTMODSEQ %d] Newest" % session.view.synced)
    session.is_aware = True


async def say_recent(session: "Session") -> None:
    """RECENT, to a client that does not know IMAP4rev2. What is told to this session is \\Recent to no other; EXAMINE takes nothing."""
    view = session.selected
    if "IMAP4REV2" in session.enabled:
        return
    if view.newest > view.seen:
        first = await session.quick(partial(_take, view))
        view.recent += [(first, view.newest)] if first <= view.newest else []
        view.seen = view.newest
    session.say(b"%d RECENT" % view.recents)


def _take(view: View) -> int:
    known, now = max(view.folder.recent, view.seen + 1), clock.now()
    if view.read_only or view.given is not None:  # to its holder's programs they stay recent
        return recents.first(view.folder.id, at_least=known, now=now)
    return recents.claim(view.folder.id, before=view.newest + 1, at_least=known, now=now)


async def note_recent(session: "Session") -> None:
    """Note in the folder what this session has been told of, so that it stays known."""
    view = session.view
    if view is not None and not view.read_only and view.given is None and view.recent and view.recent[-1][1] >= view.folder.recent:
        before = view.recent[-1][1] + 1
        await session.pool(partial(foldering.tell_recent, session.box, view.folder.id, before=before, now=clock.now()))
        view.folder = replace(view.folder, recent=before)


def tell_flags(session: "Session", change: Change, *, flags: bool = True, uid: bool = True) -> None:
    """FETCH of the flags (and modseq) of a message as they are now."""
    at = session.selected.numbers.at(change[0])
    parts = [b"UID %d" % change[0]] if uid else []
    if flags:
        parts.append(b"FLAGS (%b)" % flag_list(session, change[0], change[1]))
    if session.is_aware:
        parts.append(b"MODSEQ (%d)" % change[2])
    if at >= 0:
        session.say(b"%d FETCH (%b)" % (at + 1, b" ".join(parts)))


def flag_list(session: "Session", uid: int, flags: int) -> bytes:
    """The names of a message's flags, as in FLAGS (…)."""
    recent = ["\\Recent"] if session.view is not None and session.view.is_recent(uid) else []
    return " ".join([*recent, *flag_names(flags, session.keywords)]).encode("ascii")


async def know_keywords(session: "Session", changes: Sequence[Change]) -> None:
    """Where a message has a keyword that the session does not know yet: learn it, and say FLAGS anew."""
    known = sum(1 << bit for bit in session.keywords) | 0xFF
    if any(flags & ~known for _, flags, _ in changes):
        await learn_keywords(session)
        say_flags(session)


async def learn_keywords(session: "Session") -> None:
    """Read the holder's keywords; of somebody else's those that messages here have."""
    given = session.view.given if session.view is not None else None
    session.keywords = await session.quick(partial(queries.keywords, session.box) if given is None else partial(words, given))


def say_flags(session: "Session") -> None:
    """FLAGS and PERMANENTFLAGS of the selected folder."""
    view = session.selected
    named = "".join(f" {one}" for one in session.keywords.values()).encode("ascii")
    session.say(b"FLAGS (%b%b)" % (SYSTEM, named))
    if view.read_only:
        session.say(b"OK [PERMANENTFLAGS ()] Read-only")
    elif view.given is None:
        more = b" \\*" if len(session.keywords) < len(KEYWORD_BITS) else b""
        session.say(b"OK [PERMANENTFLAGS (%b%b%b)] Kept" % (SYSTEM, named, more))
    else:
        mask = shares.flags_of(view.rights)
        kept = [name for bit, name in FLAG_NAMES.items() if bit & mask] + (list(session.keywords.values()) if "w" in view.rights else [])
        session.say(b"OK [PERMANENTFLAGS (%b)] Kept" % " ".join(kept).encode("ascii"))
