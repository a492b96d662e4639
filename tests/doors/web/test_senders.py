"""Who a message is from, in plain words: from what our own door found, never from what the message says of itself; and what warns."""

import pytest

from stadtmail.mail.verdicts import Verdict
from stadtmail.wire import authres
from stadtmail.wire.authres import Result
from tests.doors.web import cast
from tests.doors.web.browsing import Browser

PLAIN = b"From: %s\r\nTo: anna.k@ahaus.net\r\nSubject: Hallo\r\n%s\r\nGuten Tag\r\n"
KARL = b"Karl Kiesel <karl@news.example.org>"


@pytest.fixture
def anna(ahaus, now) -> Browser:
    cast.resident(ahaus, "anna.k", now)
    browser = Browser()
    browser.login("anna.k@ahaus.net", cast.PASSWORD)
    return browser


def found(*results: Result) -> Verdict:
    words = {one.method: one.result for one in results}
    of = {key: words.get(key, "none") for key in ("spf", "dkim", "dmarc")}
    return Verdict(authentication_results=authres.written("mx.test", results), **of)


def dkim(domain: str, result: str = "pass") -> Result:
    return Result("dkim", result, (("header.d", domain),))


def page(browser: Browser, now, sender: bytes = KARL, header: bytes = b"", verdict: Verdict | None = None) -> str:
    cast.deliver(PLAIN % (sender, header), "anna.k@ahaus.net", now=now, verdict=verdict)
    return browser.get("/postfach/1/2").text


@pytest.mark.parametrize(
    ("results", "said"),
    [
        ([Result("dmarc", "pass", (("header.from", "news.example.org"),))], "Absender bestätigt"),
        ([dkim("example.org")], "Absender bestätigt"),  # the same organisation
        ([Result("spf", "pass", (("smtp.mailfrom", "news.example.org"),))], "Absender bestätigt"),
        ([dkim("evil.example")], "Absender nicht bestätigt"),
        ([Result("spf", "pass", (("smtp.mailfrom", "mailer.example"),))], "Absender nicht bestätigt"),
        ([dkim("news.example.org", "fail")], "Absender nicht bestätigt"),
        ([dkim("news.example.org"), Result("dmarc", "fail")], "Absender gefälscht?"),
    ],
)
def test_what_our_door_found_is_said_in_words(anna, now, results, said: str) -> None:
    assert said in page(anna, now, verdict=found(*results))


def test_what_the_message_says_of_itself_counts_for_nothing(anna, now) -> None:
    forged = b"Authentication-Results: mx.test; dmarc=pass header.from=news.example.org\r\n"
    shown = page(anna, now, header=forged)
    assert "Absender bestätigt" not in shown
    shown = anna.get("/postfach/1/2").text
    assert "Absender" not in shown.partition("Eingang")[2].partition("Guten Tag")[0].replace("laut Absender", "")


def test_the_words_of_a_server_in_front_count_as_ours(anna, now) -> None:
    line = b"Authentication-Results: front.ahaus.net;\r\n\tdkim=pass header.d=news.example.org\r\n"
    assert "Absender bestätigt" in page(anna, now, verdict=Verdict(authentication_results=line, dkim="pass"))


def test_a_neighbour_who_hands_in_is_confirmed_and_a_forward_is_not(ahaus, anna, now) -> None:
    from stadtmail.kit import store
    from stadtmail.mail.actions import delivery, local, sending

    ben = cast.resident(ahaus, "ben.b", now, street="Wallstraße 3", birth_date="1979-11-02")
    raw = b"From: ben.b@ahaus.net\r\nTo: anna.k@ahaus.net\r\nSubject: x\r\n\r\nHallo\r\n"
    sending.send(ahaus, contract=ben.contract, sender="ben.b@ahaus.net", recipients=["anna.k@ahaus.net"], raw=raw, now=now)
    assert "Absender bestätigt" in anna.get("/postfach/1/2").text
    copies = local.copies(raw, [delivery.recipient("anna.k@ahaus.net", now=now)], sender="x@example.org", now=now)
    with store.writing():
        assert copies.place() == {}
    assert "Absender bestätigt" not in anna.get("/postfach/1/3").text  # a filter's forward says From, and nobody has proven it


@pytest.mark.parametrize(
    ("sender", "said"),
    [
        (b'"buero@ahaus.net" <x@evil.example>', "Der Name enthält eine andere Adresse"),
        (b"Stadt Ahaus <x@evil.example>", "Der Name klingt nach der Stadtverwaltung"),
        ("Stаdt Аhaus <x@evil.example>".encode(), "Der Name klingt nach der Stadtverwaltung"),  # Cyrillic а and А
        ("Bürgerbüro Ahaus <x@evil.example>".encode(), "Der Name klingt nach der Stadtverwaltung"),
        (b"Karl <x@anaus.net>", "täuschend ähnlich"),
        ("Karl <x@аhaus.net>".encode(), "täuschend ähnlich"),
        (b"Karl <x@xn--haus-53d.net>", "täuschend ähnlich"),
        ("Karl <x@pаypal.com>".encode(), "In Wahrheit heißt die Adresse xn--"),
    ],
)
def test_names_that_pretend_are_named(anna, now, sender: bytes, said: str) -> None:
    assert said in page(anna, now, sender=sender)


@pytest.mark.parametrize(
    "sender",
    [KARL, b"Ahauser Zeitung <x@zeitung.example>", b"karl@example.org <karl@example.org>", "Müller <x@müller.de>".encode()],
)
def test_honest_names_are_left_alone(anna, now, sender: bytes) -> None:
    shown = page(anna, now, sender=sender)
    assert "Der Name" not in shown
    assert "täuschend" not in shown


def test_answers_that_go_elsewhere_are_said(anna, now) -> None:
    assert "Wer antwortet, schreibt an x@evil.example" in page(anna, now, header=b"Reply-To: x@evil.example\r\n")
    cast.deliver(PLAIN % (KARL, b"Reply-To: list@example.org\r\n"), "anna.k@ahaus.net", now=now)
    assert "Antworten gehen" not in anna.get("/postfach/1/3").text


def test_the_first_message_of_somebody_says_so_and_the_second_not(anna, now) -> None:
    assert "zum ersten Mal" in page(anna, now)
    cast.deliver(PLAIN % (KARL, b""), "anna.k@ahaus.net", now=now)
    assert "zum ersten Mal" not in anna.get("/postfach/1/3").text
    cast.deliver(PLAIN % (b"arl@news.example.org", b""), "anna.k@ahaus.net", now=now)
    assert "zum ersten Mal" in anna.get("/postfach/1/4").text
