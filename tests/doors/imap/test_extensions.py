"""What the RFCs after the base say, word by word: each extension that is advertised is tried here."""

import re
from base64 import encodebytes
from dataclasses import replace

import pytest


def raw(subject: str, *, sender: str = "Eva <eva@peer.example>", date: str = "", more: str = "", body: str = "Hallo") -> bytes:
    head = f"From: {sender}\r\nTo: anna@ahaus.net\r\nSubject: {subject}\r\n" + (f"Date: {date}\r\n" if date else "") + more
    return f"{head}\r\n{body}\r\n".encode()


@pytest.fixture
def sorted_box(client, mail):
    """Folder "s" with five messages."""
    client.ask("CREATE s")
    for one in (
        raw("b", sender="Zoe <a@peer.example>", date="Mon, 02 Feb 2026 10:00:00 +0000", more="Message-ID: <1@x>\r\n"),
        raw("Re: a", sender="b@peer.example", date="Mon, 02 Feb 2026 11:00:00 +0300", more="Message-ID: <2@x>\r\nReferences: <1@x>\r\n"),
        raw("=?utf-8?q?=C3=84?=", sender="Anton <c@peer.example>", date="Sun, 01 Feb 2026 10:00:00 +0000", body="x" * 900),
        raw("A", sender="d@peer.example", date="Tue, 03 Feb 2026 10:00:00 +0000", more="Message-ID: <4@x>\r\n"),
        raw("c", sender="Rat: e@peer.example;", date="nonsense", more="In-Reply-To: <4@x>\r\nCc: x@y.example\r\n"),
    ):
        client.ask("APPEND s {}", one)
    client.ask("SELECT s")
    return client


@pytest.mark.parametrize(
    ("order", "said"),
    [
        ("(SUBJECT)", b"2 4 3 1 5"), ("(REVERSE SUBJECT)", b"5 1 3 2 4"), ("(DATE)", b"3 2 1 4 5"), ("(REVERSE DATE)", b"5 4 1 2 3"),
        ("(FROM)", b"1 2 3 4 5"), ("(SIZE)", b""), ("(SUBJECT REVERSE DATE)", b"4 2 3 1 5"), ("(DISPLAYFROM)", b"3 2 4 5 1"),
        ("(CC DATE)", b"3 2 1 4 5"), ("(REVERSE CC ARRIVAL)", b"5 1 2 3 4"), ("(TO)", b"1 2 3 4 5"),
    ],
)  # fmt: skip
def test_sort(sorted_box, order, said) -> None:
    answer = sorted_box.ask(f"SORT {order} UTF-8 ALL")
    assert answer[-1] == b"OK Done"
    if said:
        assert answer[0] == b"* SORT " + said
    else:
        assert answer[0].endswith(b" 3")
    assert sorted_box.ask(f"UID SORT {order} US-ASCII ALL")[0] == answer[0]


def test_sort_finds_first_and_answers_extended_too(sorted_box) -> None:
    assert sorted_box.ask("SORT (SUBJECT) UTF-8 2:4 NOT SUBJECT b")[0] == b"* SORT 2 4 3"
    assert sorted_box.ask("SORT (SUBJECT) UTF-8 SUBJECT nosuch") == [b"* SORT", b"OK Done"]
    assert sorted_box.ask("SORT (SUBJECT) KOI8-R ALL")[-1].startswith(b"NO [BADCHARSET")
    assert sorted_box.ask("SORT (NOSUCH) UTF-8 ALL")[-1].startswith(b"BAD")
    assert sorted_box.ask("SORT (DATE)")[-1].startswith(b"BAD")
    assert re.fullmatch(rb'\* ESEARCH \(TAG "a\d+"\) UID MIN 2 MAX 5 ALL 2,4,3,1,5 COUNT 5',
                        sorted_box.ask("UID SORT RETURN (MIN MAX ALL COUNT) (SUBJECT) UTF-8 ALL")[0])  # fmt: skip
    assert sorted_box.ask("SORT RETURN (SAVE) (SUBJECT) UTF-8 1:2") == [b"OK Done"]
    assert [line.split()[1] for line in sorted_box.ask("FETCH $ UID")[:-1]] == [b"1", b"2"]
    assert re.fullmatch(rb"\* SORT 3 2 1 4 5 \(MODSEQ \d+\)", sorted_box.ask("SORT (DATE) UTF-8 MODSEQ 1")[-2])


def test_thread(sorted_box) -> None:
    assert sorted_box.ask("THREAD REFERENCES UTF-8 ALL") == [b"* THREAD (3)(1 2)(4 5)", b"OK Done"]
    assert sorted_box.ask("UID THREAD ORDEREDSUBJECT UTF-8 ALL")[0] == b"* THREAD (3)(2 4)(1)(5)"
    assert sorted_box.ask("THREAD REFERENCES UTF-8 SUBJECT nosuch") == [b"* THREAD", b"OK Done"]
    assert sorted_box.ask("THREAD NOSUCH UTF-8 ALL")[-1].startswith(b"BAD")
    assert sorted_box.ask("THREAD REFERENCES KOI8-R ALL")[-1].startswith(b"NO [BADCHARSET")


def test_several_messages_in_one_append(client) -> None:
    one, two, large = raw("eins"), raw("zwei"), raw("drei", body="x" * 200_000)
    answer = client.ask('APPEND Archiv (\\Seen) {} (\\Flagged $x) " 1-Feb-2020 10:00:00 +0000" {} {}', one, large, two)
    assert re.fullmatch(rb"OK \[APPENDUID \d+ 1:3\] Done", answer[-1])
    client.ask("SELECT Archiv")
    flags = [line.partition(b"FLAGS ")[2] for line in client.ask("FETCH 1:3 (FLAGS)")[:-1]]
    assert flags == [b"(\\Recent \\Seen))", b"(\\Recent \\Flagged $x))", b"(\\Recent))"]
    for number, message in ((1, one), (2, large), (3, two)):
        assert client.ask(f"FETCH {number} BODY.PEEK[]")[0].endswith(b"}\r\n" + message + b")")
    assert b" 1-Feb-2020 10:00:00 +0000" in client.ask("FETCH 2 INTERNALDATE")[0]
    client.send(b"m APPEND Archiv {%d}\r\n" % len(one))  # with literals that wait, and a name that is one
    assert client.line() == b"+ Ready"
    client.send(one + b" {%d}\r\n" % len(two))
    assert client.line() == b"+ Ready"
    client.send(two + b"\r\n")
    assert b"APPENDUID" in client.answer(b"m")[-1]
    client.send(b"n APPEND {6+}\r\nArchiv {%d+}\r\n%b {%d+}\r\n%b\r\n" % (len(one), one, len(two), two))
    assert re.search(rb"APPENDUID \d+ 6:7\]", client.answer(b"n")[-1])


def test_of_several_messages_all_or_none(ahaus, anna, client, door) -> None:
    from stadtmail.mail import queries
    from stadtmail.mail.models import Mailbox
    from stadtmail.vault import blobs

    def total() -> bytes:
        return client.ask("STATUS Archiv (MESSAGES)")[0]

    assert client.ask("APPEND Archiv {} {}", raw("a"), b"")[-1].startswith(b"NO")  # taken back
    assert client.ask("APPEND Archiv {} junk {}", raw("a"), raw("b"))[-1].startswith(b"BAD")
    box = queries.mailbox_of(ahaus, anna.contract)
    Mailbox.objects.filter(id=box.id).update(quota_bytes=box.used_bytes + 150_000)
    assert client.ask("APPEND Archiv {} {}", raw("a", body="x" * 100_000), raw("b", body="x" * 100_000))[-1].startswith(b"NO [OVERQUOTA]")
    assert total() == b"* STATUS Archiv (MESSAGES 0)"
    assert not list(blobs.every())


def test_of_an_append_without_end_little_is_held(open_door, residents) -> None:
    door = open_door(appended=5, held_bytes=4000)
    client = door.client()
    many = [raw(str(n), body="x" * 1500) for n in range(5)]
    assert b" 1:5]" in client.ask("APPEND Archiv" + " {}" * 5, *many)[-1]  # the last ones lay sealed on the disk
    several = b"".join(b" {%d+}\r\n%b" % (len(one), one) for one in [*many, *many, b"z NOOP\r\n" * 500])  # must not be run
    client.send(b"e APPEND Archiv" + several + b"\r\n")
    assert client.answer(b"e")[-1] == b"NO [TOOBIG] Message too large"
    assert client.ask("NOOP")[-1] == b"OK Done"
    client.ask("SELECT Archiv")
    assert client.ask("FETCH 5 BODY.PEEK[]")[0].endswith(many[4] + b")")
    client.close()


def test_binary_goes_in_and_out_as_it_is_and_no_literal_holds_a_nul(client) -> None:
    content = b"\0\x01\xff\r\n\0" * 30
    head = b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\n'
    binary = head + b"Content-Transfer-Encoding: binary\r\nContent-Type: application/x\r\n\r\n" + content + b"\r\n--b\r\n"
    binary += b"Content-Transfer-Encoding: base64\r\n\r\nAAE=\r\n--b\r\nContent-Transfer-Encoding: x-own\r\n\r\nabc\r\n--b--\r\n"
    client.send(b"b APPEND INBOX ~{%d+}\r\n%b\r\n" % (len(binary), binary))
    assert b"APPENDUID" in client.answer(b"b")[-1]
    client.ask("SELECT INBOX")
    assert client.ask("FETCH 2 BINARY.PEEK[1]")[0] == b"* 2 FETCH (BINARY[1] ~{%d}\r\n%b)" % (len(content), content)
    assert client.ask("FETCH 2 BINARY.PEEK[1]<1.2>")[0] == b"* 2 FETCH (BINARY[1]<1> {2}\r\n\x01\xff)"
    assert client.ask("FETCH 2 BINARY.PEEK[2]")[0] == b"* 2 FETCH (BINARY[2] ~{2}\r\n\0\x01)"
    assert client.ask("FETCH 2 (BINARY.SIZE[1] BINARY.SIZE[2])")[0] == b"* 2 FETCH (BINARY.SIZE[1] %d BINARY.SIZE[2] 2)" % len(content)
    for item in ("BINARY.PEEK[3]", "BINARY.SIZE[3]"):
        assert client.ask(f"FETCH 2 {item}")[-1].startswith(b"NO [UNKNOWN-CTE]")
    assert client.ask("FETCH 2 BINARY.PEEK[9]")[0] == b"* 2 FETCH (BINARY[9] NIL)"
    whole = client.ask("FETCH 2 BODY.PEEK[]")[0]
    kept = encodebytes(content).replace(b"\n", b"\r\n").rstrip()
    said = b"Content-Transfer-Encoding: binary\r\nContent-Type: application/x\r\n\r\n" + content
    encoded = b"Content-Transfer-Encoding: base64\r\nContent-Type: application/x\r\n\r\n" + kept
    assert whole.endswith(binary.replace(said, encoded) + b")")
    assert b"\0" not in whole
    assert client.ask("FETCH 2 FLAGS")[0] == b"* 2 FETCH (FLAGS (\\Recent))"
    assert client.ask("FETCH 2 BINARY[2]")[0].endswith(b"FLAGS (\\Recent \\Seen))")


def test_quota(ahaus, anna, client) -> None:
    from stadtmail.mail import queries
    from stadtmail.mail.models import Mailbox

    box = queries.mailbox_of(ahaus, anna.contract)
    Mailbox.objects.filter(id=box.id).update(quota_bytes=1024 * 1024)
    quota = b'* QUOTA "" (STORAGE %d 1024)' % -(-box.used_bytes // 1024)
    assert client.ask('GETQUOTA ""') == [quota, b"OK Done"]
    assert client.ask("GETQUOTAROOT inbox") == [b'* QUOTAROOT INBOX ""', quota, b"OK Done"]
    assert client.ask("GETQUOTA else")[-1].startswith(b"NO [NONEXISTENT]")
    assert client.ask('SETQUOTA "" (STORAGE 9)')[-1].startswith(b"BAD")
    one = raw("x", body="y" * 3000)
    client.ask("APPEND Archiv (\\Deleted) {} (\\Deleted \\Seen) {} {}", one, one, one)
    assert client.ask("STATUS Archiv (DELETED DELETED-STORAGE UNSEEN SIZE)")[0] == (
        b"* STATUS Archiv (DELETED 2 DELETED-STORAGE %d UNSEEN 2 SIZE %d)" % (2 * len(one), 3 * len(one))
    )


def test_a_folder_is_made_for_a_use(client) -> None:
    assert client.ask("CREATE alt/2020 (USE (\\Archive))")[-1].startswith(b"OK")
    assert b'* LIST (\\Archive \\HasNoChildren) "/" alt/2020' in client.ask('LIST (SPECIAL-USE) "" *')
    assert b'* LIST (\\HasChildren) "/" alt' in client.ask('LIST "" alt')
    client.ask("RENAME alt/2020 neu")
    assert b'* LIST (\\Archive \\HasNoChildren) "/" neu' in client.ask('LIST "" neu')
    assert client.ask("DELETE neu")[-1] == b"OK Done"
    for use in ("\\All", "\\Nosuch", "\\Sent \\Drafts"):
        assert client.ask(f"CREATE x (USE ({use}))")[-1].startswith(b"NO [USEATTR]")
    assert client.ask("CREATE x (NOSUCH (a))")[-1].startswith(b"BAD")
    assert client.ask('LIST "" x') == [b"OK Done"]  # none was made
    assert client.ask("CREATE x ()")[-1].startswith(b"OK")


def ids(client, number: int) -> tuple[bytes, bytes]:
    found = re.search(rb"EMAILID \((\w+)\) THREADID \((\w+)\)", client.ask(f"FETCH {number} (EMAILID THREADID)")[0])
    return found[1], found[2]


def test_ids_stay_when_messages_and_folders_move(client) -> None:
    made = client.ask("CREATE x")[-1]
    mailbox = re.fullmatch(rb"OK \[MAILBOXID \((F\w+)\)\] Done", made)[1]
    one = raw("a", more="Message-ID: <1@x>\r\n")
    two = raw("Re: a", more="Message-ID: <2@x>\r\nReferences: <1@x>\r\n")
    client.ask("APPEND x {} {} {}", one, two, raw("c"))
    assert b"* OK [MAILBOXID (%b)] Same for ever" % mailbox in client.ask("SELECT x")
    first, second, third = (ids(client, number) for number in (1, 2, 3))
    assert len({first[0], second[0], third[0]}) == 3
    assert first[1] == second[1] != third[1]
    client.ask("COPY 1 Archiv")
    client.ask("MOVE 1 Archiv")
    client.ask("SELECT Archiv")
    assert ids(client, 1) == ids(client, 2) == first
    assert client.ask(f"SEARCH EMAILID {first[0].decode()}")[0] == b"* SEARCH 1 2"
    assert client.ask(f"SEARCH THREADID {first[1].decode()}")[0] == b"* SEARCH 1 2"
    assert client.ask(f"SEARCH EMAILID {second[0].decode()}")[0] == b"* SEARCH"
    client.ask("RENAME x y")
    assert client.ask("STATUS y (MAILBOXID)")[0] == b"* STATUS y (MAILBOXID (%b))" % mailbox
    client.ask("DELETE y")
    assert mailbox not in client.ask("CREATE y")[-1]


def test_preview(client) -> None:
    client.ask("APPEND Archiv {} {} {}", raw("a", body="> alt\r\n\r\nHallo   Welt " + "x" * 300),
               raw("b", more="Content-Type: text/html; charset=utf-8\r\n", body="<style>p</style><p>Gr&uuml;&szlig;e<br>aus <b>Ahaus"),
               raw("c", more="Content-Type: application/pdf\r\n"))  # fmt: skip
    client.ask("SELECT Archiv")
    assert client.ask("FETCH 1 (PREVIEW UID)")[0] == b'* 1 FETCH (PREVIEW "Hallo Welt %b" UID 1)' % (b"x" * 189)
    said = "Grüße aus Ahaus".encode()
    assert client.ask("FETCH 2 PREVIEW (LAZY)")[0] == b"* 2 FETCH (PREVIEW {%d}\r\n%b)" % (len(said), said)
    assert client.ask("FETCH 3 (PREVIEW (lazy))")[0] == b'* 3 FETCH (PREVIEW "")'
    assert client.ask("FETCH 3 PREVIEW (NOSUCH)")[-1].startswith(b"BAD")
    assert client.ask("FETCH 1:3 FLAGS")[:-1] == [b"* %d FETCH (FLAGS (\\Recent))" % number for number in (1, 2, 3)]


def test_preview_of_what_was_stored_without_one(client, monkeypatch) -> None:
    from stadtmail.mail import envelope

    whole = envelope.summary
    monkeypatch.setattr(envelope, "summary", lambda raw, *, now: replace(whole(raw, now=now), preview=None))
    client.ask("APPEND Archiv {}", raw("a"))
    client.ask("SELECT Archiv")
    assert client.ask("FETCH 1 PREVIEW (LAZY)")[0] == b"* 1 FETCH (PREVIEW NIL)"
    assert client.ask("FETCH 1 PREVIEW")[0] == b'* 1 FETCH (PREVIEW "Hallo")'
