"""A sealed mailbox beside a standard one: logging in, the first page, a mail program that comes in, and what waited for the search.

Argon2id at the cost of a real instance. Times are of the room; "login" is the check of the password and what opens the mailbox.
"""

import random
import time
from collections.abc import Callable
from typing import Any

from bench import search, world
from bench.table import Row

FULL, QUICK, WAITING, TIMES = 20_000, 2_000, 1_000, 15


def run(*, quick: bool) -> list[Row]:
    """Measure a standard mailbox, seal it, measure again."""
    with world.folder():
        from argon2 import PasswordHasher

        from stadtmail.people import passwords

        real = PasswordHasher(time_cost=3, memory_cost=64 * 1024, parallelism=1)
        passwords._hasher = lambda: real  # type: ignore[assignment]  # a test instance takes a cheap one
        return _measured(QUICK if quick else FULL)


def _measured(count: int) -> list[Row]:
    from stadtmail.mail import queries, wraps
    from stadtmail.mail.actions import indexing, sealed
    from stadtmail.mail.models import Mailbox
    from stadtmail.people import queries as people

    (address,) = world.residents(tenant := world.city(), 1)
    box = Mailbox.objects.exclude(contract=None).get()
    contract, text = people.contract(tenant, box.contract_id), search.Text(random.Random(7))
    search._fill(queries.opened(box, holder=contract.id), text, count)
    rows = [_login(tenant, contract, address, "standard"), _page(box, contract, {}, "standard")]
    took, done = _once(lambda: sealed.seal_mailbox(contract, tenant=tenant, password=world.PASSWORD, now=world.NOW))
    rows.append(_row(f"sealing a mailbox with {count:,} messages", [took]))
    box.refresh_from_db()
    rows += [_login(tenant, contract, address, "sealed"), _page(box, contract, done.halves, "sealed")]
    app = sealed.make_app_password(contract, tenant=tenant, label="x", scopes=["imap"], halves=done.halves, now=world.NOW)
    secret = wraps.of_app(app.password, app=app.id)
    costs = [_once(lambda: wraps.opened(box.id, secret))[0] for _ in range(TIMES)]
    rows.append(_row("opening for a mail program, besides its login", costs))
    o = queries.opened(box, holder=contract.id, halves=done.halves)
    while not indexing.follow(o, seconds=10):
        pass
    search._fill(queries.Opened(box), text, WAITING)  # while nobody is logged in
    rows.append(_row(f"taking in {WAITING:,} mails that waited", [_once(lambda: _follow(o))[0]]))
    took, _ = _once(lambda: sealed.unseal_mailbox(contract, tenant=tenant, password=world.PASSWORD, now=world.NOW))
    return [*rows, _row("taking the seal off", [took])]


def _login(tenant: Any, contract: Any, address: str, kind: str) -> Row:
    from stadtmail.mail.actions import sealed
    from stadtmail.people.actions import credentials

    def login() -> None:
        credentials.sign_in(tenant, address, world.PASSWORD)
        sealed.bring(tenant, contract.id, world.PASSWORD)

    return _row(f"login, {kind}", [_once(login)[0] for _ in range(TIMES)])


def _page(box: Any, contract: Any, halves: Any, kind: str) -> Row:
    from stadtmail.mail import queries

    def read() -> None:
        o = queries.opened(box, holder=contract.id, halves=halves)
        row = queries.page(o, 1)[0]
        queries.message(o, 1, row.uid)

    return _row(f"first page and a message, {kind}", [_once(read)[0] for _ in range(TIMES)])


def _follow(o: Any) -> None:
    from stadtmail.mail.actions import indexing

    while not indexing.follow(o, seconds=10):
        pass


def _once(work: Callable[[], Any]) -> tuple[tuple[float, float], Any]:
    began, busy = time.perf_counter(), time.process_time()
    found = work()
    return (time.perf_counter() - began, time.process_time() - busy), found


def _row(name: str, costs: list[tuple[float, float]]) -> Row:
    return search._row(name, costs)
