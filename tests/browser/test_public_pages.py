"""A real browser with a fresh profile: no cookie, no storage, nobody else asked, no barrier that axe knows (C-1.2, C-3.1, C-3.8)."""

import pytest

from tests.browser.conftest import Driver

PAGES = (
    "/", "/hilfe", "/agb", "/impressum", "/barrierefreiheit", "/barrierefreiheit/melden",
    "/bestellen", "/bestellen/brief", "/anmelden", "/anmelden/wiederherstellen",
    "/abgemeldet", "/abholen",
    "/datenschutz", "/datenschutz/version/1", "/datenschutz/verzeichnis", "/datenschutz/auftragsverarbeitung", "/datenschutz/nachweis",
    "/schreibtisch/anmelden", "/gibt-es-nicht",
)  # fmt: skip
GIVEN = {
    "name": "Erika Mustermann",
    "birth_date": "1990-05-17",
    "street": "Wallstraße 12",
    "postcode": "48683",
    "town": "Ahaus",
    "password": "vier kluge Otter baden",
    "password_again": "vier kluge Otter baden",
}

pytestmark = pytest.mark.timeout(600)


@pytest.mark.parametrize("prefix", ["", pytest.param("/en", marks=pytest.mark.long)])
def test_public_pages(chromium: Driver, prefix: str) -> None:
    paths = [f"{prefix}{path}" for path in PAGES]
    seen = chromium("walk", paths=paths)
    assert {path: code for path, code in seen["statuses"].items() if code != 200} == {f"{prefix}/gibt-es-nicht": 404}
    assert seen["cookies"] == []
    assert seen["storage"] == []
    assert seen["overflow"] == []
    assert seen["violations"] == []


def test_an_order_with_javascript_solves_its_challenge(chromium: Driver) -> None:
    seen = chromium("order", javascript=True, given={**GIVEN, "localpart": "erika.mit"})
    assert seen["code"].count("-") == 6
    assert seen["cookies"] == seen["storage"] == []
    assert seen["overflow"] == []
    assert seen["violations"] == []


def test_an_order_without_javascript(chromium: Driver) -> None:
    seen = chromium("order", javascript=False, given={**GIVEN, "localpart": "erika.ohne"})
    assert seen["code"].count("-") == 6
    assert seen["cookies"] == []


def test_pages_that_say_what_is_wrong(chromium: Driver) -> None:
    seen = chromium("mistakes")
    assert seen["cookies"] == seen["storage"] == []
    assert seen["overflow"] == []
    assert seen["violations"] == []


def test_order_login_and_logout_by_keyboard_alone(chromium: Driver) -> None:
    given = {name: GIVEN[name] for name in ("name", "birth_date", "street", "postcode", "town")}
    given |= {"localpart": "erika.tasten", "password": GIVEN["password"], "password_again": GIVEN["password"]}
    seen = chromium("keyboard", given=given, domain="ahaus.net")
    assert seen["steps"][0] == "skip"
    assert seen["steps"][-1].endswith("/abgemeldet")
    assert seen["cookies"] == ["stadtmail -1 true Lax"]


@pytest.mark.parametrize("javascript", [True, False])
def test_a_session_without_cookies(chromium: Driver, javascript: bool) -> None:
    name = f"erika.link.{'mit' if javascript else 'ohne'}"
    chromium("order", javascript=True, given={**GIVEN, "localpart": name}, widths=[])
    seen = chromium("link", javascript=javascript, address=f"{name}@ahaus.net", password=GIVEN["password"])
    assert seen["cookies"] == []
    assert seen["steps"] == ["still inside", "/anmelden", "/anmelden"]


@pytest.mark.long
@pytest.mark.parametrize("prefix", ["", "/en"])
def test_app_passwords(chromium: Driver, prefix: str) -> None:
    name = f"erika.app{prefix.replace('/', '.')}"
    chromium("order", javascript=True, given={**GIVEN, "localpart": name}, widths=[])
    seen = chromium("programs", address=f"{name}@ahaus.net", password=GIVEN["password"], prefix=prefix)
    assert len(seen["code"].replace("-", "")) == 26
    assert seen["cookies"] == ["stadtmail"]
    assert seen["overflow"] == []
    assert seen["violations"] == []


@pytest.mark.long
@pytest.mark.parametrize("prefix", ["", "/en"])
def test_passkeys_and_spare_codes(chromium: Driver, prefix: str) -> None:
    name = f"erika.passkey{prefix.replace('/', '.')}"
    chromium("order", javascript=True, given={**GIVEN, "localpart": name}, widths=[])
    seen = chromium("passkeys", address=f"{name}@ahaus.net", password=GIVEN["password"], prefix=prefix)
    assert seen["steps"] == ["in by passkey", "in by spare code", "excluded"]
    assert seen["cookies"] == ['after the end: ""']
    assert seen["overflow"] == []
    assert seen["violations"] == []


@pytest.mark.long
@pytest.mark.parametrize(("prefix", "prf"), [("", True), ("/en", False)])
def test_a_passkey_alone(chromium: Driver, prefix: str, prf: bool) -> None:
    name = f"erika.allein{prefix.replace('/', '.')}"
    chromium("order", javascript=True, given={**GIVEN, "localpart": name}, widths=[])
    seen = chromium("alone", address=f"{name}@ahaus.net", password=GIVEN["password"], prefix=prefix, prf=prf)
    with_key = ["in by passkey alone", "the sealed mailbox is open"]
    assert seen["steps"] == (with_key if prf else ["unverified: no", "in by passkey alone", "sealed: no", "sealed: not in"])
    assert seen["overflow"] == []
    assert seen["violations"] == []


def test_on_paper(chromium: Driver) -> None:
    seen = chromium("print", paths=["/agb", "/datenschutz", "/datenschutz/verzeichnis"])
    assert seen["steps"] == ["title"] * 3


def test_the_walk_sees_what_it_looks_for(chromium: Driver) -> None:
    seen = chromium("planted", strict=False)
    assert any("elsewhere.example" in address for address in seen["foreign"])
    assert any("planted" in cookie for cookie in seen["cookies"])
    assert {what.split()[-2] for what in seen["storage"] if "planted" in what} == {"localStorage", "sessionStorage"}
    assert any("320px" in where for where in seen["overflow"])
    assert {"color-contrast", "image-alt"} <= {found.split(": ")[1].split()[0] for found in seen["violations"]}
