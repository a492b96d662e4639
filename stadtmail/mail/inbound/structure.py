"""What a message's header shows by itself: whom it says it is from, and signs that honest mail seldom has.

Takes bytes that a stranger wrote; nothing raises, and only so much of a header is looked at.
"""

import re
from collections.abc import Iterator, Sequence

from stadtmail.wire import mimewords
from stadtmail.wire.dkimcheck import Field

MOST_HEAD = 256 * 1024  # octets of a header that are looked at
_BLANK = re.compile(rb"\r?\n\r?\n")
_DOMAIN = re.compile(r"(?=.{1,253}\Z)[a-z0-9_](?:[a-z0-9_-]{0,62})(?:\.[a-z0-9_][a-z0-9_-]{0,62})*\Z")
_ADDRESS = re.compile(r"[\w.+-]{1,64}@([\w-]{1,63}(?:\.[\w-]{1,63})+)")


def head(pieces: Iterator[bytes]) -> bytes:
    """The header of a message, as far as it is looked at."""
    found = b""
    for piece in pieces:
        found += piece[: MOST_HEAD + 4 - len(found)]
        end = _BLANK.search(found)
        if end:
            return found[: end.start()] + b"\r\n"
        if len(found) > MOST_HEAD:
            return b""  # nothing that is longer is a header to judge by
    return found


def body(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """What follows the header, in pieces."""
    before = bytearray()
    for piece in pieces:
        start = max(0, len(before) - 3)
        before += piece
        end = _BLANK.search(before, start)
        if end:
            yield bytes(before[end.end() :])
            yield from pieces
            return
        if len(before) > MOST_HEAD + 4:
            return


def from_domain(fields: Sequence[Field]) -> str:
    """The domain of the one address in the one From, as A-labels in lower case; empty where there is not exactly one."""
    senders = [value for name, value in fields if name.lower() == b"from"]
    found = mimewords.addresses(_unfolded(senders[0])) if len(senders) == 1 else []
    domains = {address.rpartition("@")[2].lower().rstrip(".") for _, address in found}
    if len(domains) != 1:
        return ""
    domain = domains.pop()
    try:
        domain = domain if domain.isascii() else domain.encode("idna").decode()
    except UnicodeError:
        return ""
    return domain if _DOMAIN.match(domain) else ""


def is_from_abused(fields: Sequence[Field]) -> bool:
    """Does the message name senders of several domains, or in several fields?"""
    senders = [value for name, value in fields if name.lower() == b"from"]
    if len(senders) > 1:
        return True
    return bool(senders) and len({a.rpartition("@")[2].lower() for _, a in mimewords.addresses(_unfolded(senders[0])) if "@" in a}) > 1


def prior(fields: Sequence[Field]) -> float:
    """How likely spam is by the header's form alone: 0.5 says nothing."""
    names = {name.lower() for name, _ in fields}
    odds = 1.0
    odds *= 4.0 if b"from" not in names else 1.0
    odds *= 1.5 if b"date" not in names else 1.0
    odds *= 1.5 if b"message-id" not in names else 1.0
    odds *= 3.0 if _is_posing(fields) else 1.0
    return odds / (1 + odds)


def _is_posing(fields: Sequence[Field]) -> bool:
    """Is the sender's name an address of another domain: "service@bank.example" <x@elsewhere.example>?"""
    value = next((value for name, value in fields if name.lower() == b"from"), b"")
    for name, address in mimewords.addresses(_unfolded(value)):
        shown = _ADDRESS.search(name)
        if shown and shown[1].lower() != address.rpartition("@")[2].lower():
            return True
    return False


def _unfolded(value: bytes) -> bytes:
    return value.replace(b"\r", b"").replace(b"\n", b"").strip()
