"""The door with the real mail room behind it: what it took is in the mailbox when it says 250, and sealed."""

import asyncio
import os
import threading

import pytest

from stadtmail.kit import config

pytest.importorskip("stadtmail.mail.actions.delivery")
accounts = pytest.importorskip("stadtmail.mail.actions.accounts")

from stadtmail.doors.smtp import server  # noqa: E402
from stadtmail.kit import store  # noqa: E402
from stadtmail.mail import deciding, queries  # noqa: E402
from stadtmail.mail.actions import delivery, filters  # noqa: E402
from stadtmail.people.orders import OrderForm  # noqa: E402
from stadtmail.vault import keys  # noqa: E402
from tests.doors.smtp.fakes import Client  # noqa: E402

ANNA = {
    "kind": "person", "name": "Anna Kanariengelb", "street": "Marktstraße 1", "postcode": "48683", "town": "Ahaus",
    "birth_date": "1980-02-29", "localpart": "anna", "tariff": "basis", "language": "de", "password": "ein langer Satz 7",
}  # fmt: skip


@pytest.fixture
def door():
    """A real door, as the console opens it."""
    writer, loop = delivery.Writer(), asyncio.new_event_loop()
    writer.start()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    def call(work):
        return asyncio.run_coroutine_threadsafe(work, loop).result(20)

    rooms = {"recipient": delivery.recipient, "deliver": writer.submit, "is_light": delivery.is_light}
    door = call(server.start("127.0.0.1", 0, **rooms, hostname="ahaus.net"))
    yield door
    call(door.drain(seconds=2))
    writer.stop()
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)
    loop.close()


@pytest.fixture
def real(door) -> int:
    """Its port."""
    return door.port


def test_a_mail_reaches_the_mailbox_byte_for_byte(ahaus, now, real) -> None:
    opened = accounts.open_account(OrderForm(**ANNA), tenant=ahaus, now=now)
    canary = os.urandom(12).hex().encode()
    message = b"From: x@peer.example\r\nTo: anna@ahaus.net\r\nSubject: one\r\n\r\n" + canary + b"\r\n.dot\r\n" + b"y" * 200_000 + b"\r\n"
    client = Client(real)
    client.reply()
    client.begin()
    client.ask(b"DATA")
    client.say(message.replace(b"\r\n.", b"\r\n..") + b".\r\n")
    assert client.reply() == "250 2.6.0 Stored"
    mailbox = queries.opened(queries.mailbox_of(ahaus, opened.contract), holder=opened.contract)
    raws = [b"".join(raw) for _, _, _, raw in queries.every_raw(mailbox)]
    (mine,) = [raw for raw in raws if canary in raw]
    assert mine.endswith(message)
    assert mine.startswith(b"Return-Path: <x@peer.example>\r\nReceived: from peer.example ([127.0.0.1])\r\n")
    assert not any(canary in path.read_bytes() for path in config.load().data.rglob("*") if path.is_file())


def test_who_is_not_there(ahaus, now, real) -> None:
    accounts.open_account(OrderForm(**ANNA), tenant=ahaus, now=now)
    client = Client(real)
    client.reply()
    client.begin()
    assert client.ask(b"RCPT TO:<nobody@ahaus.net>") == "550 5.1.1 No such mailbox here"
    assert client.ask(b"RCPT TO:<anna@elsewhere.example>") == "550 5.7.1 Relaying denied"


def test_a_light_message_needs_no_other_thread_unless_a_key_is_not_at_hand(ahaus, now, door) -> None:
    accounts.open_account(OrderForm(**ANNA), tenant=ahaus, now=now)
    quick, lines = door.crew.quick, []

    async def counted(work):
        lines.append(work)
        return await quick(work)

    door.crew.quick = counted

    def send() -> list:
        lines.clear()
        client = Client(door.port)
        client.reply()
        client.begin()
        client.ask(b"DATA")
        client.say(b"Subject: x\r\n\r\nx\r\n.\r\n")
        assert client.reply() == "250 2.6.0 Stored"
        mine = [work for work in lines if getattr(work, "func", None) in (delivery.recipient, door.deliver)]
        client.close()
        return mine

    keys.drop_copies()
    assert send()  # the city's key is read by a thread that may ask the keystore: no loop waits for it, and no message is lost
    if not store.is_near():
        return
    assert send() == []
    keys.drop_copies()
    assert send()


def test_what_a_filter_looks_at_is_never_done_in_the_loop(ahaus, now, door, monkeypatch) -> None:
    opened = accounts.open_account(OrderForm(**ANNA), tenant=ahaus, now=now)
    mailbox = queries.opened(queries.mailbox_of(ahaus, opened.contract), holder=opened.contract)
    filters.put(mailbox, "x", b'require "fileinto"; fileinto "Junk";', enqueue=None, now=now)
    filters.activate(mailbox, "x", now=now)
    threads = []
    decide = deciding.decide

    def noted(*given, **more):
        threads.append(threading.current_thread().name)
        return decide(*given, **more)

    monkeypatch.setattr(deciding, "decide", noted)
    client = Client(door.port)
    client.reply()
    client.begin()
    client.ask(b"DATA")
    client.say(b"Subject: x\r\n\r\nx\r\n.\r\n")
    assert client.reply() == "250 2.6.0 Stored"
    client.close()
    assert threads == ["smtp"]
