"""The settings of a mailbox in a real browser, with and without JavaScript: every page looked at, nothing that axe knows as a barrier."""

from datetime import timedelta

import pytest

from stadtmail.kit import clock
from tests.browser.conftest import Driver
from tests.browser.test_public_pages import GIVEN

pytestmark = pytest.mark.timeout(600)


@pytest.mark.parametrize(("prefix", "javascript"), [pytest.param("", True, marks=pytest.mark.long), ("/en", False)])
def test_settings(chromium: Driver, prefix: str, javascript: bool) -> None:
    name = f"erika.wahl{prefix.replace('/', '.')}"
    chromium("order", javascript=True, given={**GIVEN, "localpart": name}, widths=[])
    until = (clock.now() + timedelta(days=3)).date().isoformat()
    seen = chromium(
        "settings", address=f"{name}@ahaus.net", password=GIVEN["password"], prefix=prefix, javascript=javascript, until=until
    )  # fmt: skip
    assert seen["steps"] == ["Verein"]
    assert seen["cookies"] == ["stadtmail"]
    assert seen["overflow"] == []
    assert seen["violations"] == []
