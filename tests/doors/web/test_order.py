"""The order from the first field to the recovery code, without cookies and without JavaScript (C-2.1 to C-2.3, C-2.6, C-3.8, C-5.8)."""

import json
import re
from hashlib import sha256

import pytest

from tests.doors.web.conftest import GIVEN, Browser, order


def _check(browser: Browser, prefix: str = "", **changes: str):
    return browser.send(f"{prefix}/bestellen", {**GIVEN, **changes, "step": "check"})


def _challenge(browser: Browser) -> dict[str, object]:
    from html import unescape

    found = re.search(r'data-challenge="([^"]*)"', browser.text)
    assert found
    return json.loads(unescape(found[1]))


def _solved(task: dict[str, object]) -> str:
    number = next(n for n in range(int(task["maxNumber"]) + 1) if sha256(f"{task['salt']}{n}".encode()).hexdigest() == task["challenge"])
    return json.dumps({**{name: task[name] for name in ("algorithm", "challenge", "salt", "signature")}, "number": number})


def _place(browser: Browser, **more: str):
    terms = re.search(r'name="terms" value="([^"]*)"', browser.text)
    assert terms
    return browser.post("/bestellen", {**browser.hidden(), "step": "place", "terms": terms[1], **more})


def test_an_order_without_cookies_and_without_javascript(browser: Browser, wait) -> None:
    response = order(browser, wait)
    assert response.status_code == 200
    assert not browser.cookies
    assert not response.cookies
    assert "erika.m@ahaus.net" in browser.text
    assert re.search(r'id="wiederherstellungscode">(?:[A-Z2-9]{4}-){6}[A-Z2-9]{2}<', browser.text)
    assert response.headers["Cache-Control"] == "no-store"


def test_the_order_in_english_remembers_the_language(browser: Browser, wait) -> None:
    order(browser, wait, "/en")
    assert '<html lang="en">' in browser.text
    assert "Your recovery code" in browser.text


def test_the_overview_shows_what_was_given_but_no_password(browser: Browser) -> None:
    _check(browser, name="Käthe <b>Groß</b> & Söhne", nickname="Käthchen")
    assert "Käthe &lt;b&gt;Groß&lt;/b&gt; &amp; Söhne" in browser.text
    assert "17. Mai 1990" in browser.text
    assert "Käthchen" in browser.text
    assert GIVEN["password"] not in browser.text
    assert "Version 1" in browser.text


def test_back_to_the_form_keeps_everything_but_the_password(browser: Browser) -> None:
    _check(browser, nickname="Käthchen")
    browser.post("/bestellen", {name: value for name, value in browser.hidden().items() if name in ("token", "state")} | {"step": "back"})
    assert 'value="Käthchen"' in browser.text
    assert 'value="erika.m"' in browser.text
    assert GIVEN["password"] not in browser.text


def test_an_organisation_gives_no_birth_date(browser: Browser, wait) -> None:
    assert _check(browser, kind="organisation").status_code == 400
    assert "fragen wir kein Geburtsdatum" in browser.text
    assert order(browser, wait, kind="organisation", name="Heimatverein Ahaus e. V.", birth_date="").status_code == 200


def test_voluntary_details_are_marked_empty_and_not_asked_for(browser: Browser, wait) -> None:
    browser.get("/bestellen")
    for name in ("nickname", "contact_mail"):
        field = re.search(rf'<label class="kern-label" for="{name}">.*?<input[^>]*>', browser.text, re.DOTALL)
        assert field
        assert "freiwillig" in field[0]
        assert 'value=""' in field[0]
        assert "required" not in field[0]
    assert order(browser, wait).status_code == 200


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"localpart": "postmaster"}, "der Stadt vorbehalten"),
        ({"localpart": "rathaus"}, "der Stadt vorbehalten"),
        ({"localpart": "buergerrneister"}, "der Stadt vorbehalten"),
        ({"localpart": "p0stmaster"}, "der Stadt vorbehalten"),
        ({"localpart": "post.master"}, "der Stadt vorbehalten"),
        ({"localpart": "раypal"}, "3 bis 40 Zeichen"),
        ({"localpart": "a"}, "3 bis 40 Zeichen"),
        ({"localpart": "x" * 101}, "zu lang"),
        ({"name": ""}, "fehlt"),
        ({"name": "\u202eEva"}, "Steuerzeichen"),
        ({"postcode": "4868"}, "fünf Ziffern"),
        ({"birth_date": "31.12.1990"}, "gültiges Geburtsdatum"),
        ({"birth_date": "2020-01-01"}, "ab 16 Jahren"),
        ({"birth_date": "2999-01-01"}, "gültiges Geburtsdatum"),
        ({"tariff": "gold"}, "eine der Möglichkeiten"),
        ({"kind": "king"}, "eine der Möglichkeiten"),
        ({"password": "kurz", "password_again": "kurz"}, "zu kurz"),
        ({"password": "passwort1234", "password_again": "passwort1234"}, "gestohlener"),
        ({"password_again": "anders"}, "verschieden"),
        ({"contact_mail": "keine"}, "keine E-Mail-Adresse"),
    ],
)
def test_what_is_wrong_is_said_at_its_field(browser: Browser, changes: dict[str, str], text: str) -> None:
    assert _check(browser, **changes).status_code == 400
    assert text in browser.text
    field = next(iter(changes))
    target = re.search(r'<li><a href="#([\w-]+)">', browser.text)
    assert target
    assert f'id="{target[1]}"' in browser.text
    if field not in ("kind", "tariff", "password"):
        assert re.search(rf'id="{field}"[^>]*aria-invalid="true"', browser.text)
    assert GIVEN["password"] not in browser.text


def test_a_taken_address(browser: Browser, ordered, wait) -> None:
    assert _check(browser).status_code == 400
    assert "schon vergeben" in browser.text


def test_of_two_orders_at_once_one_wins(browser: Browser, wait) -> None:
    _check(browser)
    late = browser.hidden()
    terms = re.search(r'name="terms" value="([^"]*)"', browser.text)
    assert terms
    assert order(Browser(), wait).status_code == 200
    assert browser.post("/bestellen", {**late, "step": "place", "terms": terms[1]}).status_code == 409
    assert "schon vergeben" in browser.text


def test_an_address_in_quarantine_goes_to_its_former_holder_only(browser: Browser, ahaus, ordered, wait) -> None:
    from stadtmail.kit import clock
    from stadtmail.people import queries
    from stadtmail.people.actions import contracts

    contract = queries.address(ahaus, "erika.m").contract
    ended = contracts.cancel(contract, ends_at=clock.now(), now=clock.now())
    assert _check(browser).status_code == 400
    assert "gesperrt" in browser.text
    assert re.search(r"<details[^>]* open", browser.text)
    assert _check(browser, reclaim="AAAA-BBBB").status_code == 400
    assert "gehört nicht zu der Wunschadresse" in browser.text
    assert order(browser, wait, reclaim=ended.reclaim_code.lower()).status_code == 200


def test_waiting_too_short_waits_on_and_the_time_counts(browser: Browser, wait) -> None:
    _check(browser)
    wait(5)
    _place(browser)
    assert "Noch einen Augenblick" in browser.text
    wait(16)
    assert "Wiederherstellungscode" in _place(browser).content.decode()


def test_a_waiting_step_is_good_once_and_not_for_ever(browser: Browser, wait) -> None:
    _check(browser)
    step = browser.hidden()["wait"]
    wait(21)
    _place(browser)
    _check(browser, localpart="erika.zwei")
    _place(browser, wait=step)
    assert "Noch einen Augenblick" in browser.text
    _check(browser, localpart="erika.zwei")
    wait(601)
    _place(browser)
    assert "Noch einen Augenblick" in browser.text


@pytest.mark.parametrize("forged", ["", "0.x.y", "ffffffff.abc.def", "-1.a.b", "x" * 5000, "é"])
def test_a_forged_waiting_step_is_worth_nothing(browser: Browser, wait, forged: str) -> None:
    _check(browser)
    wait(30)
    _place(browser, wait=forged)
    assert "Noch einen Augenblick" in browser.text


def test_a_solved_challenge_needs_no_waiting_and_is_good_once(browser: Browser) -> None:
    _check(browser)
    solution = _solved(_challenge(browser))
    _place(browser, solution=solution)
    assert "wiederherstellungscode" in browser.text
    _check(browser, localpart="erika.zwei")
    _place(browser, solution=solution)
    assert "Noch einen Augenblick" in browser.text


def test_a_challenge_of_another_city_or_spliced_or_expired_is_worth_nothing(browser: Browser, musterstadt, wait) -> None:
    other = Browser("musterstadt.localhost")
    more = {"phone": "", "iban": "", "account_holder": ""}
    other.send("/bestellen", {**GIVEN, **more, "step": "check"})
    foreign = _solved(_challenge(other))
    _check(browser)
    own = json.loads(_solved(_challenge(browser)))
    spliced = {**own, "salt": re.sub(r"until=\d+", "until=1900000000", str(own["salt"]))}
    unsigned, weak = {**own, "signature": "0" * 64}, {**own, "algorithm": "MD5"}
    for bad in (foreign, *map(json.dumps, (spliced, unsigned, weak)), "[]", "null", "{", "1e999"):
        _place(browser, solution=bad, wait="")
        assert "Noch einen Augenblick" in browser.text
    wait(601)
    _place(browser, solution=json.dumps(own), wait="")
    assert "Noch einen Augenblick" in browser.text


def test_the_state_is_sealed_and_belongs_to_its_city_and_hour(browser: Browser, musterstadt, wait) -> None:
    _check(browser)
    good = browser.hidden()
    assert "Erika" not in good["state"]
    terms = re.search(r'name="terms" value="([^"]*)"', browser.text)
    assert terms
    for bad in ("", "AAAA", good["state"][:-2], "x" + good["state"][1:], "%%%"):
        assert browser.post("/bestellen", {**good, "state": bad, "step": "place", "terms": terms[1]}).status_code == 403
    other = Browser("musterstadt.localhost")
    other.get("/bestellen")
    fields = {"token": other.hidden()["token"], "state": good["state"], "step": "back"}
    assert other.post("/bestellen", fields).status_code == 403
    wait(3700)
    assert browser.post("/bestellen", {**good, "step": "place", "terms": terms[1]}).status_code == 403


def test_the_terms_must_be_agreed_to_in_the_version_shown(browser: Browser, wait) -> None:
    _check(browser)
    wait(21)
    for terms in ("", "0", "on"):
        _place(browser, terms=terms)
        assert "bestätigen Sie die Nutzungsbedingungen" in browser.text
    assert "wiederherstellungscode" in _place(browser).content.decode()


def test_c13_the_notice_that_is_recorded_is_the_one_that_was_shown(browser: Browser, ahaus, wait, new_policy) -> None:
    """Between overview and confirmation the city publishes a new one: it is shown first."""
    from stadtmail.people.models import Contract

    _check(browser)
    assert "Datenschutzerklärung, Version 1" in browser.text
    new_policy()
    wait(21)
    assert _place(browser).status_code == 409
    assert "gilt eine neue Datenschutzerklärung" in browser.text
    assert "Datenschutzerklärung, Version 2" in browser.text
    assert not Contract.objects.exists()
    assert "wiederherstellungscode" in _place(browser).content.decode()
    assert Contract.objects.get().notice_version == 2


def test_a_tariff_with_price_asks_for_what_it_needs_and_no_more(musterstadt, wait) -> None:
    browser = Browser("musterstadt.localhost")
    empty = {"phone": "", "iban": "", "account_holder": ""}
    paid = {"phone": "+49 2561 123", "iban": "DE89 3704 0044 0532 0130 00", "account_holder": "Erika Mustermann"}
    browser.send("/bestellen", {**GIVEN, **paid, "step": "check"})
    assert "Ihr Tarif braucht diese Angabe nicht" in browser.text
    browser.send("/bestellen", {**GIVEN, **empty, "tariff": "plus", "step": "check"})
    assert "Ihr Tarif braucht sie" in browser.text
    assert order(browser, wait, **empty).status_code == 200
    assert order(browser, wait, **{**paid, "tariff": "plus", "localpart": "erika.plus"}).status_code == 200


def test_the_city_takes_so_many_orders_a_day(browser: Browser, wait, monkeypatch) -> None:
    from stadtmail.usage import limits

    monkeypatch.setattr(limits, "allow", lambda scope, *_, **__: scope != "orders")
    assert order(browser, wait).status_code == 429
    assert "Zu viele" in browser.text


def test_a_letters_code_that_nobody_knows(browser: Browser) -> None:
    browser.send("/bestellen/brief", {"code": "AAAA-BBBB-CCCC"})
    assert "kennen wir nicht" in browser.text


@pytest.fixture
def mode(monkeypatch):
    """Let the city take its orders in another way than its file says."""
    from dataclasses import replace

    from stadtmail.privacy import policy

    def switch(name: str) -> None:
        for module in (policy, policy.published):
            real = module.current
            monkeypatch.setattr(module, "current", lambda tenant, real=real: _with(real(tenant), name))

    def _with(rules, name: str):
        return replace(rules, order=replace(rules.order, mode=name))

    return switch


def test_an_order_that_waits_for_approval(browser: Browser, ahaus, wait, mode) -> None:
    from stadtmail.kit import clock
    from stadtmail.mail.actions import accounts
    from stadtmail.people import queries
    from stadtmail.people.actions import staff

    mode("approval")
    order(browser, wait)
    assert "Die Stadt prüft Ihre Bestellung" in browser.text
    assert re.search(r'id="wiederherstellungscode">(?:[A-Z2-9]{4}-){6}[A-Z2-9]{2}<', browser.text)
    assert re.search(r"Ohne Abschluss gelöscht am</dt><dd>\d", browser.text)
    assert _check(Browser()).status_code == 400  # the address is reserved
    (waiting,) = queries.waiting_orders(ahaus)
    clerk = staff.appoint(ahaus, role="desk", name="Dora", login="dora", password="Aktenordner 12 grün", now=clock.now())
    accounts.accept_order(waiting.unit_id, tenant=ahaus, by=str(clerk), now=clock.now())
    browser.get("/anmelden")
    who = {"address": "erika.m@ahaus.net", "password": GIVEN["password"], "way": "cookie", "next": ""}
    assert browser.post("/anmelden", {**browser.hidden(), **who}).status_code == 302


def test_an_order_that_waits_for_a_letter(browser: Browser, ahaus, wait, mode) -> None:
    from stadtmail.kit import clock
    from stadtmail.people.actions import pending, staff
    from stadtmail.people.models import Order

    mode("letter")
    order(browser, wait)
    assert "Ein Brief ist unterwegs" in browser.text
    assert "wiederherstellungscode" in browser.text
    clerk = staff.appoint(ahaus, role="desk", name="Dora", login="dora", password="Aktenordner 12 grün", now=clock.now())
    made = pending.letter_of(Order.objects.get(tenant=ahaus).unit_id, tenant=ahaus, by=clerk, now=clock.now())
    browser.send("/bestellen/brief", {"code": "AAAA-BBBB-CCCC"})
    assert "kennen wir nicht" in browser.text
    assert browser.send("/bestellen/brief", {"code": made.code.lower().replace("-", " ")}).status_code == 200
    assert "Ihr Postfach ist offen" in browser.text
    assert "wiederherstellungscode" not in browser.text  # it was shown with the order
    assert "kennen wir nicht" in browser.send("/bestellen/brief", {"code": made.code}).content.decode()
