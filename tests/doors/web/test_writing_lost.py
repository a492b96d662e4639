"""A session ends while somebody writes: without JavaScript, too, nothing that they typed is lost (WCAG 2.2, 2.2.1)."""

from datetime import timedelta
from html import unescape
from html.parser import HTMLParser
from urllib.parse import urlencode

import pytest

from stadtmail.kit import clock
from stadtmail.mail import drafts, queries
from stadtmail.mail.actions import accounts
from stadtmail.usage import sessions
from tests.doors.web import cast
from tests.doors.web.browsing import Browser, Page

FORM = "application/x-www-form-urlencoded"
SHOWN = ("to", "subject", "text")
TYPED = {"to": "ben.b@ahaus.net", "subject": "Kanarienbetreff", "text": "Ein langer Brief.\n<b>Kanarie</b>", "step": "send", "file": ""}


@pytest.fixture
def written(ahaus, account, anna) -> dict[str, str]:
    """What Anna's browser would send: everything of the form, and what she typed."""
    return {**anna.get("/postfach/schreiben").form("schreiben").values, **TYPED}


def action(browser: Browser) -> str:
    return str(browser.get("/postfach/schreiben").form("schreiben").action)


def count(ahaus, account) -> int:
    box = queries.opened(queries.mailbox_of(ahaus, account.contract), holder=account.contract)
    return sum(row.total for row in queries.folders(box))


def lost(response) -> Page:
    assert response.status_code == 403
    assert response.headers["Cache-Control"] == "no-store"
    return Page(response)


class Fields(HTMLParser):
    """All that the biggest form of a page sends."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: dict[str, str] = {}
        self._area = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs) -> None:
        given = dict(attrs)
        if tag == "input" and given.get("name") and given.get("type") != "checkbox":
            self.found[given["name"]] = given.get("value", "")
        self._area = given.get("name", "") if tag == "textarea" else ""

    def handle_data(self, data) -> None:
        if self._area:
            self.found[self._area] = data.removeprefix("\n")
            self._area = ""


def fields(response) -> dict[str, str]:
    form = response.content.decode().partition('action="/postfach/schreiben')[2].partition("</form>")[0]
    return Fields("<form " + form).found


def test_what_was_typed_comes_back_and_goes_on_after_a_new_login(ahaus, account, anna, written) -> None:
    to = action(anna)
    sessions.end_person(ahaus.id, account.person)
    response = anna.client.post(to, urlencode(written), content_type=FORM)
    page = lost(response)
    assert "Sie sind nicht mehr angemeldet" in page.text
    kept = fields(response)
    assert {name: kept[name].replace("\r\n", "\n") for name in SHOWN} == {name: TYPED[name] for name in SHOWN}
    assert b"<b>Kanarie" not in response.content, "it is text"
    again = anna.client.post(page.form("schreiben").action, urlencode(kept), content_type=FORM)
    assert fields(lost(again).response)["text"] == kept["text"], "pressed too early: still nothing is lost"
    anna.login("anna.k@ahaus.net", cast.PASSWORD)
    before = count(ahaus, account)
    resumed = anna.client.post(page.form("schreiben").action, urlencode(kept), content_type=FORM)
    assert "Nachricht schreiben" in lost(resumed).text
    assert count(ahaus, account) == before, "nothing is stored by showing it"
    form = fields(resumed)
    assert (form["to"], form["subject"], form["text"]) == (TYPED["to"], TYPED["subject"], TYPED["text"])
    saved = anna.client.post(Page(resumed).form("schreiben").action, urlencode({**form, "step": "save"}), content_type=FORM)
    assert saved.status_code == 302
    assert count(ahaus, account) == before + 1


def test_a_draft_that_was_saved_before_goes_on_as_itself(ahaus, account, anna, written) -> None:
    to = action(anna)
    assert anna.client.post(to, urlencode({**written, "step": "save"}), content_type=FORM).status_code == 302
    uid = drafts.draft(queries.opened(queries.mailbox_of(ahaus, account.contract), holder=account.contract), 1).uid
    sent = {**written, **fields(anna.client.get(f"/postfach/schreiben/{uid}")), "text": "Neuer Text", "step": "save"}
    sessions.end_person(ahaus.id, account.person)
    page = anna.client.post(to, urlencode(sent), content_type=FORM)
    anna.login("anna.k@ahaus.net", cast.PASSWORD)
    resumed = anna.client.post(Page(page).form("schreiben").action, urlencode(fields(page)), content_type=FORM)
    before = count(ahaus, account)
    anna.client.post(Page(resumed).form("schreiben").action, urlencode({**fields(resumed), "step": "save"}), content_type=FORM)
    assert count(ahaus, account) == before, "in the place of its older self"


def test_files_are_passed_over_and_said(ahaus, account, anna, written) -> None:
    to = action(anna)
    sessions.end_person(ahaus.id, account.person)
    del written["file"]
    parts = (f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in written.items())
    filled = "A" * 3_000_000
    body = "".join(parts) + '--x\r\nContent-Disposition: form-data; name="file"; filename="a.bin"\r\n\r\n' + f"{filled}\r\n--x--\r\n"
    page = lost(anna.client.post(to, body, content_type="multipart/form-data; boundary=x"))
    assert "Dateien wählen Sie danach" in page.text
    assert "Kanarienbetreff" in page.response.content.decode()
    huge = anna.client.post(to, "x", content_type="multipart/form-data; boundary=x", CONTENT_LENGTH="90000000")
    assert huge.status_code == 413, "nobody makes us read for ever"


def test_the_script_is_told_what_happened(ahaus, account, anna, written) -> None:
    to = action(anna)
    sessions.end_person(ahaus.id, account.person)
    answer = anna.client.post(to, urlencode({**written, "step": "auto"}), content_type=FORM)
    assert answer.status_code == 403
    assert "neuen Fenster" in answer.json()["said"]
    assert "draft" not in answer.json()


def test_a_form_from_another_site_fills_in_nothing(anna, written) -> None:
    answer = anna.client.post("/postfach/schreiben?token=x", urlencode(written), content_type=FORM, headers={"origin": "https://evil.example"})
    assert "Kanarienbetreff" not in answer.content.decode()
    assert "anderen Website" in answer.content.decode()


def test_a_token_that_is_too_old_sends_nothing_and_loses_nothing(ahaus, account, anna, written, monkeypatch) -> None:
    old = clock.now() - timedelta(hours=9)
    monkeypatch.setattr(clock, "now", lambda: old)
    to = action(anna)
    monkeypatch.undo()
    before = count(ahaus, account)
    response = anna.client.post(to, urlencode(written), content_type=FORM)
    assert unescape(fields(response)["subject"]) == "Kanarienbetreff"
    assert count(ahaus, account) == before


def test_without_cookies_the_text_can_be_copied(ahaus, account) -> None:
    browser = Browser()
    browser.login("anna.k@ahaus.net", cast.PASSWORD, way="url")
    prefix = browser.at.partition("/postfach")[0]
    form = browser.get(f"{prefix}/postfach/schreiben").form("schreiben")
    sessions.end_person(ahaus.id, account.person)
    page = lost(browser.client.post(form.action, urlencode({**form.values, **TYPED}), content_type=FORM))
    assert "Kopieren Sie bitte den Text" in page.text
    assert "Kanarienbetreff" in page.response.content.decode()
    assert prefix not in page.response.content.decode(), "the dead address is not handed on"


def test_the_officer_is_no_writer(ahaus, now, written) -> None:
    accounts.open_roles(ahaus, now=now)
    cast.doris(ahaus, now, "officer")
    officer = Browser()
    officer.desk("officer1", cast.STAFF_PASSWORD)
    answer = officer.client.post("/postfach/schreiben?token=x", urlencode(written), content_type=FORM)
    assert answer.status_code == 403
    assert "Kanarienbetreff" not in answer.content.decode()


def test_whoever_logs_in_at_the_same_browser_keeps_their_own_draft(ahaus, account, anna, ben, written) -> None:
    to = action(anna)
    assert anna.client.post(to, urlencode({**written, "step": "save"}), content_type=FORM).status_code == 302
    sent = {**written, **fields(anna.client.get("/postfach/schreiben/1"))}
    sessions.end_person(ahaus.id, account.person)
    anna.login("ben.b@ahaus.net", cast.PASSWORD)
    own = {**fields(anna.client.get("/postfach/schreiben")), **TYPED, "subject": "Bens Entwurf", "step": "save"}
    assert anna.client.post(action(anna), urlencode(own), content_type=FORM).status_code == 302
    resumed = anna.client.post(to, urlencode(sent), content_type=FORM)
    anna.client.post(Page(resumed).form("schreiben").action, urlencode({**fields(resumed), "step": "save"}), content_type=FORM)
    box = queries.opened(queries.mailbox_of(ahaus, ben.contract), holder=ben.contract)
    folder = next(row.number for row in queries.folders(box) if row.role == "drafts")
    assert {row.subject for row in queries.page(box, folder)} == {"Bens Entwurf", "Kanarienbetreff"}
