"""The world of the tests: a data folder of their own, real SQLite files for all three stores, two cities.

The standing cast: Anna and Ben of AHAUS.NET, Clara of Musterstadt, one person at the desk.
"""

from datetime import UTC, datetime

import pytest

PURE = ("tests/wire/", "tests/kit/", "tests/journeys/", "tests/verifier/")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test of a room works on real, committed rows in all stores."""
    for item in items:
        place = item.nodeid if item.nodeid.startswith("tests/") else f"tests/{item.nodeid}"
        if not place.startswith(PURE):
            item.add_marker(pytest.mark.django_db(transaction=True, databases="__all__"))


@pytest.fixture
def now() -> datetime:
    return datetime(2026, 11, 23, 10, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _fresh_copies(request: pytest.FixtureRequest) -> None:
    if "db" in request.fixturenames or request.node.get_closest_marker("django_db"):
        from stadtmail.vault import keys

        keys.drop_copies()


@pytest.fixture
def ahaus(now: datetime):
    from stadtmail.privacy.policy import actions

    return actions.open_city(slug="ahaus.net", domain="ahaus.net", hosts=["ahaus.localhost"], now=now)


@pytest.fixture
def musterstadt(now: datetime):
    from stadtmail.privacy.policy import actions

    return actions.open_city(slug="musterstadt.example", domain="musterstadt.example", hosts=["musterstadt.localhost"], now=now)
