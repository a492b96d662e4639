"""Text in paragraphs that each screen wraps by itself: format=flowed (RFC 3676), read and written. Pure, linear; any text is an answer.

A line that ends with a blank goes on in the next one of the same quote depth. The line before a signature ("-- ") stands alone.
"""

from collections.abc import Iterator

WIDTH = 78  # signs of a line that is sent, marks of quoting and last blank included (RFC 3676 4.2)
NARROWEST = 20  # signs that a line has room for, however deep it is quoted
SIGNATURE = "-- "
FLOWED, DELSP = "flowed", "delsp"  # how a part says that it is written (RFC 3676 4.1, 4.6)


def kind(parameters: dict[str, str]) -> str:
    """How a text part is written, by the parameters of its Content-Type: FLOWED, DELSP, or empty for lines as they are."""
    if parameters.get("format", "").lower() != "flowed":
        return ""
    return DELSP if parameters.get("delsp", "").lower() == "yes" else FLOWED


def read(text: str, *, delsp: bool = False) -> str:
    """The text with each paragraph on one line, quoted ones behind their marks. `delsp`: a line's last blank is no part of the text."""
    found: list[str] = []
    pieces: list[str] = []  # of the paragraph that goes on
    at = 0  # its depth
    for line in text.split("\n"):
        depth, content = _stored(line)
        if pieces and (depth != at or content == SIGNATURE):  # improper, so what was begun ends here (RFC 3676 4.5)
            found.append(_shown(at, pieces))
            pieces = []
        at = depth
        is_soft = content.endswith(" ") and content != SIGNATURE
        pieces.append(content[:-1] if is_soft and delsp else content)
        if not is_soft:
            found.append(_shown(at, pieces))
            pieces = []
    return "\n".join([*found, *([_shown(at, pieces)] if pieces else [])])


def written(text: str) -> str:
    """The text as it is sent. Lines that begin with ">" are quoted ones; blanks at the end of a line are lost, a signature's is not."""
    return "\n".join(piece for line in text.split("\n") for piece in _lines(line))


def settled(text: str) -> str:
    """The text as it comes back after it was sent: `read(written(text))`, and the same for whatever is settled already."""
    return read(written(text))


def _stored(line: str) -> tuple[int, str]:
    """Depth and content of a line as it was sent."""
    content = line.lstrip(">")
    return len(line) - len(content), content.removeprefix(" ")


def _shown(depth: int, pieces: list[str]) -> str:
    content = "".join(pieces)
    content = content if content == SIGNATURE else content.rstrip(" ")
    return f"{'>' * depth} {content}" if depth and content else ">" * depth or content


def _lines(line: str) -> Iterator[str]:
    """The lines in which one line of a text is sent."""
    content = line.lstrip(">")
    depth = len(line) - len(content)
    content = content.removeprefix(" ") if depth else content
    content = content if content == SIGNATURE else content.rstrip(" ")
    for piece in _wrapped(content, max(NARROWEST, WIDTH - depth - 1)):
        stuffed = (depth and piece) or piece.startswith((" ", ">", "From "))
        yield f"{'>' * depth}{' ' if stuffed else ''}{piece}"


def _wrapped(content: str, room: int) -> Iterator[str]:
    """Cut behind blanks. No piece is blank or looks like the line before a signature; what has no blank stays whole."""
    at = 0
    while len(content) - at > room:
        end = content.rfind(" ", at, at + room) + 1
        if end == 0 or content[at:end] == SIGNATURE or not content[at:end].strip(" "):
            end = content.find(" ", at + room) + 1
        if end == 0:
            break
        yield content[at:end]
        at = end
    yield content[at:]
