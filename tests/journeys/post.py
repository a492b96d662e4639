"""Mail that others wrote: the message files of CPython's own email test-suite, attachments of 25 MB, and two real senders."""

import re
import shutil
import smtplib
import ssl
import subprocess
from collections.abc import Callable
from email.message import EmailMessage
from pathlib import Path
from random import Random

import test.test_email

FILES = sorted(Path(test.test_email.__file__).parent.joinpath("data").glob("*.txt"))
LARGE_BYTES = 25 * 1024 * 1024
SWAKS = shutil.which("swaks")
_END = re.compile(rb"\r\n|\r|\n")


def trusting() -> ssl.SSLContext:
    """A context that takes the demo's own certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def letters() -> list[tuple[str, bytes]]:
    """(name, message) of every file, with the line ends that SMTP has."""
    return [(path.name, _END.sub(b"\r\n", path.read_bytes()).rstrip(b"\r\n") + b"\r\n") for path in FILES]


def parcel(canary: str, seed: int = 1) -> bytes:
    """A message with an attachment of 25 MB."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "Paketdienst <paket@absender.example>", "you", f"Paket {canary}"
    message.set_content(f"Im Anhang: {canary}\n")
    message.add_attachment(Random(seed).randbytes(LARGE_BYTES), maintype="application", subtype="octet-stream", filename="paket.bin")
    return _END.sub(b"\r\n", message.as_bytes())


def letter(canary: str, body: str, subtype: str = "plain") -> bytes:
    """A short one."""
    text = f"From: Absender <brief@absender.example>\r\nSubject: {canary}\r\nMIME-Version: 1.0\r\n"
    return f"{text}Content-Type: text/{subtype}; charset=utf-8\r\n\r\n{body}\r\n".encode()


def send(port: int, message: bytes, *to: str, sender: str = "brief@absender.example") -> dict[str, tuple[int, bytes]]:
    """Python's smtplib. Returns the recipients that were refused; raises smtplib's exceptions where all were."""
    with smtplib.SMTP("127.0.0.1", port, local_hostname="absender.example", timeout=120) as client:
        return client.sendmail(sender, list(to), message)


def send_all(port: int, messages: list[bytes], to: str) -> None:
    """Many in one connection, as a real relay does."""
    with smtplib.SMTP("127.0.0.1", port, local_hostname="absender.example", timeout=120) as client:
        for message in messages:
            client.sendmail("brief@absender.example", [to], message, mail_options=["BODY=8BITMIME"])


def swaks(port: int, to: str, path: Path) -> None:
    """The sender that postmasters use, with TLS where the door offers it."""
    command = [SWAKS or "swaks", "--server", f"127.0.0.1:{port}", "--from", "swaks@absender.example", "--to", to, "--data", f"@{path}"]
    done = subprocess.run([*command, "--silent", "2"], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def send_half(port: int, message: bytes, to: str, *, then: Callable[[], None]) -> None:
    """Send two thirds of a message, and let something happen before the rest: no answer may ever say that it was taken."""
    client = smtplib.SMTP("127.0.0.1", port, local_hostname="absender.example", timeout=20)
    client.ehlo()
    client.mail("brief@absender.example")
    client.rcpt(to)
    assert client.docmd("DATA")[0] == 354
    client.sock.sendall(message[: len(message) * 2 // 3])
    then()
    try:
        client.sock.sendall(message[len(message) * 2 // 3 :] + b".\r\n")
        assert not client.sock.recv(100).startswith(b"250")
    except OSError:
        pass
    client.close()
