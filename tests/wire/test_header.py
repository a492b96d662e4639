"""A header read strictly: what it takes means one thing only, and any bytes are an answer or Malformed."""

import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stadtmail.wire import header
from stadtmail.wire.header import Malformed

ATOM = st.text("abcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+/=?^_`{|}~-", min_size=1, max_size=12)
ADDRESS = st.builds("{}@{}.example".format, ATOM, st.text("abcdefghijklmnop", min_size=1, max_size=8))
QUOTED = st.text("abc <>@,;:()", max_size=12).map('"{}"'.format)
PHRASE = st.lists(st.one_of(ATOM, QUOTED, st.just("=?utf-8?q?J=C3=BCrgen?=")), max_size=3).map(" ".join)
COMMENT = st.one_of(st.just(""), st.text("abc <>@,;:", max_size=8).map("({})".format))


@st.composite
def mailbox(draw) -> tuple[str, str]:
    address, phrase, comment = draw(ADDRESS), draw(PHRASE), draw(COMMENT)
    return draw(
        st.sampled_from([address, f"<{address}>", f"{phrase} <{address}>", f"{phrase}<{address}> {comment}", f"{comment} {address}"])
    ), address


@given(st.lists(mailbox(), min_size=1, max_size=5))
def test_plain_lists_are_read(boxes) -> None:
    assert header.mailboxes(", ".join(text for text, _ in boxes)) == [address for _, address in boxes]


@pytest.mark.parametrize(
    "value",
    [
        "", " ", "a", "a@b@c.example", "a b@c.example", "a@b.example c", "<a@b.example", "a@b.example>", "<a@b.example> <c@d.example>",
        "<a@b.example> c", "x@y.example <a@b.example>", "team: a@b.example;", "team:;", "a@b.example,", ",a@b.example",
        "a@b.example,,c@d.example", "<@r.example:a@b.example>", '"a@b.example" c@d.example', '"unended <a@b.example>',
        "(unended a@b.example", "a@b.example)", "<>", "<<a@b.example>>", "a@b.example\\", "a@\x00b.example", "a@b.example;c@d.example",
        "=?utf-8?q?a=40b=2Eexample?=", "a@b.example\u2028", "\\<a@b.example>",
    ],
)  # fmt: skip
def test_what_could_mean_two_things_means_nothing(value) -> None:
    with pytest.raises(Malformed):
        header.mailboxes(value)


@pytest.mark.parametrize(
    ("raw", "names"),
    [
        (b"A: 1\r\nB: 2\r\n 3\r\n\r\nBody: x\r\n", [b"a", b"b"]),
        (b"\r\nBody: x\r\n", []),
        (b"", []),
        (b"A: 1\r\n", [b"a"]),
    ],
)
def test_fields_end_at_the_empty_line(raw, names) -> None:
    fields, rest = header.split(raw)
    assert [one.name for one in fields] == names
    assert b"".join(one.raw for one in fields) + rest == (raw if b"\r\n\r\n" in raw or raw.startswith(b"\r\n") else raw + b"\r\n")


@pytest.mark.parametrize(
    "raw", [b"A : 1\r\n\r\n", b" A: 1\r\n\r\n", b"no colon\r\n\r\n", b"A: 1\nB: 2\r\n\r\n", b"\xc3\xa4: 1\r\n\r\n", b"A: 1", b": x\r\n"]
)
def test_lines_that_are_no_fields_are_refused(raw) -> None:
    with pytest.raises(Malformed):
        header.split(raw)


@given(st.binary(max_size=300))
@example(b"From: a@b.example\r\nFrom: c@d.example\r\n\r\n")
def test_any_bytes_are_an_answer_or_malformed(octets) -> None:
    for raw in (octets, b"From: " + octets, b"From: " + octets + b"\r\n\r\nx"):
        try:
            fields, rest = header.split(raw)
            assert b"".join(one.raw for one in fields) + rest in (raw, raw + b"\r\n")
            header.authors(fields)
        except Malformed:
            continue


@pytest.mark.parametrize(
    "value", ["(" * 100_000, '"' * 99_999, "a@b.example," * 20_000, "<" * 100_000, "\\" * 99_999, " " * 200_000, "a." * 90_000]
)
def test_hostile_values_cost_little(value) -> None:
    began = time.process_time()
    with pytest.raises(Malformed):
        header.mailboxes(value)
    assert time.process_time() - began < 1
