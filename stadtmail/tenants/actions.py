"""Opening a city. The rows are made here; whether a city may open is decided by its policy, one floor up.

privacy.policy.actions.open_city is the door to this: nothing else passes a `check` that permits.
"""

from collections.abc import Callable
from datetime import datetime

from django.db import IntegrityError

from stadtmail.kit.errors import Conflict
from stadtmail.kit.store import writing
from stadtmail.tenants.models import Host, Tenant


class CityExists(Conflict):
    """A city with this slug, domain or host name has been opened before."""


def open_city(*, slug: str, domain: str, hosts: list[str], check: Callable[[Tenant, datetime], object], now: datetime) -> Tenant:
    """Make a city and its host names; the instance's first city also answers on the bare address.

    `check` runs inside the transaction and raises NotAllowed where the city may not open (C-1.1, C-1.2): then nothing
    stays. Raises CityExists.
    """
    try:
        with writing():
            tenant = Tenant.objects.create(slug=slug, domain=domain.lower())
            first = not Host.objects.filter(bare=True).exists()
            for number, name in enumerate(hosts):
                Host.objects.create(name=name.lower(), tenant=tenant, bare=first and number == 0)
            check(tenant, now)
            return tenant
    except IntegrityError as error:
        raise CityExists("slug, domain or host name is taken") from error


def set_open(tenant: Tenant, *, is_open: bool) -> None:
    """Open or close a city's doors. Whether it may be open its policy decides (privacy.policy), at every start."""
    with writing():
        Tenant.objects.filter(pk=tenant.pk).update(is_open=is_open)
