"""Recipients as people type them: names and addresses with commas, semicolons or line ends between. Pure; any text is an answer.

What is understood comes back in one form, which reads the same again; what is not comes back as it was typed.
"""

from dataclasses import dataclass

from stadtmail.wire import mimewords, smtp

MOST_OCTETS = 32 * 1024  # of one field: what is longer is not read at all, so that nothing of it is lost unseen
_CLOSED = {'"': '"', "<": ">", "(": ")"}
Person = tuple[str, str]  # name (may be empty), address


@dataclass(frozen=True)
class Read:
    """Those who were understood, each once, and the pieces that name nobody."""

    people: list[Person]
    wrong: list[str]
    is_too_long: bool = False  # then nobody is in it


def read(text: str) -> Read:
    """Read a field. An address beyond ASCII is taken as it is, its domain as A-labels (RFC 6531, RFC 5891)."""
    found: dict[str, Person] = {}
    wrong: list[str] = []
    if len(text.encode("utf-8", "replace")) > MOST_OCTETS:
        return Read([], [], is_too_long=True)
    for piece in _pieces(text):
        person = _person(piece)
        if person is None:
            wrong.append(mimewords.cleaned(piece))
        else:
            found.setdefault(person[1].lower(), person)
    return Read(list(found.values()), wrong)


def shown(people: list[Person]) -> str:
    """People as the field shows them; `read` gives the same people back."""
    return ", ".join(f"{_name(name)} <{address}>" if name else address for name, address in people)


def _name(name: str) -> str:
    plain = name.replace("\\", "").replace('"', "'")
    return f'"{plain}"' if any(sign in plain for sign in ",;<>()@:") else plain


def _pieces(text: str) -> list[str]:
    """Cut at commas, semicolons and line ends outside of quotes, angles and comments; one that does not end ends with its line."""
    pieces, piece, inside = [], "", ""
    for sign in text.replace("\r\n", "\n").replace("\r", "\n"):
        if sign == "\n" or (sign in ",;" and not inside):
            pieces.append(piece)
            piece, inside = "", ""
            continue
        inside = ("" if sign == inside else inside) if inside else _CLOSED.get(sign, "")
        piece += sign
    return [one for one in (*pieces, piece) if one.strip()]


def _person(piece: str) -> Person | None:
    text = mimewords.cleaned(piece)
    name, angle, rest = text.rpartition("<")
    if angle:
        address, closed, after = rest.partition(">")
        if not closed or after.strip():
            return None
    else:
        address, _, comment = text.partition("(")
        name = comment.rpartition(")")[0]
    known = _address(address.strip().removeprefix("mailto:"))
    return None if known is None else (mimewords.cleaned(name.replace("\\", "").replace('"', " "))[:200], known)


def _address(text: str) -> str | None:
    """The address in one form, or None. Somebody without a place in the DNS is nobody here."""
    if not text.isprintable():
        return None
    try:
        address = smtp.address(text.encode("utf-8", "replace"), utf8=True)
    except smtp.Malformed:
        return None
    domain = address.rpartition("@")[2]
    return address if "." in domain.strip("[]") or domain.startswith("[") else None
