"""One resident whose programs plant something at every door of the mail engine: each thing that a program can say is a canary."""

import base64
import contextlib
import imaplib
import io
import smtplib
import time
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

from tests.doors.sieve.conftest import Client as SieveClient
from tests.doors.submission.scram import proof
from tests.journeys.people import OVERVIEW, Resident
from tests.journeys.post import trusting
from tests.journeys.running import Running

FAR = "peer.example"  # the demo sends nothing there: it waits, is held, and comes back after five days


@dataclass
class Planter:
    """Plants as one resident. `kept`: what lies sealed while they live; `heard`: what is read and kept nowhere, sealed or not."""

    here: Running
    resident: Resident
    app: str = ""
    kept: list[str] = field(default_factory=list)
    heard: list[str] = field(default_factory=list)

    def keep(self, name: str) -> str:
        """A canary that the resident finds again."""
        return self._planted(self.kept, name)

    def hear(self, name: str) -> str:
        """A canary that nobody has a reason to keep."""
        return self._planted(self.heard, name)

    def _planted(self, where: list[str], name: str) -> str:
        token = f"{name}{self.resident.mark}"
        if token not in where:
            where.append(token)
        return token

    def letter(self, door: str, *, sender: str = "", large: bool = False) -> bytes:
        """A message full of canaries: subject, names, text, HTML, file name, content."""
        sender = sender or f"{self.keep(f'absender{door}')}@{FAR}"
        parts = [
            f"From: {self.keep(f'anzeige{door}')} <{sender}>", f"To: {self.resident.address}", f"Subject: {self.keep(f'betreff{door}')}",
            f"Message-ID: <{self.keep(f'nummer{door}')}@{FAR}>", f"X-Eigenes: {self.keep(f'zeile{door}')}", "MIME-Version: 1.0",
            'Content-Type: multipart/mixed; boundary="grenze"', "", "--grenze", "Content-Type: text/plain; charset=utf-8", "",
            self.keep(f"inhalt{door}"), "--grenze", f'Content-Type: application/pdf; name="{self.keep(f"datei{door}")}.pdf"',
            "Content-Disposition: attachment", "Content-Transfer-Encoding: base64", "",
            base64.b64encode(self.keep(f"anhang{door}").encode() + (b"x" * 300_000 if large else b"")).decode(), "--grenze--", "",
        ]  # fmt: skip
        return "\r\n".join(parts).encode()

    def make_app_password(self) -> None:
        """On the page for mail programs, with a name that is a canary."""
        browser = self.resident.browser
        form = browser.get(f"{OVERVIEW}/mailprogramme").form("mailprogramme")
        label = self.keep("geraet")
        page = browser.send(form, label=label, imap="1", submission="1", sieve="1", password=self.resident.password)
        (self.app,) = page.codes.values()
        self.heard += dict.fromkeys([self.app, self.app.replace("-", "")])
        switch = browser.get(f"{OVERVIEW}/mailprogramme/loginpasswort").form("loginpasswort")
        browser.send(switch, status=302, step="on", password=self.resident.password)

    def receive(self) -> None:
        """SMTP in and LMTP, small and large."""
        to = self.resident.address
        for port, kind in ((self.here.smtp, smtplib.SMTP), (self.here.ports["PORT_LMTP"], smtplib.LMTP)):
            door = kind.__name__.lower()
            with kind("127.0.0.1", port, local_hostname=f"{self.keep('helo' + door)}.example") as client:
                for large in (False, True):
                    sender = f"{self.keep(f'huelle{door}{large}')}@{FAR}"
                    client.sendmail(sender, [to.replace("@", f"+{self.keep('plus' + door)}@")], self.letter(f"{door}{large}", large=large))
                with contextlib.suppress(smtplib.SMTPRecipientsRefused):
                    client.sendmail(sender, [f"{self.hear('niemand' + door)}@ahaus.net"], b"x")
                client.docmd("VRFY", self.hear("vrfy" + door))
                client.docmd(self.hear("befehl" + door))
        client = smtplib.SMTP("127.0.0.1", self.here.smtp)  # broken off in the middle
        client.ehlo()
        client.mail(f"{self.hear('abbruch')}@{FAR}")
        client.rcpt(to)
        client.docmd("DATA")
        client.sock.sendall(f"Subject: {self.hear('halb')}\r\n\r\n".encode() + b"y" * 200_000)
        client.close()

    def send(self) -> None:
        """Submission, both ports, every mechanism; to elsewhere (held) and to oneself; with what a DSN would say."""
        for number, mechanism in enumerate(("PLAIN", "LOGIN", "SCRAM")):
            name = f"{self.hear('laptop' + mechanism.lower())}.invalid"
            with self._submission(number % 2 == 0, name) as client:
                with contextlib.suppress(smtplib.SMTPException):
                    client.login(self.resident.address, self.hear("falsch" + mechanism.lower()))
                self._log_in(client, mechanism)
                door = f"aus{mechanism.lower()}"
                raw = self.letter(door, sender=self.resident.address, large=number == 0)
                raw = f"Bcc: {self.hear('blind' + mechanism.lower())}@{FAR}\r\n".encode() + raw
                options = [f"ENVID={self.keep('kennung' + door)}", "RET=FULL"]
                to = [f"{self.keep('ziel' + door)}@{FAR}", self.resident.address]
                client.sendmail(self.resident.address, to, raw, options, ["NOTIFY=SUCCESS,FAILURE,DELAY", f"ORCPT=rfc822;{to[0]}"])

    def _submission(self, with_tls: bool, name: str) -> smtplib.SMTP:
        if with_tls:
            return smtplib.SMTP_SSL("127.0.0.1", self.here.ports["PORT_SUBMISSIONS"], local_hostname=name, context=trusting())
        client = smtplib.SMTP("127.0.0.1", self.here.ports["PORT_SUBMISSION"], local_hostname=name)
        client.starttls(context=trusting())
        client.ehlo()
        return client

    def _log_in(self, client: smtplib.SMTP, mechanism: str) -> None:
        client.user, client.password = self.resident.address, self.app
        if mechanism == "PLAIN":
            client.auth("PLAIN", client.auth_plain)
        elif mechanism == "LOGIN":
            client.auth("LOGIN", client.auth_login)
        else:
            bare = f"n={self.resident.address},r={self.hear('nonce')}"
            _, said = client.docmd("AUTH", "SCRAM-SHA-256 " + base64.b64encode(f"n,,{bare}".encode()).decode())
            challenge = base64.b64decode(said).decode()
            without = f"c=biws,r={challenge.split(',')[0].removeprefix('r=')}"
            mine, _ = proof(self.app, bare, challenge, without)
            client.docmd(base64.b64encode(f"{without},p={base64.b64encode(mine).decode()}".encode()).decode())
            assert client.docmd("")[0] == 235

    def read(self) -> None:
        """IMAP: ID, wrong logins, folders, keywords, searches, APPEND, COPY, MOVE, expunge."""
        with contextlib.suppress(imaplib.IMAP4.error), self._imap() as client:
            client.login(f"{self.hear('fremd')}@ahaus.net", self.hear("ratewort"))
        with self._imap() as client:
            client.login(self.resident.address, self.app)
            client.xatom("ID", f'("name" "{self.hear("programm")}" "os" "{self.hear("system")}")')
            folder, second = self.keep("ordner"), self.keep("zweiter")
            assert client.create(folder)[0] == "OK"
            assert client.create(f"{folder}/{second}")[0] == "OK"
            for name, raw in ((folder, self.letter("append")), ("INBOX", self.letter("gross", large=True))):
                assert client.append(name, f"({self.keep('wortappend')})", None, raw)[0] == "OK"
            client.select("INBOX")
            assert client.store("1:*", "+FLAGS", f"({self.keep('schlagwort')})")[0] == "OK"
            assert client.copy("1:3", folder)[0] == "OK"
            assert client._simple_command("MOVE", "2", f"{folder}/{second}")[0] == "OK"
            client.search(None, "TEXT", self.hear("suche"))
            client.search(None, "HEADER", self.hear("feldname"), self.hear("feldwert"))
            client.sort("(DATE)", "UTF-8", "BODY", self.hear("sortier"))
            assert client.append("INBOX", "(\\Deleted)", None, self.letter("geloescht"))[0] == "OK"
            client.expunge()
            short = self.keep("kurzer")
            assert client.create(short)[0] == "OK"
            assert client.delete(short)[0] == "OK"
            client.select(self.hear("keinordner"))
            with contextlib.suppress(imaplib.IMAP4.error):
                client.xatom(self.hear("unsinn").upper())

    def _imap(self) -> imaplib.IMAP4:
        return imaplib.IMAP4_SSL("127.0.0.1", self.here.ports["PORT_IMAPS"], ssl_context=trusting())

    def filter(self) -> None:
        """ManageSieve: names and texts; a reply of absence, a forwarding that waits for its confirmation, a refusal; mail to each."""
        client = SieveClient(self.here.ports["PORT_SIEVE"])
        client.answer()
        assert client.ask("STARTTLS")[-1].startswith(b"OK")
        client.encrypt()
        client.answer()
        assert client.login(self.resident.address, self.hear("sievefalsch")).startswith(b"NO")
        assert client.login(self.resident.address, self.app).startswith(b"OK")
        text = f'''require ["vacation", "reject", "fileinto", "mailbox", "variables", "copy"];
            # {self.keep("kommentar")}
            if header :contains "subject" "{self.keep("abweisen")}" {{ reject "{self.keep("grund")}"; stop; }}
            if header :contains "subject" "{self.keep("weiter")}" {{ redirect :copy "{self.keep("umzug")}@{FAR}"; }}
            set "wort" "{self.keep("variable")}";
            fileinto :create :copy "{self.keep("filterordner")}";
            vacation :days 3 :subject "{self.keep("abwesend")}" "{self.keep("urlaub")}";'''
        name = self.keep("skript").encode()
        assert client.ask("PUTSCRIPT {} {}", name, text.encode())[-1].startswith(b"OK")
        assert client.ask("SETACTIVE {}", name)[-1].startswith(b"OK")
        client.ask("CHECKSCRIPT {}", f'redirect "{self.hear("geprueft")}@{FAR}";'.encode())
        client.ask("GETSCRIPT {}", self.hear("keinskript").encode())
        client.ask("PUTSCRIPT {} {}", self.hear("kaputt").encode(), f"if {self.hear('syntax')} {{".encode())
        client.close()
        with smtplib.SMTP("127.0.0.1", self.here.smtp) as post:
            for number, word in enumerate(("abweisen", "weiter", "sonst")):
                subject = f"{word}{self.resident.mark}"
                sender = f"{self.keep(f'schreibt{number}')}@{FAR}"
                raw = f"From: {sender}\r\nTo: {self.resident.address}\r\nSubject: {subject}\r\n\r\n{self.keep(f'gefiltert{number}')}\r\n"
                with contextlib.suppress(smtplib.SMTPDataError):
                    post.sendmail(sender, [self.resident.address], raw.encode())

    def take_over(self) -> None:
        """Import: an mbox and a zip; credentials of a provider that cannot be reached."""
        browser = self.resident.browser
        mbox = b"From x@y Thu Jan  1 00:00:00 2026\n" + self.letter("mbox").replace(b"\r\n", b"\n") + b"\n"
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr(f"{self.keep('zipordner')}/{self.hear('zipdatei')}.eml", self.letter("zip"))
        for raw, name in ((mbox, "mboxdatei"), (packed.getvalue(), "zipname")):
            action = browser.get("/postfach/importieren").form("importieren/datei").action
            body = (
                (
                    f'--teil\r\nContent-Disposition: form-data; name="file"; filename="{self.hear(name)}"\r\n'
                    "Content-Type: application/octet-stream\r\n\r\n"
                ).encode()
                + raw
                + b"\r\n--teil--\r\n"
            )
            browser.ask("POST", action, body, status=302, **{"Content-Type": "multipart/form-data; boundary=teil"})
            self._wait_for_import()
        form = browser.get("/postfach/importieren").form("importieren")
        given = {"host": f"{self.hear('anbieter')}.example", "user": self.hear("anbietername"), "password": self.hear("anbieterwort")}
        browser.send(form, status=302, step="imap", port="993", **given)
        self._wait_for_import()

    def _wait_for_import(self) -> None:
        """Until the page offers the next one."""
        until = time.monotonic() + 120
        while not any("host" in one.names for one in self.resident.browser.get("/postfach/importieren").forms):
            assert time.monotonic() < until
            time.sleep(0.5)

    def look_around(self) -> None:
        """The web: searches, addresses that do not exist, a wrong login, a further address."""
        browser = self.resident.browser
        form = browser.get("/postfach/suchen").form("suchen")
        browser.send(form, status=302, text=self.hear("websuche"), sender=self.hear("webvon"), name=self.hear("webdatei"))
        browser.raw(f"/{self.hear('pfad')}?q={self.hear('frage')}", status=404)
        browser.login(f"{self.hear('webname')}@ahaus.net", self.hear("webwort"), status=403)
        self.here.look("alias", self.resident.address, self.keep("weitere."))

    def everywhere(self) -> None:
        """All of it."""
        for plant in (self.make_app_password, self.receive, self.send, self.read, self.filter, self.take_over, self.look_around):
            plant()


def lying(folders: list[Path], tokens: list[str]) -> list[tuple[str, str]]:
    """(file, token) of every token that lies in clear, in base64 or in hex in any file. Knows nothing of the program's own scan."""
    forms = [(token, form) for token in tokens for form in _forms(token.encode())]
    found = []
    for folder in folders:
        for path in folder.rglob("*"):
            if path.is_file() and not path.is_socket():
                data = path.read_bytes().lower()
                found += [(str(path.relative_to(folder)), token) for token, form in forms if form in data]
    return found


def _forms(plain: bytes) -> list[bytes]:
    shifted = [base64.b64encode(b" " * n + plain)[4:-4].lower() for n in range(3)]
    return [plain.lower(), plain.hex().encode(), plain.decode().encode("utf-16-le").lower(), *shifted]
