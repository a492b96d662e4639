"""Shared folders in the portal: given, offered, accepted, read, put away, given back, taken back; and nobody else gets in."""

import pytest

from stadtmail.kit import clock
from stadtmail.mail import queries, views
from stadtmail.mail.actions import changing, filing, foldering, sealed
from stadtmail.mail.shares import Share
from stadtmail.mail.verdicts import Verdict
from stadtmail.people import queries as people
from tests.doors.web import cast
from tests.doors.web.browsing import Browser, Form

LETTER = (
    b"From: eva@peer.example\r\nTo: anna@ahaus.net\r\nSubject: Zitronenbrief\r\nMIME-Version: 1.0\r\n"
    b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n<p>Kanarieninhalt</p>\r\n'
    b"--b\r\nContent-Type: text/plain\r\nContent-Disposition: attachment; filename=a.txt\r\n\r\nAnlagenkanarie\r\n--b--\r\n"
)


@pytest.fixture
def world(ahaus, now):
    """Anna with a folder, Ben, and their browsers."""
    anna = cast.resident(ahaus, "anna.k", now)
    cast.resident(ahaus, "ben.b", now, street="Wallstraße 3", birth_date="1979-11-02")
    o = queries.opened(queries.mailbox_of(ahaus, anna.contract), holder=anna.contract)
    folder = foldering.create(o, "Verein", now=now)
    filing.append(o, folder, [filing.New(LETTER, 0, now)], now=now)
    browsers = {}
    for name in ("anna.k", "ben.b"):
        browsers[name] = Browser()
        browsers[name].login(f"{name}@ahaus.net", cast.PASSWORD)
    return anna, o, folder, browsers["anna.k"], browsers["ben.b"]


def number(o) -> str:
    return str(views.named(o, "Verein").number)


def do(browser, step: str, status: int = 302, **values: str):
    """One step of the page, with nothing but its own fields."""
    form = browser.get("/postfach/freigaben").form("freigaben")
    return browser.send(Form(form.action, "post", {"token": form.values["token"]}), status=status, step=step, **values)


def give(browser, o, may: str = "lesen", address: str = "ben.b@ahaus.net", status: int = 302):
    return do(browser, "give", status, folder=number(o), address=address, may=may)


def test_from_the_offer_to_the_last_letter_and_back(world) -> None:
    _, o, folder, anna, ben = world
    assert "Sie teilen keinen Ordner." in anna.get("/postfach/freigaben").text
    page = give(anna, o)
    assert "Der Ordner ist freigegeben." in page.text
    assert "Für ben.b@ahaus.net" in page.text
    share = Share.objects.get()
    home = ben.get("/postfach")
    assert "anna.k@ahaus.net" not in home.text  # nothing appears among the folders unasked
    assert "1 neu" in home.text
    offered = ben.get("/postfach/freigaben")
    assert "Von anna.k@ahaus.net" in offered.text
    opened = do(ben, "show", share=str(share.id))
    assert "Zitronenbrief" in opened.text
    assert "Von anna.k@ahaus.net geteilt" in opened.text
    letter = next(link for link in opened.links if "/geteilt/" in link and link.endswith("/1"))
    message = ben.get(letter)
    assert "Zitronenbrief" in message.text
    assert "Geteilt von" in message.text
    frame = ben.client.get(f"{letter}/html")
    assert b"Kanarieninhalt" in frame.content
    assert "sandbox" in frame.headers["Content-Security-Policy"]
    assert b"Anlagenkanarie" in ben.client.get(f"{letter}/teil/2").getvalue()
    assert views.changes(folder, since=0)[0][1] == 0  # reading only: for Anna it stays unread
    assert "Für Sie freigegeben" in ben.get("/postfach").text
    hidden = do(ben, "hide", share=str(share.id))
    assert "steht nicht mehr bei Ihren Ordnern" in hidden.text
    do(ben, "leave", share=str(share.id))
    assert not Share.objects.exists()
    assert ben.client.get(letter).status_code == 404
    assert "Sie teilen keinen Ordner." in anna.get("/postfach/freigaben").text


def test_taken_back_every_page_of_it_is_gone(world) -> None:
    _, o, _, anna, ben = world
    give(anna, o, "verwalten")
    share = Share.objects.get()
    base = f"/postfach/geteilt/{share.id}"
    assert [ben.client.get(path).status_code for path in (base, f"{base}/1", f"{base}/1/html", f"{base}/1/teil/2")] == [200] * 4
    do(anna, "back", share=str(share.id))
    for path in (base, f"{base}/1", f"{base}/1/html", f"{base}/1/teil/2"):
        response = ben.client.get(path)
        assert response.status_code == 404, path
        assert b"Zitronenbrief" not in response.content


def test_with_the_right_to_mark_what_is_opened_is_read_for_both(world) -> None:
    _, o, folder, anna, ben = world
    give(anna, o, "bearbeiten")
    assert Share.objects.get().rights == "lrswi"
    ben.get(f"/postfach/geteilt/{Share.objects.get().id}/1")
    assert views.changes(folder, since=0)[0][1] == 1


@pytest.mark.parametrize("address", ["niemand@ahaus.net", "clara.c@musterstadt.example", "anna.k@ahaus.net", "unsinn"])
def test_whom_nothing_can_be_shared_with_reads_the_same(world, musterstadt, now, address) -> None:
    _, o, _, anna, _ = world
    cast.resident(musterstadt, "clara.c", now)
    page = give(anna, o, address=address, status=400)
    assert "Mit dieser Adresse können Sie nichts teilen." in page.text
    assert not Share.objects.exists()


def test_c47_nobody_else_opens_takes_or_ends_it(world, ahaus, musterstadt, now) -> None:
    _, o, _, anna, _ = world
    give(anna, o)
    share = Share.objects.get()
    cast.resident(ahaus, "karla.k", now, street="Ringstraße 9", birth_date="1970-01-02")
    cast.resident(musterstadt, "ben.b", now)
    dora, other = Browser(), Browser("musterstadt.localhost")
    dora.login("karla.k@ahaus.net", cast.PASSWORD)
    other.login("ben.b@musterstadt.example", cast.PASSWORD)
    for browser in (dora, other, anna):  # Anna reads it among her own folders
        assert browser.client.get(f"/postfach/geteilt/{share.id}").status_code == 404
        assert browser.client.get(f"/postfach/geteilt/{share.id}/1").status_code == 404
    for browser in (dora, other):
        for step in ("back", "leave"):
            do(browser, step, share=str(share.id))
        do(browser, "show", 404, share=str(share.id))
    assert Share.objects.filter(id=share.id, taken=False).exists()


def test_a_share_opens_no_other_folder_of_its_holder(world, now) -> None:
    _, o, _, anna, ben = world
    cast.deliver(b"Subject: Geheim\r\n\r\nGeheimkanarie\r\n", "anna.k@ahaus.net", now=now)
    give(anna, o)
    share = Share.objects.get()
    assert "Geheim" not in ben.get(f"/postfach/geteilt/{share.id}").text
    for uid in (2, 3, 99):
        assert ben.client.get(f"/postfach/geteilt/{share.id}/{uid}").status_code == 404


def test_a_sealed_mailbox_says_why_it_shares_nothing(world, ahaus) -> None:
    account, o, _, anna, ben = world
    give(anna, o)
    sealed.seal_mailbox(people.contract(ahaus, account.contract), tenant=ahaus, password=cast.PASSWORD, now=clock.now())
    again = Browser()
    again.login("anna.k@ahaus.net", cast.PASSWORD)
    page = again.get("/postfach/freigaben")
    assert "Ihr Postfach ist versiegelt" in page.text
    assert "Was darf die Person?" not in page.text
    assert "anna.k" not in ben.get("/postfach/freigaben").text


def test_c61_my_data_says_it_in_words(world) -> None:
    _, o, _, anna, ben = world
    give(anna, o)
    for browser, words in ((anna, ("Geteilt mit", "ben.b@ahaus.net")), (ben, ("Geteilt von", "anna.k@ahaus.net"))):
        text = browser.get("/datenschutz/meine-daten").text
        assert all(word in text for word in words)


def test_whoever_reads_in_another_folder_is_warned_as_in_their_own(world, now) -> None:
    """A forgery does not become a letter of the club by being read in the club's folder."""
    _, o, folder, anna, ben = world
    head = b"From: Stadtverwaltung Ahaus <info@peer.example>\r\nSubject: Bescheid\r\n"
    forged = head + b"Content-Type: text/html\r\n\r\n<style>p{}</style>\r\n"
    found = Verdict(dmarc="fail", authentication_results=b"Authentication-Results: mx.ahaus.net; dmarc=fail header.from=peer.example\r\n")
    cast.deliver(forged, "anna.k@ahaus.net", now=now, verdict=found)
    inbox = next(one for one in queries.folders(o) if one.role == "inbox")
    uid = max(row.uid for row in queries.page(o, inbox.number))
    changing.move(o, inbox.id, [uid], to=folder, now=now)
    give(anna, o)
    do(ben, "show", share=str(Share.objects.get().id))
    letter = max(link for link in ben.get(f"/postfach/geteilt/{Share.objects.get().id}").links if "/geteilt/" in link)
    page = ben.get(letter)
    assert "Absender gefälscht?" in page.text
    assert "Der Name klingt nach der Stadtverwaltung" in page.text
    assert "zum ersten Mal" not in page.text
    assert "nur aus Inhalten, die wir zu Ihrem Schutz nicht zeigen" in page.text
