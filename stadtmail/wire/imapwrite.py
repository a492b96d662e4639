"""What an IMAP server says: strings, ENVELOPE and BODYSTRUCTURE (RFC 9051 sections 7.5.2 and 9), written from stored bytes.

A string is quoted where it may be, else a literal; NUL never leaves. Headers are given as they stand, nothing is decoded:
that is the client's. All of it is linear in its input and bounded by wire/mime.py.
"""

import re
from collections.abc import Iterable, Sequence

from stadtmail.wire import mimewords
from stadtmail.wire.mime import MOST_HEADER_BYTES, Part

Headers = Sequence[tuple[bytes, bytes]]
Value = tuple[bytes, list[tuple[bytes, bytes]]]  # a word and its parameters
_QUOTABLE = re.compile(rb"[\x01-\x09\x0b\x0c\x0e-\x7f]{0,4000}\Z")
_ATOM = re.compile(rb"[!#$&'+,\-./0-9:;<=>?@A-Z^_`a-z|}~]+\Z")
_HEADER = re.compile(rb"^([!-9;-~]{1,100}+)[ \t]*+:((?:[^\n]*+)(?:\n[ \t][^\n]*+)*+)", re.M)
_PARAM = re.compile(rb"""\s*+([^\s=;"]{1,100}+)\s*+=\s*+(?:"((?:[^"\\]|\\.)*+)"?|([^;]*+))""", re.S)
_TOKENS = re.compile(rb"""[<>,:;@()\s]|"(?:[^"\\]|\\.)*+"?|\[[^\]]*+\]?|[^<>,:;@()\s"\[]+""", re.S)
_COMMENT = re.compile(rb"[^()\\]++|\\.?|[()]", re.S)
_ENCODING = re.compile(rb"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,40}\Z")
MOST_ADDRESSES, MOST_PARAMS = 2000, 50
MOST_LIST_BYTES = 128 * 1024  # of one field of addresses
NIL = b"NIL"
_SIMPLE = re.compile(rb"""\s*+(?:"((?:[^"\\])*+)"|([^<>",:;@()\[\]\\=]*+))\s*+<([^\s<>",:;@()\[\]\\]++)@([^\s<>",:;@()\[\]\\]++)>\s*+\Z""")


def string(value: bytes, *, utf8: bool = False) -> bytes:
    """A string: quoted, or a literal where it has line ends, octets beyond ASCII (unless `utf8`) or is long."""
    if not _QUOTABLE.match(value):
        value = value.replace(b"\0", b"")
        is_quotable = utf8 and len(value) < 4000 and not (b"\r" in value or b"\n" in value) and _is_utf8(value)
        if not is_quotable and not _QUOTABLE.match(value):
            return b"{%d}\r\n%b" % (len(value), value)
    if b"\\" in value or b'"' in value:
        value = value.replace(b"\\", b"\\\\").replace(b'"', b'\\"')
    return b'"%b"' % value


def nstring(value: bytes | None) -> bytes:
    """A string or NIL."""
    return NIL if value is None else string(value)


def astring(value: bytes, *, utf8: bool = False) -> bytes:
    """An atom where it can be one, else a string."""
    return value if _ATOM.match(value) and value.upper() != NIL else string(value, utf8=utf8)


def envelope(headers: Headers) -> bytes:
    """The ENVELOPE of a message with these headers (names in lower case, values unfolded)."""
    found = dict(reversed(headers))  # the first of a name counts
    sender = addresses(found.get(b"from"))
    parts = [nstring(found.get(b"date")), nstring(found.get(b"subject")), sender]
    for name in (b"sender", b"reply-to"):
        own = addresses(found.get(name))
        parts.append(sender if own == NIL else own)
    parts += [addresses(found.get(name)) for name in (b"to", b"cc", b"bcc")]
    parts += [nstring(found.get(name)) for name in (b"in-reply-to", b"message-id")]
    return b"(%b)" % b" ".join(parts)


def addresses(value: bytes | None) -> bytes:
    """An address list as IMAP gives it: (name route mailbox host), groups between their marks; NIL for none."""
    if not value or not value.strip():
        return NIL
    if len(value) > MOST_LIST_BYTES:
        value = value[:MOST_LIST_BYTES].rpartition(b",")[0]  # whole addresses only: half of one would be somebody else's
    if simple := _SIMPLE.match(value):
        name = simple[1] if simple[1] is not None else simple[2].strip()
        return b"((%b NIL %b %b))" % (string(name) if name else NIL, string(simple[3]), string(simple[4]))
    found = list(_Addresses(value).all())
    return b"(%b)" % b"".join(found) if found else NIL


class _Addresses:
    """Reads an address list (RFC 5322 3.4, and much that is none); never raises."""

    def __init__(self, value: bytes) -> None:
        self._tokens = _tokens(value)
        self._at = 0

    def all(self) -> Iterable[bytes]:
        """Every address and group mark, formatted."""
        count, in_group, comment = 0, False, b""
        words: list[bytes] = []
        while self._at < len(self._tokens) and count < MOST_ADDRESSES:
            token = self._tokens[self._at]
            self._at += 1
            if token[:1] == b"(":
                comment = token[1:]
            elif token == b":" and not in_group and words and b"@" not in words:
                yield _address(None, None, _phrase(words), None)
                words, in_group = [], True
            elif token == b"<":
                yield self._angle(words)
                words, comment, count = [], b"", count + 1
            elif token in (b",", b";"):
                count += 1 if words else 0
                yield from _bare(words, comment)
                words, comment = [], b""
                if token == b";" and in_group:
                    yield b"(NIL NIL NIL NIL)"
                    in_group = False
            elif token not in (b">", b" "):
                words.append(token)
        yield from _bare(words, comment)
        if in_group:
            yield b"(NIL NIL NIL NIL)"

    def _angle(self, words: list[bytes]) -> bytes:
        inner: list[bytes] = []
        while self._at < len(self._tokens) and self._tokens[self._at] not in (b">",):
            if self._tokens[self._at][:1] != b"(":
                inner.append(self._tokens[self._at])
            self._at += 1
        self._at += 1
        route = None
        if inner[:1] == [b"@"] and b":" in inner:  # a source route, obsolete
            cut = inner.index(b":")
            route, inner = b"".join(inner[:cut]), inner[cut + 1 :]
        local, host = _split(inner)
        return _address(_phrase(words) or None, route, local, host)


def _bare(words: list[bytes], comment: bytes) -> Iterable[bytes]:
    """An address without a name; the comment behind it is one, as it was before RFC 822."""
    if not words:
        return
    local, host = _split(words)
    yield _address(comment or None, None, local, host)


def _split(tokens: list[bytes]) -> tuple[bytes, bytes]:
    """Local part and domain. Without an @ the domain is a mark that says so: NIL would mean a group."""
    at = len(tokens) - 1 - tokens[::-1].index(b"@") if b"@" in tokens else -1
    if at < 0:
        return b" ".join(_unquoted(token) for token in tokens), b"MISSING_DOMAIN"
    return b"".join(_unquoted(token) for token in tokens[:at]) or b"MISSING_MAILBOX", b"".join(tokens[at + 1 :]) or b"MISSING_DOMAIN"


def _phrase(words: list[bytes]) -> bytes:
    return b" ".join(_unquoted(word) for word in words)


def _unquoted(token: bytes) -> bytes:
    return re.sub(rb"\\(.)", rb"\1", token.strip(b'"'), flags=re.S) if token.startswith(b'"') else token


def _tokens(value: bytes) -> list[bytes]:
    """Words and signs; a comment is one token, behind its parenthesis."""
    tokens: list[bytes] = []
    at = 0
    while at < len(value):
        token = _TOKENS.match(value, at)
        if token is None:
            at += 1
        elif token[0] == b"(":
            comment, at = _comment(value, token.end())
            tokens.append(b"(" + comment)
        else:
            at = token.end()
            if token[0] != b")" and not token[0].isspace():
                tokens.append(token[0])
    return tokens


def _comment(value: bytes, at: int) -> tuple[bytes, int]:
    """The text of a comment that begins here, and where it ends (RFC 5322 3.2.2: comments nest)."""
    said: list[bytes] = []
    depth = 1
    while at < len(value):
        found = _COMMENT.match(value, at)
        assert found is not None
        at = found.end()
        depth += {b"(": 1, b")": -1}.get(found[0], 0)
        if not depth:
            break
        said.append(found[0][1:] if len(found[0]) == 2 and found[0][:1] == b"\\" else found[0])
    return b" ".join(b"".join(said).split()), at


def _address(name: bytes | None, route: bytes | None, local: bytes | None, host: bytes | None) -> bytes:
    return b"(%b %b %b %b)" % (nstring(name), nstring(route), nstring(local), nstring(host))


def structure(raw: bytes, part: Part, *, extended: bool = True) -> bytes:
    """The BODYSTRUCTURE of a part and all in it; with `extended` off what BODY gives."""
    found = dict(reversed(headers(raw[part.start : min(part.body, part.start + MOST_HEADER_BYTES)])))
    kind, params = _value(found.get(b"content-type", b""))
    if kind.lower() != part.type.encode("ascii", "replace"):  # what was missing or could not be read: wire/mime.py decided
        default = part.type.encode("ascii", "replace")
        kind, params = default, params if kind.lower().startswith(b"text/") and default.startswith(b"text/") else []
    if part.parts and part.type.startswith("multipart/"):
        return _multipart(raw, part, (kind, params), found, extended)
    return _single(raw, part, (kind, params), found, extended)


def _multipart(raw: bytes, part: Part, value: Value, found: dict[bytes, bytes], extended: bool) -> bytes:
    kind, params = value
    inner = b"".join(structure(raw, one, extended=extended) for one in part.parts)
    sub = string(kind.partition(b"/")[2])
    if not extended:
        return b"(%b %b)" % (inner, sub)
    return b"(%b %b %b %b)" % (inner, sub, _params(params), _tail(found))


def _single(raw: bytes, part: Part, value: Value, found: dict[bytes, bytes], extended: bool) -> bytes:
    kind, params = value
    main, _, sub = kind.partition(b"/")
    if main.lower() == b"text" and not any(name.lower() == b"charset" for name, _ in params):
        params = [*params, (b"charset", b"us-ascii")]
    encoding = found.get(b"content-transfer-encoding", b"").strip()
    fields = [
        string(main), string(sub), _params(params), nstring(found.get(b"content-id")), nstring(found.get(b"content-description")),
        string(encoding if _ENCODING.match(encoding) else b"7bit"), b"%d" % (part.end - part.body),
    ]  # fmt: skip
    if part.type == "message/rfc822":
        fields += _message(raw, part, extended)
        fields.append(b"%d" % raw.count(b"\n", part.body, part.end))
    elif part.type.startswith("text/"):
        fields.append(b"%d" % raw.count(b"\n", part.body, part.end))
    if extended:
        fields += [nstring(found.get(b"content-md5")), _tail(found)]
    return b"(%b)" % b" ".join(fields)


def _message(raw: bytes, part: Part, extended: bool) -> list[bytes]:
    if not part.parts:  # too deep, or encoded: opaque
        return [envelope([]), b'("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 0 0%b)' % (b" NIL NIL NIL NIL" if extended else b"")]
    (inner,) = part.parts
    own = headers(raw[inner.start : min(inner.body, inner.start + MOST_HEADER_BYTES)])
    return [envelope(own), structure(raw, inner, extended=extended)]


def headers(raw: bytes) -> list[tuple[bytes, bytes]]:
    """Headers as they stand: name in lower case, value unfolded."""
    return [(one[1].lower(), one[2].replace(b"\r", b"").replace(b"\n", b"").strip()) for one in _HEADER.finditer(raw)]


def _tail(found: dict[bytes, bytes]) -> bytes:
    """Disposition, language, location: the last three fields of each part."""
    disposition = NIL
    if b"content-disposition" in found:
        word, params = _value(found[b"content-disposition"])
        disposition = b"(%b %b)" % (string(word), _params(params)) if word else NIL
    languages = [word.strip() for word in found.get(b"content-language", b"").split(b",") if word.strip()]
    language = string(languages[0]) if len(languages) == 1 else b"(%b)" % b" ".join(map(string, languages)) if languages else NIL
    return b"%b %b %b" % (disposition, language, nstring(found.get(b"content-location")))


def _value(value: bytes) -> Value:
    """A header of the form `word; name=value; …` (RFC 2045 5.1), as it stands."""
    value = b"".join(_no_comments(value[: mimewords.MOST_VALUE]))
    word, _, rest = value.partition(b";")
    params: list[tuple[bytes, bytes]] = []
    for one in _PARAM.finditer(rest):
        text = re.sub(rb"\\(.)", rb"\1", one[2], flags=re.S) if one[2] is not None else one[3].strip()
        params.append((one[1], text))
        if len(params) == MOST_PARAMS:
            break
    return b"".join(word.split()), params


def _no_comments(value: bytes) -> Iterable[bytes]:
    """The value without (comments); quoted strings stay whole."""
    if b"(" not in value:
        yield value
        return
    depth = 0
    for token in re.finditer(rb'"(?:[^"\\]|\\.)*+"?|[()]|[^()"]++', value, re.S):
        if token[0] == b"(":
            depth += 1
        elif token[0] == b")":
            depth = max(0, depth - 1)
        elif not depth:
            yield token[0]


def _params(params: list[tuple[bytes, bytes]]) -> bytes:
    return b"(%b)" % b" ".join(b"%b %b" % (string(name), string(value)) for name, value in params) if params else NIL


def _is_utf8(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True
