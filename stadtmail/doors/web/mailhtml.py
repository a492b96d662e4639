"""HTML that strangers wrote, made safe to show: nothing in it runs, loads or phones home.

First layer: nh3 keeps a short list of tags and style properties and drops every remote address. Second layer: the frame in
which it is shown has a policy that allows no host at all, so that a miss here still cannot reach anybody.
"""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from html import unescape
from itertools import groupby
from operator import itemgetter
from secrets import token_hex
from urllib.parse import unquote

import nh3
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from stadtmail.wire import pictures as remote_pictures

FRAME_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; base-uri 'none'; "
    "frame-ancestors 'self'; sandbox allow-popups allow-popups-to-escape-sandbox"
)
PICTURES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})  # SVG is a program, not a picture
PICTURE_BYTES = 3_000_000
SHOWN_CHARS = 40_000_000  # of the message's own pictures as the HTML has them: it may name one of them ten thousand times
# what the cleaner costs grows with the square of nesting and of attributes: measured, these bounds keep it about a second
HTML_CHARS = 500_000  # without the pictures that it carries
MOST_TAGS = 12_000
MOST_DEPTH = 8  # of quotations in each other that the page shows
TAGS = nh3.ALLOWED_TAGS - {"map", "area", "details", "summary"} | {"font", "tfoot"}
ATTRIBUTES = {tag: set(names) - {"cite", "headers"} for tag, names in nh3.ALLOWED_ATTRIBUTES.items()}
for _tag in ("table", "td", "th", "tr", "div", "p", "span", "font", "h1", "h2", "h3", "body"):
    ATTRIBUTES.setdefault(_tag, set()).update({"align", "valign", "bgcolor", "width", "height", "dir", "lang", "color", "face", "size"})
ATTRIBUTES["table"].update({"border", "cellpadding", "cellspacing"})
WRITTEN = {"a", "b", "strong", "i", "em", "u", "p", "div", "br", "ul", "ol", "li", "blockquote"}  # of the form for writing
REMOTE = frozenset({"background", "poster", "srcset"})  # seen so that they can be counted, and never kept
for _tag in ("img", "table", "td", "th", "tr", "body"):
    ATTRIBUTES.setdefault(_tag, set()).update(REMOTE)
ATTRIBUTES["*"] = {"style", "title"}
STYLES = {
    "background-color", "border", "border-bottom", "border-collapse", "border-color", "border-left", "border-radius", "border-right",
    "border-spacing", "border-style", "border-top", "border-width", "color", "direction", "display", "font-family", "font-size",
    "font-style", "font-variant", "font-weight", "height", "letter-spacing", "line-height", "list-style-type", "margin",
    "margin-bottom", "margin-left", "margin-right", "margin-top", "max-width", "min-width", "overflow-wrap", "padding",
    "padding-bottom", "padding-left", "padding-right", "padding-top", "text-align", "text-decoration", "text-indent",
    "text-transform", "vertical-align", "white-space", "width", "word-break",
}  # fmt: skip
_ACTIVE = re.compile(r"url\s*\(|image|expression|import|\\|var\s*\(|@", re.IGNORECASE)
_REMOTE = re.compile(r"url\s*\(\s*[\"']?\s*(?!data:)", re.IGNORECASE)
_DATA = re.compile(r"data:image/(png|jpeg|gif|webp);base64,[A-Za-z0-9+/=\s]+\Z", re.IGNORECASE)
_CARRIED = re.compile(r"data:image/(?:png|jpeg|gif|webp);base64,[A-Za-z0-9+/=]{100,}", re.IGNORECASE)
_ANY_TAG = re.compile(r"<[^>]*>")
_TINY = re.compile(r'\s(?:width|height)="\s*[012](?:px)?\s*"')
_MARKED = re.compile(r'<img(?:\s+[a-z-]+="[^"]*")*?(\s+src="(cid:[0-9a-f]{32}-)(\d+)")(?:\s+[a-z-]+="[^"]*")*\s*/?>')
_PICTURE = re.compile(r'<img\b[^>]*\b(?:src|alt)="[^"]')
_TAG = re.compile(r"<[a-zA-Z]")
_MARKS = re.compile(r"(?:> ?)*")
_LINK = re.compile(r"https?://[^\s<>\"'\x00-\x20]{1,2000}")


@dataclass(frozen=True)
class Safe:
    """HTML for the frame, how many remote things were left out, and whether only the beginning is shown.

    `remote`: addresses of the pictures that could be fetched, each once; `pieces` are those of the HTML, and which picture stands
    between two of them.
    """

    html: str
    blocked: int
    is_cut: bool = False
    remote: tuple[str, ...] = ()
    pieces: tuple[tuple[str, int | None], ...] = ()


def safe(html: str, pictures: Mapping[str, tuple[str, bytes]]) -> Safe:
    """Make `html` harmless. `pictures` are the message's own images: Content-ID -> (type, bytes)."""
    blocked, room = 0, SHOWN_CHARS
    bounded, carried, is_cut = _bounded(html)
    places: dict[str, int] = {}  # address of a remote picture -> its number
    mark = f"cid:{token_hex(16)}-"  # nobody else can have written this

    def keep(tag: str, name: str, value: str) -> str | None:
        nonlocal blocked, room
        if name == "style":
            blocked += len(_REMOTE.findall(value))
            return ";".join(one for one in value.split(";") if not _ACTIVE.search(one)) or None
        if name in REMOTE:
            blocked += 1
            return None
        if tag == "img" and name == "src":  # each picture is encoded once, however often it is named
            if value not in carried:
                carried[value] = _picture(value, pictures)
            shown = carried[value]
            blocked += shown is None and not value.lower().startswith(("cid:", "data:"))
            if shown is None and (url := _remote(value)):
                return f"{mark}{places.setdefault(url, len(places))}"
            room -= len(shown or "")
            return shown if room >= 0 else None
        if name == "href":
            return value if value.lower().startswith(("http://", "https://", "mailto:", "tel:")) else None
        return value

    clean = nh3.clean(
        bounded,
        tags=TAGS,
        clean_content_tags={"script", "style", "svg", "math", "form", "iframe", "object", "template", "noscript", "title", "head"},
        attributes=ATTRIBUTES,
        attribute_filter=keep,
        link_rel="noopener noreferrer nofollow",
        set_tag_attribute_values={"a": {"target": "_blank"}},
        url_schemes={"http", "https", "mailto", "tel", "cid", "data"},
        filter_style_properties=STYLES,
        url_relative="pass_through",  # so that `keep` sees and counts them; it keeps none
    )
    pieces, seen = _pieces(clean, mark)
    urls = list(places)
    numbers = {number: at for at, number in enumerate(sorted(seen))}
    bare = "".join(text for text, _ in pieces)
    apart = tuple((text, numbers.get(number) if number is not None else None) for text, number in pieces)
    return Safe(bare, blocked, is_cut, tuple(urls[number] for number in numbers), apart)


def written(html: str) -> str:
    """What somebody wrote with bold, lists and links, and nothing else of what their browser or clipboard put there; empty for no text."""
    clean = nh3.clean(
        _bounded(html)[0],
        tags=WRITTEN,
        clean_content_tags={"script", "style", "svg", "math", "form", "iframe", "object", "template", "noscript", "title", "head"},
        attributes={"a": {"href"}},
        link_rel="noopener noreferrer",
        url_schemes={"http", "https", "mailto"},
        url_relative="deny",
    )
    return clean if is_visible(clean) else ""


def is_visible(html: str) -> bool:
    """Does anything of this safe HTML show: a sign that is no space, or a picture or its name?"""
    return bool(_PICTURE.search(html) or unescape(_ANY_TAG.sub("", html)).strip(" \t\r\n\xa0\u200b\u200c\u034f\ufeff"))


def around(*, lang: str, title: str = "Nachricht") -> tuple[str, str]:
    """A whole page for the frame, or for paper: what stands before and after the HTML. Its colours stay light: senders write for white
    paper.
    """
    begin = (
        f'<!doctype html><html lang="{lang}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)}</title><style>"
        "header th{text-align:left;padding-right:1rem;font-weight:400;color:#555;vertical-align:top}header h1{font-size:1.4rem}"
        "header~pre{font:inherit}body{margin:1rem;font:16px/1.5 sans-serif;color:#111;background:#fff;overflow-wrap:anywhere}"
        "img{max-width:100%;height:auto}table{max-width:100%}pre{white-space:pre-wrap}</style></head><body>"
    )
    return begin, "</body></html>"


def plain(text: str) -> SafeString:
    """Plain text for the page: escaped, addresses of the web as links, what is quoted as quotations in each other."""
    out, level = [], 0
    for depth, lines in groupby(map(_quoted, text.splitlines()), key=itemgetter(0)):
        out.append("<blockquote>" * (depth - level) or "</blockquote>" * (level - depth))
        shown = [_LINK.sub(_link, str(escape(line))) for _, line in lines]
        out.append("\n".join(shown) + ("" if shown[-1] else "\n"))  # an empty line in front of a quotation is one
        level = depth
    return mark_safe("".join([*out, "</blockquote>" * level]))  # noqa: S308 - every line is escaped above


def _quoted(line: str) -> tuple[int, str]:
    """(depth, text) of a line: the marks of quoting in front of it, with blanks between them or not (RFC 3676 4.5)."""
    found = _MARKS.match(line)
    marks = found[0] if found else ""
    return min(marks.count(">"), MOST_DEPTH), line[len(marks) :]


def _link(match: re.Match[str]) -> str:
    address = match[0]
    tail = ""
    while address.endswith((".", ",", ")", ";", "&gt", "&quot", "&#x27")):
        cut = address.rfind("&") if address.endswith(("&gt", "&quot", "&#x27")) else len(address) - 1
        address, tail = address[:cut], address[cut:] + tail
    return f'<a href="{address}" rel="noopener noreferrer nofollow" target="_blank">{address}</a>{tail}'


def _bounded(html: str) -> tuple[str, dict[str, str | None], bool]:
    """No more than the cleaner may be given; the pictures that the HTML carries are lifted out first: address -> picture."""
    carried: dict[str, str | None] = {}

    def lift(match: re.Match[str]) -> str:
        name = f"cid:carried-{len(carried)}"
        carried[name] = match[0]
        return name

    lifted = _CARRIED.sub(lift, html)
    end = next((match.start() for number, match in enumerate(_TAG.finditer(lifted)) if number == MOST_TAGS), len(lifted))
    end = min(end, HTML_CHARS)
    return lifted[:end], carried, end < len(lifted)


def _picture(value: str, pictures: Mapping[str, tuple[str, bytes]]) -> str | None:
    """The message's own picture, or one that the address itself carries; nothing that would have to be fetched."""
    if value.lower().startswith("cid:"):
        return _inline(pictures.get(unquote(value[4:]).strip("<> ")))
    return value if _DATA.match(value) else None


def _remote(value: str) -> str | None:
    """The address of a picture that could be fetched, in its plain form."""
    try:
        return remote_pictures.target(value).url
    except remote_pictures.NoTarget:
        return None


def _pieces(clean: str, mark: str) -> tuple[list[tuple[str, int | None]], set[int]]:
    """Safe HTML cut where remote pictures stand: each text, and the number of the picture after it; and which numbers there are.

    Pictures of a point or two show nothing and only count who reads: they are not fetched.
    """
    found: list[tuple[str, int | None]] = []
    seen: set[int] = set()
    at = 0
    for match in _MARKED.finditer(clean) if mark in clean else ():
        if match[2] != mark:
            continue
        shown = int(match[3]) if len(_TINY.findall(match[0])) < 2 else None
        found.append((clean[at : match.start(1)], shown))
        seen |= {shown} if shown is not None else set()
        at = match.end(1)
    return [*found, (clean[at:], None)], seen


def source(kind: str, content: bytes) -> str:
    """The attribute of a picture that the HTML itself carries."""
    return f' src="{_carried(kind, content)}"'


def _carried(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def _inline(picture: tuple[str, bytes] | None) -> str | None:
    if picture is None or picture[0] not in PICTURES or len(picture[1]) > PICTURE_BYTES:
        return None
    return _carried(*picture)
