"""An mbox that can be read again: quoting that is undone, marks, pieces cut anywhere."""

import mailbox
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stadtmail.wire import mbox

AT = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)


def written(*messages: bytes, size: int = 7, flags=()) -> bytes:
    pieces = ([raw[at : at + size] for at in range(0, len(raw), size)] for raw in messages)
    return b"".join(b"".join(mbox.entry(one, flags=flags, received=AT)) for one in pieces)


@pytest.mark.parametrize("size", [1, 2, 5, 1000])
def test_pythons_own_reader_finds_the_messages(tmp_path, size: int) -> None:
    first = b"Subject: eins\r\n\r\nFrom hier\r\n>From dort\r\nEnde"
    (tmp_path / "x.mbox").write_bytes(
        written(first, b"Subject: zwei\r\n\r\n\r\nFrom am Anfang\r\n", size=size, flags=("\\Seen", "\\Flagged", "Wichtig"))
    )
    found = list(mailbox.mbox(tmp_path / "x.mbox"))
    assert [one["Subject"] for one in found] == ["eins", "zwei"]
    assert ">From hier\n>>From dort\nEnde\n" in found[0].get_payload()
    assert found[0].get_flags() == "ROF"
    assert found[0]["X-Keywords"] == "Wichtig"


def test_marks_add_no_line_of_their_own() -> None:
    raw = written(b"Subject: x\r\n\r\n", flags=("gut\nX-Evil: 1", "zwei worte", "ümlaut"))
    assert b"X-Evil" not in raw
    assert b"X-Keywords" not in raw


@given(st.binary(max_size=400), st.integers(1, 50))
def test_only_the_separator_begins_with_from(body: bytes, size: int) -> None:
    lines = written(body, size=size).split(b"\n")
    assert [number for number, line in enumerate(lines) if line.startswith(b"From ")] == [0]


def test_a_line_without_end_is_not_held_in_memory_as_one(monkeypatch) -> None:
    monkeypatch.setattr(mbox, "LONGEST", 100)
    pieces = list(mbox.entry([b"From " + b"x" * 95] + [b"From " * 20] * 50, flags=(), received=AT))
    assert max(map(len, pieces)) < 300
    assert b"".join(pieces).count(b"\nFrom ") == 0
