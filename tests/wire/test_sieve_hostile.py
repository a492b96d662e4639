"""Any words, any message and scripts that are made to take long: an outcome or a mistake, in bounded time, and no message is lost."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stadtmail.wire import sievecheck, sieveflags, sievegrammar, sieverun
from stadtmail.wire.sievelex import Wrong
from stadtmail.wire.sievemail import Raw
from tests.wire.sieve import REQUIRE, World, run

WORDS = st.sampled_from(
    [
        *sievegrammar.COMMANDS,
        *sievegrammar.TESTS,
        *(f":{tag}" for shape in (*sievegrammar.TESTS.values(), *sievegrammar.COMMANDS.values()) for tag in shape.tags),
        '"subject"',
        '"*a?b*"',
        '"${1}"',
        '"${x}"',
        '["a", "b"]',
        '"a@b.example"',
        "10",
        "5M",
        ";",
        "{",
        "}",
        "(",
        ")",
        ",",
        "[",
        "]",
        '"gt"',
        '"i;octet"',
        '"i;ascii-numeric"',
        "text:\nx\n.\n",
        "#x\n",
        "/*",
        "*/",
        '"',
        '"year"',
        '"from"',
        '"\\\\Seen"',
    ]
)


@given(st.lists(WORDS, max_size=40), st.binary(max_size=300))
@settings(deadline=None, max_examples=400)
def test_any_words_and_any_message_end_in_an_outcome_or_a_mistake(words: list[str], raw: bytes) -> None:
    try:
        script = sievecheck.compiled(REQUIRE + " ".join(words))
    except Wrong:
        return
    outcome = sieverun.run(script, Raw(raw), sieverun.Envelope("", ""), World())
    assert outcome.files or not outcome.problem


@st.composite
def scripts(draw) -> str:
    """Scripts that are right, of whatever the table has."""
    strings = st.sampled_from(['"subject"', '"*b*"', '["from", "to"]', '"${1}x"', '"a@b.example"', '"?"'])

    def test(depth: int) -> str:
        name = draw(st.sampled_from(["true", "header", "size", "not", "anyof", "string", "body", "exists"]))
        if name == "not":
            return f"not {test(depth - 1) if depth else 'true'}"
        if name == "anyof":
            return f"anyof({', '.join(test(depth - 1) for _ in range(2)) if depth else 'false'})"
        kind = draw(st.sampled_from([":is", ":contains", ":matches"]))
        rest = {
            "true": "",
            "header": f'{kind} "subject" {draw(strings)}',
            "size": ":over 10",
            "string": f"{kind} {draw(strings)} {draw(strings)}",
            "body": f"{kind} {draw(strings)}",
            "exists": '"subject"',
        }
        return f"{name} {rest[name]}"

    commands = st.sampled_from(
        ["keep;", 'fileinto "x";', 'set "x" "${x}${x}y";', 'addflag "a b";', "discard;", "stop;", 'redirect "a@b.example";']
    )
    return "".join(f"if {test(2)} {{ {draw(commands)} {draw(commands)} }} " for _ in range(draw(st.integers(1, 5))))


@given(scripts(), st.binary(max_size=500))
@settings(deadline=None, max_examples=300)
def test_right_scripts_never_lose_a_message_without_being_told_to(script: str, raw: bytes) -> None:
    outcome = run(script, raw)
    if "discard" not in script and not outcome.redirects:
        assert outcome.files


@pytest.mark.parametrize(
    "script",
    [
        'if header :matches "subject" "' + "*a" * 400 + '" { discard; }',
        'if header :matches "subject" "' + "?" * 900 + '*" { discard; }',
        'if header :matches "subject" "*' + "a?" * 400 + 'b" { discard; }',
        'set "a" "x"; ' + 'set "a" "${a}${a}${a}${a}"; ' * 500 + 'if string :matches "${a}" "*${a}*" { discard; }',
        "if anyof(" + ", ".join(['body :contains "' + "ab" * 200 + 'c"'] * 300) + ") { discard; }",
        'if header :contains ["' + '", "'.join(["subject"] * 1000) + '"] ["' + '", "'.join(["zz"] * 1000) + '"] { discard; }',
    ],
)
def test_hostile_scripts_end_in_bounded_time(script: str) -> None:
    raw = b"Subject: " + b"a" * 7000 + b"\r\n\r\n" + b"ab" * 500_000
    began = time.process_time()
    outcome = run(script, raw)
    assert time.process_time() - began < 5
    assert outcome.problem in ("", "too_much")


def test_flags_are_bounded_and_clean() -> None:
    assert len(sieveflags.listed([" ".join(f"k{n}" for n in range(500))])) == sieveflags.MOST_FLAGS
    assert sieveflags.listed(['a"b', "c(d", "\\seen", "e\x7f", "ü", "ok"]) == ("\\Seen", "ok")
