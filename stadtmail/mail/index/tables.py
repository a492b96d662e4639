"""The tables of one opened index and the only statements on them. A message's words leave by being said again ('delete').

`fts` is contentless; what it was told stays in `head` and `body` as long as the message lives, so that taking out needs no mail.
Ids of messages rise with their arrival: the newest come first without sorting, and a span of time is a span of ids.
"""

import unicodedata
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from stadtmail.mail.index.words import FIELDS, Said, distinct

VERSION = zlib.crc32(f"2 {unicodedata.unidata_version}".encode()) & 0x7FFFFFFF or 1
FEW_PERCENT = 2  # of an index that are taken out word by word; more are taken out together, by writing it anew
FEW = 50
_SLOTS = 64  # ids in a second
_HEAD = ("ident", "sender", "receiver", "cc", "bcc", "subject", "names")
_SCHEMA = f"""
CREATE TABLE place (folder BLOB PRIMARY KEY, modseq INTEGER NOT NULL, uid INTEGER NOT NULL, gone INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE doc (id INTEGER PRIMARY KEY, message BLOB NOT NULL UNIQUE, folder BLOB NOT NULL, uid INTEGER NOT NULL,
                  size INTEGER NOT NULL, attached INTEGER NOT NULL);
CREATE INDEX doc_place ON doc (folder, uid);
CREATE TABLE head (id INTEGER PRIMARY KEY, {", ".join(f"{name} TEXT NOT NULL" for name in _HEAD)});
CREATE TABLE body (id INTEGER PRIMARY KEY, text BLOB NOT NULL);
CREATE TABLE crowd (id INTEGER PRIMARY KEY, next INTEGER NOT NULL);
CREATE TABLE word (term TEXT PRIMARY KEY, n INTEGER NOT NULL) WITHOUT ROWID;
CREATE VIRTUAL TABLE fts USING fts5({", ".join(FIELDS)}, content='', detail=column, tokenize='ascii');
INSERT INTO fts(fts, rank) VALUES('secure-delete', 1);
PRAGMA user_version = {VERSION};
"""  # ascii: words come folded, and apart by blanks only (index/words.py)
_ADD_HEAD = f"INSERT INTO head VALUES ({', '.join('?' * (1 + len(_HEAD)))})"  # noqa: S608 - our own names
_ADD_WORDS = f"INSERT INTO fts(rowid, {', '.join(FIELDS)}) VALUES (?{', ?' * len(FIELDS)})"  # noqa: S608 - our own names
_TAKE_WORDS = f"INSERT INTO fts(fts, rowid, {', '.join(FIELDS)}) VALUES ('delete', ?{', ?' * len(FIELDS)})"  # noqa: S608 - as above
_ADD_WORD = "INSERT INTO word VALUES (?, ?) ON CONFLICT (term) DO UPDATE SET n = n + excluded.n"
Cursor = tuple[int, int, int]  # messages up to (modseq, uid) are in; what had gone up to a modseq is out


class Index:
    """An opened index."""

    def __init__(self, db: Any) -> None:
        self.db = db

    def close(self) -> None:
        """Forget the key."""
        self.db.close()

    def version(self) -> int:
        """Version of the tables, 0 for a new file."""
        return int(self.db.execute("PRAGMA user_version").fetchone()[0])

    def make(self) -> None:
        """Make the tables."""
        self.db.executescript(f"BEGIN;{_SCHEMA}COMMIT;")

    def begin(self) -> None:
        """Begin to write."""
        self.db.execute("BEGIN IMMEDIATE")

    def commit(self) -> None:
        """Keep what was written."""
        self.db.execute("COMMIT")

    def cursors(self) -> dict[UUID, Cursor]:
        """folder -> how far it was followed."""
        return {UUID(bytes=folder): tuple(rest) for folder, *rest in self.db.execute("SELECT * FROM place")}

    def move_cursor(self, folder: UUID, cursor: Cursor) -> None:
        """Note how far a folder was followed."""
        self.db.execute("INSERT OR REPLACE INTO place VALUES (?, ?, ?, ?)", (folder.bytes, *cursor))

    def drop_cursor(self, folder: UUID) -> None:
        """Forget a folder that is no more."""
        self.db.execute("DELETE FROM place WHERE folder = ?", (folder.bytes,))

    def ids(self, messages: Iterable[UUID]) -> dict[UUID, int]:
        """message -> its id here, for those that are in."""
        rows = ((one, self.db.execute("SELECT id FROM doc WHERE message = ?", (one.bytes,)).fetchone()) for one in messages)
        return {one: row[0] for one, row in rows if row}

    def in_folder(self, folder: UUID, first: int = 0, last: int = 2**32) -> list[tuple[int, UUID, int]]:
        """(id, message, uid) of what is known of a folder."""
        rows = self.db.execute("SELECT id, message, uid FROM doc WHERE folder = ? AND uid BETWEEN ? AND ?", (folder.bytes, first, last))
        return [(number, UUID(bytes=message), uid) for number, message, uid in rows]

    def refile(self, number: int, folder: UUID, uid: int) -> None:
        """A message lies elsewhere now."""
        self.db.execute("UPDATE doc SET folder = ?, uid = ? WHERE id = ?", (folder.bytes, uid, number))

    def add(self, said: Sequence[Said]) -> None:
        """Take messages in. Call between `begin` and `commit`."""
        terms: Counter[str] = Counter()
        for one in sorted(said, key=lambda one: one.received_at):
            number, columns = self._free(number_of(one.received_at)), one.columns()
            row = (number, one.message.bytes, one.folder.bytes, one.uid, one.size_bytes, one.has_attachments)
            self.db.execute("INSERT INTO doc VALUES (?, ?, ?, ?, ?, ?)", row)
            self.db.execute(_ADD_HEAD, (number, *(getattr(one, name) for name in _HEAD)))
            self.db.execute("INSERT INTO body VALUES (?, ?)", (number, zlib.compress(one.body.encode(), 1)))
            self.db.execute(_ADD_WORDS, (number, *columns))
            terms.update(distinct(columns))
        self.db.executemany(_ADD_WORD, sorted(terms.items()))

    def remove(self, numbers: Sequence[int]) -> None:
        """Take messages out, so that nothing of them stays, in a few steps each of which is whole. Opens its own transactions."""
        total = self.db.execute("SELECT count(*) FROM doc").fetchone()[0]
        is_few = len(numbers) <= max(FEW, total * FEW_PERCENT // 100)
        if is_few:
            for at in range(0, len(numbers), FEW):
                self._take_out(numbers[at : at + FEW])
            return
        self.begin()
        self.db.execute("INSERT INTO fts(fts, rank) VALUES('secure-delete', 0)")
        self._remove(numbers)
        self.db.execute("INSERT INTO fts(fts) VALUES('optimize')")  # one segment: marks and what they marked are gone together
        self.db.execute("INSERT INTO fts(fts, rank) VALUES('secure-delete', 1)")
        self.commit()

    def _take_out(self, numbers: Sequence[int]) -> None:
        self.begin()
        self._remove(numbers)
        self.commit()

    def _remove(self, numbers: Sequence[int]) -> None:
        terms: Counter[str] = Counter()
        for number in sorted(numbers):
            said = self.said(number)
            if said is None:
                continue
            columns = said.columns()
            self.db.execute(_TAKE_WORDS, (number, *columns))
            terms.update(distinct(columns))
            for table in ("doc", "head", "body"):
                self.db.execute(f"DELETE FROM {table} WHERE id = ?", (number,))  # noqa: S608 - our own names
        self.db.executemany("UPDATE word SET n = n - ? WHERE term = ?", ((n, term) for term, n in sorted(terms.items())))
        self.db.executemany("DELETE FROM word WHERE term = ? AND n <= 0", ((term,) for term in sorted(terms)))

    def said(self, number: int) -> Said | None:
        """What was taken in under an id."""
        sql = "SELECT * FROM doc JOIN head USING (id) JOIN body USING (id) WHERE doc.id = ?"
        row = self.db.execute(sql, (number,)).fetchone()
        if row is None:
            return None
        _, message, folder, uid, size, attached, *head, body = row
        fields = dict(zip(_HEAD, head, strict=True))
        return Said(UUID(bytes=message), UUID(bytes=folder), uid, size, moment_of(number), bool(attached), **fields,
                    body=zlib.decompress(body).decode())  # fmt: skip

    def everything(self) -> Iterator[bytes]:
        """All that it holds, opened: for the scan."""
        for (number,) in self.db.execute("SELECT id FROM doc"):
            said = self.said(number)
            if said is not None:
                yield "\n".join([said.ident, *(getattr(said, name) for name in FIELDS)]).encode()
        yield "\n".join(term for (term,) in self.db.execute("SELECT term FROM word")).encode()
        self.db.execute("CREATE VIRTUAL TABLE IF NOT EXISTS temp.fts_terms USING fts5vocab(main, fts, row)")
        yield "\n".join(term for (term,) in self.db.execute("SELECT term FROM temp.fts_terms")).encode()

    def _free(self, number: int) -> int:
        """The first id from this one on that no message has. Thousands may carry the same second: `crowd` remembers how far it is full."""
        free, taken = number, "SELECT 1 FROM doc WHERE id = ?"
        if self.db.execute(taken, (free,)).fetchone() is None:
            return free
        known = self.db.execute("SELECT next FROM crowd WHERE id = ?", (number,)).fetchone()
        free = known[0] if known else number + 1
        while self.db.execute(taken, (free,)).fetchone() is not None:
            free += 1
        self.db.execute("INSERT OR REPLACE INTO crowd VALUES (?, ?)", (number, free + 1))
        return free


def number_of(at: datetime) -> int:
    """The first id of a second."""
    return int(at.timestamp()) * _SLOTS


def moment_of(number: int) -> datetime:
    """The second of an id."""
    return datetime.fromtimestamp(number // _SLOTS, UTC)
