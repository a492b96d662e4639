"""Writing mail in a real browser, with JavaScript and without: saved by itself, files with their progress, no barrier that axe knows."""

import pytest

from tests.browser.conftest import Driver
from tests.browser.test_public_pages import GIVEN

pytestmark = pytest.mark.timeout(600)


@pytest.mark.matrix
@pytest.mark.parametrize(("javascript", "prefix"), [(True, ""), (True, "/en"), (False, "")])
def test_writing(chromium: Driver, javascript: bool, prefix: str) -> None:
    name = f"erika.schreibt{prefix.replace('/', '.')}{'' if javascript else '.ohne'}"
    chromium("order", javascript=True, given={**GIVEN, "localpart": name}, widths=[])
    seen = chromium("write", javascript=javascript, address=f"{name}@ahaus.net", password=GIVEN["password"], prefix=prefix)
    steps = ["liste.txt", "Hallo\n", "Probe"]
    assert seen["steps"] == (["saved as 1", *steps, "<b>Hallo</b><br>"] if javascript else steps)
    assert seen["cookies"] == ["stadtmail"]
    assert seen["overflow"] == []
    assert seen["violations"] == []
