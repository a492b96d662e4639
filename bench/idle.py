"""Mail programs that wait: memory of a server for each TLS connection in IDLE, beside Dovecot's, and 10,000 of them in one process.

Each client logs in over TLS, selects a folder and waits. Memory is the proportional share (PSS, proc(5)) of all processes of a side, so
that what they have in common counts once; "a client" is what came with the clients, "all of it" what the whole side has.
"""

import asyncio
import resource
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from bench import cost, imap, servers, world
from bench.imap import Side
from bench.table import Row

EACH = 40  # clients of one person
AT_ONCE = 20  # that connect at the same time
WORD_SECONDS = 120.0


def run(*, quick: bool) -> list[Row]:
    """Measure. Raises servers.NotThere."""
    few, many, messages = (200, 1_000, 100) if quick else (1_000, 10_000, 1_000)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(20_000, 2 * many),) * 2)
    rows: list[Row] = []
    with _ours(many // EACH, few // EACH, messages) as (side, tls):
        rows.append(_held(side, few))
        for name, security in (("dovecot, as Debian has it", "high-security"), ("dovecot, logins shared", "high-performance")):
            with imap.dovecot("maildir", few // EACH, messages, *tls, security) as peer:
                rows.append(_held(Side(name, int(tls[0]), peer.roots, peer.people), few))
        rows.append(_held(side, many))
    ours = rows[0]["KiB a client, all of it"]
    assert isinstance(ours, float)
    return [{**row, "times ours": float(str(row["KiB a client, all of it"])) / ours} for row in rows]


@contextmanager
def _ours(boxes: int, filled: int, messages: int) -> Iterator[tuple[Side, tuple[str, str, str]]]:
    """Our door as one process, with its TLS port; and port, chain and key for the peer, which speaks TLS with the same certificate."""
    port, tls_port = servers.free_port(), servers.free_port()
    with world.folder(port_imap=str(port), port_imaps=str(tls_port), port_smtp=str(servers.free_port()), imap_processes="1"):
        people = world.residents(world.city(), boxes)
        for number, address in enumerate(people):
            imap.fill(address, messages if number < filled else 1)
        with servers.ours("imap", port) as process:
            from stadtmail.doors.console import certificate

            _, chain, key = certificate.of_instance()
            side = Side("stadtmail, one process", tls_port, (process,), [f"{address}:{world.PASSWORD}" for address in people])
            yield side, (str(servers.free_port()), str(chain), str(key))


def _held(side: Side, clients: int) -> Row:
    """Let so many come and wait, and look at the memory before and while they do."""
    world.say(f"{clients} clients wait at {side.name}")
    before = cost.memory(side.roots)
    with cost.measured(side.roots) as coming:
        with_them = asyncio.run(_waiting(side, clients))
    return {
        "side": side.name, "clients": clients, "KiB a client": (with_them - before) / clients / 1024,
        "KiB a client, all of it": with_them / clients / 1024, "MiB of all": with_them / 1024**2,
        "ms of processor to come": 1000 * coming.cpu / clients,
    }  # fmt: skip


async def _waiting(side: Side, clients: int) -> int:
    """Memory of the server while all of them wait; every one of them has to be told "+" and to be there at the end."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    turn = asyncio.Semaphore(AT_ONCE)

    async def come(number: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        async with turn, asyncio.timeout(WORD_SECONDS):
            reader, writer = await asyncio.open_connection("127.0.0.1", side.port, ssl=context)
            await reader.readline()
            name, _, password = side.people[number % len(side.people)].partition(":")
            for command, end in ((f'a LOGIN {name} "{password}"', b"a OK"), ("a SELECT INBOX", b"a OK"), ("a IDLE", b"+")):
                writer.write(command.encode() + b"\r\n")
                while not (line := await reader.readline()).startswith(end):
                    if not line or line.startswith((b"a NO", b"a BAD", b"* BYE")):
                        raise servers.NotThere(f"{side.name}: client {number} was sent away")
            return reader, writer

    held = await asyncio.gather(*(come(number) for number in range(clients)))
    await asyncio.sleep(3)
    found = cost.memory(side.roots)
    if any(reader.at_eof() for reader, _ in held):
        raise servers.NotThere(f"{side.name} does not hold {clients} clients")
    for _, writer in held:
        writer.transport.abort()
    with suppress(ConnectionError):
        await asyncio.gather(*(writer.wait_closed() for _, writer in held), return_exceptions=True)
    return found
