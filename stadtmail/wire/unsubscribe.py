"""List-Unsubscribe (RFC 2369, RFC 8058): the ways to leave a list that its header names. Pure; a stranger wrote it."""

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote, urlsplit

MOST_SIGNS = 2_000
_ONE = re.compile(r"<\s*([^<>\s]{1,2000})\s*>")
_ADDRESS = re.compile(r"[^\s@<>,;:\"()\[\]\\?&]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?\Z")


@dataclass(frozen=True)
class Ways:
    """A letter to write, or a page to open; either may be missing."""

    address: str = ""
    subject: str = ""
    body: str = ""
    link: str = ""


def read(value: str) -> Ways:
    """The first letter and the first page over TLS that a header names."""
    address = subject = body = link = ""
    for one in _ONE.findall(value[:MOST_SIGNS]):
        lower = one.lower()
        if lower.startswith("mailto:") and not address:
            address, subject, body = _letter(one[7:])
        elif lower.startswith("https://") and not link and _is_link(one):
            link = one
    return Ways(address, subject, body, link)


def _letter(text: str) -> tuple[str, str, str]:
    to, _, query = text.partition("?")
    address = unquote(to)
    if not _ADDRESS.match(address):
        return "", "", ""
    fields = {name.lower(): value for name, value in reversed(parse_qsl(query, max_num_fields=10) if query.count("&") < 10 else [])}
    return address, _line(fields.get("subject", ""))[:200], fields.get("body", "")[:500].replace("\r", "")


def _line(text: str) -> str:
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())


def _is_link(text: str) -> bool:
    try:
        return bool(urlsplit(text).hostname) and text.isascii() and '"' not in text and "\\" not in text
    except ValueError:
        return False
