"""Reads back what imapwrite.envelope wrote: SORT compares addresses as ENVELOPE gives them. Never raises, linear."""

import re

from stadtmail.wire import mimewords

PLACES = {"from": 2, "to": 5, "cc": 6}  # of the ten fields
_TOKEN = re.compile(rb'"((?:[^"\\]|\\.)*+)"|\{(\d{1,9})\}\r\n|([()])|([^\s()"{]++)', re.S)
Address = tuple[str, str, str]  # display name, mailbox, host ("" for a group)
NONE: Address = ("", "", "")


def first_address(envelope: bytes, of: str) -> Address:
    """The first address of a field of an ENVELOPE, decoded; for a group its name is the mailbox, and the display name too."""
    strings: list[bytes | None] = []
    place, depth, at = -1, 0, 0
    while (found := _TOKEN.search(envelope, at)) is not None:
        at = found.end()
        value: bytes | None
        if found[3] is not None:
            depth += 1 if found[3] == b"(" else -1
            if depth == 2 and found[3] == b"(":
                place += 1
            if depth == 2 and found[3] == b")" and strings:  # end of an address
                return _read(strings)
            if depth == 1 and place == PLACES[of]:
                return NONE
            continue
        if found[2] is not None:
            value = envelope[at : at + int(found[2])]
            at += int(found[2])
        else:
            value = None if found[1] is None else re.sub(rb"\\(.)", rb"\1", found[1], flags=re.S)
        if depth == 1:
            place += 1
            if place == PLACES[of]:
                return NONE
        elif depth == 3 and place == PLACES[of]:
            strings.append(value)
    return NONE


def _read(strings: list[bytes | None]) -> Address:
    name, _, mailbox, host = (None if one is None else mimewords.text(one) for one in [*strings, None, None, None, None][:4])
    if host is None:  # RFC 5957 3: a group
        return (mailbox or ""), (mailbox or ""), ""
    return name or "", mailbox or "", host
