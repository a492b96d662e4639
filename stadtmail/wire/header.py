"""A message's header read strictly: fields, and the mailboxes of From and Sender. Pure; any bytes are an answer or Malformed.

The readers of other people's programs are lenient, each in another way. What says who writes must mean the same to all of
them, so whatever is not plainly a list of mailboxes is no answer here (RFC 5322 3.4, RFC 6532).
"""

import re
from dataclasses import dataclass, field

from stadtmail.wire import smtp

MOST_OCTETS, MOST_FIELDS, MOST_MAILBOXES = 1024 * 1024, 2_000, 50
_FIELD = re.compile(rb"([!-9;-~]{1,200}):[^\r\n]*\r\n(?:[ \t][^\r\n]*\r\n)*")
_ATEXT = r"A-Za-z0-9!#$%&'*+/=?^_`{|}~\-\x80-\U0010ffff"
_TOKEN = re.compile(rf'[ \t]+|"(?:[^"\\\r\n]|\\.)*"|\[[^\[\]\\\r\n]*\]|[{_ATEXT}.]+|[<>,@]')


class Malformed(ValueError):
    """Not a header, or not plainly a list of mailboxes."""


@dataclass(frozen=True)
class Field:
    """One field: its name in lower case, and all of it with its line ends."""

    name: bytes
    raw: bytes = field(repr=False)

    @property
    def value(self) -> str:
        """What stands after the colon, unfolded. Raises Malformed where it is no UTF-8."""
        try:
            return re.sub(r"\r\n(?=[ \t])", "", self.raw[len(self.name) + 1 :].decode()).strip(" \t\r\n")
        except UnicodeDecodeError:
            raise Malformed from None


def split(raw: bytes) -> tuple[list[Field], bytes]:
    """The fields, and the rest from the empty line on. Raises Malformed where a line is neither."""
    found: list[Field] = []
    at = 0
    while not raw.startswith(b"\r\n", at) and at < len(raw):
        one = _FIELD.match(raw, at, at + MOST_OCTETS)
        if one is None or len(found) >= MOST_FIELDS or one.end() > MOST_OCTETS:
            raise Malformed
        found.append(Field(one[1].lower(), one[0]))
        at = one.end()
    return found, raw[at:] or b"\r\n"


def authors(fields: list[Field]) -> list[str]:
    """The addresses in From and Sender, which say who writes. Raises Malformed: From exactly once, Sender at most once."""
    named = {name: [one for one in fields if one.name == name] for name in (b"from", b"sender")}
    if len(named[b"from"]) != 1 or len(named[b"sender"]) > 1:
        raise Malformed
    return [address for ones in named.values() for one in ones for address in mailboxes(one.value)]


def mailboxes(value: str) -> list[str]:
    """The addresses of a mailbox-list (RFC 5322 3.4): no group, no comment outside of a name, nothing obsolete. Raises Malformed."""
    found = [_mailbox(part) for part in _parts(_tokens(_without_comments(value)))]
    if not 0 < len(found) <= MOST_MAILBOXES:
        raise Malformed
    return found


def _without_comments(value: str) -> str:
    """Comments become a blank. Raises Malformed for one that does not end."""
    out, depth, quoted, skip = [], 0, False, False
    for sign in value:
        if skip or (sign == "\\" and (quoted or depth)):
            skip = not skip
        elif sign == '"' and not depth:
            quoted = not quoted
        elif sign in "()" and not quoted:
            depth += 1 if sign == "(" else -1
            if depth < 0:
                raise Malformed
            out.append(" ")
            continue
        if not depth:
            out.append(sign)
    if depth or quoted or skip:
        raise Malformed
    return "".join(out)


def _tokens(value: str) -> list[str]:
    found, at = [], 0
    while at < len(value):
        token = _TOKEN.match(value, at)
        if token is None:
            raise Malformed
        found.append(token[0])
        at = token.end()
    return found


def _parts(tokens: list[str]) -> list[list[str]]:
    """Cut at the commas."""
    parts: list[list[str]] = [[]]
    for one in tokens:
        if one == ",":
            parts.append([])
        else:
            parts[-1].append(one)
    return parts


def _mailbox(tokens: list[str]) -> str:
    """`phrase <address>` or `address`."""
    words = [token for token in tokens if token.strip(" \t")]
    if "<" in words:
        begin = words.index("<")
        if words[-1] != ">" or {">", "@"} & set(words[:begin]):
            raise Malformed
        words = words[begin + 1 : -1]
    if len(words) != 3 or words[1] != "@" or {"<", ">"} & set(words):
        raise Malformed
    try:
        return smtp.address("".join(words).encode(), utf8=True)
    except smtp.Malformed:
        raise Malformed from None
