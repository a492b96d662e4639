"""The page on which a mailbox is sealed, and what the portal shows of a sealed one: in its session, and without."""

import io
import random
import re
import zipfile
from datetime import timedelta

import pytest

from stadtmail.kit import clock
from stadtmail.mail import queries, wraps
from stadtmail.people import queries as people
from stadtmail.people.actions import credentials
from stadtmail.usage import connections, sessions
from tests.doors.web import cast
from tests.doors.web.conftest import Browser

ADDRESS, PAGE, NEW = "anna.k@ahaus.net", "/datenschutz/meine-daten/versiegelung", "ein anderer Satz 8"
MAIL = b"From: Vera <vera@elsewhere.example>\r\nTo: anna.k@ahaus.net\r\nSubject: Mohnblume 77\r\n\r\nKornblume 99\r\n"


@pytest.fixture
def anna(ahaus, now):
    return people.contract(ahaus, cast.resident(ahaus, "anna.k", now).contract)


@pytest.fixture
def inside(browser, anna) -> Browser:
    return entered(browser)


def entered(browser: Browser, password: str = cast.PASSWORD, **more: str) -> Browser:
    browser.send("/anmelden", {"address": ADDRESS, "password": password, **more})
    return browser


def seal(browser: Browser, **changes: str):
    return browser.send(PAGE, {"step": "seal", "password": cast.PASSWORD, "understood": "1", **changes})


def code(browser: Browser) -> str:
    return re.search(r'data-code="recovery">([^<]+)<', browser.text)[1]


def test_seal_read_and_back(ahaus, anna, inside, now) -> None:
    cast.deliver(MAIL, ADDRESS, now=now)
    inside.get(PAGE)
    assert "Sind Passwort und Code verloren, sind die Nachrichten verloren." in inside.text
    assert seal(inside, understood="").status_code == 400
    assert seal(inside, password="falsch").status_code == 400
    assert not queries.is_sealed(queries.mailbox_of(ahaus, anna.id))
    assert seal(inside).status_code == 200
    code(inside)
    cast.deliver(MAIL.replace(b"77", b"78"), ADDRESS, now=now)
    inside.get("/postfach")
    assert "Mohnblume 77" in inside.text
    assert "Mohnblume 78" in inside.text
    inside.get("/postfach/1/3")
    assert "Kornblume 99" in inside.text
    found = inside.send("/postfach/suchen", {"text": "Kornblume"}, follow=True)
    assert found.status_code == 200
    assert "Mohnblume 78" in inside.text
    inside.send(PAGE, {"step": "unseal", "password": cast.PASSWORD}, page=f"{PAGE}?tun=aufheben")
    assert not queries.is_sealed(queries.mailbox_of(ahaus, anna.id))
    inside.get("/postfach")
    assert "Mohnblume 78" in inside.text


def test_a_session_without_a_cookie_seals_and_reads(ahaus, anna, browser, now) -> None:
    answer = browser.send("/anmelden", {"address": ADDRESS, "password": cast.PASSWORD, "way": "url"})
    home = answer.headers["Location"].removesuffix("/postfach/start")
    answer = browser.send(f"{home}{PAGE}", {"step": "seal", "password": cast.PASSWORD, "understood": "1"})
    assert answer.status_code == 200
    assert not browser.cookies
    new = re.search(r'href="(/s/[\w-]{43})/postfach"', browser.text)[1]
    assert new != home
    assert browser.get(f"{new}/postfach").status_code == 200
    assert browser.get(f"{home}/postfach").status_code == 302


def test_two_tabs_and_other_browsers(ahaus, anna, inside, now) -> None:
    """Who is logged in elsewhere has no key: the session ends, and a form that was open in another tab seals nothing twice."""
    other = entered(Browser())
    connection = connections.begin("imap", peer="127.0.0.1", tenant=ahaus.id, person=anna.person_id, now=clock.now())
    inside.get(PAGE)
    fields = inside.hidden()
    seal(inside)
    assert not connection.beat(clock.now())
    assert other.get("/postfach").status_code == 302
    answer = inside.post(PAGE, {**fields, "step": "seal", "password": cast.PASSWORD, "understood": "1"})
    assert answer.status_code in (403, 409)
    assert seal(inside).status_code in (403, 409)
    assert inside.get("/postfach").status_code == 200


def test_a_session_that_has_no_key_shows_nothing_and_says_why(ahaus, anna, inside, now) -> None:
    """Another session of the same person, begun without the secret (whatever began it), reads nothing and is told what helps."""
    cast.deliver(MAIL, ADDRESS, now=now)
    seal(inside)
    token = sessions.begin(tenant=ahaus.id, kind="cookie", data={"contract": str(anna.id)}, now=clock.now(), person=anna.person_id)
    bare = Browser()
    bare.cookies["stadtmail"] = token
    for path in ("/postfach", "/postfach/1", "/postfach/1/2", "/postfach/1/2/quelltext", "/postfach/suchen"):
        assert bare.get(path).headers["Location"] == PAGE
    bare.get("/datenschutz/meine-daten")
    assert "Ihre Nachrichten sind versiegelt und in dieser Sitzung nicht offen" in bare.text
    assert "2 Nachrichten" in bare.text
    assert "Mohnblume" not in bare.text
    assert b"Kornblume" not in downloaded(bare)[0]
    bare.get(PAGE)
    assert "öffnet sich hier nicht" in bare.text
    bare.send("/datenschutz/meine-daten/mailprogramme", {"label": "x", "imap": "1", "password": cast.PASSWORD})
    assert "in dieser Sitzung nicht offen" in bare.text


def downloaded(browser: Browser) -> tuple[bytes, list[str]]:
    answer = browser.send("/datenschutz/meine-daten/herunterladen", {"password": cast.PASSWORD})
    with zipfile.ZipFile(io.BytesIO(answer.getvalue())) as made:
        return b"".join(made.read(name) for name in made.namelist()), made.namelist()


def test_the_download_has_every_message_in_the_session(ahaus, anna, inside, now) -> None:
    cast.deliver(MAIL, ADDRESS, now=now)
    cast.deliver(b"Subject: gross\r\n\r\n" + random.Random(1).randbytes(900_000).hex().encode(), ADDRESS, now=now)  # sent in pieces
    seal(inside)
    everything, names = downloaded(inside)
    assert b"Kornblume 99" in everything
    assert len([name for name in names if name.endswith(".eml")]) == 3


def test_a_new_password_keeps_the_mail(ahaus, anna, inside, now) -> None:
    cast.deliver(MAIL, ADDRESS, now=now)
    seal(inside)
    fields = {"password": cast.PASSWORD, "password_new": NEW, "password_again": NEW}
    inside.send("/datenschutz/meine-daten/passwort", fields)
    inside.get("/postfach")
    assert "Mohnblume 77" in inside.text
    assert entered(Browser()).get("/postfach").status_code == 302
    again = entered(Browser(), NEW)
    again.get("/postfach")
    assert "Mohnblume 77" in again.text


def test_the_recovery_code_keeps_the_mail(ahaus, anna, inside, now) -> None:
    cast.deliver(MAIL, ADDRESS, now=now)
    seal(inside)
    first = code(inside)
    assert inside.send(PAGE, {"step": "code", "password": cast.PASSWORD}, page=f"{PAGE}?tun=code").status_code == 200
    second = code(inside)
    stranger, path = Browser(), "/anmelden/wiederherstellen"
    given = {"address": ADDRESS, "password_new": NEW, "password_again": NEW}
    assert stranger.send(path, {**given, "code": first}).status_code == 403
    assert stranger.send(path, {**given, "code": second}).status_code == 200
    entered(stranger, NEW).get("/postfach")
    assert "Mohnblume 77" in stranger.text


def test_a_password_set_by_somebody_else_needs_the_code_or_an_empty_beginning(ahaus, anna, inside, now) -> None:
    cast.deliver(MAIL, ADDRESS, now=now)
    seal(inside)
    known = code(inside)
    credentials.set_password(anna, tenant=ahaus, old=cast.PASSWORD, new=NEW, now=now)
    sessions.end_person(ahaus.id, anna.person_id)
    browser = entered(Browser(), NEW)
    assert browser.get("/postfach").headers["Location"] == PAGE
    assert browser.send(PAGE, {"step": "unlock", "password": NEW, "code": "AAAA-BBBB"}).status_code == 403
    assert browser.send(PAGE, {"step": "unlock", "password": NEW, "code": known}).status_code == 200
    browser.get("/postfach")
    assert "Mohnblume 77" in browser.text
    credentials.set_password(anna, tenant=ahaus, old=NEW, new=cast.PASSWORD, now=now)
    browser = entered(Browser())
    browser.get(f"{PAGE}?tun=leer")
    assert "endgültig weg" in browser.text
    given = {"step": "anew", "password": cast.PASSWORD}
    assert browser.send(PAGE, given, page=f"{PAGE}?tun=leer").status_code == 400
    browser.send(PAGE, {**given, "understood": "1"}, page=f"{PAGE}?tun=leer", follow=True)
    assert "beginnt neu und ist leer" in browser.text
    browser.get("/postfach")
    assert "Mohnblume" not in browser.text
    cast.deliver(MAIL.replace(b"77", b"79"), ADDRESS, now=now)
    browser.get("/postfach")
    assert "Mohnblume 79" in browser.text


def test_the_collection_code_opens_what_the_session_could(ahaus, anna, inside, now) -> None:
    cast.deliver(MAIL, ADDRESS, now=now)
    seal(inside)
    inside.send("/datenschutz/kuendigen", {"step": "check", "when": "now"})
    inside.post("/datenschutz/kuendigen", {**inside.hidden(), "step": "place", "password": cast.PASSWORD})
    collection = re.findall(r'<span class="code"[^>]*>([^<]+)<', inside.text)[0]
    browser = Browser()
    browser.send("/abholen", {"code": collection}, follow=True)
    answer = browser.get("/abholen/herunterladen")
    with zipfile.ZipFile(io.BytesIO(answer.getvalue())) as made:
        assert b"Kornblume 99" in b"".join(made.read(name) for name in made.namelist())
    browser.send("/abholen/zuruecknehmen", {}, page="/abholen")
    assert {wrap.holder for wrap in wraps.Wrap.objects.all()} == {"password", "recovery"}
    again = entered(Browser())
    again.get("/postfach")
    assert "Mohnblume 77" in again.text


def test_a_contract_that_ends_is_not_sealed_any_more(ahaus, anna, inside, now) -> None:
    later = f"{clock.now().date() + timedelta(days=40)}"
    inside.send("/datenschutz/kuendigen", {"step": "check", "when": "later", "day": later})
    inside.post("/datenschutz/kuendigen", {**inside.hidden(), "step": "place", "password": cast.PASSWORD})
    assert seal(inside).status_code == 400
    assert "Abholcode" in inside.text


def test_nothing_of_it_for_the_desk_or_strangers(ahaus, anna, browser, now) -> None:
    cast.doris(ahaus, now)
    assert browser.get(PAGE).headers["Location"].startswith("/anmelden")
    browser.send("/schreibtisch/anmelden", {"login": "desk1", "password": cast.STAFF_PASSWORD})
    assert browser.get(PAGE).headers["Location"].startswith("/anmelden")


def test_import_and_login_password_say_that_it_is_sealed(ahaus, anna, inside) -> None:
    seal(inside)
    inside.get("/postfach/importieren")
    assert "kann nichts übernommen werden" in inside.text
    inside.send("/datenschutz/meine-daten/mailprogramme/loginpasswort", {"step": "on", "password": cast.PASSWORD})
    assert "nur mit App-Passwörtern" in inside.text
    inside.get("/datenschutz/meine-daten/mailprogramme")
    assert "versiegelt" in inside.text


SETTINGS = (
    "", "/filter", "/filter/neu", "/filter/skripte", "/filter/skripte/neu", "/abwesenheit", "/weiterleitung", "/adressen", "/ansicht",
)  # fmt: skip
TRY = {"step": "try", "what1": "subject", "how1": "contains", "text1": "Mohnblume", "place": "keep", "stop": "1"}
AWAY = {"step": "save", "since": "2090-01-01", "until": "2090-01-09", "subject": "", "text": "Ich bin weg."}


def test_settings_of_a_sealed_mailbox(anna, ahaus, inside, now) -> None:
    """Rules and absence lie beside the messages: they can be set in any session; what only messages tell needs the key."""
    cast.deliver(MAIL, ADDRESS, now=now)
    seal(inside)
    token = sessions.begin(tenant=ahaus.id, kind="cookie", data={"contract": str(anna.id)}, now=clock.now(), person=anna.person_id)
    bare = Browser()
    bare.cookies["stadtmail"] = token
    for browser in (inside, bare):
        for path in SETTINGS:
            assert browser.get(f"/postfach/einstellungen{path}").status_code == 200, path
        answer = browser.send("/postfach/einstellungen/abwesenheit", AWAY)
        assert answer.status_code == 302
    assert inside.send("/postfach/einstellungen/filter/neu", TRY).status_code == 200
    assert "Mohnblume 77" in inside.text
    assert inside.send("/postfach/einstellungen/abwesenheit", {**AWAY, "known": "1"}).status_code == 302
    for path, fields in (("filter/neu", TRY), ("abwesenheit", {**AWAY, "known": "1"})):
        assert bare.send(f"/postfach/einstellungen/{path}", fields).status_code == 409
        assert "in dieser Sitzung nicht offen" in bare.text
        assert "Mohnblume 77" not in bare.text
