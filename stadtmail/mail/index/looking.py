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
    found = _candidates(index, columns, text)
    if found is None:
        rows = index.db.execute("SELECT id, uid FROM doc WHERE folder = ?", (folder.bytes,)).fetchall()
    elif found:
        sql = "SELECT doc.id, doc.uid FROM fts JOIN doc ON doc.id = fts.rowid WHERE fts MATCH ? AND doc.folder = ?"
        rows = index.db.execute(sql, (found, folder.bytes)).fetchall()
    else:
        return set()
    if key in ("BODY", "TEXT") and found is not None and is_plain(text):
        return {uid for _, uid in rows}
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
