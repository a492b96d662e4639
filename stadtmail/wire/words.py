"""The words of a message by which a filter knows its like again. Pure; takes bytes that a stranger wrote and never raises.

Words are whatever tells mails apart: of the text, of the subject, the domains of sender and links. They are hashed under a key by
whoever keeps them; in clear they exist while a message is being looked at, and no longer.
"""

import re
from collections.abc import Iterable, Iterator
from html import unescape

from stadtmail.wire import mime, mimewords

MOST_BYTES = 128 * 1024  # of a message that are looked at
MOST_TEXT = 64 * 1024  # of the text of its parts
MOST_WORDS = 600
_WORD = re.compile(r"[^\W_][\w'’.-]{1,38}[^\W_]|[^\W_]{2,40}")
_TAG = re.compile(r"<[^<>]{0,2000}+>")
_LINK = re.compile(r"(?:https?|ftp)://(?:[^\s/@\"'<>]{0,80}@)?([a-z0-9.-]{3,253})", re.I)


def words(raw: bytes) -> list[str]:
    """The words of a message, each once, at most so many, in their order."""
    mail = mime.parse(raw[:MOST_BYTES])
    found: dict[str, None] = {}
    for word in _all(raw[:MOST_BYTES], mail):
        found[word] = None
        if len(found) == MOST_WORDS:
            break
    return list(found)


def _all(raw: bytes, mail: mime.Mail) -> Iterator[str]:
    yield from (f"subject:{word}" for word in _words(mimewords.text(mail.first(b"subject"))))
    for name in (b"from", b"reply-to", b"sender"):
        for shown, address in mimewords.addresses(mail.first(name))[:5]:
            yield f"{name.decode()}:{address.lower()[:80]}"
            yield f"{name.decode()}@{address.rpartition('@')[2].lower()[:80]}"
            yield from (f"name:{word}" for word in _words(shown))
    for name in (b"list-id", b"x-mailer", b"user-agent"):
        yield from (f"{name.decode()}:{word}" for word in _words(mimewords.text(mail.first(name))[:200]))
    parts = list(mail.root.walk())
    yield from (f"type:{part.type}" for part in parts[:20])
    yield from (f"file:{part.filename.rpartition('.')[2].lower()[:8]}" for part in parts[:20] if "." in part.filename)
    left = MOST_TEXT
    for part in (*mime.shown(mail.root).text, *mime.shown(mail.root).html):
        text = mime.text(mime.content(part, raw[part.body : min(part.end, part.body + left)]), part.charset)
        left -= min(left, part.end - part.body)
        yield from _of_text(text, is_html=part.type == "text/html")


def _of_text(text: str, *, is_html: bool) -> Iterator[str]:
    yield from (f"link:{host.lower().rstrip('.')}" for host in _LINK.findall(text))
    yield from _words(unescape(_TAG.sub(" ", text)) if is_html else text)


def _words(text: str) -> Iterable[str]:
    """Each once, in their order: a letter has far fewer different words than words."""
    return dict.fromkeys(map(str.lower, dict.fromkeys(_WORD.findall(text))))
