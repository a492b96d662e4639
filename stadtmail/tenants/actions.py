"""Opening a city. The city's policy is checked above, in privacy: nobody else calls this."""

from stadtmail.kit import errors, store
from stadtmail.tenants.models import Host, Tenant


class CityExists(errors.Conflict):
    """A city of that name or host is already open."""


def make_city(*, slug: str, domain: str, hosts: list[str]) -> Tenant:
    """Write the city and its host names. Raises CityExists."""
    with store.writing():
        if Tenant.objects.filter(slug=slug).exists() or Host.objects.filter(name__in=hosts).exists():
            raise CityExists
        made = Tenant.objects.create(slug=slug, domain=domain.lower())
        Host.objects.bulk_create([Host(name=name.lower(), tenant=made) for name in hosts])
    return made
