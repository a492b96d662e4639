"""Scripts as text: checked with line and column, in the reader's language; two tabs; nobody else's."""

import pytest

from stadtmail.mail.actions import filters, rules
from tests.doors.web import cast
from tests.doors.web.browsing import Browser

PAGE = "/postfach/einstellungen/filter/skripte"
NEW = f"{PAGE}/neu"


def made(browser: Browser, name: str = "eigenes", text: str = "keep;\r\n", *, status: int = 302, step: str = "save", path: str = NEW):
    return browser.send(browser.get(path).form("neu"), status=status, step=step, name=name, text=text)


def test_saved_run_seen_by_others_switched_off_deleted_and_taken_back(settled, o) -> None:
    page = made(settled, "Mäuse & Co", 'require "fileinto";\r\nfileinto "Archiv";\r\n')
    assert "Das Skript ist gespeichert" in page.text
    (one,) = filters.listed(o)
    assert one.name == "Mäuse & Co"
    settled.send(page.form(str(one.id)), status=302, step="run")
    assert filters.listed(o)[0].is_active
    delete = {"step": "delete", "version": filters.version(filters.text_of(o, one.name))}
    action = settled.get(f"{PAGE}/{one.id}")
    send = next(form for form in action.forms if "name" not in form.names and form.action.endswith(str(one.id)))
    settled.send(send, status=409, **delete)
    settled.send(page.form(str(one.id)), status=302, step="rest")
    gone = settled.send(send, status=200, **delete)
    assert filters.listed(o) == []
    settled.send(next(form for form in gone.forms if "version" in form.names), status=302, step="save")
    assert filters.text_of(o, "Mäuse & Co") == 'require "fileinto";\r\nfileinto "Archiv";\r\n'


@pytest.mark.parametrize(("path", "words"), [(NEW, "Zeile 2, Spalte 3: Oben fehlt"), (f"/en{NEW}", "Line 2, column 3: Missing at the top")])
def test_a_mistake_is_told_with_line_and_column(settled, o, path, words) -> None:
    text = 'keep;\r\n  fileinto "Archiv";\r\n'
    for step in ("check", "save"):
        page = made(settled, text=text, status=400, step=step, path=path)
        assert words in page.text
        assert 'fileinto "Archiv";' in page.text
    assert filters.listed(o) == []


def test_checking_stores_and_asks_nothing(settled, o, outbox) -> None:
    page = made(settled, text='redirect "a@b.example";', status=200, step="check")
    assert "Es ist noch nicht gespeichert" in page.text
    assert "Zeile 1, Spalte 1: An a@b.example wird erst weitergeleitet" in page.text
    assert (filters.listed(o), outbox) == ([], [])


def test_two_tabs_the_second_save_is_told_and_loses_nothing(settled, o) -> None:
    made(settled)
    (one,) = filters.listed(o)
    forms = [settled.get(f"{PAGE}/{one.id}").form(str(one.id)) for _ in range(2)]
    settled.send(forms[0], status=302, step="save", text="stop;")
    page = settled.send(forms[1], status=409, step="save", text="discard;")
    assert filters.text_of(o, "eigenes") == "stop;"
    assert "stop;" in page.text
    assert "discard;" in page.text
    settled.send(page.form(str(one.id)), status=302, step="save", text="discard;")
    assert filters.text_of(o, "eigenes") == "discard;"
    made(settled, status=409)


def test_the_forms_own_script_can_be_changed_and_is_text_from_then_on(settled, o) -> None:
    form = settled.get("/postfach/einstellungen/filter/neu").form("neu")
    settled.send(form, status=302, step="save", what1="from", how1="contains", text1="x", place="move", folder="5")
    (one,) = filters.listed(o)
    page = settled.get(f"{PAGE}/{one.id}")
    assert "Dieses Skript schreibt das Formular" in page.text
    text = filters.text_of(o, rules.NAME)
    settled.send(page.form(str(one.id)), status=302, step="save", text=text)
    assert rules.found(o).state == rules.FORM, "unchanged it stays the form's"
    settled.send(settled.get(f"{PAGE}/{one.id}").form(str(one.id)), status=302, step="save", text=text + "keep;\r\n")
    assert rules.found(o).state == rules.TEXT


def test_c47_nobody_elses_script_opens(settled, o, ahaus, now) -> None:
    made(settled, text="# Geheimskript\r\nkeep;")
    (one,) = filters.listed(o)
    cast.resident(ahaus, "ben.b", now, street="Wallstraße 3", birth_date="1979-11-02")
    ben = Browser()
    ben.login("ben.b@ahaus.net", cast.PASSWORD)
    ben.raw(f"{PAGE}/{one.id}", status=404)
    made(ben, "bens")
    own = ben.get(PAGE).forms[-1]
    own.action = f"{PAGE}/{one.id}"
    ben.send(own, status=404, step="run")
    assert not filters.listed(o)[0].is_active
