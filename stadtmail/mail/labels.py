"""Labels: the mailbox's keywords as people name and colour them. A label's name in IMAP is ASCII; what else there is in it is written
in modified UTF-7 (RFC 3501 5.1.3), as Thunderbird writes it, and a blank as an underscore.

The colour is sealed beside the name, so that no column says anything about a label.
"""

import re
import unicodedata

from stadtmail.wire import imapnames

COLOUR = "\n"  # parts name and colour in what is sealed: no keyword can have it
COLOURS = ("grey", "blue", "green", "teal", "yellow", "orange", "red", "purple")
MOST_SIGNS = 40
KNOWN = {"$label1": "red", "$label2": "orange", "$label3": "green", "$label4": "blue", "$label5": "purple"}  # Thunderbird's
_ATOM = re.compile(r"[!#$&'+,\-./0-9:;<=>?@A-Z^_`a-z|~]+\Z")
_NO_LABELS = frozenset({"junk", "nonjunk", "notjunk"})


def keyword(name: str) -> str:
    """The keyword of a label. Empty where the name cannot be one."""
    plain = " ".join(unicodedata.normalize("NFC", name).split())
    if not plain or len(plain) > MOST_SIGNS or "_" in plain or plain.startswith("$") or plain.lower() in _NO_LABELS:
        return ""
    if any(unicodedata.category(sign)[0] == "C" for sign in plain):
        return ""
    found = imapnames.written(plain.replace(" ", "_"), utf8=False).decode("ascii")
    return found if _ATOM.match(found) else ""


def shown(name: str) -> str:
    """A keyword as people read it."""
    try:
        return imapnames.read(name.encode()).replace("_", " ")
    except ValueError:
        return name


def is_label(name: str) -> bool:
    """Does a keyword say something to people? $Forwarded, $MDNSent and their like are between programs."""
    return name.lower() in KNOWN or not (name.startswith("$") or name.lower() in _NO_LABELS)


def sealed(name: str, colour: str) -> str:
    """Name and colour as they are sealed together."""
    return f"{name}{COLOUR}{colour}" if colour in COLOURS[1:] else name


def parted(text: str) -> tuple[str, str]:
    """(name, colour) of what was sealed."""
    name, _, colour = text.partition(COLOUR)
    return name, colour if colour in COLOURS else KNOWN.get(name.lower(), COLOURS[0])
