"""From stranger to holder: capabilities, STARTTLS, LOGIN and AUTHENTICATE (RFC 9051 6.1 and 6.2), ENABLE, ID, NOOP, LOGOUT.

No password is read without TLS except from this machine itself. Attempts are counted in RAM by keyed hash and leave nothing.
"""

import base64
from collections.abc import Callable
from functools import partial
from ipaddress import ip_address
from typing import TYPE_CHECKING, TypeVar

from stadtmail.doors.imap import telling
from stadtmail.doors.imap.replies import No
from stadtmail.doors.imap.stream import Gone
from stadtmail.kit import clock
from stadtmail.kit.errors import NotFound, TryLater
from stadtmail.mail import queries
from stadtmail.mail.actions import entering
from stadtmail.mail.actions.entering import Entered
from stadtmail.people.actions.credentials import WrongCredentials
from stadtmail.usage import connections
from stadtmail.wire import sasl
from stadtmail.wire.imap import BadSyntax, Cursor

if TYPE_CHECKING:
    from stadtmail.doors.imap.session import Session

T = TypeVar("T")
BYE = b"OK Bye"
BEGIN_TLS = b"OK Begin TLS now"
_WRONG = ("Name or password is wrong", "AUTHENTICATIONFAILED")
_ALWAYS = "IMAP4rev2 IMAP4rev1 LITERAL+ ENABLE ID"
_KNOWN = (
    "IDLE NAMESPACE UIDPLUS UNSELECT CHILDREN MOVE SPECIAL-USE LIST-EXTENDED LIST-STATUS STATUS=SIZE ESEARCH SEARCHRES WITHIN "
    "CONDSTORE QRESYNC UTF8=ACCEPT SORT SORT=DISPLAY ESORT THREAD=ORDEREDSUBJECT THREAD=REFERENCES MULTIAPPEND "
    "BINARY QUOTA QUOTA=RES-STORAGE CREATE-SPECIAL-USE OBJECTID PREVIEW ACL RIGHTS=kxte LIST-MYRIGHTS"
)
ENABLED = frozenset(["IMAP4REV2", "CONDSTORE", "QRESYNC", "UTF8=ACCEPT"])


def capabilities(session: "Session") -> bytes:
    """What this client may use now."""
    words = [_ALWAYS]
    if session.o is not None:
        words += [_KNOWN, f"APPENDLIMIT={session.server.bounds.message_bytes}"]
    elif may_sign_in(session):
        words.append("SASL-IR " + " ".join(f"AUTH={name}" for name in entering.MECHANISMS))
    else:
        words.append("LOGINDISABLED")
    if session.o is None and session.server.tls is not None and not session.stream.is_tls:
        words.append("STARTTLS")
    return " ".join(words).encode("ascii")


def may_sign_in(session: "Session") -> bool:
    """Over TLS, or from this machine."""
    if session.stream.is_tls:
        return True
    try:
        return ip_address(session.stream.peer.partition("%")[0]).is_loopback
    except ValueError:
        return False


async def capability(session: "Session", cursor: Cursor) -> bytes:
    """CAPABILITY."""
    cursor.end()
    session.say(b"CAPABILITY " + capabilities(session))
    return b"OK Done"


async def noop(session: "Session", cursor: Cursor) -> bytes:  # noqa: ARG001 - what is new is told with every answer
    """NOOP and CHECK."""
    cursor.end()
    return b"OK Done"


async def logout(session: "Session", cursor: Cursor) -> bytes:
    """LOGOUT."""
    cursor.end()
    session.say(b"BYE See you")
    return BYE


async def identify(session: "Session", cursor: Cursor) -> bytes:
    """ID (RFC 2971): what the client says of itself is read and forgotten; we say our name and no version."""
    cursor.space()
    if cursor.is_next(b"("):
        said = cursor.list_of(cursor.nstring)
        if len(said) % 2 or len(said) > 60:
            raise BadSyntax("pairs are expected")
    elif cursor.nstring() is not None:
        raise BadSyntax("a list is expected")
    cursor.end()
    session.say(b'ID ("name" "stadtmail")')
    return b"OK Done"


async def starttls(session: "Session", cursor: Cursor) -> bytes:
    """STARTTLS: the answer goes out in clear, everything after it is encrypted."""
    cursor.end()
    if session.server.tls is None or session.stream.is_tls:
        raise BadSyntax("TLS is not available")
    return BEGIN_TLS


async def change_to_tls(session: "Session") -> None:
    """After the answer to STARTTLS."""
    assert session.server.tls is not None
    await session.stream.start_tls(session.server.tls, seconds=session.server.bounds.handshake_seconds)


async def login(session: "Session", cursor: Cursor) -> bytes:
    """LOGIN name password."""
    cursor.space()
    name = cursor.astring()
    cursor.space()
    password = cursor.astring()
    cursor.end()
    if not may_sign_in(session):
        raise No("Encrypt first", "PRIVACYREQUIRED")
    try:
        words = name.decode(), password.decode()
    except UnicodeDecodeError:
        raise No(*_WRONG) from None
    return await _come_in(session, partial(_porch(session).enter, *words))


async def authenticate(session: "Session", cursor: Cursor) -> bytes:
    """AUTHENTICATE with a mechanism of SASL, with an initial response or without (RFC 4959)."""
    cursor.space()
    mechanism = cursor.astring().decode("ascii", "replace").upper()
    initial = None
    if not cursor.is_end():
        cursor.space()
        initial = cursor.astring()
    cursor.end()
    if mechanism not in entering.MECHANISMS:
        raise No("No such mechanism", "CANNOT")
    if not may_sign_in(session):
        raise No("Encrypt first", "PRIVACYREQUIRED")
    steps = entering.MECHANISMS[mechanism](_porch(session))
    challenge = next(steps)
    try:
        while True:
            answer = sasl.base64(initial if initial is not None else await _asked(session, challenge))
            initial = None
            came = await session.server.login(partial(_told, partial(entering.step, steps, answer)))
            if isinstance(came, Entered):
                return await _come_in(session, lambda came=came: came)  # type: ignore[misc]
            challenge = came
    except sasl.Malformed as bad:
        raise BadSyntax(f"no {mechanism} is this: {bad}") from None


async def enable(session: "Session", cursor: Cursor) -> bytes:
    """ENABLE (RFC 9051 6.3.1)."""
    wanted = set()
    while not cursor.is_end():
        cursor.space()
        wanted.add(cursor.astring().decode("ascii", "replace").upper())
    if not wanted:
        raise BadSyntax("a capability is expected")
    given = wanted & ENABLED
    session.enabled |= given
    if given & {"CONDSTORE", "QRESYNC"}:
        telling.become_aware(session)
    if "IMAP4REV2" in given and session.view is not None:
        session.view.recent.clear()  # RFC 9051 knows no \\Recent
    session.say(b"ENABLED" + b"".join(b" " + one.encode() for one in sorted(given)))
    return b"OK Done"


async def _asked(session: "Session", challenge: bytes) -> bytes:
    """Put a challenge to the client and read its answer."""
    session.stream.write(b"+ " + base64.b64encode(challenge) + b"\r\n")
    bounds = session.server.bounds
    answer = (await session.stream.line(limit=bounds.strange_bytes, seconds=bounds.login_seconds)).rstrip(b"\r\n")
    if answer == b"*":
        raise BadSyntax("cancelled")
    return answer


def _porch(session: "Session") -> entering.Porch:
    bounds = session.server.bounds
    return entering.Porch("imap", session.stream.peer, clock.now, bounds.logins_a_name, bounds.logins_a_network)


async def _come_in(session: "Session", enter: Callable[[], Entered]) -> bytes:
    """Open the mailbox of who comes in, in place of the stranger's connection."""
    most = session.server.bounds.connections_a_person
    entered, o = await session.server.login(partial(_told, partial(_opened, enter, most)))
    old, session.connection = session.connection, entered.connection
    await session.pool(old.end if old is not None else _nothing)
    session.server.counts["logins"] += 1
    session.o = o
    session.stream.deadline = float("inf")  # from here on the registered connection has its own
    return b"OK [CAPABILITY %b] Welcome" % capabilities(session)


def _opened(enter: Callable[[], Entered], most: int) -> tuple[Entered, queries.Opened]:
    entered = enter()
    try:
        if connections.of_person(entered.tenant.id, entered.person, clock.now()) > most:  # over all processes
            raise No("Too many connections", "LIMIT")
        box = queries.mailbox_of(entered.tenant, entered.contract)
        return entered, queries.opened(box, holder=entered.contract, halves=entered.halves)
    except queries.Locked:
        entered.connection.end()
        raise No("The mailbox is sealed: make a new app password", "AUTHORIZATIONFAILED") from None
    except BaseException:
        entered.connection.end()
        raise


def _told(work: Callable[[], T]) -> T:
    """Do it; what went wrong becomes what the client is told."""
    try:
        return work()
    except entering.TooManyTries:
        raise No("Too many tries, wait some minutes", "LIMIT") from None
    except entering.ActsForAnother:
        raise No("Nobody acts for another here", "AUTHORIZATIONFAILED") from None
    except (WrongCredentials, NotFound):
        raise No(*_WRONG) from None
    except TryLater:
        raise No("Try again later", "UNAVAILABLE") from None


def _nothing() -> None:
    raise Gone
