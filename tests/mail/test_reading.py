"""Contents open for their holder and for nobody else; what lies on the disk says nothing (C-4.7)."""

import base64
import io
import time
from email.message import EmailMessage
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from stadtmail.kit import store
from stadtmail.mail import envelope, queries, sealing
from stadtmail.mail.actions import delivery, messages, storing
from stadtmail.mail.models import Body, Folder, MailboxKey, Message
from stadtmail.privacy import erasure, holdings, recovery, units
from stadtmail.privacy.models import Unit
from stadtmail.vault import boxes
from stadtmail.vault.seal import Unreadable
from tests import statements
from tests.mail.conftest import every_byte, opened

CANARIES = {name: f"KANARIE-{name}-7f3a9c21" for name in ("betreff", "absender", "text", "html", "anhang", "dateiname", "bild")}


def planted(size: int = 0) -> bytes:
    mail = EmailMessage()
    mail["From"] = f"{CANARIES['absender']} <{CANARIES['absender'].lower()}@example.org>"
    mail["To"] = "anna@ahaus.net"
    mail["Subject"] = CANARIES["betreff"] + " ÄÖ"
    mail.set_content(CANARIES["text"])
    mail.add_alternative(f"<p>{CANARIES['html']}<img src=cid:bild>", subtype="html")
    mail.get_payload()[1].add_related(CANARIES["bild"].encode(), "image", "png", cid="<bild>")
    mail.add_attachment(CANARIES["anhang"].encode() + b"x" * size, "application", "pdf", filename=CANARIES["dateiname"] + ".pdf")
    return mail.as_bytes()


@pytest.mark.parametrize("size", [0, 300_000])
def test_c47_nothing_of_a_message_lies_on_the_disk(size, ahaus, anna, deliver) -> None:
    raw = planted(size)
    assert deliver(raw, "anna@ahaus.net", received=b"Received: from [203.0.113.77]\r\n") == [None]
    view = queries.message(opened(ahaus, anna), 1, 2)
    assert CANARIES["text"] in view.text
    messages.mark_seen(opened(ahaus, anna), 1, 2, now=None)
    needles = [form for text in (*CANARIES.values(), "203.0.113.77", "anna@ahaus.net", "Posteingang") for form in forms_of(text)]
    found = [(name, needle) for name, data in every_byte() for needle in needles if needle in data]
    assert found == []


def forms_of(text: str) -> list[bytes]:
    plain = text.encode()
    shifted = [base64.b64encode(b" " * n + plain)[4:-4] for n in range(3)]
    return [plain, plain.lower(), plain.hex().encode(), text.encode("utf-16-le"), plain[::-1], *shifted]


def test_a_message_is_read_whole(ahaus, anna, deliver) -> None:
    deliver(planted(), "anna@ahaus.net")
    o = opened(ahaus, anna)
    (row, _) = queries.page(o, 1)
    assert row.subject == CANARIES["betreff"] + " ÄÖ"
    assert row.sender_name == CANARIES["absender"]
    assert (row.has_attachments, row.seen) == (True, False)
    view = queries.message(o, 1, 2)
    assert view.text.strip() == CANARIES["text"]
    assert CANARIES["html"] in view.html
    assert view.pictures == {"bild": ("image/png", CANARIES["bild"].encode())}
    assert [(part.filename, part.type) for part in view.parts] == [(CANARIES["dateiname"] + ".pdf", "application/pdf")]
    name, kind, chunks = queries.part(o, 1, 2, view.parts[0].id)
    assert (name, kind, b"".join(chunks)) == (CANARIES["dateiname"] + ".pdf", "application/pdf", CANARIES["anhang"].encode())
    for wrong in ("", "9", "1.1.1.1", "../1", "2.1"):
        with pytest.raises(queries.NoSuchMessage):
            queries.part(o, 1, 2, wrong)


@pytest.mark.parametrize("encoding", ["base64", "quoted-printable", "8bit"])
def test_25_mb_attachments_come_out_as_they_went_in(encoding, ahaus, anna, deliver) -> None:
    file = (b"Zeile %06d mit = und \xff\r\n" * 40) % tuple(range(40)) if encoding != "base64" else bytes(range(256))
    file = file * (25_000_000 // len(file))
    body = {"base64": base64.encodebytes(file), "quoted-printable": None, "8bit": file}[encoding]
    if body is None:
        body = file.replace(b"=", b"=3D").replace(b"\xff", b"=FF=\r\n")
    raw = (
        b"Subject: gross\r\nContent-Type: multipart/mixed; boundary=grenze\r\n\r\n--grenze\r\n\r\nText\r\n--grenze\r\n"
        b"Content-Type: application/octet-stream\r\nContent-Disposition: attachment; filename=gross.bin\r\n"
        b"Content-Transfer-Encoding: " + encoding.encode() + b"\r\n\r\n" + body + b"\r\n--grenze--\r\n"
    )
    assert deliver(raw, "anna@ahaus.net") == [None]
    o = opened(ahaus, anna)
    view = queries.message(o, 1, 2)
    assert view.text == "Text"
    assert len(file) * 0.98 < view.parts[0].size_bytes < len(file) * 1.3
    largest, out = 0, io.BytesIO()
    for chunk in queries.part(o, 1, 2, view.parts[0].id)[2]:
        largest = max(largest, len(chunk))
        out.write(chunk)
    assert out.getvalue() == file
    assert largest < 4 * 1024 * 1024, "a reader never holds the whole"
    assert b"".join(queries.raw(o, 1, 2)) == raw


def test_another_mailbox_opens_nothing(ahaus, musterstadt, anna, ben, deliver) -> None:
    deliver(planted(), "anna@ahaus.net")
    mailbox = queries.mailbox_of(ahaus, anna.contract)
    for holder in (ben.contract, ben.person, anna.person, uuid4(), None):
        with pytest.raises(queries.NotTheHolder):
            queries.opened(mailbox, holder=holder)
    with pytest.raises(queries.NotTheHolder):
        queries.opened_role(mailbox, role="")
    with pytest.raises(queries.NoSuchMailbox):
        queries.mailbox_of(musterstadt, anna.contract)
    row = Message.objects.get(folder__mailbox=mailbox, uid=2)
    theirs = MailboxKey.objects.select_related("unit").get(mailbox__contract=ben.contract)
    private = units.unseal(theirs.unit, "private", theirs.private)
    with pytest.raises(Unreadable):
        boxes.open_with(private, row.record_key, context=b"message" + ahaus.id.bytes + mailbox.id.bytes + row.id.bytes)


def test_rows_that_are_swapped_do_not_open(ahaus, anna, ben, deliver) -> None:
    deliver(b"Subject: eins\n\nerste", "anna@ahaus.net", "ben@ahaus.net")
    deliver(b"Subject: zwei\n\nzweite", "anna@ahaus.net")
    o = opened(ahaus, anna)
    first, second = (Message.objects.get(folder__mailbox=o.mailbox, uid=uid) for uid in (2, 3))
    bodies = Body.objects.get(message=first), Body.objects.get(message=second)
    Body.objects.filter(message=first).update(sealed=bodies[1].sealed)
    with pytest.raises(Unreadable):
        queries.message(o, 1, 2)
    Message.objects.filter(id=first.id).update(record_key=second.record_key, envelope=second.envelope)
    with pytest.raises(Unreadable):
        queries.page(o, 1)
    Message.objects.filter(id=first.id).update(record_key=first.record_key, envelope=second.envelope)
    with pytest.raises(Unreadable):
        queries.page(o, 1)
    # a row of Ben's, moved into Anna's folder, pretending her pair
    Message.objects.filter(id=first.id).update(envelope=first.envelope, uid=900)
    inbox = Folder.objects.get(mailbox=o.mailbox, role="inbox")
    Message.objects.filter(folder__mailbox__contract=ben.contract, uid=2).update(folder=inbox, pair=first.pair_id, uid=901)
    with pytest.raises(Unreadable):
        queries.page(o, 1)


def test_from_the_claim_on_nobody_reads(ahaus, anna, deliver, now) -> None:
    deliver(planted(), "anna@ahaus.net")
    o = opened(ahaus, anna)
    queries.page(o, 1)
    unit = Unit.objects.get(anchor=anna.contract, category="INH")

    class Stop(Exception):
        pass

    def crash(number: int) -> None:
        raise Stop

    with pytest.raises(Stop):
        erasure.erase([unit.id], tenant=ahaus, now=now, cause="deleted", step=crash)
    for read in (
        lambda: queries.page(o, 1), lambda: queries.folders(o), lambda: queries.message(o, 1, 2), lambda: queries.raw(o, 1, 2),
        lambda: queries.part(o, 1, 2, "1"), lambda: list(queries.every_raw(o)), lambda: opened(ahaus, anna),
    ):  # fmt: skip
        with pytest.raises(units.Gone):
            read()
    with pytest.raises(queries.NoSuchMessage):
        messages.mark_seen(o, 1, 2, now=now)
    assert recovery.recover(now) == 1
    assert Message.objects.count() == 0


def test_lists_cost_the_same_number_of_queries_however_long(ahaus, anna, deliver) -> None:
    o = opened(ahaus, anna)

    def cost() -> tuple[int, int]:
        queries.folders(o)  # counts what has changed
        with statements.seen() as rows:
            queries.page(o, 1)
        with statements.seen() as counts:
            queries.folders(o)
        return len(rows), len(counts)

    one = cost()
    deliver(planted(), "anna@ahaus.net")
    deliver(planted(), "anna@ahaus.net")
    assert cost() == one == (2, 2)  # the pairs, and the rows


def test_pages_go_by_uid(ahaus, anna, deliver) -> None:
    for number in range(6):
        deliver(b"Subject: %d\n\n" % number, "anna@ahaus.net")
    o = opened(ahaus, anna)
    assert [row.uid for row in queries.page(o, 1, count=3)] == [7, 6, 5]
    assert [row.uid for row in queries.page(o, 1, before=5, count=3)] == [4, 3, 2]
    assert queries.page(o, 1, before=1) == []
    assert queries.page(o, 99) == []
    assert queries.page(o, 1, count=-1) == []


def test_reading_is_noted_once_and_raises_the_modseq(ahaus, anna, now) -> None:
    o = opened(ahaus, anna)
    folder = Folder.objects.get(mailbox=o.mailbox, role="inbox")
    assert messages.mark_seen(o, 1, 1, now=now)
    assert not messages.mark_seen(o, 1, 1, now=now)
    row = Message.objects.get(folder=folder)
    folder.refresh_from_db()
    assert row.modseq == folder.modseq == 3
    assert queries.page(o, 1)[0].flags == ["\\Seen"]
    assert queries.folders(o)[0].unread == 0
    with pytest.raises(queries.NoSuchMessage):
        messages.mark_seen(o, 2, 1, now=now)


def test_the_export_opens_each_message_when_it_is_asked_for(ahaus, anna, deliver) -> None:
    raw = planted(300_000)
    deliver(raw, "anna@ahaus.net")
    unit = Unit.objects.get(anchor=anna.contract, category="INH")
    (holding,) = [one for one in holdings.of_category("INH") if one.table == "mail.Message"]
    records = list(holding.export(unit.id))
    assert [(r["folder"], r["uid"], r["flags"]) for r in records] == [("Posteingang", 1, []), ("Posteingang", 2, [])]
    assert records[0]["received"].startswith("2026-11-23T10:00")
    assert b"".join(records[1]["eml"]()) == raw
    assert [(name, uid, b"".join(chunks)) for name, uid, _, chunks in queries.every_raw(opened(ahaus, anna))][1] == ("Posteingang", 2, raw)
    (folders,) = [one for one in holdings.of_category("INH") if one.table == "mail.Folder"]
    assert {record["folder"] for record in folders.export(unit.id)} == {"Entwürfe", "Gesendet", "Spam", "Archiv", "Papierkorb"}


def test_destroying_costs_the_same_for_a_full_and_an_empty_mailbox(ahaus, anna, ben, now) -> None:
    fill(ahaus, ben, now, 500)
    costs = []
    for account in (anna, ben):
        unit = Unit.objects.get(anchor=account.contract, category="INH")
        with CaptureQueriesContext(connection) as ran:
            erasure.erase([unit.id], tenant=ahaus, now=now, cause="deleted")
        costs.append(len(ran))
    assert costs[0] == costs[1], "one key, and statements that do not count messages"
    assert Message.objects.count() == 0
    assert Body.objects.count() == 0


def fill(tenant, account, now, count: int) -> None:
    target = delivery.recipient(account.address, now=now)
    raw = b"Subject: x\n\n"
    plain = envelope.packed(envelope.summary(raw, now=now))
    batch = [sealing.sealed(raw, target, plain, now=now) for _ in range(count)]
    with store.writing():
        assert set(storing.place(batch)) == {None}


def test_a_stranger_cannot_make_reading_dear(ahaus, anna, deliver) -> None:
    parts = b"".join(b"--b\r\nContent-Type: text/plain\r\n\r\n" + b"x" * 60_000 + b"\r\n" for _ in range(490))
    deliver(b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + parts, "anna@ahaus.net")
    began = time.thread_time()
    view = queries.message(opened(ahaus, anna), 1, 2)
    assert time.thread_time() - began < 3
    assert len(view.text) < 17_000_000
    assert len(view.parts) > 200, "what is too much to show is offered for download"


def test_a_text_beside_the_html_is_not_lost(ahaus, anna, deliver) -> None:
    deliver(
        b"Content-Type: multipart/mixed; boundary=m\n\n--m\nContent-Type: multipart/alternative; boundary=a\n\n--a\n\nplain\n"
        b"--a\nContent-Type: text/html\n\n<b>html</b>\n--a--\n--m\n\nfooter <of> the list\n--m--\n",
        "anna@ahaus.net",
    )
    view = queries.message(opened(ahaus, anna), 1, 2)
    assert view.html == "<b>html</b>\n<pre>footer &lt;of&gt; the list</pre>"
    assert view.text == "plain\nfooter <of> the list"
