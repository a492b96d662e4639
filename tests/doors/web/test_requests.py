"""What strangers and proxies claim, what is too much, what comes from elsewhere: refused, and told how to go on (C-2.1, C-1.1)."""

import pytest
from django.http import HttpRequest

from stadtmail.doors.web import origin
from tests.doors.web.conftest import GIVEN, Browser, order


@pytest.mark.parametrize(
    "host",
    ["evil.example", "ahaus.localhost.evil.example", "ahaus.localhost, evil", "a b", "ahaus.localhost/", "[::", "", "ahaus.localhost\t"],
)
@pytest.mark.parametrize("path", ["/", "/anmelden", "/static/web/app.css", "/gibt-es-nicht", "/en/", "/s/" + "x" * 43 + "/"])
def test_unknown_host_learns_nothing(ahaus, host: str, path: str) -> None:
    response = Browser(host).get(path)
    assert response.status_code == 421
    assert b"AHAUS" not in response.content
    assert not response.cookies
    assert "unsafe" not in response.headers["Content-Security-Policy"]


HOSTS = ("AHAUS.localhost", "ahaus.localhost.", "ahaus.localhost:8000", "127.0.0.1:8000", "localhost", "[::1]:8000")


@pytest.mark.parametrize("host", HOSTS)
def test_the_citys_names_in_every_spelling(ahaus, host: str) -> None:
    browser = Browser(host)
    assert browser.get("/").status_code == 200
    assert host not in browser.text  # links are relative to the host


def test_claims_of_proxies_are_not_believed(ahaus, musterstadt) -> None:
    browser = Browser()
    claims = {"x-forwarded-host": "musterstadt.localhost", "x-forwarded-proto": "https", "forwarded": "host=musterstadt.localhost"}
    response = browser.get("/", headers=claims)
    assert "AHAUS.NET" in browser.text
    assert "Strict-Transport-Security" not in response.headers


@pytest.mark.parametrize("header", ["HTTP_X_FORWARDED_FOR", "HTTP_X_REAL_IP", "HTTP_FORWARDED", "HTTP_TRUE_CLIENT_IP"])
def test_c25_a_claimed_address_is_nobodys_network(header: str) -> None:
    """Else whoever claims another one for each guess is never counted."""
    request = HttpRequest()
    request.META |= {"REMOTE_ADDR": "198.51.100.7", header: "203.0.113.9"}
    assert origin.network(request) == "198.51.100.0/24"
    origin.forget_claims(request)
    assert header not in request.META


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND"])
def test_other_methods_are_refused(browser: Browser, method: str) -> None:
    response = browser.generic(method, "/")
    assert response.status_code == 405
    assert response.headers["Allow"] == "GET, HEAD, POST"


@pytest.mark.parametrize("path", ["/", "/anmelden", "/bestellen", "/static/web/app.css", "/stadt.css"])
def test_head_answers_as_get_does(browser: Browser, path: str) -> None:
    assert browser.head(path).status_code == 200


@pytest.mark.parametrize("path", ["//evil.example/", "/en//evil.example/", "/\\evil.example", "/en/\\evil.example", "/%2f%2fevil.example"])
def test_no_link_leads_out_of_the_house(browser: Browser, path: str) -> None:
    response = browser.generic("GET", "/", PATH_INFO=path)
    assert response.status_code == 404
    for cut in browser.text.split('href="')[1:]:
        address = cut.partition('"')[0]
        assert not address.startswith(("//", "/\\", "http")), address


@pytest.mark.parametrize("path", ["/gibt-es-nicht", "/en/gibt-es-nicht", "/bestellen/", "/%ff%fe", "/en/%00", "/" + "x" * 3000])
def test_a_missing_page_helps_on(browser: Browser, path: str) -> None:
    assert browser.get(path).status_code == 404
    assert ("This page does not exist" if path.startswith("/en") else "Diese Seite gibt es nicht") in browser.text
    assert 'href="/en/' in browser.text or 'href="/"' in browser.text


def test_a_form_needs_its_own_fresh_token(browser: Browser, wait, musterstadt) -> None:
    fields = {"address": "anna@ahaus.net", "password": "x", "way": "cookie", "next": ""}
    assert browser.post("/anmelden", fields).status_code == 403
    browser.get("/bestellen")
    assert browser.post("/anmelden", {**fields, "token": browser.hidden()["token"]}).status_code == 403
    other = Browser("musterstadt.localhost")
    other.get("/anmelden")
    assert browser.post("/anmelden", {**fields, "token": other.hidden()["token"]}).status_code == 403
    browser.get("/anmelden")
    token = browser.hidden()["token"]
    mac = token.partition(".")[2]
    for bad in (token[:-1], f"{token}A", f"x.{mac}", f"7fffffffffffffff.{mac}", f"-1.{mac}", "", "ä.ß", "."):
        assert browser.post("/anmelden", {**fields, "token": bad}).status_code == 403
    wait(8 * 3600 + 60)
    assert browser.post("/anmelden", {**fields, "token": token}).status_code == 403
    assert "Es wurde nichts gespeichert" in browser.text


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"}, {"origin": "null"}, {"origin": "http://ahaus.localhost:81"},
        {"origin": "https://ahaus.localhost"},
        {"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"},
        {"origin": "http://ahaus.localhost", "sec-fetch-site": "cross-site"},
    ],
)  # fmt: skip
def test_a_form_from_another_site_is_refused(browser: Browser, headers: dict[str, str]) -> None:
    response = browser.send("/anmelden", {"address": "a@ahaus.net", "password": "x", "way": "cookie", "next": ""}, headers=headers)
    assert response.status_code == 403
    assert "anderen Website" in browser.text


def test_a_form_from_the_same_site_is_taken(browser: Browser) -> None:
    headers = {"origin": "http://ahaus.localhost", "sec-fetch-site": "same-origin"}
    response = browser.send("/anmelden", {"address": "a@ahaus.net", "password": "x", "way": "cookie", "next": ""}, headers=headers)
    assert "stimmen nicht" in browser.text
    assert response.status_code == 403


@pytest.mark.parametrize("more", ["phone", "iban", "comment", "csrfmiddlewaretoken", "is_admin", "name[]", "", "wait", "terms"])
@pytest.mark.parametrize("value", ["", "0256112345"])
def test_surplus_fields_are_refused_not_ignored(browser: Browser, more: str, value: str) -> None:
    response = browser.send("/bestellen", {**GIVEN, "step": "check", more: value})
    assert response.status_code == 400
    assert "mehr, als wir gefragt haben" in browser.text
    assert "comment" not in browser.text


@pytest.mark.parametrize("step", ["", "done", "check\x00", "admin"])
def test_an_unknown_step_is_refused(browser: Browser, step: str) -> None:
    assert browser.send("/bestellen", {"step": step}).status_code == 400


def test_a_field_sent_twice_is_refused(browser: Browser) -> None:
    browser.get("/anmelden")
    fields = {**browser.hidden(), "address": ["a@ahaus.net", "b@ahaus.net"], "password": "x", "way": "cookie"}
    assert browser.post("/anmelden", fields).status_code == 400


def test_other_kinds_of_bodies_are_refused(browser: Browser) -> None:
    browser.get("/anmelden")
    token = browser.hidden()["token"]
    assert browser.post("/anmelden", f'{{"token": "{token}"}}', content_type="application/json").status_code == 400
    body = '--x\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\nCANARY\r\n--x--\r\n'
    assert browser.post("/anmelden", body, content_type="multipart/form-data; boundary=x").status_code == 400


def test_too_much_is_413_and_too_many_is_400(browser: Browser) -> None:
    assert browser.post("/anmelden", "token=" + "x" * (1024 * 1024 + 1)).status_code == 413
    assert "zu groß" in browser.text
    assert browser.post("/anmelden", "&".join(f"f{number}=1" for number in range(200))).status_code == 400


def test_errors_carry_nothing_of_the_request(browser: Browser) -> None:
    for path in ("/gibt-es-nicht?q=CANARYCANARY", "/CANARYCANARY", "/datenschutz/version/CANARYCANARY"):
        browser.get(path, headers={"referer": "http://CANARYCANARY/", "user-agent": "CANARYCANARY"})
        main = browser.text.partition("<main")[2].partition("</main>")[0]
        assert "CANARYCANARY" not in main


def test_a_bug_says_so_and_nothing_else(browser: Browser, monkeypatch) -> None:
    from stadtmail.kit import log
    from stadtmail.people.actions import credentials

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("CANARYCANARY anna@ahaus.net")

    written: list[dict[str, object]] = []
    monkeypatch.setattr(log, "_write", written.append)
    monkeypatch.setattr(credentials, "sign_in", broken)
    response = browser.send("/anmelden", {"address": "anna@ahaus.net", "password": "x", "way": "cookie", "next": ""})
    assert response.status_code == 500
    assert "CANARY" not in browser.text
    assert "CANARY" not in str(written)
    assert any(line.get("error") == "RuntimeError" for line in written)


def test_a_cookie_that_no_policy_lists_is_dropped(browser: Browser, monkeypatch) -> None:
    from stadtmail.doors.web import headers

    real, planted = headers.secure, []

    def plant(request, response) -> None:
        real(request, response)
        response.set_cookie("sessionid", "erika@ahaus.net")
        response.set_cookie("stadtmail", "x", max_age=3600)
        planted.append(request.path)

    monkeypatch.setattr(headers, "secure", plant)
    paths = ["/", "/static/web/app.css", "/gibt-es-nicht", "/en/"]
    for path in paths:
        assert not browser.get(path).cookies
    assert planted == paths


def test_nothing_of_an_unfinished_order_stays(browser: Browser, wait) -> None:
    """C-2.3: byte search over data folder and tmpfs, before anything could have been purged."""
    secret = {"name": "Kanarius Zwölfender", "street": "Unauffindbarweg 77", "password": "CANARYpw12345678", "localpart": "kanarius.z"}
    browser.send("/bestellen", {**GIVEN, **secret, "password_again": secret["password"], "step": "check"})
    assert "Kanarius Zwölfender" in browser.text
    browser.post("/bestellen", {**browser.hidden(), "step": "place", "terms": ""})  # refused: terms
    found = _bytes_of_everything()
    for text in (*secret.values(), "CANARYpw"):
        assert not any(text.encode() in raw or text.encode("utf-16-le") in raw for raw in found.values()), text
    order(browser, wait, **secret, password_again=secret["password"])  # a finished one is sealed as well
    assert not any(secret["password"].encode() in raw for raw in _bytes_of_everything().values())


def _bytes_of_everything() -> dict[str, bytes]:
    from stadtmail.kit import config
    from stadtmail.usage import folder as volatile

    folders = [config.load().data, volatile.current()]  # temporary files of the program lie in the data folder too
    return {str(path): path.read_bytes() for folder in folders for path in folder.rglob("*") if path.is_file()}
