"""The queue's worker inside the role `work`: from the settings to a smarthost on this machine, and drained at its end."""

import time

import pytest

from stadtmail.doors.console.post import Post
from stadtmail.kit import clock
from stadtmail.mail.actions import outgoing
from stadtmail.mail.leaving import Leg
from tests.mail.outbound.conftest import MAIL
from tests.mail.outbound.sink import Sink


@pytest.mark.django_db(transaction=True, databases="__all__")
def test_what_is_enqueued_while_the_role_runs_is_carried(ahaus, monkeypatch) -> None:
    with Sink() as sink:
        monkeypatch.setenv("STADTMAIL_SMARTHOST", f"smtp://127.0.0.1:{sink.port}")
        with Post():
            for _ in range(3):
                outgoing.enqueue(ahaus, sender="", recipients=["a@example.org"], raw=MAIL, now=clock.now())
            until = time.monotonic() + 20
            while Leg.objects.exists() and time.monotonic() < until:
                time.sleep(0.05)
        assert len(sink.taken) == 3
    assert not Leg.objects.exists()
    assert "EHLO ahaus.net" in sink.lines
