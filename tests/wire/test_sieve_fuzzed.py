"""A fuzzer for Sieve and ManageSieve: right scripts, messages and commands, bent at random. Nothing but the known errors, in time."""

import random
import time
from contextlib import suppress
from datetime import UTC, datetime

import pytest

from stadtmail.wire import managesieve, sievecheck, sievelex, sieverun
from stadtmail.wire.managesieve import BadSyntax
from stadtmail.wire.sievelex import Wrong
from stadtmail.wire.sievemail import Raw
from tests.wire.sieve import MAIL, PARTS, REQUIRE, World
from tests.wire.test_sieve import TRUE

SCRIPTS = [REQUIRE + f'if {test} {{ discard; }} else {{ fileinto :copy :create :flags "a b" "x"; }}' for test in TRUE] + [
    REQUIRE
    + 'set :lower :length "a" "${b}${1}"; vacation :days 3 :addresses ["a@b.example"] :mime text:\nContent-Type: text/plain\n\nx\n.\n;',
    REQUIRE + 'redirect :copy "a@b.example"; reject text:\n..x\n.\n; stop;',
]
COMMANDS = [
    b'AUTHENTICATE "PLAIN" "AGEAYg=="',
    b'PUTSCRIPT "a\\"b" \0',
    b'HAVESPACE "x" 123',
    b"NOOP",
    b"LISTSCRIPTS",
    b'RENAMESCRIPT "a" "b"',
]
SIGNS = [
    b'"',
    b"\\",
    b"{",
    b"}",
    b"[",
    b"]",
    b"(",
    b")",
    b";",
    b":",
    b"\0",
    b"\xff",
    b"*",
    b"?",
    b"${",
    b"text:\n",
    b".\n",
    b"/*",
    b"#",
    b"\r\n",
    b"9" * 30,
]


def bent(raw: bytes, dice: random.Random) -> bytes:
    """The bytes with a few of them changed, doubled, cut out or replaced by signs that mean something."""
    data = bytearray(raw)
    for _ in range(dice.randint(1, 6)):
        at = dice.randrange(len(data) + 1)
        kind = dice.randrange(5)
        if kind == 0:
            data[at:at] = dice.choice(SIGNS)
        elif kind == 1:
            del data[at : at + dice.randint(1, 20)]
        elif kind == 2:
            data[at:at] = data[at : at + dice.randint(1, 60)] * dice.randint(1, 30)
        elif kind == 3 and at < len(data):
            data[at] = dice.randrange(256)
        else:
            other = dice.randrange(len(data) + 1)
            data[at:at] = data[other : other + dice.randint(1, 40)]
    return bytes(data)


def fuzz(seconds: float, seed: int) -> int:
    dice, until, count = random.Random(seed), time.monotonic() + seconds, 0
    world, lines = World(), list[tuple[int, int]]()
    world.now = datetime(2026, 11, 25, tzinfo=UTC)
    while time.monotonic() < until:
        count += 1
        began = time.process_time()
        script = bent(dice.choice(SCRIPTS).encode(), dice) if dice.random() < 0.8 else dice.choice(SCRIPTS).encode()
        mail = Raw(bent(dice.choice((MAIL, PARTS)), dice))
        try:
            checked = sievecheck.compiled(sievelex.decoded(script))
        except Wrong as wrong:
            lines.append((wrong.line, script.count(b"\n") + 1))
        else:
            outcome = sieverun.run(checked, mail, sieverun.Envelope("a@b.example", "c+d@e.example"), world)
            assert outcome.files or not outcome.problem, script
        with suppress(BadSyntax):
            managesieve.command(bent(dice.choice(COMMANDS), dice) + b"\r\n", [b"x"])
        assert time.process_time() - began < 3, script
    assert all(1 <= line <= last for line, last in lines)
    return count


@pytest.mark.parametrize("seed", range(2))
def test_for_a_moment(seed: int) -> None:
    assert fuzz(1.5, seed) > 20


@pytest.mark.long
def test_for_longer() -> None:
    assert fuzz(60, int(time.time())) > 1000
