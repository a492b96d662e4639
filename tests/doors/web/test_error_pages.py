"""What goes wrong, asked of the real server: pages in both languages say what happened and how to go on, and nothing of anybody."""

import contextlib
import http.client
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests.browser.conftest import ROOT, _free_port, _wait_for
from tests.doors.web.conftest import Browser

CANARY = "kanarie.gelb@ahaus.net"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
WAYS_ON = ('href="/"', 'href="/hilfe"')


@dataclass
class Server:
    """A portal of its own: the process, its folder, and a way to ask it."""

    folder: Path
    port: int

    def ask(
        self, path: str, method: str = "GET", body: str = "", host: str = "ahaus.localhost", **headers: str
    ) -> tuple[int, str, dict[str, str]]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        given = {"Host": host, **(FORM if body else {}), **{name.replace("_", "-"): value for name, value in headers.items()}}
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # who has said no reads no further
            connection.request(method, path, body=body or None, headers=given)
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, text, {name.lower(): value for name, value in answer.getheaders()}

    def fields(self, path: str) -> dict[str, str]:
        form = self.ask(path)[1].partition("<main")[2].rpartition("<form")[2]
        return dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form))


def _serve(folder: Path, volatile: Path, port: int) -> subprocess.Popen[bytes]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("STADTMAIL_", "DJANGO_"))}
    kept |= {"STADTMAIL_DATA": str(folder), "STADTMAIL_VOLATILE_URL": str(volatile), "STADTMAIL_PORT_WEB": str(port)}
    command = [sys.executable, "-m", "tests.browser.city", str(port)]
    with (folder / "server.out").open("ab") as output:
        return subprocess.Popen(command, cwd=ROOT, env=kept, stdout=output, stderr=output)


@pytest.fixture(scope="module")
def places() -> Iterator[tuple[Path, Path]]:
    folders = Path(tempfile.mkdtemp(prefix="stadtmail-errors-")), Path(tempfile.mkdtemp(prefix="stadtmail-errors-", dir="/dev/shm"))
    yield folders
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def server(places: tuple[Path, Path]) -> Iterator[Server]:
    port = _free_port()
    process = _serve(*places, port)
    try:
        _wait_for(f"http://127.0.0.1:{port}/robots.txt", process, places[0] / "server.out")
        yield Server(places[0], port)
    finally:
        process.terminate()
        process.wait(20)


def assert_says(text: str, *words: str) -> None:
    for word in words:
        assert word in text, text[:3000]
    assert CANARY not in text
    assert not re.search(r"Traceback|django|Exception|\.py\b|sqlite", text)
    assert "<script" not in text
    assert len(re.findall("<h1[ >]", text)) == 1


def assert_headers(headers: dict[str, str]) -> None:
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["cache-control"] == "no-store"
    assert "set-cookie" not in headers


def _surplus(server: Server) -> tuple[str, str, str]:
    return "/anmelden", "POST", urlencode({**server.fields("/anmelden"), "address": CANARY, "religion": "keine"})


def _stale(_: Server) -> tuple[str, str, str]:
    return "/anmelden", "POST", urlencode({"token": "x", "address": CANARY})


def _large(_: Server) -> tuple[str, str, str]:
    return "/anmelden", "POST", urlencode({"token": "x", "address": CANARY, "much": "x" * 1_100_000})


CASES = {
    400: (_surplus, "Das Formular enthält mehr, als wir gefragt haben", "The form contains more than we asked for"),
    403: (_stale, "Das Formular ist abgelaufen", "The form has expired"),
    404: (lambda _: ("/gibt-es-nicht", "GET", ""), "Diese Seite gibt es nicht", "This page does not exist"),
    405: (lambda _: ("/anmelden", "PUT", "x=y"), "Das geht auf dieser Seite nicht", "That does not work on this page"),
    413: (_large, "Das ist zu groß", "That is too large"),
}


@pytest.mark.parametrize("code", CASES)
@pytest.mark.parametrize("lang", ["de", "en"])
def test_it_says_what_happened_and_leads_on(server: Server, code: int, lang: str) -> None:
    how, *titles = CASES[code]
    path, method, body = how(server)
    prefix = "/en" if lang == "en" else ""
    found, text, headers = server.ask(prefix + path, method, body)
    assert found == code
    if code != 405:
        assert_says(text, titles[lang == "en"])
    assert_headers(headers)
    assert f'lang="{lang}"' in text or code == 405
    if code != 405:
        assert all(way.replace('"/', f'"{prefix}/') in text for way in WAYS_ON)
    if code == 403:
        assert f'href="{prefix}/anmelden"' in text.partition("<main")[2]


def test_405_in_both_languages(server: Server) -> None:
    for prefix, title in (("", "Das geht auf dieser Seite nicht"), ("/en", "That does not work on this page")):
        assert_says(server.ask(f"{prefix}/hilfe", "DELETE")[1], title)


def test_421_a_strange_name(server: Server) -> None:
    code, text, headers = server.ask("/anmelden", host="evil.example")
    assert code == 421
    assert_says(text, "Diese Adresse bedienen wir nicht", '<section lang="en">')
    assert "AHAUS" not in text
    assert_headers(headers)


def test_429_says_how_long_to_wait(server: Server) -> None:
    for prefix, title in (("", "Zu viele Versuche"), ("/en", "Too many attempts")):
        for _ in range(13):
            fields = {**server.fields(f"{prefix}/anmelden"), "address": CANARY, "password": "falsch"}
            code, text, headers = server.ask(f"{prefix}/anmelden", "POST", urlencode(fields))
            if code == 429:
                break
        assert code == 429
        assert_says(text, title)
        assert int(headers["retry-after"]) > 0
        assert_headers(headers)


def test_503_while_somebody_works_on_it(server: Server) -> None:
    (server.folder / "maintenance").touch()
    try:
        for path in ("/", "/en/", "/postfach", "/anmelden", "/static/web/app.css"):
            code, text, headers = server.ask(path)
            assert code == 503
            assert_says(text, "Wir arbeiten gerade am Portal", "We are working on the portal")
            assert headers["retry-after"] == "300"
            assert_headers(headers)
    finally:
        (server.folder / "maintenance").unlink()
    assert server.ask("/")[0] == 200


def test_503_while_the_database_is_away(server: Server, places: tuple[Path, Path]) -> None:
    """Started after the folder's database has gone: no page, no traceback, on the log a class and a place."""
    port, database = _free_port(), places[0] / "default.sqlite3"
    database.rename(places[0] / "elsewhere")
    database.mkdir()
    process = _serve(*places, port)
    lame = Server(places[0], port)
    try:
        for _ in range(200):
            try:
                code, text, headers = lame.ask(f"/postfach?x={CANARY}")
            except OSError:
                import time

                time.sleep(0.1)
                continue
            break
        assert code == 503
        assert_says(text, "Gerade nicht erreichbar", '<section lang="en">')
        assert headers["retry-after"] == "60"
        assert_headers(headers)
        assert CANARY not in (places[0] / "server.out").read_text()
    finally:
        process.terminate()
        process.wait(20)
        database.rmdir()
        (places[0] / "elsewhere").rename(database)
    assert server.ask("/")[0] == 200


@pytest.mark.parametrize(("prefix", "title"), [("", "Hier ist uns ein Fehler unterlaufen"), ("/en", "We have made a mistake here")])
def test_500_says_nothing_of_the_error(ahaus, monkeypatch, prefix: str, title: str) -> None:
    from stadtmail.doors.web import pages

    def broken(*_, **__):
        raise RuntimeError(CANARY)

    monkeypatch.setattr(pages, "render", broken)
    browser = Browser()
    response = browser.get(f"{prefix}/hilfe")
    assert response.status_code == 500
    assert_says(browser.text, title)
    assert f'href="{prefix}/hilfe"' in browser.text.partition("<main")[2]


def test_500_even_of_the_error_page_itself(ahaus, monkeypatch) -> None:
    from stadtmail.doors.web import errors, pages

    def broken(*_, **__):
        raise RuntimeError(CANARY)

    monkeypatch.setattr(pages, "render", broken)
    monkeypatch.setattr(errors, "page", broken)
    browser = Browser()
    assert browser.get("/hilfe").status_code == 500
    assert_says(browser.text, "Hier ist uns ein Fehler unterlaufen", '<section lang="en">')
