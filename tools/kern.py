"""KERN's stylesheet without what no page uses: `python tools/kern.py IN OUT`.

A rule stays if each of KERN's classes in its selector is named in a template, a module, a script or the portal's own stylesheet; a
custom property stays if something that stays asks for it. Nothing is changed, so whatever is left looks as it did (EUPL-1.2, 5).
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

DOOR = Path(__file__).resolve().parent.parent / "stadtmail" / "doors" / "web"
NAMES = re.compile(r"kern-[\w-]*")
MARKS = re.compile(r"\[data-(kern-[\w-]+)")
VARIABLE = re.compile(r"--[\w-]+")
PROPERTY = re.compile(r"\s*(--[\w-]+)\s*:")
KINDS = ("info", "success", "warning", "danger", "primary", "secondary", "tertiary")  # what templates put behind "--" themselves
GROUPS = ("@media", "@supports", "@layer", "@container")


def sources() -> str:
    """All that may name a class or a custom property."""
    files = [*DOOR.rglob("*.html"), *DOOR.rglob("*.py"), *(DOOR / "static" / "web").glob("*.js"), DOOR / "static" / "web" / "app.css"]
    return "\n".join(path.read_text() for path in files)


def pieces(text: str, sign: str) -> Iterator[str]:
    """Cut at a sign that stands outside of brackets and quotes."""
    start, depth, quote = 0, 0, ""
    for at, one in enumerate(text):
        if quote:
            quote = "" if one == quote and text[at - 1] != "\\" else quote
        elif one in "\"'":
            quote = one
        elif one in "([{":
            depth += 1
        elif one in ")]}":
            depth -= 1
        if not quote and depth == 0 and one == sign:
            yield text[start : at + 1]
            start = at + 1
    yield text[start:]


def rules(css: str) -> Iterator[tuple[str, str]]:
    """(selector or at-rule, body) of each rule; a statement without a body has an empty one."""
    for piece in pieces(re.sub(r"/\*.*?\*/", "", css, flags=re.S), "}"):
        head, brace, body = piece.partition("{")
        if brace:
            yield head.strip(), body[:-1]


def kept(css: str, known: set[str]) -> list[tuple[str, str]]:
    """The rules whose classes and marks are all known; a group without any goes."""
    found = []
    for head, body in rules(css):
        if head.startswith(GROUPS):
            inner = kept(body, known)
            if inner:
                found.append((head, written(inner)))
            continue
        selectors = [one.strip(" ,\n") for one in pieces(head, ",")]
        used = [one for one in selectors if known.issuperset(NAMES.findall(classes(one)))]
        if head.startswith("@") or used:
            found.append((head if head.startswith("@") else ",".join(used), body))
    return found


def classes(selector: str) -> str:
    """Classes and marks that an element must have to be meant: what stands in brackets behind :is or :not may be missing."""
    bare = re.sub(r"\([^()]*\)", "", re.sub(r"\([^()]*\)", "", selector))
    return " ".join([*re.findall(r"\.([\w-]+)", bare), *MARKS.findall(bare)])


def written(found: list[tuple[str, str]]) -> str:
    """Rules as text."""
    return "".join(f"{head}{{{body}}}" for head, body in found)


def wanted(css: str, outside: str) -> set[str]:
    """Custom properties that something asks for: what the portal names, what rules use, and what those are made of."""
    made: dict[str, set[str]] = {}
    found = set(VARIABLE.findall(outside))
    for body in re.findall(r"\{([^{}]*)\}", css):
        for one in pieces(body, ";"):
            name = PROPERTY.match(one)
            asked = set(re.findall(r"var\(\s*(--[\w-]+)", one))
            if name:
                made.setdefault(name[1], set()).update(asked)
            else:
                found |= asked
    todo = list(found)
    while todo:
        new = made.get(todo.pop(), set()) - found
        found |= new
        todo += new
    return found


def without(css: str, names: set[str]) -> str:
    """The rules without custom properties that nobody asks for."""

    def one(body: re.Match[str]) -> str:
        left = [piece for piece in pieces(body[1], ";") if piece.strip() and ((name := PROPERTY.match(piece)) is None or name[1] in names)]
        return "{" + "".join(left) + "}"

    return re.sub(r"[^{};@]+\{\}", "", re.sub(r"\{([^{}]*)\}", one, css))


def main(source: str, target: str) -> None:
    """Write the smaller stylesheet."""
    said = sources()
    names = set(NAMES.findall(said))
    names |= {f"{name}{kind}" for name in names if name.endswith("--") for kind in KINDS}
    css = written(kept(Path(source).read_text(), names))
    Path(target).write_text(without(css, wanted(css, said)))


if __name__ == "__main__":
    main(*sys.argv[1:])
