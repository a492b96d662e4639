"""Writing mail without JavaScript: drafts that do not pile up, files that stay, answers that thread, and what is wrong beside its field."""

import re

import pytest

from stadtmail.doors.web import compose_form
from stadtmail.kit import clock
from stadtmail.mail import drafts, queries
from stadtmail.mail.actions import drafting, rates
from stadtmail.mail.folders import ANSWERED
from stadtmail.mail.models import Mailbox, Message, Planned
from stadtmail.vault import blobs
from stadtmail.wire import typed
from tests.doors.web import cast, writing
from tests.doors.web.browsing import Browser
from tests.doors.web.writing import Writer, later, opened, parsed, raws, send_due

INBOX, DRAFTS, SENT = 1, 2, 3
anna = writing.anna


def test_a_message_with_a_file_goes_from_anna_to_ben(ahaus, anna, account, ben) -> None:
    given = {"to": "Benedikt <BEN.B@ahaus.net>", "subject": "Grüße", "text": "Hallo Ben\r\n\r\nDeine Anna"}
    anna.press("send", ("bericht.pdf", b"%PDF-1.4 kanarie"), **given)
    assert "Wird gesendet" in anna.text
    assert send_due(clock.now()) == 0
    assert send_due(later()) == 1
    got = parsed(raws(opened(ahaus, ben), INBOX)[0])
    assert (got["Subject"], got["To"], got["From"]) == ("Grüße", "Benedikt <BEN.B@ahaus.net>", "Anna Kanariengelb <anna.k@ahaus.net>")
    text, file = got.iter_parts()
    assert text.get_content().split() == ["Hallo", "Ben", "Deine", "Anna"]
    assert (file.get_filename(), file.get_content_type(), file.get_content()) == ("bericht.pdf", "application/pdf", b"%PDF-1.4 kanarie")
    assert got["DKIM-Signature"] is None or "ahaus.net" in got["DKIM-Signature"]
    o = opened(ahaus, account)
    assert raws(o, DRAFTS) == []
    copy = parsed(raws(o, SENT)[0])
    assert (copy["Message-ID"], copy["Subject"]) == (got["Message-ID"], "Grüße")
    assert "Gesendet" in anna.open(anna.at).text
    assert send_due(later(60)) == 0


def test_undo_makes_it_a_draft_again_and_nothing_is_sent(ahaus, anna, ben) -> None:
    anna.press("send", to="ben.b@ahaus.net", subject="Zu schnell", text="x")
    anna.stop()
    assert "Nicht gesendet" in anna.text
    assert anna.values["subject"] == "Zu schnell"
    assert send_due(later()) == 0
    assert len(raws(opened(ahaus, ben), INBOX)) == 1  # the welcome


def test_undo_after_the_sending_says_that_it_is_too_late(ahaus, anna, ben) -> None:
    anna.press("send", to="ben.b@ahaus.net", subject="Weg", text="x")
    at, page = anna.at, anna.page
    assert send_due(later()) == 1
    anna.page, anna.at = page, at
    assert "Gesendet" in anna.stop(status=409).text
    assert len(raws(opened(ahaus, ben), INBOX)) == 2


def test_a_draft_is_saved_again_and_does_not_pile_up(ahaus, anna, account) -> None:
    anna.press("save", to="ben@", subject="Entwurf", text="eins", cc="Ben <ben.b@ahaus.net>; halb fertig", bcc="geheim@example.org")
    anna.press("save", text="zwei", subject="Entwurf zwei")
    o = opened(ahaus, account)
    (row,) = queries.page(o, DRAFTS)
    assert "\\Draft" in row.flags
    again = Writer(anna.browser).open(f"/postfach/schreiben/{row.uid}")
    assert {name: again.values[name] for name in ("to", "cc", "bcc", "subject", "text")} == {
        "to": "ben@", "cc": "Ben <ben.b@ahaus.net>; halb fertig", "bcc": "geheim@example.org", "subject": "Entwurf zwei", "text": "zwei\n",
    }  # fmt: skip
    assert "Weiterschreiben" in anna.browser.get(f"/postfach/2/{row.uid}").text


def test_two_tabs_race_and_nothing_is_lost(ahaus, anna, account) -> None:
    anna.press("save", ("eins.txt", b"eins"), subject="Gemeinsam", text="Anfang")
    other = Writer(anna.browser).open(anna.at)
    anna.press("save", text="Fassung A")
    other.press("save", text="Fassung B", status=409)
    assert "eigener Entwurf" in other.text
    texts = sorted(parsed(raw).get_body().get_content().strip() for raw in raws(opened(ahaus, account), DRAFTS))
    assert texts == ["Fassung A", "Fassung B"]
    assert anna.files() == other.files() == ["eins.txt"]
    anna.press("save", text="Fassung A2")
    other.press("save", text="Fassung B2")
    assert len(raws(opened(ahaus, account), DRAFTS)) == 2


def test_a_second_tab_sends_nothing_twice(ahaus, anna, ben, account) -> None:
    anna.press("save", to="ben.b@ahaus.net", subject="Einmal", text="Text")
    first, second, third = (Writer(anna.browser).open(anna.at) for _ in range(3))
    first.press("send")
    second.press("send")  # the same, pressed twice: the page of the first
    assert second.at == first.at
    third.press("send", text="Anderer Text", status=409)
    assert send_due(later()) == 1
    again = Writer(anna.browser)
    again.action, again.values = first.action, {**second.values, **first.values}
    assert again.press("send").at == first.at  # and once more, long after
    assert send_due(later(60)) == 0
    assert len(raws(opened(ahaus, ben), INBOX)) == 2
    assert [parsed(raw).get_body().get_content().strip() for raw in raws(opened(ahaus, account), DRAFTS)] == ["Anderer Text"]


def test_files_are_kept_removed_and_bounded(ahaus, anna, account, monkeypatch) -> None:
    anna.press("attach", ("a.txt", b"A" * 1000), ("b.png", bytes(range(256)) * 400), text="bleibt", subject="Dateien")
    assert anna.files() == ["a.txt", "b.png"]
    anna.press("attach", ("c.bin", b"\r\n--=_x\r\n\x00\r"), text="bleibt auch")
    assert anna.files() == ["a.txt", "b.png", "c.bin"]
    part = re.search(r'name="remove" value="([\d.]+)"', anna.page.response.content.decode())[1]
    anna.press(remove=part)
    assert anna.files() == ["b.png", "c.bin"]
    monkeypatch.setattr(compose_form, "MOST_UPLOAD", 5000)
    anna.press("attach", ("gross.bin", bytes(20_000)), text="noch da", status=400)
    assert "Das ist zu groß" in anna.text
    assert anna.values["text"].strip() == "noch da"
    assert anna.files() == ["b.png", "c.bin"]
    (raw,) = raws(opened(ahaus, account), DRAFTS)
    files = [part.get_content() for part in parsed(raw).iter_attachments()]
    assert files == [bytes(range(256)) * 400, b"\r\n--=_x\r\n\x00\r"]


def test_what_the_form_promises_to_take_fits_into_a_message() -> None:
    encoded = -(-compose_form.MOST_UPLOAD // 57) * 78
    assert encoded + 200 * 1024 < drafting.MOST_BYTES


def test_a_file_that_does_not_fit_into_the_mailbox_is_said_and_the_text_stays(ahaus, anna, account) -> None:
    anna.press("save", subject="Voll", text="alt")
    before = set(blobs.every())
    Mailbox.objects.filter(contract=account.contract).update(quota_bytes=60_000)
    anna.press("attach", ("gross.bin", bytes(200_000)), text="neu und lang", status=400)
    assert "reicht der Platz" in anna.text
    assert anna.values["text"].strip() == "neu und lang"
    assert set(blobs.every()) == before


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"to": ""}, "mindestens eine Adresse"),
        ({"to": "niemand@ahaus.net"}, "niemand@ahaus.net gibt es nicht"),
        ({"to": "ben.b@ahaus.net", "cc": "kaputt@"}, "„kaputt@“ ist keine vollständige"),
        ({"to": "ben.b@ahaus.net", "sender": "ben.b@ahaus.net without"}, "Von dieser Adresse können Sie nicht senden"),
        ({"to": ", ".join(f"a{n}@example.org" for n in range(251))}, "Das sind 251 Adressen. Eine Nachricht darf an höchstens 250 gehen"),
    ],
)  # fmt: skip
def test_what_is_wrong_stands_beside_its_field_and_nothing_is_lost(ahaus, anna, ben, account, given, said) -> None:
    anna.press("send", ("a.txt", b"inhalt"), status=400, subject="Mein Betreff", text="Mein langer Text", **given)
    assert said in anna.text
    assert (anna.values["subject"], anna.values["text"].strip(), anna.files()) == ("Mein Betreff", "Mein langer Text", ["a.txt"])
    assert anna.values["to"] == given["to"]
    assert Planned.objects.count() == 0
    assert len(raws(opened(ahaus, account), DRAFTS)) == 1


def test_as_many_blind_copies_as_a_message_may_have_go_out_and_lie_in_the_draft(ahaus, anna, account) -> None:
    people = [f"Vorname Nachname-Doppelname {n} <vorname.nachname{n}@stadtverwaltung.example>" for n in range(rates.MOST_RECIPIENTS)]
    anna.press("save", subject="Rundbrief", text="x", bcc=", ".join(people))
    assert typed.read(anna.values["bcc"]).people == typed.read(", ".join(people)).people
    anna.press("send")
    assert send_due(later()) == 1
    asked = {one for leg in drafts.on_the_way(opened(ahaus, account)) for one in leg.to}
    assert len(asked) == rates.MOST_RECIPIENTS
    (raw,) = raws(opened(ahaus, account), SENT)
    assert len(re.findall(rb"vorname\.nachname\d+@", raw)) == rates.MOST_RECIPIENTS


@pytest.mark.parametrize("step", ["send", "save", "plan", "attach"])
@pytest.mark.parametrize("field", ["to", "cc", "bcc"])
def test_a_field_is_never_cut_in_silence(ahaus, anna, account, step, field) -> None:
    """Too long to be kept: said beside it with the numbers, and everything else is safe, the files as well."""
    given = ", ".join(f"a{n}@example.org" for n in range(3000))
    anna.press(step, ("a.txt", b"inhalt"), status=400, subject="Betreff", text="Mein langer Text", **{field: given})
    assert "passen rund 32.000 Zeichen, das reicht für 250 Adressen" in anna.text
    assert anna.values[field] == given
    assert (anna.values["subject"], anna.values["text"].strip(), anna.files()) == ("Betreff", "Mein langer Text", ["a.txt"])
    assert Planned.objects.count() == 0
    anna.press("save", **{field: "ben@example.org"})
    assert anna.values[field] == "ben@example.org"


def test_what_is_saved_by_itself_says_what_it_did_not_save(anna) -> None:
    given = {**anna.values, "text": "Mein Text", "to": "ä" * 20_000, "step": "auto", "file": ""}
    answer = anna.browser.client.post(anna.action, given).json()
    assert "Gespeichert wurde davon nichts" in answer["said"]
    assert Writer(anna.browser).open(f"/postfach/schreiben/{answer['draft']}").values["text"].strip() == "Mein Text"


def test_the_browser_cuts_no_field_either(anna) -> None:
    form = anna.page.response.content.decode().partition("data-compose")[2]
    assert "maxlength" not in "".join(re.findall(r'<input[^>]*name="(?:to|cc|bcc)"[^>]*>', form))


def test_names_beyond_ascii_fill_a_field_to_its_end_and_come_back(ahaus, anna) -> None:
    given = ", ".join(f'"漢字かな {n}" <a{n}@example.org>' for n in range(900))[:32_000].rpartition(",")[0]
    while len(given.encode()) > typed.MOST_OCTETS:
        given = given.rpartition(",")[0]
    anna.press("save", to=given, cc=given, bcc=given, subject="S", text="x")
    assert (anna.values["to"], anna.values["cc"], anna.values["bcc"]) == (given, given, given)


def test_long_paragraphs_go_out_in_lines_of_78_and_come_back_whole(ahaus, anna, account, ben) -> None:
    paragraph = " ".join(f"Wort{n}" for n in range(60))
    text = f"{paragraph}\n\n> {paragraph}\n-- \nAnna"
    anna.press("save", to="ben.b@ahaus.net", subject="Lang", text=text)
    assert anna.values["text"].strip() == text
    anna.press("send")
    assert send_due(later()) == 1
    raw = raws(opened(ahaus, ben), INBOX)[0]
    assert b"format=flowed" in raw
    body = raw.partition(b"\r\n\r\n")[2]
    assert max(map(len, body.split(b"\r\n"))) <= 78
    assert b"\r\n-- \r\nAnna" in body
    o = opened(ahaus, ben)
    uid = queries.page(o, INBOX)[0].uid
    assert queries.message(o, INBOX, uid).text.strip() == text
    answer = drafts.answer(o, INBOX, uid, to_all=False, own=[], said="Anna schrieb:").text
    assert f"> {paragraph}\n>\n>> {paragraph}\n" in answer


def test_a_flowed_letter_is_shown_in_paragraphs_with_its_quotations(ahaus, anna, account, now) -> None:
    letter = (b"From: x@example.org\r\nSubject: S\r\nContent-Type: text/plain; charset=utf-8; format=flowed; delsp=yes\r\n\r\n"
              b"Donau \r\ndampfschiff\r\n>> tief  \r\n>> unten\r\n> <b>flach</b>\r\n-- \r\nK.\r\n")  # fmt: skip
    cast.deliver(letter, "anna.k@ahaus.net", now=now)
    uid = queries.page(opened(ahaus, account), INBOX)[0].uid
    body = anna.browser.get(f"/postfach/1/{uid}").response.content.decode()
    assert (
        "Donaudampfschiff<blockquote><blockquote>tief unten</blockquote>&lt;b&gt;flach&lt;/b&gt;</blockquote>-- \nK." in body
    )


def test_too_many_messages_are_refused_before_anything_is_promised(anna, ben, monkeypatch) -> None:
    from stadtmail.mail.actions import rates

    monkeypatch.setattr(rates, "is_open", lambda *_, **__: False)
    anna.press("send", to="ben.b@ahaus.net", subject="Viel", text="x", status=400)
    assert "sehr viele Nachrichten" in anna.text


def test_an_answer_quotes_threads_and_marks_its_original(ahaus, anna, account, ben, now) -> None:
    first = (b"From: Ben <ben.b@ahaus.net>\r\nTo: anna.k@ahaus.net, Karl <karl@example.org>\r\nSubject: AW: Re: Plan\r\n"
             b"Message-ID: <drei@x>\r\nReferences: <eins@x> <zwei@x>\r\n\r\nZeile eins\r\n> alt\r\n-- \r\nBens Signatur\r\n")  # fmt: skip
    cast.deliver(first, "anna.k@ahaus.net", now=now)
    uid = queries.page(opened(ahaus, account), INBOX)[0].uid
    assert "Antworten" in anna.browser.get(f"/postfach/1/{uid}").text
    anna.open(f"/postfach/1/{uid}/antworten?an=alle")
    assert (anna.values["to"], anna.values["cc"]) == ("Ben <ben.b@ahaus.net>", "Karl <karl@example.org>")
    assert anna.values["subject"] == "Re: Plan"
    assert "schrieb Ben:\n> Zeile eins\n>> alt\n" in anna.values["text"]
    assert "Bens Signatur" not in anna.values["text"]
    assert Message.objects.filter(folder__mailbox__contract=account.contract, folder__number=DRAFTS).count() == 0
    anna.press("send", cc="", text="Meine Antwort\n" + anna.values["text"])
    assert send_due(later()) == 1
    got = parsed(raws(opened(ahaus, ben), INBOX)[0])
    assert (got["In-Reply-To"], got["References"]) == ("<drei@x>", "<eins@x> <zwei@x> <drei@x>")
    assert got["X-Stadtmail-Draft"] is None
    assert Message.objects.get(folder__mailbox__contract=account.contract, folder__number=INBOX, uid=uid).flags & ANSWERED


@pytest.mark.parametrize("how", ["inline", "attached"])
def test_a_message_is_passed_on_with_what_it_carries(ahaus, anna, account, ben, now, how) -> None:
    letter = (b"From: Karl <karl@example.org>\r\nTo: anna.k@ahaus.net\r\nSubject: Fwd: Unterlagen\r\nMessage-ID: <u@x>\r\n"
              b'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n'
              b"<p>Guten <b>Tag</b></p><script>x</script>\r\n--b\r\nContent-Type: application/pdf; name=a.pdf\r\n"
              b"Content-Transfer-Encoding: base64\r\n\r\nYWJj\r\n--b--\r\n")  # fmt: skip
    cast.deliver(letter, "anna.k@ahaus.net", now=now)
    uid = queries.page(opened(ahaus, account), INBOX)[0].uid
    form = anna.browser.get(f"/postfach/1/{uid}").form("weiterleiten")
    anna.browser.send(form, status=302, how=how)
    anna.open(anna.browser.at)
    assert anna.values["subject"] == "Fwd: Unterlagen"
    assert ("Guten Tag" in anna.values["text"]) == (how == "inline")
    anna.press("send", to="ben.b@ahaus.net")
    assert send_due(later()) == 1
    got = parsed(raws(opened(ahaus, ben), INBOX)[0])
    (file,) = got.iter_attachments()
    assert file.get_filename() == ("a.pdf" if how == "inline" else "Fwd_ Unterlagen.eml")
    if how == "attached":
        assert file.get_content()["Message-ID"] == "<u@x>"
        (inner,) = file.get_content().iter_attachments()
        assert inner.get_content() == b"abc"
    else:
        assert file.get_content() == b"abc"
    names = queries.keywords(opened(ahaus, account))
    assert "$Forwarded" in queries.page(opened(ahaus, account), INBOX)[0].flags or "$Forwarded" in names.values()
    flags = Message.objects.get(folder__mailbox__contract=account.contract, folder__number=INBOX, uid=uid).flags
    assert flags >> next(bit for bit, name in names.items() if name == "$Forwarded") & 1


def test_a_signature_stands_under_new_messages_and_above_the_quote(ahaus, anna, account, now) -> None:
    form = anna.browser.get("/postfach/signatur").form("signatur")
    anna.browser.send(form, status=302, text="Anna K.\r\nAhaus")
    assert anna.open().values["text"] == "\n\n-- \nAnna K.\nAhaus\n"
    cast.deliver(b"From: x@example.org\r\nSubject: S\r\n\r\nText\r\n", "anna.k@ahaus.net", now=now)
    uid = queries.page(opened(ahaus, account), INBOX)[0].uid
    anna.open(f"/postfach/1/{uid}/antworten")
    assert re.match(r"\n\n-- \nAnna K\.\nAhaus\n\nAm .* schrieb x@example.org:\n> Text\n", anna.values["text"])
    anna.browser.send(form, status=302, text="  ")
    assert anna.open().values["text"] == ""


def test_a_further_address_may_be_the_sender_and_hides_the_name(ahaus, anna, account, ben, now) -> None:
    from stadtmail.mail.actions import aliases
    from stadtmail.people import queries as people

    aliases.add(people.contract(ahaus, account.contract), "sommerfest", tenant=ahaus, now=now)
    anna.open()
    anna.press("send", sender="sommerfest@ahaus.net without", to="ben.b@ahaus.net", subject="S", text="x")
    assert send_due(later()) == 1
    raw = raws(opened(ahaus, ben), INBOX)[0]
    assert parsed(raw)["From"] == "sommerfest@ahaus.net"
    assert b"Kanariengelb" not in raw
    assert b"anna.k" not in raw


def test_suggestions_come_from_sent_and_go_with_it(ahaus, anna, account, ben) -> None:
    anna.press("send", to="Benedikt <ben.b@ahaus.net>", subject="S", text="x")
    assert send_due(later()) == 1
    assert 'value="Benedikt &lt;ben.b@ahaus.net&gt;"' in anna.open().page.response.content.decode()
    o = opened(ahaus, account)
    with drafting.store.writing():
        place = drafts.folder(o, drafts.SENT)
        row = Message.objects.get(folder=place)
        drafting.remove(o, place, row.id, row.uid)
    assert "ben.b@ahaus.net" not in anna.open().page.response.content.decode()


def test_mail_for_elsewhere_is_shown_as_held_where_nothing_leaves(ahaus, anna) -> None:
    anna.press("send", to="karl@bücher.example", subject="Hinaus", text="x")
    assert send_due(later()) == 1
    page = anna.browser.get("/postfach/geplant").text
    assert "karl@xn--bcher-kva.example" in page
    assert "wird zurückgehalten" in page


def test_sent_mail_is_never_refused_for_quota(ahaus, anna, account, ben) -> None:
    anna.press("send", to="ben.b@ahaus.net", subject="Trotzdem", text="x")
    Mailbox.objects.filter(contract=account.contract).update(quota_bytes=10)
    assert send_due(later()) == 1
    assert len(raws(opened(ahaus, account), SENT)) == 1


def test_in_english(ahaus, anna, ben) -> None:
    page = Writer(anna.browser).open("/en/postfach/schreiben")
    assert "Write a message" in page.text
    page.press("send", to="kaputt", status=400, text="x")
    assert "is not a complete e-mail address" in page.text


def test_without_a_cookie_it_works_too(ahaus, account, ben, now) -> None:
    browser = Browser()
    page = browser.login("anna.k@ahaus.net", cast.PASSWORD, way="url")
    link = next(one for one in page.links if one.endswith("/postfach/schreiben"))
    anna = Writer(browser).open(link)
    anna.press("send", to="ben.b@ahaus.net", subject="Ohne Cookie", text="x")
    assert anna.at.startswith("/s/")
    assert send_due(later()) == 1
