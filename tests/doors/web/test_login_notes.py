"""The page on which notes of log-ins are turned on, the hint on the start page, and nothing of it before (C-2.6, C-6.2e)."""

from stadtmail.kit import clock
from stadtmail.mail import queries
from stadtmail.mail.actions import entering, loginnotes
from stadtmail.mail.models import Folder
from stadtmail.people.actions import app_passwords
from tests.doors.web import cast
from tests.doors.web.browsing import Browser

PAGE = "/postfach/einstellungen/anmeldungen"


def log_in(**more) -> Browser:
    browser = Browser()
    browser.login("anna.k@ahaus.net", cast.PASSWORD, **more)
    return browser


def subjects(o) -> list[str]:
    return [row.subject for row in queries.page(o, loginnotes.number(o))]


def test_on_and_off_again_with_one_click_each(anna, o) -> None:
    assert "Werden nicht notiert" in anna.get("/postfach/einstellungen").text
    page = anna.get(PAGE)
    assert "nach 30 Tagen von selbst" in page.text
    on = anna.send(page.form("anmeldungen"), status=302, notieren="an")
    assert "Ab der nächsten Anmeldung wird notiert." in on.text
    assert "Werden in Ihrem Postfach notiert" in anna.get("/postfach/einstellungen").text
    for way in ("cookie", "url"):
        log_in(way=way)
    assert subjects(o) == ["Anmeldung im Portal"] * 2
    assert "Anmeldungen" in anna.get("/postfach").text
    off = anna.send(anna.get(PAGE).form("anmeldungen"), status=302, notieren="aus")
    assert "die Notizen sind gelöscht" in off.text
    assert loginnotes.number(o) is None
    log_in()
    assert not Folder.objects.filter(use=loginnotes.USE).exists()


def test_a_new_program_is_told_on_the_start_page_until_its_note_is_read(ahaus, anna, o, contract) -> None:
    loginnotes.turn_on(o, lang="de", now=clock.now())
    made = app_passwords.make(contract, tenant=ahaus, label="Telefon", scopes=["imap"], now=clock.now())
    assert "zum ersten Mal angemeldet" not in anna.get("/postfach/start").text
    entering.Porch("imap", "192.0.2.7", now=clock.now).enter("anna.k@ahaus.net", made.password).connection.end()
    start = anna.get("/postfach/start")
    assert "zum ersten Mal angemeldet" in start.text
    number = loginnotes.number(o)
    assert f"/postfach/{number}" in start.links
    assert "Telefon" in anna.get(f"/postfach/{number}/1").text
    assert "zum ersten Mal angemeldet" not in anna.get("/postfach/start").text


def test_two_tabs_turn_it_on_and_one_folder_is_there(anna, o) -> None:
    form = anna.get(PAGE).form("anmeldungen")
    for _ in range(2):
        anna.send(form, status=302, notieren="an")
    assert Folder.objects.filter(use=loginnotes.USE).count() == 1
    anna.send(form, status=404, notieren="vielleicht")
    anna.send(form, status=400, notieren="an", folder="1")


def test_in_english(anna) -> None:
    page = anna.get("/en" + PAGE)
    anna.send(page.form("anmeldungen"), status=302, notieren="an")
    assert "Log-ins" in anna.get("/en/postfach").text
