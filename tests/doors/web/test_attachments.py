"""Attachments, previews, print, invitations and lists on the message page: nothing runs, loads or is sent unasked (C-4.7)."""

import re
from base64 import b64encode
from io import BytesIO
from urllib.parse import quote
from zipfile import ZipFile

import pytest

from stadtmail.doors.web import mailhtml
from stadtmail.mail.leaving import Leg, Transit
from tests.doors.web import cast
from tests.doors.web.browsing import Browser

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d4944415478"
    "9c636000000000050001a5f645400000000049454e44ae426082"
)
CALENDAR = (
    b"BEGIN:VCALENDAR\r\nMETHOD:%s\r\nBEGIN:VEVENT\r\nSUMMARY:Rat <b>heute</b>\r\nDTSTART:20261212T180000Z\r\n"
    b"END:VEVENT\r\nEND:VCALENDAR\r\n"
)


@pytest.fixture
def anna(ahaus, now) -> Browser:
    cast.resident(ahaus, "anna.k", now)
    browser = Browser()
    browser.login("anna.k@ahaus.net", cast.PASSWORD)
    return browser


def mixed(*parts: tuple[str, str, bytes], header: str = "") -> bytes:
    """A message with these attachments: type, name, content."""
    out = [f"From: Karl <karl@example.org>\r\nSubject: Anlagen\r\nMIME-Version: 1.0\r\n{header}"]
    out.append("Content-Type: multipart/mixed; boundary=b\r\n\r\n")
    out.append("--b\r\nContent-Type: text/plain\r\n\r\nGuten Tag\r\n")
    for kind, name, content in parts:
        out.append(
            f'--b\r\nContent-Type: {kind}\r\nContent-Disposition: attachment; filename="{name}"\r\n'
            f"Content-Transfer-Encoding: base64\r\n\r\n{b64encode(content).decode()}\r\n"
        )
    return ("".join(out) + "--b--\r\n").encode()


def show(browser: Browser, now, raw: bytes):
    cast.deliver(raw, "anna.k@ahaus.net", now=now)
    return browser.get("/postfach/1/2")


def test_a_picture_is_shown_as_what_its_bytes_are(anna, now) -> None:
    page = show(anna, now, mixed(("image/jpeg", "../x.jpg", PNG)))
    (source,) = [given["src"] for tag, given in page.tags if tag == "img"]
    response = anna.raw(source)
    assert response.content == PNG
    assert response.headers["Content-Type"] == "image/png"
    assert response.headers["Content-Disposition"].startswith("inline")
    assert ".." not in response.headers["Content-Disposition"]
    assert "sandbox" in response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in response.headers["Content-Security-Policy"]
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("kind", "content"),
    [("image/png", b"<script>alert(1)</script>"), ("image/svg+xml", b"<svg onload=alert(1)>"), ("text/html", b"<h1>x</h1>"),
     ("application/pdf", b"%PDF-1.4\n"), ("image/png", b""), ("image/gif", b"GIF8<script>")],
)  # fmt: skip
def test_what_is_no_picture_has_no_preview(anna, now, kind: str, content: bytes) -> None:
    show(anna, now, mixed((kind, "x", content)))
    anna.raw("/postfach/1/2/vorschau/2", status=404)
    assert anna.raw("/postfach/1/2/teil/2").headers["Content-Disposition"].startswith("attachment")


def test_all_attachments_come_as_one_zip(anna, now) -> None:
    page = show(anna, now, mixed(("text/plain", "../../a.txt", b"eins"), ("text/plain", "a.txt", b"zwei"), ("image/png", "b.png", PNG)))
    link = next(link for link in page.links if link.endswith("alle.zip"))
    response = anna.raw(link)
    assert response.headers["Content-Type"] == "application/zip"
    with ZipFile(BytesIO(response.getvalue())) as made:
        assert {name: made.read(name) for name in made.namelist()} == {"a.txt": b"eins", "a-2.txt": b"zwei", "b.png": PNG}
    cast.deliver(b"From: a@example.org\r\nSubject: x\r\n\r\nx\r\n", "anna.k@ahaus.net", now=now)
    anna.raw("/postfach/1/3/alle.zip", status=404)


def test_paper_shows_the_whole_message_under_the_frames_policy(anna, now) -> None:
    html = b"<p onclick=x()>Guten Tag</p><script>x()</script><img src=https://evil.example/a>"
    show(anna, now, b"From: <b>x</b> <karl@example.org>\r\nSubject: <script>y</script>\r\nContent-Type: text/html\r\n\r\n" + html)
    response = anna.raw("/postfach/1/2/druck")
    assert response.headers["Content-Security-Policy"] == mailhtml.FRAME_POLICY
    body = response.content.decode()
    assert "Guten Tag" in body
    assert "&lt;script&gt;y" in body
    for trace in ("<script", "onclick", "evil.example", "<b>x"):
        assert trace not in body


def test_paper_tells_the_moment_in_the_zone_that_the_page_tells_it_in(anna, now) -> None:
    show(anna, now, b"From: a@example.org\r\nSubject: x\r\n\r\nx\r\n")
    page = "/postfach/einstellungen/ansicht"
    paper = [anna.raw("/postfach/1/2/druck").content]
    anna.send(anna.get(page).form("ansicht"), status=302, zone="Asia/Tokyo", density="")
    assert anna.raw("/postfach/1/2/druck").content != paper[0]


def test_an_invitation_is_shown_as_one_and_is_text(anna, now) -> None:
    page = show(anna, now, mixed(("text/calendar", "x.ics", CALENDAR % b"REQUEST")))
    assert "Samstag, 12. Dezember 2026, 19:00 (MEZ)" in page.text
    assert "Rat <b>heute</b>" in page.text
    assert b"<b>heute" not in page.response.content
    cast.deliver(mixed(("text/calendar", "x.ics", CALENDAR % b"CANCEL")), "anna.k@ahaus.net", now=now)
    assert "Absage eines Termins" in anna.get("/postfach/1/3").text
    cast.deliver(mixed(("text/calendar", "x.ics", b"\x00" * 100)), "anna.k@ahaus.net", now=now)
    assert "Einladung" not in anna.get("/postfach/1/4").text


def test_an_invitation_at_the_end_of_time_keeps_nobody_from_the_message(anna, now) -> None:
    late = CALENDAR.replace(b"20261212T180000Z", b"99991231T235959Z")
    page = show(anna, now, mixed(("text/calendar", "x.ics", late % b"REQUEST")))
    assert "x.ics" in page.text


LIST = (
    "List-Unsubscribe: <mailto:leave@list.example?subject=ab>, <https://list.example/u>\r\n"
    "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
)


def test_a_list_is_left_by_a_letter_that_was_shown_first(anna, now) -> None:
    page = show(anna, now, mixed(header=LIST))
    assert not Transit.objects.exists()
    asked = anna.get(next(link for link in page.links if link.endswith("/abbestellen")))
    assert "leave@list.example" in asked.text
    assert not Transit.objects.exists()
    done = anna.send(asked.form("abbestellen"), status=302)
    assert "Ihre Abbestellung ist unterwegs" in done.text
    assert (Transit.objects.count(), Leg.objects.count()) == (1, 1)
    link = next(given for tag, given in asked.tags if tag == "a" and given.get("href") == "https://list.example/u")
    assert "noreferrer" in link["rel"]


def test_a_list_with_a_page_only_is_a_link_that_the_reader_opens(anna, now) -> None:
    page = show(anna, now, mixed(header="List-Unsubscribe: <https://list.example/u>\r\n"))
    assert "https://list.example/u" in page.links
    anna.raw("/postfach/1/2/abbestellen", status=404)
    assert "list.example" not in show(anna, now, b"From: a@b.example\r\nSubject: x\r\n\r\nx\r\n").text


def test_c47_nobody_else_gets_at_parts(ahaus, anna, now) -> None:
    show(anna, now, mixed(("image/png", "b.png", PNG), ("text/plain", "a.txt", b"geheim 4711"), header=LIST))
    cast.resident(ahaus, "ben.b", now, street="Wallstraße 3", birth_date="1979-11-02")
    ben, stranger = Browser(), Browser()
    ben.login("ben.b@ahaus.net", cast.PASSWORD)
    for path in ("vorschau/2", "teil/3", "alle.zip", "druck", "abbestellen"):
        ben.raw(f"/postfach/1/2/{path}", status=404)
        assert stranger.raw(f"/postfach/1/2/{path}", status=302).headers["Location"].startswith("/anmelden")


def test_ways_to_the_neighbours(anna, now) -> None:
    for number in range(3):
        cast.deliver(b"From: a@example.org\r\nSubject: %d\r\n\r\nx\r\n" % number, "anna.k@ahaus.net", now=now)
    html = anna.get("/postfach/1/3").response.content.decode()
    assert re.findall(r'rel="(prev|next)" href="([^"]+)"', html) == [("prev", "/postfach/1/4"), ("next", "/postfach/1/2")]
    assert 'rel="prev"' not in anna.get("/postfach/1/4").response.content.decode()


def test_a_program_is_called_one_whatever_its_sender_called_it(anna, now) -> None:
    """A right-to-left sign makes "…fdp.exe" read "…exe.pdf"; its type says PDF."""
    name = "Rechnung\u202efdp.exe"
    kind = 'application/pdf; name="x.pdf"'
    raw = mixed((kind, "NAME", b"MZ"), ("application/pdf", "ruhig.pdf", b"%PDF-1.4"))
    raw = raw.replace(b'filename="NAME"', b"filename*=utf-8''" + quote(name).encode())
    page = show(anna, now, raw)
    assert "ist ein Programm." in page.text
    assert page.text.count("PDF-Dokument, ") == 1
    assert [link for link in page.links if "/pdf/" in link] == ["/postfach/1/2/pdf/3"]
