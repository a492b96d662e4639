"""What the SMTP door says: replies with RFC 3463 codes, and the one table from an error's kind to a reply.

An unknown and a closed mailbox look alike from outside. A text never repeats what a client sent.
"""

from dataclasses import dataclass
from functools import cached_property
from unicodedata import normalize

from stadtmail.kit import errors
from stadtmail.mail.inbound import judging
from stadtmail.tenants.queries import NoSuchCity


@dataclass(frozen=True)
class Reply:
    """One reply. `status` is empty for greetings, EHLO and 354, which have none (RFC 2034)."""

    code: int
    status: str
    text: str

    def __bytes__(self) -> bytes:
        return self._written

    @cached_property
    def _written(self) -> bytes:
        lines = self.text.split("\n")
        status = f"{self.status} " if self.status else ""
        marks = ["-"] * (len(lines) - 1) + [" "]
        return "".join(f"{self.code}{mark}{status}{line}\r\n" for mark, line in zip(marks, lines, strict=True)).encode()


OK = Reply(250, "2.0.0", "OK")
SENDER_OK = Reply(250, "2.1.0", "Sender OK")
RECIPIENT_OK = Reply(250, "2.1.5", "Recipient OK")
CHUNK_OK = Reply(250, "2.0.0", "Octets received")
STORED = Reply(250, "2.6.0", "Stored")
BYE = Reply(221, "2.0.0", "Goodbye")
HELP = Reply(214, "2.0.0", "This is an SMTP server (RFC 5321). Questions go to postmaster.")
NOT_VERIFIED = Reply(252, "2.5.2", "Cannot verify; send mail and see")
GO_AHEAD = Reply(354, "", "End data with <CR><LF>.<CR><LF>")
START_TLS = Reply(220, "2.0.0", "Ready to start TLS")

LOGGED_IN = Reply(235, "2.7.0", "Logged in")
TAKEN = Reply(250, "2.6.0", "Taken")
LOGIN_ENDED = Reply(421, "4.7.0", "This login has ended")
SENT_TOO_MUCH = Reply(450, "4.7.1", "That is more than one person may send in an hour or a day; please try again later")
LOGIN_LATER = Reply(454, "4.7.0", "Too many tries or too busy, please try again in some minutes")
CANCELLED = Reply(501, "5.7.0", "Login cancelled")
BAD_MECHANISM = Reply(504, "5.5.4", "No such mechanism; there are PLAIN, LOGIN and SCRAM-SHA-256")
BAD_LOGIN = Reply(501, "5.5.2", "Not understood as a login")
LOGIN_FIRST = Reply(530, "5.7.0", "Log in first")
WRONG_LOGIN = Reply(535, "5.7.8", "Name or password is wrong")
ENCRYPT_FIRST = Reply(538, "5.7.11", "Encrypt first (STARTTLS)")
NOT_YOURS = Reply(553, "5.7.1", "The sender is not an address of yours")
UNCLEAR_HEADER = Reply(554, "5.6.0", "The header does not say plainly who writes: one From with addresses of yours is expected")
LOOP = Reply(554, "5.4.6", "The message goes round in circles")

SHUTTING_DOWN = Reply(421, "4.3.2", "Closing for now, please come back")
TOO_MANY = Reply(421, "4.7.0", "Too many connections, please come back later")
TOO_MANY_ERRORS = Reply(421, "4.7.0", "Too many errors")
TOO_SLOW = Reply(421, "4.4.2", "Timeout")
OUT_OF_ORDER = Reply(421, "4.3.0", "Something is wrong here, please come back later")
TRY_LATER = Reply(451, "4.3.0", "Not now, please try again later")
TOO_MANY_RECIPIENTS = Reply(452, "4.5.3", "Too many recipients")

UNKNOWN = Reply(500, "5.5.1", "Command not recognised")
BAD_LINE = Reply(500, "5.5.2", "Lines end with CR LF and hold no control characters")
LINE_TOO_LONG = Reply(500, "5.5.6", "Line too long")
BAD_ARGUMENT = Reply(501, "5.5.4", "Argument not understood")
BAD_SENDER = Reply(501, "5.1.7", "Sender address not understood")
BAD_RECIPIENT = Reply(501, "5.1.3", "Recipient address not understood")
NOT_HERE = Reply(502, "5.5.1", "Command not implemented")
BAD_SEQUENCE = Reply(503, "5.5.1", "Bad sequence of commands")
BAD_PARAMETER = Reply(555, "5.5.4", "Parameter not known")
NEEDS_UTF8 = Reply(553, "5.6.7", "Address beyond ASCII needs SMTPUTF8")
NO_TLS = Reply(454, "4.7.0", "TLS not available")
NO_SUCH_MAILBOX = Reply(550, "5.1.1", "No such mailbox here")
FORGED = Reply(550, "5.7.26", "The domain in From asks to refuse mail that does not come from it (DMARC)")
MALICIOUS = Reply(554, "5.7.1", "Malicious software found")
UNWANTED = Reply(550, "5.7.1", "Refused as spam")
NOT_FOR_YOU = Reply(554, "5.7.1", "This door is for servers of our own")
NO_RELAY = Reply(550, "5.7.1", "Relaying denied")
BARE_LINE_END = Reply(550, "5.6.11", "Bare CR or LF in the message")
FULL = Reply(552, "5.2.2", "The mailbox is full and cannot take this message; please tell its owner another way")
TOO_BIG = Reply(552, "5.3.4", "Message too big")
NO_RECIPIENTS = Reply(554, "5.5.1", "No valid recipients")
BINARY = Reply(554, "5.6.1", "BINARYMIME is not taken: send the message as 8BITMIME")
NOT_SMTP = Reply(554, "5.5.1", "This is not that protocol")

# the first kind that fits decides; anything else is a bug and answered "try later"
OF_ERROR: tuple[tuple[type[Exception], Reply], ...] = (
    (NoSuchCity, NO_RELAY),
    (judging.Forged, FORGED),
    (judging.Malicious, MALICIOUS),
    (judging.Unwanted, UNWANTED),
    (errors.NotFound, NO_SUCH_MAILBOX),
    (errors.NotAllowed, NO_SUCH_MAILBOX),
    (errors.OverQuota, FULL),
    (errors.Conflict, TRY_LATER),
    (errors.TryLater, TRY_LATER),
)

MOST_LINES = 10  # of somebody's words
_LETTERS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "ß": "ss", "–": "-", "„": '"', "“": '"'})
OF_MALFORMED = {
    "argument": BAD_ARGUMENT, "parameter": BAD_PARAMETER, "value": BAD_ARGUMENT, "utf8": NEEDS_UTF8, "command": BAD_LINE, "binary": BINARY,
}  # fmt: skip


def of_error(error: Exception) -> Reply:
    """What a client is told about an error of a room; a recipient's own words of refusal are told to the sender."""
    if reason := str(getattr(error, "reason", "")):
        return Reply(550, "5.7.1", _spoken(reason))
    return next((reply for kind, reply in OF_ERROR if isinstance(error, kind)), TRY_LATER)


def _spoken(reason: str) -> str:
    """Somebody's words as a reply takes them: short lines of ASCII (RFC 5429 2.1.2)."""
    plain = normalize("NFKD", reason.translate(_LETTERS)).encode("ascii", "ignore").decode()
    lines = ["".join(sign for sign in " ".join(line.split()) if sign.isprintable())[:200] for line in plain.splitlines()[:MOST_LINES]]
    return "\n".join(line for line in lines if line) or "The recipient refuses this message"


def of_malformed(kind: str, *, address: Reply) -> Reply:
    """What a client is told about a line that is no SMTP; `address` is the reply for a bad path of this command."""
    return address if kind == "address" else OF_MALFORMED[kind]
