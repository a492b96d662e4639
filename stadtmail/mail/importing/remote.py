"""Another provider's mailbox, read over IMAP with TLS that is verified. Nothing is changed there: folders are only examined.

A hostile server can make it fail and nothing else: what one command may answer is bounded in bytes, and the connection in silence.
"""

import imaplib
import re
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from stadtmail.kit import certificates, errors, instance
from stadtmail.mail.importing import guard
from stadtmail.wire import imapnames, mimewords

STARTTLS_PORT = 143  # any other begins with TLS
SECONDS = 60.0
MOST_MESSAGE = 64 * 1024 * 1024
MOST_ANSWER = MOST_MESSAGE + 1024 * 1024  # bytes that one command may answer
MOST_FOLDERS = 500
PORTION = 100
_LIST = re.compile(rb'\((?P<flags>[^)]*)\) (?:"(?P<sign>\\?.)"|NIL) (?P<name>.*)', re.S)
_FACTS = tuple(map(re.compile, (rb"UID (\d+)", rb"RFC822\.SIZE (\d+)", rb"FLAGS \(([^)]*)\)", rb'INTERNALDATE "([^"]+)"')))
_ROLES = {b"\\sent": "sent", b"\\drafts": "drafts", b"\\junk": "junk", b"\\trash": "trash", b"\\archive": "archive"}
_VIEWS = frozenset({b"\\all", b"\\flagged", b"\\important", b"\\noselect", b"\\nonexistent"})  # the same messages once more, or none


class LoginRefused(errors.NotAllowed):
    """The other server does not take these credentials."""


class Unreachable(errors.TryLater):
    """The other server did not answer, or not as a mail server does."""


@dataclass(frozen=True, repr=False)
class RemoteFolder:
    """A folder there. `name` is as here (levels apart by /), `role` a standard folder's or empty."""

    raw: str
    name: str
    role: str


@dataclass(frozen=True, repr=False)
class Head:
    """What is known of a message before it is fetched."""

    uid: int
    size_bytes: int
    flags: tuple[str, ...]
    received_at: datetime
    ident: str
    sender: str
    subject: str


class _Client(imaplib.IMAP4):
    """imaplib's client over an address that was looked at, with a bound on what a command may answer."""

    def __init__(self, host: str, port: int, context: ssl.SSLContext) -> None:
        self._name, self._context, self._left = host, context, MOST_ANSWER
        super().__init__(host, port, timeout=SECONDS)

    def _create_socket(self, timeout: float | None) -> socket.socket:
        plain = socket.create_connection(guard.address_of(self._name, self.port), timeout)
        if self.port == STARTTLS_PORT:
            return plain
        return self._context.wrap_socket(plain, server_hostname=self._name)

    def _command(self, name: str, *arguments: Any) -> Any:
        self._left = MOST_ANSWER
        return super()._command(name, *arguments)  # type: ignore[misc]

    def read(self, size: int) -> bytes:
        """Read a literal."""
        self._spend(size)
        return super().read(size)

    def readline(self) -> bytes:
        """Read a line."""
        line = super().readline()
        self._spend(len(line))
        return line

    def _spend(self, size: int) -> None:
        self._left -= size
        if self._left < 0:
            raise self.abort("too much")


class Remote:
    """A connection that is logged in. Use with `with`."""

    def __init__(self, host: str, port: int, user: str, password: str) -> None:
        context = _context()
        try:
            self._client = _Client(host, port, context)
            if port == STARTTLS_PORT:
                self._client.starttls(context)
        except (OSError, imaplib.IMAP4.error):
            raise Unreachable from None
        try:
            if "AUTH=PLAIN" in self._client.capabilities:
                self._client.authenticate("PLAIN", lambda _: f"\0{user}\0{password}".encode())
            else:
                self._client.login(user, password)
        except imaplib.IMAP4.abort:
            raise Unreachable from None
        except (imaplib.IMAP4.error, UnicodeError):
            self.close()
            raise LoginRefused from None
        except OSError:
            raise Unreachable from None

    def __enter__(self) -> "Remote":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Leave."""
        try:
            self._client.logout()
        except (OSError, imaplib.IMAP4.error):
            self._client.shutdown()

    def folders(self) -> list[RemoteFolder]:
        """The folders with messages of their own, the inbox first. Raises Unreachable."""
        rows = self._asked("list")
        found = [one for row in rows[:MOST_FOLDERS] if (one := _folder(row)) is not None]
        return sorted(found, key=lambda one: (one.name != "INBOX", one.name))

    def select(self, folder: RemoteFolder) -> tuple[int, list[int]]:
        """(uidvalidity, uids in order) of a folder. Raises Unreachable."""
        self._asked("select", f'"{folder.raw}"', True)
        validity = self._client.response("UIDVALIDITY")[1]
        numbers = self._asked("uid", "SEARCH", "ALL")
        text = b" ".join(one for one in numbers if isinstance(one, bytes))
        uids = sorted({int(one) for one in text.split() if one.isdigit() and len(one) <= 10})
        return int(validity[0]) if validity and validity[0] and validity[0].isdigit() else 0, uids

    def heads(self, uids: list[int]) -> Iterator[Head]:
        """What is known of these messages. Raises Unreachable."""
        for at in range(0, len(uids), PORTION):
            part = uids[at : at + PORTION]
            wanted = "(UID RFC822.SIZE FLAGS INTERNALDATE BODY.PEEK[HEADER.FIELDS (MESSAGE-ID FROM SUBJECT)])"
            for row in self._asked("uid", "FETCH", ",".join(map(str, part)), wanted):
                head = _head(row)
                if head is not None and head.uid in part:
                    yield head

    def message(self, uid: int) -> bytes | None:
        """The bytes of a message, None where it has gone meanwhile. Raises Unreachable."""
        for row in self._asked("uid", "FETCH", str(uid), "(BODY.PEEK[])"):
            if isinstance(row, tuple) and len(row) == 2:
                return bytes(row[1])
        return None

    def _asked(self, command: str, *arguments: Any) -> list[Any]:
        try:
            kind, rows = getattr(self._client, command)(*arguments)
        except (OSError, imaplib.IMAP4.error, ValueError, EOFError):
            raise Unreachable from None
        if kind != "OK":
            raise Unreachable
        return [row for row in rows or [] if row is not None]


def _context() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if instance.current().is_test and (own := certificates.existing()) is not None:
        context.load_verify_locations(own[0])  # a demo imports from itself
    return context


def _folder(row: Any) -> RemoteFolder | None:
    head, literal = (row[0], row[1]) if isinstance(row, tuple) else (row, b"")
    found = _LIST.match(head) if isinstance(head, bytes) else None
    if found is None:
        return None
    flags = {one.lower() for one in found["flags"].split()}
    raw = literal or found["name"].strip().strip(b'"')
    if flags & _VIEWS or not raw or not raw.isascii() or any(sign in raw for sign in b'"\\\r\n\0'):
        return None
    try:
        name = imapnames.read(raw)
    except ValueError:
        return None
    sign = (found["sign"] or b"/").decode("latin-1").lstrip("\\")
    levels = [_level(one) for one in name.split(sign)]
    name = "INBOX" if name.upper() == "INBOX" else "/".join(one for one in levels if one)
    role = "inbox" if name == "INBOX" else next((_ROLES[flag] for flag in flags if flag in _ROLES), "")
    return RemoteFolder(raw.decode("latin-1"), name, role) if name else None


def _level(text: str) -> str:
    """A level of a folder's name that is allowed here as well."""
    return " ".join(re.sub(r"[*%/\x00-\x1f\x7f-\x9f\u2028\u2029]", "_", text).split())[:100]


def _head(row: Any) -> Head | None:
    if not isinstance(row, tuple) or len(row) != 2:
        return None
    uid, size, flags, received = (pattern.search(row[0]) for pattern in _FACTS)
    if uid is None or size is None:
        return None
    fields = dict(_headers(bytes(row[1])[:65536]))
    return Head(
        uid=int(uid[1][:10]), size_bytes=int(size[1][:18]),
        flags=tuple(one.decode("latin-1") for one in flags[1].split()[:40]) if flags else (),
        received_at=_moment(received[1]) if received else datetime.now(UTC), ident=mimewords.text(fields.get(b"message-id", b"")),
        sender=mimewords.text(fields.get(b"from", b"")), subject=mimewords.text(fields.get(b"subject", b"")),
    )  # fmt: skip


def _headers(raw: bytes) -> Iterator[tuple[bytes, bytes]]:
    for line in re.split(rb"\r?\n(?![ \t])", raw):
        name, colon, value = line.partition(b":")
        if colon:
            yield name.strip().lower(), value.strip()


def _moment(text: bytes) -> datetime:
    try:
        found = datetime.strptime(text.decode("ascii").strip(), "%d-%b-%Y %H:%M:%S %z").astimezone(UTC)
    except (ValueError, OverflowError):
        return datetime.now(UTC)
    return found if 1970 <= found.year <= 2100 else datetime.now(UTC)
