"""SASL as a server reads it: the examples of the RFCs, and any bytes."""

import base64
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stadtmail.wire import sasl

NONCE, SERVER = "rOprNGfwEbeRWgbNEkqO", "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"  # RFC 7677 section 3
FIRST = f"n,,n=user,r={NONCE}".encode()
CHALLENGE = f"r={NONCE}{SERVER},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
FINAL = f"c=biws,r={NONCE}{SERVER},p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=".encode()
NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=60)


def test_the_exchange_of_rfc_7677() -> None:
    first = sasl.scram_first(FIRST)
    assert (first.name, first.authorize, first.nonce, first.bare) == ("user", "", NONCE, f"n=user,r={NONCE}")
    salt = base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")
    assert sasl.scram_challenge(first, nonce=SERVER, salt=salt, iterations=4096) == CHALLENGE
    final = sasl.scram_final(FINAL, first, nonce=SERVER)
    assert sasl.auth_message(first, CHALLENGE, final) == f"n=user,r={NONCE},{CHALLENGE},c=biws,r={NONCE}{SERVER}".encode()
    assert base64.b64encode(final.proof) == b"dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="


def test_its_proof_is_right_and_no_other(monkeypatch) -> None:
    from stadtmail.people import scram

    monkeypatch.setattr(scram, "ITERATIONS", 4096)
    values = scram.check_values("pencil", base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ=="))
    first = sasl.scram_first(FIRST)
    final = sasl.scram_final(FINAL, first, nonce=SERVER)
    message = sasl.auth_message(first, CHALLENGE, final)
    other = scram.check_values("Pencil", base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ=="))
    assert scram.proven([other, values], message, final.proof) == 1
    assert base64.b64encode(scram.signature(values, message)) == b"6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="
    assert scram.proven([other], message, final.proof) is None
    assert scram.proven([], message, final.proof) is None
    assert scram.proven([values], message + b"x", final.proof) is None
    assert scram.proven([values], message, bytes(32)) is None


@given(NAMES, NAMES, st.one_of(st.just(""), NAMES))
def test_plain_comes_back(name, password, authorize) -> None:
    found = sasl.plain(f"{authorize}\0{name}\0{password}".encode())
    assert (found.authorize, found.name, found.password) == (authorize, name, password)
    assert password not in repr(found) or len(password) < 4


@given(NAMES, st.one_of(st.just(""), NAMES), st.sampled_from(["n", "y"]))
def test_names_of_scram_come_back(name, authorize, flag) -> None:
    def written(text: str) -> str:
        return text.replace("=", "=3D").replace(",", "=2C")

    who = f"a={written(authorize)}" if authorize else ""
    found = sasl.scram_first(f"{flag},{who},n={written(name)},r=abc".encode())
    assert (found.name, found.authorize) == (name, authorize)
    binding = base64.b64encode(f"{flag},{who},".encode()).decode()
    proof = base64.b64encode(bytes(32)).decode()
    assert sasl.scram_final(f"c={binding},r=abcdef,p={proof}".encode(), found, nonce="def").proof == bytes(32)


@pytest.mark.parametrize(
    "message",
    [
        b"", b"n", b"n,,", b"n,,n=a", b"n,,n=,r=x", b"n,,n=a,r=", b"p=tls-unique,,n=a,r=x", b"p=tls-server-end-point,,n=a,r=x",
        b"n,,m=x,n=a,r=x", b"N,,n=a,r=x", b"n,a,n=a,r=x", b"n,a=,n=a,r=\n", b"n,,n=a=,r=x", b"n,,n=a=2c,r=x", b"n,,n=a,r=\xc3\xa4",
        b"n,,n=a,r=x y", b"n,,n=\xff,r=x", b"n,,n=a\0b,r=x", b" n,,n=a,r=x", b"n,,n=a,r=" + b"x" * 257,
    ],
)  # fmt: skip
def test_what_is_no_first_message(message) -> None:
    with pytest.raises(sasl.Malformed):
        sasl.scram_first(message)


@pytest.mark.parametrize(
    "message",
    [
        b"", f"c=biws,r={NONCE},p=AAAA".encode(), FINAL.replace(b"biws", b"eSws"), FINAL.replace(b"c=biws", b"c="), FINAL[:-4],
        FINAL.replace(b"%hv", b"%hw"), FINAL + b",x=y", FINAL.replace(b",p=", b",P="), FINAL[:-1] + b"*", b"p=" + FINAL,
        FINAL.replace(b"biws", b"p=tl"),
    ],
)  # fmt: skip
def test_what_is_no_final_message(message) -> None:
    with pytest.raises(sasl.Malformed):
        sasl.scram_final(message, sasl.scram_first(FIRST), nonce=SERVER)


@given(st.binary(max_size=400))
def test_any_bytes_are_an_answer_or_malformed(octets) -> None:
    first = sasl.scram_first(FIRST)
    readers = (sasl.base64, sasl.plain, sasl.word, sasl.scram_first, lambda data: sasl.scram_final(data, first, nonce=SERVER))
    for reader in readers:
        for data in (octets, FIRST[: len(octets) % 20] + octets, b"n,," + octets, b"\0" + octets + b"\0x"):
            with suppress(sasl.Malformed):
                reader(data)


def test_a_message_has_an_end() -> None:
    for reader in (sasl.plain, sasl.word, sasl.scram_first):
        with pytest.raises(sasl.Malformed):
            reader(b"a" * 100_000)


def test_saslprep() -> None:
    assert sasl.prepared("I\u00adX") == "IX"  # RFC 4013 section 3
    assert sasl.prepared("\u00aa") == "a"
    assert sasl.prepared("\u2168") == "IX"
    assert sasl.prepared("ein\u00a0Satz") == "ein Satz"
