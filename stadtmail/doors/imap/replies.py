"""What a client is told when something could not be: one table from the kinds of errors to NO, with RFC 5530's codes."""

from stadtmail.kit import errors
from stadtmail.mail import guests
from stadtmail.mail.actions import changing, foldering, sharing
from stadtmail.mail.actions.storing import MailboxClosed, MailboxFull
from stadtmail.mail.views import NoSuchFolder
from stadtmail.people.passwords import Busy
from stadtmail.privacy import units


class No(Exception):
    """The command is understood and not done. `text` is ours and says nothing of anybody."""

    def __init__(self, text: str, code: str = "") -> None:
        super().__init__(text)
        self.text, self.code = text, code

    def __bytes__(self) -> bytes:
        return (f"NO [{self.code}] {self.text}" if self.code else f"NO {self.text}").encode("ascii")


class Bye(Exception):
    """The connection ends here, with these words."""


# the first kind that fits decides; anything else is a bug and answered "try later"
OF_ERROR: tuple[tuple[type[Exception], str, str], ...] = (
    (NoSuchFolder, "NONEXISTENT", "No such mailbox"),
    (foldering.FolderExists, "ALREADYEXISTS", "Mailbox exists"),
    (foldering.HasChildren, "HASCHILDREN", "Mailbox has others below it"),
    (foldering.StandardFolder, "CANNOT", "A standard mailbox stays"),
    (foldering.BadName, "CANNOT", "That cannot be a name"),
    (guests.NotShared, "NOPERM", "The rights to this mailbox do not allow that"),
    (sharing.CannotShare, "CANNOT", "Nothing can be shared with this name"),
    (sharing.SealedHere, "CANNOT", "A sealed mailbox shares nothing"),
    (sharing.TooManyNames, "LIMIT", "Too many names that nothing can be shared with"),
    (changing.StandardOnly, "CANNOT", "Not in this account"),
    (foldering.TooManyFolders, "LIMIT", "Too many mailboxes"),
    (changing.TooManyKeywords, "LIMIT", "Too many keywords"),
    (MailboxFull, "OVERQUOTA", "Quota exceeded"),
    (MailboxClosed, "NOPERM", "The account takes no mail any more"),
    (Busy, "UNAVAILABLE", "Too busy, try again"),
    (units.Gone, "EXPUNGEISSUED", "Some of the messages no longer exist"),
    (errors.NotFound, "NONEXISTENT", "Not found"),
    (errors.NotAllowed, "NOPERM", "Not allowed"),
    (errors.OverQuota, "LIMIT", "Limit reached"),
    (errors.Conflict, "INUSE", "Not now"),
    (errors.TryLater, "UNAVAILABLE", "Try again later"),
)


def of_error(error: Exception) -> No | None:
    """What is told about an error of a room; None for a bug."""
    return next((No(text, code) for kind, code, text in OF_ERROR if isinstance(error, kind)), None)
