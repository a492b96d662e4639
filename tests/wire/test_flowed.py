"""format=flowed (RFC 3676): what a person writes comes back as it was, whatever it is, and each screen wraps it by itself."""

from email import message_from_bytes, policy
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stadtmail.wire import flowed, mime

SIGNS = st.sampled_from("ab-> \n\tFrom äß.,漢") | st.characters(blacklist_characters="\r\x00", blacklist_categories=["Cs"])
TEXTS = st.text(SIGNS, max_size=600)
WORDS = st.lists(st.sampled_from(["Wort", "--", ">", "From", "", "x" * 90, "Straße"]), max_size=80).map(" ".join)


def plain(text: str) -> str:
    """The text with its quoted lines in one form, and without blanks at the end of lines."""

    def one(line: str) -> str:
        content = line.lstrip(">")
        depth = len(line) - len(content)
        content = content.removeprefix(" ") if depth else content
        content = content if content == "-- " else content.rstrip(" ")
        return f"{'>' * depth} {content}" if depth and content else ">" * depth or content

    return "\n".join(one(line) for line in text.split("\n"))


@given(TEXTS | WORDS)
@example("-- " + "y" * 90 + " z")
@example("> -- \nName")
@example("   " + "y" * 90)
@example("a" * 77 + " > b")
@example("a" * 70 + "  From hier")
def test_what_is_written_comes_back_as_it_was(text: str) -> None:
    assert flowed.settled(text) == plain(text)
    assert flowed.settled(flowed.settled(text)) == flowed.settled(text)


@given(TEXTS | WORDS)
def test_no_line_is_longer_than_78_signs_where_there_is_a_blank(text: str) -> None:
    for line in flowed.written(text).split("\n"):
        content = line.lstrip(">")
        room = max(flowed.NARROWEST, flowed.WIDTH - (len(line) - len(content)))
        if len(content) > room:  # one word, behind blanks or what would be a signature's line at most
            assert " " not in content.strip(" ").removeprefix("-- ").strip(" ")


@given(TEXTS | WORDS)
def test_nothing_looks_like_a_signature_that_is_none(text: str) -> None:
    def signs(lines: str) -> int:
        return sum(line.lstrip(">").removeprefix(" ") == "-- " for line in lines.split("\n"))

    assert signs(flowed.written(text)) == signs(plain(text))


@given(TEXTS | WORDS)
def test_a_soft_line_is_followed_by_one_of_its_depth(text: str) -> None:
    lines = flowed.written(text).split("\n")
    for one, other in pairwise([*lines, "end"]):
        content = one.lstrip(">")
        if one.endswith(" ") and content.removeprefix(" ") != "-- ":
            assert len(other) - len(other.lstrip(">")) == len(one) - len(content)


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("Das ist ein \nAbsatz.\nNoch einer.", "Das ist ein Absatz.\nNoch einer."),
        (">> tief \n> flach \n> weiter", ">> tief\n> flach weiter"),
        (">>> a \n>>>b", ">>> a b"),
        (" >kein Zitat", ">kein Zitat"),
        (" From hier", "From hier"),
        ("  eingerückt", " eingerückt"),
        ("weich \n-- \nName", "weich\n-- \nName"),
        ("am Ende weich ", "am Ende weich"),
        ("eins \n\nzwei", "eins\nzwei"),
    ],
)  # fmt: skip
def test_it_is_read_by_the_rules(sent: str, shown: str) -> None:
    assert flowed.read(sent) == shown


def test_delsp_joins_words_that_were_cut() -> None:
    assert flowed.read("漢字 \nかな\n> Donau \n> dampfschiff", delsp=True) == "漢字かな\n> Donaudampfschiff"


@pytest.mark.parametrize(
    ("header", "flow"),
    [
        ("text/plain; format=flowed", "flowed"),
        ("text/plain; charset=utf-8; Format=Flowed; DelSp=Yes", "delsp"),
        ("text/plain; delsp=yes", ""),
        ("text/plain; format=fixed", ""),
        ("text/html; format=flowed", ""),
    ],
)
def test_a_part_says_how_it_is_written(header: str, flow: str) -> None:
    root = mime.parse(f"Content-Type: {header}\r\n\r\nx\r\n".encode()).root
    assert root.flow == flow
    assert mime.Part.unpacked(root.packed()) == root


@given(TEXTS | WORDS)
def test_it_survives_the_way_through_a_message(text: str) -> None:
    from datetime import UTC, datetime

    from stadtmail.wire import compose

    letter = compose.Letter(("", "a@example.org"), [], [], [], "S", text, "<1@x>")
    raw = compose.message(letter, [], now=datetime(2026, 1, 1, tzinfo=UTC), boundary="b")
    mail = mime.parse(raw)
    assert mail.root.flow == flowed.FLOWED
    got = mime.text(mime.content(mail.root, raw[mail.root.body : mail.root.end]), mail.root.charset)
    assert flowed.read(got).removesuffix("\n") == plain(text).removesuffix("\n")
    assert message_from_bytes(raw, policy=policy.default)["Content-Type"].params["format"] == "flowed"
    assert all(len(line) <= 998 for line in raw.split(b"\r\n"))
