"""Stored rows in bulk, for the measurements of erasure: persons with a contract and one sealed row, made without the doors.

Each has what a real one has and erasure has to take away: a unit with its key and commitment, an event, the sealed row.
"""

import os
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from bench import world

PART = 5_000
EVENT = "contract_end"


def persons(tenant: Any, count: int, *, ended: datetime | None, now: datetime = world.NOW) -> None:
    """`count` persons whose inventory data run until the date that the policy gives to a contract that `ended` (None: it lasts)."""
    for at in range(0, count, PART):
        _part(tenant, min(PART, count - at), ended, now)
        if count >= 10 * PART and at % (20 * PART) == 0:
            world.say(f"{at:,} of {count:,} stored")


def due_at(tenant: Any, ended: datetime) -> datetime:
    """When inventory data of such a contract fall due, by the city's policy."""
    from stadtmail.privacy import policy

    rules = policy.current(tenant)
    moment: datetime = rules.rules["BD"].due({EVENT: ended}, rules.tz)
    return moment


def _part(tenant: Any, count: int, ended: datetime | None, now: datetime) -> None:
    from stadtmail.kit import store
    from stadtmail.people.models import Contract, Inventory, Person
    from stadtmail.privacy import policy, units
    from stadtmail.privacy.models import Event, Unit

    rules = policy.current(tenant)
    persons = [Person(id=uuid4(), tenant=tenant) for _ in range(count)]
    contracts = [
        Contract(id=uuid4(), tenant=tenant, person=person, tariff="basis", state="ended" if ended else "active",
                 notice_version=rules.version, notice_digest=rules.digest, terms_version=rules.terms.version)
        for person in persons
    ]  # fmt: skip
    made = units.prepare(tenant, [units.Wanted("BD", "contract", one.id, one.person_id) for one in contracts], now=now)
    due = due_at(tenant, ended) if ended else None
    rows = [
        Unit(id=one.id, tenant=tenant, subject=one.wanted.subject, category="BD", anchor_kind="contract", anchor=one.wanted.anchor,
             key=one.key_id, commitment=units.seal(one, "commitment", os.urandom(32)), policy=one.policy, due_at=due, known_at=ended)
        for one in made
    ]  # fmt: skip
    sealed = [
        Inventory(unit_id=one.id, contract=contract, source="order_form",
                  **{name: units.seal(one, name, "Person") for name in ("display_name", "salutation", "language")})
        for one, contract in zip(made, contracts, strict=True)
    ]  # fmt: skip
    ends = [
        Event(tenant=tenant, anchor_kind="contract", anchor=one.id, name=EVENT, at=ended, recorded_at=ended) for one in contracts if ended
    ]
    with store.writing():
        for model, found in ((Person, persons), (Contract, contracts), (Unit, rows), (Inventory, sealed), (Event, ends)):
            model.objects.bulk_create(found, batch_size=60)


def swept(now: datetime) -> Any:
    """One sweep at that moment; says what it did."""
    from stadtmail.privacy import guard, sweep

    guard.forget()
    return sweep.run(now + timedelta(minutes=1))
