"""Pieces of words: an index says what looking through the texts says, however many words have them, and opens hardly a message."""

from datetime import UTC, datetime
from unittest import mock
from uuid import UUID, uuid4

import pytest
import sqlcipher3
from hypothesis import given, settings
from hypothesis import strategies as st

from stadtmail.mail.index import looking
from stadtmail.mail.index.tables import Index
from stadtmail.mail.index.words import MOST_WORD, Said, folded

FOLDER, OTHER = UUID(int=1), UUID(int=2)
ASCII, SIGNS = "aeouesi1 -.", "aeoußsäüÉéeE i-_1\u0308ſﬁ字"
BOUNDS = [(400, 2), (1, 1), (3, 2)]  # of words asked for together: the last ones make every path short


def said(uid: int, body: str, *, folder: UUID = FOLDER, sender: str = "", subject: str = "") -> Said:
    at = datetime.fromtimestamp(1_700_000_000 + uid, UTC)
    return Said(uuid4(), folder, uid, 10, at, False, ident="", sender=sender, receiver="", cc="", bcc="", subject=subject, names="",
                body=body)  # fmt: skip


def made(mails: list[Said]) -> Index:
    index = Index(sqlcipher3.connect(":memory:", isolation_level=None))
    index.make()
    index.begin()
    index.add(mails)
    index.commit()
    return index


def opened_for(index: Index, piece: str) -> tuple[set[int], int]:
    """Who has a piece in the text, and how many messages were opened to know it."""
    with mock.patch.object(looking, "_says", wraps=looking._says) as says:
        return looking.having(index, "BODY", piece, FOLDER), says.call_count


def every_piece(bodies: list[str], other: str) -> set[str]:
    own = {body[at : at + length] for body in bodies for at in range(len(body)) for length in (1, 2, 4)}
    return {piece for piece in {*own, other} if piece}


@pytest.mark.parametrize("signs", [ASCII, SIGNS], ids=["ascii", "signs"])
@pytest.mark.parametrize(("most", "first"), BOUNDS)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_no_piece_is_missed_and_no_more_is_found_than_folding_does(signs, most, first, data) -> None:
    bodies = data.draw(st.lists(st.text(alphabet=signs, max_size=14), min_size=1, max_size=8))
    index = made([said(uid, body, subject=body[::-1]) for uid, body in enumerate(bodies, 1)])
    with mock.patch.multiple(looking, MOST_EXPANDED=most, FIRST_ASKED=first):
        for piece in every_piece(bodies, data.draw(st.text(alphabet=signs, max_size=3))):
            plain = folded(piece).strip()
            for key, shown in [("BODY", lambda body: [body]), ("TEXT", lambda body: [body, body[::-1]])]:
                said_so = {uid for uid, body in enumerate(bodies, 1) if any(piece.casefold() in one.casefold() for one in shown(body))}
                folds_so = {uid for uid, body in enumerate(bodies, 1) if any(plain in folded(one) for one in shown(body))}
                assert said_so <= looking.having(index, key, piece, FOLDER) <= said_so | folds_so, (key, piece)


@pytest.mark.parametrize(("most", "first"), BOUNDS)
@settings(max_examples=60, deadline=None)
@given(bodies=st.lists(st.text(alphabet="eisr1 -.", max_size=14), min_size=1, max_size=8))
def test_where_nothing_is_folded_pieces_are_found_as_by_looking_through_the_texts(most, first, bodies) -> None:
    index = made([said(uid, body) for uid, body in enumerate(bodies, 1)])
    with mock.patch.multiple(looking, MOST_EXPANDED=most, FIRST_ASKED=first):
        for piece in every_piece(bodies, "es"):
            assert looking.having(index, "BODY", piece, FOLDER) == {uid for uid, body in enumerate(bodies, 1) if piece in body}, piece


def test_a_piece_of_more_words_than_are_asked_for_at_once_opens_no_message() -> None:
    """A thousand messages without it beside a thousand with one of 500 words: who lacks it is not opened either."""
    have, lack = range(1, 1001), range(1001, 2001)
    index = made([*(said(uid, f"vor{uid % 500}mitte") for uid in have), *(said(uid, "nichts davon") for uid in lack)])
    assert opened_for(index, "mitt") == (set(have), 0)
    assert opened_for(index, "v") == ({*have, *lack}, 0)


def test_only_who_may_have_an_e_that_an_umlaut_swallowed_is_opened() -> None:
    bodies = ["Reimer", "Raimer", "Raeimer", "Rimer", "Eimer", "sonst"]
    index = made([said(uid, body) for uid, body in enumerate(bodies, 1)])
    assert opened_for(index, "eimer") == ({1, 3, 5}, 2)
    with mock.patch.multiple(looking, MOST_EXPANDED=1, FIRST_ASKED=1):
        assert opened_for(index, "eimer")[0] == {1, 3, 5}


def test_where_more_words_than_messages_are_left_the_messages_are_opened() -> None:
    """A folder of three in a large mailbox: three messages at most, not hundreds of words."""
    index = made([said(1, "vormitte"), said(2, "nichts"), said(3, "mittendrin"),
                  *(said(uid, f"vor{uid}mitte", folder=OTHER) for uid in range(10, 700))])  # fmt: skip
    asked: list[str] = []
    index.db.set_trace_callback(asked.append)
    found, opened = opened_for(index, "mitt")
    assert found == {1, 3}
    assert 1 <= opened <= 3
    assert 1 <= sum(statement.count("mitte") for statement in asked if "MATCH" in statement) < 20
    assert looking.having(index, "BODY", "mitt", UUID(int=3)) == set()


def test_common_words_come_first_and_leave_few_messages_to_be_opened() -> None:
    """Far more words than messages, as in a small mailbox: a word that most of them have spares opening those."""
    index = made([said(uid, " ".join(["gemitte", *(f"vor{uid}x{number}mitte" for number in range(20))])) for uid in range(1, 101)])
    assert opened_for(index, "mitt") == (set(range(1, 101)), 0)


@pytest.mark.parametrize("most", [400, 1])
def test_what_was_taken_out_or_refiled_is_found_no_more(most) -> None:
    mails = [said(uid, f"vor{uid}mitte eins{uid}") for uid in range(1, 41)]
    index = made(mails)
    ids = index.ids([one.message for one in mails])
    index.remove([ids[one.message] for one in mails[:10]])
    for one in mails[10:20]:
        index.refile(ids[one.message], OTHER, one.uid)
    with mock.patch.multiple(looking, MOST_EXPANDED=most, FIRST_ASKED=1):
        assert looking.having(index, "BODY", "mitt", FOLDER) == looking.having(index, "BODY", "eins", FOLDER) == set(range(21, 41))
        assert looking.having(index, "TEXT", "mitt", OTHER) == set(range(11, 21))
    assert b"vor5mitte" not in b"\n".join(index.everything())


def test_a_piece_longer_than_is_kept_of_a_word_is_looked_for_in_the_text() -> None:
    long = "x" * (MOST_WORD - 5) + "mitteundmehr"
    index = made([said(1, long), said(2, "x" * MOST_WORD), said(3, "kurz")])
    assert looking.having(index, "BODY", long, FOLDER) == {1}
    assert looking.having(index, "BODY", "x" * (MOST_WORD // 2 + 1), FOLDER) == {1, 2}
