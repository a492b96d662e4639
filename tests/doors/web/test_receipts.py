"""Read receipts: asked for by a tick, never sent by itself, answered once for all programs and tabs, and to nobody who should not know."""

import re
import threading

import pytest

from stadtmail.mail import queries
from stadtmail.mail.actions import delivery, rates, receipts
from stadtmail.mail.leaving import Leg, NoReceipts
from stadtmail.mail.verdicts import PASS, Verdict
from stadtmail.privacy import erasure, sweep
from stadtmail.privacy.models import Unit
from stadtmail.rights import overview
from stadtmail.wire import mdn
from tests.doors.web import cast, writing
from tests.doors.web.browsing import Browser
from tests.doors.web.writing import later, opened, parsed, raws, send_due

INBOX, SENT, JUNK = 1, 3, 4
anna = writing.anna
ASKING = (
    b"From: Karl Kolumbus <karl@example.org>\r\nTo: %(to)s\r\nSubject: Vertrag\r\nMessage-ID: <vertrag@example.org>\r\n"
    b"Disposition-Notification-To: karl@example.org\r\n%(more)s\r\nBitte lesen.\r\n"
)
BAD = Verdict(authentication_results=b"Authentication-Results: mx.ahaus.net; dmarc=fail header.from=example.org\r\n")
GOOD = Verdict(authentication_results=b"Authentication-Results: mx.ahaus.net; dmarc=pass header.from=example.org\r\n", dmarc=PASS)


def arrive(now, *, to: bytes = b"anna.k@ahaus.net", more: bytes = b"", path: bytes = b"karl@example.org", verdict=GOOD) -> None:
    """Karl's letter, as the door takes it in."""
    door = delivery.Writer()
    door.start()
    try:
        target = delivery.recipient("anna.k@ahaus.net", now=now)
        head = b"Return-Path: <" + path + b">\r\nReceived: from test; now\r\n"
        message = ASKING % {b"to": to, b"more": more}
        assert door.submit(message, [target], received=head, now=now, verdict=verdict).result(timeout=20) == [None]
    finally:
        door.stop()


def newest(ahaus, account, folder: int = INBOX) -> str:
    return f"/postfach/{folder}/{queries.page(opened(ahaus, account), folder)[0].uid}"


def leaving() -> list:
    from stadtmail.mail import transit

    legs = Leg.objects.select_related("transit__unit", "transit__tenant")
    return [(transit.opened(leg), b"".join(transit.body(leg.transit))) for leg in legs]


def test_a_receipt_is_asked_for_by_a_tick_and_comes_back_in_plain_words(ahaus, anna, account, ben) -> None:
    anna.press("save", to="ben.b@ahaus.net", subject="Wichtig", text="x", receipt="1")
    assert 'name="receipt" value="1" checked' in anna.page.response.content.decode()
    anna.press("send")
    assert send_due(later()) == 1
    assert parsed(raws(opened(ahaus, ben), INBOX)[0])["Disposition-Notification-To"] == "<anna.k@ahaus.net>"
    other = Browser()
    other.login("ben.b@ahaus.net", cast.PASSWORD)
    path = newest(ahaus, ben)
    page = other.get(path)
    assert "Es wird um eine Lesebestätigung gebeten" in page.text
    assert "anna.k@ahaus.net erfährt dann" in page.text
    before = raws(opened(ahaus, account), INBOX)
    assert other.get(path)
    assert raws(opened(ahaus, account), INBOX) == before  # to look at it tells nobody
    page = other.send(page.form("lesebestaetigung"), status=302, antwort="senden")
    assert "Ihre Lesebestätigung ist unterwegs." in page.text
    assert "Es wird um eine Lesebestätigung gebeten" not in page.text
    (raw,) = [one for one in raws(opened(ahaus, account), INBOX) if b"multipart/report" in one]
    assert raw.startswith(b"Return-Path: <>\r\n")
    got = parsed(raw)
    assert (got["From"], got["To"]) == ("ben.b@ahaus.net", "anna.k@ahaus.net")
    assert b"Disposition: manual-action/MDN-sent-manually; displayed" in raw
    assert b"Reporting-UA" not in raw
    assert not re.search(rb"(?<![\d.])(?:127|10|172|192)\.\d+\.\d+\.\d+", raw)
    shown = anna.browser.get(newest(ahaus, account))
    assert "Ihre Nachricht „Wichtig“ an ben.b@ahaus.net wurde angezeigt." in shown.text
    assert raws(opened(ahaus, ben), SENT) == []


def test_without_the_tick_nothing_is_asked(ahaus, anna, account, ben) -> None:
    anna.press("send", to="ben.b@ahaus.net", subject="Ohne", text="x")
    assert send_due(later()) == 1
    assert b"disposition-notification" not in raws(opened(ahaus, ben), INBOX)[0].lower()


def test_the_answer_goes_elsewhere_once_whatever_two_tabs_do(ahaus, anna, account, now) -> None:
    arrive(now)
    path = newest(ahaus, account)
    first, second, third = (anna.browser.get(path) for _ in range(3))
    assert "unterwegs" in anna.browser.send(first.form("lesebestaetigung"), status=302, antwort="senden").text
    assert "schon beantwortet" in anna.browser.send(second.form("lesebestaetigung"), status=302, antwort="senden").text
    assert "schon beantwortet" in anna.browser.send(third.form("lesebestaetigung"), status=302, antwort="nicht").text
    ((leg, raw),) = leaving()
    assert (leg.envelope.sender, [one.address for one in leg.recipients]) == ("", ["karl@example.org"])
    assert all(not one.wants(word) for one in leg.recipients for word in ("FAILURE", "DELAY", "SUCCESS"))
    assert b"Original-Message-ID: <vertrag@example.org>\r\n" in raw
    assert b"Kanariengelb" not in raw
    assert "$MDNSent" in queries.keywords(opened(ahaus, account)).values()


def test_threads_that_answer_at_once_send_one(ahaus, anna, account, now) -> None:
    from django.db import connections

    arrive(now)
    uid = int(newest(ahaus, account).rpartition("/")[2])
    notice = mdn.Notice("anna.k@ahaus.net", "karl@example.org", "S", "<vertrag@example.org>", "", now)
    start, seen = threading.Barrier(4), []

    def answer() -> None:
        start.wait(20)
        try:
            receipts.send(opened(ahaus, account), INBOX, uid, notice, now=now)
            seen.append("sent")
        except receipts.Answered:
            seen.append("answered")
        finally:
            connections.close_all()

    threads = [threading.Thread(target=answer) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(60)
    assert sorted(seen) == ["answered"] * 3 + ["sent"]
    assert len(leaving()) == 1


def test_no_is_an_answer_and_nothing_leaves(ahaus, anna, account, now) -> None:
    arrive(now)
    path = newest(ahaus, account)
    page = anna.browser.send(anna.browser.get(path).form("lesebestaetigung"), status=302, antwort="nicht")
    assert "Es wird keine Lesebestätigung gesendet." in page.text
    assert leaving() == []
    assert "Lesebestätigung gebeten" not in anna.browser.get(path).text


def test_whoever_never_wants_to_be_asked_is_not_and_nothing_leaves(ahaus, anna, account, now) -> None:
    arrive(now)
    arrive(now)
    other = f"/postfach/1/{queries.page(opened(ahaus, account), INBOX)[1].uid}"
    stale = anna.browser.get(other).form("lesebestaetigung")
    page = anna.browser.send(anna.browser.get(newest(ahaus, account)).form("lesebestaetigung"), status=302, antwort="nie")
    assert "fragen wir Sie nicht mehr" in page.text
    assert "Lesebestätigung gebeten" not in anna.browser.get(other).text
    assert "fragen wir Sie nicht mehr" in anna.browser.send(stale, status=302, antwort="senden").text  # a tab from before
    assert leaving() == []
    choice = anna.browser.get("/postfach/einstellungen/lesebestaetigung")
    assert 'id="fragen-nie" value="nie" checked' in choice.response.content.decode()
    assert "Nie, und ohne Frage" in anna.browser.get("/postfach/einstellungen").text
    choice = anna.browser.send(choice.form("lesebestaetigung"), status=302, fragen="ja")
    assert "Ohne Ihr Ja wird keine gesendet." in choice.text
    assert "Lesebestätigung gebeten" in anna.browser.get(other).text
    anna.browser.send(choice.form("lesebestaetigung"), status=404, fragen="immer")  # there is no such choice


def test_c61_c41_the_choice_is_read_out_and_ends_with_the_mailbox(ahaus, anna, account, ben, now) -> None:
    receipts.never_ask(opened(ahaus, account), never=True)
    receipts.never_ask(opened(ahaus, account), never=True)
    assert (receipts.is_off(opened(ahaus, account)), receipts.is_off(opened(ahaus, ben))) == (True, False)
    seen = overview.overview(ahaus, account.contract, lang="de", now=now)
    assert {"read_receipts": "never"} in [record for part in seen.sections for record in part.records]
    units = list(Unit.objects.filter(anchor=account.contract, category="INH").values_list("id", flat=True))
    erasure.erase(units, tenant=ahaus, now=now, cause="deleted")
    sweep.run(now)
    assert not NoReceipts.objects.exists()


def test_what_a_mail_program_has_answered_is_not_asked_again(ahaus, anna, account, now) -> None:
    from stadtmail.mail.actions import changing

    arrive(now)
    o = opened(ahaus, account)
    bit = changing.keyword_bits(o, ["$mdnsent"], now=now)
    place = next(one for one in queries.folders(o) if one.number == INBOX)
    uid = int(newest(ahaus, account).rpartition("/")[2])
    changing.store_flags(o, place.id, [uid], how=changing.ADD, flags=bit, now=now)
    assert "Lesebestätigung gebeten" not in anna.browser.get(newest(ahaus, account)).text
    assert list(queries.keywords(o).values()).count("$MDNSent") == 0


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"more": b"List-Id: <liste.example.org>\r\n"}, "von einem Verteiler"),
        ({"path": b""}, "keine Adresse, von der sie kam"),
        ({"path": b"bounce@example.net"}, "von dort kam die Nachricht aber nicht"),
        ({"more": b"Disposition-Notification-To: x@example.org\r\n"}, "nicht genau eine Adresse"),
        ({"to": b"undisclosed-recipients:;"}, "nennt Ihre Adresse nicht"),
        ({"verdict": BAD}, "gefälscht"),
    ],
)
def test_where_nobody_should_know_nobody_is_asked_and_nothing_can_be_sent(ahaus, anna, account, now, given, said) -> None:
    arrive(now)
    form = anna.browser.get(newest(ahaus, account)).form("lesebestaetigung")
    arrive(now, **given)
    path = newest(ahaus, account)
    page = anna.browser.get(path)
    assert said in page.text
    assert not [one for one in page.forms if "lesebestaetigung" in one.action]
    form.action = f"{path}/lesebestaetigung"
    anna.browser.send(form, status=404, antwort="senden")
    assert leaving() == []


def test_junk_is_not_even_told_that_it_asked(ahaus, anna, account, now) -> None:
    arrive(now)
    path = newest(ahaus, account)
    form = anna.browser.get(path).form("lesebestaetigung")
    move = anna.browser.get(path).form("aendern")
    anna.browser.send(move, status=302, tun="spam")
    path = newest(ahaus, account, JUNK)
    assert "Lesebestätigung" not in anna.browser.get(path).text
    form.action = f"{path}/lesebestaetigung"
    anna.browser.send(form, status=404, antwort="senden")
    assert leaving() == []


def test_an_unconfirmed_sender_is_warned_of(ahaus, anna, account, now) -> None:
    arrive(now)
    assert "ist nicht bestätigt. Eine Bestätigung verrät" not in anna.browser.get(newest(ahaus, account)).text
    arrive(now, verdict=None)
    assert "ist nicht bestätigt. Eine Bestätigung verrät" in anna.browser.get(newest(ahaus, account)).text


def test_a_further_address_is_told_and_the_first_one_is_not(ahaus, anna, account, now) -> None:
    from stadtmail.mail.actions import aliases
    from stadtmail.people import queries as people

    aliases.add(people.contract(ahaus, account.contract), "sommerfest", tenant=ahaus, now=now)
    arrive(now, to=b"Sommerfest <sommerfest@ahaus.net>")
    anna.browser.send(anna.browser.get(newest(ahaus, account)).form("lesebestaetigung"), status=302, antwort="senden")
    ((_, raw),) = leaving()
    assert b"Final-Recipient: rfc822; sommerfest@ahaus.net\r\n" in raw
    assert b"anna.k" not in raw


def test_receipts_count_as_what_somebody_sends(ahaus, anna, account, now, monkeypatch) -> None:
    arrive(now)
    path = newest(ahaus, account)

    def no(*_: object, **__: object) -> None:
        raise rates.TooOften

    monkeypatch.setattr(rates, "count", no)
    page = anna.browser.send(anna.browser.get(path).form("lesebestaetigung"), status=302, antwort="senden")
    assert "sehr viel gesendet" in page.text
    assert leaving() == []
    assert "Lesebestätigung gebeten" in page.text  # and can still be answered


def test_somebody_elses_message_is_answered_by_nobody(ahaus, anna, account, ben, now) -> None:
    arrive(now)
    form = anna.browser.get(newest(ahaus, account)).form("lesebestaetigung")
    other = Browser()
    other.login("ben.b@ahaus.net", cast.PASSWORD)
    own = other.get(newest(ahaus, ben)).form("aendern")
    form.values = {"token": own.values["token"]}
    other.send(form, status=403, antwort="senden")
    assert leaving() == []


@pytest.mark.parametrize("original", [b"Original-Message-ID: <nie-gesendet@ahaus.net>\r\n", b""])
def test_a_receipt_for_what_nobody_sent_is_not_believed(ahaus, anna, account, now, original) -> None:
    forged = (
        b"From: x@example.org\r\nTo: anna.k@ahaus.net\r\nSubject: Gelesen\r\nMIME-Version: 1.0\r\n"
        b"Content-Type: multipart/report; report-type=disposition-notification; boundary=b\r\n\r\n--b\r\n\r\nText\r\n--b\r\n"
        b"Content-Type: message/disposition-notification\r\n\r\nFinal-Recipient: rfc822;<b>x</b>@example.org\r\n" + original +
        b"Disposition: manual-action/MDN-sent-manually; displayed\r\n\r\n--b--\r\n"
    )  # fmt: skip
    cast.deliver(forged, "anna.k@ahaus.net", now=now)
    page = anna.browser.get(newest(ahaus, account))
    assert "gibt sich als Lesebestätigung aus" in page.text
    assert b"<b>x" not in page.response.content
