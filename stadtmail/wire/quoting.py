"""The text of a message in an answer: quoted line by line, and HTML as the text that a reader would see. Pure, linear, bounded."""

import re
from html.parser import HTMLParser

MOST_HTML, MOST_TEXT = 500_000, 200_000  # signs that are looked at, and that are quoted
_UNSEEN = frozenset({"script", "style", "head", "title", "template", "svg", "math", "noscript"})
_BREAKS = frozenset({"br", "p", "div", "tr", "li", "h1", "h2", "h3", "h4", "h5", "h6", "table", "blockquote", "pre", "hr", "ul", "ol"})
_PARAGRAPHS = frozenset({"p", "h1", "h2", "h3", "h4", "h5", "h6", "table", "ul", "ol", "blockquote", "pre"})
_MANY = re.compile(r"\n{3,}")


class _Text(HTMLParser):
    def __init__(self, *, links: bool) -> None:
        super().__init__(convert_charrefs=True)
        self.out: list[str] = []
        self._unseen, self._links, self._link = "", links, ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a" and self._links:
            self._link = dict(attrs).get("href") or ""
        if not self._unseen and tag in _UNSEEN:
            self._unseen = tag
        elif tag in _BREAKS:
            self.out.append("\n")
            if tag == "li":
                self.out.append("- ")

    def handle_endtag(self, tag: str) -> None:
        if tag == "a" and self._link:
            self.out.append(f" <{self._link}>" if self._link not in self.out[-1:] else "")
            self._link = ""
        if tag == self._unseen:
            self._unseen = ""
        elif tag in _PARAGRAPHS:
            self.out.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._unseen:
            self.out.append(re.sub(r"[ \t\r\n\xa0]+", " ", data))


def of_html(html: str, *, links: bool = False) -> str:
    """HTML as text: paragraphs and lines stay, nothing else does. `links`: where a link leads stands behind it."""
    parser = _Text(links=links)
    parser.feed(html[:MOST_HTML])
    parser.close()
    lines = [line.strip() for line in "".join(parser.out).split("\n")]
    return _MANY.sub("\n\n", "\n".join(lines)).strip()


def quoted(text: str) -> str:
    """Each line behind a mark; what was quoted already gets one more, and a signature (RFC 3676 4.3) is left out."""
    lines = text[:MOST_TEXT].rstrip().split("\n")
    own = next((at for at in range(len(lines) - 1, -1, -1) if lines[at].rstrip("\r") == "-- "), len(lines))
    kept = lines[:own] if own else lines
    return "\n".join(f">{line.rstrip()}" if line.startswith(">") else f"> {line.rstrip()}".rstrip() for line in kept)
