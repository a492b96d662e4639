"""MTA-STS (RFC 8461): the record in the DNS, the policy file, and which mail exchangers it allows. Pure; wrong files are None."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

ENFORCE, TESTING, NONE = "enforce", "testing", "none"
MOST_BYTES = 64 * 1024
MOST_AGE = 31_557_600  # seconds (3.2)
_ID = re.compile(r"[A-Za-z0-9]{1,32}\Z")
_HOST = re.compile(r"(\*\.)?[a-z0-9_]([a-z0-9_-]*[a-z0-9])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9])?)*\Z")


@dataclass(frozen=True)
class Policy:
    """A domain's policy."""

    mode: str
    hosts: tuple[str, ...]
    max_age: int

    @property
    def lines(self) -> tuple[str, ...]:
        """The policy as it stands in a file."""
        return ("version: STSv1", f"mode: {self.mode}", *(f"mx: {one}" for one in self.hosts), f"max_age: {self.max_age}")

    def allows(self, host: str) -> bool:
        """Is that one of the domain's exchangers? `*.` stands for exactly one label (4.1)."""
        name = host.lower().rstrip(".")
        return any(name == one or (one.startswith("*.") and name.partition(".")[2] == one[2:]) for one in self.hosts)


def record(texts: Sequence[bytes]) -> str | None:
    """The id of a domain's record, None where there is none or more than one (3.1)."""
    found = [text.decode("ascii", "replace") for text in texts if text.startswith(b"v=STSv1")]
    if len(found) != 1:
        return None
    fields = dict(field.strip().partition("=")[::2] for field in found[0].split(";") if field.strip())
    return fields.get("id") if fields.get("v") == "STSv1" and _ID.match(fields.get("id", "")) else None


def policy(raw: bytes) -> Policy | None:
    """The policy in a file (3.2), None for one that cannot be used."""
    if len(raw) > MOST_BYTES:
        return None
    pairs = [tuple(part.strip() for part in line.partition(":")[::2]) for line in raw.decode("utf-8", "replace").splitlines()]
    fields: dict[str, str] = {}
    for name, value in pairs:
        fields.setdefault(name, value)  # the first counts, except for mx
    hosts = tuple(value.lower() for name, value in pairs if name == "mx" and _HOST.match(value.lower()))
    mode, age = fields.get("mode", ""), fields.get("max_age", "")
    if fields.get("version") != "STSv1" or mode not in (ENFORCE, TESTING, NONE) or not re.fullmatch(r"[0-9]{1,10}", age, re.ASCII):
        return None
    if not hosts and mode != NONE:
        return None
    return Policy(mode, hosts, min(int(age), MOST_AGE))
