"""The search of a mailbox on the web: it finds, it explains, and what somebody looked for stands in no address (C-4.7, C-2.4)."""

from datetime import timedelta
from urllib.parse import unquote

import pytest

from stadtmail.kit import config
from tests.doors.web import cast
from tests.doors.web.browsing import Browser

MAIL = "From: Karl Kiesel <karl@example.org>\r\nSubject: {}\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{}\r\n"


@pytest.fixture
def anna(ahaus, now) -> Browser:
    cast.resident(ahaus, "anna.k", now)
    browser = Browser()
    browser.login("anna.k@ahaus.net", cast.PASSWORD)
    return browser


def deliver(subject: str, text: str, now, to: str = "anna.k@ahaus.net") -> None:
    cast.deliver(MAIL.format(subject, text).encode(), to, now=now)


def look(browser: Browser, text: str = "", **more: str):
    return browser.send(browser.get("/postfach").form("postfach/suchen"), status=302, text=text, **more)


def test_a_word_leads_to_the_message(anna, now) -> None:
    deliver("Müllabfuhr", "Am Dienstag kommt der Wagen.", now)
    page = look(anna, "muell dienst")
    assert "Karl Kiesel" in page.text
    assert "Posteingang" in page.text
    (link,) = {link for link in page.links if link.startswith("/postfach/1/")}
    assert "Am Dienstag kommt der Wagen." in anna.get(link).text


def test_nothing_found_says_what_helps_in_both_languages(anna, now) -> None:
    assert "Prüfen Sie bitte die Schreibweise" in look(anna, "gibtesnicht").text
    english = anna.send(anna.get("/en/postfach").form("postfach/suchen"), status=302, text="gibtesnicht")
    assert "Nothing found" in english.text
    assert "spelling" in english.text


def test_c24_what_somebody_looked_for_is_in_no_address_and_no_log(anna, now) -> None:
    deliver("Suchkanarie-Betreff", "x", now)
    page = look(anna, "Suchkanarie", sender="Karl")
    assert "Suchkanarie-Betreff" in page.text
    for place in (anna.at, *page.links, *(form.action for form in page.forms)):
        assert "kanarie" not in unquote(place).lower()
    for path in config.load().data.rglob("*"):
        if path.is_file():
            assert b"uchkanarie" not in path.read_bytes(), path
    again = anna.get(anna.at)  # "back" and "reload" work
    assert "Suchkanarie-Betreff" in again.text
    assert again.response.headers["Cache-Control"] == "no-store"


def test_the_exact_form(anna, now) -> None:
    deliver("Alt", "Brief", now - timedelta(days=40))
    deliver("Neu", "Brief", now)
    form = anna.get("/postfach/suchen").form("postfach/suchen")
    assert "Neu" in anna.send(form, status=302, text="brief", since="2026-11-20", folder="1", unread="1").text
    old = anna.send(form, status=302, until="2026-11-01").text
    assert "Alt" in old
    assert "Neu" not in old
    assert "Nichts gefunden" in anna.send(form, status=302, text="brief", folder="6").text
    assert "Nichts gefunden" in anna.send(form, status=302, text="brief", attached="1").text


def test_by_size(anna, now) -> None:
    deliver("Klein", "Brief", now)
    deliver("Gross", "Brief " * 400_000, now)
    form = anna.get("/postfach/suchen").form("postfach/suchen")
    assert [word in anna.send(form, status=302, larger="2").text for word in ("Gross", "Klein")] == [True, False]
    assert [word in anna.send(form, status=302, larger="0,001", text="brief").text for word in ("Gross", "Klein")] == [True, False]
    assert "Nichts gefunden" in anna.send(form, status=302, larger="99").text
    for wrong in ("viel", "0", "-1", "1e9", "5 MB"):
        page = anna.send(form, status=400, larger=wrong, text="brief")
        assert "zum Beispiel 5 oder 0,5" in page.text
        assert f'value="{wrong}"' in page.response.content.decode()


NOT_MEANT = [{}, {"since": "2026-02-30"}, {"since": "gestern"}, {"until": "9999-99-99"},
             {"folder": "99", "text": "x"}, {"folder": "a", "text": "x"}]  # fmt: skip


@pytest.mark.parametrize("given", NOT_MEANT)
def test_what_cannot_be_meant_is_explained(anna, given) -> None:
    page = anna.send(anna.get("/postfach/suchen").form("postfach/suchen"), status=400, **given)
    assert "gibt es nicht" in page.text or "wonach wir suchen" in page.text


SIGNS = ['"', '" OR 1', "NEAR(a b)", "col:x", "*", "a" * 500, "\x00", "'; DROP TABLE doc; --", "𝕏", "- -", "(", "ß"]


@pytest.mark.parametrize("text", SIGNS)
def test_signs_of_the_index_mean_nothing(anna, now, text) -> None:
    deliver("x", "y", now)
    assert look(anna, text).response.status_code == 200 if text.strip() else True


def test_older_results_are_a_page_away(anna, now) -> None:
    for number in range(53):
        deliver(f"Nummer {number}.", "Serienbrief", now + timedelta(seconds=number))
    first = look(anna, "serienbrief")
    older = next(link for link in first.links if "suche=" in link and "postfach/suchen" in link and not link.startswith("/en"))
    second = anna.get(older)
    for number in range(53):
        assert (f"Nummer {number}." in first.text) != (f"Nummer {number}." in second.text)


def test_c47_the_address_of_an_answer_opens_nothing_for_others(anna, ahaus, musterstadt, now) -> None:
    deliver("Suchkanarie", "x", now)
    look(anna, "suchkanarie")
    address = anna.at
    cast.resident(ahaus, "ben.b", now, street="Wallstraße 3", birth_date="1979-11-02")
    ben = Browser()
    ben.login("ben.b@ahaus.net", cast.PASSWORD)
    assert ben.raw(address, status=302).headers["Location"] == "/postfach/suchen"
    assert "suchkanarie" not in look(ben, "suchkanarie").text.lower().replace('value="suchkanarie"', "")
    cast.resident(musterstadt, "clara.c", now)
    clara = Browser("musterstadt.localhost")
    clara.login("clara.c@musterstadt.example", cast.PASSWORD)
    assert clara.raw(address, status=302).headers["Location"] == "/postfach/suchen"
    stranger = Browser()
    assert stranger.raw(address, status=302).headers["Location"].startswith("/anmelden")
    assert anna.raw("/postfach/suchen?suche=abc", status=302)


def test_without_cookies_it_works_too(ahaus, now) -> None:
    cast.resident(ahaus, "anna.k", now)
    browser = Browser()
    page = browser.login("anna.k@ahaus.net", cast.PASSWORD, way="url")
    deliver("Ohne Cookie", "Kiosk", now)
    found = browser.send(page.form("postfach/suchen"), status=302, text="kiosk")
    assert "Ohne Cookie" in found.text
