"""SMTP syntax (RFC 5321 4.1.2): the examples of the RFCs, and any bytes are an answer or Malformed. Bodies cut at every place."""

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stadtmail.wire import smtp
from stadtmail.wire.smtp import Malformed


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"NOOP", ("NOOP", b"")),
        (b"noop  hello ", ("NOOP", b"hello")),
        (b"MAIL FROM:<a@b.example> SIZE=1", ("MAIL", b"FROM:<a@b.example> SIZE=1")),
        (b"rcpt to:<x>", ("RCPT", b"to:<x>")),
    ],
)
def test_command(line: bytes, expected: tuple) -> None:
    assert smtp.command(line) == expected


@pytest.mark.parametrize(
    "line", [b"", b" ", b"MAIL\0FROM", b"NOOP\r", b"NO\nOP", b"\x7f", b"1234", b"MAIL\tFROM:<>", b"X" * 17, "ÄÖ".encode()]
)
def test_not_a_command(line: bytes) -> None:
    with pytest.raises(Malformed):
        smtp.command(line)


@pytest.mark.parametrize(
    ("rest", "expected"),
    [
        (b"FROM:<>", smtp.Envelope("")),
        (b"from:<a@B.Example>", smtp.Envelope("a@b.example")),
        (b"FROM: <a@b.example>  SIZE=1000  BODY=8BITMIME", smtp.Envelope("a@b.example", 1000)),
        (b"FROM:<a@b.example> body=7bit size=5", smtp.Envelope("a@b.example", 5)),
        ("FROM:<jürgen@bücher.example> SMTPUTF8".encode(), smtp.Envelope("jürgen@xn--bcher-kva.example", 0, True)),
        (b"FROM:<@one.example,@two.example:joe@three.example>", smtp.Envelope("joe@three.example")),
        (b'FROM:<"a b"@c.example>', smtp.Envelope('"a b"@c.example')),
        (b'FROM:<"a>b"@c.example> SIZE=1', smtp.Envelope('"a>b"@c.example', 1)),
        (b"FROM:<x@[192.0.2.1]>", smtp.Envelope("x@[192.0.2.1]")),
        (b"FROM:<x@[IPv6:2001:DB8::1]>", smtp.Envelope("x@[IPv6:2001:db8::1]")),
    ],
)
def test_mail(rest: bytes, expected: smtp.Envelope) -> None:
    assert smtp.mail(rest) == expected


@pytest.mark.parametrize(
    ("rest", "kind"),
    [
        (b"", "argument"),
        (b"TO:<a@b.example>", "argument"),
        (b"FROM:a@b.example", "address"),
        (b"FROM:<a@b.example", "address"),
        (b"FROM:<a@b.example>x", "address"),
        (b"FROM:<a@b.example> X=1", "parameter"),
        (b"FROM:<a@b.example> SIZE", "value"),
        (b"FROM:<a@b.example> SIZE=-1", "value"),
        (b"FROM:<a@b.example> SIZE=" + b"9" * 21, "value"),
        (b"FROM:<a@b.example> SIZE=1 SIZE=2", "parameter"),
        (b"FROM:<a@b.example> BODY=BINARYMIME", "binary"),
        (b"FROM:<a@b.example> SMTPUTF8=1", "value"),
        (b"FROM:<a@b.example> AUTH=<>", "parameter"),
        ("FROM:<ä@b.example>".encode(), "utf8"),
        (b"FROM:<\xff\xfe@b.example> SMTPUTF8", "address"),
        (b"FROM:<a@-b.example>", "address"),
        (b"FROM:<a@b..example>", "address"),
        (b"FROM:<a..b@c.example>", "address"),
        (b"FROM:<.a@c.example>", "address"),
        (b"FROM:<@c.example>", "address"),
        (b"FROM:<" + b"a" * 65 + b"@c.example>", "address"),
        (b"FROM:<a@" + b"b" * 64 + b".example>", "address"),
        (b"FROM:<a@" + b"b." * 130 + b"example>", "address"),
        (b"FROM:<x@[300.0.2.1]>", "address"),
        (b'FROM:<"a\\"@c.example>', "address"),
        ("FROM:<a\u2028b@c.example> SMTPUTF8".encode(), "address"),
        ("FROM:<a\x85b@c.example> SMTPUTF8".encode(), "address"),
    ],
)
def test_not_mail(rest: bytes, kind: str) -> None:
    with pytest.raises(Malformed) as problem:
        smtp.mail(rest)
    assert problem.value.kind == kind
    assert b"example" not in str(problem.value).encode()


def test_recipient() -> None:
    assert smtp.recipient(b"TO:<Anna@AHAUS.net>") == "Anna@ahaus.net"
    assert smtp.recipient(b"TO:<anna@ahaus.net.>") == "anna@ahaus.net"
    assert smtp.recipient(b'TO:<"anna"@ahaus.net>') == smtp.recipient(b'TO:<"an\\na"@ahaus.net>') == "anna@ahaus.net"
    assert smtp.recipient(b"TO:<PostMaster>", postmaster="postmaster@ahaus.net") == "postmaster@ahaus.net"
    for wrong in (b"TO:<>", b"TO:<postmaster>", b"TO:<anna@ahaus.net> NOTIFY=NEVER", b"FROM:<a@b.example>"):
        with pytest.raises(Malformed):
            smtp.recipient(wrong)


def test_chunk() -> None:
    assert smtp.chunk(b"1000") == smtp.Chunk(1000, False)
    assert smtp.chunk(b"0  last") == smtp.Chunk(0, True)
    for wrong in (b"", b"-1", b"1 LAST x", b"1LAST", b"x", b"1" * 21, "１".encode()):
        with pytest.raises(Malformed):
            smtp.chunk(wrong)


def test_helo() -> None:
    for good in (b"mx_1.example.net", b"[192.0.2.1]", b"[IPv6:2001:db8::1]"):
        assert smtp.helo(good) == good.decode()
    for wrong in (b"", b"a b", b"a\r\nX: y", "ä.example".encode(), b"<a>", b"a(b)", b"x" * 256):
        with pytest.raises(Malformed):
            smtp.helo(wrong)


PATHS = st.one_of(
    st.binary(max_size=400),
    st.text(alphabet='<>@:," \\.[]aZ9-_äIPv6', max_size=80).map(lambda text: text.encode()),
    st.text(alphabet='<>@:," \\.[]aZ9-_ä= SIZEBODY', max_size=60).map(lambda text: b"FROM:<" + text.encode()),
)


@given(PATHS)
@settings(max_examples=400, deadline=None)
def test_any_bytes_are_an_answer_or_malformed(data: bytes) -> None:
    for read in (smtp.command, smtp.helo, smtp.mail, smtp.recipient, smtp.chunk, smtp.address, lambda b: smtp.address(b, utf8=True)):
        with suppress(Malformed):
            read(data)


@given(PATHS)
@settings(max_examples=300, deadline=None)
def test_what_is_accepted_can_stand_in_a_header_and_reads_the_same_again(data: bytes) -> None:
    try:
        found = smtp.address(data, utf8=True)
    except Malformed:
        return
    assert not set(found) & set("\r\n\0")
    assert smtp.address(found.encode(), utf8=True) == found


def _stuffed(message: bytes) -> bytes:
    lines = message.split(b"\r\n")
    return b"\r\n".join(b"." + line if line.startswith(b".") else line for line in lines)


def _read(wire: bytes, cuts: list[int]) -> tuple[bytes, bytes, bool]:
    body, message, at = smtp.Body(), b"", 0
    for cut in [*sorted(cuts), len(wire)]:
        if body.ended:
            break
        message += body.feed(wire[at:cut])
        at = cut
    assert body.ended
    return message, body.rest + wire[at:], body.lines.broken


MESSAGES = [
    b"",
    b"\r\n",
    b".\r\n",
    b"..\r\n",
    b"a\r\n.\r\nb\r\n",
    b"a\r\n..b\r\n.\r\n",
    b"\r\n\r\n.x\r\n",
    b"x" * 50 + b"\r\n" + b"." * 9 + b"\r\n",
]


@pytest.mark.parametrize("message", MESSAGES)
def test_a_body_cut_at_every_pair_of_places_reads_the_same(message: bytes) -> None:
    wire = _stuffed(message) + b".\r\nQUIT\r\n"
    for first in range(len(wire) + 1):
        for second in range(first, len(wire) + 1):
            assert _read(wire, [first, second]) == (message, b"QUIT\r\n", False)


LINES = st.lists(st.text(alphabet=".ab\x00ä", max_size=6).map(str.encode), max_size=8)


@given(LINES, st.data())
@settings(max_examples=300, deadline=None)
def test_any_lines_come_back_as_they_were(lines: list[bytes], data) -> None:
    message = b"".join(line + b"\r\n" for line in lines)
    wire = _stuffed(message) + b".\r\nNOOP\r\n"
    cuts = data.draw(st.lists(st.integers(0, len(wire)), max_size=5))
    assert _read(wire, cuts) == (message, b"NOOP\r\n", False)


ENDS = [b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r.\r\n", b"\r\n.\r", b"\n\r\n", b"\r", b"\n", b"\r\r\n", b"\r\n\x00.\n"]


@pytest.mark.parametrize("end", ENDS)
def test_smuggling_no_other_end_is_taken_for_one(end: bytes) -> None:
    wire = b"a" + end + b"MAIL FROM:<admin@ahaus.net>\r\n.\r\nQUIT\r\n"
    for cut in range(len(wire)):
        message, rest, broken = _read(wire, [cut])
        assert rest == b"QUIT\r\n"
        assert broken
        assert b"MAIL FROM" in message


@given(st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b".", b"x", b"\0"]), max_size=14), st.data())
@settings(max_examples=400, deadline=None)
def test_broken_is_exactly_a_bare_cr_or_lf_wherever_it_is_cut(parts: list[bytes], data) -> None:
    octets = b"".join(parts)
    lines, at = smtp.Lines(), 0
    for cut in [*sorted(data.draw(st.lists(st.integers(0, len(octets)), max_size=4))), len(octets)]:
        lines.see(octets[at:cut])
        at = cut
    lines.end()
    left = octets.replace(b"\r\n", b"")
    assert lines.broken == (b"\r" in left or b"\n" in left)


def test_a_long_body_is_read_in_time_that_grows_with_it() -> None:
    body, piece, got = smtp.Body(), b"y" * 65_536, 0
    for _ in range(400):
        got += len(body.feed(piece))
    got += len(body.feed(b"\r\n.\r\n"))
    assert body.ended
    assert got == 400 * 65_536 + 2


def test_what_a_mail_program_says_of_reports_is_read() -> None:
    found = smtp.mail(b"FROM:<a@b.example> RET=hdrs ENVID=QQ+2B314159 AUTH=<>", submitted=True)
    assert (found.sender, found.ret, found.envid) == ("a@b.example", "HDRS", "QQ+2B314159")
    asked = smtp.asked(b"TO:<C@d.Example> notify=success,DELAY ORCPT=rfc822;C+2Bx@d.example")
    assert (asked.address, asked.notify, asked.orcpt) == ("C@d.example", ("SUCCESS", "DELAY"), "rfc822;C+2Bx@d.example")
    assert smtp.asked(b"TO:<postmaster>", postmaster="postmaster@b.example") == smtp.Asked("postmaster@b.example")


@pytest.mark.parametrize("words", [b"RET=ALL", b"RET", b"ENVID", b"ENVID=a+2b", b"ENVID=" + b"x" * 101, b"AUTH", b"ENVID=a ENVID=b"])
def test_what_is_no_wish_for_a_report_of_a_message(words: bytes) -> None:
    with pytest.raises(Malformed):
        smtp.mail(b"FROM:<a@b.example> " + words, submitted=True)


@pytest.mark.parametrize("words", [b"RET=FULL", b"ENVID=a", b"AUTH=<>"])
def test_a_server_of_final_delivery_knows_none_of_them(words: bytes) -> None:
    with pytest.raises(Malformed):
        smtp.mail(b"FROM:<a@b.example> " + words)
    with pytest.raises(Malformed):
        smtp.recipient(b"TO:<a@b.example> NOTIFY=NEVER")


@pytest.mark.parametrize(
    "words", [b"NOTIFY=NEVER,DELAY", b"NOTIFY=", b"NOTIFY", b"NOTIFY=DELAY,DELAY", b"NOTIFY=SOON", b"ORCPT=a", b"ORCPT=;b", b"X=1"]
)
def test_what_is_no_wish_for_a_report_of_a_recipient(words: bytes) -> None:
    with pytest.raises(Malformed):
        smtp.asked(b"TO:<a@b.example> " + words)


@given(st.binary(max_size=120))
def test_any_wish_is_an_answer_or_malformed(octets: bytes) -> None:
    for rest in (b"TO:<a@b.example> " + octets, b"TO:" + octets, octets):
        with suppress(Malformed):
            smtp.asked(rest)
        with suppress(Malformed):
            smtp.mail(rest.replace(b"TO:", b"FROM:"), submitted=True)
