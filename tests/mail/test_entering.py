"""A password that is revoked while it is checked lets nobody in, and what began with it sends nothing from then on (C-2.8).

Each race is led to the worst moment: the password was right, and before the connection is there it is right no more.
"""

import base64
import hashlib
from functools import partial
from types import SimpleNamespace

import pytest

from stadtmail.kit import clock
from stadtmail.mail.actions import entering, rates, signing, submitting
from stadtmail.mail.leaving import Leg
from stadtmail.people import queries as people
from stadtmail.people import verified
from stadtmail.people.actions import app_passwords, contracts, credentials, maillogin
from stadtmail.people.actions.credentials import WrongCredentials
from stadtmail.usage import connections, sessions, volatile
from tests.doors.submission.scram import NONCE, proof
from tests.mail.conftest import opened

ADDRESS, PASSWORD, NEXT = "anna@ahaus.net", "ein langer Satz 7", "ein anderer Satz 8"
SERVICES = ("imap", "submission", "sieve")


@pytest.fixture(autouse=True)
def _no_connections():
    volatile.clear()
    verified.forget()
    yield
    assert connections.count(clock.now()) == 0
    volatile.clear()


@pytest.fixture
def world(ahaus, anna, now):
    """Anna, whose programs may use the login password, with an app password for everything."""
    contract = people.contract(ahaus, anna.contract)
    credentials.set_mail_login(contract, tenant=ahaus, on=True, password=PASSWORD)
    made = app_passwords.make(contract, tenant=ahaus, label="Laptop", scopes=SERVICES, now=now)
    return SimpleNamespace(tenant=ahaus, contract=contract, made=made, now=now)


def revoke(world) -> None:
    app_passwords.revoke(world.contract, world.made.id, tenant=world.tenant, now=world.now)
    connections.end_credential(world.tenant.id, world.made.id)


def switch_off(world) -> None:
    connections.end_credential(world.tenant.id, credentials.set_mail_login(world.contract, tenant=world.tenant, on=False))


def change(world) -> None:
    credentials.set_password(world.contract, tenant=world.tenant, old=PASSWORD, new=NEXT, now=world.now)
    sessions.end_person(world.tenant.id, world.contract.person_id)


def end(world) -> None:
    contracts.cancel(world.contract, ends_at=world.now, now=world.now)
    sessions.end_person(world.tenant.id, world.contract.person_id)


def by_plain(porch: entering.Porch, password: str) -> entering.Entered:
    steps = entering.plain(porch)
    next(steps)
    return entering.step(steps, f"\0{ADDRESS}\0{password}".encode())


def by_login(porch: entering.Porch, password: str) -> entering.Entered:
    steps = entering.login(porch)
    next(steps)
    assert entering.step(steps, ADDRESS.encode()) == b"Password:"
    return entering.step(steps, password.encode())


def by_scram(porch: entering.Porch, password: str) -> entering.Entered:
    steps, bare = entering.scram(porch), f"n={ADDRESS},r={NONCE}"
    next(steps)
    challenge = entering.step(steps, f"n,,{bare}".encode()).decode()
    without = f"c=biws,r={challenge.split(',')[0].removeprefix('r=')}"
    mine, theirs = proof(password, bare, challenge, without)
    verdict = entering.step(steps, f"{without},p={base64.b64encode(mine).decode()}".encode())
    assert verdict == b"v=" + base64.b64encode(theirs)
    return entering.step(steps, b"")


WAYS = {"PLAIN": by_plain, "LOGIN": by_login, "SCRAM-SHA-256": by_scram}
ATTACKS = [("app", revoke), ("app", end), ("login", switch_off), ("login", change), ("login", end)]


def race(monkeypatch, world, happens) -> None:
    """Let it happen when the password has been found right and nothing of the connection is there yet."""
    real, left = connections.begin, [happens]

    def begin(*args, **more):
        if left:
            left.pop()(world)
        return real(*args, **more)

    monkeypatch.setattr(connections, "begin", begin)


def attempt(world, kind: str, way: str, service: str = "imap") -> entering.Entered:
    porch = entering.Porch(service, "127.0.0.1", lambda: world.now)
    return WAYS[way](porch, world.made.password if kind == "app" else PASSWORD)


def test_every_way_is_one_of_those_that_are_offered() -> None:
    assert set(WAYS) == set(entering.MECHANISMS)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("kind", "happens"), ATTACKS, ids=lambda one: getattr(one, "__name__", one))
def test_c28_revoked_while_it_is_checked_it_lets_nobody_in(monkeypatch, world, kind, happens, way) -> None:
    race(monkeypatch, world, happens)
    with pytest.raises(WrongCredentials):
        attempt(world, kind, way)
    assert connections.count(world.now) == 0


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("kind", "happens"), ATTACKS, ids=lambda one: getattr(one, "__name__", one))
def test_without_the_second_look_it_would(monkeypatch, world, kind, happens, way) -> None:
    """The attack is a real one: with the protection taken away, each of these comes in."""
    monkeypatch.setattr(maillogin, "stands", lambda *_, **__: True)
    race(monkeypatch, world, happens)
    attempt(world, kind, way).connection.end()


@pytest.mark.parametrize("service", SERVICES)
def test_revoked_a_moment_later_the_connection_is_cut(world, service) -> None:
    entered = attempt(world, "app", "PLAIN", service)
    assert entered.connection.beat(world.now)
    revoke(world)
    assert not entered.connection.beat(world.now)


@pytest.mark.parametrize("service", SERVICES)
def test_an_app_password_that_is_not_for_a_service_any_more_does_not_stand(world, now, service) -> None:
    other = app_passwords.make(world.contract, tenant=world.tenant, label="Telefon", scopes=[service], now=now)
    for one in SERVICES:
        porch = entering.Porch(one, "127.0.0.1", lambda: world.now)
        if one == service:
            porch.enter(ADDRESS, other.password).connection.end()
        else:
            with pytest.raises(WrongCredentials):
                porch.enter(ADDRESS, other.password)


def letter(*to: str) -> submitting.Letter:
    return submitting.Letter(ADDRESS, [submitting.To(one) for one in to])


RAW = b"From: anna@ahaus.net\r\nSubject: x\r\n\r\nzu spaet\r\n"


def send(world, entered: entering.Entered) -> None:
    to = letter("ben@ahaus.net", "fremd@peer.example")
    submitting.submit(entered, to, RAW, limits=rates.USUAL, now=world.now)


def count(world, ben) -> tuple[int, int]:
    from stadtmail.mail import queries

    return len(queries.page(opened(world.tenant, ben), 1)), Leg.objects.count()


@pytest.mark.parametrize("happens", [revoke, end], ids=lambda one: one.__name__)
def test_c28_after_the_end_of_what_it_came_in_with_nothing_is_sent(world, ben, happens) -> None:
    entered = attempt(world, "app", "PLAIN", "submission")
    before = count(world, ben)
    happens(world)
    with pytest.raises((submitting.LoginEnded, submitting.NotYourAddress)):
        send(world, entered)
    assert count(world, ben) == before
    entered.connection.end()


@pytest.mark.parametrize("happens", [revoke, end], ids=lambda one: one.__name__)
def test_c28_nor_where_it_ends_while_the_message_is_made_ready(monkeypatch, world, ben, happens) -> None:
    entered, real = attempt(world, "app", "PLAIN", "submission"), signing.signed
    before = count(world, ben)

    def signed(*args, **more):
        happens(world)
        return real(*args, **more)

    monkeypatch.setattr(signing, "signed", signed)
    with pytest.raises(submitting.LoginEnded):
        send(world, entered)
    assert count(world, ben) == before
    entered.connection.end()


def test_without_the_look_in_the_transaction_it_would_be_sent(monkeypatch, world, ben) -> None:
    from stadtmail.mail.actions import sending

    entered, real_signed, real_send = attempt(world, "app", "PLAIN", "submission"), signing.signed, sending.send
    before = count(world, ben)
    monkeypatch.setattr(signing, "signed", lambda *args, **more: (revoke(world), real_signed(*args, **more))[1])
    monkeypatch.setattr(sending, "send", lambda *args, **more: real_send(*args, **{**more, "still": lambda: True}))
    send(world, entered)
    assert count(world, ben) == (before[0] + 1, before[1] + 1)


def test_what_is_remembered_of_a_check_is_no_password(world) -> None:
    who = maillogin.by_login_password(world.tenant, ADDRESS, PASSWORD)
    assert PASSWORD not in repr(who)
    assert PASSWORD.encode() not in who.against
    assert hashlib.sha256(PASSWORD.encode()).digest() not in who.against
    assert repr(who.against) not in repr(who)


def test_a_password_that_is_hashed_anew_at_a_login_still_lets_in(monkeypatch, world) -> None:
    from stadtmail.people import passwords

    monkeypatch.setattr(passwords, "needs_rehash", lambda _: True)
    for _ in range(2):  # the second time it is known from a moment ago
        attempt(world, "login", "PLAIN").connection.end()
    assert partial(credentials.stands, world.tenant)(credentials.sign_in(world.tenant, ADDRESS, PASSWORD))
