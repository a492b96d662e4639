"""The wildcards of Sieve (RFC 5228 2.7.1, RFC 5229 3.2): as short as they can, and as the textbook's matcher says."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stadtmail.wire import sievematch


@pytest.mark.parametrize(
    ("value", "pattern", "found"),
    [
        ("[acme-users] [fwd] version 1.0 is out", "*[*]*", ["", "acme-users", " [fwd] version 1.0 is out"]),  # RFC 5229 3.2
        ("frop", "????", list("frop")),
        ("frop", "???", None),
        ("", "*", [""]),
        ("", "?", None),
        ("abc", "*c", ["ab"]),
        ("abcabc", "*bc", ["abca"]),
        ("a*b", "a\\*b", []),
        ("axb", "a\\*b", None),
        ("a\\b", "a\\\\b", []),
        ("aXbXc", "*X*", ["a", "bXc"]),
        ("ab", "a*b*", ["", ""]),
        ("hello", "h?l*o", ["e", "l"]),
        ("abc", "a*?c", ["", "b"]),
        ("aab", "*a?", ["a", "b"]),
        ("x", "\\", None),
        ("", "", []),
        ("ÄB", "ä*", None),
        ("aaaab", "*ab", ["aaa"]),
        ("mississippi", "*s?i*", ["mi", "s", "ssippi"]),
    ],
)
def test_wildcards_match_as_short_as_they_can(value: str, pattern: str, found: list | None) -> None:
    got = sievematch.glob(value, pattern, "i;ascii-casemap")
    assert got == (None if found is None else [value, *found])


def _slowly(value: str, pattern: str) -> bool:
    """The textbook's matcher, which tries everything."""
    if not pattern:
        return not value
    if pattern[0] == "*":
        return any(_slowly(value[at:], pattern[1:]) for at in range(len(value) + 1))
    return bool(value) and pattern[0] in ("?", value[0]) and _slowly(value[1:], pattern[1:])


@given(st.text("ab", max_size=8), st.text("ab*?", max_size=8))
@settings(deadline=None, max_examples=500)
def test_the_fast_matcher_says_what_the_textbook_says(value: str, pattern: str) -> None:
    found = sievematch.glob(value, pattern, "i;octet")
    assert (found is not None) == _slowly(value, pattern)
    if found is not None:
        rest = list(found[1:])
        assert "".join(rest.pop(0) if sign in "*?" else sign for sign in pattern) == value
