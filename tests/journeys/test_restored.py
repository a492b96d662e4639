"""A real backup is put back over a real instance, on SQLite and on PostgreSQL; before that everything happens that is no restore."""

import imaplib
import re
import smtplib
import time

import pytest

from tests.backups import backup_of
from tests.dns import FakeDns
from tests.journeys.post import trusting
from tests.journeys.running import PASSWORD, Running, running

pytestmark = [pytest.mark.timeout(900), pytest.mark.long]
ZONES = {"example.org": {"MX": ["10 mx.example.org."]}, "mx.example.org": {"A": ["127.0.0.1"]}}  # nobody listens there: it waits


def hand_over(here: Running, subject: str) -> None:
    with smtplib.SMTP("127.0.0.1", here.ports["PORT_SUBMISSION"], local_hostname="laptop.invalid", timeout=60) as client:
        client.starttls(context=trusting())
        client.login("anna@ahaus.net", PASSWORD)
        client.sendmail("anna@ahaus.net", ["x@example.org"], f"From: anna@ahaus.net\r\nSubject: {subject}\r\n\r\nText\r\n")


def validity(here: Running) -> int:
    with imaplib.IMAP4("127.0.0.1", here.ports["PORT_IMAP"]) as client:
        client.login("anna@ahaus.net", PASSWORD)
        _, (told,) = client.status("INBOX", "(UIDVALIDITY)")
    found = re.search(rb"UIDVALIDITY (\d+)", told)
    assert found
    return int(found[1])


def noted(here: Running, what: str) -> int:
    return (here.folder / "data" / "log" / "stadtmail.log").read_text().count(f'"what":"{what}"')


def is_held(here: Running) -> bool:
    told = here.command("queue", "list")
    assert "1" in told
    return "restored" in told


def test_c42_a_real_backup_is_noticed_and_no_crash_looks_like_one() -> None:
    with FakeDns(ZONES) as names, running(STADTMAIL_RESOLVER=names.address) as here:
        hand_over(here, "einmal")
        until = time.monotonic() + 60
        while "waiting" not in here.command("queue", "list"):
            assert time.monotonic() < until
        # none of this is a restore
        for end in (here.kill, here.stop, here.kill):
            end()
            here.start()
            here.command("clock", "advance", "PT1H")
            assert not is_held(here)
        before, url = validity(here), here.environment.get("STADTMAIL_DATABASE_URL", "")
        put_back = backup_of(here.folder / "data", url)
        here.command("clock", "advance", "PT1S")  # life goes on, and nothing is erased
        here.stop()
        put_back()
        assert noted(here, "rows_restored") == 0
        here.start()
        assert noted(here, "rows_restored") == 1
        assert "put back from a backup" in (here.folder / "serve.err").read_text()
        assert is_held(here)
        assert validity(here) > before
        # and it is met once
        here.command("queue", "release", "ahaus.net")
        here.kill()
        here.start()
        assert not is_held(here)
        assert noted(here, "rows_restored") == 1
