"""The submission door on real sockets with the real mail room behind it; after each test nothing of a connection is left in RAM."""

import asyncio
import threading

import pytest

from stadtmail.doors.smtp import server as doors
from stadtmail.doors.smtp.bounds import Bounds
from stadtmail.mail import queries
from stadtmail.people import verified
from stadtmail.people.actions import app_passwords, credentials
from tests.doors.opening import PASSWORD, opening
from tests.doors.smtp.conftest import tls  # noqa: F401 - a certificate
from tests.doors.smtp.fakes import Client
from tests.mail.conftest import _no_old_blobs, anna, ben, contract, deliver, opened, writer  # noqa: F401 - the standing cast


class Door:
    """A door in a thread of its own."""

    def __init__(self, context=None, **bounds) -> None:
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        given = Bounds(**{"beat_seconds": 0.2, "watch_seconds": 0.1, "recipients": 250, **bounds})
        work = doors.start_submission(
            "127.0.0.1", port=0, tls_port=0 if context else None, hostname="post.ahaus.net", tls=context, bounds=given
        )
        self.server = self.call(work)

    def call(self, work):
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(30)

    @property
    def ports(self) -> list[int]:
        return self.server.ports

    def client(self, *, hello: bytes = b"EHLO laptop.invalid") -> Client:
        made = Client(self.ports[0])
        made.reply()
        made.ask(hello)
        return made

    def close(self) -> None:
        if self.loop.is_closed():
            return
        self.call(self.server.drain(seconds=2))
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)
        self.loop.close()


@pytest.fixture
def open_door():
    verified.forget()
    with opening(Door, "_running", "_networks") as make:
        yield make


@pytest.fixture
def make(ahaus, contract, now):  # noqa: F811
    """Make an app password of Anna's."""

    def run(*scopes: str, label: str = "Laptop") -> app_passwords.Made:
        return app_passwords.make(contract, tenant=ahaus, label=label, scopes=scopes or ("imap", "submission"), now=now)

    return run


@pytest.fixture
def allowed(ahaus, contract):  # noqa: F811
    """Anna's mail programs may use her login password."""
    credentials.set_mail_login(contract, tenant=ahaus, on=True, password=PASSWORD)


@pytest.fixture
def door(open_door, ben) -> Door:  # noqa: F811
    return open_door()


@pytest.fixture
def inbox(ahaus):
    """Every message in somebody's inbox, as octets."""

    def read(account) -> list[bytes]:
        o = opened(ahaus, account)
        return [b"".join(queries.raw(o, 1, row.uid)) for row in queries.page(o, 1)]

    return read
