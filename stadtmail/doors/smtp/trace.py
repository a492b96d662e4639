"""The lines that final delivery puts before a message: Return-Path and Received (RFC 5321 4.4).

They name the sending server, which is content of the mail and sealed with it; they exist nowhere else.
"""

import secrets
from collections.abc import Sequence
from datetime import datetime
from email.utils import format_datetime


def lines(*, sender: str, helo: str, peer: str, hostname: str, protocol: str, recipients: Sequence[str], now: datetime) -> bytes:
    """Both lines, folded. The recipient is named only where there is one: a list would tell each about the others (7.2)."""
    source = f"[{'IPv6:' if ':' in peer else ''}{peer}]" if peer else "local"
    only = f"\r\n\tfor <{recipients[0]}>" if len(recipients) == 1 else ""
    return (
        f"Return-Path: <{sender}>\r\n"
        f"Received: from {helo} ({source})\r\n"
        f"\tby {hostname} with {protocol} id {secrets.token_hex(8)}{only};\r\n"
        f"\t{format_datetime(now)}\r\n"
    ).encode()


def protocol(*, extended: bool, tls: bool, utf8: bool, lmtp: bool = False) -> str:
    """The word after `with` (RFC 3848, RFC 6531 3.7.3)."""
    if lmtp:
        return ("UTF8" if utf8 else "") + "LMTP" + ("S" if tls else "")
    if not extended:
        return "SMTP"
    return ("UTF8SMTP" if utf8 else "ESMTP") + ("S" if tls else "")
