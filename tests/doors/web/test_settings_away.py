"""Out of office by a form: the days, whom it answers, what gets into the reply, and two tabs."""

from datetime import timedelta
from email import message_from_bytes, policy

import pytest

from stadtmail.kit import clock
from stadtmail.mail import views, written
from stadtmail.mail.actions import delivery, filing, filters, rules
from stadtmail.mail.models import Forward, Script
from stadtmail.people import queries as people
from stadtmail.people.actions import contracts
from stadtmail.privacy import sweep
from stadtmail.rights import archive
from stadtmail.usage import volatile
from tests.doors.web.browsing import Browser, Page
from tests.people.traces import files_with

PAGE = "/postfach/einstellungen/abwesenheit"
LETTER = b"From: Bo <bo@verein.example>\r\nTo: anna.k@ahaus.net\r\nSubject: Frage\r\nMessage-ID: <1@verein.example>\r\n\r\nText\r\n"
FROM_BO = b"Return-Path: <bo@verein.example>\r\nReceived: by ahaus.net\r\n"
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def _no_counts() -> None:
    volatile.clear()


@pytest.fixture
def post(outbox):
    """A message from Bo arrives; returns the replies to it."""
    writer = delivery.Writer(enqueue=outbox)
    writer.start()

    def run(raw: bytes = LETTER, *, at=None, received: bytes = FROM_BO, to: str = "anna.k@ahaus.net") -> list:
        outbox.clear()
        at = at or clock.now()
        assert writer.submit(raw, [delivery.recipient(to, now=at)], received=received, now=at).result(timeout=30) == [None]
        return [message_from_bytes(one.raw, policy=policy.default) for one in outbox]

    yield run
    writer.stop()


def today() -> str:
    return clock.now().astimezone().date().isoformat()


def day(number: int) -> str:
    return (clock.now().date() + number * DAY).isoformat()


def save(browser: Browser, *, status: int = 302, **values: str) -> Page:
    form = browser.get(PAGE).form("abwesenheit")
    given = {"step": "save", "since": day(0), "until": day(5), "text": "Ich bin bis Freitag weg.", "text_en": "", **values}
    return browser.send(form, status=status, **given)


def test_it_answers_from_the_first_day_to_the_last_and_the_mailbox_says_so(settled, post) -> None:
    assert "antwortet bis einschließlich" not in settled.get("/postfach").text
    save(settled, text_en="I am away.", subject="Ich bin weg äöü")
    assert "antwortet bis einschließlich" in settled.get("/postfach").text
    assert "Antwortet bis einschließlich" in settled.get("/postfach/einstellungen").text
    (reply,) = post()
    assert (reply["To"], reply["From"], reply["Subject"]) == ("bo@verein.example", "anna.k@ahaus.net", "Ich bin weg äöü")
    assert reply["Auto-Submitted"].startswith("auto-replied")
    assert reply.get_content().replace("\r\n", "\n").strip() == "Ich bin bis Freitag weg.\n\n-- \nI am away."
    assert post(LETTER.replace(b"<1@", b"<2@")) == [], "once in seven days"
    assert post(LETTER.replace(b"bo@", b"eva@"), received=FROM_BO.replace(b"bo@", b"eva@"), at=clock.now() + 5 * DAY) != []
    assert post(LETTER.replace(b"bo@", b"uwe@"), received=FROM_BO.replace(b"bo@", b"uwe@"), at=clock.now() + 6 * DAY) == []


def test_before_its_first_day_it_is_silent(settled, post) -> None:
    save(settled, since=day(2), until=day(3))
    assert post() == []
    assert "antwortet bis einschließlich" not in settled.get("/postfach").text
    assert "Antwortet von" in settled.get("/postfach/einstellungen").text


@pytest.mark.parametrize(
    "more", [b"List-Id: <a.b>\r\n", b"Auto-Submitted: auto-generated\r\n", b"Precedence: bulk\r\n", b"X-Auto-Response-Suppress: All\r\n"]
)
def test_lists_and_machines_get_no_answer(settled, post, more) -> None:
    save(settled)
    assert post(more + LETTER) == []


@pytest.mark.parametrize(
    "sender", [b"", b"mailer-daemon@verein.example", b"owner-liste@verein.example", b"anna.k@ahaus.net", b"anna.k+x@ahaus.net"]
)
def test_bounces_daemons_and_oneself_get_no_answer(settled, post, sender) -> None:
    save(settled)
    assert post(received=b"Return-Path: <" + sender + b">\r\nReceived: by ahaus.net\r\n") == []


@pytest.mark.parametrize(
    ("field", "value"),
    [("subject", "Weg\r\nBcc: opfer@x.example"), ("subject", "Weg\nX: y"), ("text", "a\0b"), ("text", "a\x1bb"), ("subject", "x" * 200),
     ("addresses", "keine"), ("addresses", "a@b.example\r\nX: y"), ("since", "2026-02-30"), ("until", "gestern"), ("until", "2020-01-01"),
     ("text", ""), ("text", "x" * 5000)],
)  # fmt: skip
def test_what_would_be_a_header_or_no_day_is_refused(settled, o, field, value) -> None:
    page = save(settled, status=400, **{field: value})
    assert filters.listed(o) == []
    assert page.form("abwesenheit").values["until"] == (value if field == "until" else day(5))


def test_a_text_that_looks_like_sieve_headers_or_notes_is_text(settled, o, post) -> None:
    text = 'Hallo"\r\n.\r\n# rule {"id":"x"}\r\n"; discard; text:\r\nBcc: opfer@x.example\r\n\\'
    save(settled, text=text)
    assert rules.found(o).state == rules.FORM
    (reply,) = post()
    assert reply["Bcc"] is None
    assert reply.get_content().replace("\r\n", "\n").strip() == text.replace("\r\n", "\n").strip()
    assert settled.get(PAGE).response.status_code == 200


def test_only_known_senders(settled, o, post, now) -> None:
    sent = next(one for one in views.states(o) if one.role == "sent")
    filing.append(o, sent.id, [filing.New(b"From: anna.k@ahaus.net\r\nTo: Bo <BO@verein.example>\r\n\r\nx\r\n", 0, now)], now=now)
    assert written.written_to(o) == ["bo@verein.example"]
    save(settled, known="1")
    assert "Zurzeit 1 Adresse." in settled.get(PAGE).text
    assert len(post()) == 1
    assert post(LETTER.replace(b"bo@", b"eva@"), received=FROM_BO.replace(b"bo@", b"eva@")) == []


def test_two_tabs_the_second_save_is_told_and_loses_nothing(settled, o) -> None:
    first, second = (settled.get(PAGE).form("abwesenheit") for _ in range(2))
    given = {"step": "save", "since": day(0), "until": day(5), "text_en": ""}
    settled.send(first, status=302, text="Erster Text", **given)
    page = settled.send(second, status=409, text="Zweiter Text", **given)
    assert "Erster Text" in page.text
    assert rules.found(o).book.away.text == "Erster Text"
    settled.send(page.form("abwesenheit"), status=302, text="Zweiter Text", **given)
    assert rules.found(o).book.away.text == "Zweiter Text"
    end = settled.get(PAGE).form("abwesenheit")
    settled.send(end, status=302, step="end")
    assert rules.found(o).book.away is None


def test_a_script_that_became_text_meanwhile_stays_and_so_does_what_was_typed(settled, o, now, outbox) -> None:
    form = settled.get(PAGE).form("abwesenheit")
    filters.put(o, rules.NAME, b"keep;", enqueue=outbox, now=now)
    page = settled.send(form, status=409, step="save", since=day(0), until=day(5), text="Getippt", text_en="")
    assert filters.text_of(o, rules.NAME) == "keep;"
    assert "Getippt" in page.text
    assert page.form("abwesenheit").values["until"] == day(5)


def test_it_is_in_the_same_script_as_the_rules_and_both_work(settled, o, post, outbox) -> None:
    save(settled)
    form = settled.get("/postfach/einstellungen/filter/neu").form("neu")
    settled.send(form, status=302, step="save", what1="from", how1="contains", text1="verein", place="move", folder="5")
    assert len(post()) == 1
    assert [one.name for one in filters.listed(o)] == [rules.NAME]
    assert views.counts(views.named(o, "Archiv").id).total == 1


def test_c47_all_of_it_is_gone_after_the_end_of_the_contract_and_never_lay_in_clear(settled, o, ahaus, now, outbox) -> None:
    canary = "kanarienflug"
    save(settled, text=f"Ich bin auf {canary}", addresses=f"{canary}@anderswo.example")
    for path, more in (("filter/neu", {"what1": "from", "how1": "contains", "text1": canary, "name": canary, "place": "keep"}),
                       ("weiterleitung", {"step": "add", "address": f"{canary}@privat.example", "mode": "copy"})):  # fmt: skip
        page = settled.get(f"/postfach/einstellungen/{path}")
        form = next(one for one in page.forms if one.action.endswith(path))
        settled.send(form, status=302, **{"step": "save", **more})
    contract = people.contract(ahaus, o.mailbox.contract_id)
    assert canary.encode() in b"".join(archive.archive(ahaus, contract.id, now=clock.now()))
    assert not files_with(canary)
    contracts.cancel(contract, ends_at=clock.now(), now=clock.now())
    for days in (1, 31, 190):
        sweep.run(clock.now() + days * DAY)
        assert not files_with(canary)
    assert not Script.objects.exists()
    assert not Forward.objects.exists()
