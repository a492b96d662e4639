"""Mailboxes of the standing cast, a running writer, and a way to look at every byte of the data folder."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stadtmail.kit import config
from stadtmail.mail import queries
from stadtmail.mail.actions import accounts, delivery, filters, sealed
from stadtmail.mail.index import files
from stadtmail.people import queries as people
from stadtmail.people.orders import OrderForm
from stadtmail.vault import blobs
from tests.mail.outbox import Outbox

FROM_BO = b"Return-Path: <bo@elsewhere.example>\r\nReceived: by ahaus.net\r\n"


def form(**changes) -> OrderForm:
    given = {
        "kind": "person", "name": "Anna Kanariengelb", "street": "Marktstraße 1", "postcode": "48683", "town": "Ahaus",
        "birth_date": "1980-02-29", "localpart": "anna", "tariff": "basis", "language": "de", "password": "ein langer Satz 7",
    }  # fmt: skip
    return OrderForm(**{**given, **changes})


@pytest.fixture(autouse=True)
def _no_old_blobs() -> None:
    """Rows are gone after each test, files are not."""
    shutil.rmtree(blobs.root(), ignore_errors=True)
    shutil.rmtree(files.root(), ignore_errors=True)


@pytest.fixture
def anna(ahaus, now) -> accounts.Opened:
    return accounts.open_account(form(), tenant=ahaus, now=now)


@pytest.fixture
def ben(ahaus, now) -> accounts.Opened:
    return accounts.open_account(form(name="Ben Blauwal", localpart="ben"), tenant=ahaus, now=now)


@pytest.fixture
def contract(ahaus, anna):
    return people.contract(ahaus, anna.contract)


@pytest.fixture
def seal(ahaus, contract, now) -> Callable[..., sealed.Sealed]:
    """Seal Anna's mailbox."""

    def run(password: str = "ein langer Satz 7", **more) -> sealed.Sealed:
        return sealed.seal_mailbox(contract, tenant=ahaus, password=password, now=now, **more)

    return run


@pytest.fixture
def writer() -> Iterator[delivery.Writer]:
    made = delivery.Writer()
    made.start()
    yield made
    made.stop()


@pytest.fixture
def deliver(writer, now) -> Callable[..., list]:
    def run(raw: bytes, *addresses: str, received: bytes = b"", at=None) -> list:
        to = [delivery.recipient(address, now=at or now) for address in addresses]
        return writer.submit(raw, to, received=received, now=at or now).result(timeout=30)

    return run


def opened(tenant, account: accounts.Opened) -> queries.Opened:
    return queries.opened(queries.mailbox_of(tenant, account.contract), holder=account.contract)


def every_byte() -> Iterator[tuple[str, bytes]]:
    """All files of the data folder: databases, logs of databases, blobs, keystore, ring."""
    for path in Path(config.load().data).rglob("*"):
        if path.is_file():
            yield path.name, path.read_bytes()


@pytest.fixture
def outbox():
    return Outbox()


@pytest.fixture
def post(outbox, now):
    """Deliver with an outgoing queue behind it."""
    writer = delivery.Writer(enqueue=outbox)
    writer.start()

    def run(raw: bytes, *addresses: str, received: bytes = FROM_BO, at=None, verdict=None) -> list:
        to = [delivery.recipient(address, now=at or now) for address in addresses or ("anna@ahaus.net",)]
        return writer.submit(raw, to, received=received, now=at or now, verdict=verdict).result(timeout=30)

    yield run
    writer.stop()


@pytest.fixture
def box(ahaus, anna):
    return opened(ahaus, anna)


@pytest.fixture
def script(box, outbox, now):
    """Store a script and let it run."""

    def run(text: str, *, o=box) -> list:
        found = filters.put(o, "main", text.encode(), enqueue=outbox, now=now)
        filters.activate(o, "main", now=now)
        return found

    return run
