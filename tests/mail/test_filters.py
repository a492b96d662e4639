"""Filters at delivery: where messages go, what goes out, what is remembered, and that nothing is ever lost by one."""

from datetime import timedelta
from email import message_from_bytes, policy

import pytest

from stadtmail.mail import checked, deciding, filtering, jobs, queries, views
from stadtmail.mail.actions import delivery, filters, foldering
from stadtmail.mail.models import DeliveryKey, Forward, Mailbox, Remembered, Script
from stadtmail.mail.verdicts import Verdict
from stadtmail.privacy import erasure, units
from stadtmail.privacy.models import ERASING, Unit
from stadtmail.privacy.scan import opened as scanned
from stadtmail.rights import archive, overview
from stadtmail.usage import volatile
from tests.mail.conftest import FROM_BO, every_byte

pytestmark = pytest.mark.postgres
HELLO = b"From: Bo <bo@elsewhere.example>\r\nTo: anna@ahaus.net\r\nSubject: Hallo\r\nMessage-ID: <1@elsewhere.example>\r\n\r\nText\r\n"


@pytest.fixture(autouse=True)
def _no_counts() -> None:
    volatile.clear()


def subjects(o, name: str = "INBOX") -> list[str]:
    return [row.subject for row in queries.page(o, views.named(o, name).number)]


def confirm(outbox, o, now) -> None:
    code = outbox[-1].raw.split(b"# confirm ")[1].split()[0].replace(b"=\r\n", b"").decode()
    assert filters.confirm(o, code, now=now)
    outbox.clear()


def test_without_a_script_mail_is_in_the_inbox_and_suspicious_mail_in_junk(box, post) -> None:
    assert post(HELLO) == [None]
    assert post(HELLO.replace(b"Hallo", b"Spam"), verdict=Verdict(is_junk=True)) == [None]
    assert subjects(box)[0] == "Hallo"
    assert subjects(box, "Spam") == ["Spam"]


def test_fileinto_with_flags_copies_and_a_new_folder(box, post, script) -> None:
    script("""require ["fileinto", "copy", "mailbox", "imap4flags"];
        fileinto :copy :create :flags ["\\\\Seen", "$label1"] "Post/Bo";
        keep :flags "\\\\Flagged";""")
    assert post(HELLO) == [None]
    (row,) = queries.page(box, views.named(box, "Post/Bo").number)
    assert row.subject == "Hallo"
    assert row.seen
    place = views.named(box, "Post/Bo")
    ((_, flags, _),) = views.changes(place.id, since=0)
    assert flags & 1
    assert [bit for bit, name in queries.keywords(box).items() if flags >> bit & 1 and name == "$label1"]
    assert queries.page(box, 1)[0].flags == ["\\Flagged"]
    assert place.uidnext == 2


@pytest.mark.parametrize(
    "text",
    ['fileinto "INBOX"; keep;', 'keep; fileinto "inbox";', 'fileinto :copy "Inbox";', 'fileinto "INBOX"; redirect "x@y.example";'],
)
def test_the_inbox_has_a_message_once_however_a_script_names_it(box, post, script, text) -> None:
    script(f'require ["fileinto", "copy"]; {text}')
    before = len(subjects(box))
    assert post(HELLO) == [None]
    assert len(subjects(box)) == before + 1


def test_copies_fit_together_or_not_at_all(box, post, script) -> None:
    script('require ["fileinto", "copy"]; fileinto :copy "Archiv"; keep;')
    Mailbox.objects.filter(id=box.mailbox.id).update(quota_bytes=queries.used(box.mailbox)[0] + len(HELLO) * 3 // 2)
    (answer,) = post(HELLO)
    assert isinstance(answer, delivery.MailboxFull)
    assert subjects(box, "Archiv") == []
    assert len(subjects(box)) == 1


def test_a_folder_that_is_not_there_and_a_script_that_breaks_keep_the_message(box, post, script) -> None:
    assert [one.kind for one in script('require "fileinto"; fileinto "Nirgends";')] == ["no_folder"]
    assert post(HELLO) == [None]
    script('require ["reject", "fileinto"]; fileinto "Archiv"; reject "nein";')
    assert post(HELLO.replace(b"Hallo", b"Zwei")) == [None]
    assert subjects(box)[:2] == ["Zwei", "Hallo"]
    assert subjects(box, "Archiv") == []


def test_a_bug_in_a_filter_costs_nobody_a_message(box, post, script, monkeypatch) -> None:
    script("discard;")
    monkeypatch.setattr(deciding.sieverun, "run", lambda *_: 1 / 0)
    assert post(HELLO) == [None]
    assert subjects(box)[0] == "Hallo"


def test_discard_is_a_250_and_nothing_is_stored(box, post, script) -> None:
    script("discard;")
    assert post(HELLO) == [None]
    assert len(subjects(box)) == 1


def test_a_refusal_is_told_in_the_conversation_or_by_a_report(box, ben, post, script, outbox) -> None:
    script('require "reject"; reject "Bitte schreiben Sie an ben.";')
    (answer,) = post(HELLO)
    assert isinstance(answer, delivery.Rejected)
    assert answer.reason == "Bitte schreiben Sie an ben."
    passed = Verdict(spf="pass")
    assert post(HELLO, "anna@ahaus.net", "ben@ahaus.net", verdict=passed) == [None, None]
    (report,) = outbox
    assert (report.sender, report.to, report.sign) == ("", "bo@elsewhere.example", True)
    mail = message_from_bytes(report.raw, policy=policy.default)
    assert mail.get_content_type() == "multipart/report"
    assert "Bitte schreiben Sie an ben." in mail.get_payload(0).get_content()
    assert b"Action: failed" in report.raw
    assert b"Text" not in report.raw.split(b"rfc822-headers")[1], "headers only"
    assert len(subjects(box)) == 1


@pytest.mark.parametrize("verdict", [Verdict(spf="fail"), Verdict(spf="none", dmarc="none")])
def test_nobody_who_may_be_forged_is_told_and_the_message_is_kept(verdict, box, ben, post, script, outbox) -> None:
    script('require "reject"; reject "nein";')
    assert post(HELLO, "anna@ahaus.net", "ben@ahaus.net", verdict=verdict) == [None, None]
    assert outbox == []
    assert subjects(box)[0] == "Hallo"


def test_suspicious_mail_is_neither_passed_on_nor_answered(box, post, script, outbox, now) -> None:
    script('require "vacation"; redirect "anna@private.example"; vacation "weg";')
    confirm(outbox, box, now)
    assert post(HELLO, verdict=Verdict(is_junk=True)) == [None]
    assert outbox == []
    assert subjects(box, "Spam") == ["Hallo"]


AWAY = 'require "vacation"; vacation :days 3 :subject "Weg" "Bin bis Montag fort: Kanarienvogel.";'


def test_a_sender_is_told_once_in_its_days(box, post, script, outbox, now) -> None:
    script(AWAY)
    assert post(HELLO) == post(HELLO.replace(b"<1@", b"<2@")) == [None]
    (reply,) = outbox
    assert (reply.sender, reply.to, reply.sign) == ("", "bo@elsewhere.example", True)
    mail = message_from_bytes(reply.raw, policy=policy.default)
    assert mail["Auto-Submitted"] == "auto-replied (vacation)"
    assert (mail["From"], mail["To"], mail["Subject"]) == ("anna@ahaus.net", "bo@elsewhere.example", "Weg")
    assert mail["In-Reply-To"] == mail["References"] == "<1@elsewhere.example>"
    assert mail.get_content().strip() == "Bin bis Montag fort: Kanarienvogel."
    assert post(HELLO, at=now + timedelta(days=3, minutes=1)) == [None]
    assert len(outbox) == 2
    assert subjects(box)[:3] == ["Hallo"] * 3
    assert jobs.forget_for_filters(now + timedelta(days=20)) >= 1
    assert Remembered.objects.count() == 0


@pytest.mark.parametrize(
    "change",
    [
        {"received": b"Return-Path: <>\r\n"},
        {"received": b"Return-Path: <MAILER-DAEMON@elsewhere.example>\r\n"},
        {"received": b"Return-Path: <list-owner@elsewhere.example>\r\n"},
        {"received": b"Return-Path: <owner-list@elsewhere.example>\r\n"},
        {"received": b"Return-Path: <list-request@elsewhere.example>\r\n"},
        {"received": b"Return-Path: <noreply@elsewhere.example>\r\n"},
        {"received": b"Return-Path: <anna@ahaus.net>\r\n"},
        {"received": b"Return-Path: <anna+x@ahaus.net>\r\n"},
        {"received": b""},
        {"header": b"Auto-Submitted: auto-generated\r\n"},
        {"header": b"Auto-Submitted: auto-replied (vacation)\r\n"},
        {"header": b"List-Id: <x.elsewhere.example>\r\n"},
        {"header": b"List-Unsubscribe: <mailto:x@elsewhere.example>\r\n"},
        {"header": b"Precedence: bulk\r\n"},
        {"header": b"X-Auto-Response-Suppress: All\r\n"},
        {"to": b"undisclosed-recipients:;"},
        {"to": b"ben@ahaus.net"},
        {"verdict": Verdict(spf="fail")},
        {"verdict": Verdict(dmarc="fail")},
        {"verdict": Verdict(is_junk=True)},
    ],
)
def test_machines_lists_and_whoever_did_not_write_to_us_are_never_told(change, box, ben, post, script, outbox) -> None:
    script(AWAY)
    raw = change.get("header", b"") + HELLO.replace(b"To: anna@ahaus.net", b"To: " + change.get("to", b"anna@ahaus.net"))
    assert post(raw, received=change.get("received", FROM_BO), verdict=change.get("verdict")) == [None]
    assert outbox == []


def test_a_reply_says_nothing_that_its_writer_or_sender_could_slip_in(box, post, script, outbox) -> None:
    entity = "text:\r\nContent-Type: text/plain; charset=utf-8\r\nBcc: victim@elsewhere.example\r\nFrom: x@y.example\r\n\r\nFort\r\n.\r\n;"
    script(f'require "vacation"; vacation :mime :from "postmaster@ahaus.net" {entity}')
    assert post(HELLO.replace(b"Subject: Hallo", b"Subject: =?utf-8?q?a=0D=0ABcc:_v@w.example?=")) == [None]
    mail = message_from_bytes(outbox[0].raw, policy=policy.default)
    assert mail["Bcc"] is None
    assert mail["From"] == "anna@ahaus.net", "only one's own addresses"
    assert mail.get_content().strip() == "Fort"
    assert "Bcc:" in mail["Subject"]


def test_a_duplicate_is_known_once_the_first_is_stored(box, post, script, now) -> None:
    script('require "duplicate"; if duplicate :seconds 600 { discard; }')
    box_row = Mailbox.objects.get(id=box.mailbox.id)
    Mailbox.objects.filter(id=box_row.id).update(quota_bytes=box_row.used_bytes + 10)
    assert isinstance(post(HELLO)[0], delivery.MailboxFull), "not stored, so it will come again"
    Mailbox.objects.filter(id=box_row.id).update(quota_bytes=box_row.quota_bytes)
    assert post(HELLO) == [None]
    assert post(HELLO) == [None]
    assert subjects(box).count("Hallo") == 1
    assert post(HELLO, at=now + timedelta(minutes=11)) == [None]
    assert subjects(box).count("Hallo") == 2


def test_whole_life_of_filters_and_their_erasure(ahaus, anna, box, post, script, outbox, now) -> None:
    script("""require ["vacation", "duplicate", "fileinto"];
        if duplicate { discard; }
        vacation "Kanarienhahn";
        redirect "a@private.example";""")
    assert post(HELLO) == [None]
    assert filters.listed(box) == [filters.Listed("main", True)]
    with pytest.raises(filters.ScriptActive):
        filters.delete(box, "main", now=now)
    filters.rename(box, "main", "andere", now=now)
    assert "Kanarienhahn" in filters.text_of(box, "andere")
    key = DeliveryKey.objects.get()
    assert (key.unit.category, key.unit.anchor, key.unit.subject) == ("INH", anna.contract, anna.person)
    assert Remembered.objects.count() == 2
    done = erasure.erase([key.unit_id], tenant=ahaus, now=now, cause="deleted")
    assert done.erased == 1
    assert [model.objects.count() for model in (DeliveryKey, Script, Forward, Remembered)] == [0, 0, 0, 0]
    assert post(HELLO.replace(b"<1@", b"<9@")) == [None], "the inbox as ever"
    assert filters.listed(box) == []


def test_from_the_claim_on_nothing_of_a_filter_opens_and_mail_is_kept_or_refused(box, post, script, now) -> None:
    script("discard;")
    Unit.objects.filter(id=DeliveryKey.objects.get().unit_id).update(state=ERASING)
    with pytest.raises(units.Gone):
        filters.put(box, "neu", b"keep;", enqueue=None, now=now)
    assert filters.listed(box) == []
    assert post(HELLO) == [None]
    assert subjects(box)[0] == "Hallo"


def test_no_word_of_a_filter_or_its_memory_lies_in_clear_in_any_store(box, post, script, now) -> None:
    script('require ["vacation", "duplicate", "fileinto", "mailbox"]; if duplicate { discard; } # Kanarienkommentar\n'
           'fileinto :create "Kanarienordner"; vacation "Kanarienhahn"; redirect "kanarien@private.example";')  # fmt: skip
    filters.put(box, "Kanarienname", b"keep;", enqueue=None, now=now)
    assert post(HELLO, received=b"Return-Path: <kanarienbo@elsewhere.example>\r\n") == [None]
    for name, data in every_byte():
        for canary in (b"anarien", b"elsewhere.example", b"private.example"):
            assert canary not in data, name
            assert canary.decode().encode("utf-16-le") not in data, name
    key = filtering.key_of(box.mailbox.id)
    assert {one.name for one in filtering.scripts(key)} == {"main", "Kanarienname"}, "and yet it is there"


def test_c61_the_holder_gets_filters_and_addresses_and_the_scan_sees_them(ahaus, anna, box, script, outbox, now) -> None:
    script('# Kanarienkommentar\nredirect "kanarien@private.example";')
    seen = {section.category: section.records for section in overview.overview(ahaus, anna.contract, lang="de", now=now).sections}
    (filter_,) = [record for record in seen["INH"] if "script" in record]
    assert filter_ == {"script": "main", "sieve": '# Kanarienkommentar\nredirect "kanarien@private.example";', "active": True}
    assert {"forward_to": "kanarien@private.example", "confirmed": False} in seen["INH"]
    whole = b"".join(archive.archive(ahaus, anna.contract, now=now))
    assert b"# Kanarienkommentar" in whole
    assert b"filter/main.sieve" in whole
    found = [table for _, table, plain in scanned.pieces() if b"anarien" in plain and table in ("mail.Script", "mail.Forward")]
    assert {"mail.Script", "mail.Forward"} <= set(found)


def test_a_checked_script_is_kept_for_a_moment_and_goes_when_any_key_goes(ahaus, ben, box, post, script, now) -> None:
    checked._kept.clear()
    script("discard;")
    post(HELLO)
    assert len(checked._kept) == 1
    script("keep;")
    assert post(HELLO) == [None]
    assert subjects(box)[0] == "Hallo", "what was put counts at once"
    assert len(checked._kept) == 2
    erasure.erase([Unit.objects.get(anchor=ben.contract, category="INH").id], tenant=ahaus, now=now, cause="deleted")
    post(HELLO)
    assert len(checked._kept) == 1


def test_of_roles_and_of_too_much(ahaus, box, now) -> None:
    from stadtmail.mail.actions.accounts import open_roles
    from stadtmail.mail.actions.changing import StandardOnly

    open_roles(ahaus, now=now)
    role = queries.opened_role(queries.role_mailbox(ahaus, "abuse"), role="abuse")
    with pytest.raises(StandardOnly):
        filters.put(role, "x", b"keep;", enqueue=None, now=now)
    for number in range(filters.MOST_SCRIPTS):
        filters.put(box, f"s{number}", b"keep;", enqueue=None, now=now)
    with pytest.raises(filters.TooManyScripts):
        filters.put(box, "mehr", b"keep;", enqueue=None, now=now)
    with pytest.raises(filters.BadScript) as bad:
        filters.put(box, "s0", b'\n\nfileinto "x";', enqueue=None, now=now)
    assert bad.value.problem.words("de") == 'Zeile 3, Spalte 1: Oben fehlt: require ["fileinto"];'
    assert filters.text_of(box, "s0") == "keep;", "what was there stays"
    for name in ("", " ", "a\nb", "x" * 129):
        with pytest.raises(filters.BadScriptName):
            filters.put(box, name, b"keep;", enqueue=None, now=now)


def test_a_folder_that_is_deleted_while_the_message_is_sealed_is_the_inbox(box, now, script) -> None:
    made = foldering.create(box, "Kurz", now=now)
    script('require "fileinto"; fileinto "Kurz";')

    def step(number: int) -> None:
        if number == 1:
            foldering.delete(box, "Kurz", now=now)

    writer = delivery.Writer(step=step)
    writer.start()
    target = [delivery.recipient("anna@ahaus.net", now=now)]
    assert writer.submit(HELLO, target, received=FROM_BO, now=now).result(timeout=30) == [None]
    writer.stop()
    assert made
    assert subjects(box)[0] == "Hallo"
