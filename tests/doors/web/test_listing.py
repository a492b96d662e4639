"""The list of a folder: pages by uid in both directions, filters, conversations; its cost does not grow with the folder (C-4.7)."""

import re

import pytest

from stadtmail.kit import store
from stadtmail.mail import queries
from stadtmail.mail.actions import changing, filing
from stadtmail.mail.folders import FLAGGED, SEEN
from stadtmail.mail.models import Folder, Message
from tests import statements
from tests.doors.web import cast
from tests.doors.web.browsing import Browser

INBOX = 1
REPLY = b"From: %s <%s@example.org>\r\nSubject: %s\r\nMessage-ID: <%s@x.example>\r\nReferences: %s\r\n\r\nText %s\r\n"


@pytest.fixture
def anna(ahaus, now) -> Browser:
    cast.resident(ahaus, "anna.k", now)
    browser = Browser()
    browser.login("anna.k@ahaus.net", cast.PASSWORD)
    return browser


def opened() -> queries.Opened:
    return queries.Opened(Folder.objects.get(number=INBOX, mailbox__contract__isnull=False).mailbox)


def place(number: int = INBOX) -> Folder:
    return Folder.objects.get(number=number, mailbox__contract__isnull=False)


def fill(count: int, now, *, flags: int = 0) -> None:
    news = [filing.New(b"From: a@example.org\r\nSubject: Nummer %d.\r\n\r\nx\r\n" % n, flags, now) for n in range(count)]
    filing.append(opened(), place().id, news, now=now)


def numbers(page) -> list[int]:
    return [int(one) for one in re.findall(r"<bdi[^>]*>Nummer (\d+)\.</bdi>", page.response.content.decode())]


def ways(page) -> dict[str, str]:
    html = page.response.content.decode().rpartition('class="pager"')[2]
    return {text: href.replace("&amp;", "&") for href, text in re.findall(r'href="([^"]+)">(?:<svg.*?</svg>\s*)?([^<]+)', html)}


def test_pages_lead_both_ways_and_to_both_ends(anna, now) -> None:
    fill(120, now)
    first = anna.get("/postfach")
    assert numbers(first) == list(range(119, 69, -1))
    second = anna.get(ways(first)["Ältere Nachrichten"])
    assert numbers(second) == list(range(69, 19, -1))
    assert numbers(anna.get(ways(second)["Neuere Nachrichten"])) == numbers(first)
    oldest = anna.get(ways(first)["Zu den ältesten"])
    assert numbers(oldest)[-1] == 0
    assert "Ältere Nachrichten" not in ways(oldest)
    assert numbers(anna.get(ways(oldest)["Zu den neuesten"])) == numbers(first)


def test_filters_by_flags_and_their_pages(anna, now) -> None:
    fill(60, now, flags=SEEN)
    fill(3, now, flags=SEEN | FLAGGED)
    fill(2, now)
    assert numbers(anna.get("/postfach/1?nur=ungelesen")) == [1, 0]
    assert numbers(anna.get("/postfach/1?nur=markiert")) == [2, 1, 0]
    anna.raw("/postfach/1?nur=alles", status=404)


@pytest.mark.parametrize("query", ["vor=0", "nach=-1", "vor=x", "nach=99999999999", "ansicht=baum", "vor=%00"])
def test_addresses_that_mean_no_page(anna, query: str) -> None:
    anna.raw(f"/postfach/1?{query}", status=404)


def test_conversations_are_one_line_and_lose_no_message(anna, now) -> None:
    for name, ident, above in ((b"Karl", b"a", b""), (b"Ida", b"b", b"<a@x.example>"), (b"Karl", b"c", b"<a@x.example> <b@x.example>")):
        cast.deliver(REPLY % (name, name, b"Radtour", ident, above, ident), "anna.k@ahaus.net", now=now)
    cast.deliver(REPLY % (b"Otto", b"otto", b"Anderes", b"d", b"", b"d"), "anna.k@ahaus.net", now=now)
    page = anna.get("/postfach/1?ansicht=gespraeche")
    html = page.response.content.decode()
    assert html.count('class="row"') == 3  # the welcome, the tour, and the other
    assert "2 ältere Nachrichten" in page.text
    assert "Karl, Ida" in page.text
    assert {f"/postfach/1/{uid}" for uid in range(1, 6)} <= set(page.links)
    assert anna.get("/postfach/1").text.count("2 ältere Nachrichten") == 1  # the choice stays for this session
    (choice,) = re.findall(r'value="(\d+\.\d+\.\d+)"', html)
    archived = anna.send(page.form("aendern"), status=302, uid=choice, tun="archiv")
    assert "3 Nachrichten liegen jetzt in „Archiv“" in archived.text
    assert "ältere Nachrichten" not in anna.get("/postfach/1?ansicht=liste").text


def test_hostile_references_stay_within_the_page(anna, now) -> None:
    loop = b" ".join(b"<%d@x.example>" % n for n in range(300))
    for ident in (b"1", b"2", b"3"):
        cast.deliver(REPLY % (b"K", b"k", b"x" * 300, ident, loop, ident), "anna.k@ahaus.net", now=now)
    assert anna.get("/postfach/1?ansicht=gespraeche").response.content.decode().count('class="row"') == 2


def test_the_number_of_queries_is_the_same_for_ten_and_for_500(anna, now) -> None:
    def cost(path: str) -> int:
        anna.get(path)
        with statements.seen() as seen:
            anna.get(path)
        return len(seen)

    paths = ("/postfach", "/postfach/1?nur=ungelesen", "/postfach/1?nach=0", "/postfach/1?ansicht=gespraeche")
    fill(10, now)
    few = [cost(path) for path in paths]
    fill(490, now)
    anna.get("/postfach/1?ansicht=liste")
    assert [cost(path) for path in paths] == few


def test_counts_follow_every_change_and_are_not_counted_again(anna, now, monkeypatch) -> None:
    fill(3, now)
    assert "4 Nachrichten, 4 ungelesen" in anna.get("/postfach").text
    counted = []
    real = store.select
    monkeypatch.setattr(store, "select", lambda *given: (counted.append(given[0]) if "count(*)" in given[0] else None, real(*given))[1])
    anna.get("/postfach")
    assert counted == []
    changing.store_flags(opened(), place().id, [2], how="+", flags=SEEN, now=now)
    assert "4 Nachrichten, 3 ungelesen" in anna.get("/postfach").text
    assert len(counted) == 2  # all, and the unread ones
    changing.move(opened(), place().id, [2, 3], to=place(5).id, now=now)
    assert "2 Nachrichten, 2 ungelesen" in anna.get("/postfach").text


def test_to_open_a_message_counts_nothing_anew_and_the_counts_are_right(anna, now, monkeypatch) -> None:
    fill(3, now)
    anna.get("/postfach")
    counted = []
    real = store.select
    monkeypatch.setattr(store, "select", lambda *given: (counted.append(given[0]) if "count(*)" in given[0] else None, real(*given))[1])
    anna.get("/postfach/1/2")
    anna.get("/postfach/1/2")  # once read it is read
    assert "4 Nachrichten, 3 ungelesen" in anna.get("/postfach").text
    assert counted == []
    changing.store_flags(opened(), place().id, [3], how="+", flags=SEEN, now=now)  # elsewhere: what was known is not what is
    anna.get("/postfach/1/4")
    assert "4 Nachrichten, 1 ungelesen" in anna.get("/postfach").text


def test_a_list_reads_what_it_shows_from_the_index(anna) -> None:
    from django.db import connection

    if connection.vendor != "sqlite":
        pytest.skip("the plan of SQLite")
    sql = f"SELECT uid FROM {Message._meta.db_table} WHERE folder_id = '1' AND uid < 9 AND (flags & 1) = 0 ORDER BY uid DESC LIMIT 51"
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {sql}")
        plan = str(cursor.fetchall())
    assert "COVERING INDEX folder_unread" in plan
    assert "TEMP B-TREE" not in plan


def test_a_page_that_is_open_learns_that_something_happened(anna, now) -> None:
    page = anna.get("/postfach")
    shown = next(given for _, given in page.tags if "data-news" in given)
    response = anna.raw(shown["data-news"])
    assert response.json() == {"mark": shown["data-mark"]}
    assert response.headers["Cache-Control"] == "no-store"
    fill(1, now)
    assert anna.raw(shown["data-news"]).json() != {"mark": shown["data-mark"]}
    assert not [given for _, given in anna.get("/postfach/1?nach=0&vor=2").tags if "data-news" in given]


def test_keys_are_off_until_somebody_wants_them(anna) -> None:
    def has_keys(path: str) -> bool:
        return any("data-keys" in given for _, given in anna.get(path).tags)

    assert not has_keys("/postfach")
    assert has_keys("/postfach/1?tasten=an")
    assert has_keys("/postfach")
    assert has_keys("/postfach/1/1")
    assert not has_keys("/postfach/1?tasten=aus")
    assert not has_keys("/postfach")
    anna.raw("/postfach/1?tasten=vielleicht", status=404)
