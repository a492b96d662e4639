"""A PDF is looked at as pictures of its pages: nothing of the file reaches the browser, and what cannot be drawn is said."""

import base64
import re

import pytest

from stadtmail.kit import pdf as drawing
from stadtmail.mail import queries
from tests.doors.web import cast
from tests.doors.web.browsing import Browser
from tests.doors.web.writing import opened
from tests.kit import papers

pytest.importorskip("pypdfium2")


def arrived(ahaus, account, now, content: bytes, *, kind: bytes = b"application/pdf", name: bytes = b"bescheid.pdf") -> str:
    """The address of the message that carries it."""
    letter = (
        b"From: x@example.org\r\nTo: anna.k@ahaus.net\r\nSubject: Bescheid\r\nMIME-Version: 1.0\r\n"
        b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\n\r\nText\r\n--b\r\nContent-Type: ' + kind
        + b"\r\nContent-Disposition: attachment; filename=" + name + b"\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        + base64.encodebytes(content).replace(b"\n", b"\r\n") + b"--b--\r\n"
    )  # fmt: skip
    cast.deliver(letter, "anna.k@ahaus.net", now=now)
    return f"/postfach/1/{queries.page(opened(ahaus, account), 1)[0].uid}"


def test_pages_are_turned_without_javascript_and_nothing_of_the_file_is_sent(ahaus, anna, account, now) -> None:
    path = arrived(ahaus, account, now, papers.document("Erste <b>Seite</b>", "Zweite", more=b"/Kanarie (KANARIE-IM-PDF)"))
    link = next(one for one in anna.get(path).links if "/pdf/" in one)
    page = anna.get(link)
    assert "Seite 1 von 2" in page.text
    assert "Erste <b>Seite</b>" in page.text
    assert b"<b>Seite" not in page.response.content
    picture = base64.b64decode(re.search(rb'src="data:image/png;base64,([^"]*)"', page.response.content)[1])
    assert picture.startswith(b"\x89PNG\r\n\x1a\n")
    assert b"KANARIE" not in page.response.content + picture
    assert b"%PDF" not in page.response.content + picture
    assert page.response.headers["Cache-Control"] == "no-store"
    assert "default-src 'self'" in page.response.headers["Content-Security-Policy"]
    (after,) = [given["href"] for tag, given in page.tags if given.get("rel") == "next"]
    last = anna.get(after)
    assert "Seite 2 von 2" in last.text
    assert [given["href"] for _, given in last.tags if given.get("rel") == "next"] == []
    assert anna.get(path).response.content.count(b"/pdf/") == 1


@pytest.mark.parametrize("number", ["0", "3", "-1", "201", "99999", "x", "²", ""])
def test_a_page_that_is_not_there(ahaus, anna, account, now, number: str) -> None:
    path = arrived(ahaus, account, now, papers.document("eins", "zwei"))
    anna.raw(f"{path}/pdf/2?seite={number}", status=404)


@pytest.mark.parametrize(
    ("content", "said"),
    [(papers.locked(), "mit einem Passwort geschützt"), (b"%PDF-1.7 kaputt", "lässt sich nicht zeigen")],
)
def test_what_cannot_be_drawn_is_said_and_can_be_downloaded(ahaus, anna, account, now, content, said) -> None:
    path = arrived(ahaus, account, now, content)
    page = anna.get(f"{path}/pdf/2", status=422)
    assert said in page.text
    assert f"{path}/teil/2" in page.links


def test_one_that_lies_about_itself_is_not_drawn(ahaus, anna, account, now) -> None:
    path = arrived(ahaus, account, now, b"<html><script>alert(1)</script></html>")
    anna.raw(f"{path}/pdf/2", status=404)
    anna.raw(f"{path}/pdf/1", status=404)  # the text of the message is none either


def test_one_without_its_type_is_known_by_its_name(ahaus, anna, account, now) -> None:
    path = arrived(ahaus, account, now, papers.document("x"), kind=b"application/octet-stream")
    assert f"{path}/pdf/2" in anna.get(path).links
    path = arrived(ahaus, account, now, b"MZ", kind=b"application/octet-stream", name=b"bescheid.exe")
    assert f"{path}/pdf/2" not in anna.get(path).links


def test_one_that_is_too_large_offers_no_preview(ahaus, anna, account, now, monkeypatch) -> None:
    monkeypatch.setattr(drawing, "MOST_BYTES", 300)
    path = arrived(ahaus, account, now, papers.document("x"))
    assert f"{path}/pdf/2" not in anna.get(path).links
    assert "zu groß" in anna.get(f"{path}/pdf/2", status=422).text


def test_a_long_one_is_shown_in_part_and_says_so(ahaus, anna, account, now, monkeypatch) -> None:
    monkeypatch.setattr(drawing, "MOST_PAGES", 2)
    path = arrived(ahaus, account, now, papers.document("eins", "zwei", "drei"))
    page = anna.get(f"{path}/pdf/2?seite=2")
    assert "die ersten 2 Seiten" in page.text
    assert [given["href"] for _, given in page.tags if given.get("rel") == "next"] == []
    anna.raw(f"{path}/pdf/2?seite=3", status=404)


def test_c47_somebody_else_sees_no_page_of_it(ahaus, anna, account, now) -> None:
    cast.resident(ahaus, "ben.b", now, street="Wallstraße 3", birth_date="1979-11-02")
    path = arrived(ahaus, account, now, papers.document("Zitronenbrief"))
    ben = Browser()
    ben.login("ben.b@ahaus.net", cast.PASSWORD)
    ben.raw(f"{path}/pdf/2", status=404)
    Browser().raw(f"{path}/pdf/2", status=302)
