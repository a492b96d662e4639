"""What the ManageSieve door answers: one table from the kinds of errors to NO, with the codes of RFC 5804 1.3."""

from stadtmail.kit import errors
from stadtmail.mail.actions import filters
from stadtmail.mail.actions.changing import StandardOnly
from stadtmail.people.passwords import Busy
from stadtmail.wire.managesieve import string


class No(Exception):
    """The command is understood and not done. `text` says why; `code` is RFC 5804's."""

    def __init__(self, text: str, code: str = "") -> None:
        super().__init__(text)
        self.text, self.code = text, code


# the first kind that fits decides; anything else is a bug and answered "try later"
OF_ERROR: tuple[tuple[type[Exception], str, str], ...] = (
    (filters.NoSuchScript, "NONEXISTENT", "No such script"),
    (filters.ScriptExists, "ALREADYEXISTS", "There is a script with this name"),
    (filters.ScriptActive, "ACTIVE", "The script is active; choose another one first"),
    (filters.BadScriptName, "", "That cannot be the name of a script"),
    (filters.TooManyScripts, "QUOTA", "Too many scripts, or too much text in them"),
    (StandardOnly, "", "Not in this account"),
    (Busy, "TRYLATER", "Too busy, try again"),
    (errors.NotFound, "NONEXISTENT", "Not found"),
    (errors.OverQuota, "QUOTA", "Limit reached"),
    (errors.NotAllowed, "", "Not allowed"),
    (errors.Conflict, "TRYLATER", "Not now"),
    (errors.TryLater, "TRYLATER", "Try again later"),
)


def of_error(error: Exception) -> No | None:
    """What is told about an error of a room; None for a bug."""
    return next((No(text, code) for kind, code, text in OF_ERROR if isinstance(error, kind)), None)


def line(word: str, text: str, code: str = "") -> bytes:
    """OK, NO or BYE with its code and words."""
    return f"{word} ({code}) ".encode() + string(text.encode()) + b"\r\n" if code else f"{word} ".encode() + string(text.encode()) + b"\r\n"
