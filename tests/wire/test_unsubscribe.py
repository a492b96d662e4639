"""List-Unsubscribe: the ways out of a list, and what strangers put there."""

import pytest

from stadtmail.wire import unsubscribe


def test_both_ways() -> None:
    found = unsubscribe.read("<mailto:leave@list.example?subject=ab%20melden&body=bitte>, <https://list.example/u?x=1>")
    assert found == unsubscribe.Ways("leave@list.example", "ab melden", "bitte", "https://list.example/u?x=1")


@pytest.mark.parametrize(
    "value",
    ["", "mailto:a@b.example", "<javascript:alert(1)>", "<http://list.example/u>", "<https:///x>", "<mailto:a@b.example%0d%0aBcc:c@d>",
     "<mailto:a@b.example,c@d.example>", "<mailto:>", '<https://x.example/"onclick>', "<https://[::1>", "<" * 5_000],
)  # fmt: skip
def test_what_is_no_way(value: str) -> None:
    assert unsubscribe.read(value) == unsubscribe.Ways()


def test_no_line_gets_into_the_letter() -> None:
    found = unsubscribe.read("<mailto:a@b.example?subject=x%0d%0aBcc:%20evil@example.org&bcc=c@d.example>")
    assert found.subject == "x Bcc: evil@example.org"
    assert found.address == "a@b.example"
