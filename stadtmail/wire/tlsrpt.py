"""TLS reporting (RFC 8460): where a domain wants to hear of it, the report of a day, and the message that brings it. Pure.

A report says how many sessions went well or failed by which policy. No address of a machine is in it, though the form has places
for the sender's and the receiver's (4.4): who wrote when from where is nobody's to keep (C-2.5, C-4.2).
"""

import gzip
import json
import re
from base64 import encodebytes
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from email.utils import format_datetime
from urllib.parse import unquote, urlsplit

TLSA, STS, NO_POLICY = "tlsa", "sts", "no-policy-found"
SUCCESS = "success"
MOST_PLACES = 2
MOST_ADDRESS = 254
_HOST = re.compile(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+\Z")
_KIND = "application/tlsrpt+gzip"


@dataclass(frozen=True)
class Applied:
    """The policy by which a session was judged (4.2): its kind, whose it is, its text, the servers that it names."""

    kind: str
    domain: str
    strings: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Session:
    """What came of TLS in one session with a server: the policy, the server's name, and success or a word of 4.3."""

    policy: Applied
    host: str
    result: str


@dataclass(frozen=True)
class Report:
    """A day's report about one domain. `submitter` is the domain that sends it, `contact` an address of a role there."""

    id: str
    about: str
    submitter: str
    contact: str
    day: date
    sessions: Mapping[Session, int]


def places(texts: Iterable[bytes]) -> tuple[str, ...]:
    """The URIs of a domain's record that reports go to; none where it has no record, several, or one that cannot be read (3)."""
    found = [text.decode("ascii", "replace") for text in texts if text.replace(b" ", b"").startswith(b"v=TLSRPTv1;")]
    if len(found) != 1:
        return ()
    fields = dict(one.strip().partition("=")[::2] for one in found[0].split(";") if one.strip())
    listed = [one.strip() for one in fields.get("rua", "").split(",")]
    return tuple(one for one in listed if address(one) or page(one))[:MOST_PLACES]


def address(place: str) -> str:
    """The address of a mailto: URI; empty for another, and for what is no single plain address."""
    scheme, _, rest = place.partition(":")
    text = unquote(rest.partition("?")[0])
    plain = text.isascii() and text.isprintable() and text.count("@") == 1 and len(text) <= MOST_ADDRESS
    return text if scheme.lower() == "mailto" and plain and not set(text) & set(' ,;<>()"\\') else ""


def page(place: str) -> tuple[str, str] | None:
    """(host, path with query) of an https: URI on its usual port; None for another."""
    try:
        parts = urlsplit(place)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return None
    if parts.scheme.lower() != "https" or not _HOST.match(host) or port not in (None, 443) or parts.username is not None:
        return None
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return (host, target) if target.isascii() and target.isprintable() and " " not in target else None


def packed(of: Report) -> bytes:
    """The report as JSON (4), compressed."""
    day = of.day.isoformat()
    text = json.dumps(
        {
            "organization-name": of.submitter,
            "date-range": {"start-datetime": f"{day}T00:00:00Z", "end-datetime": f"{day}T23:59:59Z"},
            "contact-info": of.contact,
            "report-id": of.id,
            "policies": [_policy(policy, of.sessions) for policy in dict.fromkeys(one.policy for one in of.sessions)],
        }
    )
    return gzip.compress(text.encode(), mtime=0)


def message(of: Report, to: str, *, now: datetime) -> bytes:
    """The message that brings a report (5.3), unsigned."""
    boundary = f"=_{of.id}"
    head = {
        "From": of.contact, "To": to, "Subject": f"Report Domain: {of.about} Submitter: {of.submitter} Report-ID: <{of.id}@{of.submitter}>",
        "Date": format_datetime(now), "Message-ID": f"<{of.id}@{of.submitter}>", "TLS-Report-Domain": of.about,
        "TLS-Report-Submitter": of.submitter, "Auto-Submitted": "auto-generated", "MIME-Version": "1.0",
        "Content-Type": f'multipart/report; report-type="tlsrpt";\r\n boundary="{boundary}"',
    }  # fmt: skip
    name = f"{of.submitter}!{of.about}!{_seconds(of.day)}!{_seconds(of.day) + 86_399}!{of.id}.json.gz"
    words = f"How TLS went on {of.day.isoformat()} (UTC) from {of.submitter} to {of.about}: numbers by policy and result (RFC 8460)."
    parts = (
        f"Content-Type: text/plain; charset=us-ascii\r\n\r\n{words}\r\n",
        f'Content-Type: {_KIND}\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: attachment;\r\n filename="{name}"\r\n\r\n'
        + encodebytes(packed(of)).decode().replace("\n", "\r\n"),
    )
    lines = "".join(f"{field}: {value}\r\n" for field, value in head.items())
    return (lines + "".join(f"\r\n--{boundary}\r\n{part}" for part in parts) + f"\r\n--{boundary}--\r\n").encode()


def request(of: Report, host: str, target: str) -> bytes:
    """The HTTP request that brings a report (5.4)."""
    body = packed(of)
    lines = (f"POST {target} HTTP/1.1", f"Host: {host}", f"Content-Type: {_KIND}", f"Content-Length: {len(body)}", "Connection: close")
    return "\r\n".join([*lines, "", ""]).encode() + body


def _policy(policy: Applied, sessions: Mapping[Session, int]) -> dict[str, object]:
    own = {one: count for one, count in sessions.items() if one.policy == policy}
    went_well = sum(count for one, count in own.items() if one.result == SUCCESS)
    failed: Counter[tuple[str, str]] = Counter()
    for one, count in own.items():
        if one.result != SUCCESS:
            failed[one.result, one.host] += count
    found: dict[str, object] = {
        "policy": _described(policy),
        "summary": {"total-successful-session-count": went_well, "total-failure-session-count": sum(failed.values())},
    }
    if failed:
        found["failure-details"] = [
            {"result-type": result, "receiving-mx-hostname": host, "failed-session-count": count}
            for (result, host), count in failed.items()
        ]
    return found


def _described(policy: Applied) -> dict[str, object]:
    texts: dict[str, Sequence[str]] = {"policy-string": policy.strings, "mx-host": policy.hosts}
    return {"policy-type": policy.kind, "policy-domain": policy.domain, **{name: list(text) for name, text in texts.items() if text}}


def _seconds(day: date) -> int:
    return (day - date(1970, 1, 1)).days * 86_400
