"""Reads back what imapwrite.envelope wrote: SORT and SEARCH compare addresses as ENVELOPE gives them. Never raises, linear."""

import re
from collections.abc import Iterator

from stadtmail.wire import mimewords

PLACES = {"from": 2, "to": 5, "cc": 6}  # of the ten fields
_TOKEN = re.compile(rb'"((?:[^"\\]|\\.)*+)"|\{(\d{1,9})\}\r\n|([()])|([^\s()"{]++)', re.S)
Address = tuple[str, str, str]  # display name, mailbox, host ("" for a group)
NONE: Address = ("", "", "")


def first_address(envelope: bytes, of: str) -> Address:
    """The first address of a field of an ENVELOPE, decoded; for a group its name is the mailbox, and the display name too."""
    return next(addresses(envelope, of), NONE)


def addresses(envelope: bytes, of: str) -> Iterator[Address]:
    """All addresses of a field of an ENVELOPE, decoded, with the names of groups (which have no host) before their members."""
    strings: list[bytes | None] = []
    place, depth = -1, 0
    for sign, value in _tokens(envelope):
        depth += {b"(": 1, b")": -1}.get(sign, 0)
        if depth == 1 and sign != b"(" and place == PLACES[of]:
            return
        if (depth == 2 and sign == b"(") or (depth == 1 and not sign):  # the next field
            place += 1
        elif depth == 3 and not sign and place == PLACES[of]:
            strings.append(value)
        elif depth == 2 and strings:  # end of an address
            if (one := _read(strings)) != NONE:  # not the end of a group
                yield one
            strings = []


def _tokens(envelope: bytes) -> Iterator[tuple[bytes, bytes | None]]:
    """(parenthesis, None), or ("", string or None for NIL)."""
    at = 0
    while (found := _TOKEN.search(envelope, at)) is not None:
        at = found.end()
        if found[3] is not None:
            yield found[3], None
        elif found[2] is not None:
            yield b"", envelope[at : at + int(found[2])]
            at += int(found[2])
        else:
            yield b"", None if found[1] is None else re.sub(rb"\\(.)", rb"\1", found[1], flags=re.S)


def _read(strings: list[bytes | None]) -> Address:
    name, _, mailbox, host = (None if one is None else mimewords.text(one) for one in [*strings, None, None, None, None][:4])
    if host is None:  # RFC 5957 3: a group
        return (mailbox or ""), (mailbox or ""), ""
    return name or "", mailbox or "", host
