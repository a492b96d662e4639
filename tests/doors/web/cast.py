"""The standing cast at the web door: Anna and Ben of Ahaus, Clara of Musterstadt, Doris at the desk, Otto the officer."""

from stadtmail.mail.actions import accounts, delivery
from stadtmail.people.actions import staff
from stadtmail.people.orders import OrderForm

PASSWORD = "ein langer Satz 7"
STAFF_PASSWORD = "noch ein langer Satz 8"
NAMES = {"anna.k": "Anna Kanariengelb", "ben.b": "Benedikt Bernstein", "clara.c": "Clara Chrysopras", "karla.k": "Karla Kolibri"}


def form(localpart: str, **changes) -> OrderForm:
    given = {
        "kind": "person", "name": NAMES[localpart], "street": "Marktstraße 17", "postcode": "48683", "town": "Ahaus",
        "birth_date": "1980-02-29", "localpart": localpart, "tariff": "basis", "language": "de", "password": PASSWORD,
    }  # fmt: skip
    return OrderForm(**{**given, **changes})


def resident(tenant, localpart: str, now, **changes):
    return accounts.open_account(form(localpart, **changes), tenant=tenant, now=now, source="order_form")


def doris(tenant, now, role: str = "desk"):
    return staff.appoint(tenant, role=role, name="Doris Dorn", login=f"{role}1", password=STAFF_PASSWORD, now=now)


def deliver(message: bytes, *addresses: str, now, verdict=None) -> None:
    """One message through the real writer."""
    writer = delivery.Writer()
    writer.start()
    try:
        recipients = [delivery.recipient(address, now=now) for address in addresses]
        results = writer.submit(message, recipients, received=b"Received: from test; now\r\n", now=now, verdict=verdict).result(timeout=20)
        assert all(result is None for result in results), results
    finally:
        writer.stop()
