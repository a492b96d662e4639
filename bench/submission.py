"""What it costs to let a mail program in, by each way, and to take a message of 10 KB from it. Hashes as in production."""

import base64
import smtplib
import time
from collections.abc import Callable
from functools import partial

from bench import cost, servers, world
from bench.delivery import OCTETS
from bench.table import Row


def run(*, quick: bool) -> list[Row]:
    """Logins in this process; messages through a real door, many in one connection and one in each."""
    messages = 80 if quick else 180  # below what one person may send in an hour
    port = servers.free_port()
    with world.folder(port_submission=str(port)):
        city = world.city()
        first, second, to = world.residents(city, 3)
        apps = {sender: _app_password(city, sender) for sender in (first, second)}
        rows = [_row(name, count, spent) for name, count, spent in _logins(city, first, apps[first], quick=quick)]
        with servers.ours("doors", port) as doors:
            for name, sender, each in (("message, one connection", first, messages), ("message, a connection and login each", second, 1)):
                _send(port, sender, apps[sender], to, 10, each)  # warm
                with cost.measured((doors,)) as spent:
                    _send(port, sender, apps[sender], to, messages, each)
                rows.append(_row(name, messages, spent))
        return rows


def _app_password(city: object, address: str) -> str:
    from stadtmail.people import queries
    from stadtmail.people.actions import app_passwords, credentials

    known = queries.address(city, address.partition("@")[0])  # type: ignore[arg-type]
    assert known is not None
    assert known.contract is not None
    credentials.set_mail_login(known.contract, tenant=city, on=True, password=world.PASSWORD)  # type: ignore[arg-type]
    made = app_passwords.make(known.contract, tenant=city, label="Messung", scopes=["imap", "submission"], now=world.NOW)  # type: ignore[arg-type]
    return made.password


def _logins(city: object, address: str, app: str, *, quick: bool) -> list[tuple[str, int, cost.Cost]]:
    from argon2 import PasswordHasher

    from stadtmail.people import passwords, verified
    from stadtmail.people.actions import maillogin
    from stadtmail.people.models import Credential
    from stadtmail.privacy import units

    slow = PasswordHasher(time_cost=3, memory_cost=64 * 1024, parallelism=1)  # what passwords.py has outside of tests
    passwords._hasher = lambda: slow  # type: ignore[assignment]
    for row in Credential.objects.select_related("unit"):
        Credential.objects.filter(unit=row.unit).update(password=units.seal(row.unit, "password", slow.hash(world.PASSWORD)))
    sign_in = partial(maillogin.sign_in, city, address, service="submission")

    def unknown() -> None:
        verified.forget()
        sign_in(world.PASSWORD)

    many, few = (500, 10) if quick else (5_000, 50)
    ways: list[tuple[str, int, Callable[[], object]]] = [
        ("login password (Argon2id)", few, unknown),
        ("login password, right a moment ago", many, lambda: sign_in(world.PASSWORD)),
        ("app password, sent", many, lambda: sign_in(app)),
        ("app password, proven (SCRAM-SHA-256)", many, _proof(city, address, app)),
    ]
    return [(name, count, _repeated(way, count)) for name, count, way in ways]


def _proof(city: object, address: str, password: str) -> Callable[[], object]:
    import hashlib
    import hmac

    from stadtmail.people import scram
    from stadtmail.people.actions import maillogin

    salt = scram.salt(city, address)  # type: ignore[arg-type]
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, scram.ITERATIONS)
    key = hmac.digest(salted, b"Client Key", "sha256")
    signature = hmac.digest(hashlib.sha256(key).digest(), b"said", "sha256")
    proof = bytes(a ^ b for a, b in zip(key, signature, strict=True))
    return partial(maillogin.by_proof, city, address, b"said", proof, service="submission")  # type: ignore[arg-type]


def _repeated(way: Callable[[], object], count: int) -> cost.Cost:
    way()
    with cost.own() as spent:
        for _ in range(count):
            way()
    return spent


def _send(port: int, sender: str, password: str, to: str, count: int, each: int) -> None:
    body = base64.encodebytes(b"x" * (OCTETS * 3 // 4)).replace(b"\n", b"\r\n")
    message = f"From: {sender}\r\nTo: {to}\r\nSubject: Messung\r\n\r\n".encode() + body
    sent = 0
    while sent < count:
        with smtplib.SMTP("127.0.0.1", port, timeout=60) as client:
            client.login(sender, password)
            for _ in range(min(each, count - sent)):
                client.sendmail(sender, [to], message)
                sent += 1
        time.sleep(0)


def _row(name: str, count: int, spent: cost.Cost) -> Row:
    return {"what": name, "times": count, "processor ms": 1000 * spent.cpu / count, "wall ms": 1000 * spent.wall / count}
