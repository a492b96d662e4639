"""The world of the tests: a data folder of their own, real SQLite files for all three stores, two cities.

The standing cast: Anna and Ben of AHAUS.NET, Clara of Musterstadt, one person at the desk.
"""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from stadtmail.kit import undisturbed
from tests.instance import POSTGRES

PURE = ("tests/test_", "tests/wire/", "tests/kit/", "tests/console/", "tests/journeys/", "tests/verifier/")  # those that need rows say so


@pytest.hookimpl(tryfirst=True)  # before pytest asks which marks are wanted
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Every test of a room works on real, committed rows in all stores."""
    elsewhere = [] if POSTGRES else [item for item in items if item.get_closest_marker("only_postgres")]
    if elsewhere:
        config.hook.pytest_deselected(items=elsewhere)
        items[:] = [item for item in items if item not in elsewhere]
    seen: set[object] = set()
    for item in items:
        if item.get_closest_marker("matrix"):
            if item.function in seen:  # type: ignore[attr-defined]
                item.add_marker(pytest.mark.long)
            seen.add(item.function)  # type: ignore[attr-defined]
    items.sort(key=lambda item: "journeys/test_life" not in item.nodeid)  # minutes long: who begins with it does not end with it
    for item in items:
        place = item.nodeid if item.nodeid.startswith("tests/") else f"tests/{item.nodeid}"
        if place.startswith("tests/journeys/"):
            item.add_marker(pytest.mark.journey)
        if not place.startswith(PURE):
            item.add_marker(pytest.mark.django_db(transaction=True, databases="__all__"))


@pytest.fixture(scope="session", autouse=True)
def _looking_disturbs_nobody() -> None:
    """Tests look at databases as they lie while they and others have them open."""
    real = Path.read_bytes

    def read_bytes(path: Path) -> bytes:
        return b"".join(undisturbed.pieces(path, 1 << 20)) if undisturbed.DATABASE in path.name else real(path)

    Path.read_bytes = read_bytes  # type: ignore[method-assign]


@pytest.fixture(scope="session")
def django_db_modify_db_settings_xdist_suffix() -> None:
    """Each worker has a data folder (and PostgreSQL databases) of its own: processes that tests start must find the same names."""


@pytest.fixture
def now() -> datetime:
    return datetime(2026, 11, 23, 10, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _fresh_world(request: pytest.FixtureRequest) -> None:
    """Tables are emptied after each test; what lies outside of them begins anew as well."""
    if "db" in request.fixturenames or request.node.get_closest_marker("django_db"):
        from stadtmail.kit import config
        from stadtmail.privacy import guard
        from stadtmail.vault import keys

        (config.load().data / "ring").unlink(missing_ok=True)
        keys.drop_copies()
        guard.forget()


@pytest.fixture
def ahaus(now: datetime):
    from stadtmail.privacy.policy import actions

    return actions.open_city(slug="ahaus.net", domain="ahaus.net", hosts=["ahaus.localhost"], now=now)


@pytest.fixture
def musterstadt(now: datetime):
    from stadtmail.privacy.policy import actions

    return actions.open_city(slug="musterstadt.example", domain="musterstadt.example", hosts=["musterstadt.localhost"], now=now)


@pytest.fixture(scope="session", autouse=True)
def _empty_what_has_rows() -> None:
    """In place of Django's flush, after each of thousands of tests."""
    from django.test import TransactionTestCase

    from tests import emptying

    def empty(self: TransactionTestCase) -> None:
        for alias in self._databases_names(include_mirrors=False):
            emptying.empty(alias)

    TransactionTestCase._fixture_teardown = empty


@pytest.fixture(scope="session", autouse=True)
def _nothing_leaves_this_machine() -> None:
    """The tests run under the guard of the portal's own processes: a test that connects to elsewhere fails (C-1.2)."""
    from stadtmail.usage import outgoing

    outgoing.guard("web")
