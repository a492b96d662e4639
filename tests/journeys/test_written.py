"""Anna writes to Ben on the web without JavaScript; Ben answers; Anna reads it in a mail program. And the power goes."""

import imaplib
import re
import time
from email import message_from_bytes, policy
from html import unescape
from uuid import uuid4

import pytest

from tests.journeys.browsing import Browser
from tests.journeys.running import PASSWORD, Running, running

pytestmark = pytest.mark.timeout(600)


def form_of(body: bytes) -> tuple[str, dict[str, str]]:
    """Where the form for writing goes, and what it sends untouched."""
    found = re.search(r'<form method="post" action="([^"]*)"[^>]*data-compose.*?</form>', body.decode(), re.S)
    assert found, body.decode()[-2000:]
    inputs = re.findall(r'<input [^>]*?name="(\w+)"[^>]*?value="([^"]*)"', found[0])
    values = {name: unescape(value) for name, value in inputs if name not in ("day", "time")}
    values["text"] = unescape(re.search(r"<textarea[^>]*>\n(.*?)</textarea>", found[0], re.S)[1])  # type: ignore[index]
    values["sender"] = unescape(re.search(r'<option value="([^"]*)" selected', found[0])[1])  # type: ignore[index]
    return unescape(found[1]), values


def press(browser: Browser, body: bytes, step: str, file: tuple[str, bytes] | None = None, **values: str) -> tuple[str, bytes]:
    """Send the form as a browser does, and follow. Returns where that led, and the page."""
    action, given = form_of(body)
    mark = uuid4().hex
    parts = [f'--{mark}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
             for name, value in {**given, **values, "step": step}.items()]  # fmt: skip
    name, content = file or ("", b"")
    head = f'--{mark}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\nContent-Type: text/html\r\n\r\n'
    parts.append(head.encode() + content + b"\r\n")
    kind = f"multipart/form-data; boundary={mark}"
    whole = b"".join([*parts, f"--{mark}--\r\n".encode()]).decode("latin-1")  # which is how the client encodes it again
    answer = browser.ask("POST", action, whole, status=302, **{"Content-Type": kind})
    at = answer.headers["Location"]
    return at, browser.raw(at).content


def inbox(here: Running, name: str) -> list[bytes]:
    with imaplib.IMAP4("127.0.0.1", here.ports["PORT_IMAP"]) as client:
        client.login(f"{name}@ahaus.net", PASSWORD)
        client.select("INBOX")
        _, found = client.fetch("1:*", "(BODY.PEEK[])")
        return [part[1] for part in found if isinstance(part, tuple)]


def waited(look, seconds: int = 60):
    """The first answer that is one."""
    until = time.monotonic() + seconds
    while not (found := look()) and time.monotonic() < until:
        time.sleep(0.5)
    return found


def with_subject(here: Running, name: str, subject: str) -> list[bytes]:
    mails = [(message_from_bytes(raw, policy=policy.default)["Subject"], raw) for raw in inbox(here, name)]
    return [raw for found, raw in mails if found == subject]


@pytest.mark.long
def test_a_letter_with_a_file_and_its_answer() -> None:
    with running() as here:
        anna, ben = Browser(here.web), Browser(here.web)
        anna.login("anna@ahaus.net", PASSWORD)
        ben.login("ben@ahaus.net", PASSWORD)
        _, page = press(anna, anna.raw("/postfach/schreiben").content, "attach", ("liste.txt", b"Aepfel\r\nBirnen"), to="ben@ahaus.net")
        at, page = press(anna, page, "send", subject="Einkauf", text="Hallo Ben, siehe Anhang.")
        assert "Rückgängig" in page.decode()
        (raw,) = waited(lambda: with_subject(here, "ben", "Einkauf"))
        assert "Gesendet" in anna.raw(at).content.decode()
        mail = message_from_bytes(raw, policy=policy.default)
        assert [(part.get_filename(), part.get_content()) for part in mail.iter_attachments()] == [("liste.txt", "Aepfel\r\nBirnen")]
        assert "127.0.0.1" not in raw.decode("utf-8", "replace")
        link = next(link for link in ben.get("/postfach").links if re.fullmatch(r"/postfach/1/\d+", link))
        body = ben.raw(f"{link}/antworten").content
        assert "> Hallo Ben, siehe Anhang." in form_of(body)[1]["text"]
        press(ben, body, "send", text="Danke!")
        (answer,) = waited(lambda: with_subject(here, "anna", "Re: Einkauf"))
        read = message_from_bytes(answer, policy=policy.default)
        assert read["In-Reply-To"] == mail["Message-ID"]
        assert read.get_body().get_content().strip() == "Danke!"


@pytest.mark.long
def test_what_was_sent_on_the_web_is_there_once_although_the_power_went() -> None:
    with running() as here:
        anna = Browser(here.web)
        anna.login("anna@ahaus.net", PASSWORD)
        wanted = [f"Strom {number}" for number in range(4)]
        for subject in wanted:
            press(anna, anna.raw("/postfach/schreiben").content, "send", to="ben@ahaus.net", subject=subject, text=subject)
        time.sleep(9)
        for _ in range(3):  # around the moment at which they are sent
            here.kill()
            here.start()
            time.sleep(0.7)
        assert waited(lambda: all(with_subject(here, "ben", subject) for subject in wanted))
        time.sleep(3)
        assert [len(with_subject(here, "ben", subject)) for subject in wanted] == [1] * len(wanted)
