"""Challenges and counters end when the policy says, not when the door likes (C-1.1, C-4.2, K17): another figure, another behaviour."""

from dataclasses import replace

import pytest

from stadtmail.privacy import policy
from stadtmail.privacy.periods import Period, Term
from tests.doors.web import cast
from tests.doors.web.browsing import Browser
from tests.doors.web.conftest import GIVEN
from tests.doors.web.conftest import Browser as Orderer


@pytest.fixture
def rules(monkeypatch):
    """Let the city's policy give these periods."""
    real = policy.current

    def give(*, throttle: str = "PT10M", challenge: str = "PT10M") -> None:
        def current(tenant):
            found = real(tenant)
            category = found.categories["CAPT"]
            capt = replace(category, rule=replace(category.rule, gone_by=Term(Period.parse(challenge), "exact")))
            limits = {**found.limits, "throttle": Period.parse(throttle)}
            return replace(found, categories={**found.categories, "CAPT": capt}, limits=limits)

        monkeypatch.setattr(policy, "current", current)

    return give


@pytest.mark.parametrize(("period", "seconds"), [("PT10M", 600), ("PT2M", 120), ("PT1H", 3600)])
def test_k17_a_counter_is_forgotten_when_the_policy_says(ahaus, now, rules, wait, period: str, seconds: int) -> None:
    cast.resident(ahaus, "anna.k", now)
    rules(throttle=period)
    browser = Browser()
    for _ in range(10):
        browser.login("anna.k@ahaus.net", "falsch", status=403)
    refused = browser.login("anna.k@ahaus.net", cast.PASSWORD, status=429)
    assert refused.response.headers["Retry-After"] == str(seconds)
    wait(seconds - 10)
    browser.login("anna.k@ahaus.net", cast.PASSWORD, status=429)
    wait(12)
    browser.login("anna.k@ahaus.net", cast.PASSWORD)


@pytest.mark.parametrize("period", ["PT1M", "PT10M", "PT30M"])
def test_c58_a_challenge_is_good_as_long_as_the_policy_says(ahaus, rules, wait, period: str) -> None:
    rules(challenge=period)
    browser = Orderer()
    browser.send("/bestellen", {**GIVEN, "step": "check"})
    given, terms = browser.hidden(), browser.text.partition('name="terms" value="')[2].partition('"')[0]
    wait(Period.parse(period).seconds + 2)
    browser.post("/bestellen", {**given, "step": "place", "terms": terms})
    assert "Noch einen Augenblick" in browser.text
    wait(21)
    browser.post("/bestellen", {**browser.hidden(), "step": "place", "terms": terms})
    assert "wiederherstellungscode" in browser.text


def test_who_knows_the_password_logs_in_as_often_as_they_like_and_wrong_ones_still_end(ahaus, now) -> None:
    cast.resident(ahaus, "anna.k", now)
    browser = Browser()
    for _ in range(12):
        browser.login("anna.k@ahaus.net", cast.PASSWORD)
        browser.send(browser.get("/").form("abmelden"), status=302)
    for _ in range(10):
        browser.login("anna.k@ahaus.net", "falsch", status=403)
    browser.login("anna.k@ahaus.net", cast.PASSWORD, status=429)


def test_a_right_password_between_wrong_ones_buys_no_more_of_them(ahaus, now) -> None:
    cast.resident(ahaus, "anna.k", now)
    browser = Browser()
    for _ in range(5):
        browser.login("anna.k@ahaus.net", "falsch", status=403)
        browser.login("anna.k@ahaus.net", cast.PASSWORD)
        browser.send(browser.get("/").form("abmelden"), status=302)
        browser.login("anna.k@ahaus.net", "falsch", status=403)
    browser.login("anna.k@ahaus.net", cast.PASSWORD, status=429)


def test_a_strangers_tries_lock_nobody_out_but_many_strangers_together_end(ahaus, now, monkeypatch) -> None:
    cast.resident(ahaus, "anna.k", now)
    monkeypatch.setattr("stadtmail.doors.web.throttle.FOR_NAME", 13)
    stranger = Browser()
    for _ in range(10):
        stranger.login("Anna.K@ahaus.net", "falsch", status=403)
    stranger.login("anna.k@ahaus.net", "falsch", status=429)
    Browser().login("anna.k@ahaus.net", cast.PASSWORD)
    for _ in range(3):  # the right password before counts for nothing
        Browser().login("anna.k@ahaus.net", "falsch", status=403)
    Browser().login("anna.k@ahaus.net", "falsch", status=429)
