"""The syntax of IMAP: never crashes on bytes, is what it was after a round trip, and stays linear."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stadtmail.wire import imap, imapfetch, imapnames, imapsearch, imapsort, imapwrite, mime
from stadtmail.wire.imap import BadSyntax, Cursor
from stadtmail.wire.imapfetch import Section

LINES = st.binary(max_size=300) | st.text(
    alphabet="ab19 (){}[]<>.,:*%\"\\+-~$\r\n&/ABCDEFNORTUX", max_size=80
).map(str.encode)  # fmt: skip


@given(LINES, st.lists(st.binary(max_size=20), max_size=3))
def test_no_bytes_raise_anything_but_bad_syntax(line, literals) -> None:
    text, _ = imap.literal(line)
    readers = (
        lambda c: c.tag(), lambda c: c.word(), lambda c: c.astring(), lambda c: c.mailbox(), lambda c: c.pattern(), lambda c: c.number(),
        lambda c: c.ranges(), lambda c: c.flags(), lambda c: c.date(), lambda c: c.moment(), lambda c: c.nstring(), lambda c: c.content(),
        lambda c: c.list_of(c.astring), imapfetch.items, imapsearch.search, imapsort.criteria,
    )  # fmt: skip
    for read in readers:
        cursor = Cursor(text, literals)
        try:
            read(cursor)
            cursor.end()
        except (BadSyntax, imapsearch.BadCharset):
            continue


@given(st.binary(max_size=200))
def test_a_string_is_read_as_it_was_written(value) -> None:
    written = imapwrite.string(value)
    if written.startswith(b"{"):
        head, _, body = written.partition(b"\r\n")
        assert imap.literal(head + b"\r\n")[1] == imap.Literal(len(body), True, False)
        assert body == value.replace(b"\0", b"")
    else:
        assert Cursor(written).astring() == value.replace(b"\0", b"")


@given(st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc"]), max_size=60))
def test_a_name_is_read_as_it_was_written(name) -> None:
    assert imapnames.read(imapnames.written(name, utf8=False)) == name
    if "&" not in name or not name.isascii():
        assert imapnames.read(imapnames.written(name, utf8=True)) == name


@given(st.text(alphabet="ab/", max_size=12), st.text(alphabet="ab/*%", max_size=8))
def test_patterns_mean_what_an_expression_means(name, pattern) -> None:
    expression = "".join({"*": ".*", "%": "[^/]*"}.get(sign, re.escape(sign)) for sign in pattern)
    assert imapnames.is_match(name, pattern) == bool(re.fullmatch(expression, name))


@given(st.lists(st.integers(1, 60), unique=True).map(sorted))
def test_a_set_is_read_as_it_was_written(numbers) -> None:
    if numbers:
        found = imap.ranges(imap.written(numbers))
        assert [n for low, high in found for n in range(low, high + 1)] == numbers


def _balanced(value: bytes) -> None:
    """Reads nested lists of strings, literals and words to their end."""
    at, depth = 0, 0
    while at < len(value):
        if value[at : at + 1] == b"{":
            size = int(value[at + 1 : value.index(b"}", at)])
            at = value.index(b"\r\n", at) + 2 + size
        elif value[at : at + 1] == b'"':
            found = re.compile(rb'"(?:[^"\\\r\n\0]|\\["\\])*"').match(value, at)
            assert found
            at = found.end()
        else:
            depth += {b"(": 1, b")": -1}.get(value[at : at + 1], 0)
            assert value[at : at + 1] in b"()" or 0x20 <= value[at] < 0x7F
            at += 1
    assert depth == 0


MAILS = st.lists(
    st.sampled_from([b"From: ", b"To: a:b@c,d;", b"Content-Type: multipart/mixed; boundary=x", b"Content-Type: message/rfc822", b"\r\n",
                     b"\r\n\r\n", b"--x", b"--x--", b"(", b"\"", b"<", b"@", b"\\", b"\0", b"\xff", b"a", b":", b",", b";", b"=?x", b"\n"])
    | st.binary(max_size=8), max_size=40,
).map(b"".join)  # fmt: skip


@given(MAILS)
def test_envelope_and_structure_of_any_bytes_can_be_read(raw) -> None:
    mail = mime.parse(raw)
    _balanced(imapwrite.envelope(mail.headers))
    for extended in (True, False):
        _balanced(imapwrite.structure(raw, mail.root, extended=extended))
    for path in ((), (1,), (2,), (1, 1), (1, 2, 1)):
        for of in ("", "HEADER", "TEXT", "MIME"):
            place = imapfetch.place(mail.root, Section(path, of))
            assert place is None or 0 <= place.start <= place.end <= len(raw)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (b"Anna <a@b.example>", b'(("Anna" NIL "a" "b.example"))'),
        (b'"Terhaar, Anna" <a@b.example>, c@d.example', b'(("Terhaar, Anna" NIL "a" "b.example")(NIL NIL "c" "d.example"))'),
        (b"Rat: a@b.example, c@d.example;", b'((NIL NIL "Rat" NIL)(NIL NIL "a" "b.example")(NIL NIL "c" "d.example")(NIL NIL NIL NIL))'),
        (b"undisclosed-recipients:;", b'((NIL NIL "undisclosed-recipients" NIL)(NIL NIL NIL NIL))'),
        (b"a@b.example (Anna)", b'(("Anna" NIL "a" "b.example"))'),
        (b"<@relay.example:a@b.example>", b'((NIL "@relay.example" "a" "b.example"))'),
        (b"", b"NIL"),
    ],
)
def test_addresses(value, said) -> None:
    assert imapwrite.addresses(value) == said


def test_structure_of_a_nested_message() -> None:
    inner = b"Subject: innen\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nHallo\r\n"
    raw = (
        b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Type: text/html\r\n\r\n<p>\r\n--x\r\n"
        b"Content-Type: message/rfc822\r\n\r\n" + inner + b"\r\n--x--\r\n"
    )
    root = mime.parse(raw).root
    assert imapwrite.structure(raw, root) == (
        b'(("text" "html" ("charset" "us-ascii") NIL NIL "7bit" 3 0 NIL NIL NIL NIL)("message" "rfc822" NIL NIL NIL "7bit" %d '
        b'(NIL "innen" NIL NIL NIL NIL NIL NIL NIL NIL) ("text" "plain" ("charset" "utf-8") NIL NIL "7bit" 7 1 NIL NIL NIL NIL) 4 '
        b'NIL NIL NIL NIL) "mixed" ("boundary" "x") NIL NIL NIL)' % len(inner)
    )

    def cut(*path: int, of: str = "") -> bytes:
        place = imapfetch.place(root, Section(path, of))
        return raw[place.start : place.end]

    assert cut(2) == inner
    assert cut(2, of="HEADER") == inner.partition(b"Hallo")[0]
    assert cut(2, 1) == cut(2, of="TEXT") == b"Hallo\r\n"
    assert cut(2, of="MIME") == b"Content-Type: message/rfc822\r\n\r\n"
    assert imapfetch.place(root, Section((3,))) is None


@pytest.mark.parametrize("text", [b"(" * 50_000, b"NOT " * 10_000, b"OR " * 10_000, b"1," * 30_000, b'"' + b"\\" * 60_000, b"a" * 60_000])
def test_long_nonsense_costs_no_more_than_its_length(text) -> None:
    begin = time.thread_time()
    for read in (imapsearch.search, imapfetch.items, lambda c: c.astring(), lambda c: c.flags()):
        try:
            read(Cursor(text))
        except (BadSyntax, imapsearch.BadCharset):
            continue
    imapwrite.addresses(text)
    assert time.thread_time() - begin < 2


def test_patterns_cannot_be_made_to_try_for_ever() -> None:
    begin = time.thread_time()
    assert not imapnames.is_match("a" * 255, "*a" * 150 + "b")
    assert time.thread_time() - begin < 0.5


@pytest.mark.parametrize("form", ["Person %d <person%d@verein.example>", "person%d.%d@verein.example"])
def test_a_letter_to_a_thousand_has_a_thousand_recipients(form: str) -> None:
    value = ", ".join(form % (n, n) for n in range(1000)).encode()
    said = imapwrite.addresses(value)
    assert said.count(b'"verein.example"') == 1000
    assert b"MISSING" not in said


def test_a_list_that_is_too_long_ends_with_a_whole_address() -> None:
    said = imapwrite.addresses(b", ".join(b"person%d@verein.example" % n for n in range(100_000)))
    assert said.count(b'"verein.example"') == imapwrite.MOST_ADDRESSES
    wide = imapwrite.addresses(b", ".join(b"%b%d@verein.example" % (b"p" * 500, n) for n in range(400)))
    assert 200 < wide.count(b"(NIL NIL") == wide.count(b'"verein.example"') < 400


@pytest.mark.parametrize("asked", [b"OLDER 0", b"YOUNGER 0", b"NOT OLDER 0"])
def test_an_interval_of_nothing_is_none(asked: bytes) -> None:
    """RFC 5032 3: nz-number."""
    with pytest.raises(BadSyntax):
        imapsearch.keys(Cursor(asked))
    assert imapsearch.keys(Cursor(asked.replace(b"0", b"1")))
