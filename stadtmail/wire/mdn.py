"""Notices that a message was shown (MDN, RFC 8098): the request for one, the notice itself, and one that comes. Pure.

A notice says which message, whose, and that a person had it shown and wanted to say so: no program, no machine, no time but its own.
"""

from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime

from stadtmail.wire import mime, mimewords
from stadtmail.wire.compose import first_id

ASKS = b"disposition-notification-to"
PART, GLOBAL_PART = "message/disposition-notification", "message/global-disposition-notification"  # RFC 8098 3.1, RFC 6533 5
SEVERAL, ELSEWHERE, NOWHERE, LIST, REPORT, UNKNOWN = "several", "elsewhere", "nowhere", "list", "report", "unknown"
DISPLAYED, OTHER = "displayed", "other"
MOST_NOTICE = 16 * 1024  # octets of a notice that are looked at
_OF_LISTS = (b"list-id", b"list-post", b"list-unsubscribe", b"list-help", b"mailing-list", b"x-mailing-list")
_OPTIONS = b"disposition-notification-options"


@dataclass(frozen=True, repr=False)
class Request:
    """Somebody asks for a notice. `to`: where it would go; `refusal`: a word of the above why it may not, or empty."""

    to: str
    refusal: str
    message_id: str


@dataclass(frozen=True, repr=False)
class Notice:
    """A notice before it is written. `recipient`: whose message was shown, by the address that it was sent to."""

    recipient: str
    to: str
    subject: str  # of the message
    message_id: str  # of the message; may be empty
    ident: str
    now: datetime


@dataclass(frozen=True, repr=False)
class Told:
    """What a notice says: what became of which message, whose, and whether a person decided to tell."""

    state: str  # DISPLAYED | OTHER
    recipient: str
    message_id: str


def request(head: bytes) -> Request | None:
    """The request in a message's header as our door stored it; None where there is none.

    It may not be followed where it is unclear to whom, where the message came from another address than the one that asks, or from
    none, and to a list or another notice (RFC 8098 2.1, 3): then `refusal` says why.
    """
    mail = mime.parse(head)
    asked = [one for name, value in mail.headers if name == ASKS for one in mimewords.addresses(value)]
    if not any(name == ASKS for name, _ in mail.headers):
        return None
    to = sorted({address for _, address in asked if address})
    return Request(to[0] if to else "", _refusal(mail, to), first_id(mimewords.text(mail.first(b"message-id"))))


def written(notice: Notice) -> bytes:
    """The notice as a message with CR LF line ends (RFC 8098 3, RFC 6522)."""
    mark, is_ascii = f"=_{notice.ident}", notice.to.isascii() and notice.recipient.isascii()
    domain = notice.recipient.rpartition("@")[2]
    original = f"In-Reply-To: {notice.message_id}\r\nReferences: {notice.message_id}\r\n" if notice.message_id else ""
    head = (
        f"From: <{notice.recipient}>\r\nTo: <{notice.to}>\r\nSubject: Angezeigt / Displayed\r\nDate: {format_datetime(notice.now)}\r\n"
        f"Message-ID: <{notice.ident}@{domain}>\r\n{original}MIME-Version: 1.0\r\n"
        f'Content-Type: multipart/report; report-type=disposition-notification;\r\n\tboundary="{mark}"\r\n\r\n'
    )
    parts = (("text/plain; charset=utf-8", _text(notice)), (PART if is_ascii else GLOBAL_PART, _fields(notice)))
    body = "".join(f"--{mark}\r\nContent-Type: {kind}\r\nContent-Transfer-Encoding: 8bit\r\n\r\n{text}\r\n" for kind, text in parts)
    return f"{head}{body}--{mark}--\r\n".encode("utf-8", "replace")


def read(content: bytes) -> Told | None:
    """What the machine-readable part of a notice says; None where it is none. A stranger's words."""
    mail = mime.parse(content[:MOST_NOTICE].strip() + b"\r\n\r\n")
    disposition = mimewords.text(mail.first(b"disposition"))
    if ";" not in disposition:
        return None
    word = disposition.partition(";")[2].partition("/")[0].strip().lower()
    recipient = mimewords.text(mail.first(b"final-recipient")).partition(";")[2].strip()[:320]
    state = DISPLAYED if word == DISPLAYED else OTHER
    return Told(state, recipient, first_id(mimewords.text(mail.first(b"original-message-id"))))


def _refusal(mail: mime.Mail, to: list[str]) -> str:
    kind = mimewords.parameters(mail.first(b"content-type"))[0]
    back = _return_path(mail)
    if kind == "multipart/report":
        return REPORT
    if any(mail.first(name) for name in _OF_LISTS) or mail.first(b"precedence").strip().lower() in (b"list", b"bulk", b"junk"):
        return LIST
    if len(to) != 1 or sum(name == ASKS for name, _ in mail.headers) > 1:
        return SEVERAL
    if b"required" in mail.first(_OPTIONS).lower():  # what it asks for beyond a notice is not known here (2.2)
        return UNKNOWN
    if not back:
        return NOWHERE
    return "" if _is_same(back, to[0]) else ELSEWHERE


def _return_path(mail: mime.Mail) -> str:
    """Where the message came from, as our own door wrote it in front of everything else; empty for the null path, or where it did not."""
    name, value = mail.headers[0] if mail.headers else (b"", b"")
    return mimewords.decoded(value[:400]).strip().removeprefix("<").removesuffix(">") if name == b"return-path" else ""


def _is_same(one: str, other: str) -> bool:
    """The same address: the case of a domain does not matter, that of a local part does (RFC 8098 2.1)."""
    (first, _, there), (second, _, here) = one.rpartition("@"), other.rpartition("@")
    return (first, there.lower()) == (second, here.lower())


def _text(notice: Notice) -> str:
    subject = mimewords.cleaned(notice.subject)[:200]
    german, english = (f" „{subject}“", f' "{subject}"') if subject else ("", "")
    return (
        f"Ihre Nachricht{german} an {notice.recipient} wurde angezeigt. Das heißt nicht, dass sie gelesen oder verstanden wurde.\r\n\r\n"
        f"Your message{english} to {notice.recipient} was displayed. This does not mean that it was read or understood.\r\n"
    )


def _fields(notice: Notice) -> str:
    kind = "rfc822" if notice.recipient.isascii() else "utf-8"
    original = f"Original-Message-ID: {notice.message_id}\r\n" if notice.message_id else ""
    return f"Final-Recipient: {kind}; {notice.recipient}\r\n{original}Disposition: manual-action/MDN-sent-manually; displayed\r\n"
