"""No page shows a form that whoever sees it may not send: every page of the table that is not public, as officer and desk.

Whatever a page offers is sent as it stands there, with each of its buttons. What is missing may be said; "not you" may not.
"""

import re
from html import unescape
from urllib.parse import urlencode, urlsplit

import pytest

from stadtmail.mail.actions import accounts
from tests.doors.web import cast
from tests.doors.web.browsing import Browser, Page
from tests.doors.web.test_every_page import CLOSED, LETTER, PAGES

KIND = "application/x-www-form-urlencoded"
ENDS = frozenset({"/abmelden"})  # sent last: it ends the session
_FORM = re.compile(r"<form\b([^>]*)>(.*?)</form>", re.S)
_FIELD = re.compile(r"<(input|button|select)\b([^>]*)>")


def forms(response) -> list[tuple[str, str, dict[str, str], list[tuple[str, str]]]]:
    """(method, address, what it sends untouched, its buttons) of each form."""
    found = []
    for head, body in _FORM.findall(response.content.decode()):
        given = dict(re.findall(r'([\w-]+)="([^"]*)"', head))
        values, buttons = {}, []
        for tag, attributes in _FIELD.findall(body):
            own = dict(re.findall(r'([\w-]+)="([^"]*)"', attributes))
            if "name" not in own:
                continue
            if tag == "button":
                buttons.append((own["name"], unescape(own.get("value", ""))))
            elif own.get("type") not in ("checkbox", "radio", "file") or "checked" in attributes:
                values[own["name"]] = unescape(own.get("value", ""))
        found.append((given.get("method", "get"), unescape(given["action"]), values, buttons or [("", "")]))
    return found


@pytest.fixture
def staff(ahaus, now) -> None:
    accounts.open_roles(ahaus, now=now)
    for role in ("officer", "desk"):
        cast.doris(ahaus, now, role)
    cast.resident(ahaus, "anna.k", now)
    cast.deliver(LETTER, "anna.k@ahaus.net", now=now)
    for _ in range(3):
        cast.deliver(LETTER, "datenschutz@ahaus.net", now=now)


@pytest.mark.parametrize("role", ["officer", "desk"])
def test_c47_every_form_that_staff_see_may_be_sent(staff, role: str) -> None:
    browser = Browser()
    browser.desk(f"{role}1", cast.STAFF_PASSWORD)
    sent = 0
    pages = [PAGES[name].replace("/1/2", "/1/1") for name in CLOSED]  # a public form is everybody's, and may refuse what is typed
    last = []
    for path in pages:
        response = browser.client.get(path)
        if response.status_code != 200 or response.streaming or "html" not in response.headers["Content-Type"]:
            continue
        for number, (method, action, _, buttons) in enumerate(forms(response)):
            if urlsplit(action).path in ENDS:
                last.append((path, number))
                continue
            for button in buttons:
                sent += 1
                assert_may(browser, path, (method, action, button))
    assert sent >= {"officer": 6, "desk": 3}[role]
    for path, number in last[:1]:
        method, action, values, _ = forms(browser.client.get(path))[number]
        assert (method, browser.client.post(action, urlencode(values), content_type=KIND).status_code) == ("post", 302)


def assert_may(browser: Browser, path: str, what: tuple[str, str, tuple[str, str]]) -> None:
    """Open the page anew, as what was sent before may have changed it, and send this form with this button."""
    method, action, (name, value) = what
    page = browser.client.get(path)
    if page.status_code != 200:
        return
    for _, address, values, buttons in forms(page):
        if address == action and (name, value) in buttons:
            given = {**values, **({name: value} if name else {})}
            if method == "get":
                response = browser.client.get(action, given)
            else:
                response = browser.client.post(action, urlencode(given), content_type=KIND)
            is_asked_again = not response.streaming and any(other == action for _, other, *_ in forms(response))  # a wrong code
            assert response.status_code != 403 or is_asked_again, (path, action, name, value)
            assert "anmelden" not in response.headers.get("Location", ""), (path, action, name, value)
            return


@pytest.mark.parametrize("role", ["officer", "desk"])
def test_every_link_that_staff_see_leads_somewhere(staff, role: str) -> None:
    """A link to a page that answers "not you" is a form's small sister."""
    browser = Browser()
    browser.desk(f"{role}1", cast.STAFF_PASSWORD)
    seen = set()
    for path in (PAGES[name].replace("/1/2", "/1/1") for name in sorted(PAGES)):
        response = browser.client.get(path)
        if response.status_code != 200 or response.streaming or "html" not in response.headers["Content-Type"]:
            continue
        for link in Page(response).links:
            target = link.partition("#")[0]
            if target.startswith("/") and target not in seen:
                seen.add(target)
                assert browser.client.get(target).status_code != 403, (path, target)
    assert len(seen) > 10


def test_a_form_that_may_not_be_sent_would_be_found(staff) -> None:
    """The labels' form once stood there for the officer, whose mailbox has none."""
    browser = Browser()
    browser.desk("officer1", cast.STAFF_PASSWORD)
    assert browser.client.get(PAGES["labels"]).status_code == 403
