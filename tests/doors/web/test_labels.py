"""Labels and folders on their pages: made, coloured, renamed, removed; IMAP has them as keywords and folders; nobody else's are touched."""

import re

import pytest

from stadtmail.mail import labels, queries
from stadtmail.mail.models import Folder, Keyword, Message
from tests.doors.web import cast
from tests.doors.web.browsing import Browser

PAGE, FOLDERS = "/postfach/etiketten", "/postfach/ordner"


@pytest.fixture
def anna(ahaus, now) -> Browser:
    cast.resident(ahaus, "anna.k", now)
    browser = Browser()
    browser.login("anna.k@ahaus.net", cast.PASSWORD)
    return browser


def opened() -> queries.Opened:
    return queries.Opened(Folder.objects.get(number=1, mailbox__contract__isnull=False).mailbox)


def make(browser: Browser, name: str, colour: str = "red", status: int = 302):
    return browser.send(browser.get(PAGE).form("etiketten"), status=status, name=name, farbe=colour, tun="anlegen")


def test_a_label_is_a_keyword_with_its_colour_sealed(anna) -> None:
    page = make(anna, "Müll abfuhr")
    assert "Müll abfuhr" in page.text
    assert 'chip--red"><bdi>Müll abfuhr' in page.response.content.decode()
    ((bit, (name, colour)),) = queries.labelled(opened()).items()
    assert (name, colour) == ("M&APw-ll_abfuhr", "red")
    lying = bytes(Keyword.objects.get().name)
    assert b"red" not in lying
    assert b"ll_abfuhr" not in lying
    sent = anna.send(anna.get("/postfach/1").form("aendern"), status=302, alle="1", tun="etikett", etikett=str(bit))
    assert "1 Nachricht hat das Etikett" in sent.text
    assert Message.objects.get(folder__number=1).flags >> bit & 1
    assert 'chip--red"><bdi>Müll abfuhr' in sent.response.content.decode()
    uid = Message.objects.get(folder__number=1).uid
    assert "Müll abfuhr" in anna.get(f"/postfach/1/{uid}").text
    form = anna.get(PAGE).form("etiketten")
    anna.send(form, status=302, etikett=str(bit), farbe="teal", tun="farbe", name="")
    assert queries.labelled(opened())[bit] == (name, "teal")
    anna.send(anna.get(PAGE).form("etiketten"), status=302, etikett=str(bit), tun="entfernen", name="", farbe="")
    assert not Keyword.objects.exists()
    assert not Message.objects.get(folder__number=1).flags >> bit & 1


@pytest.mark.parametrize("name", ["", "a" * 41, "$Junk", "NonJunk", "a_b", "a(b", 'a"b', "a\u202eb", "a%b", "a\\b", "\u0000"])
def test_names_that_no_label_can_have(anna, name: str) -> None:
    assert "höchstens 40 Zeichen" in make(anna, name, status=400).text
    assert not Keyword.objects.exists()


def test_the_same_name_twice_and_labels_of_others(ahaus, anna, now) -> None:
    make(anna, "Verein")
    assert "gibt es schon" in make(anna, "VEREIN", status=400).text
    bit = next(iter(queries.keywords(opened())))
    cast.resident(ahaus, "ben.b", now, street="Wallstraße 3", birth_date="1979-11-02")
    ben = Browser()
    ben.login("ben.b@ahaus.net", cast.PASSWORD)
    for fields in ({"tun": "entfernen"}, {"tun": "farbe", "farbe": "red"}):
        ben.send(ben.get(PAGE).form("etiketten"), status=404, name="", etikett=str(bit), **fields)
    ben.send(ben.get("/postfach/1").form("aendern"), status=404, alle="1", tun="etikett", etikett=str(bit))
    assert Keyword.objects.count() == 1
    assert "Verein" not in ben.get(PAGE).text


def test_what_thunderbird_and_other_programs_use() -> None:
    assert labels.parted("$label1") == ("$label1", "red")
    assert labels.is_label("$Label1")
    assert not labels.is_label("$Forwarded")
    assert not labels.is_label("NonJunk")
    assert labels.shown("M&APw-ll_abfuhr") == "Müll abfuhr"
    assert labels.shown("kaputt&") == "kaputt&"


def test_folders_are_made_renamed_and_deleted_into_trash(anna) -> None:
    page = anna.send(anna.get(FOLDERS).form("postfach/ordner"), status=302, name="Verein/Protokolle")
    assert "Verein/Protokolle" in page.text
    numbers = [one.number for one in Folder.objects.filter(role="", mailbox__contract__isnull=False).order_by("number")]
    parent, child = numbers
    moved = anna.send(anna.get("/postfach/1").form("aendern"), status=302, alle="1", tun="verschieben", ziel=str(child))
    assert "liegt jetzt in „Verein/Protokolle“" in moved.text
    assert "zuerst diese" in anna.get(f"{FOLDERS}/{parent}").text
    anna.send(anna.get(f"{FOLDERS}/{child}").form(f"ordner/{child}"), status=302, name="Verein/Sitzungen", tun="umbenennen")
    page = anna.get(f"{FOLDERS}/{child}")
    assert "liegt 1 Nachricht. Sie kommt in den Papierkorb" in page.text
    gone = anna.send(page.form(f"ordner/{child}"), status=302, tun="loeschen", name="")
    assert "1 Nachricht liegt jetzt in „Papierkorb“" in gone.text
    assert Message.objects.get(folder__mailbox__contract__isnull=False).folder.role == "trash"
    anna.raw(f"{FOLDERS}/{child}", status=404)


@pytest.mark.parametrize("name", ["", "a//b", "a*b", "x" * 300, "Posteingang", "inbox"])
def test_folders_that_cannot_be(anna, name: str) -> None:
    before = Folder.objects.count()
    anna.send(anna.get(FOLDERS).form("postfach/ordner"), status=400, name=name)
    assert Folder.objects.count() == before


def test_standard_folders_and_those_of_others_stay(ahaus, anna, now) -> None:
    anna.send(anna.get(FOLDERS).form("postfach/ordner"), status=302, name="Verein")
    number = Folder.objects.get(role="", mailbox__contract__isnull=False).number
    form = anna.get(f"{FOLDERS}/{number}").form(f"ordner/{number}")
    for standard in range(1, 7):
        anna.raw(f"{FOLDERS}/{standard}", status=404)
        form.action = f"{FOLDERS}/{standard}"
        anna.send(form, status=404, tun="loeschen", name="")
    cast.resident(ahaus, "ben.b", now, street="Wallstraße 3", birth_date="1979-11-02")
    ben = Browser()
    ben.login("ben.b@ahaus.net", cast.PASSWORD)
    ben.raw(f"{FOLDERS}/{number}", status=404)
    assert Folder.objects.filter(role="").count() == 1


def test_the_folder_list_is_one_tap_away_on_a_small_screen(anna) -> None:
    html = anna.get("/postfach").response.content.decode()
    (menu,) = re.findall(r'<details class="mail__menu">(.*?)</details>', html, re.S)
    assert menu.count('href="/postfach/') >= 6
