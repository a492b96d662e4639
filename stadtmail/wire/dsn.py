"""Delivery status notifications (RFC 3464, 3461, 6522, 6533): the report that a sender gets about a message. Pure.

Texts of foreign servers are quoted in one line each, without control characters: a report can carry no field of theirs.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime

FAILED, DELAYED, DELIVERED, RELAYED = "failed", "delayed", "delivered", "relayed"
MOST_HEADER_BYTES = 64 * 1024
MOST_MESSAGE_BYTES = 1024 * 1024
_XTEXT = re.compile(r"\+([0-9A-F]{2})")
_IS_XTEXT = re.compile(r"(?:[!-*,-<>-~]|\+[0-9A-F]{2}){1,500}\Z")
_SUBJECTS = {
    FAILED: "Nicht zugestellt / Undeliverable",
    DELAYED: "Zustellung dauert =?utf-8?q?l=C3=A4nger?= / Delivery delayed",
    DELIVERED: "Zugestellt / Delivered",
    RELAYED: "Weitergeleitet / Relayed",
}
_WORDS = {
    FAILED: (
        "Ihre Nachricht konnte an folgende Empfänger nicht zugestellt werden. Sie wird nicht noch einmal versucht.",
        "Your message could not be delivered to these recipients. It will not be tried again.",
    ),
    DELAYED: (
        "Ihre Nachricht konnte an folgende Empfänger noch nicht zugestellt werden. Wir versuchen es bis {until}; Sie müssen nichts tun.",
        "Your message has not reached these recipients yet. We go on trying until {until}; you need not do anything.",
    ),
    DELIVERED: (
        "Ihre Nachricht wurde in das Postfach dieser Empfänger gelegt.",
        "Your message was put into the mailbox of these recipients.",
    ),
    RELAYED: (
        "Ihre Nachricht wurde für folgende Empfänger an einen Server übergeben, der keine Bestätigungen schickt.",
        "Your message was handed over, for these recipients, to a server that sends no confirmations.",
    ),
}  # fmt: skip


@dataclass(frozen=True, repr=False)
class Outcome:
    """What became of one recipient."""

    address: str
    status: str  # RFC 3463
    text: str = ""  # what the remote server said
    server: str = ""
    orcpt: str = ""  # as it came, in xtext


@dataclass(frozen=True, repr=False)
class Report:
    """A report, before it is written."""

    action: str
    outcomes: Sequence[Outcome]
    to: str
    domain: str  # of the reporting server
    arrived_at: datetime
    now: datetime
    ident: str
    envid: str = ""
    until: datetime | None = None


def written(report: Report, original: bytes, *, full: bool) -> bytes:
    """The report as a message with CR LF line ends. `full`: the whole original comes back, as far as it is small enough."""
    is_full = full and len(original) <= MOST_MESSAGE_BYTES
    is_8bit = not original.isascii() or not report.to.isascii() or any(not one.address.isascii() for one in report.outcomes)
    mark = f"=_{report.ident}"
    parts = [
        ("text/plain; charset=utf-8", "8bit", _text(report)),
        ("message/delivery-status" if not is_8bit else "message/global-delivery-status", "8bit", _status(report)),
        ("message/rfc822" if is_full else "text/rfc822-headers", "8bit", original if is_full else _header(original)),
    ]
    head = (
        f"From: <postmaster@{report.domain}>\r\nTo: <{report.to}>\r\nSubject: {_SUBJECTS[report.action]}\r\n"
        f"Date: {format_datetime(report.now)}\r\nMessage-ID: <{report.ident}@{report.domain}>\r\nAuto-Submitted: auto-replied\r\n"
        f"MIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=delivery-status;\r\n\tboundary=\"{mark}\"\r\n\r\n"
    )
    body = b"".join(
        f"--{mark}\r\nContent-Type: {kind}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n".encode() + content + b"\r\n"
        for kind, encoding, content in parts
    )
    return head.encode() + body + f"--{mark}--\r\n".encode()


def is_xtext(value: str) -> bool:
    """May it stand as a parameter in a command (RFC 3461 4)?"""
    return bool(_IS_XTEXT.match(value))


def xtext(value: str) -> str:
    """Decode xtext (RFC 3461 4)."""
    return _XTEXT.sub(lambda found: chr(int(found[1], 16)), value)


def encoded(value: str) -> str:
    """Encode as xtext (RFC 3461 4)."""
    return "".join(sign if "!" <= sign <= "~" and sign not in "+=" else f"+{ord(sign):02X}" for sign in value if ord(sign) < 128)


def _text(report: Report) -> bytes:
    german, english = _WORDS[report.action]
    until = f"{report.until:%Y-%m-%d %H:%M} UTC" if report.until else ""
    rows = [f"  <{one.address}>" + (f"\r\n    {_line(one.server)}: {_line(one.text)}" if one.text else "") for one in report.outcomes]
    listed = "\r\n".join(rows)
    return f"{german.format(until=until)}\r\n\r\n{english.format(until=until)}\r\n\r\n{listed}\r\n".encode()


def _status(report: Report) -> bytes:
    lines = [f"Original-Envelope-Id: {_line(xtext(report.envid))}"] if report.envid else []
    lines += [f"Reporting-MTA: dns; {report.domain}", f"Arrival-Date: {format_datetime(report.arrived_at)}"]
    for one in report.outcomes:
        kind, _, value = one.orcpt.partition(";")
        lines += ["", *([f"Original-Recipient: {_line(kind)}; {_line(xtext(value))}"] if value else [])]
        lines += [f"Final-Recipient: {'rfc822' if one.address.isascii() else 'utf-8'}; {_line(one.address)}"]
        lines += [f"Action: {report.action}", f"Status: {one.status}"]
        lines += [f"Remote-MTA: dns; {_line(one.server)}"] if one.server else []
        lines += [f"Diagnostic-Code: smtp; {_line(one.text)}"] if one.text else []
        lines += [f"Last-Attempt-Date: {format_datetime(report.now)}"]
        lines += [f"Will-Retry-Until: {format_datetime(report.until)}"] if report.until and report.action == DELAYED else []
    return ("\r\n".join(lines) + "\r\n").encode()


def _header(original: bytes) -> bytes:
    head = original.partition(b"\r\n\r\n")[0] + b"\r\n" if not original.startswith(b"\r\n") else b""
    return head[:MOST_HEADER_BYTES].rpartition(b"\r\n")[0] + b"\r\n" if len(head) > MOST_HEADER_BYTES else head


def _line(text: str) -> str:
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())[:600]
