"""Syntax of SMTP (RFC 5321): command lines, paths, parameters, and the body of DATA. Pure, and any bytes are an answer or Malformed.

Only CR LF ends a line and only CR LF . CR LF ends a message; a bare CR or LF anywhere is never read as either (smuggling).
"""

import re
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address

LOCAL_PART_OCTETS, DOMAIN_OCTETS, PATH_OCTETS = 64, 255, 256  # RFC 5321 4.5.3.1.1 to .3
END_OF_DATA = b"\r\n.\r\n"

_ATEXT = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\-\x80-\U0010ffff]+"
_DOT_STRING = re.compile(rf"{_ATEXT}(?:\.{_ATEXT})*\Z")
_QUOTED = re.compile(r'"(?:[ !#-\[\]-~\x80-\U0010ffff]|\\[ -~])*"\Z')
_LABEL = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)\Z")
_PARAMETER = re.compile(r"([A-Za-z0-9][A-Za-z0-9-]*)(?:=([!-<>-~]+))?\Z")
_XTEXT = re.compile(r"(?:[!-*,-<>-~]|\+[0-9A-F]{2}){0,100}\Z")  # RFC 3461 4
_ORCPT = re.compile(r"[A-Za-z0-9-]{1,40};(?:[!-*,-<>-~]|\+[0-9A-F]{2}){1,500}\Z")
_ROUTE = re.compile(r"@[^:<>\s\"]{1,255}:")
_CONTROL = re.compile(rb"[\x00-\x1f\x7f]")
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_HELO = re.compile(r"[A-Za-z0-9._\[\]:-]{1,255}\Z")


class Malformed(ValueError):
    """Not SMTP. `kind` is a closed word: command, argument, address, parameter, value, utf8, binary. Never carries what was sent."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


@dataclass(frozen=True)
class Envelope:
    """What MAIL says. `sender` is empty for the null reverse-path (4.5.5)."""

    sender: str = field(repr=False)
    size: int = 0  # 0: not announced (RFC 1870)
    utf8: bool = False  # RFC 6531
    ret: str = ""  # FULL, HDRS, or nothing was asked (RFC 3461 4.3)
    envid: str = field(default="", repr=False)  # as it came (4.4)


@dataclass(frozen=True)
class Asked:
    """What RCPT says to a server that reports back (RFC 3461 4.1, 4.2). `notify` is empty where nothing was asked."""

    address: str = field(repr=False)
    notify: tuple[str, ...] = ()
    orcpt: str = field(default="", repr=False)  # as it came: type;xtext


@dataclass(frozen=True)
class Chunk:
    """What BDAT says (RFC 3030): so many octets follow, and whether they are the last."""

    octets: int
    last: bool


def command(line: bytes) -> tuple[str, bytes]:
    """Verb in capitals and the rest of a line without its end. Raises Malformed for control characters or no verb (2.4)."""
    if _CONTROL.search(line):
        raise Malformed("command")
    verb, _, rest = line.strip(b" ").partition(b" ")
    if not verb.isalpha() or len(verb) > 16:
        raise Malformed("command")
    return verb.upper().decode("ascii"), rest.strip(b" ")


def helo(rest: bytes) -> str:
    """The name that a client gives itself, as it may stand in a Received line. Raises Malformed (4.1.1.1; no UTF-8: RFC 6531 3.7.1)."""
    text = rest.decode("latin-1")
    if not _HELO.match(text):
        raise Malformed("argument")
    return text


def mail(rest: bytes, *, submitted: bool = False) -> Envelope:
    """The argument of MAIL: `FROM:<path> [parameters]` (4.1.1.2; RFC 1870, 6152, 6531). Raises Malformed.

    `submitted`: RET and ENVID (RFC 3461) are read too, and AUTH (RFC 4954 5), which is not believed.
    """
    path, words = _path(rest, b"FROM:")
    given = _parameters(words)
    ret, envid = (given.pop("RET", ""), given.pop("ENVID", "")) if submitted else ("", "")
    if submitted and given.pop("AUTH", "<>") is None:
        raise Malformed("value")
    if ret is None or ret.upper() not in ("", "FULL", "HDRS") or envid is None or not _XTEXT.match(envid):
        raise Malformed("value")
    utf8 = "SMTPUTF8" in given
    if given.pop("SMTPUTF8", None) is not None:
        raise Malformed("value")
    body, size = given.pop("BODY", "7BIT"), given.pop("SIZE", "0")
    if given:
        raise Malformed("parameter")
    if body is not None and body.upper() == "BINARYMIME":
        raise Malformed("binary")
    if body is None or body.upper() not in ("7BIT", "8BITMIME"):
        raise Malformed("value")
    if size is None or not re.fullmatch(r"[0-9]{1,20}", size, re.ASCII):
        raise Malformed("value")
    return Envelope(address(path, utf8=utf8) if path else "", int(size), utf8, ret.upper(), envid)


def recipient(rest: bytes, *, utf8: bool = False, postmaster: str = "") -> str:
    """The address of RCPT: `TO:<path>` (4.1.1.3). A lone <postmaster> is `postmaster`. Raises Malformed."""
    path, words = _path(rest, b"TO:")
    if words:
        raise Malformed("parameter")
    if postmaster and path.lower() == b"postmaster":
        return postmaster
    return address(path, utf8=utf8)


def asked(rest: bytes, *, utf8: bool = False, postmaster: str = "") -> Asked:
    """The argument of RCPT with NOTIFY and ORCPT (RFC 3461 4.1, 4.2). Raises Malformed."""
    path, words = _path(rest, b"TO:")
    given = _parameters(words)
    wanted, orcpt = given.pop("NOTIFY", ""), given.pop("ORCPT", "")
    if given:
        raise Malformed("parameter")
    notify = tuple(wanted.upper().split(",")) if wanted else ()
    is_never = "NEVER" in notify and len(notify) > 1
    if wanted is None or is_never or not set(notify) <= {"NEVER", "SUCCESS", "FAILURE", "DELAY"} or len(set(notify)) < len(notify):
        raise Malformed("value")
    if orcpt is None or (orcpt and not _ORCPT.match(orcpt)):
        raise Malformed("value")
    plain = b"<" + path + b">"
    return Asked(recipient(b"TO:" + plain, utf8=utf8, postmaster=postmaster), notify, orcpt)


def address(path: bytes, *, utf8: bool = False) -> str:
    """An address in one form: source route dropped (appendix C), quotes dropped where they change nothing, domain in lower case.

    A domain beyond ASCII becomes its A-labels. Raises Malformed.
    """
    text = _text(path, utf8=utf8)
    route = _ROUTE.match(text)
    text = text[route.end() :] if route else text
    local, at, domain = text.rpartition("@")
    if not at or not 0 < len(local.encode()) <= LOCAL_PART_OCTETS:
        raise Malformed("address")
    return f"{_local_part(local)}@{_domain(domain)}"


def chunk(rest: bytes) -> Chunk:
    """The argument of BDAT: `octets [LAST]` (RFC 3030). Raises Malformed."""
    found = re.fullmatch(rb"([0-9]{1,20})( +LAST)?", rest, re.IGNORECASE)
    if found is None:
        raise Malformed("value")
    return Chunk(int(found[1]), bool(found[2]))


class Lines:
    """Watches octets that must consist of whole lines: `broken` once a bare CR or LF was seen (2.3.8), however they were cut."""

    def __init__(self) -> None:
        self.broken = False
        self._cr = b""

    def see(self, piece: bytes) -> None:
        """Look at the next octets."""
        if not piece:
            return
        seen = self._cr + piece
        self._cr = b"\r" if seen.endswith(b"\r") else b""
        whole = seen[:-1] if self._cr else seen
        pairs = whole.count(b"\r\n")
        self.broken = self.broken or not whole.count(b"\r") == whole.count(b"\n") == pairs

    def end(self) -> None:
        """No more octets come."""
        self.broken = self.broken or bool(self._cr)


class Body:
    """The body of DATA, read in whole buffers: removes the stuffed dots (4.5.2) and finds the end, wherever a packet was cut."""

    def __init__(self) -> None:
        self.ended = False
        self.rest = b""  # what followed the end: the next commands
        self.lines = Lines()
        self._held = b"\r\n"  # DATA's own line end: a dot may be the very first character
        self._skip = 2  # …and is not part of the message

    def feed(self, piece: bytes) -> bytes:
        """The message's octets as far as they are certain."""
        data = self._held + piece
        end = data.find(END_OF_DATA)
        if end >= 0:
            self.ended, self.rest, self._held = True, data[end + 5 :], b""
            sure = data[: end + 2]
        else:
            held = next((n for n in (4, 3, 2, 1) if data.endswith(END_OF_DATA[:n])), 0)
            self._held, sure = data[len(data) - held :], data[: len(data) - held]
        self.lines.see(sure)
        plain = sure.replace(b"\r\n.", b"\r\n")[self._skip :]
        if sure:
            self._skip = 0
        return plain


def _path(rest: bytes, word: bytes) -> tuple[bytes, list[bytes]]:
    """What stands between the angle brackets, and the parameters after them."""
    if rest[: len(word)].upper() != word:
        raise Malformed("argument")
    rest = rest[len(word) :].lstrip(b" ")  # a blank after the colon is wrong and everywhere
    if not rest.startswith(b"<"):
        raise Malformed("address")
    found = re.match(rb'<((?:"(?:[^"\\]|\\.)*"|[^<>"])*)>(?: +(.*))?\Z', rest, re.DOTALL)
    if found is None or len(found[1]) > PATH_OCTETS:
        raise Malformed("address")
    return found[1], (found[2] or b"").split()


def _parameters(words: list[bytes]) -> dict[str, str | None]:
    given: dict[str, str | None] = {}
    for word in words:
        found = _PARAMETER.match(word.decode("latin-1"))
        if found is None or found[1].upper() in given:
            raise Malformed("parameter")
        given[found[1].upper()] = found[2]
    return given


def _text(path: bytes, *, utf8: bool) -> str:
    try:
        text = path.decode("utf-8" if utf8 else "ascii")
    except UnicodeDecodeError:
        raise Malformed("address" if utf8 else "utf8") from None
    if _UNSEEN.search(text):
        raise Malformed("address")
    return text


def _local_part(local: str) -> str:
    if _DOT_STRING.match(local):
        return local
    if not _QUOTED.match(local):
        raise Malformed("address")
    plain = re.sub(r"\\(.)", r"\1", local[1:-1])
    return plain if _DOT_STRING.match(plain) else '"' + re.sub(r'(["\\])', r"\\\1", plain) + '"'


def _domain(domain: str) -> str:
    if domain.startswith("[") and domain.endswith("]"):
        return _literal(domain[1:-1])
    try:
        name = domain.encode("idna").decode() if not domain.isascii() else domain
    except UnicodeError:
        raise Malformed("address") from None
    labels = name.removesuffix(".").split(".")
    if len(name) > DOMAIN_OCTETS or not all(_LABEL.match(label) for label in labels):
        raise Malformed("address")
    return ".".join(labels).lower()


def _literal(inside: str) -> str:
    """An address literal (4.1.3): `[192.0.2.1]` or `[IPv6:2001:db8::1]`."""
    try:
        is_6 = inside[:5].upper() == "IPV6:"
        return f"[IPv6:{IPv6Address(inside[5:])}]" if is_6 else f"[{IPv4Address(inside)}]"
    except ValueError:
        raise Malformed("address") from None
