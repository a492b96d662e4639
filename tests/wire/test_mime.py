"""The parser against hostile and broken mail: it never raises, it stays inside its bounds, its offsets are true."""

import email
import email.policy
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stadtmail.wire import mime, mimewords

DATA = sorted((Path(email.__file__).parents[1] / "test" / "test_email" / "data").glob("msg_*.txt"))
PIECES = st.sampled_from([
    b"Content-Type: multipart/mixed; boundary=b\r\n", b'Content-Type: multipart/alternative; boundary="b"\n', b"\r\n", b"\n", b"\n\n",
    b"--b\r\n", b"--b--\r\n", b"--b\n", b"Content-Type: message/rfc822\r\n\r\n", b"Content-Transfer-Encoding: base64\r\n\r\n",
    b"Subject: =?utf-8?b?w7w=?= =?x?q?=FF?=\r\n", b"Content-Disposition: attachment; filename*0*=utf-8''%C3; filename*1*=%BC\r\n",
    b"Content-Type: text/html; charset=undefined\r\n\r\n", b"\x00\xff\xfe", b"From: \"a, <b@c>\" (x), y: z@w;\r\n", b"=\r\n", b"=4", b"\r",
])  # fmt: skip


def consume(raw: bytes) -> mime.Mail:
    """Everything that the product does with a parsed message."""
    mail = mime.parse(raw)
    for name, value in mail.headers:
        mimewords.text(value)
        mimewords.addresses(value)
        mimewords.parameters(value)
        mimewords.moment(value)
        assert b"\n" not in name + value
    for part in mail.root.walk():
        assert 0 <= part.start <= part.body <= part.end <= len(raw)
        mime.text(mime.content(part, raw[part.body : part.end]), part.charset).encode()
        assert part.saved_as
        assert "/" not in part.saved_as
        assert not part.saved_as.startswith(".")
    mime.shown(mail.root)
    assert mime.Part.unpacked(mail.root.packed()) == mail.root
    return mail


@settings(max_examples=300, deadline=None)
@given(st.lists(PIECES | st.binary(max_size=40), max_size=40))
def test_never_raises(pieces: list[bytes]) -> None:
    consume(b"".join(pieces))


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60))
def test_any_text_survives_the_words_of_the_standard_library(value: str) -> None:
    from email.header import Header

    wanted = mimewords.cleaned(value)
    raw = Header(wanted.encode("utf-8", "replace").decode(), "utf-8").encode().encode()
    assert mimewords.text(raw) == mimewords.cleaned(wanted)


@pytest.mark.parametrize("path", DATA, ids=lambda path: path.stem)
def test_every_message_of_the_interpreter_parses(path: Path) -> None:
    raw = path.read_bytes()
    mail = consume(raw)
    theirs = email.message_from_bytes(raw)
    assert mimewords.text((theirs["subject"] or "").encode("utf-8", "surrogateescape")) == mimewords.text(mail.first(b"subject"))


def test_the_tree_has_imap_numbers_and_true_offsets() -> None:
    raw = (
        b"Subject: x\r\nContent-Type: multipart/mixed; boundary=outer\r\n\r\npreamble\r\n"
        b"--outer\r\nContent-Type: multipart/alternative; boundary=outer2\r\n\r\n"
        b"--outer2\r\n\r\nplain\r\n--outer2\r\nContent-Type: text/html\r\n\r\n<b>html</b>\r\n--outer2--\r\n"
        b"\r\n--outer\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\ninner body\r\n"
        b"--outer\r\nContent-Type: application/pdf; name=a.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\nSGFsbG8=\r\n--outer--\r\nend"
    )
    root = consume(raw).root
    assert [part.id for part in root.walk()] == ["", "1", "1.1", "1.2", "2", "2.1", "3"]
    by_id = {part.id: raw[part.body : part.end] for part in root.walk()}
    assert (by_id["1.1"], by_id["1.2"]) == (b"plain", b"<b>html</b>")
    shown = mime.shown(root)
    assert [part.id for part in shown.text] == ["1.1"]
    assert [part.id for part in shown.html] == ["1.2"]
    assert [part.type for part in shown.attachments] == ["message/rfc822", "application/pdf"]
    assert mime.content(shown.attachments[1], by_id["3"]) == b"Hallo"


def test_pictures_belong_to_related_and_files_are_attachments() -> None:
    raw = (
        b"Content-Type: multipart/related; boundary=r\n\n--r\nContent-Type: text/html\n\n<img src=cid:p>\n"
        b"--r\nContent-Type: image/png\nContent-ID: <p>\nContent-Transfer-Encoding: base64\n\niVBO\n"
        b"--r\nContent-Type: text/plain\nContent-Disposition: attachment; filename=notes.txt\n\nx\n--r--\n"
    )
    shown = mime.shown(consume(raw).root)
    assert [part.cid for part in shown.pictures] == ["p"]
    assert [part.filename for part in shown.attachments] == ["notes.txt"]


@pytest.mark.parametrize(
    ("raw", "read"),
    [
        (b"=?utf-8?Q?Gr=C3=BC=C3=9Fe?=", "Grüße"),
        (b"=?utf-8?B?R3LDvMOf?= =?utf-8?B?ZQ==?=", "Grüße"),
        (b"=?utf-8?Q?=C3?= =?utf-8?Q?=BC?=", "ü"),
        (b"=?iso-8859-1?q?a=E4?= b", "aä b"),
        ("Größe".encode("latin-1"), "Größe"),
        ("Größe".encode(), "Größe"),
        (b"=?no-such?q?abc?=", "abc"),
        (b"=?idna?q?abc?=", "abc"),
        (b"a\x00b\x1bc", "a b c"),
        ("x\u202etxt.exe".encode(), "x txt.exe"),
        (b"=?utf-8?b?####?=", ""),
        (b"=?utf-8?q?unclosed", "=?utf-8?q?unclosed"),
    ],
)
def test_header_words(raw: bytes, read: str) -> None:
    assert mimewords.text(raw) == read


@pytest.mark.parametrize(
    ("raw", "read"),
    [
        (b"anna@ahaus.net", [("", "anna@ahaus.net")]),
        (b'"Kanariengelb, Anna" <a@b.c>', [("Kanariengelb, Anna", "a@b.c")]),
        (b"=?utf-8?q?M=C3=BCller?= <m@x.de>, b@c (Ben)", [("Müller", "m@x.de"), ("Ben", "b@c")]),
        (b"Freunde: a@b, \"C\" <c@d>;", [("", "a@b"), ("C", "c@d")]),
        (b"undisclosed-recipients:;", []),
        (b"just a name", [("just a name", "")]),
        (b"", []),
    ],
)
def test_addresses(raw: bytes, read: list) -> None:
    assert mimewords.addresses(raw) == read


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        (b"attachment; filename=\"a;b.pdf\"", "a;b.pdf"),
        (b"attachment; filename*=utf-8''%C3%84rger.pdf", "Ärger.pdf"),
        (b"attachment; filename*0*=utf-8''%C3; filename*1*=%84; filename*2=.pdf", "Ä.pdf"),
        (b"attachment; filename=\"=?utf-8?q?=C3=84?=.pdf\"", "Ä.pdf"),
        (b"attachment; filename=\"unclosed.pdf", "unclosed.pdf"),
        (b"attachment; filename=a\\\"b", "a\\\"b"),
    ],
)
def test_file_names_are_read(raw: bytes, name: str) -> None:
    assert mimewords.parameters(raw)[1]["filename"] == name


@pytest.mark.parametrize(
    ("given", "safe"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\Windows\\system32\\cmd.exe", "cmd.exe"),
        (".bashrc", "bashrc"),
        ("rechnung\u202efdp.exe", "rechnung_fdp.exe"),
        ("a\x00b\nc.txt", "a_b_c.txt"),
        ("x" * 400 + ".pdf", "x" * 116 + ".pdf"),
        ("..", ""),
        ("CON<>|?.txt", "CON_.txt"),
    ],
)
def test_file_names_are_safe(given: str, safe: str) -> None:
    assert mimewords.file_name(given) == safe


@pytest.mark.parametrize(
    "raw",
    [
        b"X: " + b"a" * 30_000_000,
        b"X: y\r\n" * 3_000_000,
        b"X: y\r\n " * 3_000_000,
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n" * 3_000_000,
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"\r\n--bb" * 3_000_000,
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b--b" * 3_000_000,
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n" * 200_000,
        b"Content-Type: message/rfc822\r\n\r\n" * 300_000,
        b"Content-Type: a/b;" + b'a="' * 200_000,
        b"Content-Type: a/b;" + b" ;" * 400_000,
        b"From: " + b" " * 300_000 + b"<",
        b"From: " + b"(" * 300_000,
        b"Subject: " + b"=?utf-8?q?" * 50_000,
        b"\n\n" + b" \t" * 5_000_000,
    ],
    ids=lambda raw: repr(raw[-12:]),
)
def test_hostile_mail_costs_no_more_than_its_length(raw: bytes) -> None:
    began = time.thread_time()
    mail = mime.parse(raw)
    for name in (b"from", b"subject", b"content-type"):
        mimewords.text(mail.first(name))
        mimewords.addresses(mail.first(name))
    mime.unquoted(raw[-2_000_000:])
    assert len(list(mail.root.walk())) <= mime.MOST_PARTS + 1
    assert time.thread_time() - began < 3


def test_the_delivery_path_is_quick() -> None:
    head = ["From: Ben <ben@x.de>", "To: anna@ahaus.net", "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=", "Message-ID: <1@x>",
            "Date: Mon, 23 Nov 2026 10:00:00 +0100", "Content-Type: text/plain; charset=utf-8", "", ""]  # fmt: skip
    raw = "\r\n".join(head).encode() + b"Hallo Welt, wie geht es dir?\r\n" * 330
    best = min(_timed(raw) for _ in range(20))
    assert best < 200e-6, best


def _timed(raw: bytes) -> float:
    began = time.thread_time()
    for _ in range(20):
        mime.parse(raw)
    return (time.thread_time() - began) / 20
