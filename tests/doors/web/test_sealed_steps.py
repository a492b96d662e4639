"""A sealed mailbox and a log-in in two steps: what the password opened waits in RAM, sealed, for the second step alone (C-4.7)."""

from base64 import b64encode
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connections

from stadtmail.kit import clock, config
from stadtmail.mail import queries, wraps
from stadtmail.mail.actions import sealed
from stadtmail.people import queries as people
from stadtmail.usage import folder, halfway, sessions, volatile
from tests.doors.web import cast
from tests.doors.web import test_second_factor as steps
from tests.doors.web.browsing import Browser

secret = steps.secret
pytestmark = pytest.mark.usefixtures("still_clock")
MAIL = b"From: Vera <vera@elsewhere.example>\r\nTo: anna.k@ahaus.net\r\nSubject: Mohnblume 77\r\n\r\nKornblume 99\r\n"


def lies(secret: bytes) -> list[str]:
    """Names of the files, in RAM and on the disk, in which it lies as it is or in an encoding."""
    connections.close_all()
    wanted = (secret, secret.hex().encode(), b64encode(secret)[: len(secret) // 3 * 4])
    places = [*Path(folder.current()).rglob("*"), *Path(config.load().data).rglob("*")]
    return [path.name for path in places if path.is_file() and any(one in path.read_bytes() for one in wanted)]


def test_it_opens_after_the_second_step_and_not_before(ahaus, contract, secret, now) -> None:
    cast.deliver(MAIL, steps.ADDRESS, now=now)
    made = sealed.seal_mailbox(contract, tenant=ahaus, password=cast.PASSWORD, now=clock.now())
    (half,) = made.halves.values()
    browser = Browser()
    page = steps.first_step(browser)
    assert volatile.count("halfway", clock.now()) == 1
    assert lies(half) == []
    assert wraps.packed(made.halves) not in page.form("schritt").values.values()
    assert not steps.is_in(browser)
    browser.send(page.form("schritt"), status=302, code=steps.at(secret))
    assert "Mohnblume 77" in browser.get("/postfach").text
    assert volatile.count("halfway", clock.now()) == 0
    assert queries.is_sealed(queries.mailbox_of(ahaus, contract.id))


def test_what_waits_is_taken_once_in_its_city_and_in_its_time(ahaus, musterstadt, contract, now) -> None:
    kept = {"tenant": ahaus.id, "person": contract.person_id, "until": now + timedelta(minutes=5)}
    assert halfway.keep({}, **kept) == ""
    token = halfway.keep({"half": "KANARIENVOGEL"}, **kept)
    assert lies(b"KANARIENVOGEL") == []
    assert halfway.take(token, tenant=musterstadt.id, now=now) == {}
    token = halfway.keep({"half": "KANARIENVOGEL"}, **kept)
    assert halfway.take("x" * 43, tenant=ahaus.id, now=now) == {}
    assert halfway.take(token, tenant=ahaus.id, now=now) == {"half": "KANARIENVOGEL"}
    assert halfway.take(token, tenant=ahaus.id, now=now) == {}
    late = halfway.keep({"half": "KANARIENVOGEL"}, **kept)
    assert halfway.take(late, tenant=ahaus.id, now=now + timedelta(minutes=5)) == {}
    ended = halfway.keep({"half": "KANARIENVOGEL"}, **kept)
    sessions.end_person(ahaus.id, people.contract(ahaus, contract.id).person_id)
    assert halfway.take(ended, tenant=ahaus.id, now=now) == {}
