"""The name under which this instance speaks, and its certificate for all names of all cities."""

from pathlib import Path

from stadtmail.kit import certificates, config


def name_of_instance() -> str:
    """The name alone: what this instance calls itself where it talks to other servers."""
    from stadtmail.tenants import queries as tenants

    try:
        return tenants.city_of_host("localhost").domain
    except tenants.NoSuchCity:
        return next((city.domain for city in tenants.cities()), "localhost")


def of_instance() -> tuple[str, Path, Path]:
    """(name of the first city's domain, chain, key)."""
    from django.db import connections

    from stadtmail.tenants import queries as tenants

    try:
        first = [tenants.city_of_host("localhost")]
    except tenants.NoSuchCity:
        first = []
    cities = first + [city for city in tenants.cities() if city not in first]
    names = [name for city in cities for name in (city.domain, *tenants.hosts_of(city))] or ["localhost"]
    connections.close_all()  # this thread is not seen again
    return names[0], *certificates.paths([*names, config.load().host])
