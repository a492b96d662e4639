"""Forwarding: nothing goes out before the address has agreed, a copy stays, circles end, and nobody can be flooded with questions."""

import quopri

import pytest

from stadtmail.kit import clock
from stadtmail.mail import queries
from stadtmail.mail.actions import delivery, forwarding, rules
from stadtmail.mail.models import Forward
from stadtmail.usage import volatile
from tests.doors.web import cast
from tests.doors.web.browsing import Browser, Page

PAGE = "/postfach/einstellungen/weiterleitung"
LETTER = b"From: Bo <bo@verein.example>\r\nTo: anna.k@ahaus.net\r\nSubject: Frage\r\nMessage-ID: <1@verein.example>\r\n\r\nText\r\n"
TO = "anna@privat.example"


@pytest.fixture(autouse=True)
def _no_counts() -> None:
    volatile.clear()


@pytest.fixture
def post(outbox):
    """A message arrives; returns to whom it was passed on."""
    writer = delivery.Writer(enqueue=outbox)
    writer.start()

    def run(raw: bytes = LETTER) -> list[str]:
        outbox.clear()
        now = clock.now()
        to = [delivery.recipient("anna.k@ahaus.net", now=now)]
        received = b"Return-Path: <bo@verein.example>\r\nReceived: by ahaus.net\r\n"
        assert writer.submit(raw, to, received=received, now=now).result(timeout=30) == [None]
        return [one.to for one in outbox]

    yield run
    writer.stop()


def add(browser: Browser, address: str = TO, *, mode: str = "copy", status: int = 302) -> Page:
    return browser.send(form(browser, "address"), status=status, step="add", address=address, mode=mode)


def form(browser: Browser, name: str):
    return next(one for one in browser.get(PAGE).forms if name in one.names and one.action == PAGE)


def code(outbox) -> str:
    words = quopri.decodestring(outbox[-1].raw).decode().split("# confirm ")[1]
    return words.split()[0]


def confirm(browser: Browser, outbox, *, status: int = 302, given: str = "") -> Page:
    return browser.send(form(browser, "code"), status=status, step="confirm", code=given or code(outbox))


def inbox(o) -> int:
    return len(queries.page(o, 1))


def test_it_waits_for_the_code_then_passes_on_and_keeps_a_copy(settled, o, outbox, post) -> None:
    page = add(settled)
    assert "wartet auf Bestätigung" in page.text
    assert [one.to for one in outbox] == [TO]
    assert "Weiterleitung" in quopri.decodestring(outbox[0].raw).decode()
    secret, before = code(outbox), inbox(o)
    assert post() == []
    assert inbox(o) == before + 1
    assert "bestätigt" in confirm(settled, outbox, given=secret).text
    assert post(LETTER.replace(b"<1@", b"<2@")) == [TO]
    assert inbox(o) == before + 2
    assert "An 1 Adresse" in settled.get("/postfach/einstellungen").text


def test_without_a_copy_nothing_stays_and_rules_do_not_run_on(settled, o, outbox, post) -> None:
    add(settled, mode="move")
    confirm(settled, outbox)
    before = inbox(o)
    assert post() == [TO]
    assert inbox(o) == before
    outbox.fails = forwarding.errors.TryLater()
    assert post(LETTER.replace(b"<1@", b"<2@")) == []
    assert inbox(o) == before + 1, "what cannot go out is kept"


def test_a_rule_may_pass_on_only_to_an_address_that_has_agreed(settled, o, outbox, post) -> None:
    add(settled, mode="rules")
    new = "/postfach/einstellungen/filter/neu"
    given = {"step": "save", "what1": "from", "how1": "contains", "text1": "bo@", "place": "keep", "folder": "", "forward": TO}
    settled.send(settled.get(new).form("neu"), status=400, **given)
    confirm(settled, outbox)
    assert post() == [], "not by itself"
    settled.send(settled.get(new).form("neu"), status=302, **given)
    assert post(LETTER.replace(b"<1@", b"<2@")) == [TO]
    page = settled.send(form(settled, "to"), status=400, step="remove", to=TO)
    assert "Eine Regel leitet an diese Adresse weiter" in page.text


def test_a_wrong_code_an_own_address_and_what_is_none_are_refused(settled, o, outbox) -> None:
    for address in ("anna.k@ahaus.net", "ANNA.K+x@ahaus.net", "keine", "a@b.example\r\nBcc: c@d.example", 'a"; discard;@b.example'):
        add(settled, address, status=400)
    assert outbox == []
    assert rules.found(o).state == rules.EMPTY
    add(settled)
    confirm(settled, outbox, status=400, given="falsch-falsch-falsch")
    assert Forward.objects.filter(code=None).count() == 0


def test_questions_are_bounded_and_a_new_code_ends_the_old_one(settled, o, outbox) -> None:
    add(settled)
    first = code(outbox)
    page = settled.send(form(settled, "to"), status=302, step="again", to=TO)
    assert "Code an diese Adresse gesandt" in page.text
    confirm(settled, outbox, status=400, given=first)
    for _ in range(5):
        page = settled.send(form(settled, "to"), status=302, step="again", to=TO)
    assert "oft genug gefragt" in page.text
    assert len(outbox) == forwarding.MOST_TO_ONE
    settled.send(form(settled, "to"), status=302, step="again", to="fremd@anderswo.example")
    assert len(outbox) == forwarding.MOST_TO_ONE, "nobody who is not in the list is asked"
    confirm(settled, outbox)


def test_removing_forgets_the_address(settled, o, outbox, post) -> None:
    add(settled)
    confirm(settled, outbox)
    settled.send(form(settled, "to"), status=302, step="remove", to=TO)
    assert Forward.objects.count() == 0
    assert post() == []
    assert TO not in settled.get(PAGE).text


def test_a_circle_ends_and_no_more_addresses_than_a_script_can_serve(settled, o, outbox, post) -> None:
    for number in range(4):
        add(settled, f"a{number}@privat.example")
        confirm(settled, outbox)
    add(settled, "a4@privat.example", status=400)
    assert len(post()) == 4
    passed = outbox[0].raw
    assert post(passed) == [], "it has been here"


def test_c47_another_resident_confirms_and_changes_nothing(settled, o, outbox, ahaus, now) -> None:
    add(settled)
    secret = code(outbox)
    cast.resident(ahaus, "ben.b", now, street="Wallstraße 3", birth_date="1979-11-02")
    ben = Browser()
    ben.login("ben.b@ahaus.net", cast.PASSWORD)
    ben.send(form(ben, "address"), status=302, step="add", address="ben@privat.example", mode="copy")
    confirm(ben, outbox, status=400, given=secret)
    assert TO not in ben.get(PAGE).text
    ben.send(form(ben, "to"), status=302, step="remove", to=TO)
    assert [one.address for one in rules.found(o).book.passings] == [TO]
