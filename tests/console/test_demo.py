"""The demo: its people log in with the password that is printed, whichever it was before."""

import pytest

from stadtmail.doors.console import demo
from stadtmail.people import queries as people
from stadtmail.people.actions import credentials, staff
from stadtmail.tenants import queries as tenants

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")
NEW = "neun neue Wiesen 9"


@pytest.fixture
def made(monkeypatch, tmp_path):
    """The demo of two cities, without its mails."""
    monkeypatch.setattr(demo, "_path", lambda: tmp_path / "demo-password")
    monkeypatch.setattr(demo, "_unfinished", lambda: tmp_path / "demo-unfinished")
    monkeypatch.setattr(demo, "_send_mails", lambda say: None)

    def make(password: str = "") -> str:
        monkeypatch.setenv("STADTMAIL_DEMO_PASSWORD", password)
        return demo.make(say=lambda text: None)

    return make


def everybody() -> list[tuple[str, str]]:
    residents = [(town.slug, f"{local}@{town.slug}") for town in demo.TOWNS for local, *_ in town.residents]
    return residents + [(town.slug, f"{login}@{town.slug}") for town in demo.TOWNS for _, login, _ in demo.STAFF]


def gets_in(slug: str, login: str, password: str) -> bool:
    city = tenants.city_of_domain(slug)
    local = login.partition("@")[0]
    try:
        if any(local == known for _, known, _ in demo.STAFF):
            staff.sign_in(city, login, password)
        else:
            credentials.sign_in(city, login, password)
    except credentials.WrongCredentials:
        return False
    return True


def test_everybody_has_the_printed_password(made) -> None:
    password = made()
    assert all(gets_in(slug, login, password) for slug, login in everybody())


def test_another_password_in_the_setting_is_everybodys_from_then_on_the_staffs_too(made) -> None:
    first = made()
    assert made(NEW) == NEW
    assert [login for slug, login in everybody() if not gets_in(slug, login, NEW)] == []
    assert [login for slug, login in everybody() if gets_in(slug, login, first)] == []
    assert made() == NEW  # it is remembered


def test_who_has_a_password_of_their_own_keeps_it(made, now) -> None:
    first = made()
    city = tenants.city_of_domain("ahaus.net")
    anna = people.address(city, "anna").contract
    credentials.set_password(anna, tenant=city, old=first, new="ihr eigener Satz 5", now=now)
    made(NEW)
    assert gets_in("ahaus.net", "anna@ahaus.net", "ihr eigener Satz 5")
    assert gets_in("ahaus.net", "ben@ahaus.net", NEW)
