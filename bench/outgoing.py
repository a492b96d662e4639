"""Mail out: taken from a resident (signed, sealed, durable), carried to a server on loopback, and erased. 10 KB messages.

The server is a process of its own that answers as fast as it can; its time is not counted.
"""

import asyncio
import subprocess
import sys
from typing import Any

from bench import cost, stored, world
from bench.table import Row

BODY = ("Guten Tag, " * 7 + "\r\n") * 120


def run(*, quick: bool) -> list[Row]:
    """Measure."""
    with world.folder(smarthost="127.0.0.1:1"), subprocess.Popen([sys.executable, "-m", __spec__.name], stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        port = int(server.stdout.readline())
        try:
            return [_one(port, 300 if quick else 2_000)]
        finally:
            server.kill()


def _one(port: int, count: int) -> Row:
    from stadtmail.mail.actions import rates, sending, signing
    from stadtmail.people import queries as people

    tenant = world.city()
    signing.rotate(tenant, now=world.NOW)
    (address,) = world.residents(tenant, 1)
    contract = people.contract_of_address(tenant, address)
    many = rates.Rates(10 * count, 10 * count, 10 * count, 10 * count)
    raw = f"From: {address}\r\nTo: x@example.org\r\nSubject: Messung\r\n\r\n{BODY}".encode()
    with cost.own() as taken:
        for number in range(count):
            to = [f"r{number}@example.org"]
            sending.send(tenant, contract=contract.id, sender=address, recipients=to, raw=raw, now=world.NOW, limits=many)
    with cost.own() as carried:
        assert asyncio.run(_carry(port)) == count
    with cost.own() as erased:
        done = stored.swept(world.NOW)
    assert done.erased == count, done
    return {
        "messages": count, "taken a second": count / taken.wall, "ms of processor to take one": 1000 * taken.cpu / count,
        "carried a second": count / carried.wall, "ms of processor to carry one": 1000 * carried.cpu / count,
        "ms of processor to erase one": 1000 * erased.cpu / count,
    }  # fmt: skip


async def _carry(port: int) -> int:
    from stadtmail.kit.resolver import Resolver
    from stadtmail.kit.smarthost import Smarthost
    from stadtmail.mail.outbound.worker import Worker

    relay = Smarthost.read(f"127.0.0.1:{port}")
    worker = Worker(hostname="post.example", resolver=Resolver(), relay=relay, now=lambda: world.NOW)
    try:
        return await worker.round()
    finally:
        await worker.close()


class _Server(asyncio.Protocol):
    """Says yes to everything."""

    def connection_made(self, transport: Any) -> None:
        self._transport, self._rest, self._in_data = transport, b"", False
        transport.write(b"220 sink\r\n")

    def data_received(self, data: bytes) -> None:
        self._rest += data
        while True:
            mark = b"\r\n.\r\n" if self._in_data else b"\r\n"
            head, found, rest = self._rest.partition(mark)
            if not found:
                return
            self._rest = rest
            self._transport.write(self._answer(head))

    def _answer(self, line: bytes) -> bytes:
        if self._in_data:
            self._in_data = False
            return b"250 taken\r\n"
        verb = line[:4].upper()
        self._in_data = verb == b"DATA"
        return {b"EHLO": b"250-sink\r\n250 PIPELINING\r\n", b"DATA": b"354 go\r\n", b"QUIT": b"221 bye\r\n"}.get(verb, b"250 ok\r\n")


async def _serve() -> None:
    server = await asyncio.get_running_loop().create_server(_Server, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve())
