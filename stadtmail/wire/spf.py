"""SPF (RFC 7208): may this address send for that domain? Pure: `check` asks by yielding (name, kind) and is told the records.

Whoever drives it sends a tuple of records, () where there are none, or throws Temporary. Ten terms that look something up, two
look-ups that find nothing, ten names of an MX: beyond that the record is wrong, however much of it would be left (4.6.4).
"""

import re
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any
from urllib.parse import quote

NONE, NEUTRAL, PASS, FAIL, SOFTFAIL, TEMPERROR, PERMERROR = "none", "neutral", "pass", "fail", "softfail", "temperror", "permerror"
MOST_TERMS, MOST_VOID, MOST_NAMES = 10, 2, 10
MOST_RECORD = 4096  # octets of a record: longer ones fit no answer that anybody publishes in earnest
_QUALIFIERS = {"+": PASS, "-": FAIL, "~": SOFTFAIL, "?": NEUTRAL}
_MODIFIER = re.compile(r"([A-Za-z][A-Za-z0-9._-]*)=(.*)\Z", re.S)
_MECHANISM = re.compile(r"([+?~-]?)(all|include|a|mx|ptr|ip4|ip6|exists)(?::([^\s]*?))?((?:/\d{1,3})?(?://\d{1,3})?)\Z", re.I)
_MACRO = re.compile(r"%(?:\{([slodiphvSLODIPHV])(\d{0,3})([rR]?)([.+,/_=-]*)\}|([%_-])|)")
_TEXT = re.compile(r"[!-~]*\Z")
_TOP = re.compile(r"(?:[A-Za-z0-9]*[A-Za-z][A-Za-z0-9]*|[A-Za-z0-9]+-[A-Za-z0-9-]*[A-Za-z0-9])\.?\Z")
_LABEL = re.compile(r"[^.\x00-\x1f]{1,63}\Z")
Address = IPv4Address | IPv6Address
Asking = Generator[tuple[str, str], tuple[Any, ...], Any]


class Temporary(Exception):
    """The DNS did not answer: the driver throws this into the generator."""


class _Permanent(Exception):
    """The record cannot be understood, or costs too much."""


@dataclass(frozen=True)
class _Term:
    """One mechanism of a record, checked."""

    result: str
    name: str
    spec: str  # domain or network; "" where the current domain is meant
    four: int
    six: int


@dataclass(frozen=True)
class _Record:
    """A record, checked as a whole before any of it counts (4.6)."""

    terms: tuple[_Term, ...]
    redirect: str | None


class _Budget:
    """What one check may still cost."""

    def __init__(self) -> None:
        self.terms, self.void = MOST_TERMS, MOST_VOID

    def term(self) -> None:
        """A term that looks something up."""
        self.terms -= 1
        if self.terms < 0:
            raise _Permanent

    def found(self, records: Sequence[Any]) -> None:
        """What a look-up brought."""
        if not records:
            self.void -= 1
            if self.void < 0:
                raise _Permanent


@dataclass(frozen=True)
class _Asked:
    """What does not change in the course of a check."""

    address: Address
    local: str
    domain: str  # of the sender
    helo: str
    budget: _Budget


def check(address: str, *, domain: str, sender: str = "", helo: str = "") -> Asking:
    """check_host (4): returns none, neutral, pass, fail, softfail, temperror or permerror. `sender` as in MAIL, or empty."""
    local, _, of = sender.rpartition("@")
    asked = _Asked(_mapped(address), local or "postmaster", of or domain, helo, _Budget())
    try:
        return (yield from _host(asked, domain.rstrip(".")))
    except Temporary:
        return TEMPERROR
    except _Permanent:
        return PERMERROR


def drive(asking: Asking, lookup: Callable[[str, str], tuple[Any, ...]]) -> str:
    """Run a check with a function that looks up at once; it raises Temporary where it cannot."""
    try:
        question = next(asking)
        while True:
            try:
                records = lookup(*question)
            except Temporary as trouble:
                question = asking.throw(trouble)
            else:
                question = asking.send(records)
    except StopIteration as end:
        return str(end.value)


def _mapped(address: str) -> Address:
    found = ip_address(address.partition("%")[0])
    return found.ipv4_mapped or found if isinstance(found, IPv6Address) else found


def _host(asked: _Asked, domain: str) -> Asking:
    if not _is_domain(domain):
        return NONE
    texts = yield domain, "TXT"
    found = [one for one in texts if one.lower() == b"v=spf1" or one.lower().startswith(b"v=spf1 ")]
    if not found:
        return NONE
    if len(found) > 1 or len(found[0]) > MOST_RECORD:
        raise _Permanent
    record = _record(found[0])
    for term in record.terms:
        if (yield from _matches(asked, term, domain)):
            return term.result
    if record.redirect is None:
        return NEUTRAL
    asked.budget.term()
    target = yield from _expanded(asked, record.redirect, domain)
    result = yield from _host(asked, target)
    if result == NONE:
        raise _Permanent
    return result


def _is_domain(domain: str) -> bool:
    labels = domain.split(".")
    return len(domain) <= 253 and len(labels) > 1 and all(_LABEL.match(one) for one in labels)


def _record(raw: bytes) -> _Record:
    """Read a record as a whole. Raises _Permanent for anything that is none (4.6)."""
    try:
        words = [word for word in raw.decode("ascii").split(" ")[1:] if word]
    except UnicodeDecodeError:
        raise _Permanent from None
    terms: list[_Term] = []
    modifiers: dict[str, str] = {}
    for word in words:
        modifier = _MODIFIER.match(word)
        if modifier is None:
            terms.append(_term(word))
            continue
        name, value = modifier[1].lower(), modifier[2]
        if name in ("redirect", "exp"):
            if name in modifiers:
                raise _Permanent
            modifiers[name] = _spec(value)
        elif not _is_macro(value):
            raise _Permanent
    has_all = any(term.name == "all" for term in terms)
    return _Record(tuple(terms), None if has_all else modifiers.get("redirect"))


def _term(word: str) -> _Term:
    found = _MECHANISM.match(word)
    if found is None:
        raise _Permanent
    qualifier, name, spec, lengths = found[1], found[2].lower(), found[3], found[4]
    result = _QUALIFIERS[qualifier or "+"]
    if name in ("ip4", "ip6"):
        return _Term(result, name, _network(name, f"{spec or ''}{lengths}"), 0, 0)
    if name == "all" and spec is None and not lengths:
        return _Term(result, name, "", 0, 0)
    if name in ("include", "exists", "ptr") and lengths:  # what looks like a length is part of the name, if it is one at all
        spec, lengths = f"{spec or ''}{lengths}", ""
    if name == "all" or (spec is None and name in ("include", "exists")):
        raise _Permanent
    four, six = _lengths(lengths)
    return _Term(result, name, "" if spec is None else _spec(spec), four, six)


def _network(name: str, text: str) -> str:
    address, slash, length = text.partition("/")
    try:
        found = ip_address(address)
        most = 32 if name == "ip4" else 128
        if found.version != (4 if name == "ip4" else 6) or "%" in address:
            raise _Permanent
        if slash and (not re.fullmatch(r"0|[1-9]\d{0,2}", length) or int(length) > most):
            raise _Permanent
    except ValueError:
        raise _Permanent from None
    return f"{address}/{length}" if slash else address


def _lengths(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"(?:/(0|[1-9]\d?))?(?://(0|[1-9]\d{0,2}))?", text)
    if found is None:
        raise _Permanent
    four, six = int(found[1] or 32) if found[1] != "0" else 0, int(found[2] or 128) if found[2] != "0" else 0
    if four > 32 or six > 128:
        raise _Permanent
    return four, six


def _is_macro(text: str) -> bool:
    """Is it a macro-string (7.1)?"""
    if not _TEXT.match(text):
        return False
    at = 0
    while (at := text.find("%", at)) >= 0:
        found = _MACRO.match(text, at)
        if found is None or found.end() == at + 1 or (found[1] and found[2] and int(found[2]) == 0):
            return False
        at = found.end()
    return True


def _spec(text: str) -> str:
    """A domain-spec: it ends with a top label or a macro (7.1)."""
    if not text or not _is_macro(text):
        raise _Permanent
    ends = re.search(r"%\{[^}]*\}\Z", text)
    if not ends and not ("." in text.rstrip(".") and _TOP.match(text.rstrip(".").rpartition(".")[2])):
        raise _Permanent
    return text


def _matches(asked: _Asked, term: _Term, domain: str) -> Asking:
    if term.name == "all":
        return True
    if term.name in ("ip4", "ip6"):
        network = ip_network(term.spec, strict=False)
        return asked.address.version == network.version and asked.address in network
    asked.budget.term()
    target = (yield from _expanded(asked, term.spec, domain)) if term.spec else domain
    if term.name not in ("include", "ptr") and not _is_domain(target):
        return False  # 4.3, 4.8: a name that cannot be looked up finds nothing
    return (yield from _LOOKING_UP[term.name](asked, target, term))


def _exists(asked: _Asked, target: str, _: _Term) -> Asking:
    records = yield target, "A"
    asked.budget.found(records)
    return bool(records)


def _pointed(asked: _Asked, target: str, _: _Term) -> Asking:
    return (yield from _by_name(asked, target)) is not None


def _included(asked: _Asked, target: str, _: _Term) -> Asking:
    result = yield from _host(asked, target)
    if result in (NONE, PERMERROR):
        raise _Permanent
    if result == TEMPERROR:
        raise Temporary
    return result == PASS


def _exchanges(asked: _Asked, target: str, term: _Term) -> Asking:
    records = yield target, "MX"
    asked.budget.found(records)
    if len(records) > MOST_NAMES:
        raise _Permanent
    for record in records:
        if record.host and (yield from _has_address(asked, record.host, term)):
            return True
    return False


def _has_address(asked: _Asked, name: str, term: _Term) -> Asking:
    is_four = asked.address.version == 4
    records = yield name, "A" if is_four else "AAAA"
    asked.budget.found(records)
    length = term.four if is_four else term.six
    return any(asked.address in ip_network(f"{one}/{length}", strict=False) for one in records)


_LOOKING_UP: dict[str, Callable[[_Asked, str, _Term], Asking]] = {
    "include": _included, "ptr": _pointed, "exists": _exists, "a": _has_address, "mx": _exchanges,
}  # fmt: skip


def _by_name(asked: _Asked, target: str) -> Asking:
    """A name of the client that leads back to it and lies in `target` (5.5), or None. Trouble with the DNS is no match."""
    try:
        names = yield asked.address.reverse_pointer, "PTR"
        asked.budget.found(names)
        for name in names[:MOST_NAMES]:
            is_below = not target or name == target.lower() or name.endswith(f".{target.lower()}")
            if is_below and (yield from _leads_back(asked, name)):
                return name
    except Temporary:
        return None
    return None


def _leads_back(asked: _Asked, name: str) -> Asking:
    try:
        records = yield name, "A" if asked.address.version == 4 else "AAAA"
    except Temporary:
        return False
    asked.budget.found(records)
    return any(asked.address == ip_address(one) for one in records)


def _expanded(asked: _Asked, text: str, domain: str) -> Asking:
    """A domain-spec with its macros replaced (7.3); of a name that is too long the left labels go (7.3)."""
    out, at = [], 0
    for found in _MACRO.finditer(text):
        out.append(text[at : found.start()])
        at = found.end()
        if found[5]:
            out.append({"%": "%", "_": " ", "-": "%20"}[found[5]])
        elif found[1]:
            value = yield from _letter(asked, found[1].lower(), domain)
            value = _transformed(value, found[2], found[3], found[4])
            out.append(quote(value, safe="-._~") if found[1].isupper() else value)
    name = "".join([*out, text[at:]]).rstrip(".")
    while len(name) > 253 and "." in name:
        name = name.partition(".")[2]
    return name


def _letter(asked: _Asked, letter: str, domain: str) -> Asking:
    if letter == "p":
        return (yield from _by_name(asked, domain)) or (yield from _by_name(asked, "")) or "unknown"
    four = asked.address.version == 4
    dotted = str(asked.address) if four else ".".join(asked.address.exploded.replace(":", ""))
    return {
        "s": f"{asked.local}@{asked.domain}", "l": asked.local, "o": asked.domain, "d": domain, "i": dotted,
        "v": "in-addr" if four else "ip6", "h": asked.helo or "unknown",
    }[letter]  # fmt: skip


def _transformed(value: str, digits: str, backwards: str, delimiters: str) -> str:
    parts = re.split(f"[{re.escape(delimiters or '.')}]", value)
    if backwards:
        parts.reverse()
    return ".".join(parts[-int(digits) :] if digits else parts)
