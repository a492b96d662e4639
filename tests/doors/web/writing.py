"""Writing mail as a browser without JavaScript does: the form with its texts, choices and files, sent by one of its buttons."""

import re
from datetime import datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from html import unescape
from io import BytesIO
from urllib.parse import urlencode

import pytest

from stadtmail.kit import clock
from stadtmail.mail import queries
from stadtmail.mail.actions import planning
from tests.doors.web import cast
from tests.doors.web.browsing import Browser, Page


class Writer:
    """Somebody at the form for writing."""

    def __init__(self, browser: Browser) -> None:
        self.browser, self.page, self.action, self.values = browser, None, "", {}

    def open(self, path: str = "/postfach/schreiben", *, status: int = 200) -> "Writer":
        """Open a page with the form."""
        response = self.browser.client.get(path)
        assert response.status_code == status, (path, response.status_code, response.headers.get("Location"))
        return self._take(response)

    def press(self, step: str = "send", *files: tuple[str, bytes], status: int = 302, remove: str = "", **values: str):
        """Press a button, with files chosen. Follows to the page that comes."""
        self.values |= values
        given = {**self.values, **({"remove": remove} if remove else {"step": step})}
        streams = []
        for name, content in files:
            stream = BytesIO(content)
            stream.name = name
            streams.append(stream)
        response = self.browser.client.post(self.action, {**given, "file": streams or ""})  # as browsers send it empty
        assert response.status_code == status, (response.status_code, Page(response).text[-1500:] if response.content else response.headers)
        self.at = response.headers.get("Location", "")
        if status == 302:
            response = self.browser.client.get(self.at)
            assert response.status_code == 200, self.at
        return self._take(response)

    def stop(self, step: str = "stop", *, status: int = 302, **values: str) -> "Writer":
        """A button of the page after sending."""
        form = self.page.form(self.at.rpartition("/")[2])
        kind = "application/x-www-form-urlencoded"
        response = self.browser.client.post(form.action, urlencode({**form.values, "step": step, **values}), content_type=kind)
        assert response.status_code == status, response.status_code
        if status == 302:
            self.at = response.headers["Location"]
            response = self.browser.client.get(self.at)
        return self._take(response)

    @property
    def text(self) -> str:
        return self.page.text

    def files(self) -> list[str]:
        """Names of what is attached."""
        return re.findall(r'<bdi class="files__name">(.*?)</bdi>', self.page.response.content.decode())

    def _take(self, response) -> "Writer":
        self.page = Page(response)
        body = response.content.decode()
        found = re.search(r'<form method="post" action="([^"]*)"[^>]*data-compose.*?</form>', body, re.S)
        if found:
            self.action, form = unescape(found[1]), found[0]
            hidden = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form)
            inputs = re.findall(r'<input class="kern-form-input__input"[^>]*name="(\w+)" type="text"[^>]*?value="([^"]*)"', form)
            ticks = re.findall(r'<input class="[^"]*" type="checkbox"[^>]*name="(\w+)" value="([^"]*)" checked', form)
            self.values = {name: unescape(value) for name, value in (*hidden, *inputs, *ticks)}
            self.values["text"] = unescape(re.search(r"<textarea[^>]*>\n(.*?)</textarea>", form, re.S)[1])
            self.values["sender"] = unescape(re.search(r'<option value="([^"]*)" selected', form)[1])
        return self


def writer(tenant, localpart: str, now: datetime, *, known: bool = False, **changes) -> Writer:
    """A resident who is logged in, before the empty form."""
    if not known:
        cast.resident(tenant, localpart, now, **changes)
    browser = Browser()
    browser.login(f"{localpart}@{tenant.domain}", cast.PASSWORD)
    return Writer(browser).open()


@pytest.fixture
def anna(ahaus, account, now) -> Writer:
    """Anna before the empty form: what the modules of such tests call anna."""
    return writer(ahaus, "anna.k", now, known=True)


def opened(tenant, account) -> queries.Opened:
    return queries.opened(queries.mailbox_of(tenant, account.contract), holder=account.contract)


def raws(o: queries.Opened, number: int) -> list[bytes]:
    """Every message of a folder, newest first."""
    return [b"".join(queries.raw(o, number, row.uid)) for row in queries.page(o, number)]


def send_due(at: datetime) -> int:
    return planning.send_due(at)


def later(seconds: int = 11) -> datetime:
    """A moment behind the time in which a message can still be stopped."""
    return clock.now() + timedelta(seconds=seconds)


def parsed(raw: bytes) -> EmailMessage:
    return message_from_bytes(raw, policy=policy.default)
