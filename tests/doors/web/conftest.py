"""Browsers for the tests of the web door: Django's test client, a host name, and the forms of the page that was read."""

import re
from collections.abc import Callable
from datetime import timedelta
from html import unescape
from itertools import count
from typing import Any

import pytest
from django.test import Client

from tests.mail.outbox import Outbox

# what the form of AHAUS.NET asks: its tariff needs neither telephone nor bank
GIVEN = {
    "kind": "person",
    "name": "Erika Mustermann",
    "birth_date": "1990-05-17",
    "street": "Wallstraße 12",
    "postcode": "48683",
    "town": "Ahaus",
    "localpart": "erika.m",
    "password": "vier kluge Otter baden",
    "password_again": "vier kluge Otter baden",
    "tariff": "basis",
    "reclaim": "",
    "nickname": "",
    "contact_mail": "",
}


class Browser(Client):
    """A client that keeps to one host and network, and knows the hidden fields of the page it saw last."""

    networks = count(1)

    def __init__(self, host: str = "ahaus.localhost", **more: Any) -> None:
        own = next(self.networks)
        peer = f"172.{16 + (own >> 8)}.{own & 255}.1"
        super().__init__(headers={"host": host}, raise_request_exception=False, REMOTE_ADDR=peer, **more)
        self.text = ""

    def request(self, **more: Any):
        response = super().request(**more)
        if not response.streaming:
            self.text = response.content.decode("utf-8", "replace")
        return response

    def hidden(self) -> dict[str, str]:
        """Hidden fields of the last form on the page."""
        form = self.text.rpartition("<form")[2]
        return {name: unescape(value) for name, value in re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form)}

    def send(self, path: str, fields: dict[str, str], *, page: str = "", **more: Any):
        """Open the page and send its form."""
        self.get(page or path)
        return self.post(path, {**self.hidden(), **fields}, **more)

    def post(self, path: str, data: Any = None, content_type: str = "application/x-www-form-urlencoded", **more: Any):
        if isinstance(data, dict):
            from urllib.parse import urlencode

            data = urlencode(data, doseq=True)
        return super().post(path, data, content_type=content_type, **more)


@pytest.fixture
def browser(ahaus) -> Browser:
    return Browser()


@pytest.fixture
def wait(monkeypatch) -> Callable[[int], None]:
    """Let the door's clock go on by so many seconds."""
    from stadtmail.kit import clock

    real, passed = clock.now, [0]
    monkeypatch.setattr(clock, "now", lambda: real() + timedelta(seconds=passed[0]))

    def go_on(seconds: int) -> None:
        passed[0] += seconds

    return go_on


@pytest.fixture
def new_policy(ahaus, now, tmp_path, monkeypatch) -> Callable[..., None]:
    """AHAUS.NET publishes its next version, with these changes in the file."""
    from stadtmail.privacy.policy import actions, published
    from tests.privacy.policy_files import changed

    monkeypatch.setattr(published, "FOLDER", tmp_path)

    def publish(*changes: tuple[str, str]) -> None:
        (tmp_path / "ahaus.net.toml").write_bytes(changed(("version = 1", "version = 2"), *changes))
        actions.publish(ahaus, now=now)

    return publish


@pytest.fixture
def ordered(browser: Browser, wait) -> dict[str, str]:
    """Erika has ordered: her address and password."""
    order(browser, wait)
    return {"address": "erika.m@ahaus.net", "password": GIVEN["password"]}


def order(browser: Browser, wait, prefix: str = "", **changes: str):
    """Lead an order through all its steps without JavaScript; returns the last answer."""
    path = f"{prefix}/bestellen"
    browser.send(path, {**GIVEN, **changes, "step": "check"})
    given = browser.hidden()
    terms = re.search(r'name="terms" value="([^"]*)"', browser.text)
    assert terms, browser.text
    wait(21)
    return browser.post(path, {**given, "step": "place", "terms": terms[1]})


@pytest.fixture
def outbox(monkeypatch):
    """What the settings would send out."""
    from stadtmail.doors.web import settings

    box = Outbox()
    monkeypatch.setattr(settings, "enqueue", box)
    return box


@pytest.fixture
def account(ahaus, now):
    """Anna of AHAUS.NET, a resident: contract and person."""
    from tests.doors.web import cast

    return cast.resident(ahaus, "anna.k", now)


@pytest.fixture
def contract(ahaus, account):
    """Anna's contract."""
    from stadtmail.people import queries

    return queries.contract(ahaus, account.contract)


@pytest.fixture
def anna(account):
    """Anna's browser, logged in."""
    from tests.doors.web import browsing, cast

    browser = browsing.Browser()
    browser.login("anna.k@ahaus.net", cast.PASSWORD)
    return browser


@pytest.fixture
def ben(ahaus, now):
    """Ben, another resident of the city."""
    from tests.doors.web import cast

    return cast.resident(ahaus, "ben.b", now, street="Wallstraße 3", birth_date="1979-11-02")


@pytest.fixture
def still_clock(monkeypatch):
    """No half minute ends within a test, unless it waits; nobody's limits are used up."""
    from stadtmail.kit import clock
    from stadtmail.usage import volatile

    volatile.clear()
    moment = clock.now()
    monkeypatch.setattr(clock, "now", lambda: moment)


@pytest.fixture
def o(ahaus, account, outbox):
    """Anna's mailbox."""
    from stadtmail.mail import queries

    return queries.opened(queries.mailbox_of(ahaus, account.contract), holder=account.contract)


@pytest.fixture
def settled(o, anna):
    """Anna's browser, logged in, for her settings."""
    return anna
