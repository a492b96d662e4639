"""Questions to an opened index: which messages have this text in this field (exact, for mail programs), and which mean it (people).

The words of the index narrow the search to candidates; where folding could have found too much, what was said is looked at
again. So an exact question is answered exactly, without opening a message.
"""

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from stadtmail.mail.index.tables import Index, number_of
from stadtmail.mail.index.words import MOST_WORD, folded, is_plain

MOST_EXPANDED = 400  # words that a piece of a word may stand for; beyond, it narrows nothing
FIRST_ASKED = 2  # words that are asked for together at first; twice as many each time: common ones meet many messages, and leave few
FEW_MESSAGES = 500  # with a word that narrows a search enough
SHORTEST_PIECE = 4  # signs of a word that people may have meant as a part of a longer one
COLUMNS = {"FROM": ("sender",), "TO": ("receiver",), "CC": ("cc",), "BCC": ("bcc",), "SUBJECT": ("subject",), "NAME": ("names",),
           "BODY": ("body",), "TEXT": ("sender", "receiver", "cc", "bcc", "subject", "body", "names")}  # fmt: skip


@dataclass(frozen=True, repr=False)
class Wish:
    """What somebody looks for. Empty or None: does not matter. `text` is looked for everywhere, newest first."""

    text: str = ""
    sender: str = ""
    receiver: str = ""
    subject: str = ""
    name: str = ""
    since: datetime | None = None
    before: datetime | None = None
    folder: UUID | None = None
    larger: int = 0
    has_attachments: bool = False


def having(index: Index, key: str, text: str, folder: UUID) -> set[int]:
    """The uids in a folder of the messages that have the text in the key's field, whatever its case (RFC 9051 6.4.4)."""
    columns, wanted = COLUMNS[key], text.casefold()
    if key in ("BODY", "TEXT") and is_plain(text) and len(wanted) <= MOST_WORD // 2:
        return _having_piece(index, columns, wanted, folder)
    found = _candidates(index, columns, text)
    if found is None:
        rows = index.db.execute("SELECT id, uid FROM doc WHERE folder = ?", (folder.bytes,)).fetchall()
    elif found:
        rows = _matching(index, found, folder)
    else:
        return set()
    return {uid for number, uid in rows if _says(index, number, columns, wanted)}


def with_ident(index: Index, text: str, folder: UUID) -> set[int]:
    """The uids in a folder of the messages that have the text in their Message-ID."""
    sql = "SELECT doc.uid, head.ident FROM doc JOIN head USING (id) WHERE doc.folder = ?"
    return {uid for uid, ident in index.db.execute(sql, (folder.bytes,)) if text.casefold() in ident.casefold()}


def saying(index: Index, key: str, text: str) -> Iterator[UUID]:
    """The messages that say a text of whole words in the key's field, newest first. What is asked for word by word, and no beginning of
    one, is found without reading where else its words are: an address costs the same in a small mailbox and in a large one.
    """
    columns, wanted = COLUMNS[key], " ".join(text.casefold().split())
    words = dict.fromkeys(word[:MOST_WORD] for word in folded(text).split())
    known = {word: row[0] for word in words if (row := index.db.execute("SELECT n FROM word WHERE term = ?", (word,)).fetchone())}
    if not words or len(known) < len(words):
        return
    telling = [word for word, count in known.items() if count <= FEW_MESSAGES] or list(known)  # a domain stands in every other message
    match = " AND ".join(_any([f'"{word}"'], columns) for word in telling)
    sql = "SELECT doc.id, doc.message FROM fts CROSS JOIN doc ON doc.id = fts.rowid WHERE fts MATCH ? ORDER BY fts.rowid DESC"
    for row, message in index.db.execute(sql, (match,)):
        if _says(index, row, columns, wanted, loosely=True):
            yield UUID(bytes=message)


def meant(index: Index, wish: Wish, *, before: int | None = None) -> Iterator[tuple[int, UUID]]:
    """(id, message) of what somebody means, newest first, from before an id on.

    A word is the beginning of one or (from four signs on) lies in one; "…" is said exactly so.
    """
    match, exact = _match(index, wish)
    if match == "":
        return
    number, source = ("fts.rowid", "fts CROSS JOIN doc ON doc.id = fts.rowid") if match else ("doc.id", "doc")
    limits: list[tuple[str, Any]] = [
        ("fts MATCH ?", match), (f"{number} < ?", before), (f"{number} >= ?", wish.since and number_of(wish.since)),
        (f"{number} < ?", wish.before and number_of(wish.before)), ("doc.folder = ?", wish.folder and wish.folder.bytes),
        ("doc.size > ?", wish.larger or None), ("doc.attached = ?", 1 if wish.has_attachments else None),
    ]  # fmt: skip
    where = " AND ".join(clause for clause, value in limits if value is not None) or "1"
    sql = f"SELECT doc.id, doc.message FROM {source} WHERE {where} ORDER BY {number} DESC"  # noqa: S608 - our own names
    for row, message in index.db.execute(sql, [value for _, value in limits if value is not None]):
        if all(_says(index, row, columns, phrase, loosely=True) for columns, phrase in exact):
            yield row, UUID(bytes=message)


def _match(index: Index, wish: Wish) -> tuple[str | None, list[tuple[tuple[str, ...], str]]]:
    """The expression for FTS (None: everything, empty: nothing), and phrases to be looked at again."""
    parts: list[str] = []
    exact: list[tuple[tuple[str, ...], str]] = []
    for key, text in (("TEXT", wish.text), ("FROM", wish.sender), ("TO", wish.receiver), ("SUBJECT", wish.subject), ("NAME", wish.name)):
        columns = (*COLUMNS["TO"], *COLUMNS["CC"], *COLUMNS["BCC"]) if key == "TO" else COLUMNS[key]
        for number, piece in enumerate(text.split('"')):
            is_phrase = number % 2 == 1
            if is_phrase and piece.strip():
                exact.append((columns, " ".join(piece.casefold().split())))
            for word in folded(piece).split():
                terms = _words_with(index, word) if len(word) >= SHORTEST_PIECE and not is_phrase else []
                parts.append(_any([f'"{word[:MOST_WORD]}" *', *(f'"{one}"' for one in (terms or []))], columns))
    return (" AND ".join(parts) if parts else None), exact


def _having_piece(index: Index, columns: tuple[str, ...], piece: str, folder: UUID) -> set[int]:
    """Who has a piece of a word for which folding does nothing: told by the words in which it lies. Only who is in doubt is opened."""
    sure, doubtful = _lying_in(index, piece)
    if len(sure) + len(doubtful) <= MOST_EXPANDED:
        found = {uid for _, uid in _matching(index, _any((f'"{term}"' for term in sure), columns), folder)} if sure else set()
        rows = _matching(index, _any((f'"{term}"' for term in doubtful), columns), folder) if doubtful else []
        return found | {uid for number, uid in rows if uid not in found and _says(index, number, columns, piece)}
    uids = dict(index.db.execute("SELECT id, uid FROM doc WHERE folder = ?", (folder.bytes,)).fetchall())
    having, rest = _with_any(index, columns, sure, set(uids))
    if not rest:
        maybe, rest = _with_any(index, columns, doubtful, uids.keys() - having)
        rest |= maybe
    return {uids[number] for number in having} | {uids[number] for number in rest if _says(index, number, columns, piece)}


def _lying_in(index: Index, piece: str) -> tuple[list[str], list[str]]:
    """The words in which a piece lies, and those in which it may: an umlaut written out has swallowed its e. The most common first."""
    rest = piece.removeprefix("e")
    terms = [term for (term,) in index.db.execute("SELECT term FROM word WHERE instr(term, ?) ORDER BY n DESC", (rest,))]
    if rest == piece:
        return terms, []
    swallowed = [vowel + rest for vowel in "aou"]
    others = (term for term in terms if piece not in term)
    return [term for term in terms if piece in term], [term for term in others if any(one in term for one in swallowed)]


def _with_any(index: Index, columns: tuple[str, ...], terms: list[str], left: set[int]) -> tuple[set[int], set[int]]:
    """Of these ids (taken from `left`): who has one of the words; and who has to be opened, because they are fewer than the words that were
    asked for in vain and than those that remain: looking up a word costs about as much as opening a message.
    """
    having: set[int] = set()
    at, width = 0, FIRST_ASKED
    while at < len(terms) and min(at, len(terms) - at) < len(left):
        match = _any((f'"{term}"' for term in terms[at : at + width]), columns)
        (numbers,) = index.db.execute("SELECT group_concat(rowid) FROM fts WHERE fts MATCH ?", (match,)).fetchone()  # a row costs more
        told = left.intersection(map(int, numbers.split(","))) if numbers else set()
        having |= told
        left -= told
        at, width = at + width, min(2 * width, MOST_EXPANDED)
    return having, left if at < len(terms) else set()


def _matching(index: Index, match: str, folder: UUID) -> list[tuple[int, int]]:
    """(id, uid) of what matches in a folder."""
    sql = "SELECT doc.id, doc.uid FROM fts JOIN doc ON doc.id = fts.rowid WHERE fts MATCH ? AND doc.folder = ?"
    return index.db.execute(sql, (match, folder.bytes)).fetchall()  # type: ignore[no-any-return]


def _candidates(index: Index, columns: tuple[str, ...], text: str) -> str | None:
    """An expression that matches at least every message with the text in these columns. None: all of them; empty: none."""
    plain = folded(text)
    words = plain.split()
    parts = []
    for at, whole in enumerate(words):
        opens = at == 0 and not plain.startswith(" ")  # the word may go on before it
        closes = not (at == len(words) - 1 and not plain.endswith(" "))  # it may not go on after it
        word = whole[1:] if opens and whole.startswith("e") else whole  # an umlaut written out may have swallowed its e
        if not word or len(word) > MOST_WORD // 2:
            continue
        if not opens:
            parts.append(_any([f'"{word}"' if closes else f'"{word}" *'], columns))
            continue
        terms = _words_with(index, word, ends=closes)
        if terms is not None:
            if not terms:
                return ""
            parts.append(_any([f'"{term}"' for term in terms], columns))
    return " AND ".join(parts) if parts else None


def _words_with(index: Index, piece: str, *, ends: bool = False) -> list[str] | None:
    """The words of the mailbox in which a piece lies (at their end). None: too many to say."""
    rows = index.db.execute("SELECT term FROM word WHERE instr(term, ?)", (piece,)).fetchmany(10 * MOST_EXPANDED)
    found = [term for (term,) in rows if not ends or term.endswith(piece)]
    return found if len(found) <= MOST_EXPANDED and len(rows) < 10 * MOST_EXPANDED else None


def _any(terms: Iterable[str], columns: tuple[str, ...]) -> str:
    return f"({{{' '.join(columns)}}} : ({' OR '.join(terms)}))"


def _says(index: Index, number: int, columns: tuple[str, ...], wanted: str, *, loosely: bool = False) -> bool:
    """Is the text (folded in case) in one of these fields of a message? `loosely`: whatever blanks and ends of lines are in it."""
    shown = (lambda value: " ".join(value.casefold().split())) if loosely else str.casefold
    heads = [name for name in columns if name != "body"]
    if heads:
        row = index.db.execute(f"SELECT {', '.join(heads)} FROM head WHERE id = ?", (number,)).fetchone()  # noqa: S608 - our own names
        if row and any(wanted in shown(value) for value in row):
            return True
    if "body" not in columns:
        return False
    row = index.db.execute("SELECT text FROM body WHERE id = ?", (number,)).fetchone()
    return row is not None and wanted in shown(zlib.decompress(row[0]).decode())
