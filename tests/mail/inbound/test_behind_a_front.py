"""Behind a city's own server (LMTP): its findings count where the settings say so, are told once, and are in the person's download."""

import io
import json
import zipfile

import pytest

from stadtmail.doors.console import maildoors
from stadtmail.mail import queries
from stadtmail.mail.actions import accounts, delivery
from stadtmail.mail.inbound.examining import Examiner
from stadtmail.rights import archive
from tests.doors.smtp.fakes import Client, Door, MailRoom
from tests.mail.conftest import form, opened
from tests.mail.inbound.test_examining import RAW

FRONT = "front.ahaus.net"
WORD = b"Authentication-Results: front.ahaus.net (Postfix);\r\n\tspf=pass smtp.mailfrom=peer.example smtp.remote-ip=198.51.100.7"
TOLD = WORD + b";\r\n\tdkim=pass (good) header.d=peer.example; dmarc=pass header.from=peer.example\r\n"
FORGED = b"Authentication-Results: FRONT.ahaus.net; dmarc=fail\r\nAuthentication-Results: mx.ahaus.net; dmarc=pass\r\n"
WRITTEN = (
    b"Authentication-Results: front.ahaus.net;\r\n\tspf=pass smtp.mailfrom=peer.example;\r\n\tdkim=pass header.d=peer.example;\r\n"
    b"\tdmarc=pass header.from=peer.example\r\n"
)


@pytest.fixture
def anna(ahaus, now) -> accounts.Opened:
    return accounts.open_account(form(), tenant=ahaus, now=now)


@pytest.fixture
def doors(dns, anna):
    """An SMTP or LMTP door as maildoors.py opens them, with a server in front whose word counts, or none."""
    ended = []

    def run(*, lmtp: bool, trusted: str = FRONT) -> Client:
        writer, room = delivery.Writer(names=maildoors._own_names("mx.ahaus.net", trusted)), MailRoom()
        writer.start()
        examiner = Examiner(dns.resolver(), "mx.ahaus.net", trusted=trusted if lmtp else "")
        room.recipient, room.deliver, room.examine = delivery.recipient, writer.submit, examiner.look  # type: ignore[method-assign,attr-defined]
        door = Door(room, allowed=["127.0.0.1/32"] if lmtp else None)
        ended.extend([door.close, examiner.close, writer.stop])
        client = door.client()
        client.reply()
        client.hello = b"LHLO front.ahaus.net" if lmtp else b"EHLO peer.example"  # type: ignore[attr-defined]
        return client

    yield run
    for end in ended:
        end()


def send(client: Client, raw: bytes) -> None:
    for line in (client.hello, b"MAIL FROM:<x@peer.example>", b"RCPT TO:<anna@ahaus.net>"):
        assert client.ask(line).startswith("250")
    assert client.ask(b"DATA").startswith("354")
    assert client.ask(raw + b".").startswith("250")
    client.close()


def lmtp(doors, raw: bytes, **more) -> None:
    send(doors(lmtp=True, **more), raw)


def stored(ahaus, anna) -> bytes:
    return b"".join(queries.raw(opened(ahaus, anna), 1, 2))


def download(ahaus, anna, now) -> list[dict]:
    whole = zipfile.ZipFile(io.BytesIO(b"".join(archive.archive(ahaus, anna.contract, now=now))))
    return json.loads(whole.read("nachrichten.json"))["messages"]


def test_its_word_counts_is_written_once_and_without_a_machine(doors, ahaus, anna) -> None:
    lmtp(doors, TOLD + FORGED + RAW)
    raw = stored(ahaus, anna)
    assert raw.count(b"Authentication-Results") == 1
    assert WRITTEN in raw
    assert raw.endswith(RAW)
    assert b"198.51.100.7" not in raw
    view = queries.message(opened(ahaus, anna), 1, 2)
    assert view.found.startswith("front.ahaus.net;\r\n\tspf=pass")


def test_where_no_server_in_front_is_trusted_nothing_of_it_is_believed(doors, ahaus, anna) -> None:
    lmtp(doors, TOLD + FORGED + RAW, trusted="")
    raw = stored(ahaus, anna)
    assert raw.count(b"Authentication-Results: mx.ahaus.net;") == 1
    view = queries.message(opened(ahaus, anna), 1, 2)
    assert view.found.startswith("mx.ahaus.net;")
    assert "dmarc=pass" not in view.found
    assert "spf=pass" not in view.found


def test_a_stranger_who_comes_by_smtp_cannot_speak_in_its_name(doors, ahaus, anna) -> None:
    send(doors(lmtp=False), TOLD + FORGED + RAW.replace(b"x@peer", b"x@open"))
    raw = stored(ahaus, anna)
    assert b"front.ahaus.net" not in raw.lower()
    view = queries.message(opened(ahaus, anna), 1, 2)
    assert "dmarc=pass" not in view.found
    assert view.found.startswith("mx.ahaus.net;")


def test_c61_what_was_found_about_each_message_is_in_the_download(doors, ahaus, anna, now) -> None:
    lmtp(doors, TOLD + RAW)
    send(doors(lmtp=False), RAW.replace(b"x@peer", b"x@open"))
    found = {one["uid"]: one["found"] for one in download(ahaus, anna, now)}
    words = "front.ahaus.net; spf=pass smtp.mailfrom=peer.example; dkim=pass header.d=peer.example; dmarc=pass header.from=peer.example"
    assert found[2] == words
    assert found[3].startswith("mx.ahaus.net; spf=fail smtp.mailfrom=peer.example;")
    assert found[1] == "own", "the welcome is the city's own"
