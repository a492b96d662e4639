"""The door's measures hold on the real pages, and break when a promise is broken: each mutant turns its figure."""

import pytest

from stadtmail.doors.web import cookies, proofs
from stadtmail.privacy.proofs import Measure
from tests.doors.web.conftest import Browser

FIGURES = (
    "pages_beside_policy", "foreign_addresses_in_pages", "surplus_fields_accepted", "surplus_fields_rejected", "cookies_before_login",
    "unlisted_cookies",
    "ended_sessions_accepted", "cookies_with_expiry", "readable_cookies", "cookies_with_personal_data", "functions_without_cookies",
    "sessions_in_addresses_unasked", "cookies_without_basis", "replayed_challenges_accepted", "foreign_addresses_in_forms",
)  # fmt: skip


@pytest.fixture
def measures(monkeypatch) -> dict[str, Measure]:
    found: list[Measure] = []
    monkeypatch.setattr(proofs, "register", lambda *measures: found.extend(measures))
    proofs.declare()
    proofs._walk.cache_clear()
    return {measure.figure: measure for measure in found}


@pytest.mark.parametrize("figure", FIGURES)
def test_the_promise_is_kept(measures, ahaus, musterstadt, now, figure: str) -> None:
    for city in (ahaus, musterstadt):
        found = measures[figure].run(city, now)
        assert found.kept, found
        assert (found.value > 0) == (figure == "functions_without_cookies")


def test_nothing_of_the_measures_stays(measures, ahaus, now) -> None:
    from stadtmail.usage import volatile

    volatile.clear()
    for measure in measures.values():
        measure.run(ahaus, now)
    assert volatile.count("session", now) == 0
    assert volatile.count("connection", now) == 0


def _broken(measures, ahaus, now, figure: str) -> None:
    found = measures[figure].run(ahaus, now)
    assert not found.kept, found


def test_a_cookie_on_a_public_page_is_seen(measures, ahaus, now, monkeypatch) -> None:
    monkeypatch.setattr(cookies, "enforce", lambda request, response: response.set_cookie("visitor", "1"))
    _broken(measures, ahaus, now, "cookies_before_login")
    _broken(measures, ahaus, now, "unlisted_cookies")


def test_a_lasting_cookie_is_seen(measures, ahaus, now, monkeypatch) -> None:
    monkeypatch.setattr(cookies, "enforce", lambda request, response: None)
    monkeypatch.setattr(cookies, "give", lambda request, response, token: response.set_cookie(cookies.name(request), token, max_age=9))
    _broken(measures, ahaus, now, "cookies_with_expiry")


def test_a_name_in_the_cookie_is_seen(measures, ahaus, now, monkeypatch) -> None:
    from stadtmail.usage import sessions

    monkeypatch.setattr(sessions, "begin", lambda **given: given["data"].get("address", "anna"))
    _broken(measures, ahaus, now, "readable_cookies")
    _broken(measures, ahaus, now, "cookies_with_personal_data")


def test_a_session_that_survives_logout_is_seen(measures, ahaus, now, monkeypatch) -> None:
    from stadtmail.usage import sessions

    monkeypatch.setattr(sessions, "end", lambda token: None)
    _broken(measures, ahaus, now, "ended_sessions_accepted")


def test_a_font_from_elsewhere_is_seen(measures, ahaus, now, monkeypatch) -> None:
    from stadtmail.doors.web import headers
    from stadtmail.doors.web.templatetags import portal

    monkeypatch.setattr(headers, "CONTENT_POLICY", "default-src 'self' https://fonts.example")
    _broken(measures, ahaus, now, "foreign_addresses_in_pages")
    monkeypatch.undo()
    proofs._walk.cache_clear()
    monkeypatch.setattr(portal, "static", lambda path: f"https://cdn.example/{path}")
    _broken(measures, ahaus, now, "foreign_addresses_in_pages")


def test_a_form_that_takes_more_is_seen(measures, ahaus, now, monkeypatch) -> None:
    from stadtmail.doors.web import login

    monkeypatch.setattr(login, "refuse_surplus", lambda *_: None)
    _broken(measures, ahaus, now, "surplus_fields_accepted")


def test_c21_what_was_rejected_is_counted_and_nothing_of_it_is_kept(measures, ahaus, musterstadt, now, monkeypatch) -> None:
    from stadtmail.usage import folder, tallies, volatile

    volatile.clear()
    browser = Browser()
    browser.get("/bestellen/brief")
    fields = {**browser.hidden(), "code": "", "canary_4711": "canary_4712", "more": "1"}
    assert browser.post("/bestellen/brief", fields).status_code == 400
    assert browser.post("/anmelden", {"token": "", "canary_4711": "1"}).status_code == 403  # no form of ours: not counted
    assert measures["surplus_fields_rejected"].run(ahaus, now).value == 2
    assert measures["surplus_fields_accepted"].run(ahaus, now).kept
    assert measures["surplus_fields_rejected"].run(ahaus, now).value == 2  # what the measures sent themselves is not in it
    assert measures["surplus_fields_rejected"].run(musterstadt, now).value == 0
    assert not any(b"canary" in path.read_bytes() for path in folder.current().iterdir())
    monkeypatch.setattr(tallies, "note", lambda *_, **__: None)  # a counter that does not count shows nothing
    _broken(measures, ahaus, now, "surplus_fields_rejected")


def test_c21_the_proof_page_says_all_figures_in_words(ahaus, now) -> None:
    from stadtmail.privacy import proofs as all_proofs

    all_proofs.run(ahaus, now)
    browser = Browser()
    browser.get("/datenschutz/nachweis")
    row = browser.text.partition('id="C-2.1"')[2].partition("</tr>")[0]
    assert "überzählige Formularfelder, die angenommen wurden: 0" in row
    assert "überzählige Formularfelder, die abgelehnt wurden (24 Stunden): 0" in row
    assert "_" not in row.replace("kern-", "")


def test_a_challenge_that_can_be_used_twice_is_seen(measures, ahaus, now, monkeypatch) -> None:
    from stadtmail.usage import challenges

    monkeypatch.setattr(challenges, "use", lambda *_, **__: True)
    _broken(measures, ahaus, now, "replayed_challenges_accepted")


def test_the_clauses_about_cookies_are_kept_by_these_figures(ahaus, now) -> None:
    from stadtmail.privacy import proofs as all_proofs

    states = {state.id: state for state in all_proofs.run(ahaus, now)}
    for clause in ("C-3.1", "C-3.2", "C-3.3", "C-3.4", "C-3.7", "C-3.8", "C-3.10", "C-3.11"):
        assert states[clause].state == "kept", states[clause]
        assert states[clause].leaf is not None
