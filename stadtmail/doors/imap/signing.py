"""From stranger to holder: capabilities, STARTTLS, LOGIN and AUTHENTICATE (RFC 9051 6.1 and 6.2), ENABLE, ID, NOOP, LOGOUT.

No password is read without TLS except from this machine itself. Attempts are counted in RAM by keyed hash and leave nothing.
"""

import base64
import binascii
from functools import partial
from ipaddress import ip_address
from typing import TYPE_CHECKING

from stadtmail.doors.imap.replies import No
from stadtmail.doors.imap.stream import Gone
from stadtmail.kit import clock
from stadtmail.kit.errors import NotFound, TryLater
from stadtmail.mail import queries
from stadtmail.people.actions import maillogin
from stadtmail.people.actions.credentials import WrongCredentials
from stadtmail.people.passwords import Busy
from stadtmail.tenants import queries as tenants
from stadtmail.usage import connections, limits
from stadtmail.usage.connections import Connection
from stadtmail.wire.imap import BadSyntax, Cursor

if TYPE_CHECKING:
    from stadtmail.doors.imap.session import Session

BYE = b"OK Bye"
BEGIN_TLS = b"OK Begin TLS now"
MINUTES = 15
_WRONG = ("Name or password is wrong", "AUTHENTICATIONFAILED")
_ALWAYS = "IMAP4rev2 IMAP4rev1 LITERAL+ ENABLE ID"
_KNOWN = (
    "IDLE NAMESPACE UIDPLUS UNSELECT CHILDREN MOVE SPECIAL-USE LIST-EXTENDED LIST-STATUS STATUS=SIZE ESEARCH SEARCHRES WITHIN "
    "CONDSTORE QRESYNC UTF8=ACCEPT SORT SORT=DISPLAY ESORT THREAD=ORDEREDSUBJECT THREAD=REFERENCES MULTIAPPEND "
    "BINARY QUOTA QUOTA=RES-STORAGE CREATE-SPECIAL-USE OBJECTID PREVIEW"
)
ENABLED = frozenset(["IMAP4REV2", "CONDSTORE", "QRESYNC", "UTF8=ACCEPT"])


def capabilities(session: "Session") -> bytes:
    """What this client may use now."""
    words = [_ALWAYS]
    if session.o is not None:
        words += [_KNOWN, f"APPENDLIMIT={session.server.bounds.message_bytes}"]
    elif may_sign_in(session):
        words.append("SASL-IR AUTH=PLAIN")
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
    return await _sign_in(session, name, password)


async def authenticate(session: "Session", cursor: Cursor) -> bytes:
    """AUTHENTICATE PLAIN (RFC 4616), with an initial response or without (RFC 4959)."""
    cursor.space()
    mechanism = cursor.astring().upper()
    initial = None
    if not cursor.is_end():
        cursor.space()
        initial = cursor.astring()
    cursor.end()
    if mechanism != b"PLAIN":
        raise No("No such mechanism", "CANNOT")
    if not may_sign_in(session):
        raise No("Encrypt first", "PRIVACYREQUIRED")
    if initial is None:
        session.stream.write(b"+ \r\n")
        bounds = session.server.bounds
        initial = (await session.stream.line(limit=bounds.strange_bytes, seconds=bounds.login_seconds)).rstrip(b"\r\n")
        if initial == b"*":
            raise BadSyntax("cancelled")
    try:
        who, name, password = base64.b64decode(b"" if initial == b"=" else initial, validate=True).split(b"\0")
    except (binascii.Error, ValueError):
        raise BadSyntax("three parts in Base64 are expected") from None
    if who not in (b"", name):
        raise No("Nobody acts for another here", "AUTHORIZATIONFAILED")
    return await _sign_in(session, name, password)


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
        session.is_aware = True
    session.say(b"ENABLED" + b"".join(b" " + one.encode() for one in sorted(given)))
    return b"OK Done"


async def _sign_in(session: "Session", name: bytes, password: bytes) -> bytes:
    if not may_sign_in(session):
        raise No("Encrypt first", "PRIVACYREQUIRED")
    try:
        words = name.decode(), password.decode()
    except UnicodeDecodeError:
        raise No(*_WRONG) from None
    o, connection = await session.server.login(partial(_opened, session, *words))
    old, session.connection = session.connection, connection
    await session.pool(old.end if old is not None else _nothing)
    session.server.counts["logins"] += 1
    session.o = o
    session.stream.deadline = float("inf")  # from here on the registered connection has its own
    return b"OK [CAPABILITY %b] Welcome" % capabilities(session)


def _opened(session: "Session", name: str, password: str) -> tuple[queries.Opened, Connection]:
    """The mailbox of who has this name and password, and the connection registered anew as theirs. Raises No."""
    now, bounds, peer = clock.now(), session.server.bounds, session.stream.peer
    keys = [("imap.login.net", limits.network(peer), bounds.logins_a_network), ("imap.login.name", name.lower(), bounds.logins_a_name)]
    for scope, key, limit in keys:  # programs log in often: only failures count
        if not limits.is_open(scope, key, limit=limit, per_seconds=MINUTES * 60, now=now):
            raise No("Too many tries, wait a quarter of an hour", "LIMIT")
    try:
        tenant = tenants.city_of_domain(name.strip().rpartition("@")[2])
        who = maillogin.sign_in(tenant, name, password)
        o = queries.opened(queries.mailbox_of(tenant, who.contract.id), holder=who.contract.id)
    except (WrongCredentials, NotFound):
        for scope, key, limit in keys:
            limits.allow(scope, key, limit=limit, per_seconds=MINUTES * 60, now=now)
        raise No(*_WRONG) from None
    except (Busy, TryLater):
        raise No("Try again later", "UNAVAILABLE") from None
    if connections.of_person(tenant.id, who.person, now) >= bounds.connections_a_person:  # over all processes
        raise No("Too many connections", "LIMIT")
    return o, connections.begin("imap", peer=peer, tenant=tenant.id, person=who.person, now=now)


def _nothing() -> None:
    raise Gone
