"""From stranger to holder and back: CAPABILITY, STARTTLS, AUTHENTICATE, UNAUTHENTICATE (RFC 5804 2.1 to 2.3, 2.14).

No password is read without TLS except from this machine itself. Only failed logins count, in RAM by keyed hash.
"""

import base64
import binascii
from functools import partial
from ipaddress import ip_address
from typing import TYPE_CHECKING

from stadtmail.doors.sieve.replies import No, line
from stadtmail.doors.sieve.scripts import Arguments, expect, text_of
from stadtmail.kit import clock
from stadtmail.kit.errors import NotFound, TryLater
from stadtmail.mail import queries
from stadtmail.people import queries as people
from stadtmail.people.actions import maillogin
from stadtmail.people.actions.credentials import WrongCredentials
from stadtmail.tenants import queries as tenants
from stadtmail.usage import connections, limits
from stadtmail.usage.connections import Connection
from stadtmail.wire import managesieve
from stadtmail.wire.managesieve import BadSyntax, string
from stadtmail.wire.sievegrammar import EXTENSIONS
from stadtmail.wire.sieverun import MOST_REDIRECTS

if TYPE_CHECKING:
    from stadtmail.doors.sieve.session import Session

MINUTES = 15
_WRONG = ("Name or password is wrong", "")
Holder = tuple[queries.Opened, str, Connection]


def capabilities(session: "Session") -> bytes:
    """What this client may use now (1.7)."""
    known: list[tuple[str, str | None]] = [
        ("IMPLEMENTATION", "stadtmail"),
        ("SASL", "PLAIN" if session.o is None and may_sign_in(session) else ""),
        ("SIEVE", " ".join(EXTENSIONS)),
        ("MAXREDIRECTS", str(MOST_REDIRECTS)),
        ("VERSION", "1.0"),
        ("UNAUTHENTICATE", None),
    ]
    if session.server.tls is not None and not session.stream.is_tls:
        known.append(("STARTTLS", None))
    lines = [string(name.encode()) + (b" " + string(value.encode()) if value is not None else b"") for name, value in known]
    return b"".join(one + b"\r\n" for one in lines)


def may_sign_in(session: "Session") -> bool:
    """Over TLS, or from this machine."""
    if session.stream.is_tls:
        return True
    try:
        return ip_address(session.stream.peer.partition("%")[0]).is_loopback
    except ValueError:
        return False


async def capability(session: "Session", arguments: Arguments) -> bytes:
    """CAPABILITY (2.4)."""
    expect(arguments, 0)
    session.stream.write(capabilities(session))
    return line("OK", "Done")


async def noop(session: "Session", arguments: Arguments) -> bytes:  # noqa: ARG001
    """NOOP, or NOOP with a word that comes back (2.13)."""
    if not arguments:
        return line("OK", "Done")
    word = string(text_of(arguments, 0, 1).encode())
    return b"OK (TAG " + word + b') "Done"\r\n'


async def start_tls(session: "Session", arguments: Arguments) -> bytes:
    """STARTTLS: the answer goes out in clear, and then what may be used is said anew (2.2)."""
    expect(arguments, 0)
    tls = session.server.tls
    if tls is None or session.stream.is_tls or session.o is not None:
        raise No("TLS cannot begin now")
    session.stream.write(line("OK", "Begin TLS now"))
    await session.stream.start_tls(tls, seconds=session.server.bounds.handshake_seconds)
    return capabilities(session) + line("OK", "Encrypted")


async def authenticate(session: "Session", arguments: Arguments) -> bytes:
    """AUTHENTICATE "PLAIN" with or without an initial response (2.1, RFC 4616)."""
    if session.o is not None:
        raise No("Already logged in")
    mechanism = text_of(arguments, 0, 2 if len(arguments) == 2 else 1).upper()
    if not may_sign_in(session):
        raise No("Encrypt first", "ENCRYPT-NEEDED")
    if mechanism != "PLAIN":
        raise No("No such mechanism")
    said = arguments[1] if len(arguments) == 2 else await _asked(session, b"")
    if not isinstance(said, bytes):
        raise BadSyntax("a string is expected")
    try:
        who, name, password = base64.b64decode(said, validate=True).split(b"\0")
        words = name.decode(), password.decode()
    except (binascii.Error, ValueError):
        raise No("Three parts in Base64 are expected") from None
    if who not in (b"", name):
        raise No("Nobody acts for another here")
    return await _sign_in(session, *words)


async def unauthenticate(session: "Session", arguments: Arguments) -> bytes:
    """UNAUTHENTICATE: a stranger again (2.14)."""
    expect(arguments, 0)
    peer = session.stream.peer
    stranger = await session.pool(partial(connections.begin, "sieve", peer=peer, tenant=None, person=None, now=clock.now()))
    old, session.connection = session.connection, stranger
    session.forget()
    if old is not None:
        await session.pool(old.end)
    session.limit_login()
    return line("OK", "Done")


async def _asked(session: "Session", challenge: bytes) -> bytes:
    session.stream.write(string(base64.b64encode(challenge)) + b"\r\n")
    text, literals = await session.read(session.server.bounds.strange_bytes)
    word = managesieve.word(text, literals)
    if word == b"*":
        raise No("Cancelled")
    return word


async def _sign_in(session: "Session", name: str, password: str) -> bytes:
    o, lang, connection = await session.server.login(partial(_opened, session, name, password))
    old, session.connection = session.connection, connection
    if old is not None:
        await session.pool(old.end)
    session.enter(o, lang)
    return line("OK", "Welcome")


def _opened(session: "Session", name: str, password: str) -> Holder:
    """The mailbox of who has this name and password, and the connection registered anew as theirs. Raises No."""
    now, bounds, peer = clock.now(), session.server.bounds, session.stream.peer
    keys = [("sieve.login.net", limits.network(peer), bounds.logins_a_network), ("sieve.login.name", name.lower(), bounds.logins_a_name)]
    for scope, key, limit in keys:
        if not limits.is_open(scope, key, limit=limit, per_seconds=MINUTES * 60, now=now):
            raise No("Too many tries, wait a quarter of an hour", "TRYLATER")
    try:
        tenant = tenants.city_of_domain(name.strip().rpartition("@")[2])
        who = maillogin.sign_in(tenant, name, password)
        o = queries.opened(queries.mailbox_of(tenant, who.contract.id), holder=who.contract.id)
        lang = people.holder(tenant, who.contract).language
    except (WrongCredentials, NotFound):
        for scope, key, limit in keys:
            limits.allow(scope, key, limit=limit, per_seconds=MINUTES * 60, now=now)
        raise No(*_WRONG) from None
    except TryLater:
        raise No("Try again later", "TRYLATER") from None
    return o, lang, connections.begin("sieve", peer=peer, tenant=tenant.id, person=who.person, now=now)
