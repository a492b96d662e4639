"""Names that an eye takes for others, and names that only share letters."""

import pytest

from stadtmail.wire import lookalike


@pytest.mark.parametrize(
    "other",
    ["аhaus.net", "xn--haus-53d.net", "ahaüs.net", "ahaus.nеt", "anaus.net", "ahau.net", "ahauss.net", "ahasu.net", "4haus.net",
     "AHAVS.net"],
)  # fmt: skip
def test_these_look_like_the_city(other: str) -> None:
    assert lookalike.is_like(other, "ahaus.net")


@pytest.mark.parametrize(
    "other", ["ahaus.net", "AHAUS.NET", "example.org", "ahaus-net.de", "haus.de", "coesfeld.net", "xn--", "", "xn--\x00"]
)
def test_these_do_not(other: str) -> None:
    assert not lookalike.is_like(other, "ahaus.net")


@pytest.mark.parametrize(
    ("name", "mixed"),
    [("müller.de", False), ("почта.рф", False), ("例え.jp", False), ("pаypal.com", True), ("ѕсоре.com", True), ("xn--pypal-4ve.com", True),
     ("", False), ("..", False)],
)  # fmt: skip
def test_scripts_that_pretend(name: str, mixed: bool) -> None:
    assert lookalike.is_mixed(name) is mixed


def test_addresses_in_a_name() -> None:
    assert lookalike.addresses("Bürgerbüro <buero@ahaus.net>") == ["buero@ahaus.net"]
    assert lookalike.addresses("buero＠ahaus．net") == ["buero@ahaus.net"]
    assert lookalike.addresses("Anna @ home") == []


def test_the_skeleton_is_bounded() -> None:
    assert len(lookalike.skeleton("a" * 10_000_000)) <= lookalike.MOST_SIGNS
