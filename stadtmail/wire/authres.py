"""Authentication-Results (RFC 8601): the field that we write, what we believe of an upstream server's, and fields that a stranger
may not bring along. Pure; whatever stands in a value of ours has been read as a domain, a word or nothing.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

MOST_HEADER = 1024 * 1024  # octets of a header that are looked through for fields to remove
_NAME = re.compile(rb"^(authentication-results|x-spam[!-9;-~]*|x-rspamd[!-9;-~]*)[ \t]*:", re.I)
_START = re.compile(rb"^(?:authentication-results|x-spam|x-rspamd)", re.I | re.M)
_WORD = re.compile(r"[A-Za-z0-9._/+=@-]{1,253}\Z")
_COMMENT = re.compile(r"\([^()\\]*+\)")
_RESULT = re.compile(r"\s*([A-Za-z][A-Za-z0-9-]*)\s*=\s*([A-Za-z]+)(.*)\Z", re.S)
_DOMAINS = frozenset({"smtp.mailfrom", "header.from", "header.d", "header.i", "header.s", "header.b"})
_PROPERTY = re.compile(r"([A-Za-z][A-Za-z0-9-]*\.[A-Za-z0-9-]+)\s*=\s*\"?([^\s\";]+)\"?")


@dataclass(frozen=True)
class Result:
    """One method's result and its properties, in order: Result("dkim", "pass", (("header.d", "example.net"),))."""

    method: str
    result: str
    properties: tuple[tuple[str, str], ...] = ()
    comment: str = ""


def written(server: str, results: Sequence[Result]) -> bytes:
    """The field, folded. A property whose value is no plain word is left out."""
    lines = [f"Authentication-Results: {server}"]
    for one in results:
        comment = f" ({one.comment})" if one.comment else ""
        words = "".join(f" {name}={value}" for name, value in one.properties if _WORD.match(value))
        lines.append(f"\t{one.method}={one.result}{comment}{words}")
    return (";\r\n".join(lines if results else [*lines, "\tnone"]) + "\r\n").encode()


def vouched(field: bytes) -> bytes:
    """The value of a field of ours as it may go on to others: methods, results and domains, without what can name a machine."""
    value = field.partition(b":")[2].strip()
    server = value.partition(b";")[0].decode("ascii", "replace").strip()
    return written(server, plain(read(value, server=server) or [])).partition(b": ")[2].rstrip(b"\r\n")


def plain(results: Iterable[Result]) -> list[Result]:
    """Results without what can name a machine (smtp.helo, smtp.remote-ip, policy.iprev)."""
    return [Result(one.method, one.result, tuple(pair for pair in one.properties if pair[0] in _DOMAINS)) for one in results]


def read(value: bytes, *, server: str) -> list[Result] | None:
    """The results in a field of `server` (in any case), or None if it is another's."""
    text = value.decode("latin-1")
    for _ in range(5):
        text = _COMMENT.sub(" ", text)
    whose, *rest = text.split(";")
    words = whose.split()
    if not words or words[0].lower() != server.lower():
        return None
    found = [_RESULT.match(one) for one in rest[:50]]
    return [Result(one[1].lower(), one[2].lower(), tuple(_PROPERTY.findall(one[3]))) for one in found if one]


def cleaned(raw: bytes, *, servers: Iterable[str]) -> bytes:
    """The message without what only we may say: results in the name of `servers` (RFC 8601 5), and any scanner's X-Spam fields."""
    end = _end_of_header(raw)
    if not _START.search(raw, 0, end):
        return raw
    ours = {one.lower().encode() for one in servers}
    kept, dropping = [], False
    for line in raw[:end].splitlines(keepends=True):
        if line[:1] not in b" \t" or not line[:1]:
            dropping = _is_foreign(line, ours)
        if not dropping:
            kept.append(line)
    return b"".join(kept) + raw[end:]


def _end_of_header(raw: bytes) -> int:
    found = re.compile(rb"\r?\n\r?\n").search(raw, 0, MOST_HEADER)
    return found.end() if found else min(len(raw), MOST_HEADER)


def _is_foreign(line: bytes, ours: set[bytes]) -> bool:
    found = _NAME.match(line)
    if found is None:
        return False
    if found[1].lower() != b"authentication-results":
        return True
    return _named(line[found.end() :]) in ours | {b""}


def _named(value: bytes) -> bytes:
    """The authserv-id with which a value begins; empty where it cannot be seen on the first line."""
    text = re.sub(rb"\([^()]*+\)", b" ", value).strip(b" \t\r\n;")
    return re.split(rb"[\s;/]", text, maxsplit=1)[0].strip(b'"').lower()
