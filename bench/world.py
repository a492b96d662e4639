"""A data folder of its own for one measurement: instance of kind "test", one city, residents; gone at the end.

Settings are read once a process, so each measurement runs in a process of its own (`__main__`).
"""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)
PASSWORD = "ein langer Satz für die Messung"
STORES = ("default", "evidence", "keys")


@contextmanager
def folder(**settings: str) -> Iterator[Path]:
    """An empty instance, with Django set up on it. `settings` are STADTMAIL_ settings without their prefix."""
    data = Path(tempfile.mkdtemp(prefix="stadtmail-bench-"))
    os.environ |= {"STADTMAIL_DATA": str(data), "DJANGO_SETTINGS_MODULE": "stadtmail.settings"}
    from bench import servers
    from stadtmail.kit import config, instance

    free = {name: str(servers.free_port()) for name in config.SETTINGS if name.startswith("PORT_")}  # doors of others may be open
    os.environ |= {f"STADTMAIL_{name}": value for name, value in (free | {n.upper(): v for n, v in settings.items()}).items()}
    instance.create(data, kind="test", root_key=data / "root.key")
    import django

    django.setup()
    from stadtmail.usage import folder as ram

    try:
        from stadtmail.doors.console import tables

        tables.migrate()
        yield data
    finally:
        from django.db import connections

        connections.close_all()
        volatile = ram.current()
        for place in (volatile, volatile.with_name(f"{volatile.name}-bells")):  # of the IMAP door's processes (usage/bell.py)
            shutil.rmtree(place, ignore_errors=True)
        shutil.rmtree(data, ignore_errors=True)


def city(now: datetime = NOW) -> Any:
    """The city of AHAUS.NET with the mailboxes of its roles."""
    from stadtmail.mail.actions import accounts
    from stadtmail.privacy.policy import actions

    made = actions.open_city(slug="ahaus.net", domain="ahaus.net", hosts=["ahaus.localhost"], now=now)
    accounts.open_roles(made, now=now)
    return made


def residents(tenant: Any, count: int, now: datetime = NOW, *, name: str = "messung{}") -> list[str]:
    """Addresses of residents who ordered as everybody does, with a mailbox that nothing in a measurement fills; `name`: localparts."""
    from stadtmail.mail.actions import accounts
    from stadtmail.mail.models import Mailbox
    from stadtmail.people.orders import OrderForm

    made = []
    for number in range(count):
        form = OrderForm(
            kind="person", name=f"Person {number}", street="Marktstraße 1", postcode="48683", town="Ahaus", birth_date="1980-02-29",
            localpart=name.format(number), tariff="basis", language="de", password=PASSWORD,
        )  # fmt: skip
        made.append(accounts.open_account(form, tenant=tenant, now=now).address)
    Mailbox.objects.update(quota_bytes=1 << 40)
    return made


def opened(address: str) -> Any:
    """A resident's mailbox, as its holder opens it."""
    from stadtmail.mail import queries
    from stadtmail.people import queries as people
    from stadtmail.tenants import queries as tenants

    localpart, _, domain = address.partition("@")
    found = people.address(tenant := tenants.city_of_domain(domain), localpart)
    assert found is not None
    assert found.contract_id is not None
    return queries.opened(queries.mailbox_of(tenant, found.contract_id), holder=found.contract_id)


def say(text: str) -> None:
    """Tell whoever waits what goes on; results go to standard output."""
    print(f"  {text}", file=sys.stderr, flush=True)
