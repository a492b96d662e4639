"""What is done with messages on the pages: moved, marked, labelled, deleted, and taken back; and what others try with it (C-4.7, C-3.8)."""

import re
from urllib.parse import urlencode

import pytest

from stadtmail.mail import queries
from stadtmail.mail.models import Folder, JunkFilter, Message
from tests.doors.web import cast
from tests.doors.web.browsing import Browser

PLAIN = b"From: Karl Kiesel <karl@example.org>\r\nSubject: %s\r\nMessage-ID: <%s@example.org>\r\n\r\nGuten Tag, %s\r\n"
INBOX, JUNK, ARCHIVE, TRASH = 1, 4, 5, 6


def letter(name: str) -> bytes:
    word = name.encode()
    return PLAIN % (word, word, word)


@pytest.fixture
def anna(ahaus, now) -> Browser:
    cast.resident(ahaus, "anna.k", now)
    for name in ("Eins", "Zwei", "Drei"):
        cast.deliver(letter(name), "anna.k@ahaus.net", now=now)
    browser = Browser()
    browser.login("anna.k@ahaus.net", cast.PASSWORD)
    return browser


def subjects(browser: Browser, folder: int) -> list[str]:
    found = re.findall(rf'href="/postfach/{folder}/(\d+)"', browser.get(f"/postfach/{folder}").response.content.decode())
    return [re.search(r"<title>(.*?) –", browser.raw(f"/postfach/{folder}/{uid}").content.decode())[1] for uid in found]


def uid_of(browser: Browser, folder: int, subject: str) -> int:
    page = browser.raw(f"/postfach/{folder}").content.decode()
    return next(int(uid) for uid, rest in re.findall(r'id="n(\d+)"(.*?)</a>', page, re.S) if subject in rest)


def act(browser: Browser, folder: int, *uids: int, status: int = 302, query: str = "", **fields: str):
    """Send the list's form with these boxes ticked. Returns the page that follows."""
    form = browser.get(f"/postfach/{folder}{query}").form("aendern")
    values = [(name, value) for name, value in form.values.items() if name not in ("uid", "alle", *fields)]
    sent = urlencode([*values, *(("uid", str(uid)) for uid in uids), *fields.items()])
    response = browser.client.post(form.action, sent, content_type="application/x-www-form-urlencoded")
    assert response.status_code == status, (response.status_code, response.content.decode()[-800:])
    return browser.get(response.headers["Location"]) if status == 302 else response


def modseq(folder: int) -> int:
    return Folder.objects.get(mailbox__contract__isnull=False, number=folder).modseq


def test_messages_are_moved_and_come_back(anna) -> None:
    one, two = uid_of(anna, INBOX, "Eins"), uid_of(anna, INBOX, "Zwei")
    page = act(anna, INBOX, one, two, tun="archiv")
    assert "2 Nachrichten liegen jetzt in „Archiv“" in page.text
    assert sorted(subjects(anna, ARCHIVE)) == ["Eins", "Zwei"]
    back = anna.send(page.form("rueckgaengig"), status=302)
    assert "2 Nachrichten sind zurück in „Posteingang“" in back.text
    assert subjects(anna, ARCHIVE) == []
    assert {"Eins", "Zwei", "Drei"} <= set(subjects(anna, INBOX))


def test_deleted_is_in_trash_and_only_there_for_good(anna) -> None:
    before = Message.objects.count()
    page = act(anna, INBOX, uid_of(anna, INBOX, "Eins"), tun="loeschen")
    assert "liegt jetzt in „Papierkorb“" in page.text
    assert Message.objects.count() == before
    asked = act(anna, TRASH, uid_of(anna, TRASH, "Eins"), tun="loeschen", status=200)
    assert "Niemand kann sie zurückholen" in asked.content.decode()
    assert Message.objects.count() == before
    from tests.doors.web.browsing import Page

    gone = anna.send(Page(asked).form("endgueltig"), status=302)
    assert "1 Nachricht ist endgültig gelöscht" in gone.text
    assert Message.objects.count() == before - 1


def test_emptying_trash_spares_what_came_after_the_question(anna) -> None:
    act(anna, INBOX, uid_of(anna, INBOX, "Eins"), tun="loeschen")
    asked = anna.get(f"/postfach/{TRASH}/endgueltig")
    act(anna, INBOX, uid_of(anna, INBOX, "Zwei"), tun="loeschen")
    assert "1 Nachricht ist endgültig gelöscht" in anna.send(asked.form("endgueltig"), status=302).text
    assert subjects(anna, TRASH) == ["Zwei"]
    anna.raw(f"/postfach/{INBOX}/endgueltig", status=404)


def test_a_confirmation_for_one_folder_deletes_nothing_in_another(anna) -> None:
    act(anna, INBOX, uid_of(anna, INBOX, "Eins"), tun="loeschen")
    act(anna, INBOX, uid_of(anna, INBOX, "Zwei"), tun="spam")
    asked = anna.get(f"/postfach/{TRASH}/endgueltig").form("endgueltig")
    asked.action = f"/postfach/{JUNK}/endgueltig"
    anna.send(asked, status=404)
    assert subjects(anna, JUNK) == ["Zwei"]
    moved = anna.get(f"/postfach/{INBOX}").form("aendern").values
    assert "state" not in moved


def test_junk_teaches_the_filter_and_not_junk_takes_it_back(anna) -> None:
    act(anna, INBOX, uid_of(anna, INBOX, "Eins"), tun="spam")
    assert JunkFilter.objects.count() == 1
    learned = Message.objects.get(folder__number=JUNK).flags
    assert learned & 32
    act(anna, JUNK, uid_of(anna, JUNK, "Eins"), tun="keinspam")
    assert Message.objects.filter(folder__number=INBOX, flags__gte=64).count() == 1


def test_marks_by_button_and_by_star(anna) -> None:
    one, before = uid_of(anna, INBOX, "Eins"), modseq(INBOX)
    act(anna, INBOX, one, tun="gelesen")
    assert modseq(INBOX) == before + 1  # mail programs with CONDSTORE see it
    assert act(anna, INBOX, one, tun="ungelesen").text.count("ungelesen") >= 2
    act(anna, INBOX, stern=str(one))
    starred = anna.get(f"/postfach/{INBOX}?nur=markiert")
    assert "Eins" in starred.text
    assert "Zwei" not in starred.text
    act(anna, INBOX, stern=f"-{one}")
    assert "Keine Nachricht passt" in anna.get(f"/postfach/{INBOX}?nur=markiert").text


def test_all_on_this_page(anna) -> None:
    act(anna, INBOX, alle="1", tun="archiv")
    assert len(subjects(anna, ARCHIVE)) == 4  # with the city's welcome
    assert subjects(anna, INBOX) == []


def test_what_the_page_did_not_show_is_not_all(anna, now) -> None:
    form = anna.get(f"/postfach/{INBOX}").form("aendern")
    cast.deliver(letter("Neu"), "anna.k@ahaus.net", now=now)
    form.values.pop("uid", None)
    anna.send(form, status=302, alle="1", tun="loeschen")
    assert subjects(anna, INBOX) == ["Neu"]


def test_nothing_chosen_says_so(anna) -> None:
    assert "keine Nachricht ausgewählt" in act(anna, INBOX, tun="loeschen").text
    assert "zuerst aus, wohin" in act(anna, INBOX, uid_of(anna, INBOX, "Eins"), tun="verschieben", ziel="").text


@pytest.mark.parametrize(
    "fields",
    [{"tun": "sprengen"}, {"tun": "verschieben", "ziel": "99"}, {"tun": "verschieben", "ziel": "-1"}, {"tun": "verschieben", "ziel": "٣"},
     {"tun": "etikett", "etikett": "0"}, {"tun": "etikett", "etikett": "3"}, {"tun": "etikett", "etikett": "62"}, {"stern": "1 OR 1"},
     {"stern": "9999"}, {"tun": "gelesen", "alle": "1", "seite": "1.99999"}, {"tun": "gelesen", "uid": "x"}, {"tun": ""}],
)  # fmt: skip
def test_what_the_form_does_not_offer_is_refused(anna, fields) -> None:
    uid = uid_of(anna, INBOX, "Eins")
    act(anna, INBOX, *([] if "uid" in fields else [uid]), status=404, **fields)
    assert len(subjects(anna, INBOX)) == 4


def test_c21_surplus_fields_are_refused(anna) -> None:
    act(anna, INBOX, uid_of(anna, INBOX, "Eins"), status=400, tun="loeschen", wohnort="Ahaus")
    assert len(subjects(anna, INBOX)) == 4


def test_uids_of_another_folder_mean_nothing(anna) -> None:
    one = uid_of(anna, INBOX, "Eins")
    form = anna.get(f"/postfach/{INBOX}").form("aendern")
    form.action = f"/postfach/{ARCHIVE}/aendern"
    anna.send(form, status=404, uid=str(one), tun="loeschen")  # the archive never gave this uid
    assert "Eins" in subjects(anna, INBOX)


def test_c47_nobody_handles_the_mail_of_somebody_else(ahaus, anna, now) -> None:
    cast.resident(ahaus, "ben.b", now, street="Wallstraße 3", birth_date="1979-11-02")
    ben = Browser()
    ben.login("ben.b@ahaus.net", cast.PASSWORD)
    one = uid_of(anna, INBOX, "Eins")
    moved = act(anna, INBOX, one, tun="archiv").form("rueckgaengig")
    form = ben.get(f"/postfach/{INBOX}").form("aendern")
    ben.send(form, status=404, uid="4", tun="loeschen")  # Ben's folder never gave it
    undo = act(ben, INBOX, 1, tun="archiv").form("rueckgaengig")
    undo.values["state"] = moved.values["state"]
    ben.send(undo, status=404)
    assert subjects(anna, ARCHIVE) == ["Eins"]
    own = anna.get(f"/postfach/{INBOX}").form("aendern")
    ben.client.post(own.action, urlencode({**own.values, "uid": "2", "tun": "loeschen"}), content_type="application/x-www-form-urlencoded")
    assert len(subjects(anna, INBOX)) == 3


def test_c38_a_foreign_or_old_form_does_nothing(anna) -> None:
    form = anna.get(f"/postfach/{INBOX}").form("aendern")
    sent = urlencode({**form.values, "alle": "1", "tun": "loeschen"})
    kind = "application/x-www-form-urlencoded"
    for headers in ({"HTTP_ORIGIN": "https://evil.example"}, {"HTTP_SEC_FETCH_SITE": "cross-site"}):
        assert anna.client.post(form.action, sent, content_type=kind, **headers).status_code == 403
    assert anna.client.post(form.action, urlencode({"alle": "1", "tun": "loeschen"}), content_type=kind).status_code == 403
    stranger = Browser().client.post(form.action, sent, content_type=kind)
    assert stranger.status_code == 403
    assert len(subjects(anna, INBOX)) == 4


def test_two_tabs_race_for_the_same_message(anna) -> None:
    one, two = uid_of(anna, INBOX, "Eins"), uid_of(anna, INBOX, "Zwei")
    first, second = (anna.get(f"/postfach/{INBOX}").form("aendern") for _ in range(2))
    anna.send(first, status=302, uid=str(one), tun="archiv")
    late = anna.send(second, status=302, uid=f"{one}.{two}", tun="loeschen")
    assert "1 Nachricht liegt jetzt in „Papierkorb“" in late.text
    assert "1 war inzwischen nicht mehr da" in late.text
    assert (subjects(anna, ARCHIVE), subjects(anna, TRASH)) == (["Eins"], ["Zwei"])


def test_undo_leaves_alone_what_has_moved_on(anna) -> None:
    one, two = uid_of(anna, INBOX, "Eins"), uid_of(anna, INBOX, "Zwei")
    page = act(anna, INBOX, one, two, tun="loeschen")
    act(anna, TRASH, uid_of(anna, TRASH, "Eins"), tun="archiv")
    back = anna.send(page.form("rueckgaengig"), status=302)
    assert "1 Nachricht ist zurück" in back.text
    assert "1 war inzwischen nicht mehr da" in back.text
    assert subjects(anna, ARCHIVE) == ["Eins"]
    again = anna.send(page.form("rueckgaengig"), status=302)
    assert "Es hat sich nichts geändert" in again.text


def test_undo_into_a_folder_that_is_gone_moves_nothing(anna) -> None:
    anna.send(anna.get("/postfach/ordner").form("postfach/ordner"), status=302, name="Verein")
    number = Folder.objects.get(role="", mailbox__contract__isnull=False).number
    act(anna, INBOX, uid_of(anna, INBOX, "Eins"), tun="verschieben", ziel=str(number))
    page = act(anna, number, uid_of(anna, number, "Eins"), tun="archiv")
    anna.send(anna.get(f"/postfach/ordner/{number}").form(f"ordner/{number}"), status=302, tun="loeschen")
    anna.send(anna.get("/postfach/ordner").form("postfach/ordner"), status=302, name="Andere")
    assert Folder.objects.get(role="", mailbox__contract__isnull=False).number == number  # the number is given again
    back = anna.send(page.form("rueckgaengig"), status=302)
    assert "Es hat sich nichts geändert" in back.text
    assert subjects(anna, ARCHIVE) == ["Eins"]


def test_the_address_of_what_was_done_says_nothing(anna) -> None:
    form = anna.get(f"/postfach/{INBOX}").form("aendern")
    anna.send(form, status=302, uid=str(uid_of(anna, INBOX, "Eins")), tun="archiv")
    assert re.fullmatch(r"/postfach/1\?getan=[A-Za-z0-9_-]+", anna.at)


def test_an_old_or_forged_state_is_only_silence(anna, now) -> None:
    assert anna.get(f"/postfach/{INBOX}?getan=unsinn").response.status_code == 200
    page = act(anna, INBOX, uid_of(anna, INBOX, "Eins"), tun="archiv")
    undo = page.form("rueckgaengig")
    undo.values["state"] = undo.values["state"][:-2] + "AA"
    anna.send(undo, status=403)


def test_the_message_page_has_the_same_actions(anna) -> None:
    one = uid_of(anna, INBOX, "Eins")
    page = anna.get(f"/postfach/{INBOX}/{one}")
    starred = anna.send(page.form("aendern"), status=302, tun="markieren")
    assert anna.at.startswith(f"/postfach/{INBOX}/{one}?getan=")
    assert "Markierung weg" in starred.text
    unread = anna.send(starred.form("aendern"), status=302, tun="ungelesen")
    assert anna.at.startswith(f"/postfach/{INBOX}?getan=")
    assert "ungelesen" in unread.text
    gone = anna.send(page.form("aendern"), status=302, tun="loeschen")
    assert "Rückgängig" in gone.text
    anna.raw(f"/postfach/{INBOX}/{one}", status=404)


def test_c310_it_works_without_cookies(ahaus, now) -> None:
    cast.resident(ahaus, "anna.k", now)
    cast.deliver(letter("Eins"), "anna.k@ahaus.net", now=now)
    browser = Browser(HTTP_USER_AGENT="Testbrowser")
    home = browser.login("anna.k@ahaus.net", cast.PASSWORD, way="url")
    page = browser.get(next(link for link in home.links if link.endswith("/postfach")))
    gone = browser.send(page.form("aendern"), status=302, alle="1", tun="archiv")
    assert browser.at.startswith("/s/")
    assert "2 Nachrichten sind zurück" in browser.send(gone.form("rueckgaengig"), status=302).text
    assert not browser.client.cookies


def test_the_officer_handles_a_roles_mail(ahaus, now) -> None:
    from stadtmail.mail.actions import accounts

    accounts.open_roles(ahaus, now=now)
    cast.doris(ahaus, now, "officer")
    cast.deliver(letter("Anfrage"), "datenschutz@ahaus.net", now=now)
    officer = Browser()
    page = officer.desk("officer1", cast.STAFF_PASSWORD)
    assert "1 Nachricht liegt jetzt" in officer.send(page.form("aendern"), status=302, alle="1", tun="archiv").text
    officer.raw("/postfach/etiketten", status=403)  # a role has none
    box = queries.role_mailbox(ahaus, "officer")
    assert Message.objects.filter(folder__mailbox=box, folder__role="archive").count() == 1
