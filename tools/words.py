"""The English words of the portal: compiled for the machine, or gathered again for the translator. Uses babel alone.

`python tools/words.py` writes django.mo beside each django.po that is newer; ./run and ./check call it.
`python tools/words.py gather` also brings django.po up to date with what templates and modules say.
"""

import sys
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

DOOR = Path(__file__).resolve().parent.parent / "stadtmail" / "doors" / "web"
HEADER = r"""# English words of the portal. The German texts stand in templates and modules.
msgid ""
msgstr ""
"Language: en\n"
"Content-Type: text/plain; charset=utf-8\n"
"Plural-Forms: nplurals=2; plural=(n != 1);\n"

"""
CALLS = {"_": None, "gettext": None, "ngettext": (1, 2)}
Message = str | tuple[str, ...]
PO = DOOR / "locale" / "en" / "LC_MESSAGES" / "django.po"


def compile_words() -> None:
    """Write django.mo where django.po is newer."""
    made = PO.with_suffix(".mo")
    if made.exists() and made.stat().st_mtime >= PO.stat().st_mtime:
        return
    temporary = made.with_suffix(".new")
    with PO.open("rb") as source, temporary.open("wb") as target:
        write_mo(target, read_po(source, locale="en"))
    temporary.replace(made)


def said(door: Path = DOOR) -> Catalog:
    """Every German text of templates and modules, with its places."""
    catalog = Catalog(locale="en", charset="utf-8")
    for file in sorted((*door.glob("templates/**/*.html"), *door.glob("**/*.py"))):
        place = file.relative_to(door).as_posix()
        for line, text in _of_template(file) if file.suffix == ".html" else _of_module(file):
            catalog.add(text, locations=[(place, line)])
    return catalog


def gather() -> None:
    """Bring django.po up to date: new texts stand without translation, texts that nobody says any more are dropped."""
    with PO.open("rb") as source:
        known = read_po(source, locale="en")
    fresh = said()
    for message in fresh:
        if message.id and (old := known.get(message.id)) is not None:
            message.string = old.string
    with PO.open("wb") as target:
        target.write(HEADER.encode())
        write_po(target, fresh, width=120, no_location=True, omit_header=True)


def _of_module(file: Path) -> list[tuple[int, Message]]:
    return _of_python(file.read_bytes())


def _of_template(file: Path) -> list[tuple[int, Message]]:
    from django.utils.translation.template import templatize  # Django's own reading: calls of gettext, all else masked

    calls = templatize(file.read_text(encoding="utf-8"), origin=file.name)
    return _of_python("\n".join(line.strip() for line in calls.split("\n")).encode())


def _of_python(source: bytes) -> list[tuple[int, Message]]:
    found = extract("python", BytesIO(source), keywords=CALLS, options={"encoding": "utf-8"})
    return [(line, text) for line, text, _, _ in found]


if __name__ == "__main__":
    if sys.argv[1:] == ["gather"]:
        gather()
    compile_words()
