"""The first words of a message as its reader would see them (RFC 8970). Never raises; linear in what is looked at, and that is bounded."""

import html
import re

from stadtmail.wire import mime, mimewords
from stadtmail.wire.mime import Part

MOST = 200  # signs
MOST_TEXT, MOST_HTML = 4 * 1024, 32 * 1024  # bytes that are looked at
_UNSEEN = re.compile(r"<(style|script|head|title|template)\b", re.I)


def preview(raw: bytes, root: Part) -> str:
    """Up to 200 signs; empty where there is no text that could be shown."""
    shown = mime.shown(root)
    part = next(iter([*shown.text, *shown.html]), None)
    if part is None:
        return ""
    is_html = part.type == "text/html"
    body = raw[part.body : min(part.end, part.body + (MOST_HTML if is_html else MOST_TEXT))]
    text = mime.said(part, mime.content(part, body))
    text = html.unescape(_without_tags(text)) if is_html else _without_quotes(text)
    begin = mimewords.cleaned(text[: 4 * MOST])  # seldom is more of it needed
    return begin[:MOST] if len(begin) > MOST else mimewords.cleaned(text)[:MOST]


def _without_quotes(text: str) -> str:
    own = [line for line in text.split("\n") if not line.startswith(">")]
    return "\n".join(own) if any(line.strip() for line in own) else text


def _without_tags(text: str) -> str:
    """What stands between the tags, comments and scripts left out."""
    out: list[str] = []
    low, at = text.lower(), 0
    while (begin := text.find("<", at)) >= 0:
        out += [text[at:begin], " "]
        unseen = _UNSEEN.match(text, begin)
        if text.startswith("<!--", begin):
            at = _behind(low, "-->", begin + 4)
        elif unseen:
            at = _behind(low, ">", _behind(low, f"</{unseen[1].lower()}", unseen.end()))
        else:
            at = _behind(low, ">", begin)
    return "".join([*out, text[at:]])


def _behind(text: str, mark: str, at: int) -> int:
    found = text.find(mark, at)
    return found + len(mark) if found >= 0 else len(text)
