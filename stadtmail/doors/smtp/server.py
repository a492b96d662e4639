"""How the SMTP door is opened: `start` gives a listening server, whose `drain` ends it. The console runs it as part of the role "doors".

TLS is offered to every server and demanded of none, because most would then send nothing (RFC 3207, BSI TR-03108).
"""

import ssl
from collections.abc import Sequence
from typing import Any, Never

from stadtmail.doors.smtp.bounds import Bounds
from stadtmail.doors.smtp.listener import Deliver, Examine, IsLight, Recipient, Server
from stadtmail.doors.smtp.submission import Submission
from stadtmail.mail.actions.rates import MOST_RECIPIENTS


async def start(
    host: str,
    port: int,
    *,
    recipient: Recipient,
    deliver: Deliver,
    hostname: str,
    tls: ssl.SSLContext | None = None,
    postmaster: str = "",
    memory_seconds: int = Bounds.memory_seconds,
    examine: Examine | None = None,
    is_light: IsLight | None = None,
) -> Server:
    """Open the door. `deliver` is the mail writer's `submit`, `hostname` what the greeting says, `postmaster` whom <postmaster> means.

    `memory_seconds`: for how long a network's guesses are counted, at most; the notice prints it. `examine`: None looks at nothing.
    """
    bounds = Bounds(memory_seconds=memory_seconds)
    rooms = {"recipient": recipient, "deliver": deliver, "examine": examine, "is_light": is_light}
    server = Server(**rooms, hostname=hostname, tls=tls, postmaster=postmaster, bounds=bounds)  # type: ignore[arg-type]
    return await server.listen(host, port)


async def start_submission(
    host: str, *, port: int | None, tls_port: int | None, hostname: str, tls: ssl.SSLContext | None, bounds: Bounds | None = None
) -> Server:
    """Open the door for residents' mail programs: with STARTTLS (RFC 6409) and over TLS (RFC 8314); None: not this port."""
    server = Server(
        recipient=_nobody, deliver=_nothing, hostname=hostname, tls=tls, bounds=bounds or Bounds(recipients=MOST_RECIPIENTS),
        service="submission", converse=Submission,
    )  # fmt: skip
    for number, is_tls in ((port, False), (tls_port, True)):
        if number is not None:
            await server.listen(host, number, tls=is_tls)
    return server


async def start_lmtp(
    place: tuple[str, int] | str,
    *,
    recipient: Recipient,
    deliver: Deliver,
    hostname: str,
    allowed: Sequence[str] = (),
    examine: Examine | None = None,
    is_light: IsLight | None = None,
) -> Server:
    """Open the LMTP door (RFC 2033) for a server in front: (host, port) for the networks `allowed`, or the path of a Unix socket."""
    rooms = {"recipient": recipient, "deliver": deliver, "examine": examine, "is_light": is_light}
    server = Server(**rooms, hostname=hostname, service="lmtp", allowed=tuple(allowed))  # type: ignore[arg-type]
    return await (server.listen_at(place) if isinstance(place, str) else server.listen(*place))


def tls_context(chain: str, key: str) -> ssl.SSLContext:
    """TLS 1.2 or newer with this certificate (PEM files). Raises OSError or ssl.SSLError for files that are none."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
    context.load_cert_chain(chain, key)
    return context


def _nobody(address: str, /, **more: Any) -> Never:  # noqa: ARG001
    raise AssertionError("submission asks the mail room itself")


def _nothing(*more: Any, **named: Any) -> Never:  # noqa: ARG001
    raise AssertionError("submission hands over to the mail room itself")
