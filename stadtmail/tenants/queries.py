"""Which city is meant: by host name, by mail domain, by id. An unknown name is NotFound, never the first city."""

from ipaddress import ip_address
from uuid import UUID

from stadtmail.kit import config, store
from stadtmail.kit.errors import NotFound, TryLater
from stadtmail.tenants.models import Host, Tenant

MACHINES = frozenset({"autoconfig", "autodiscover", "mta-sts"})


class NoSuchCity(NotFound):
    """No city of this instance answers to that name: the web says 421, mail 550."""


class CityClosed(TryLater):
    """The city's policy does not hold (an expired processing contract, …): no page, and mail waits. The web says 503, mail 451."""


def city_of_host(host: str) -> Tenant:
    """The city that answers on this host name (no port; case and a trailing dot do not matter).

    The bare address (loopback, localhost, the configured STADTMAIL_HOST) leads to the first city. Raises NoSuchCity, CityClosed.
    """
    name = host.strip().lower().rstrip(".").removeprefix("[").removesuffix("]")
    where, values = ("bare", []) if is_bare(name) else ("name = %s", [name])
    found = store.rows_of(Tenant, f"id IN (SELECT tenant_id FROM tenants_host WHERE {where})", values)  # noqa: S608 - our own words
    if not found and is_for_machines(name):
        return city_of_domain(name.partition(".")[2])
    if not found:
        raise NoSuchCity("no city on this host name")
    return _opened(found[0])


def is_for_machines(host: str) -> bool:
    """Is that a name on which mail programs and mail servers ask, and nobody reads pages (autoconfig.<domain>)?"""
    return host.strip().lower().partition(".")[0] in MACHINES


def mail_host() -> str:
    """The name under which this instance takes mail, for all its cities: the domain of the first one."""
    first = Host.objects.filter(bare=True).select_related("tenant").first()
    found = first.tenant if first is not None else Tenant.objects.order_by("slug").first()
    return found.domain if found is not None else "localhost"


def is_bare(name: str) -> bool:
    """Is that the machine's own address and not the name of a city?"""
    configured = config.load().host.lower()
    if name in ("localhost", configured):
        return True
    try:
        address = ip_address(name)
    except ValueError:
        return False
    return address.is_loopback or configured in ("0.0.0.0", "::")  # noqa: S104 - read from the settings, not opened here


def city(tenant_id: UUID) -> Tenant:
    """The city with this id. Raises NoSuchCity."""
    found = store.rows_of(Tenant, "id = %s", [tenant_id])
    if not found:
        raise NoSuchCity("no city with this id")
    return found[0]


def cities() -> list[Tenant]:
    """All cities of the instance, by slug."""
    return list(Tenant.objects.order_by("slug"))


def city_of_slug(slug: str) -> Tenant:
    """The city whose policy file has this name: how operators name one. Raises NoSuchCity."""
    found = Tenant.objects.filter(slug=slug.strip().lower()).first()
    if found is None:
        raise NoSuchCity("no city with this slug")
    return found


def city_of_domain(domain: str) -> Tenant:
    """The city whose residents have addresses in this mail domain. Raises NoSuchCity, CityClosed."""
    found = store.rows_of(Tenant, "domain = %s", [domain.strip().lower().rstrip(".")])
    if not found:
        raise NoSuchCity("no city with this domain")
    return _opened(found[0])


def hosts_of(tenant: Tenant) -> list[str]:
    """Host names of one city, the one it also answers on the bare address with first."""
    sql = "SELECT name FROM tenants_host WHERE tenant_id = %s ORDER BY bare DESC, name"
    return [name for (name,) in store.select(sql, [tenant.id])]


def _opened(found: Tenant) -> Tenant:
    if not found.is_open:
        raise CityClosed("the city is closed")
    return found
