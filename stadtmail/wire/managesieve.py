"""Syntax of ManageSieve (RFC 5804 4): commands with quoted strings and literals, and strings as the server writes them.

Pure, and any bytes are a command or BadSyntax. Literals are cut out before: in a command's text HERE stands in their place.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

MOST_QUOTED = 1024  # octets (RFC 5804 4)
MOST_ARGUMENTS = 8
HERE = b"\0"
_LITERAL = re.compile(rb"\{([0-9]{1,10})\+\}\r?\n\Z")
_VERB = re.compile(rb"([A-Za-z]{1,32})(?=[ \r\n]|\Z)")
_QUOTED = re.compile(rb'"((?:[^"\\\r\n\0]|\\["\\])*+)"')
_NUMBER = re.compile(rb"([0-9]{1,10})(?=[ \r\n]|\Z)")
_PLAIN = re.compile(rb"[^\"\\\r\n\0]*+\Z")


class BadSyntax(Exception):
    """Not a command. The text is ours."""


@dataclass(frozen=True)
class Command:
    """A verb in capitals, and its strings and numbers."""

    verb: str
    arguments: tuple[bytes | int, ...]


def literal(line: bytes) -> tuple[bytes, int | None]:
    """A line, and the octets of the literal that follows it (None: there is none, the command ends here)."""
    found = _LITERAL.search(line)
    return (line[: found.start()], int(found[1])) if found else (line, None)


def command(text: bytes, literals: Sequence[bytes] = ()) -> Command:
    """Read a whole command; each HERE in the text is the next literal. Raises BadSyntax."""
    text = text.removesuffix(b"\n").removesuffix(b"\r")
    verb = _VERB.match(text)
    if verb is None:
        raise BadSyntax("a command is expected")
    at, waiting = verb.end(), list(literals)
    arguments: list[bytes | int] = []
    while at < len(text):
        if text[at : at + 1] != b" " or len(arguments) >= MOST_ARGUMENTS:
            raise BadSyntax("a blank is expected")
        value, at = _argument(text, at + 1, waiting)
        arguments.append(value)
    return Command(verb[1].decode("ascii").upper(), tuple(arguments))


def word(text: bytes, literals: Sequence[bytes] = ()) -> bytes:
    """One string alone on its line: what a client says within AUTHENTICATE. Raises BadSyntax."""
    value, at = _argument(text.removesuffix(b"\n").removesuffix(b"\r") + b"\r", 0, list(literals))
    if at != len(text.removesuffix(b"\n").removesuffix(b"\r")) or isinstance(value, int):
        raise BadSyntax("a string is expected")
    return value


def string(value: bytes) -> bytes:
    """A string as the server writes it: quoted where that can be, else as a literal."""
    if len(value) <= MOST_QUOTED and _PLAIN.match(value):
        return b'"' + value + b'"'
    return b"{%d}\r\n" % len(value) + value


def _argument(text: bytes, at: int, literals: list[bytes]) -> tuple[bytes | int, int]:
    if text[at : at + 1] == HERE and literals:
        return literals.pop(0), at + 1
    if quoted := _QUOTED.match(text, at):
        if len(quoted[1]) > MOST_QUOTED:
            raise BadSyntax("the string is too long")
        return re.sub(rb"\\(.)", rb"\1", quoted[1]), quoted.end()
    if number := _NUMBER.match(text, at):
        return int(number[1]), number.end()
    raise BadSyntax("a string or a number is expected")
