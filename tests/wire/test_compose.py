"""Messages that people write: whatever is typed comes back as it was meant, and no value says more than its field."""

from datetime import UTC, datetime
from email import message_from_bytes, policy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stadtmail.wire import compose, header, mime, mimewords, quoting, submitted, typed

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
TEXT = st.text(st.characters(blacklist_categories=["Cs"]), max_size=200)
PEOPLE = st.lists(st.tuples(TEXT, st.sampled_from(["a@b.example", "jürgen@xn--bcher-kva.example", "o'neil+x@c.example"])), max_size=4)


def written(**more) -> compose.Letter:
    usual = {"sender": ("Anna", "anna@ahaus.net"), "to": [], "cc": [], "bcc": [], "subject": "", "text": "", "message_id": "<1@ahaus.net>"}
    return compose.Letter(**{**usual, **more})


@settings(max_examples=150, deadline=None)
@given(name=TEXT, to=PEOPLE, subject=TEXT, text=TEXT, filename=TEXT, content=st.binary(max_size=300))
def test_every_reader_reads_what_was_meant_and_nothing_else(name, to, subject, text, filename, content) -> None:
    letter = written(sender=(name, "anna@ahaus.net"), to=to, subject=subject, text=text)
    file = compose.File("application/pdf", filename, "base64", compose.encoded([content]))
    raw = compose.message(letter, [file], now=NOW, boundary="=_grenze")
    fields, _ = header.split(raw)
    names = [one.name for one in fields]
    assert header.authors(fields) == ["anna@ahaus.net"]
    assert set(names) <= {b"from", b"to", b"subject", b"date", b"message-id", b"mime-version", b"content-type"}
    assert len(names) == len(set(names))
    assert all(len(line) < 999 for line in raw.split(b"\r\n\r\n")[0].split(b"\r\n"))
    mail = mime.parse(raw)
    assert [address for _, address in mimewords.addresses(mail.first(b"to"))] == [address for _, address in to]
    assert mimewords.text(mail.first(b"subject")) == mimewords.cleaned(subject)
    kinds = [part.type for part in mail.root.walk()]
    assert kinds == ["multipart/mixed", "text/plain", "application/pdf"]
    part = mail.root.parts[1]
    assert mime.content(part, raw[part.body : part.end]) == content
    other = message_from_bytes(raw, policy=policy.default)
    assert [one.get_content_type() for one in other.walk()] == kinds
    assert next(iter(other.iter_attachments())).get_content() == content


@settings(max_examples=200, deadline=None)
@given(TEXT)
def test_a_field_of_recipients_reads_the_same_again(text: str) -> None:
    found = typed.read(text)
    again = typed.read(typed.shown(found.people))
    assert again.wrong == []
    assert [address for _, address in again.people] == [address for _, address in found.people]


@pytest.mark.parametrize(
    ("text", "people"),
    [
        ("Eva Müller <eva@müller.example>; b@c.de\nd@e.de,", [("Eva Müller", "eva@xn--mller-kva.example"), ("", "b@c.de"), ("", "d@e.de")]),
        ('"Müller, Eva" <e@f.de>', [("Müller, Eva", "e@f.de")]),
        ("mailto:e@f.de, e@F.de", [("", "e@f.de")]),
        ("e@f.de (Eva)", [("Eva", "e@f.de")]),
    ],
)
def test_recipients_as_people_type_them(text: str, people: list) -> None:
    assert typed.read(text) == typed.Read(people, [])


@pytest.mark.parametrize("text", ["eva", "eva@", "@f.de", "eva@f", "<e@f.de", "e@f.de x", "a b@c.de", '"e@f.de', "e@f..de"])
def test_what_is_no_address_comes_back_as_it_was_typed(text: str) -> None:
    assert typed.read(text) == typed.Read([], [text])


@pytest.mark.parametrize(
    ("subject", "word", "after"),
    [("Plan", "Re", "Re: Plan"), ("AW: Re[2]: re: Plan", "Re", "Re: Plan"), ("WG: Fwd: Plan", "Fwd", "Fwd: Plan"), ("", "Re", "Re: "),
     ("Regen", "Re", "Re: Regen"), ("Re: Plan", "Fwd", "Fwd: Re: Plan")],
)  # fmt: skip
def test_words_before_a_subject_do_not_pile_up(subject: str, word: str, after: str) -> None:
    assert compose.answered(subject, word) == after


def test_the_thread_keeps_its_first_and_its_last_ids() -> None:
    known = " ".join(f"<{n}@x>" for n in range(50))
    ids = compose.references(known, "", "<neu@x>").split(" ")
    assert (len(ids), ids[0], ids[-1]) == (compose.MOST_REFERENCES, "<0@x>", "<neu@x>")
    assert compose.references("", "<a@x> <b@x>", "<c@x>") == "<a@x> <c@x>"
    assert compose.references("kein", "", "\r\nX: <c@x>") == "<c@x>"


def test_what_is_sent_is_dated_now_and_says_nothing_of_the_draft() -> None:
    raw = compose.message(written(bcc=[("", "g@h.de")], draft="x" * 500), [], now=NOW, boundary="b")
    sent = compose.ready(raw, now=NOW.replace(hour=15))
    assert b"X-Stadtmail" not in sent
    assert submitted.values(sent, b"date") == [b"Mon, 30 Nov 2026 15:00:00 +0000"]
    assert submitted.values(sent, b"bcc") == [b"g@h.de"]


@pytest.mark.parametrize("html", ["<p>a</p><script>b</script>", "<style>b</style>a", "a<!-- b -->", "<b>a</b><svg><text>b</text></svg>"])
def test_html_as_text_is_what_a_reader_sees(html: str) -> None:
    assert quoting.of_html(html) == "a"


def test_text_and_html_are_alternatives_and_a_link_is_told_in_both() -> None:
    html = '<p>Hallo <b>Ben</b></p><p><a href="https://ahaus.example/x">hier</a>, <a href="https://a.example">https://a.example</a></p>'
    text = quoting.of_html(html, links=True)
    assert text == "Hallo Ben\n\nhier <https://ahaus.example/x>, https://a.example"
    file = compose.File("image/png", "a.png", "base64", compose.encoded([b"x"]))
    for files in ([], [file]):
        raw = compose.message(written(text=text, html=html), files, now=NOW, boundary="=_b")
        shown = mime.shown(mime.parse(raw).root)
        assert ([part.type for part in shown.text], [part.type for part in shown.html]) == (["text/plain"], ["text/html"])
        assert len(shown.attachments) == len(files)
        other = message_from_bytes(raw, policy=policy.default)
        assert other.get_body(("html",)).get_content().strip() == html


def test_quoting_marks_each_line_and_leaves_signatures_out() -> None:
    assert quoting.quoted("a\n\n> b\n-- \nSig") == "> a\n>\n>> b"
    assert quoting.quoted("-- \nnur das") == "> --\n> nur das"
