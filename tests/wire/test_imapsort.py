"""Base subjects, order and threads (RFC 5256): the RFC's own rules, any texts, any references, and a bounded time."""

import re
import time
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stadtmail.wire import imapenvelope, imapsort, imapthread, imapwrite
from stadtmail.wire.imap import BadSyntax, Cursor
from stadtmail.wire.imapthread import Facts

BEGIN = datetime(2026, 11, 23, tzinfo=UTC)


@pytest.mark.parametrize(
    ("subject", "base", "is_reply"),
    [
        ("Hallo", "Hallo", False),
        ("Re: Hallo", "Hallo", True),
        ("RE: fwd: Fw : Hallo (fwd) (FWD)  ", "Hallo", True),
        ("Re[2]: Hallo", "Hallo", True),
        ("re [a] : Hallo", "Hallo", True),
        ("[Liste] Re: [Liste] Hallo", "Hallo", True),
        ("[Liste] Hallo", "Hallo", False),
        ("[Liste]", "[Liste]", False),
        ("Re: [Liste]", "[Liste]", True),
        ("[a][b]", "[b]", False),
        ("[Fwd: Re: Hallo]", "Hallo", True),
        ("[fwd: [FWD: Hallo (fwd)]]", "Hallo", True),
        ("[Fwd: ]", "", True),
        ("Aw: Hallo", "Aw: Hallo", False),
        ("Re Hallo", "Re Hallo", False),
        ("Re:", "", True),
        ("  a \t b ", "a b", False),
        ("(fwd)", "", True),
        ("Re: a [b]", "a [b]", True),
    ],
)
def test_base_subjects(subject, base, is_reply) -> None:
    assert imapsort.base_subject(subject) == (base, is_reply)


@given(st.text(alphabet="aReFwd:[]() \t", max_size=40)
       | st.lists(st.sampled_from(["re:", "[x]", "(fwd)", "[fwd:", "]", " ", "a"]), max_size=9).map("".join))  # fmt: skip
def test_a_base_subject_is_its_own_base(subject) -> None:
    base, _ = imapsort.base_subject(subject)
    assert imapsort.base_subject(base) == (base, False)
    assert len(base) <= len(subject)


@pytest.mark.parametrize("hostile", ["[" * 50_000, "re:" * 50_000, "[a]" * 50_000, "(fwd)" * 50_000, "[fwd:" * 20_000 + "]" * 20_000,
                                     "re [" * 30_000, "[a] " * 20_000 + "re"])  # fmt: skip
def test_a_hostile_subject_costs_its_length(hostile) -> None:
    begun = time.thread_time()
    imapsort.base_subject(hostile[:1000])  # what mail/envelope.py keeps of a subject
    assert time.thread_time() - begun < 0.5


@pytest.mark.parametrize("text", [b"()", b"(REVERSE)", b"(REVERSE REVERSE DATE)", b"(NOSUCH)", b"DATE", b"(DATE"])
def test_what_is_no_order_is_bad(text) -> None:
    with pytest.raises(BadSyntax):
        imapsort.criteria(Cursor(text))


def test_order_and_collation() -> None:
    assert imapsort.criteria(Cursor(b"(reverse date Subject)")) == [imapsort.Criterion("DATE", True), imapsort.Criterion("SUBJECT", False)]
    assert imapsort.collated("äÖ") == imapsort.collated("Äö") != imapsort.collated("aO")
    assert imapsort.collated("straße") == imapsort.collated("STRAßE")


@pytest.mark.parametrize(
    ("header", "said"),
    [
        (b'"B\xc3\xbcro, Ahaus" <rat@ahaus.example>, x@y.example', ("Büro, Ahaus", "rat", "ahaus.example")),
        (b"=?utf-8?q?B=C3=BCro?= <rat@ahaus.example>", ("Büro", "rat", "ahaus.example")),
        (b"Rat: a@b.example;", ("Rat", "Rat", "")),
        (b'"a \\" b" <c@d.example>', ('a " b', "c", "d.example")),
        (b"", ("", "", "")),
    ],
)
def test_the_first_address_is_read_back(header, said) -> None:
    for field in ("from", "to", "cc"):
        written = imapwrite.envelope([(b"subject", b"(x) \"y\" {3}"), (field.encode(), header)])
        assert imapenvelope.first_address(written, field) == said


@given(st.binary(max_size=80), st.sampled_from(["from", "to", "cc"]))
def test_no_envelope_raises(raw, field) -> None:
    imapenvelope.first_address(raw, field)
    assert len(imapenvelope.first_address(imapwrite.envelope([(field.encode(), raw)]), field)) == 3


def facts(number: int, subject: str, *, own: str = "", refs: str = "", minutes: int | None = None, reply_to: str = "") -> Facts:
    at = BEGIN + timedelta(minutes=number if minutes is None else minutes)
    ids = " ".join(f"<{one}@x>" for one in refs.split())
    return Facts(number, number, at, subject, f"<{own or number}@x>", ids, f"<{reply_to}@x>" if reply_to else "")


def by_references(*messages: Facts) -> str:
    return imapthread.written(imapthread.references(messages)).decode()


def test_ordered_subject() -> None:
    some = [facts(1, "a"), facts(2, "b"), facts(3, "Re: A"), facts(4, "[x] a"), facts(5, "fwd: B"), facts(6, "c", minutes=0)]
    assert imapthread.written(imapthread.ordered_subject(some)) == b"(6)(1 (3)(4))(2 5)"
    assert imapthread.written([]) == b""


@pytest.mark.parametrize(
    ("said", "messages"),
    [
        ("(1 2 3)", [facts(1, "a"), facts(2, "re: a", refs="1"), facts(3, "re: a", refs="1 2")]),
        ("(1 (2)(3))", [facts(1, "a"), facts(2, "re: a", refs="1"), facts(3, "re: a", reply_to="1")]),
        ("(1)(2)", [facts(1, "a"), facts(2, "b")]),
        ("(1 2)", [facts(2, "b", refs="1"), facts(1, "a")]),  # the child comes first
        ("((1)(2))", [facts(1, "a", refs="99"), facts(2, "b", refs="99")]),  # the parent is not here
        ("(1)", [facts(1, "a", refs="97 98 99")]),  # dummies without need go
        ("(1 2)", [facts(1, "a"), facts(2, "Re: a")]),  # by subject: a reply below what it answers
        ("(2 1)", [facts(1, "Re: a"), facts(2, "a", minutes=0)]),
        ("((1)(2))", [facts(1, "a"), facts(2, "a")]),  # neither is a reply: side by side
        ("((1)(2)(3))", [facts(1, "a"), facts(2, "a"), facts(3, "a")]),
        ("(1 (2)(3))", [facts(1, "a"), facts(2, "Re: a"), facts(3, "Re: a")]),
        ("(1)(2)", [facts(1, ""), facts(2, "")]),  # no subject is none in common
        ("((1)(2))", [facts(1, "x", own="s"), facts(2, "x", own="s")]),  # two with one id: the second gets its own
        ("(2 1)", [facts(1, "a"), facts(2, "b", refs="2 1")]),  # who names itself
    ],
)
def test_references(said, messages) -> None:
    assert by_references(*messages) == said


def test_a_loop_of_references_is_no_loop() -> None:
    found = by_references(facts(1, "a", refs="3"), facts(2, "b", refs="1"), facts(3, "c", refs="2"))
    assert sorted(re.findall(r"\d+", found)) == ["1", "2", "3"]


def test_ids_are_compared_in_one_form() -> None:
    assert imapthread.message_ids('<"01KF8"@y.example> junk <01KF8@y.example> <@no> <no>') == ["01KF8@y.example"] * 2
    assert imapthread.root_id("<own@x>", "", "") == "own@x"
    assert imapthread.root_id("<own@x>", "<a@x> <b@x>", "<b@x>") == "a@x"


SOME = st.tuples(
    st.sampled_from("abcde"), st.lists(st.sampled_from("abcdef"), max_size=4), st.sampled_from(["", "x", "Re: x", "y"]), st.integers(0, 3)
)


@given(st.lists(SOME, max_size=12))
def test_every_message_is_in_exactly_one_thread(some) -> None:
    messages = [facts(n, subject, own=own, refs=" ".join(refs), minutes=at) for n, (own, refs, subject, at) in enumerate(some, 1)]
    for make in (imapthread.references, imapthread.ordered_subject):
        said = imapthread.written(make(messages)).decode()
        assert sorted(int(one) for one in re.findall(r"\d+", said)) == [one.number for one in messages]
        depth = 0
        for sign in said:
            depth += {"(": 1, ")": -1}.get(sign, 0)
            assert depth >= 0
        assert depth == 0


def test_long_chains_and_many_of_a_subject_cost_little() -> None:
    begun = time.thread_time()
    chain = [facts(n, "Re: a", refs=str(n - 1) if n > 1 else "") for n in range(1, 5001)]
    assert by_references(*chain).count("(") == 1
    assert by_references(*chain[::-1]).count("(") == 1
    by_references(*(facts(n, "a" if n % 2 else f"s{n // 4}") for n in range(1, 5001)))
    assert time.thread_time() - begun < 5
