"""What is stored about me: all of it, and everything that can be done about it at once (C-2.6, C-6.1, C-6.2)."""

import io
import json
import zipfile

import pytest

from stadtmail.people.actions import staff
from tests.doors.web import cast
from tests.doors.web.browsing import Browser

MINE = "/datenschutz/meine-daten"


@pytest.fixture
def account(ahaus, now):
    return cast.resident(ahaus, "anna.k", now, voluntary={"nickname": "Änne Amsel", "contact_mail": "anna@example.org"})


def test_c61_everything_stored_is_shown_with_purpose_basis_and_date(anna) -> None:
    page = anna.get(MINE)
    for value in ("Anna Kanariengelb", "Marktstraße 17", "48683", "anna.k@ahaus.net", "29. Februar 1980", "Änne Amsel", "anna@example.org"):
        assert value in page.text, value
    for category in ("BD", "BD-ID", "BD-CRED", "BD-OPT", "CONS", "INH"):
        assert category in page.ids, category
    assert "Art. 6" in page.text
    assert "Posteingang1 Nachricht" in "".join(page.text.split("\n"))  # the folders of a mailbox are one list
    assert "Entwürfeleer" in page.text


def test_c26_one_click_withdraws_one_detail_and_leaves_the_other(anna) -> None:
    page = anna.get(MINE)
    form = next(one for one in page.forms if one.action.endswith("/freiwillig") and one.values["field"] == "nickname")
    page = anna.send(form, status=302)
    assert "Änne Amsel" not in page.text
    assert "anna@example.org" in page.text
    assert "Die Angabe ist gelöscht." in page.text


def test_what_the_address_line_says_is_from_a_closed_list(anna) -> None:
    assert "Gewonnen" not in anna.get(f"{MINE}?fertig=Gewonnen").text


def test_c24_who_looked_is_shown_with_purpose(ahaus, account, anna, now) -> None:
    from stadtmail.people import queries

    assert "Niemand von den Beschäftigten" in anna.get(MINE).text
    doris = cast.doris(ahaus, now)
    contract = queries.contract(ahaus, account.contract)
    staff.look(contract, tenant=ahaus, by=doris, purpose="correction", categories=["BD-ID"], now=now)
    page = anna.get(MINE)
    assert "Berichtigung auf Wunsch der Person" in page.text
    assert "Schreibtisch der Stadt" in page.text
    assert "Doris" not in page.text


def test_c62d_the_download_asks_for_the_password_and_has_everything(anna) -> None:
    form = anna.get(f"{MINE}/herunterladen").form("herunterladen")
    wrong = anna.send(form, status=403, password="falsch falsch falsch")
    assert "Das Passwort stimmt nicht" in wrong.text
    response = anna.send(form, password=cast.PASSWORD)
    assert response.headers["Content-Type"] == "application/zip"
    assert response.headers["Content-Disposition"].startswith("attachment")
    assert response.headers["Cache-Control"] == "no-store"
    archive = zipfile.ZipFile(io.BytesIO(response.getvalue()))
    assert archive.testzip() is None
    names = archive.namelist()
    assert "daten.json" in names
    assert "manifest.json" in names
    assert "manifest.sig" in names
    assert any(name.endswith(".eml") for name in names)
    assert "Kanariengelb" in archive.read("daten.json").decode()


def test_the_receipt_names_nobody(anna) -> None:
    response = anna.raw(f"{MINE}/quittung")
    assert response.headers["Content-Disposition"].startswith("attachment")
    text = response.content.decode()
    assert json.loads(text)
    for trace in ("anna", "Kanariengelb", "Marktstr", "ahaus.net/"):
        assert trace.lower() not in text.lower() or trace == "ahaus.net/"


def test_c62b_a_correction_replaces_the_old_value(anna) -> None:
    form = anna.get(f"{MINE}/berichtigen").form("berichtigen")
    assert form.values["street"] == "Marktstraße 17"
    wrong = anna.send(form, status=400, street="Wallstraße 3", password="falsch falsch")
    assert "Das Passwort stimmt nicht" in wrong.text
    assert "Fünf Ziffern" in anna.send(form, status=400, postcode="4", password=cast.PASSWORD).text.replace("fünf", "Fünf")
    page = anna.send(form, status=302, street="Wallstraße 3", password=cast.PASSWORD)
    assert "Wallstraße 3" in page.text
    assert "Marktstraße 17" not in page.text


def test_a_new_password_ends_every_other_session_and_makes_a_new_token(anna) -> None:
    second = Browser()
    second.login("anna.k@ahaus.net", cast.PASSWORD)
    before = anna.client.cookies["stadtmail"].value
    form = anna.get(f"{MINE}/passwort").form("passwort")
    assert "kurz" in anna.send(form, status=400, password=cast.PASSWORD, password_new="kurz", password_again="kurz").text
    anna.send(form, status=400, password=cast.PASSWORD, password_new="etwas ganz Neues 9", password_again="anders anders")
    page = anna.send(form, status=302, password=cast.PASSWORD, password_new="etwas ganz Neues 9", password_again="etwas ganz Neues 9")
    assert "Ihr Passwort ist geändert" in page.text
    assert anna.client.cookies["stadtmail"].value != before
    second.raw(MINE, status=302)
    Browser().login("anna.k@ahaus.net", cast.PASSWORD, status=403)
    Browser().login("anna.k@ahaus.net", "etwas ganz Neues 9")


def test_logging_out_everywhere_ends_this_session_too(anna) -> None:
    second = Browser()
    second.login("anna.k@ahaus.net", cast.PASSWORD)
    page = anna.get(MINE)
    assert page.text.rpartition("Sitzungen in diesem Augenblick")[2].count("Browser mit Cookie") == 2
    assert page.text.count("(diese hier)") == 1
    assert "abgemeldet" in anna.send(page.form("sitzungen"), status=302).text
    for browser in (anna, second):
        browser.raw(MINE, status=302)


@pytest.mark.parametrize("path", ["/freiwillig", "/sitzungen"])
def test_a_link_alone_changes_nothing(anna, path) -> None:
    assert anna.raw(MINE + path, status=302).headers["Location"] == MINE
    assert "Änne Amsel" in anna.get(MINE).text


def test_c21_a_field_that_no_form_has_is_refused(anna) -> None:
    form = anna.get(f"{MINE}/berichtigen").form("berichtigen")
    anna.send(form, status=400, password=cast.PASSWORD, birth_date="1990-01-01")
    assert "1990" not in anna.get(MINE).text


def test_a_form_of_one_session_is_worth_nothing_in_another(ahaus, anna, now) -> None:
    cast.resident(ahaus, "ben.b", now)
    ben = Browser()
    ben.login("ben.b@ahaus.net", cast.PASSWORD)
    ben.send(anna.get(MINE).form("sitzungen"), status=403)
    anna.get(MINE)


def test_c62c_a_restriction_is_placed_shown_and_lifted(anna) -> None:
    form = anna.get(MINE).form("einschraenken")
    anna.send(form, status=403, step="restrict", reason="laune")
    page = anna.send(form, status=302, step="restrict", reason="accuracy_contested")
    assert "Die Einschränkung gilt." in page.text
    assert "Nichts davon wird gelöscht" not in page.text
    stays, goes = page.text.split("Solange bleiben,")[1].split("Zu ihrer Frist gelöscht werden trotzdem:")
    goes = goes.split(".")[0]
    assert "Identitätsdaten" in stays
    assert all(word in goes and word not in stays for word in ("Inhalte", "Zugangsdaten", "Abholcode", "Gesperrte Adressen"))
    assert "Einschränkung auf Ihren Wunsch" in page.text
    anna.send(form, status=409, step="restrict", reason="accuracy_contested")
    page = anna.send(page.form("einschraenken"), status=302, step="lift")
    assert "Die Einschränkung ist aufgehoben" in page.text
    assert "Einschränkung auf Ihren Wunsch" not in page.text
