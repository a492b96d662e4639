"""The one logger (C-4.2): what it writes, what it drops, and that a bug is noted without its values."""

import json
import logging
import sys
import threading

from stadtmail.kit import config, log


def last_line() -> dict:
    return json.loads((config.load().data / "log" / "stadtmail.log").read_text().splitlines()[-1])


def test_a_line_has_the_minute_and_its_fields() -> None:
    log.event("delivered", role="doors", count=3, code=250)
    line = last_line()
    assert len(line.pop("t")) == len("2026-11-23T10:00Z")
    assert line == {"what": "delivered", "role": "doors", "count": 3, "code": 250}


def test_c42_a_bug_is_noted_by_class_and_place_and_without_its_text() -> None:
    try:
        config.load({"STADTMAIL_PORT_WEB": "anna@ahaus.net"})
    except config.BadSetting as problem:
        log.bug(problem, role="console")
    line = last_line()
    assert line["error"] == "BadSetting"
    assert line["place"].startswith("kit/config.py:")
    assert "anna" not in json.dumps(line)


def test_c42_what_libraries_log_is_counted_and_not_written() -> None:
    record = logging.LogRecord("django.request", logging.ERROR, "x.py", 1, "POST /anmelden anna@ahaus.net", (), None)
    before = log.dropped["django"]
    log.Sink().emit(record)
    assert log.dropped["django"] == before + 1
    assert last_line()["what"] == "foreign"
    assert "anna" not in json.dumps(last_line())


def test_c42_a_thread_that_dies_says_nothing_of_its_values(monkeypatch, capfd) -> None:
    for name, place in (("excepthook", sys), ("excepthook", threading)):
        monkeypatch.setattr(place, name, getattr(place, name))
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", root.handlers)
    monkeypatch.setattr(root, "level", root.level)
    log.install("doors")

    def die() -> None:
        raise ValueError("anna@ahaus.net")

    thread = threading.Thread(target=die)
    thread.start()
    thread.join()
    assert "anna" not in capfd.readouterr().err
    assert (last_line()["what"], last_line()["error"]) == ("bug", "ValueError")
