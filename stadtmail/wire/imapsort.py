"""The order of messages (RFC 5256): criteria of SORT, the base subject, and the collation by which texts are compared.

Pure and linear: a subject is cut from both ends, never searched again from its beginning.
"""

import re
import unicodedata
from dataclasses import dataclass

from stadtmail.wire.imap import BadSyntax, Cursor

CRITERIA = frozenset(["ARRIVAL", "CC", "DATE", "FROM", "SIZE", "SUBJECT", "TO", "DISPLAYFROM", "DISPLAYTO"])
ALGORITHMS = frozenset(["ORDEREDSUBJECT", "REFERENCES"])
MOST_CRITERIA = 20
_SPACES = re.compile(r"[ \t\r\n]+")
_BLOB = re.compile(r"\[[^\[\]]*+\][ \t]*+")  # RFC 5256 5: subj-blob
_REFWD = re.compile(r"(?:re|fwd?)[ \t]*+(?:\[[^\[\]]*+\][ \t]*+)?:", re.I)  # subj-refwd
_LEADER = re.compile(rf"(?:{_BLOB.pattern})*+{_REFWD.pattern}", re.I)
FORWARDED, FORWARD_BEGIN, FORWARD_END = "(fwd)", "[fwd:", "]"


@dataclass(frozen=True)
class Criterion:
    """One key of SORT."""

    name: str
    is_reverse: bool


def criteria(cursor: Cursor) -> list[Criterion]:
    """The parenthesised keys of SORT. Raises BadSyntax."""
    words = cursor.list_of(cursor.word)
    found: list[Criterion] = []
    is_reverse = False
    for word in words:
        if word == "REVERSE" and not is_reverse:
            is_reverse = True
        elif word in CRITERIA:
            found.append(Criterion(word, is_reverse))
            is_reverse = False
        else:
            raise BadSyntax("no such order")
    if not found or is_reverse or len(found) > MOST_CRITERIA:
        raise BadSyntax("an order is expected")
    return found


def base_subject(subject: str) -> tuple[str, bool]:
    """The base subject of a decoded subject, and whether it was one of a reply or a forward (RFC 5256 2.1, steps 1 to 7)."""
    text, is_reply = _SPACES.sub(" ", subject), False
    while True:
        text, had_trailer = _without_trailers(text)  # (2)
        text, had_leader = _without_leaders(text)  # (3) to (5)
        is_reply = is_reply or had_trailer or had_leader
        if not (text[: len(FORWARD_BEGIN)].lower() == FORWARD_BEGIN and text.endswith(FORWARD_END)):
            return text, is_reply
        text, is_reply = text[len(FORWARD_BEGIN) : -len(FORWARD_END)], True  # (6)


def collated(text: str) -> str:
    """A text under i;unicode-casemap (RFC 5051): titlecase letter by letter, then decomposed."""
    if text.isascii():
        return text.upper()
    titled = "".join(title if len(title := sign.title()) == 1 else sign for sign in text)
    return unicodedata.normalize("NFKD", titled)


def _without_trailers(text: str) -> tuple[str, bool]:
    end, found = len(text), False
    while True:
        if end and text[end - 1] in " \t":
            end -= 1
        elif text[max(0, end - len(FORWARDED)) : end].lower() == FORWARDED:
            end -= len(FORWARDED)
            found = True
        else:
            return text[:end], found


def _without_leaders(text: str) -> tuple[str, bool]:
    at, found = 0, False
    while True:
        if text[at : at + 1] in (" ", "\t"):
            at += 1
        elif leader := _LEADER.match(text, at):
            at, found = leader.end(), True
        elif (blob := _BLOB.match(text, at)) and blob.end() < len(text):  # (4): only if something is left
            at = blob.end()
        else:
            return text[at:], found
