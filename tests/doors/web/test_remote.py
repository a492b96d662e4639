"""Pictures from the internet: only on request, remembered for confirmed senders alone, and good for one reader and one message.

C-1.2, C-4.7. What the fetching itself may do is in tests/mail/test_fetching.py; with a real web server and browser in
tests/journeys/test_pictures.py. Here the fetching is ours, and notes what it is asked for.
"""

import re
import threading
from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest
from django.db import connections

from stadtmail.doors.web import mailhtml, middleware, places, remote
from stadtmail.mail import fetching, queries, trusted
from stadtmail.mail.actions import accounts, trusting
from stadtmail.mail.fetching import Picture
from stadtmail.mail.models import PictureSenders
from stadtmail.mail.verdicts import Verdict
from stadtmail.privacy import erasure, sweep
from stadtmail.privacy.models import Unit
from stadtmail.rights import overview
from tests.doors.web import cast
from tests.doors.web.browsing import Browser
from tests.mail.conftest import every_byte

PNG = b"\x89PNG\r\n\x1a\n" + bytes(40)
SENDER = "karl@news.example.org"
ONE, TWO = "https://cdn.example/eins.png?an=anna", "https://cdn.example/zwei.png"
HTML = f'<p>Hallo</p><img src="{ONE}" alt="Eins"><img src="{TWO}"><img src="{ONE}"><img src="https://x.example/p.gif" width="1" height="1">'
FOUND = "Authentication-Results: mx.ahaus.net; dmarc={} header.from=news.example.org\r\n"
CONFIRMED, FORGED = (Verdict(dmarc=word, authentication_results=FOUND.format(word).encode()) for word in ("pass", "fail"))


def letter(sender: str = SENDER, html: str = HTML) -> bytes:
    return f"From: Karl <{sender}>\r\nSubject: Bunt\r\nMIME-Version: 1.0\r\nContent-Type: text/html\r\n\r\n{html}\r\n".encode()


@pytest.fixture
def asked(monkeypatch) -> list[str]:
    """What the portal fetches; it may, as a production instance may."""
    urls = list[str]()

    def every(wanted, *, own) -> Iterator[Picture | None]:
        assert "ahaus.localhost" in own
        for url in wanted:
            urls.append(url)
            yield Picture("image/png", PNG)

    monkeypatch.setattr(fetching, "leads", lambda: True)
    monkeypatch.setattr(fetching, "every", every)
    return urls


def box_of(city, account):
    return queries.opened(queries.mailbox_of(city, account.contract), holder=account.contract)


def deliver(now, *, verdict=None, **more) -> None:
    cast.deliver(letter(**more), "anna.k@ahaus.net", now=now, verdict=verdict)


def frame_of(browser: Browser, path: str) -> str:
    (frame,) = [given for tag, given in browser.get(path).tags if tag == "iframe"]
    return str(frame["src"])


def body(browser: Browser, path: str) -> str:
    return browser.raw(path).getvalue().decode()


def test_c12_nothing_is_asked_before_somebody_asks(anna, asked, now) -> None:
    deliver(now, verdict=CONFIRMED)
    page = anna.get("/postfach/1/2")
    assert "Bilder aus dem Internet wurden nicht geladen" in page.text
    assert "dass und wann die Nachricht geöffnet wurde, aber nicht, wo und mit welchem Gerät" in page.text
    for path in (frame_of(anna, "/postfach/1/2"), "/postfach/1/2/druck", "/postfach/1/2?als=text", "/postfach"):
        assert "cdn.example" not in body(anna, path)
    assert asked == []


def test_on_request_each_picture_is_asked_for_once_and_lies_in_the_frame(anna, asked, now) -> None:
    deliver(now)
    page = anna.send(anna.get("/postfach/1/2").form("/bilder"), status=302, step="once")
    assert "Bilder aus dem Internet werden angezeigt" in page.text
    frame = frame_of(anna, anna.at)
    response = anna.raw(frame)
    shown = response.getvalue().decode()
    assert asked == [ONE, TWO]  # the pixel that only counts readers is left out
    assert shown.count(' src="data:image/png;base64,') == 3
    assert 'alt="Eins"' in shown
    assert "cdn.example" not in shown + frame + anna.at
    assert "x.example" not in shown
    assert response.headers["Content-Security-Policy"] == mailhtml.FRAME_POLICY
    assert "http" not in mailhtml.FRAME_POLICY
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["X-Frame-Options"] == "SAMEORIGIN"
    paper = next(link for link in page.links if "/druck" in link)
    assert body(anna, paper).count("data:image/png") == 3
    anna.client.head(frame)
    assert len(asked) == 4
    anna.get("/postfach/1/2")
    assert "data:image" not in body(anna, "/postfach/1/2/html")  # now, and not for good


def test_c47_an_address_is_good_for_one_reader_one_message_and_one_city(ahaus, musterstadt, anna, asked, now) -> None:
    cast.resident(ahaus, "ben.b", now, street="Wallstraße 3", birth_date="1979-11-02")
    cast.resident(musterstadt, "clara.c", now)
    cast.deliver(letter(), "anna.k@ahaus.net", "ben.b@ahaus.net", now=now)
    cast.deliver(letter(), "clara.c@musterstadt.example", now=now)
    deliver(now)
    anna.send(anna.get("/postfach/1/2").form("/bilder"), status=302, step="once")
    frame = frame_of(anna, anna.at)
    token = parse_qs(urlsplit(frame).query)["bilder"][0]
    ben, clara, again = Browser(), Browser("musterstadt.localhost"), Browser()
    ben.login("ben.b@ahaus.net", cast.PASSWORD)
    clara.login("clara.c@musterstadt.example", cast.PASSWORD)
    again.login("anna.k@ahaus.net", cast.PASSWORD)
    for other in (ben, clara, again):
        other.raw(frame, status=404)
    at, _, mac = token.partition(".")
    for wrong in (f"{at}.{'A' if mac[0] != 'A' else 'B'}{mac[1:]}", "x", f"{token}x", f"{int(at, 16) + 1:x}.{mac}", f"{at}.{mac[::-1]}"):
        anna.raw(f"/postfach/1/2/html?bilder={wrong}", status=404)
        anna.raw(f"/postfach/1/2/druck?bilder={wrong}", status=404)
        assert "nicht geladen" in anna.get(f"/postfach/1/2?bilder={wrong}").text
    anna.raw(f"/postfach/1/3/html?bilder={token}", status=404)  # of another message
    Browser().raw(frame, status=302)
    assert asked == []
    anna.raw(frame)
    anna.send(anna.get("/postfach").form("abmelden"), status=302)
    anna.raw(frame, status=302)


def test_a_confirmed_sender_is_remembered_and_taken_back(ahaus, account, anna, asked, now) -> None:
    deliver(now, verdict=CONFIRMED)
    page = anna.get("/postfach/1/2")
    assert f"Bilder von {SENDER} immer anzeigen" in page.text
    page = anna.send(page.form("/bilder"), status=302, step="always")
    assert "Bilder aus dem Internet werden angezeigt" in page.text
    assert "?" not in frame_of(anna, "/postfach/1/2")
    assert body(anna, "/postfach/1/2/html").count("data:image/png") == 3
    deliver(now, verdict=CONFIRMED, sender=SENDER.upper())
    assert "werden angezeigt" in anna.get("/postfach/1/3").text
    settings = anna.get("/postfach/einstellungen/bilder")
    assert SENDER in settings.text
    asked.clear()
    page = anna.send(settings.form("/bilder"), status=302)
    assert SENDER not in page.text
    assert "data:image" not in body(anna, "/postfach/1/2/html")
    assert asked == []
    assert not PictureSenders.objects.exists()


@pytest.mark.parametrize("verdict", [None, FORGED, Verdict(dmarc="none", authentication_results=FOUND.format("none").encode())])
def test_c12_a_forged_sender_unlocks_nothing(ahaus, account, anna, asked, now, verdict) -> None:
    trusting.remember(box_of(ahaus, account), SENDER)
    deliver(now, verdict=verdict)
    folder = next(f for f in (1, 5) if anna.client.get(f"/postfach/{f}/2").status_code == 200)
    page = anna.get(f"/postfach/{folder}/2")
    assert "wurden nicht geladen" in page.text
    assert "immer anzeigen" not in page.text.replace("Immer anzeigen können", "")
    assert "data:image" not in body(anna, f"/postfach/{folder}/2/html")
    trusting.forget(box_of(ahaus, account), SENDER)
    anna.send(page.form("/bilder"), status=403, step="always")
    assert asked == []
    assert trusted.senders(box_of(ahaus, account)) == []


OTHERS = ["karl@news.example.org.evil.example", "karl@news-example.org", "evil@news.example.org", "kаrl@news.example.org"]


@pytest.mark.parametrize("sender", OTHERS)
def test_c12_only_the_whole_address_counts(ahaus, account, anna, asked, now, sender: str) -> None:
    trusting.remember(box_of(ahaus, account), SENDER)
    deliver(now, verdict=CONFIRMED, sender=sender)
    assert "data:image" not in body(anna, "/postfach/1/2/html")
    assert asked == []


def test_c12_two_senders_are_nobody_in_particular(ahaus, account, anna, asked, now) -> None:
    trusting.remember(box_of(ahaus, account), SENDER)
    raw = letter().replace(b"\r\nSubject", b", evil@evil.example\r\nSubject", 1)
    cast.deliver(raw, "anna.k@ahaus.net", now=now, verdict=CONFIRMED)
    assert "data:image" not in body(anna, "/postfach/1/2/html")
    assert asked == []


def test_in_junk_no_sender_is_remembered(ahaus, account, anna, asked, now) -> None:
    trusting.remember(box_of(ahaus, account), SENDER)
    deliver(now, verdict=CONFIRMED)
    anna.send(anna.get("/postfach/1/2").form("/1/aendern"), status=302, tun="spam")
    (junk,) = {link for n in range(2, 7) for link in anna.get(f"/postfach/{n}").links if re.fullmatch(rf"/postfach/{n}/\d+", link)}
    assert "wurden nicht geladen" in anna.get(junk).text
    assert "data:image" not in body(anna, f"{junk}/html")
    assert asked == []


def test_a_demonstration_loads_nothing_and_says_so(anna, now) -> None:
    deliver(now, verdict=CONFIRMED)
    page = anna.get("/postfach/1/2")
    assert "Die Vorführung lädt keine Bilder aus dem Internet." in page.text
    assert not [form for form in page.forms if form.action.endswith("/bilder")]
    assert "Vorführung" in anna.get("/postfach/einstellungen/bilder").text


def test_c12_a_city_that_does_not_list_it_offers_it_to_nobody(ahaus, account, anna, asked, now, monkeypatch) -> None:
    deliver(now, verdict=CONFIRMED)
    anna.send(anna.get("/postfach/1/2").form("/bilder"), status=302, step="once")
    frame = frame_of(anna, anna.at)
    trusting.remember(box_of(ahaus, account), SENDER)
    known = middleware.policy.current
    monkeypatch.setattr(middleware.policy, "current", lambda city: replace(known(city), pictures=None))
    page = anna.get("/postfach/1/2")
    assert not [form for form in page.forms if form.action.endswith("/bilder")]
    assert "Vorführung" not in page.text
    assert "data:image" not in body(anna, frame)
    assert "laden wir nie" in anna.get("/postfach/einstellungen/bilder").text
    assert asked == []


def test_the_officer_may_look_once_and_remembers_nobody(ahaus, asked, now) -> None:
    accounts.open_roles(ahaus, now=now)
    cast.doris(ahaus, now, "officer")
    cast.deliver(letter(), "datenschutz@ahaus.net", now=now, verdict=CONFIRMED)
    officer = Browser()
    officer.desk("officer1", cast.STAFF_PASSWORD)
    link = next(link for link in officer.get("/postfach").links if re.fullmatch(r"/postfach/\d+/\d+", link))
    page = officer.get(link)
    officer.send(page.form("/bilder"), status=403, step="always")
    officer.send(page.form("/bilder"), status=302, step="once")
    assert "data:image" in body(officer, frame_of(officer, officer.at))
    assert not PictureSenders.objects.exists()


def test_whoever_loads_without_end_is_stopped_and_told(anna, asked, now, monkeypatch) -> None:
    monkeypatch.setattr(remote, "MOST_ASKED", 5)
    deliver(now)
    anna.send(anna.get("/postfach/1/2").form("/bilder"), status=302, step="once")
    frame = frame_of(anna, anna.at)
    assert [body(anna, frame).count("data:image") for _ in range(4)] == [3, 3, 0, 0]
    assert "sehr viele Bilder" in body(anna, frame)
    assert len(asked) == 4


def test_slow_servers_leave_threads_for_others(anna, asked, now, monkeypatch) -> None:
    deliver(now)
    anna.send(anna.get("/postfach/1/2").form("/bilder"), status=302, step="once")
    frame = frame_of(anna, anna.at)
    held = [anna.client.get(frame) for _ in range(places.FROM_NETWORK)]  # begun, and not taken
    assert "zu viele Bilder" in body(anna, frame)
    anna.get("/postfach/1/2")
    for response in held:
        response.close()
    assert "data:image" in body(anna, frame)


def test_one_picture_named_ten_thousand_times_is_not_written_so_often(anna, asked, now, monkeypatch) -> None:
    monkeypatch.setattr(remote, "MOST_WRITTEN", 10 * len(PNG))
    deliver(now, html=f'<img src="{ONE}">' * 4000)
    anna.send(anna.get("/postfach/1/2").form("/bilder"), status=302, step="once")
    assert body(anna, frame_of(anna, anna.at)).count("data:image") == 10
    assert asked == [ONE]


def test_a_picture_that_does_not_come_is_said(anna, asked, now, monkeypatch) -> None:
    monkeypatch.setattr(fetching, "every", lambda urls, own: iter([None] * len(urls)))
    deliver(now)
    anna.send(anna.get("/postfach/1/2").form("/bilder"), status=302, step="once")
    shown = body(anna, frame_of(anna, anna.at))
    assert "2 Bilder ließen sich nicht laden." in shown
    assert 'alt="Eins"' in shown
    assert "src=" not in shown.partition("<body>")[2]


def test_a_message_of_nothing_but_pictures_shows_when_it_is_asked_for(anna, asked, now) -> None:
    deliver(now, html=f'<img src="{TWO}">')
    page = anna.get("/postfach/1/2")
    assert not [tag for tag, _ in page.tags if tag == "iframe"]
    anna.send(page.form("/bilder"), status=302, step="once")
    assert "data:image" in body(anna, frame_of(anna, anna.at))


def test_a_session_in_the_address_sees_them_too(account, asked, now) -> None:
    browser = Browser()
    browser.login("anna.k@ahaus.net", cast.PASSWORD, way="url")
    deliver(now)
    browser.send(browser.get(f"{browser.at.partition('/postfach')[0]}/postfach/1/2").form("/bilder"), status=302, step="once")
    assert "data:image" in body(browser, frame_of(browser, browser.at))


def test_two_tabs_remember_both(ahaus, account) -> None:
    o = box_of(ahaus, account)
    begun = threading.Barrier(2)

    def tab(number: int) -> None:
        begun.wait()
        for at in range(5):
            trusting.remember(o, f"{number}-{at}@example.org")
        connections.close_all()

    both = [threading.Thread(target=tab, args=(number,)) for number in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert len(trusted.senders(o)) == 10


def test_the_list_has_an_end(ahaus, account, monkeypatch) -> None:
    monkeypatch.setattr(trusting, "MOST", 2)
    o = box_of(ahaus, account)
    for name in ("a", "b", "a"):
        trusting.remember(o, f"{name}@example.org")
    with pytest.raises(trusting.TooMany):
        trusting.remember(o, "c@example.org")
    assert trusted.senders(o) == ["a@example.org", "b@example.org"]


def test_c61_c41_remembered_senders_are_read_out_lie_sealed_and_end_with_the_mailbox(ahaus, account, now) -> None:
    o = box_of(ahaus, account)
    trusting.remember(o, "kanarienvogel4711@example.org")
    assert not [name for name, raw in every_byte() if b"kanarienvogel4711" in raw]
    seen = overview.overview(ahaus, account.contract, lang="de", now=now)
    assert {"pictures_from": "kanarienvogel4711@example.org"} in [record for part in seen.sections for record in part.records]
    units = list(Unit.objects.filter(anchor=account.contract, category="INH").values_list("id", flat=True))
    erasure.erase(units, tenant=ahaus, now=now, cause="deleted")
    sweep.run(now)
    assert not PictureSenders.objects.exists()
