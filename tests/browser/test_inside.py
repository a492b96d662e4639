"""What is behind the log-in, in a real browser: no barrier that axe knows on any page, by keyboard, and light to load.

The list of pages is the URL table: a page that is added is walked as well, unless it says here why there is nothing to look at.
"""

from pathlib import Path

import pytest

from tests.browser.conftest import Driver
from tests.doors.web import cast
from tests.doors.web import test_every_page as table

NO_PAGE = frozenset(
    {
        # files, or answers to a form alone: they lead back to a page
        "my_data_receipt", "attachment", "source", "withdraw", "restrict", "end_sessions", "revoke_app_password", "import_file",
        "attachments_zip", "end_session", "stop_reset", "home_dismiss",
        "message_html", "message_print",  # what somebody else wrote, in its sandbox
        "rule", "script", "address",  # of something that has to be there: browser/test_settings.py
    }
)  # fmt: skip
INSIDE = [table.PAGES[name] for name in sorted((table.RESIDENTS | table.READERS | table.SEARCH) - NO_PAGE)]
ANNA = {"address": "anna.k@ahaus.net", "password": cast.PASSWORD}
BEN = {"address": "ben.b@ahaus.net", "password": cast.PASSWORD}
MOST_BYTES = 150_000

pytestmark = pytest.mark.timeout(600)


@pytest.mark.long
@pytest.mark.parametrize("prefix", ["", "/en"])
def test_pages_inside(chromium: Driver, prefix: str) -> None:
    seen = chromium("inside", paths=[f"{prefix}{path}" for path in INSIDE], **ANNA)
    assert {path: code for path, code in seen["statuses"].items() if code != 200} == {}
    assert seen["cookies"] == ["stadtmail"]
    assert seen["storage"] == []
    assert seen["overflow"] == []
    assert seen["violations"] == []


@pytest.mark.parametrize(
    ("login", "paths"), [("desk1", ["/schreibtisch"]), ("officer1", ["/postfach", "/postfach/1/1", "/postfach/suchen"])]
)
def test_pages_of_the_staff(chromium: Driver, login: str, paths: list[str]) -> None:
    seen = chromium("inside", paths=paths, login=login, password=cast.STAFF_PASSWORD)
    assert set(seen["statuses"].values()) == {200}
    assert (seen["overflow"], seen["violations"], seen["storage"]) == ([], [], [])


@pytest.mark.long
@pytest.mark.parametrize("prefix", ["", "/en"])
def test_a_shared_folder_from_its_holder_to_its_guest(chromium: Driver, prefix: str) -> None:
    seen = chromium("shares", guest=BEN["address"], prefix=prefix, **ANNA)
    assert seen["steps"] == ["Kiosk am Bahnhof"]
    assert (seen["overflow"], seen["violations"]) == ([], [])


@pytest.mark.long
@pytest.mark.parametrize("prefix", ["", "/en"])
def test_the_notice_about_pictures_in_every_state(chromium: Driver, served: tuple[str, dict[str, str]], prefix: str) -> None:
    demo = chromium("pictures", prefix=prefix, only=True, **BEN)
    may_fetch = Path(served[1]["STADTMAIL_DATA"]) / "may-fetch"
    may_fetch.touch()
    try:
        seen = chromium("pictures", prefix=prefix, **BEN)
    finally:
        may_fetch.unlink()
    assert demo["steps"] == ["they wait: 0"]
    assert seen["steps"] == ["they wait: 0", "they are shown: 2", "they are always shown: 2"]
    assert demo["overflow"] + seen["overflow"] == []
    assert demo["violations"] + seen["violations"] == []


@pytest.mark.matrix
@pytest.mark.parametrize("javascript", [False, True])
def test_a_session_ends_while_somebody_writes(chromium: Driver, javascript: bool) -> None:
    seen = chromium("lost", javascript=javascript, prefix="", **BEN)
    assert seen["steps"] == ["Was lange dauert", "Lange Probe", "Was lange dauert"]
    assert (seen["overflow"], seen["violations"]) == ([], [])


@pytest.mark.parametrize("width", [390, 1280])
def test_every_place_is_in_sight_without_javascript(chromium: Driver, width: int) -> None:
    seen = chromium("taps", paths=["/postfach/start", "/postfach", "/datenschutz/meine-daten", "/hilfe"], width=width, **ANNA)
    assert seen["steps"] == ["Postfach", "Suche", "Meine Daten", "Hilfe", "Abmelden"] * 4


@pytest.mark.long
@pytest.mark.parametrize("width", [390, 1280])
def test_answer_and_delete_by_keyboard_alone(chromium: Driver, width: int) -> None:
    seen = chromium("keysAnswer", width=width, **BEN)
    assert seen["steps"][0].startswith("Wird gesendet")
    assert (seen["steps"][1:], seen["errors"]) == (["deleted", "back"], [])


@pytest.mark.matrix
@pytest.mark.parametrize("width", [390, 1280])
def test_log_in_read_search_and_log_out_by_keyboard_alone(chromium: Driver, width: int) -> None:
    seen = chromium("keysInside", width=width, word="Kiosk", **ANNA)
    assert seen["steps"] == ["Kiosk am Bahnhof", "#inhalt", "1 found", "/abgemeldet"]


@pytest.mark.long
def test_no_page_is_heavy(chromium: Driver) -> None:
    public = chromium("weight", paths=["/", "/anmelden", "/bestellen", "/hilfe", "/datenschutz/nachweis"])
    inside = chromium(
        "weight", paths=["/postfach/start", "/postfach", "/postfach/1/2", "/postfach/suchen", "/datenschutz/meine-daten"], **ANNA
    )
    weights = public["statuses"] | inside["statuses"]
    assert {path: size for path, size in weights.items() if not 5_000 < size < MOST_BYTES} == {}


MAIN = ["/postfach/start", "/postfach", "/postfach/1/2", "/postfach/schreiben", "/postfach/suchen", "/postfach/einstellungen",
        "/postfach/etiketten", "/postfach/ordner", "/datenschutz/meine-daten"]  # fmt: skip


def test_what_a_screen_reader_is_told(chromium: Driver) -> None:
    seen = chromium("tree", paths=["/anmelden", "/bestellen", "/hilfe"])
    inside = chromium("tree", paths=MAIN, live=["/postfach", "/postfach/schreiben"], **ANNA)
    assert seen["steps"] + inside["steps"] == []
    assert min((seen["statuses"] | inside["statuses"]).values()) > 10, "there were controls to look at"
    planted = chromium("tree", paths=["/hilfe"], plant="<h4>x</h4><button></button><h1>y</h1>")
    assert len(planted["steps"]) == 3


def test_at_400_percent_nothing_is_covered_and_nothing_goes_sideways(chromium: Driver) -> None:
    public = chromium("zoom", paths=["/anmelden", "/bestellen", "/hilfe", "/datenschutz", "/datenschutz/nachweis"])
    inside = chromium("zoom", paths=MAIN, **ANNA)
    assert public["overflow"] + inside["overflow"] == []
    assert public["steps"] + inside["steps"] == []


def test_on_paper_there_is_what_was_meant_and_black_on_white(chromium: Driver) -> None:
    seen = chromium("print", paths=["/postfach/1/2", "/postfach", "/datenschutz/meine-daten"], **ANNA)
    assert seen["steps"] == ["title"] * 3
