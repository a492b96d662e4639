"""What a city says to everybody: dated, in two languages, about nobody, and gone after its end."""

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from stadtmail.tenants import news
from stadtmail.tenants.models import News
from tests.doors.web import cast
from tests.doors.web.browsing import Browser

ROOT = Path(__file__).resolve().parents[2]
GERMAN = news.Words("Rathaus geschlossen", "Am 24. Dezember ist das Rathaus <b>zu</b>.")
ENGLISH = news.Words("Town hall closed", "On 24 December the town hall is closed.")


def publish(city, now, days: int = 3, **more):
    given = {"german": GERMAN, "english": ENGLISH, "begins_at": now, "ends_at": now + timedelta(days=days), "now": now}
    return news.add(city, **{**given, **more})


def test_it_is_shown_until_its_end_to_the_second_and_only_in_its_city(ahaus, musterstadt, now) -> None:
    publish(ahaus, now)
    end = now + timedelta(days=3)
    assert [one.title_de for one in news.shown(ahaus, now=end - timedelta(seconds=1))] == ["Rathaus geschlossen"]
    assert news.shown(ahaus, now=end) == []
    assert news.shown(musterstadt, now=now) == []
    later = publish(ahaus, now, days=9, begins_at=now + timedelta(days=5))
    assert news.shown(ahaus, now=now + timedelta(days=4)) == []
    assert [one.pk for one in news.standing(ahaus, now=now + timedelta(days=4))] == [later]


def test_what_has_ended_is_deleted_and_one_can_be_taken_back(ahaus, musterstadt, now) -> None:
    first = publish(ahaus, now)
    second = publish(ahaus, now + timedelta(days=4))
    assert [one.pk for one in News.objects.all()] == [second]
    with pytest.raises(news.NoSuchNews):
        news.end(ahaus, first)
    with pytest.raises(news.NoSuchNews):
        news.end(musterstadt, second)  # another city's
    news.end(ahaus, second)
    assert not News.objects.exists()


@pytest.mark.parametrize(
    "bad",
    [
        {"german": news.Words("Titel", " ")}, {"english": news.Words("", "text")}, {"german": news.Words("x" * 121, "y")},
        {"german": news.Words("x", "y" * 1001)}, {"german": news.Words("Fragen?", "Schreiben Sie erika@ahaus.net")},
        {"days": 0}, {"days": -1}, {"days": 367},
    ],
)  # fmt: skip
def test_what_nobody_should_read_is_refused(ahaus, now, bad) -> None:
    with pytest.raises(news.BadNews):
        publish(ahaus, now, **bad)
    assert not News.objects.exists()


def test_residents_read_it_after_the_log_in_and_strangers_do_not(ahaus, musterstadt, now, monkeypatch) -> None:
    cast.resident(ahaus, "anna.k", now)
    cast.resident(musterstadt, "clara.c", now)
    from stadtmail.kit import clock

    publish(ahaus, clock.now())
    anna, clara = Browser(), Browser("musterstadt.localhost")
    page = anna.login("anna.k@ahaus.net", cast.PASSWORD)
    assert "Rathaus geschlossen" in page.text
    assert "<b>zu</b>" in page.text  # as text, not as markup
    assert "Town hall closed" in anna.get("/en/postfach/start").text
    assert "Rathaus geschlossen" not in clara.login("clara.c@musterstadt.example", cast.PASSWORD).text
    assert "Rathaus geschlossen" not in Browser().get("/").text


@pytest.mark.long
def test_the_command(tmp_path) -> None:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("STADTMAIL_")}
        command = [sys.executable, "-m", "stadtmail.doors.console.main", *arguments]
        environment = kept | {"STADTMAIL_DATA": str(tmp_path / "data")}
        return subprocess.run(command, cwd=ROOT, env=environment, text=True, capture_output=True, timeout=100, check=False)

    assert run("init", "--root-key", str(tmp_path / "root.key")).returncode == 0
    opened = run("city", "open", "ahaus.net", "--host", "ahaus.localhost")
    assert opened.returncode == 0, opened.stderr
    words = ("--title-de", "Neu", "--text-de", "Die Suche ist da.", "--title-en", "New", "--text-en", "There is a search.")
    done = run("news", "add", "ahaus.net", *words, "--until", "2099-12-24")
    assert (done.returncode, done.stdout) == (1, "")
    assert "366 days" in done.stderr
    from stadtmail.kit import clock

    until = f"{clock.now() + timedelta(days=20):%Y-%m-%d}"
    assert run("news", "add", "ahaus.net", *words, "--until", until).returncode == 0
    listed = run("news", "list", "ahaus.net").stdout
    assert f"to {until}  Neu" in listed
    number = listed.split()[0]
    assert run("news", "end", "ahaus.net", number).returncode == 0
    assert run("news", "list", "ahaus.net").stdout == ""
    assert run("news", "end", "ahaus.net", number).returncode == 1
    assert run("news", "add", "nowhere", *words, "--until", until).returncode == 1
