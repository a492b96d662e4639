"""What a message gets and loses when its sender hands it over (RFC 6409 8, RFC 5322 3.6). Pure; the body is never touched.

It loses what only the sender may know (Bcc) or what would say where they sat (C-2.5); it gets a date, an id and one trace line
that names no client.
"""

import re
from collections.abc import Callable
from datetime import datetime
from email.utils import format_datetime

_FIELD = re.compile(rb"([!-9;-~]+)[ \t]*:[^\n]*\n(?:[ \t][^\n]*\n)*")
# what a server before us may have added about the client, what a sender may not say for us, and blind copies
DROPPED = frozenset(
    {b"bcc", b"resent-bcc", b"return-path", b"x-originating-ip", b"x-originating-email", b"x-client-ip", b"x-sender-ip", b"x-real-ip"}
    | {b"x-remote-ip", b"x-source-ip", b"x-forwarded-for", b"x-mailer-ip", b"authentication-results", b"received"}
)


def fields(raw: bytes) -> tuple[list[tuple[bytes, bytes]], int]:
    """([(name in lower case, the whole field with its line ends)], where the rest begins). Lines end in CR LF."""
    found, at = [], 0
    while (one := _FIELD.match(raw, at)) is not None:
        found.append((one[1].lower(), one[0]))
        at = one.end()
    return found, at


def values(raw: bytes, name: bytes) -> list[bytes]:
    """Values of all fields of this name, unfolded no further than they are."""
    return [field.partition(b":")[2].strip() for known, field in fields(raw)[0] if known == name]


def completed(raw: bytes, *, sender: str, domain: str, now: datetime, new_id: Callable[[], str]) -> bytes:
    """The message as it goes out, without its signature."""
    found, at = fields(raw)
    rest = raw[at:] if raw.startswith(b"\r\n", at) else b"\r\n" + raw[at:]  # what is no header is text
    kept = [(name, field) for name, field in found if name not in DROPPED]
    present = {name for name, _ in kept}
    moment, ident = format_datetime(now), new_id()
    added = f"Received: by {domain} with ESMTPA id {ident[:16]};\r\n\t{moment}\r\n"
    added += "" if b"from" in present else f"From: <{sender}>\r\n"
    added += "" if b"date" in present else f"Date: {moment}\r\n"
    added += "" if b"message-id" in present else f"Message-ID: <{ident}@{domain}>\r\n"
    added += "" if present & {b"to", b"cc"} else "To: undisclosed-recipients:;\r\n"
    return added.encode() + b"".join(field for _, field in kept) + rest


def received_count(raw: bytes) -> int:
    """How many servers have had the message: the measure against loops (RFC 5321 6.3)."""
    return sum(name == b"received" for name, _ in fields(raw)[0])


def header(raw: bytes) -> bytes:
    """The header alone, without the empty line."""
    return b"".join(field for _, field in fields(raw)[0])
