"""Values of mail headers as people read them: encoded words (RFC 2047), parameters (RFC 2231), addresses, dates, file names.

Takes bytes that a stranger wrote. Nothing here raises, and everything is linear in its input and cut at a length.
"""

import codecs
import re
import unicodedata
from binascii import a2b_base64
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import unquote_to_bytes

MOST_VALUE = 16 * 1024  # bytes of one header value that are looked at
MOST_ADDRESSES = 200
MOST_NAME = 120  # signs of a file name

_WORD = re.compile(r"=\?([!-)+->@-~]{1,40})(?:\*[!->@-~]{0,20})?\?([bBqQ])\?([^?]*)\?=")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufeff]+")
_HEX = re.compile(rb"=([0-9A-Fa-f]{2})")
# no quantifier below can give back what it took: a stranger's header must not cost more than its length
_PARAM = re.compile(r"""([^\s=;*"]{1,60}+)(?:\*(\d{1,3}))?(\*)?\s{0,20}+=\s{0,20}+(?:"((?:[^"\\]|\\.)*+)(?:"|$)|([^;]*+))""", re.S)
_SIMPLE = re.compile(r'\s*+(?:"([^"\\]*+)"\s*+|([^",;:<>()\\]*+))<([^<>\s"(),;:@]++@[^<>\s"(),;:@]++)>\s*+\Z')
_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/]+")
_UNSAFE = re.compile(r'[\\/:*?"<>|\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]+')
# what senders write, and what they mean (WHATWG Encoding, section 4.2)
_MEANT = {"us-ascii": "utf-8", "ascii": "utf-8", "iso-8859-1": "cp1252", "latin1": "cp1252", "gb2312": "gb18030", "gbk": "gb18030",
          "iso-8859-8-i": "iso-8859-8", "iso-8859-9": "cp1254", "ks_c_5601-1987": "cp949", "euc-kr": "cp949", "shift_jis": "cp932",
          "x-sjis": "cp932", "tis-620": "cp874", "utf8": "utf-8", "unicode-1-1-utf-7": "utf-7"}  # fmt: skip
# codecs that are no charsets: slow on long input, or they read escapes
_NO_CHARSET = frozenset(["idna", "punycode", "unicode-escape", "raw-unicode-escape", "undefined", "mbcs", "oem"])


def decoded(raw: bytes, charset: str = "") -> str:
    """Bytes as text: in the named charset, else UTF-8, else Windows-1252; what fits nowhere becomes U+FFFD."""
    if not charset:  # nearly every header
        try:
            return raw.decode()
        except UnicodeDecodeError:
            return _loose(raw, "cp1252")
    known = codec(charset)
    for name in dict.fromkeys((known, "utf-8")):
        try:
            return raw.decode(name)
        except (UnicodeError, LookupError, ValueError):
            continue
    return _loose(raw, "cp1252" if known == "utf-8" else known)


def codec(charset: str) -> str:
    """Name of a codec of Python for a charset; "utf-8" for whatever is unknown."""
    name = charset.strip().strip("\"'").lower()[:40]
    name = _MEANT.get(name, name)
    try:
        found = codecs.lookup(name)
    except (LookupError, ValueError, TypeError):
        return "utf-8"
    if found.name.replace("_", "-") in _NO_CHARSET or not getattr(found, "_is_text_encoding", True):
        return "utf-8"
    return found.name


def text(raw: bytes) -> str:
    """An unstructured header value (Subject) on one line, encoded words opened."""
    return cleaned(words(decoded(raw[:MOST_VALUE])))


def words(value: str) -> str:
    """Open encoded words; neighbours of one charset are joined before they are decoded (senders cut inside a letter)."""
    if "=?" not in value:
        return value
    out: list[str] = []
    waiting, charset, at = b"", "", 0
    for word in _WORD.finditer(value):
        between = value[at : word.start()]
        if between.strip() or not at or word[1].lower() != charset:
            out.append(decoded(waiting, charset))
            waiting = b""
        if between.strip() or not at:
            out.append(between)
        charset, at = word[1].lower(), word.end()
        waiting += _opened(word[2], word[3])
    return "".join(out) + decoded(waiting, charset) + value[at:]


def cleaned(value: str) -> str:
    """Without control signs, marks of writing direction and lone surrogates; runs of blanks become one."""
    if not value.isprintable():
        value = _CONTROL.sub(" ", value).encode("utf-8", "replace").decode()
    return " ".join(value.split())


def parameters(raw: bytes) -> tuple[str, dict[str, str]]:
    """Value and parameters of Content-Type or Content-Disposition (RFC 2045, RFC 2231 with continuations)."""
    value, _, rest = decoded(raw[:MOST_VALUE]).partition(";")
    found: dict[str, str] = {}
    pieces: dict[str, list[tuple[int, bool, str]]] = {}
    for param in _PARAM.finditer(rest):
        given = re.sub(r"\\(.)", r"\1", param[4]) if param[4] is not None else (param[5] or "").strip()
        name = param[1].lower()
        if param[2] is None and param[3] is None:
            found.setdefault(name, cleaned(words(given)))
        else:
            pieces.setdefault(name, []).append((int(param[2] or 0), param[3] is not None, given))
    for name, parts in pieces.items():
        found[name] = _joined(sorted(parts, key=lambda part: part[0]))
    return value.strip().lower(), found


def addresses(raw: bytes) -> list[tuple[str, str]]:
    """(name, address) of an address list (RFC 5322 3.4); groups are opened, what is no address is shown as a name."""
    value = decoded(raw[:MOST_VALUE])
    simple = _SIMPLE.match(value)
    if simple:
        return [(cleaned(words(simple[1] or simple[2] or "")), cleaned(simple[3]))]
    return [one for one in map(_address, _split(value)[:MOST_ADDRESSES]) if one != ("", "")]


def moment(raw: bytes) -> datetime | None:
    """The moment of a Date header, in the zone that it names (else UTC); None where it names none."""
    try:
        found = parsedate_to_datetime(decoded(raw[:200]).strip())
        found = found.replace(tzinfo=UTC) if found.tzinfo is None else found
        return found if 1 < found.year < 9999 else None  # so that it can be told in any zone
    except (ValueError, TypeError, IndexError, OverflowError, AttributeError):
        return None


def file_name(value: str) -> str:
    """A name under which a stranger's file may be saved: no path, no control signs, no hidden file, not too long."""
    name = unicodedata.normalize("NFC", value.encode("utf-8", "replace").decode())
    name = _UNSAFE.sub("_", name.replace("\\", "/").rpartition("/")[2]).strip(" ._")
    stem, dot, ending = name.rpartition(".")
    if dot and len(ending) <= 10:
        return stem[: MOST_NAME - len(ending) - 1].rstrip(" .") + dot + ending
    return name[:MOST_NAME].rstrip(" .")


def _loose(raw: bytes, name: str) -> str:
    try:
        return raw.decode(name, "replace")
    except (UnicodeError, LookupError, ValueError):
        return raw.decode("latin-1")


def _opened(encoding: str, payload: str) -> bytes:
    raw = payload.encode("utf-8", "replace")
    if encoding in "bB":
        return base64(raw)
    return quoted(raw.replace(b"_", b" "))


def base64(raw: bytes) -> bytes:
    """Whatever a piece of base64 still says: foreign signs, missing or doubled padding do not matter."""
    kept = base64_signs(raw)
    kept = kept[: len(kept) - (len(kept) % 4 == 1)]
    return a2b_base64(kept + b"=" * (-len(kept) % 4))


def base64_signs(raw: bytes) -> bytes:
    """Only the signs of base64's alphabet."""
    return _NOT_BASE64.sub(b"", raw.translate(None, b"\r\n \t="))


def quoted(raw: bytes) -> bytes:
    """=XX opened (the Q encoding, and the letters of quoted-printable)."""
    return _HEX.sub(lambda found: bytes((int(found[1], 16),)), raw)


def _joined(parts: list[tuple[int, bool, str]]) -> str:
    charset, raw = "", b""
    for number, (_, is_encoded, given) in enumerate(parts):
        if is_encoded and number == 0 and given.count("'") >= 2:
            charset, _, given = given.split("'", 2)  # noqa: PLW2901
        raw += unquote_to_bytes(given) if is_encoded else given.encode("utf-8", "replace")
    return cleaned(decoded(raw, charset))


def _split(value: str) -> list[str]:
    """Cut at the commas that stand outside of quotes, comments and angles; a group's name and its semicolon go."""
    found, start, depth, quote, angle, skip = [], 0, 0, False, False, False
    for at, sign in enumerate(value):
        if skip or sign == "\\":
            skip = not skip
        elif sign == '"' and not depth:
            quote = not quote
        elif quote:
            continue
        elif sign in "()":
            depth = depth + 1 if sign == "(" else max(0, depth - 1)
        elif depth:
            continue
        elif sign in "<>":
            angle = sign == "<"
        elif (sign in ",;" or (sign == ":" and not angle)) and not angle:
            found += [value[start:at]] if sign != ":" else []
            start = at + 1
    return [*found, value[start:]]


def _address(piece: str) -> tuple[str, str]:
    before, angle, after = piece.rpartition("<")
    if angle:
        name = before.strip()
        if name.startswith('"'):
            name = re.sub(r"\\(.)", r"\1", name.strip('"'))
        return cleaned(words(name)), cleaned(after.partition(">")[0])
    plain, _, comment = piece.partition("(")
    if "@" in plain:
        return cleaned(words(comment.rpartition(")")[0] or comment)), cleaned(plain)
    return cleaned(words(piece)), ""
