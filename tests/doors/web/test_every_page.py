"""Every URL of the table, asked by everybody who has no business there: nothing of Anna is shown, nothing is done (C-4.7, C-2.8, C-3.8).

The list of pages is the table itself: a page that is added is asked as well, and fails here until it says who may see it.
"""

from urllib.parse import urlencode

import pytest
from django.urls import URLPattern

from stadtmail.doors.web.urls import urlpatterns
from stadtmail.mail.actions import accounts
from tests.doors.web import cast
from tests.doors.web.browsing import Browser

PUBLIC = frozenset(
    {
        "start", "looks", "robots", "help", "terms", "imprint", "accessibility", "order", "letter", "login", "recover", "goodbye",
        "collect", "notice", "notice_version", "notice_wording", "register", "annex", "proof", "proof_log", "verifier", "desk_login",
        "setup", "apple", "autoconfig", "autoconfig_host", "mta_sts", "autodiscover", "autodiscover_v2", "autodiscover_v2_path",
        "manifest", "shape", "icon", "feedback", "passkey_ask",
    }
)  # fmt: skip
# to a public page, whoever asks
LEADS_ON = frozenset({"second_step", "passkey_login", "desk_setup", "logout", "collect_download", "collect_receipt", "collect_take_back"})
RESIDENTS = frozenset(
    {"my_data", "my_data_download", "my_data_receipt", "withdraw", "correct", "restrict", "password", "end_sessions", "cancel",
     "end_session", "stop_reset", "mail_programs", "revoke_app_password", "mail_login", "second_factor", "factor_app",
     "factor_passkey", "factor_alone", "factor_codes", "factor_off", "import", "import_file", "sealing", "mail_settings", "rules",
     "rule_new", "rule", "scripts", "script_new", "script", "away", "forwards", "addresses", "address", "view", "home_dismiss",
     "give", "picture_senders", "receipt_choice", "login_notes"}
)  # fmt: skip
READERS = frozenset(
    {"home", "mailbox", "folder", "message", "message_html", "attachment", "attachments_zip", "message_print", "source"}
)
SHARED = frozenset(  # of somebody else, or nothing
    {"shares", "shared_folder", "shared_message", "shared_html", "shared_part", "shared_handle"}
)
HANDLING = frozenset(
    {"handle", "undo", "delete", "news", "labels", "folders", "folder_edit", "preview", "pdf", "unsubscribe", "pictures"}
    # of a mailbox; GET shows no content
)
WRITERS = frozenset({"compose", "draft", "answer", "forward", "planned", "waiting", "signature", "receipt"})  # residents who read
SEARCH = frozenset({"find"})  # shows nothing before it is asked
DESK = frozenset({"desk", "desk_order", "desk_contract", "desk_codes", "desk_reset"})
SECRETS = ("Kanariengelb", "Marktstraße", "anna.k", "Zitronenbrief", "29. Februar 1980", "1980-02-29")
ORDER = "0b54ffb5-2c4f-4f0e-9d9f-3f3a9d0f6a11"
LETTER = (
    b"From: x@example.org\r\nTo: anna.k@ahaus.net\r\nSubject: Zitronenbrief\r\nMIME-Version: 1.0\r\n"
    b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n<p>Zitronenbrief</p>\r\n'
    b"--b\r\nContent-Type: text/plain\r\nContent-Disposition: attachment; filename=a.txt\r\n\r\nZitronenbrief\r\n--b--\r\n"
)


def address(pattern: URLPattern, folder: int = 1, uid: int = 2) -> str:
    """The page's address, with numbers that exist in Anna's mailbox."""
    route = str(pattern.pattern)
    given = {
        "<int:number>": "1", "<int:size>": "192", "<int:folder>": str(folder), "<int:uid>": str(uid), "<str:part>": "2",
        "<uuid:order>": ORDER, "<uuid:script>": ORDER, "<uuid:alias>": ORDER, "<str:rule>": "0123456789ab", "<uuid:message>": ORDER,
        "<uuid:share>": ORDER,
    }  # fmt: skip
    for name, value in given.items():
        route = route.replace(name, value)
    return f"/{route}"


PAGES = {pattern.name: address(pattern) for pattern in urlpatterns}
CLOSED = sorted(PAGES.keys() - PUBLIC - LEADS_ON)


@pytest.fixture
def anna(ahaus, now):
    opened = cast.resident(ahaus, "anna.k", now)
    cast.deliver(LETTER, "anna.k@ahaus.net", now=now)
    return opened


def ask(browser: Browser, name: str) -> list:
    """GET and POST, with a token of another form as a stranger would send it."""
    fields = {"token": browser.get("/anmelden").form("anmelden").values["token"], "password": cast.PASSWORD, "step": "place", "when": "now"}
    post = browser.client.post(PAGES[name], urlencode(fields), content_type="application/x-www-form-urlencoded")
    return [browser.client.get(PAGES[name]), browser.client.head(PAGES[name]), post]


def shown(response) -> str:
    body = response.getvalue() if response.streaming else response.content
    return body.decode("utf-8", "replace") + str(dict(response.headers))


def assert_nothing(responses: list) -> None:
    for response in responses:
        text = shown(response)
        assert not [secret for secret in SECRETS if secret in text], response
        assert "Content-Security-Policy" in response.headers
        assert "script-src" not in response.headers["Content-Security-Policy"]


def test_the_table_is_whole() -> None:
    assert set(PAGES) == PUBLIC | LEADS_ON | RESIDENTS | READERS | HANDLING | WRITERS | SEARCH | DESK | SHARED


def test_anna_sees_her_pages(anna) -> None:
    """What the tests below ask for does exist."""
    browser = Browser()
    browser.login("anna.k@ahaus.net", cast.PASSWORD)
    for name in READERS | {"my_data", "correct", "compose", "answer"}:
        response = browser.client.get(PAGES[name])
        assert response.status_code == 200, name
        text = shown(response)
        assert any(secret in text for secret in SECRETS), name
        assert response.headers["Cache-Control"] == "no-store"
        assert "noindex" in response.headers["X-Robots-Tag"]


def test_the_front_door_leads_on_whoever_is_logged_in(anna, ahaus, now) -> None:
    resident, desk = Browser(), Browser()
    resident.login("anna.k@ahaus.net", cast.PASSWORD)
    cast.doris(ahaus, now)
    desk.desk("desk1", cast.STAFF_PASSWORD)
    assert "Zum Postfach" in resident.get("/").text
    assert "Zum Schreibtisch" in desk.get("/").text
    assert "Zum Postfach" not in Browser().get("/").text


@pytest.mark.parametrize("host", ["ahaus.localhost", "musterstadt.localhost"])
def test_c47_a_stranger_is_led_to_the_login(anna, musterstadt, host: str) -> None:
    browser = Browser(host)
    for name in CLOSED:
        responses = ask(browser, name)
        assert [response.status_code for response in responses] == [302, 302, 403], name
        assert "anmelden" in responses[0].headers["Location"], name
        assert_nothing(responses)


def test_c47_another_resident_sees_and_does_nothing_of_annas(anna, ahaus, now) -> None:
    cast.resident(ahaus, "ben.b", now, street="Wallstraße 3", birth_date="1979-11-02")
    browser = Browser()
    browser.login("ben.b@ahaus.net", cast.PASSWORD)
    for name in CLOSED:
        assert_nothing(ask(browser, name))
    Browser().login("anna.k@ahaus.net", cast.PASSWORD)


def test_c47_a_session_of_another_city_opens_nothing(anna, musterstadt, now) -> None:
    cast.resident(musterstadt, "clara.c", now)
    clara = Browser("musterstadt.localhost")
    clara.login("clara.c@musterstadt.example", cast.PASSWORD)
    here = Browser()
    here.client.cookies["stadtmail"] = clara.client.cookies["stadtmail"].value
    for name in CLOSED:
        responses = ask(here, name)
        assert [response.status_code for response in responses] == [302, 302, 403], name
        assert_nothing(responses)


@pytest.mark.parametrize("role", ["desk", "officer"])
def test_c47_the_staff_sees_no_page_of_a_resident(anna, ahaus, now, role: str) -> None:
    accounts.open_roles(ahaus, now=now)
    cast.doris(ahaus, now, role)
    browser = Browser()
    browser.desk(f"{role}1", cast.STAFF_PASSWORD)
    for name in RESIDENTS | READERS | HANDLING | WRITERS | (DESK if role == "officer" else frozenset()):
        assert_nothing(ask(browser, name))
    for name in RESIDENTS:
        assert browser.client.get(PAGES[name]).status_code == 302, name


def test_c28_after_the_end_nothing_opens(anna, ahaus, now) -> None:
    browser = Browser()
    browser.login("anna.k@ahaus.net", cast.PASSWORD)
    cookie = browser.client.cookies["stadtmail"].value
    check = browser.send(browser.get("/datenschutz/kuendigen").form("kuendigen"), when="now", day="", step="check")
    browser.send(check.form("kuendigen"), step="place", password=cast.PASSWORD)
    late = Browser()
    late.client.cookies["stadtmail"] = cookie
    for name in CLOSED:
        responses = ask(late, name)
        assert [response.status_code for response in responses] == [302, 302, 403], name
        assert_nothing(responses)
