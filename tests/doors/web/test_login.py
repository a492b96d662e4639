"""Sessions in the browser: one cookie of random bytes, or by choice none; dead after the end (C-3.1 to C-3.4, C-3.7, C-3.8, C-3.10)."""

import re

import pytest

from tests.doors.web.conftest import Browser

SESSION_PATH = re.compile(r"/s/([A-Za-z0-9_-]{43})/")


def _login(browser: Browser, who: dict[str, str], way: str = "cookie", to: str = "", prefix: str = ""):
    return browser.send(f"{prefix}/anmelden", {**who, "way": way, "next": to})


def test_the_cookie(browser: Browser, ordered) -> None:
    response = _login(browser, ordered)
    assert response.status_code == 302
    assert list(response.cookies) == ["stadtmail"]
    cookie = response.cookies["stadtmail"]
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", cookie.value)
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"
    assert cookie["path"] == "/"
    assert not cookie["expires"]
    assert cookie["max-age"] == ""
    assert not cookie["domain"]
    assert not cookie["secure"]  # plain HTTP on the own machine: the policy says so


def test_on_tls_the_cookie_is_bound_to_the_host(browser: Browser, ordered) -> None:
    browser.get("/anmelden", secure=True)
    response = browser.post("/anmelden", {**browser.hidden(), **ordered, "way": "cookie", "next": ""}, secure=True)
    assert list(response.cookies) == ["__Host-stadtmail"]
    assert response.cookies["__Host-stadtmail"]["secure"]
    assert "Strict-Transport-Security" in response.headers


def test_two_sessions_of_one_browser_have_nothing_in_common(browser: Browser, ordered) -> None:
    first = _login(browser, ordered).cookies["stadtmail"].value
    second = _login(browser, ordered).cookies["stadtmail"].value
    assert first != second
    assert Browser().get("/postfach", headers={"cookie": f"stadtmail={first}"}).status_code == 302  # the older one is dead


def test_a_guessed_token_is_never_adopted(browser: Browser, ordered) -> None:
    browser.cookies["stadtmail"] = "A" * 43
    response = _login(browser, ordered)
    assert response.cookies["stadtmail"].value != "A" * 43


def test_wrong_and_unknown_look_the_same_and_set_nothing(browser: Browser, ordered) -> None:
    pages = []
    for who in ({**ordered, "password": "falsch"}, {"address": "niemand@ahaus.net", "password": "falsch"}):
        response = _login(browser, who)
        assert response.status_code == 403
        assert not response.cookies
        assert "falsch" not in browser.text
        pages.append(re.sub(r'value="[^"]*"', "", browser.text))
    assert pages[0] == pages[1]


def test_tries_are_limited(browser: Browser, ordered) -> None:
    answers = [_login(browser, {**ordered, "password": "falsch"}).status_code for _ in range(12)]
    assert answers[:10] == [403] * 10
    assert answers[-1] == 429
    assert _login(browser, ordered).status_code == 429


def test_after_logout_the_cookie_opens_nothing(browser: Browser, ordered) -> None:
    token = _login(browser, ordered).cookies["stadtmail"].value
    browser.get("/")
    logout = re.search(r'action="/abmelden"><input type="hidden" name="token" value="([^"]*)"', browser.text)
    assert logout
    response = browser.post("/abmelden", {"token": logout[1]})
    assert response.headers["Location"] == "/abgemeldet"
    cookie = response.cookies["stadtmail"]
    assert cookie.value == ""
    assert not cookie["expires"]
    for path in ("/postfach", "/datenschutz/meine-daten"):
        assert Browser().get(path, headers={"cookie": f"stadtmail={token}"}).status_code == 302


def test_logout_needs_the_form_of_this_session(browser: Browser, ordered) -> None:
    _login(browser, ordered)
    other = Browser()
    other.get("/anmelden")
    assert browser.post("/abmelden", {"token": other.hidden()["token"]}).status_code == 403
    assert browser.get("/abmelden").status_code == 302
    browser.get("/")
    assert 'action="/abmelden"' in browser.text


def test_without_cookies_by_choice(browser: Browser, ordered) -> None:
    response = _login(browser, ordered, "url", prefix="/en")
    assert not response.cookies
    found = SESSION_PATH.match(response.headers["Location"])
    assert found
    base = f"/s/{found[1]}"
    browser.get(f"{base}/en/")
    links = re.findall(r'(?:href|action)="(/[^"]*)"', browser.text)
    assert all(link.startswith((base, "/static/", "/zeichen")) or link == "/en/app.webmanifest" for link in links)
    assert f'href="{base}/" hreflang="de"' in browser.text
    assert browser.get(f"{base}/").headers["Cache-Control"] == "no-store"
    assert "noindex" in browser.get(f"{base}/").headers["X-Robots-Tag"]


def test_a_shared_link_is_dead_elsewhere(browser: Browser, ordered) -> None:
    location = _login(browser, ordered, "url").headers["Location"]
    base = SESSION_PATH.match(location)[0].rstrip("/")
    assert browser.get(f"{base}/").status_code == 200
    for more in ({"headers": {"user-agent": "Other"}}, {"REMOTE_ADDR": "198.51.100.7"}):
        stranger = Browser()
        stranger.get(f"{base}/", **more)
        assert "Anmelden" in stranger.text
        assert base not in stranger.text
        assert "/abmelden" not in stranger.text


def test_logout_without_cookie_ends_the_link(browser: Browser, ordered) -> None:
    base = SESSION_PATH.match(_login(browser, ordered, "url").headers["Location"])[0].rstrip("/")
    browser.get(f"{base}/")
    token = re.search(r'/abmelden"><input type="hidden" name="token" value="([^"]*)"', browser.text)
    assert token
    response = browser.post(f"{base}/abmelden", {"token": token[1]})
    assert response.headers["Location"] == "/abgemeldet"
    assert not response.cookies
    assert browser.get(f"{base}/postfach").headers["Location"].startswith("/anmelden")


def test_a_token_is_good_in_one_way_only(browser: Browser, ordered) -> None:
    cookie = _login(browser, ordered).cookies["stadtmail"].value
    url = SESSION_PATH.match(_login(Browser(), ordered, "url").headers["Location"])[1]
    Browser().get(f"/s/{cookie}/")
    assert Browser().get(f"/s/{cookie}/postfach").status_code == 302
    assert Browser().get("/postfach", headers={"cookie": f"stadtmail={url}"}).status_code == 302
    both = browser.get(f"/s/{url}/postfach")
    assert both.status_code == 400
    assert "mit und ohne Cookie" in browser.text
    assert url not in browser.text


def test_nobody_chose_a_token_in_the_address(browser: Browser) -> None:
    for path in ("/", "/bestellen", "/anmelden", "/postfach", "/en/"):
        response = browser.get(path)
        assert "/s/" not in browser.text
        assert "/s/" not in response.headers.get("Location", "")


def test_a_session_of_one_city_is_nothing_in_another(browser: Browser, ordered, musterstadt) -> None:
    token = _login(browser, ordered).cookies["stadtmail"].value
    assert Browser("musterstadt.localhost").get("/postfach", headers={"cookie": f"stadtmail={token}"}).status_code == 302


@pytest.mark.parametrize(
    "to",
    [
        "https://evil.example/", "//evil.example", "/\\evil.example", "\\\\evil.example", "/%2f/evil.example", "javascript:alert(1)",
        "///evil.example", "http:/evil", " /postfach", "/postfach\r\nSet-Cookie: a=b", "/s/" + "x" * 43 + "/postfach", "postfach",
        "/static/../x", "/nope",
    ],
)  # fmt: skip
@pytest.mark.parametrize("way", ["cookie", "url"])
def test_login_leads_nowhere_else(browser: Browser, ordered, to: str, way: str) -> None:
    response = _login(browser, ordered, way, to)
    assert response.status_code == 302
    assert re.fullmatch(r"(/s/[\w-]{43})?/postfach(/start)?", response.headers["Location"])
    assert list(response.cookies) == (["stadtmail"] if way == "cookie" else [])


def test_login_leads_back_to_the_page_that_was_asked_for(browser: Browser, ordered) -> None:
    target = browser.get("/en/datenschutz/meine-daten").headers["Location"]
    assert target == "/en/anmelden?next=/datenschutz/meine-daten"
    response = browser.get(target)
    response = browser.post("/en/anmelden", {**browser.hidden(), **ordered, "way": "cookie"})
    assert response.headers["Location"] == "/en/datenschutz/meine-daten"


def test_the_next_page_cannot_break_out_of_its_field(browser: Browser) -> None:
    browser.get("/anmelden?next=%22%3E%3Cscript%3Ealert(1)%3C/script%3E")
    assert "<script>" not in browser.text


def test_a_session_ends_after_half_an_hour_of_silence_and_after_twelve_hours(browser: Browser, ordered, wait) -> None:
    _login(browser, ordered)
    wait(29 * 60)
    assert browser.get("/postfach").status_code == 200
    wait(31 * 60)
    assert browser.get("/postfach").status_code == 302
    _login(browser, ordered)
    for _ in range(25):
        wait(29 * 60)
        browser.get("/postfach")
    assert browser.get("/postfach").status_code == 302


def test_the_texts_name_the_policys_limits(browser: Browser) -> None:
    browser.get("/anmelden")
    for text in ("30 Minuten", "zwölf Stunden", "20 Minuten", "acht Stunden"):
        assert text in browser.text


@pytest.mark.parametrize("signal", ["sec-gpc", "dnt"])
def test_c310_a_browser_that_refuses_tracking_is_offered_the_way_without_a_cookie_first(browser: Browser, signal: str) -> None:
    def ways(**headers: str) -> list[str]:
        response = browser.get("/anmelden", headers=headers)
        assert "Sec-GPC" in response.headers["Vary"]
        assert not response.cookies
        return re.findall(r'name="way" value="([a-z]+)"', browser.text)

    assert ways() == ["cookie", "url"]
    assert ways(**{signal: "0"}) == ["cookie", "url"]
    assert "Global Privacy Control" not in browser.text
    assert ways(**{signal: "1"}) == ["url", "cookie"]
    assert "an erster Stelle" in browser.text


def test_c28_a_password_that_is_changed_while_it_is_checked_opens_no_session(monkeypatch, browser: Browser, ordered, ahaus) -> None:
    from stadtmail.kit import clock
    from stadtmail.people import queries
    from stadtmail.people.actions import credentials
    from stadtmail.usage import sessions

    real, contract = credentials.sign_in, queries.address(ahaus, ordered["address"].partition("@")[0]).contract

    def sign_in(*args, **more):
        found = real(*args, **more)
        credentials.set_password(contract, tenant=ahaus, old=ordered["password"], new="ein anderer Satz 8", now=clock.now())
        sessions.end_person(ahaus.id, contract.person_id)
        return found

    monkeypatch.setattr(credentials, "sign_in", sign_in)
    response = _login(browser, ordered)
    assert not response.cookies
    assert response.headers["Location"].startswith("/anmelden")
    assert sessions.live_of(ahaus.id, contract.person_id, clock.now()) == []
