"""Import from elsewhere: over the real IMAP door; hostile servers; what it was given is gone with its end."""

import shutil
import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta

import pytest

from stadtmail.kit import certificates, clock, config, instance
from stadtmail.mail import queries, views
from stadtmail.mail.actions import changing, filing, foldering, importing
from stadtmail.mail.importing import guard, remote, running
from stadtmail.mail.models import Import, Mailbox
from stadtmail.people import queries as people
from stadtmail.people.actions import credentials
from stadtmail.privacy import scan, sweep, units
from stadtmail.privacy.models import Unit
from tests.dns import FakeDns
from tests.doors.imap.conftest import PASSWORD, Door
from tests.mail.conftest import every_byte, opened

SECRET = "Fremdpasswort-Kanarie-77"


@pytest.fixture
def o(ahaus, anna) -> queries.Opened:
    return opened(ahaus, anna)


@pytest.fixture
def tls_port(ahaus, ben):
    """Ben's mailbox behind the real door, with a certificate that names localhost."""
    credentials.set_mail_login(people.contract(ahaus, ben.contract), tenant=ahaus, on=True)
    chain, key = certificates.paths(["localhost"])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    door = Door(context)
    yield door.ports[1]
    door.close()


def mail(number: int, text: str = "Text", **headers: str) -> bytes:
    more = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"From: a@b.example\r\nSubject: Brief {number}\r\nMessage-ID: <{number}@alt.example>\r\n{more}\r\n{text}\r\n".encode()


def fill(o: queries.Opened, folder: str, raws, flags: int = 0, at=None) -> None:
    place = views.named(o, folder).id
    filing.append(o, place, [filing.New(raw, flags, at or datetime(2020, 5, 4, 3, 2, 1, tzinfo=UTC)) for raw in raws], now=clock.now())


def begin(o, port: int, *, user="ben@ahaus.net", password=PASSWORD, host="localhost") -> None:
    importing.begin_imap(o, host=host, port=port, user=user, password=password, lang="de", now=clock.now())


def work(*, expect: int = 1) -> None:
    rows = importing.claim(clock.now(), most=5)
    assert len(rows) == expect
    for row in rows:
        running.work(row)


def report(o) -> str:
    """The message that says what came of it."""
    rows = [row for row in queries.page(o, 1) if row.subject == "Ihre Übernahme von Nachrichten"]
    return (queries.message(o, 1, rows[0].uid).text or "") if rows else ""


def subjects(o, folder: int) -> list[str]:
    return sorted(row.subject for row in queries.page(o, folder, count=500) if row.subject.startswith("Brief"))


def test_a_mailbox_moves_with_folders_flags_and_dates(ahaus, anna, ben, o, tls_port, now) -> None:
    theirs = opened(ahaus, ben)
    fill(theirs, "INBOX", [mail(1, "Ä" * 10), mail(2)], flags=1 | 4)
    foldering.create(theirs, "Verein/Kasse & Bücher", now=now)
    fill(theirs, "Verein/Kasse & Bücher", [mail(3)])
    fill(theirs, next(one.name for one in views.states(theirs) if one.role == "sent"), [mail(4)])
    bits = changing.keyword_bits(theirs, ["$Forwarded", "wichtig"], now=now)
    changing.store_flags(theirs, views.named(theirs, "Verein/Kasse & Bücher").id, [1], how="+", flags=bits, now=now)
    begin(o, tls_port)
    work()
    assert subjects(o, 1) == ["Brief 1", "Brief 2"]
    assert subjects(o, next(one.number for one in views.states(o) if one.role == "sent")) == ["Brief 4"]
    place = views.named(o, "Verein/Kasse & Bücher")
    (row,) = queries.page(o, place.number)
    words = queries.keywords(o)
    (_, flags, _) = views.changes(place.id, since=0)[0]
    assert {name for bit, name in words.items() if flags >> bit & 1} == {"$Forwarded", "wichtig"}
    assert row.date == datetime(2020, 5, 4, 3, 2, 1, tzinfo=UTC)
    first = next(row for row in queries.page(o, 1) if row.subject == "Brief 1")
    assert {"\\Seen", "\\Flagged"} <= set(first.flags)
    assert b"".join(queries.raw(o, 1, first.uid)) == mail(1, "Ä" * 10)
    assert "Übernommen: 5" in report(o)  # with Ben's welcome
    assert Import.objects.count() == 0


def test_c41_credentials_are_sealed_while_it_runs_and_gone_with_its_end(ahaus, o, tls_port, now) -> None:
    credentials_of = {"user": "Fremdname-Kanarie-77", "password": SECRET}
    begin(o, tls_port, **credentials_of)
    (row,) = Import.objects.all()
    assert importing.secret(row)["password"] == SECRET
    assert not [name for name, data in every_byte() if SECRET.encode() in data or b"Fremdname-Kanarie" in data]
    work()
    assert "nicht angenommen" in report(o)
    assert Unit.objects.filter(category="IMPORT").count() == 0
    with pytest.raises(units.Gone):
        importing.secret(row)
    assert scan.run([SECRET, "Fremdname-Kanarie-77"], now=now).hits == []


def test_c41_it_ends_after_a_day_whatever_happens(o, now) -> None:
    begin(o, 993, host="imap.elsewhere.example", password=SECRET)
    assert sweep.run(clock.now() + timedelta(hours=23)).erased == 0
    assert sweep.run(clock.now() + timedelta(hours=24, minutes=1)).erased == 1
    assert Import.objects.count() == 0


def test_what_is_here_already_is_not_taken_twice(ahaus, ben, o, tls_port) -> None:
    fill(opened(ahaus, ben), "INBOX", [mail(1), mail(2), mail(2), b"Subject: Brief ohne\r\n\r\nohne Kennung\r\n"])
    for _ in range(2):
        begin(o, tls_port)
        work()
    assert subjects(o, 1) == ["Brief 1", "Brief 2", "Brief ohne"]


def test_killed_anywhere_it_goes_on_without_doubles(ahaus, ben, o, tls_port, monkeypatch) -> None:
    fill(opened(ahaus, ben), "INBOX", [mail(number) for number in range(30)])
    monkeypatch.setattr(running, "PORTION", 4)
    begin(o, tls_port)
    append, notes = filing.append, importing.note
    calls = iter(range(10_000))

    class Killed(BaseException):
        pass

    def dies(real):
        def run(*args, **kwargs):
            done = real(*args, **kwargs)
            if (number := next(calls)) % 3 == 2 and number < 60:
                raise Killed
            return done

        return run

    monkeypatch.setattr(filing, "append", dies(append))
    monkeypatch.setattr(importing, "note", dies(notes))
    for _ in range(60):
        Import.objects.update(lease_until=None)
        rows = importing.claim(clock.now(), most=1)
        if not rows:
            break
        try:
            running.work(rows[0])
        except Killed:
            continue
    assert len(subjects(o, 1)) == 30
    assert Import.objects.count() == 0


def test_quota_is_respected(ahaus, ben, o, tls_port) -> None:
    fill(opened(ahaus, ben), "INBOX", [mail(number, "x" * 5000) for number in range(10)])
    used, _ = views.quota(o)
    Mailbox.objects.filter(id=o.mailbox.id).update(quota_bytes=used + 20_000)
    begin(o, tls_port)
    work()
    used, quota = views.quota(o)
    assert used <= quota
    assert Import.objects.count() == 0


def test_stopping_ends_it_and_its_secret(o, now) -> None:
    begin(o, 993, host="imap.elsewhere.example", password=SECRET)
    with pytest.raises(importing.ImportRuns):
        begin(o, 993)
    row = Import.objects.select_related("unit").get()
    importing.stop(o, now=clock.now())
    assert importing.progress(o, now=clock.now()) is None
    with pytest.raises(units.Gone):  # whoever was about to work on it
        importing.secret(row)
    assert scan.run([SECRET], now=now).hits == []
    importing.stop(o, now=clock.now())  # idempotent
    begin(o, 993, host="imap.elsewhere.example")


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "192.168.0.1", "172.16.9.9", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1", "255.255.255.255",
     "::1", "::", "fe80::1%eth0", "fc00::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::1",
     "2001:0:1::80ff:fffe", "192.0.2.1", "2001:db8::1", "240.0.0.1"],
)  # fmt: skip
def test_no_address_of_ours_is_public(address) -> None:
    assert not guard.is_public(address)


def test_addresses_of_the_internet_are() -> None:
    assert all(guard.is_public(one) for one in ("9.9.9.9", "2620:fe::fe", "64:ff9b::909:909"))


def test_a_production_instance_never_connects_inside(monkeypatch) -> None:
    """By name, by number, by a name that has one good address and one bad, and on no other port."""
    monkeypatch.setattr(instance.Instance, "is_test", property(lambda _: False))
    asked = []
    monkeypatch.setattr(socket, "create_connection", lambda *args, **_: asked.append(args))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **_: asked.append(args))  # the system's name server is asked nothing
    zones = {"localhost": {"A": ["127.0.0.1"]}, "mixed.example": {"A": ["9.9.9.9", "10.0.0.1"]}, "good.example": {"A": ["9.9.9.9"]},
             "six.example": {"A": ["9.9.9.9"], "AAAA": ["fd00::1"]}}  # fmt: skip
    with FakeDns(zones) as names:
        monkeypatch.setenv("STADTMAIL_RESOLVER", names.address)
        for host in ("localhost", "127.0.0.1", "[::1]", "::1", "0x7f000001", "2130706433", "", "a..b", "mixed.example", "six.example"):
            with pytest.raises((guard.NotPublic, guard.NoSuchServer)):
                guard.address_of(host, 993)
        assert guard.address_of("good.example", 993) == ("9.9.9.9", 993)
        for port in (22, 25, 80, 443, 6379, 2993):
            with pytest.raises(guard.NotPublic):
                guard.address_of("good.example", port)
    assert asked == []


class Hostile:
    """A server on loopback that answers each line by a function of it, over TLS with our certificate."""

    def __init__(self, answer, *, names=("localhost",)) -> None:
        chain, key = certificates.paths(list(names))
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(chain, key)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port, self.answer = self.listener.getsockname()[1], answer
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                plain, _ = self.listener.accept()
                threading.Thread(target=self._talk, args=(plain,), daemon=True).start()
            except OSError:
                return

    def _talk(self, plain) -> None:
        try:
            with self.context.wrap_socket(plain, server_side=True) as sock, sock.makefile("rb") as file:
                sock.sendall(b"* OK [CAPABILITY IMAP4rev1] hello\r\n")
                while line := file.readline():
                    tag, _, rest = line.strip().partition(b" ")
                    for piece in self.answer(rest.upper()):
                        sock.sendall(piece.replace(b"TAG", tag))
        except OSError:
            return

    def close(self) -> None:
        self.listener.close()


def polite(special):
    """The usual answers, but for commands that `special` answers."""

    def answer(command: bytes):
        for start, lines in special.items():
            if command.startswith(start):
                return lines
        if command.startswith(b"LIST"):
            return [b'* LIST () "/" INBOX\r\nTAG OK\r\n']
        if command.startswith((b"EXAMINE", b"SELECT")):
            return [b"* 1 EXISTS\r\n* OK [UIDVALIDITY 7] x\r\nTAG OK [READ-ONLY]\r\n"]
        if command.startswith(b"UID SEARCH"):
            return [b"* SEARCH 1\r\nTAG OK\r\n"]
        return [b"TAG OK\r\n"]

    return answer


ENDLESS = (b"* 1 EXISTS\r\n" * 10_000 for _ in range(100_000))
ANSWERS = {
    "endless literal": {b"UID FETCH": [b"* 1 FETCH (UID 1 RFC822.SIZE 5 BODY[] {99999999999}\r\n"]},
    "endless untagged": {b"LIST": ENDLESS},
    "endless line": {b"LIST": [b"* LIST () " + b"x" * 20_000_000]},
    "garbage": {b"LIST": [b"\x00\xff\xfe{}\r\n* \r\nTAG OK\r\n"], b"EXAMINE": [b"TAG BAD\r\n"]},
    "strange folders": {b"LIST": [b'* LIST () "/" "../../etc"\r\n* LIST () NIL {3}\r\na"b\r\n* LIST (\\All) "/" all\r\nTAG OK\r\n']},
    "strange numbers": {b"UID SEARCH": [b"* SEARCH 0 99999999999999999999 -1 x 1\r\nTAG OK\r\n"],
                        b"UID FETCH": [b"* 1 FETCH (UID 4294967297 RFC822.SIZE x FLAGS () BODY[] {0}\r\n)\r\nTAG OK\r\n"]},
    "no": {b"EXAMINE": [b"TAG NO\r\n"]},
    "hangs up": {b"UID": [b"* BYE\r\n"]},
}  # fmt: skip


@pytest.mark.parametrize("name", ANSWERS)
def test_a_hostile_server_makes_it_end_and_nothing_else(ahaus, o, name, monkeypatch) -> None:
    monkeypatch.setattr(remote, "MOST_ANSWER", 4 * 1024 * 1024)
    monkeypatch.setattr(remote, "SECONDS", 2.0)
    server = Hostile(polite(ANSWERS[name]))
    try:
        begin(o, server.port)
        work()
    finally:
        server.close()
    assert subjects(o, 1) == []
    assert all(".." not in one.name for one in views.states(o))


def test_a_certificate_of_another_name_is_refused(o) -> None:
    server = Hostile(polite({}), names=("other.example",))
    try:
        begin(o, server.port)
        work()
    finally:
        server.close()
        shutil.rmtree(config.load().data / "tls", ignore_errors=True)
    assert "Zertifikat" in report(o)
