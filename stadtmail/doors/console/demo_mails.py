"""The mail that the demo's people have received: plain, HTML with a remote picture that must not load, and an attachment."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.utils import format_datetime

_HTML = """<html><body style="font-family: sans-serif"><h1>Sommerfest im Schlossgarten</h1>
<p>Liebe Ahauserinnen und Ahauser, am <b>Samstag</b> um 15 Uhr beginnt das Fest.</p>
<p><img src="https://bilder.example/zaehlpixel.gif" width="1" height="1" alt=""><a href="https://fest.example/programm">Zum Programm</a></p>
<script>document.title = "nicht ausgeführt"</script></body></html>"""


def mails(now: datetime) -> Iterator[tuple[str, bytes]]:
    """(recipient, message) of everything that lies in the demo's mailboxes at the beginning."""
    for number, (to, message) in enumerate(_messages()):
        message["To"] = to
        message["Date"] = format_datetime(now - timedelta(hours=3 * (number + 1)))
        message["Message-ID"] = f"<demo-{number}@stadtmail.example>"
        yield to, message.as_bytes()


def _messages() -> Iterator[tuple[str, EmailMessage]]:
    yield "anna@ahaus.net", _plain(
        "Ben Wissing <ben@ahaus.net>", "Radtour am Sonntag",
        "Hallo Anna,\n\nwir treffen uns um 10 Uhr am Schloss. Bringst du die Karte mit?\n\nViele Grüße\nBen\n",
    )  # fmt: skip
    festival = _plain("Kulturamt <kultur@fest.example>", "Einladung zum Sommerfest", "Am Samstag um 15 Uhr im Schlossgarten.\n")
    festival.add_alternative(_HTML, subtype="html")
    yield "anna@ahaus.net", festival
    minutes = _plain(
        "Sportverein <vorstand@verein.example>", "Protokoll der Jahreshauptversammlung",
        "Liebe Mitglieder,\n\nim Anhang das Protokoll.\n\nDer Vorstand\n",
    )  # fmt: skip
    minutes.add_attachment("Protokoll\n\n1. Begrüßung\n2. Kassenbericht\n3. Wahlen\n", filename="Protokoll-Jahreshauptversammlung.txt")
    yield "ben@ahaus.net", minutes
    yield "ben@ahaus.net", _plain(
        "Clara Muster <clara@musterstadt.example>", "Grüße aus Musterstadt", "Lieber Ben,\n\nbei uns gibt es das jetzt auch.\n\nClara\n"
    )
    yield "clara@musterstadt.example", _plain(
        "Stadtbücherei <ausleihe@buecherei.example>", "Ihre Vormerkung liegt bereit", "Guten Tag,\n\nIhr Buch liegt bis Freitag bereit.\n"
    )


def _plain(sender: str, subject: str, text: str) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["Subject"] = sender, subject
    message.set_content(text)
    return message
