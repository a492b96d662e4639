"""What is said in a message, and how it is folded into words: case, accents, ß and ss, ä and ae and a are one.

Folding keeps substrings: what is in a text is in the folded text as well, so a folded look-up never misses and may find too
much. Whatever changes here changes tables.VERSION: a word is taken out of an index by saying it again.
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from html import unescape
from uuid import UUID

from stadtmail.mail.envelope import Addresses, Envelope
from stadtmail.wire import imapenvelope, mime
from stadtmail.wire.mime import Part

MOST_TEXT = 256 * 1024  # signs of a message's texts that are indexed
MOST_WORD = 100  # signs of a word
FIELDS = ("sender", "receiver", "cc", "bcc", "subject", "names", "body")
_BETWEEN = re.compile(r"[\W_]+")
_LONG = re.compile(rf"(\S{{{MOST_WORD}}})\S+")
_MARKS = re.compile(r"[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]+")
_UMLAUT = re.compile(r"([aou])e")
_UNSEEN = re.compile(r"<(script|style|head|title)\b[^>]*+>.*?(?:</\1\s*+>|\Z)|<!--.*?(?:-->|\Z)", re.S | re.I)
_TAG = re.compile(r"<(/?[a-z!][^<>]*+)>", re.I)


@dataclass(frozen=True, repr=False)
class Said:
    """A message as the index keeps it. Each of FIELDS is text; `ident` is its Message-ID."""

    message: UUID
    folder: UUID
    uid: int
    size_bytes: int
    received_at: datetime
    has_attachments: bool
    ident: str
    sender: str
    receiver: str
    cc: str
    bcc: str
    subject: str
    names: str
    body: str

    def columns(self) -> list[str]:
        """The fields, folded into words."""
        return [_LONG.sub(r"\1", folded(getattr(self, name))) for name in FIELDS]


def folded(text: str) -> str:
    """Lower case without accents and umlauts, words apart by single blanks. A blank at either end: no word goes on there."""
    plain = text.casefold()
    if not plain.isascii():
        plain = _MARKS.sub("", unicodedata.normalize("NFKD", plain)).casefold()
    return _UMLAUT.sub(r"\1", _BETWEEN.sub(" ", plain))


def is_plain(text: str) -> bool:
    """Does folding change nothing of this text but its case, and is it one word? Then finding its word is finding it.

    Only an e at its beginning may have gone, with a vowel before it.
    """
    plain = text.casefold()
    return plain.isascii() and plain.isalnum() and not _UMLAUT.search(plain)


def people(addresses: Addresses) -> str:
    """Names and addresses, one a line."""
    return "\n".join(f"{name} <{address}>" for name, address in addresses)


def everybody(envelope: Envelope, of: str) -> str:
    """Who is in a field ("from", "to", "cc"), one a line: as people read it, and as ENVELOPE has it (groups, comments in addresses)."""
    read = people({"from": envelope.sender, "to": envelope.to, "cc": envelope.cc}[of])
    told = (f"{name} <{mailbox}@{host}>" if host else mailbox for name, mailbox, host in imapenvelope.addresses(envelope.imap[0], of))
    return "\n".join([read, *(one for one in told if one not in read)])


def names(root: Part) -> str:
    """The names of the files in a message, one a line."""
    return _clean("\n".join(part.filename for part in root.walk() if part.filename))


def texts(envelope: Envelope, content: bytes) -> str:
    """What the text parts of a message say, without the signs that only a browser reads. What HTML repeats of the text is left out."""
    plain: list[str] = []
    html: list[str] = []
    for part in envelope.root.walk():
        if part.type in ("text/plain", "text/html") and part.disposition != "attachment":
            end = min(part.end, part.body + 4 * MOST_TEXT)
            said = mime.said(part, mime.content(part, content[part.body : end]))[:MOST_TEXT]
            (plain if part.type == "text/plain" else html).append(said if part.type == "text/plain" else visible(said))
    known = set(folded(" ".join(plain)).split()) if html and plain else set()
    seen = "\n".join(html)
    if known and set(folded(seen).split()) <= known:
        seen = ""
    return _clean("\n".join(one for one in (*plain, seen) if one)[:MOST_TEXT])


def visible(html: str) -> str:
    """HTML without its tags. Cheap and forgiving: what is shown is cleaned elsewhere (doors/web/mailhtml.py)."""
    return unescape(_TAG.sub(" ", _UNSEEN.sub(" ", html)))


def distinct(columns: Iterable[str]) -> set[str]:
    """The words of a message, each once."""
    return set(" ".join(columns).split())


def _clean(text: str) -> str:
    return text if text.isascii() else text.encode("utf-8", "replace").decode()
