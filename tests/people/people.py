"""Somebody to test with: an order form full of canaries, a contract, staff."""

from stadtmail.kit import store
from stadtmail.people.actions import contracts, staff
from stadtmail.people.models import Contract
from stadtmail.people.orders import OrderForm
from stadtmail.privacy import policy

PASSWORD = "ein langer Satz 7"
FILLED = {
    "kind": "person", "name": "Anna Kanariengelb", "street": "Marktstraße 1", "postcode": "48683", "town": "Ahaus",
    "birth_date": "1980-02-29", "localpart": "anna.k", "tariff": "basis", "language": "de", "password": PASSWORD,
}  # fmt: skip


def form(**changes) -> OrderForm:
    return OrderForm(**{**FILLED, **changes})


def order(tenant, now, *, person=None, **changes) -> Contract:
    made = contracts.prepare(form(**changes), tenant=tenant, policy=policy.current(tenant), now=now, person=person)
    with store.writing():
        return contracts.conclude(made, now=now)


def clerk(tenant, now, *, role="desk", login="d.esk"):
    return staff.appoint(tenant, role=role, name="Dora Schreibtisch", login=login, password="Aktenordner 12 grün", now=now)
