"""The first words of any message: never raises, no tags, a bounded length and time."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stadtmail.wire import mime, mimewords, preview


def of(raw: bytes) -> str:
    return preview.preview(raw, mime.parse(raw).root)


PIECES = [b"Content-Type: text/html\r\n\r\n", b"<", b">", b"<!--", b"-->", b"<style", b"</style", b"&amp;", b"\0", b"a ", b"\r\n\r\n"]


@given(st.binary(max_size=200) | st.lists(st.sampled_from(PIECES), max_size=20).map(b"".join))
def test_any_bytes_have_one(raw) -> None:
    found = of(raw)
    assert len(found) <= preview.MOST
    assert found.isprintable()


@given(st.text(st.sampled_from("ab \t\n\u00e4\x85\u202e\u2003\0>"), max_size=3000))
def test_the_first_words_are_those_of_the_whole_text(text) -> None:
    """It looks at the beginning alone where that is enough: nobody may see a difference."""
    raw = b"Content-Type: text/plain; charset=utf-8\r\n\r\n" + text.encode()
    root = mime.parse(raw).root
    shown = preview._without_quotes(mime.text(raw[root.body : root.body + preview.MOST_TEXT], "utf-8"))
    assert of(raw) == mimewords.cleaned(shown)[: preview.MOST]


@pytest.mark.parametrize(
    ("body", "said"),
    [("<p>Hallo</p><p>Welt", "Hallo Welt"), ("<title>x</title>a<!-- <b>c</b> -->d", "a d"), ("a<script>b<c</script >e", "a e"),
     ("a &lt;b&gt;", "a <b>"), ("a<b", "a"), ("<style>", ""), ("1 &lt; 2", "1 < 2")],
)  # fmt: skip
def test_html_is_read_without_its_tags(body, said) -> None:
    assert of(b"Content-Type: text/html\r\n\r\n" + body.encode()) == said


@pytest.mark.parametrize("hostile", [b"<" * 10**6, b"<!--" * 10**6, b"<style " * 10**6, b"&" * 10**6, b"=" * 10**6])
def test_a_hostile_body_costs_little(hostile) -> None:
    begun = time.thread_time()
    raw = b"Content-Type: text/html\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n" + hostile
    preview.preview(raw, mime.parse(raw).root)
    assert time.thread_time() - begun < 1
