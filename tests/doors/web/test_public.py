"""The public pages: there in both languages, without cookie, without anything from elsewhere (C-1.1, C-3.1, C-3.8, C-3.9)."""

import re

import pytest

from tests.doors.web.conftest import Browser

PAGES = (
    "/", "/hilfe", "/agb", "/impressum", "/barrierefreiheit", "/barrierefreiheit/melden",
    "/bestellen", "/bestellen/brief", "/anmelden", "/anmelden/wiederherstellen",
    "/abgemeldet", "/abholen",
    "/datenschutz", "/datenschutz/version/1", "/datenschutz/verzeichnis", "/datenschutz/auftragsverarbeitung", "/datenschutz/nachweis",
)  # fmt: skip
FILES = ("/stadt.css", "/robots.txt", "/datenschutz/nachweis/log.json", "/static/web/app.css", "/static/vendor/kern.css")
STORAGE = re.compile(r"localStorage|sessionStorage|indexedDB|document\.cookie|serviceWorker|caches\.")


def _loads(html: str) -> list[str]:
    """Every address that the page makes a browser ask for on its own."""
    tags = re.findall(r"<(?:link|script|img|iframe|source|video|audio|object|embed|form|button)\b[^>]*>", html)
    return [address for tag in tags for address in re.findall(r'(?:src|href|srcset|action|formaction|data|poster)="([^"]*)"', tag)]


@pytest.mark.parametrize("prefix", ["", "/en"])
@pytest.mark.parametrize("path", PAGES)
def test_page_stands_in_its_language_and_sets_nothing(browser: Browser, path: str, prefix: str) -> None:
    response = browser.get(f"{prefix}{'' if prefix and path == '/' else path}")
    assert response.status_code == 200
    assert not response.cookies
    assert f'<html lang="{prefix.strip("/") or "de"}">' in browser.text
    assert len(re.findall(r"<h1[ >]", browser.text)) == 1
    assert all(address.startswith(("/", "data:")) and not address.startswith("//") for address in _loads(browser.text))
    assert "style=" not in browser.text
    assert "<style" not in browser.text
    assert not re.search(r"<script(?![^>]*\bsrc=)|\bon\w+=\"", browser.text)


@pytest.mark.parametrize("path", PAGES)
def test_language_switch_leads_to_the_same_page_and_back(browser: Browser, path: str) -> None:
    browser.get(path)
    english = re.search(r'href="([^"]*)" hreflang="en"', browser.text)
    assert english
    assert browser.get(english[1]).status_code == 200
    back = re.search(r'href="([^"]*)" hreflang="de"', browser.text)
    assert back
    assert back[1] == path


@pytest.mark.parametrize("path", [*PAGES, *FILES, "/gibt-es-nicht", "/postfach", "/schreibtisch"])
def test_no_answer_sets_a_cookie_or_may_load_from_elsewhere(browser: Browser, path: str) -> None:
    response = browser.get(path, headers={"cookie": "stadtmail=guessed; other=1", "sec-gpc": "1"})
    assert not response.cookies
    policy = response.headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "http" not in policy
    assert policy.startswith("default-src 'self'" if not path.endswith(".json") else "default-src 'none'")
    assert response.headers["Referrer-Policy"] == "same-origin"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert "Access-Control-Allow-Origin" not in response.headers


@pytest.mark.parametrize("path", FILES)
def test_files_are_the_same_for_everybody(browser: Browser, path: str) -> None:
    first, second = browser.get(path), Browser().get(path)
    assert first.status_code == 200
    assert first.headers.get("ETag") == second.headers.get("ETag")  # no identifier (C-3.10)
    assert first.getvalue() == second.getvalue()


def test_scripts_know_no_storage() -> None:
    from pathlib import Path

    import stadtmail.doors.web as door

    for script in (Path(door.__path__[0]) / "static" / "web").glob("*.js"):
        assert not STORAGE.search(script.read_text()), script.name


def test_stylesheets_load_nothing_from_elsewhere() -> None:
    from pathlib import Path

    import stadtmail.doors.web as door

    for sheet in (Path(door.__path__[0]) / "static").rglob("*.css"):
        addresses = re.findall(r"url\(\s*['\"]?([^)'\"]{1,200})", sheet.read_text())
        assert all(not re.match(r"(?:https?:)?//", address) for address in addresses), sheet.name


def test_each_city_shows_itself_only(ahaus, musterstadt) -> None:
    own, other = Browser(), Browser("musterstadt.localhost")
    for path in ("/", "/impressum", "/datenschutz", "/datenschutz/verzeichnis", "/datenschutz/auftragsverarbeitung", "/hilfe"):
        own.get(path)
        other.get(path)
        assert "Ahaus" in own.text
        assert "Musterstadt" not in own.text
        assert "Musterstadt" in other.text
        assert not re.search(r"Stadt Ahaus|AHAUS\.NET|ahaus\.net|ahaus\.localhost", other.text)  # (its operator sits in Ahaus)


def test_no_cookie_wall_but_one_hint(browser: Browser) -> None:
    for path in PAGES:
        browser.get(path)
        assert "<dialog" not in browser.text
        assert not re.search(r"akzeptieren|zustimmen und weiter|cookie-banner", browser.text, re.IGNORECASE)


def _clauses(page: str) -> list[str]:
    """The sentences of a notice, without the page around them."""
    return re.findall(r'<div class="clause" id="C-.*?</div>', page, re.DOTALL)


def test_c11_an_old_notice_stays_and_one_that_never_was_is_not_there(browser: Browser, new_policy) -> None:
    """The city has a new mayor; who was shown the old notice can read it, word for word."""
    before = {}
    for prefix, mayor in (("", "die Bürgermeisterin Karola Voß"), ("/en", "Mayor Karola Voß")):
        browser.get(f"{prefix}/datenschutz")
        assert mayor in browser.text
        before[prefix] = _clauses(browser.text)
        assert len(before[prefix]) == 62
    new_policy(("die Bürgermeisterin Karola Voß", "den Bürgermeister Neuhold Kanarius"), ("Mayor Karola Voß", "Mayor Neuhold Kanarius"))
    for prefix, sentences in before.items():
        browser.get(f"{prefix}/datenschutz")
        assert "Kanarius" in browser.text
        assert "Voß" not in "".join(_clauses(browser.text))
        assert browser.get(f"{prefix}/datenschutz/version/1").status_code == 200
        assert _clauses(browser.text) == sentences
    assert "Eine frühere Fassung" in (browser.get("/datenschutz/version/1"), browser.text)[1]
    assert browser.get("/datenschutz/version/2").status_code == 200
    assert "Eine frühere Fassung" not in browser.text


def test_c11_a_notice_stays_word_for_word_when_a_later_program_words_it_differently(browser: Browser, ahaus, now, monkeypatch) -> None:
    from stadtmail.privacy import measures
    from stadtmail.privacy.notice import clauses

    browser.get("/datenschutz")
    before, real = _clauses(browser.text), clauses.sentences

    def reworded(lang: str):
        said = real(lang)
        return {**said, "clause": {**said["clause"], "C-4.1": {"text": "Ganz anders gesagt."}}}

    measures.started(now)
    assert "wortlaut" not in (browser.get("/datenschutz/version/1"), browser.text)[1]  # the same program again is no new wording
    monkeypatch.setattr(clauses, "sentences", reworded)
    measures.started(now)
    browser.get("/datenschutz/version/1")
    assert "Ganz anders gesagt" in browser.text
    assert "/datenschutz/version/1/wortlaut/1" in browser.text
    assert "Eine frühere Fassung" not in browser.text
    browser.get("/datenschutz/version/1/wortlaut/1")
    assert _clauses(browser.text) == before
    assert "Eine frühere Fassung" in browser.text
    assert browser.get("/datenschutz/version/1/wortlaut/3").status_code == 404


def test_an_unknown_version_is_not_there(browser: Browser) -> None:
    assert browser.get("/datenschutz/version/7").status_code == 404
    assert browser.get("/datenschutz/version/99999999999999999999999").status_code == 404


def test_every_clause_has_its_anchor(browser: Browser) -> None:
    from stadtmail.privacy.policy.clauses import CLAUSES

    for path in ("/datenschutz", "/datenschutz/nachweis", "/en/datenschutz"):
        browser.get(path)
        assert {clause.id for clause in CLAUSES} == set(re.findall(r'id="(C-[\d.a-e]+)"', browser.text))


def test_every_link_and_anchor_of_the_public_pages_leads_somewhere(browser: Browser) -> None:
    for path in PAGES:
        browser.get(path)
        here = browser.text
        for link in sorted(set(re.findall(r'href="(/[^"]*|#[^"]*)"', here))):
            target, _, anchor = link.partition("#")
            page = here
            if target:
                response = browser.get(target)
                assert response.status_code in (200, 302), (path, link)
                page = browser.text if not response.streaming and response.status_code == 200 else ""
            if anchor and page:
                assert f'id="{anchor}"' in page, (path, link)


def test_english_dates_are_british(browser: Browser) -> None:
    browser.get("/en/datenschutz")
    assert "valid from 1 November 2026" in browser.text
    browser.get("/datenschutz")
    assert "gültig ab 1. November 2026" in browser.text
