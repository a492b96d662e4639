"""All reads of cities. An unknown host or domain is NotFound: the web answers 421, mail 550."""

from uuid import UUID

from stadtmail.kit import errors
from stadtmail.tenants.models import Host, Tenant


class NoSuchCity(errors.NotFound):
    """No city of this instance has that name."""


def city_of_host(host: str) -> Tenant:
    """The city that answers on this host name (without port). Raises NoSuchCity."""
    found = Host.objects.filter(name=host.rstrip(".").lower()).select_related("tenant").first()
    if found is None:
        raise NoSuchCity
    return found.tenant


def city_of_domain(domain: str) -> Tenant:
    """The city whose mail domain this is. Raises NoSuchCity."""
    found = Tenant.objects.filter(domain=domain.lower()).first()
    if found is None:
        raise NoSuchCity
    return found


def city(tenant: UUID) -> Tenant:
    """The city with this id. Raises NoSuchCity."""
    found = Tenant.objects.filter(id=tenant).first()
    if found is None:
        raise NoSuchCity
    return found


def cities() -> list[Tenant]:
    """All cities, in the order of their names."""
    return list(Tenant.objects.order_by("slug"))
