"""A resident's mail program hands over while the power goes: what got a 250 is there exactly once, and nothing says from where."""

import contextlib
import imaplib
import smtplib
import threading
import time

import pytest

from tests.journeys.post import trusting
from tests.journeys.running import PASSWORD, running

pytestmark = pytest.mark.timeout(400)
SENDERS, HELO = 4, "kanarienlaptop.invalid"


def hand_over(port: int, number: int, taken: list[str], tried: list[str]) -> None:
    """Send one message after another until the server is gone."""
    lost = contextlib.suppress(OSError, smtplib.SMTPException)
    with lost, smtplib.SMTP("127.0.0.1", port, local_hostname=HELO, timeout=20) as client:
        client.starttls(context=trusting())
        client.login("anna@ahaus.net", PASSWORD)
        while True:
            mark = f"stueck-{number}-{len(tried)}-{time.monotonic_ns()}"
            tried.append(mark)
            client.sendmail("anna@ahaus.net", ["ben@ahaus.net"], f"From: anna@ahaus.net\r\nSubject: {mark}\r\n\r\n{mark}\r\n".encode())
            taken.append(mark)


def subjects(port: int) -> list[str]:
    """What lies in Ben's inbox, read over IMAP."""
    with imaplib.IMAP4("127.0.0.1", port) as client:
        client.login("ben@ahaus.net", PASSWORD)
        client.select("INBOX", readonly=True)
        _, found = client.fetch("1:*", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
        return [part[1].decode().partition(":")[2].strip() for part in found if isinstance(part, tuple)]


@pytest.mark.long
def test_what_got_a_250_is_there_once_although_the_power_went() -> None:
    with running() as here:
        taken: list[str] = []
        tried: list[str] = []
        port = here.ports["PORT_SUBMISSION"]
        senders = [threading.Thread(target=hand_over, args=(port, number, taken, tried)) for number in range(SENDERS)]
        for sender in senders:
            sender.start()
        until = time.monotonic() + 60
        while len(taken) < 12 and time.monotonic() < until:
            time.sleep(0.02)
        here.kill()
        for sender in senders:
            sender.join(30)
        assert len(taken) >= 12
        here.start()
        found = subjects(here.ports["PORT_IMAP"])
        assert [mark for mark in taken if found.count(mark) != 1] == []
        assert [mark for mark in tried if found.count(mark) > 1] == []
        assert here.look("scan", given=HELO)["hits"] == []
