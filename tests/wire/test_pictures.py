"""Which addresses of pictures are asked at all: every way of writing a place that somebody else reads differently is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stadtmail.wire import pictures
from stadtmail.wire.pictures import NoTarget

REFUSED = [
    "", "x.png", "/x.png", "ftp://a.example/x", "file:///etc/passwd", "gopher://a.example/", "data:image/png;base64,AAAA",
    "javascript:alert(1)",
    "http://", "http:///x", "http://a.example:8080/", "https://a.example:80/", "http://a.example:443/", "http://a.example:0/",
    "http://a.example:99999/", "http://a.example:x/", "http://anna:geheim@a.example/", "http://10.0.0.1@a.example/",
    "http://a.example\\@10.0.0.1/",
    "http:\\\\a.example\\x", "http://2130706433/", "http://0x7f000001/", "http://0177.0.0.1/", "http://127.1/", "http://0x7f.0.0.1/",
    "http://1.2.3.4.5/", "http://256.256.256.256/", "http://a.0x7f/", "http://localhost/", "http://intern/", "http://a..example/",
    "http://-a.example/", "http://a.example\r\nHost: b.example/", "http://a.example/\x00", "http://a b.example/", "http://a%2eexample/",
    "http://[::1/", "http://[fe80::1%25eth0]/", "http://" + "a" * 64 + ".example/", "http://" + "a." * 140 + "example/",
    "http://a.example/" + "x" * 5000, "http://１２７.０.０.１/",
    "http://１２７.０.０.１.example:80@x/",
]  # fmt: skip


@pytest.mark.parametrize("url", REFUSED)
def test_what_is_no_plain_address_on_the_web_is_not_asked(url: str) -> None:
    with pytest.raises(NoTarget):
        pictures.target(url)
    assert not pictures.is_remote(url)


@pytest.mark.parametrize(
    ("url", "plain"),
    [
        ("http://A.Example/x.png", "http://a.example/x.png"),
        (" \thttps://a.example:443/x?q=1&r=2#teil\n", "https://a.example/x?q=1&r=2"),
        ("//a.example/x", "https://a.example/x"),
        ("http://a.example", "http://a.example/"),
        ("https://bücher.example/ö b.png", "https://xn--bcher-kva.example/%C3%B6%20b.png"),
        ('http://a.example/"><script>', "http://a.example/%22%3E%3Cscript%3E"),
        ("http://a.example./x", "http://a.example/x"),
        ("http://[2001:DB8::1]/x", "http://[2001:db8::1]/x"),
        ("http://[::ffff:10.0.0.1]/x", "http://[::ffff:a00:1]/x"),  # read as what it is; who fetches refuses it
        ("http://10.0.0.1/x", "http://10.0.0.1/x"),
    ],
)
def test_an_address_has_one_plain_form(url: str, plain: str) -> None:
    assert pictures.target(url).url == plain


def test_a_redirect_is_read_beside_the_address_before() -> None:
    base = pictures.target("https://a.example/b/c?d")
    assert pictures.target("../e.png", base=base).url == "https://a.example/e.png"
    assert pictures.target("//b.example/f", base=base).url == "https://b.example/f"
    assert pictures.target("http://b.example/f", base=base).url == "http://b.example/f"
    for place in ("file:///etc/passwd", "http://a.example:22/", "https://x@y.example/"):
        with pytest.raises(NoTarget):
            pictures.target(place, base=base)


@given(st.text(max_size=200))
def test_whatever_a_message_says_is_refused_or_plain(text: str) -> None:
    for given_url in (text, f"http://{text}", f"https://a.example/{text}"):
        try:
            found = pictures.target(given_url)
        except NoTarget:
            continue
        assert found.url.isascii()
        assert not set("\r\n\t \"<>\\") & set(found.url)
        assert pictures.target(found.url) == found


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"\x89PNG\r\n\x1a\n....", "image/png"), (b"\xff\xd8\xff\xe0", "image/jpeg"), (b"GIF89a..", "image/gif"), (b"GIF87a", "image/gif"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "image/webp"), (b"RIFF\x00\x00\x00\x00WAVE", ""), (b"<svg xmlns=", ""), (b"<html>", ""),
        (b"%PDF-1.7", ""), (b"", ""), (b"BM", ""), (b"\x00\x00\x01\x00", ""),
    ],
)  # fmt: skip
def test_what_a_picture_is_its_bytes_say(content: bytes, kind: str) -> None:
    assert pictures.kind_of(content) == kind
