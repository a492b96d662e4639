"""The client's half of SMTP syntax: replies that a server gives, what it offers, and the body with its dots stuffed. Pure.

A reply is untrusted text: it is bounded, and what it means is its code alone.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

_STATUS = re.compile(r"([245]\.\d{1,3}\.\d{1,3})(?: |\Z)")


class BadReply(ValueError):
    """What came is no reply of SMTP."""


@dataclass(frozen=True)
class Reply:
    """A whole reply (RFC 5321 4.2). `text` is what a person reads; `lines` its lines without codes."""

    code: int
    lines: tuple[str, ...] = field(repr=False)

    @property
    def is_ok(self) -> bool:
        """2yz."""
        return 200 <= self.code < 300

    @property
    def is_final(self) -> bool:
        """5yz: no use in trying again."""
        return 500 <= self.code < 600

    @property
    def status(self) -> str:
        """The enhanced code (RFC 3463), or what the code alone says."""
        found = _STATUS.match(self.lines[0]) if self.lines else None
        return found[1] if found and found[1][0] == str(self.code)[0] else f"{str(self.code)[0]}.0.0"

    @property
    def text(self) -> str:
        """Code and text in one line."""
        return f"{self.code} {' '.join(self.lines)}".strip()


def line(raw: bytes) -> tuple[int, bool, str]:
    """(code, is it the last, text) of a line without its end. Raises BadReply."""
    if len(raw) < 3 or not raw[:3].isdigit() or raw[3:4] not in (b"", b" ", b"-") or not 200 <= int(raw[:3]) < 600:
        raise BadReply
    return int(raw[:3]), raw[3:4] != b"-", raw[4:].decode("utf-8", "replace").strip()


def reply(lines: Sequence[tuple[int, bool, str]]) -> Reply:
    """A reply from its lines. Raises BadReply where they do not agree on the code."""
    if len({code for code, _, _ in lines}) != 1:
        raise BadReply
    return Reply(lines[0][0], tuple(text for _, _, text in lines))


def extensions(answer: Reply) -> Mapping[str, str]:
    """Keyword -> parameters, of a reply to EHLO (4.1.1.1). `AUTH=PLAIN` of old servers counts as AUTH."""
    found: dict[str, str] = {}
    for text in answer.lines[1:]:
        word, _, rest = text.replace("=", " ", 1).partition(" ")
        found[word.upper()] = f"{found[word.upper()]} {rest}" if word.upper() in found else rest.strip()
    return found


class Stuffing:
    """Stuffs the dots of a body that comes in pieces (4.5.2)."""

    def __init__(self) -> None:
        self._held, self._skip = b"\r\n", 2

    def feed(self, piece: bytes) -> bytes:
        """The octets to send."""
        data = self._held + piece
        held = next((n for n in (2, 1) if data.endswith(b"\r\n"[:n])), 0)
        self._held, sure = data[len(data) - held :], data[: len(data) - held]
        out = sure.replace(b"\r\n.", b"\r\n..")[self._skip :]
        self._skip = 0 if sure else self._skip
        return out

    def end(self) -> bytes:
        """The last octets and the final dot."""
        last = self._held[self._skip :] if self._skip else self._held
        return (last if self._held == b"\r\n" else last + b"\r\n") + b".\r\n"
