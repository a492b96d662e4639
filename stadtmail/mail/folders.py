"""The folders that every mailbox begins with, and the bits of a message's flags. Roles are closed words, names are sealed."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

SEEN, ANSWERED, FLAGGED, DELETED, DRAFT = 1, 2, 4, 8, 16  # RFC 9051 2.3.2
FLAG_NAMES = {SEEN: "\\Seen", ANSWERED: "\\Answered", FLAGGED: "\\Flagged", DELETED: "\\Deleted", DRAFT: "\\Draft"}
LEARNED_SPAM, LEARNED_GOOD = 32, 64  # what the mailbox's filter has learned from a message: no flag of anybody's
LEARNED = LEARNED_SPAM | LEARNED_GOOD
KEYWORD_BITS = range(8, 63)  # of the flags: the mailbox's own keywords (models.Keyword)
INBOX = "inbox"


@dataclass(frozen=True)
class Standard:
    """A folder of every mailbox: its number, its role (RFC 6154) and its name in both languages."""

    number: int
    role: str
    de: str
    en: str


STANDARD = (
    Standard(1, INBOX, "Posteingang", "Inbox"),
    Standard(2, "drafts", "Entwürfe", "Drafts"),
    Standard(3, "sent", "Gesendet", "Sent"),
    Standard(4, "junk", "Spam", "Junk"),
    Standard(5, "archive", "Archiv", "Archive"),
    Standard(6, "trash", "Papierkorb", "Trash"),
)


def standard_name(role: str, lang: str) -> str:
    """Name of a standard folder; empty for a role that is none."""
    found = next((one for one in STANDARD if one.role == role), None)
    return (found.en if lang == "en" else found.de) if found else ""


def flag_names(flags: int, keywords: Mapping[int, str] = MappingProxyType({})) -> list[str]:
    """The flags that are set, by their names in IMAP; `keywords`: bit number -> name."""
    named = [name for bit, name in FLAG_NAMES.items() if flags & bit]
    return named + [name for bit, name in keywords.items() if flags >> bit & 1]
