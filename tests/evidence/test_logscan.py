"""A person in a log is found in whatever shape programs write them; what our own logs say is not taken for one (C-4.2)."""

import gzip
import json

import pytest

from stadtmail.kit import config
from stadtmail.kit import log as lines
from stadtmail.privacy import logscan

LEAKS = [
    ("connect from unknown[192.0.2.7]", "ipv4"), ("client=192.0.2.7, sasl_method=PLAIN", "ipv4"), ("rip=192.0.2.7:51234", "ipv4"),
    ('"ip":"192.0.2.7"', "ipv4"), ("192.0.2.7 - - [23/Nov/2026:10:00:00 +0000]", "ipv4"), ("from 192.0.2.7.", "ipv4"),
    ("rip=2001:db8::7", "ipv6"), ("[2001:db8:0:0:0:0:0:7]:2525", "ipv6"), ('"ip":"fe80::1"', "ipv6"), ("from ::1 port 3", "ipv6"),
    ("::ffff:192.0.2.7", "ipv6"), ("IPv6:2001:DB8::7", "ipv6"),
    ("to=<anna@ahaus.net>", "mail"), ("user anna.k+post@mail.ahaus.net logged in", "mail"), ("?mail=anna%40ahaus.net", "mail"),
    ("Message-ID: <x@mail.example>", "mail"),
]  # fmt: skip
HARMLESS = [
    '{"t":"2026-11-23T10:00Z","what":"delivered","count":3,"ms":12}', '{"what":"bug","place":"doors/web/order.py:123"}',
    '{"key":"3f2b8c1e-5a77-4a0e-9f63-0c1d2e3f4a5b"}', "10:00:00 started", "version 5.2.19",
    "0.0.0.0 and ::", "300.1.2.3", "1.2.3.4.5", "city=ahaus.net",
]  # fmt: skip


@pytest.mark.parametrize(("line", "kind"), LEAKS)
def test_c42_a_leak_is_found(tmp_path, line, kind) -> None:
    write(tmp_path, line.encode())
    assert logscan.scan(tmp_path)[kind] >= 1


@pytest.mark.parametrize("line", HARMLESS)
def test_c42_nothing_is_imagined(tmp_path, line) -> None:
    write(tmp_path, line.encode())
    assert not logscan.scan(tmp_path)


def test_c42_our_own_log_is_clean_after_everything_it_can_say(ahaus) -> None:
    for name in set(lines.FIELDS) - {"what"}:
        for value in ("anna@ahaus.net", "192.0.2.7", "2001:db8::7", 7):
            lines.event("delivered", **{name: value})
    lines.bug(ValueError("anna@ahaus.net from 192.0.2.7"), role="web")
    assert not logscan.scan(config.load().data)


def test_c42_packed_and_endless_lines_are_read_too(tmp_path) -> None:
    folder = tmp_path / "log"
    folder.mkdir()
    with gzip.open(folder / "old.log.gz", "wb") as file:
        file.write(b"from 192.0.2.7\n")
    assert logscan.scan(tmp_path)["ipv4"] == 1
    at = logscan.LONGEST - 7
    (folder / "long").write_bytes(b" " * at + b" anna@ahaus.net " + b" " * at)
    assert logscan.scan(tmp_path)["mail"] >= 1
    (tmp_path / "stray.log").write_bytes(b"::1 ")
    assert logscan.scan(tmp_path)["ipv6"] == 1


def test_the_report_repeats_nothing(tmp_path) -> None:
    write(tmp_path, b"anna@ahaus.net 192.0.2.7")
    assert "anna" not in json.dumps(logscan.scan(tmp_path))


def write(folder, line: bytes) -> None:
    (folder / "log").mkdir()
    (folder / "log" / "stadtmail.log").write_bytes(line + b"\n")
