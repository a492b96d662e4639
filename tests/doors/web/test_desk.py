"""The desk: nothing without a purpose, everything on the record, and never content (C-2.4, C-4.7)."""

from uuid import uuid4

import pytest

from stadtmail.people import queries
from stadtmail.people.actions import credentials, pending, staff
from stadtmail.privacy import policy
from tests.doors.web import cast
from tests.doors.web.browsing import Browser

DESK = "/schreibtisch"


@pytest.fixture
def approval(monkeypatch):
    return _mode(monkeypatch, "approval")


def _mode(monkeypatch, mode: str) -> None:
    from dataclasses import replace

    real = policy.current

    def changed(tenant):
        found = real(tenant)
        return replace(found, order=replace(found.order, mode=mode))

    monkeypatch.setattr(policy, "current", changed)


@pytest.fixture
def doris(ahaus, now) -> Browser:
    cast.doris(ahaus, now)
    browser = Browser()
    browser.desk("desk1", cast.STAFF_PASSWORD)
    return browser


def test_the_desk_has_a_login_of_its_own(ahaus, now) -> None:
    cast.doris(ahaus, now)
    cast.resident(ahaus, "anna.k", now)
    assert Browser().raw(DESK, status=302).headers["Location"] == "/schreibtisch/anmelden"
    wrong = Browser()
    wrong.send(wrong.get("/schreibtisch/anmelden").form("anmelden"), status=403, login="anna.k@ahaus.net", password=cast.PASSWORD)
    wrong.send(wrong.get("/anmelden").form("anmelden"), status=403, address="desk1", password=cast.STAFF_PASSWORD, way="cookie")
    anna = Browser()
    anna.login("anna.k@ahaus.net", cast.PASSWORD)
    anna.raw(DESK, status=302)


def test_the_list_shows_no_person(approval, ahaus, doris, now) -> None:
    pending.submit(cast.form("anna.k"), tenant=ahaus, now=now)
    page = doris.get(DESK)
    assert "wartet auf Freigabe" in page.text
    for trace in ("Anna", "Kanariengelb", "anna.k"):
        assert trace not in page.text
        assert not any(trace.lower() in link.lower() for link in page.links if not link.startswith("mailto:"))


def test_c24_an_order_opens_after_its_purpose_and_on_the_record(approval, ahaus, doris, now) -> None:
    waiting = pending.submit(cast.form("anna.k"), tenant=ahaus, now=now)
    path = f"{DESK}/bestellung/{waiting.order}"
    why = doris.get(path)
    assert "Kanariengelb" not in why.text
    form = why.form(path)
    assert "wozu" in doris.send(form, status=400, step="open").text
    page = doris.send(form, step="open", purpose="order_check")
    assert "Anna Kanariengelb" in page.text
    assert "Satz 7" not in page.text
    assert "Die Bestellung ist freigegeben" in doris.send(page.form(path), status=302, step="accept").text
    assert "<script>" not in doris.get(f"{DESK}?fertig=<script>").text
    assert credentials.sign_in(ahaus, "anna.k@ahaus.net", cast.PASSWORD)
    anna = Browser()
    anna.login("anna.k@ahaus.net", cast.PASSWORD)
    assert "Prüfung der Bestellung" in anna.get("/datenschutz/meine-daten").text
    doris.raw(path, status=404)


def test_refusing_erases_at_once(approval, ahaus, doris, now) -> None:
    waiting = pending.submit(cast.form("anna.k"), tenant=ahaus, now=now)
    path = f"{DESK}/bestellung/{waiting.order}"
    page = doris.send(doris.get(path).form(path), step="open", purpose="order_check")
    assert "abgelehnt und gelöscht" in doris.send(page.form(path), status=302, step="refuse").text
    assert queries.waiting_orders(ahaus) == []
    assert queries.address_state(ahaus, "anna.k") == queries.FREE


def test_nothing_is_decided_without_looking_first(approval, ahaus, doris, now) -> None:
    waiting = pending.submit(cast.form("anna.k"), tenant=ahaus, now=now)
    path = f"{DESK}/bestellung/{waiting.order}"
    form = doris.get(path).form(path)
    for step in ("accept", "refuse", "letter"):
        doris.send(form, status=403, step=step, state="")
    other = pending.submit(cast.form("ben.b"), tenant=ahaus, now=now)
    elsewhere = f"{DESK}/bestellung/{other.order}"
    seen = doris.send(doris.get(elsewhere).form(elsewhere), step="open", purpose="order_check")
    doris.send(form, status=403, step="accept", state=seen.form(elsewhere).values["state"])
    assert len(queries.waiting_orders(ahaus)) == 2


def test_the_letter_shows_its_code_and_opens_the_mailbox(monkeypatch, ahaus, doris, now) -> None:
    _mode(monkeypatch, "letter")
    waiting = pending.submit(cast.form("anna.k"), tenant=ahaus, now=now)
    path = f"{DESK}/bestellung/{waiting.order}"
    page = doris.send(doris.get(path).form(path), step="open", purpose="order_check")
    letter = doris.send(page.form(path), step="letter")
    assert "Marktstraße 17" in letter.text
    (code,) = [data for data in letter.text.split() if data.count("-") == 6]
    from stadtmail.mail.actions import accounts

    assert accounts.open_letter(code, tenant=ahaus, now=now).address == "anna.k@ahaus.net"


def find(browser: Browser, address: str, purpose: str, *, status: int = 200):
    return browser.send(browser.get(f"{DESK}/vertrag").form("vertrag"), status=status, step="find", address=address, purpose=purpose)


def test_a_contract_opens_by_exact_address_and_purpose_only(ahaus, doris, now) -> None:
    cast.resident(ahaus, "anna.k", now, voluntary={"nickname": "Änne Amsel"})
    cast.deliver(b"From: a@example.org\r\nSubject: Geheim 4711\r\n\r\nx\r\n", "anna.k@ahaus.net", now=now)
    find(doris, "anna.k@ahaus.net", "", status=400)
    find(doris, "anna.k@ahaus.net", "neugier", status=400)
    find(doris, "anna.k@ahaus.net", "order_check", status=400)
    find(doris, "anna", "correction", status=400)
    find(doris, "%@ahaus.net", "correction", status=400)
    find(doris, "anna.k@musterstadt.example", "correction", status=400)
    page = find(doris, "Anna.K@ahaus.net", "support_with_person")
    assert "Anna Kanariengelb" in page.text
    assert "läuft" in page.text
    for trace in ("4711", "Änne Amsel"):
        assert trace not in page.text  # no content ever, and no category that the purpose does not open
    assert not any("Berichtigen" in form.action for form in page.forms)
    anna = Browser()
    anna.login("anna.k@ahaus.net", cast.PASSWORD)
    seen = anna.get("/datenschutz/meine-daten").text
    assert "Hilfe, während die Person dabei ist" in seen


def test_a_correction_at_the_desk_is_made_and_recorded(ahaus, doris, now) -> None:
    cast.resident(ahaus, "anna.k", now)
    page = find(doris, "anna.k@ahaus.net", "correction")
    form = page.form("vertrag")
    doris.send(form, status=400, step="correct", postcode="4")
    done = doris.send(form, status=302, step="correct", street="Wallstraße 3")  # loading again must not repeat it
    assert "eine Nachricht darüber in ihrem Postfach" in done.text
    assert "Wallstraße 3" not in done.text
    page = find(doris, "anna.k@ahaus.net", "correction")
    assert "Wallstraße 3" in page.text
    assert "Marktstraße 17" not in page.text
    unchanged = doris.send(page.form("vertrag"), status=302, step="correct")
    assert "Es gab nichts zu ändern" in unchanged.text


def test_c62c_what_anna_restricted_the_desk_neither_sees_nor_corrects(ahaus, doris, now) -> None:
    cast.resident(ahaus, "anna.k", now)
    correcting = find(doris, "anna.k@ahaus.net", "correction").form("vertrag")  # opened before the restriction
    anna = Browser()
    anna.login("anna.k@ahaus.net", cast.PASSWORD)
    mine = "/datenschutz/meine-daten"
    seen = anna.send(anna.get(mine).form("einschraenken"), status=302, step="restrict", reason="needed_for_claim")
    assert "ändert nichts daran" in seen.text
    for purpose in ("support_with_person", "correction"):
        page = find(doris, "anna.k@ahaus.net", purpose, status=403)
        assert "einschränken lassen (Art. 18 DSGVO)" in page.text
        assert "Kanariengelb" not in page.text
    doris.send(correcting, status=403, step="correct", street="Wallstraße 3")
    assert "Marktstraße 17" in anna.get(mine).text
    assert "gesetzt haben" in find(doris, "anna.k@ahaus.net", "claim", status=403).text
    page = find(doris, "anna.k@ahaus.net", "dsr")  # her own request is answered
    assert "Diese Daten sind eingeschränkt" in page.text
    assert "Kanariengelb" in page.text
    anna.send(anna.get(mine).form("einschraenken"), status=302, step="lift")
    assert "Kanariengelb" in find(doris, "anna.k@ahaus.net", "support_with_person").text


def test_c47_a_state_from_another_purpose_corrects_nothing(ahaus, doris, now) -> None:
    cast.resident(ahaus, "anna.k", now)
    correcting = find(doris, "anna.k@ahaus.net", "correction").form("vertrag")
    doris.send(correcting, status=403, step="correct", state="AAAA", street="Wallstraße 3")


def test_the_desk_of_one_city_does_not_reach_another(ahaus, musterstadt, doris, now) -> None:
    cast.resident(musterstadt, "clara.c", now)
    find(doris, "clara.c@musterstadt.example", "correction", status=400)
    doris.raw(f"{DESK}/bestellung/{uuid4()}", status=404)
    foreign = Browser("musterstadt.localhost")
    foreign.client.cookies = doris.client.cookies
    foreign.raw(DESK, status=302)


def test_whoever_left_sees_nothing_any_more(ahaus, now) -> None:
    by = cast.doris(ahaus, now)
    browser = Browser()
    browser.desk("desk1", cast.STAFF_PASSWORD)
    staff.dismiss(by, tenant=ahaus, now=now)
    browser.raw(DESK, status=403)


def test_trying_out_addresses_has_an_end(ahaus, doris, monkeypatch) -> None:
    monkeypatch.setattr("stadtmail.doors.web.desk.LOOKS", 3)
    for number in range(3):
        find(doris, f"probe{number}@ahaus.net", "correction", status=400)
    find(doris, "probe9@ahaus.net", "correction", status=429)
