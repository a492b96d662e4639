"""Attacks on writing mail: smuggled headers, foreign senders and drafts, forms without a token, types that lie, times that are none."""

from datetime import timedelta
from io import BytesIO

import pytest

from stadtmail.kit import clock
from stadtmail.mail import drafts, queries
from stadtmail.mail.actions import filing
from stadtmail.mail.models import Message, Planned, Signature
from stadtmail.wire import typed
from tests import statements
from tests.doors.web import cast, writing
from tests.doors.web.browsing import Browser
from tests.doors.web.test_writing import DRAFTS, INBOX
from tests.doors.web.writing import Writer, later, opened, parsed, raws, send_due, writer

EVIL = "x\r\nBcc: eve@evil.example\r\nX-Evil: 1\r\n\r\nbody"
anna = writing.anna


@pytest.mark.parametrize("where", ["subject", "to", "cc", "ident", "original", "file"])
def test_no_field_ends_its_header_line(ahaus, anna, account, ben, where: str) -> None:
    given = {"to": "ben.b@ahaus.net", "subject": "S", "text": "t"}
    files = []
    if where == "to":
        given["to"] = f"\"Ben{EVIL.replace('@', ' at ')}\" <ben.b@ahaus.net>"
    elif where == "file":
        files = [('a"\r\nX-Evil: 1\r\n.txt', b"inhalt")]
    else:
        given[where] = EVIL
    status = 400 if where in ("to", "cc") else 302
    anna.press("send", *files, status=status, **given)
    send_due(later())
    for raw in (*raws(opened(ahaus, ben), INBOX), *raws(opened(ahaus, account), DRAFTS)):
        mail = parsed(raw)
        for part in mail.walk():
            assert part["X-Evil"] is None
        assert mail["Bcc"] is None


@pytest.mark.parametrize("text", ["a@b.example\x00", "\u202ea@b.example", "a@b.example\x0bBcc: x@y.example", "<a@b.example>\r x: y", "a@b"])
def test_what_is_no_address_never_reaches_a_header(text: str) -> None:
    for _, address in typed.read(text).people:
        assert address == "a@b.example"


FOREIGN = ["ben.b@ahaus.net with", "ben.b@ahaus.net", "clara.c@musterstadt.example without", "", "postmaster@ahaus.net without"]


@pytest.mark.parametrize("sender", FOREIGN)
def test_nobody_writes_as_somebody_else(ahaus, anna, account, ben, sender: str) -> None:
    anna.press("send", status=400, sender=sender, to="ben.b@ahaus.net", subject="Falsch", text="x")
    assert Planned.objects.count() == 0
    (raw,) = raws(opened(ahaus, account), DRAFTS)
    assert parsed(raw)["From"] == "Anna Kanariengelb <anna.k@ahaus.net>"


def test_c47_nobody_lists_the_residents_by_asking_for_addresses(anna, ben) -> None:
    for number in range(3):
        tried = ", ".join(f"niemand{number}.{n}@ahaus.net" for n in range(20))
        anna.press("send", status=400, to=tried, subject="S", text="x")
    assert "viele Adressen angegeben" in anna.text
    assert "niemand2.1@ahaus.net gibt es nicht" not in anna.text
    anna.press("send", status=400, to="ben.b@ahaus.net")  # nor whether somebody is there
    assert "viele Adressen angegeben" in anna.text


@pytest.mark.parametrize("who", ["ben", "clara", "nobody"])
def test_c47_a_draft_and_a_plan_of_somebody_else_do_not_exist(ahaus, musterstadt, anna, account, ben, now, who: str) -> None:
    anna.press("save", ("geheim.txt", b"Zitronen"), to="ben.b@ahaus.net", subject="Zitronenbrief", text="Zitronen")
    uid, mine = int(anna.values["draft"]), {**anna.values}
    anna.press("plan", day=(clock.now() + timedelta(days=40)).date().isoformat(), time="08:00")
    row = Planned.objects.get()
    if who == "ben":
        other = writer(ahaus, "ben.b", now, known=True)
    elif who == "clara":
        cast.resident(musterstadt, "clara.c", now)
        browser = Browser("musterstadt.localhost")
        browser.login("clara.c@musterstadt.example", cast.PASSWORD)
        other = Writer(browser).open()
    else:
        other = Writer(Browser())
        response = other.browser.client.post(anna.action, {**mine, "step": "send"})
        assert response.status_code == 403
        return
    paths = (f"/postfach/schreiben/{uid}", f"/postfach/geplant/{row.message}", "/postfach/geplant")
    shown = [other.browser.client.get(path) for path in paths]
    assert shown[0].status_code == 404
    assert all("Zitronen" not in response.content.decode() for response in shown)
    other.press("save", draft=str(uid), ident=mine["ident"], original=f"reply {row.message.hex}", text="fremd", status=409)
    assert other.files() == []
    form = other.browser.get(f"/postfach/geplant/{row.message}")
    assert "Nicht mehr da" in form.text
    response = other.browser.client.post(anna.action, {**mine, "step": "discard"})
    assert response.status_code == 403  # Anna's token is no token of theirs
    assert Planned.objects.get().at == row.at
    assert [queries.page(opened(ahaus, account), DRAFTS)[0].subject] == ["Zitronenbrief"]


def test_c38_no_form_goes_without_a_token_or_from_elsewhere(ahaus, anna, ben) -> None:
    given = {**anna.values, "to": "ben.b@ahaus.net", "step": "send"}
    client = anna.browser.client
    assert client.post("/postfach/schreiben", given).status_code == 403
    assert client.post("/postfach/schreiben?token=abc", given).status_code == 403
    assert client.post(anna.action, given, headers={"Origin": "https://evil.example"}).status_code == 403
    other = anna.browser.get("/postfach/signatur").form("signatur").values["token"]
    assert client.post(f"/postfach/schreiben?token={other}", given).status_code == 403
    for path in ("/postfach/signatur", "/postfach/1/1/weiterleiten", f"/postfach/geplant/{given['ident']}"):
        assert client.post(path, "how=inline", content_type="application/x-www-form-urlencoded").status_code == 403, path
    assert (Planned.objects.count(), Signature.objects.count()) == (0, 0)


def test_c21_surplus_fields_and_other_kinds_of_forms_are_refused(anna) -> None:
    client, given = anna.browser.client, {**anna.values, "step": "save"}
    assert client.post(anna.action, {**given, "design": "<b>"}).status_code == 400
    assert client.post(anna.action, {**given, "subject": ["a", "b"]}).status_code == 400
    assert client.post(anna.action, "{}", content_type="application/json").status_code == 400
    stream = BytesIO(b"x")
    stream.name = "x.txt"
    assert client.post(anna.action, {**given, "picture": stream}).status_code == 400
    assert client.post(anna.action, {**given, "step": "everything"}).status_code == 404
    assert client.post(anna.action, given, headers={"Content-Length": str(10**12)}).status_code in (400, 413)
    assert Message.objects.filter(folder__number=DRAFTS).count() == 0


@pytest.mark.parametrize(
    ("name", "kind"),
    [("seite.html", "application/octet-stream"), ("bild.svg", "application/octet-stream"), ("brief.eml", "application/octet-stream"),
     ("bild.png", "image/png"), ("ohne", "application/octet-stream"), ("x.xhtml", "application/octet-stream"),
     ("a.pdf.html", "application/octet-stream")],
)  # fmt: skip
def test_the_type_of_a_file_is_never_what_the_browser_says(ahaus, anna, account, name: str, kind: str) -> None:
    stream = BytesIO(b"<script>alert(1)</script>")
    stream.name, stream.content_type = name, "text/html"
    response = anna.browser.client.post(anna.action, {**anna.values, "step": "save", "file": stream})
    assert response.status_code == 302
    (raw,) = raws(opened(ahaus, account), DRAFTS)
    (file,) = parsed(raw).iter_attachments()
    assert (file.get_content_type(), file.get_content_disposition(), file.get_filename()) == (kind, "attachment", name)
    uid = queries.page(opened(ahaus, account), DRAFTS)[0].uid
    answer = anna.browser.client.get(f"/postfach/2/{uid}/teil/2")
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert "sandbox" in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("day", "time"),
    [("", ""), ("2020-01-01", "08:00"), ("9999-12-31", "23:59"), ("0001-01-01", "00:00"), ("2027-02-30", "08:00"), ("morgen", "früh"),
     ("2027-01-01", "08:00:00+14:00")],
)  # fmt: skip
def test_a_moment_that_is_none_is_said_beside_its_field(anna, ben, day: str, time: str) -> None:
    anna.press("plan", status=400, to="ben.b@ahaus.net", subject="S", text="bleibt", day=day, time=time)
    assert "Bitte wählen Sie einen Zeitpunkt" in anna.text
    assert anna.values["text"].strip() == "bleibt"
    assert Planned.objects.count() == 0


def test_a_planned_message_shows_its_moment_in_the_city_s_time_and_can_be_moved(ahaus, anna, ben) -> None:
    day = (clock.now() + timedelta(days=40)).date().isoformat()
    anna.press("plan", to="ben.b@ahaus.net", subject="Später", text="x", day=day, time="08:30")
    assert "Geplant" in anna.text
    assert 'value="08:30"' in anna.page.response.content.decode()
    assert "Später" in anna.browser.get("/postfach/geplant").text
    anna.stop("move", day=day, time="09:45")
    assert 'value="09:45"' in anna.page.response.content.decode()
    assert "Bitte wählen Sie" in anna.stop("move", status=400, day="2020-01-01", time="08:00").text
    anna.at = f"/postfach/geplant/{Planned.objects.get().message}"
    anna.stop("now")
    assert send_due(later(0)) == 1
    assert len(raws(opened(ahaus, ben), INBOX)) == 2


def test_a_stranger_s_header_in_drafts_is_nothing_but_text(ahaus, anna, account, ben, now) -> None:
    """A message that somebody moved into Drafts may claim to be one: it names no sender, and answers only one's own mail."""
    theirs = Message.objects.filter(folder__mailbox__contract=ben.contract).first()
    header = drafts.kept_fields({"sender": "ben.b@ahaus.net with", "original": f"reply {theirs.id.hex}", "bcc": "eve@evil.example"})
    raw = f"From: ben.b@ahaus.net\r\nSubject: Untergeschoben\r\nX-Stadtmail-Draft: {header}\r\n\r\nText\r\n".encode()
    o = opened(ahaus, account)
    (uid,) = filing.append(o, drafts.folder(o, "drafts").id, [filing.New(raw, 0, now)], now=now).uids
    anna.open(f"/postfach/schreiben/{uid}")
    assert anna.values["bcc"] == "eve@evil.example"  # it is shown, so nobody sends to it unseen
    assert anna.values["sender"] == "anna.k@ahaus.net with"
    anna.press("send", to="ben.b@ahaus.net", bcc="")
    assert send_due(later()) == 1
    theirs.refresh_from_db()
    assert not theirs.flags & 2
    for broken in ("X-Stadtmail-Draft: %%%", "X-Stadtmail-Draft: bnVsbA==", "X-Stadtmail-Draft: " + "A" * 90_000):
        (uid,) = filing.append(o, drafts.folder(o, "drafts").id, [filing.New(broken.encode() + b"\r\n\r\nx", 0, now)], now=now).uids
        anna.open(f"/postfach/schreiben/{uid}")


def test_what_was_typed_is_text_on_the_page(anna) -> None:
    evil = '"></textarea><script>alert(1)</script><b>'
    anna.press("send", ('"><script>x</script>.txt', b"x"), status=400, to=evil, cc=evil, subject=evil, text=evil)
    body = anna.page.response.content
    assert b"<script>alert" not in body
    assert b"<script>x" not in body
    assert anna.values["text"].strip() == evil


def test_of_what_is_written_with_a_design_nothing_that_runs_or_loads_is_sent(ahaus, anna, account, ben) -> None:
    evil = (
        '<p onclick="x()">Hallo <b style="position:fixed">Ben</b></p><script>alert(1)</script><img src="https://evil.example/p.png">'
        '<a href="javascript:alert(1)">x</a> <a href="https://ahaus.example">gut</a>'
        '<form action="/"><input></form><iframe src="//e"></iframe>'
        '<svg onload="x"></svg><style>b{}</style><a href="/postfach">y</a>'
    )
    anna.press("send", to="ben.b@ahaus.net", subject="Schön", text="wird nicht gebraucht", html=evil)
    assert send_due(later()) == 1
    mail = parsed(raws(opened(ahaus, ben), INBOX)[0])
    html, text = mail.get_body(("html",)).get_content(), mail.get_body(("plain",)).get_content()
    assert "<b>Ben</b>" in html
    assert '<a href="https://ahaus.example" rel="noopener noreferrer">gut</a>' in html
    for word in ("script", "img", "style", "onclick", "form", "iframe", "svg", "evil", "/postfach"):
        assert word not in html, word
    assert text.startswith("Hallo Ben")
    assert "gut <https://ahaus.example>" in text


def test_a_design_stays_in_the_draft_and_an_empty_one_is_none(ahaus, anna, account) -> None:
    anna.press("save", subject="Schön", html="<p>Hallo <i>du</i></p>", text="alt")
    assert 'data-html="&lt;p&gt;Hallo &lt;i&gt;du&lt;/i&gt;&lt;/p&gt;' in anna.page.response.content.decode()
    assert anna.values["text"].strip() == "Hallo du"
    anna.press("save", html="<p><br></p>", text="nur Text")
    (raw,) = raws(opened(ahaus, account), DRAFTS)
    assert parsed(raw).get_content_type() == "text/plain"


def test_no_address_of_a_page_says_anything_of_the_message(anna, ben) -> None:
    anna.press("save", to="ben.b@ahaus.net", subject="Zitronenbrief", text="x")
    first = anna.at
    anna.press("send")
    for address in (first, anna.at, anna.action):
        assert "@" not in address
        assert "itrone" not in address
        assert "ben.b" not in address


def test_the_number_of_queries_does_not_grow_with_what_was_sent(ahaus, anna, account, ben, now) -> None:
    def cost() -> int:
        with statements.seen() as seen:
            anna.browser.get("/postfach/schreiben")
        return len(seen)

    o = opened(ahaus, account)
    raw = b"From: anna.k@ahaus.net\r\nTo: Ben <ben.b@ahaus.net>, k%d@example.org\r\n\r\nx\r\n"

    def sent(numbers: range) -> None:
        filing.append(o, drafts.folder(o, drafts.SENT).id, [filing.New(raw % n, 0, now) for n in numbers], now=now)

    sent(range(1))
    cost()
    before = cost()
    sent(range(1, 41))
    cost()  # a folder that has changed is counted once
    assert cost() == before
