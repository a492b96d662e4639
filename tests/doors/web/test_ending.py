"""The end: its dates before it, its codes once, its sessions gone, and nothing stored before the last click (C-2.8, C-4.1)."""

from datetime import timedelta

import pytest

from stadtmail.people import queries
from stadtmail.people.actions import ends
from tests.doors.web import cast
from tests.doors.web.browsing import Browser

END = "/datenschutz/kuendigen"


@pytest.fixture
def account(ahaus, now):
    return cast.resident(ahaus, "anna.k", now, voluntary={"nickname": "Änne Amsel"})


def check(browser: Browser, **values: str):
    return browser.send(browser.get(END).form("kuendigen"), step="check", **values)


def test_c41_the_dates_are_those_of_the_rules(anna) -> None:
    page = check(anna, when="now", day="")
    assert "24. Dezember 2026" in page.text  # contents: thirty days after 23 November, 00:00 of the day after
    assert "24. Mai 2027" in page.text  # inventory and quarantine: six calendar months
    assert "1. Januar 2028" in page.text  # identity: end of the following year
    for category in ("BD-CRED", "INH", "BD", "BD-ID", "TOMB", "BD-OPT"):
        assert f"frist-{category}" in page.ids
    assert "frist-BD-PAY" not in page.ids


def test_nothing_ends_without_the_password(ahaus, account, anna) -> None:
    page = check(anna, when="now", day="")
    assert "Das Passwort stimmt nicht" in anna.send(page.form("kuendigen"), status=403, step="place", password="falsch falsch").text
    assert queries.contract(ahaus, account.contract).state == "active"
    anna.get("/postfach")


def test_c28_with_the_end_every_session_ends_and_the_codes_are_shown_once(anna) -> None:
    second = Browser()
    second.login("anna.k@ahaus.net", cast.PASSWORD)
    page = check(anna, when="now", day="")
    form = page.form("kuendigen")
    done = anna.send(form, step="place", password=cast.PASSWORD)
    assert set(done.codes) == {"collection", "reclaim"}
    assert done.codes["collection"] != done.codes["reclaim"]
    assert done.response.headers["Cache-Control"] == "no-store"
    for browser in (anna, second):
        browser.raw("/postfach", status=302)
        browser.raw("/datenschutz/meine-daten", status=302)
    anna.send(form, status=403, step="place", password=cast.PASSWORD)
    Browser().login("anna.k@ahaus.net", cast.PASSWORD, status=403)


def test_the_receipt_can_be_taken_from_the_confirmation(anna) -> None:
    done = anna.send(check(anna, when="now", day="").form("kuendigen"), step="place", password=cast.PASSWORD)
    response = anna.send(done.form("/abholen/quittung"))
    assert response.headers["Content-Type"] == "application/json"
    assert response.headers["Content-Disposition"].startswith("attachment")
    assert b"anna" not in response.content.lower()


def test_a_later_end_leaves_everything_open_until_its_day(ahaus, account, anna) -> None:
    page = check(anna, when="later", day="2026-12-31")
    assert "31. Dezember 2026, 23:59" in page.text
    done = anna.send(page.form("kuendigen"), step="place", password=cast.PASSWORD)
    assert set(done.codes) == {"collection", "reclaim"}
    anna.get("/postfach")
    contract = queries.contract(ahaus, account.contract)
    assert contract.state == "active"
    assert contract.ends_at.isoformat() == "2026-12-31T22:59:59+00:00"
    assert "Sie haben schon gekündigt" in anna.get(END).text


def test_a_cancellation_is_withdrawn_with_one_click_before_its_day(ahaus, account, anna) -> None:
    anna.send(check(anna, when="later", day="2026-12-31").form("kuendigen"), step="place", password=cast.PASSWORD)
    page = anna.send(anna.get(END).form("kuendigen"), status=302, step="keep")
    assert "Die Kündigung ist zurückgenommen" in page.text
    assert queries.contract(ahaus, account.contract).ends_at is None


def test_c28_a_session_does_not_outlive_its_contract(ahaus, account, anna, now, monkeypatch) -> None:
    anna.send(check(anna, when="later", day="2026-11-24").form("kuendigen"), step="place", password=cast.PASSWORD)
    later = now + timedelta(days=1, hours=13, minutes=30)
    from stadtmail.usage import sessions

    token = sessions.begin(tenant=ahaus.id, kind="cookie", person=account.person, data={"contract": str(account.contract)}, now=later)
    monkeypatch.setattr("stadtmail.kit.clock.now", lambda: later)
    anna.client.cookies["stadtmail"] = token
    assert anna.raw("/postfach", status=302).headers["Location"] == "/abholen"  # even before the sweep has come by
    ends.take_due_effects(later)
    anna.client.cookies["stadtmail"] = token
    assert anna.raw("/datenschutz/meine-daten", status=302).headers["Location"].startswith("/anmelden")


@pytest.mark.parametrize(
    ("when", "day"), [("later", ""), ("later", "2026-11-23"), ("later", "2026-02-30"), ("later", "2028-01-01"), ("never", ""), ("", "")]
)
def test_a_day_that_cannot_be_is_refused(anna, when, day) -> None:
    anna.send(anna.get(END).form("kuendigen"), status=400, step="check", when=when, day=day)


def test_an_unknown_step_or_field_is_refused(anna) -> None:
    form = anna.get(END).form("kuendigen")
    anna.send(form, status=400, step="ask")
    anna.send(form, status=400, step="place", when="now", day="", password=cast.PASSWORD, reason="zu teuer")
    anna.get("/postfach")
