"""From stranger to holder and back: CAPABILITY, STARTTLS, AUTHENTICATE, UNAUTHENTICATE (RFC 5804 2.1 to 2.3, 2.14).

No password is read without TLS except from this machine itself. Only failed logins count, in RAM by keyed hash.
"""

import base64
from collections.abc import Callable
from functools import partial
from ipaddress import ip_address
from typing import TYPE_CHECKING, TypeVar

from stadtmail.doors.sieve.replies import No, line
from stadtmail.doors.sieve.scripts import Arguments, expect, text_of
from stadtmail.kit import clock
from stadtmail.kit.errors import NotFound, TryLater
from stadtmail.mail import queries
from stadtmail.mail.actions import entering
from stadtmail.mail.actions.entering import Entered
from stadtmail.people import queries as people
from stadtmail.people.actions.credentials import WrongCredentials
from stadtmail.usage import connections
from stadtmail.wire import managesieve, sasl
from stadtmail.wire.managesieve import BadSyntax, string
from stadtmail.wire.sievegrammar import EXTENSIONS
from stadtmail.wire.sieverun import MOST_REDIRECTS

if TYPE_CHECKING:
    from stadtmail.doors.sieve.session import Session

T = TypeVar("T")
OFFERED = ("SCRAM-SHA-256", "PLAIN")


def capabilities(session: "Session") -> bytes:
    """What this client may use now (1.7)."""
    known: list[tuple[str, str | None]] = [
        ("IMPLEMENTATION", "stadtmail"),
        ("SASL", " ".join(OFFERED) if session.o is None and may_sign_in(session) else ""),
        ("SIEVE", " ".join(EXTENSIONS)),
        ("MAXREDIRECTS", str(MOST_REDIRECTS)),
        ("VERSION", "1.0"),
        ("UNAUTHENTICATE", None),
    ]
    if session.server.tls is not None and not session.stream.is_tls and session.o is None:
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
    """AUTHENTICATE with a mechanism of SASL, with an initial response or without (2.1)."""
    if session.o is not None:
        raise No("Already logged in")
    mechanism = text_of(arguments, 0, 2 if len(arguments) == 2 else 1).upper()
    if not may_sign_in(session):
        raise No("Encrypt first", "ENCRYPT-NEEDED")
    if mechanism not in OFFERED:
        raise No("No such mechanism")
    steps = entering.MECHANISMS[mechanism](_porch(session))
    challenge = next(steps)
    said: bytes | int | None = arguments[1] if len(arguments) == 2 else None
    try:
        while True:
            answer = await _asked(session, challenge) if said is None else said
            came, verdict = await session.server.login(partial(_told, partial(_stepped, steps, answer)))
            if isinstance(came, Entered):
                return await _come_in(session, came, verdict)
            said, challenge = None, came
    except sasl.Malformed:
        raise No("The mechanism does not say this") from None


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


def _porch(session: "Session") -> entering.Porch:
    bounds = session.server.bounds
    return entering.Porch("sieve", session.stream.peer, clock.now, bounds.logins_a_name, bounds.logins_a_network)


def _stepped(steps: entering.Steps, said: bytes | int) -> tuple[bytes | Entered, bytes]:
    """Go on with what the client said: a challenge or who came in, and what proves to the client that we know the password (2.1)."""
    if isinstance(said, int):
        raise BadSyntax("a string is expected")
    came = entering.step(steps, sasl.base64(said))
    if isinstance(came, bytes) and came.startswith(b"v="):  # goes with OK, and is not asked about
        return entering.step(steps, b""), came
    return came, b""


async def _come_in(session: "Session", entered: Entered, verdict: bytes) -> bytes:
    """Open the mailbox of who comes in, in place of the stranger's connection."""
    o, lang = await session.server.login(partial(_told, partial(_opened, entered)))
    old, session.connection = session.connection, entered.connection
    if old is not None:
        await session.pool(old.end)
    session.enter(o, lang)
    if verdict:
        return b"OK (SASL " + string(base64.b64encode(verdict)) + b') "Welcome"\r\n'
    return line("OK", "Welcome")


def _opened(entered: Entered) -> tuple[queries.Opened, str]:
    try:
        o = queries.outside(queries.mailbox_of(entered.tenant, entered.contract), holder=entered.contract)
        return o, people.holder(entered.tenant, people.contract(entered.tenant, entered.contract)).language
    except BaseException:
        entered.connection.end()
        raise


def _told(work: Callable[[], T]) -> T:
    """Do it; what went wrong becomes what the client is told."""
    try:
        return work()
    except entering.TooManyTries:
        raise No("Too many tries, wait some minutes", "TRYLATER") from None
    except entering.ActsForAnother:
        raise No("Nobody acts for another here") from None
    except (WrongCredentials, NotFound):
        raise No("Name or password is wrong") from None
    except TryLater:
        raise No("Try again later", "TRYLATER") from None
