"""What the checks of incoming mail cost: processor time for one delivered message of 10 KB with all of them off, and on, one by one.

The name server answers from our cache, as it does for a sender who writes often: the work is ours, not that of the network.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from bench import cost, table, world
from tests.dns import FakeDns
from tests.mail.inbound.signing import RsaKey

SIZE = 10_000
PEER = "198.51.100.7"


def run(*, quick: bool) -> list[table.Row]:
    """Each row is one set of checks; the difference to the first is what they cost."""
    count = 100 if quick else 400
    with world.folder(), FakeDns(_zones(key := RsaKey())) as dns:
        tenant, writer = world.city(), _writer()
        try:
            anna = _resident(tenant)
            raw = key.signed(_message())
            plain = _cost(count, lambda: _delivered(writer, [raw], None))
            full = _examiner(dns)
            rows = [("all off", plain), ("SPF, DKIM, ARC, DMARC", _cost(count, lambda: _delivered(writer, [raw], full)))]
            _teach(tenant, anna, writer)
            rows.append(("filter for spam", _cost(count, lambda: _delivered(writer, [raw], None))))
            rows.append(("all on", _cost(count, lambda: _delivered(writer, [raw], full))))
            full.close()
        finally:
            writer.stop()
    return [{"checks": name, "ms of processor a message": 1000 * ms, "more than off (ms)": 1000 * (ms - plain)} for name, ms in rows]


def _cost(count: int, deliver: Callable[[], None]) -> float:
    for _ in range(5):
        deliver()
    with cost.own() as used:
        for _ in range(count):
            deliver()
    return used.cpu / count


def _delivered(writer: Any, messages: Sequence[bytes], examiner: Any) -> None:
    from stadtmail.mail.actions import delivery

    for raw in messages:
        more = {}
        if examiner is not None:
            more = {"verdict": _LOOP.run_until_complete(examiner.look(raw, address=PEER, helo="mx.peer.example", sender="x@peer.example"))}
        to = [delivery.recipient("anna@ahaus.net", now=world.NOW)]
        answers = writer.submit(raw, to, received=b"Return-Path: <x@peer.example>\r\n", now=world.NOW, **more).result(30)
        assert answers == [None]


_LOOP = asyncio.new_event_loop()


def _examiner(dns: FakeDns) -> Any:
    from stadtmail.mail.inbound.examining import Examiner

    return Examiner(dns.resolver(), "mx.ahaus.net")


def _writer() -> Any:
    from stadtmail.mail.actions import delivery

    writer = delivery.Writer(names=["mx.ahaus.net"])
    writer.start()
    return writer


def _resident(tenant: Any) -> Any:
    from stadtmail.mail.actions import accounts
    from tests.mail.conftest import form

    return accounts.open_account(form(), tenant=tenant, now=world.NOW)


def _teach(tenant: Any, anna: Any, writer: Any) -> None:
    """A filter that knows twenty messages of each kind."""
    from stadtmail.mail import queries, views
    from stadtmail.mail.actions import changing

    for number in range(20):
        _delivered(writer, [_message(f"gewinn bonus klick {number}")], None)
    o = queries.opened(queries.mailbox_of(tenant, anna.contract), holder=anna.contract)
    folders = {one.role: one.id for one in views.states(o)}
    uids = list(views.uids(folders["inbox"]))
    changing.store_flags(o, folders["inbox"], uids, how="+", flags=1, now=world.NOW)
    changing.move(o, folders["inbox"], uids[-20:], to=folders["junk"], now=world.NOW)


def _message(word: str = "hallo") -> bytes:
    head = (
        f"From: x@peer.example\r\nTo: anna@ahaus.net\r\nSubject: {word}\r\n"
        "Date: Mon, 23 Nov 2026 10:00:00 +0000\r\nMessage-ID: <1@x>\r\n\r\n"
    )
    lines = "".join(f"{word} Zeile {number} mit einigen Wörtern wie in einem gewöhnlichen Brief\r\n" for number in range(200))
    return (head + lines).encode()[:SIZE] + b"\r\n"


def _zones(key: RsaKey) -> dict[str, dict[str, list[str]]]:
    return {
        "peer.example": {"TXT": [f"v=spf1 ip4:{PEER} -all"]}, "_dmarc.peer.example": {"TXT": ["v=DMARC1; p=reject"]},
        "s1._domainkey.peer.example": {"TXT": [key.record]},
    }  # fmt: skip
