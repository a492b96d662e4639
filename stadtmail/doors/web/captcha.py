"""Proof of work against bots, in this process and without any third party (C-5.x): altcha, or a waiting step without JavaScript.

A challenge or waiting step is signed under the city's key and good once, for as long as the city's rule for CAPT says; what is
remembered of a used one is a keyed hash in RAM until it would have expired anyway.
"""

import hmac
import json
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from altcha.v1 import ChallengeOptions, create_challenge, verify_solution

from stadtmail.doors.web import tokens
from stadtmail.privacy import policy
from stadtmail.usage import challenges

if TYPE_CHECKING:
    from stadtmail.tenants.models import Tenant

WAIT = timedelta(seconds=20)
WORK = 60_000  # hashes at most: a fifth of a second on a phone, and a price for whoever orders by the thousand


@dataclass(frozen=True)
class Puzzle:
    """What a form carries: the challenge for the solver script, and the waiting step for everybody else."""

    challenge: str
    wait: str
    seconds: int = int(WAIT.total_seconds())


def puzzle(tenant: "Tenant", *, now: datetime) -> Puzzle:
    """A fresh challenge and waiting step."""
    until = int(_until(tenant, now).timestamp())
    options = ChallengeOptions(
        algorithm="SHA-256", max_number=WORK, hmac_key=tokens.subkey(tenant.id, "altcha").hex(), params={"until": str(until)}
    )
    start = f"{int(now.timestamp()):x}.{secrets.token_urlsafe(9)}"
    return Puzzle(json.dumps(create_challenge(options).to_dict()), f"{start}.{_sign(tenant, start)}")


def is_solved(tenant: "Tenant", solution: str, *, now: datetime) -> bool:
    """Was this challenge of ours solved, in time and for the first time?"""
    try:
        given = json.loads(solution)
        fields: Any = {name: str(given[name]) for name in ("algorithm", "challenge", "salt", "signature")}
        fields["number"] = int(given["number"])
        salt = fields["salt"]
        until = datetime.fromtimestamp(int(parse_qs(salt.partition("?")[2])["until"][0]), now.tzinfo)
    except (ValueError, KeyError, IndexError, TypeError, OverflowError):
        return False
    if not now <= until <= _until(tenant, now):
        return False
    ok, _ = verify_solution(fields, tokens.subkey(tenant.id, "altcha").hex(), check_expires=False)
    return bool(ok) and challenges.use(fields["signature"], tenant=tenant.id, until=until, now=now)


def has_waited(tenant: "Tenant", wait: str, *, now: datetime) -> bool:
    """Is this waiting step of ours at least twenty seconds old, and used for the first time?"""
    issued = _issued(tenant, wait, now)
    if issued is None or not issued + WAIT <= now <= _until(tenant, issued):
        return False
    return challenges.use(wait, tenant=tenant.id, until=_until(tenant, issued), now=now)


def is_ours(tenant: "Tenant", wait: str, *, now: datetime) -> bool:
    """Did we make this waiting step, not too long ago?"""
    issued = _issued(tenant, wait, now)
    return issued is not None and issued <= now <= _until(tenant, issued)


def _until(tenant: "Tenant", issued: datetime) -> datetime:
    """When a challenge of this moment is gone: the rule of category CAPT, which the notice prints as well."""
    current = policy.current(tenant)
    rule = current.categories["CAPT"].rule
    due = rule.due({rule.start: issued}, current.tz) if rule else None
    return due or issued


def _issued(tenant: "Tenant", wait: str, now: datetime) -> datetime | None:
    start, _, mac = wait.rpartition(".")
    if not start or not hmac.compare_digest(mac.encode(), _sign(tenant, start).encode()):
        return None
    return datetime.fromtimestamp(int(start.partition(".")[0], 16), now.tzinfo)


def _sign(tenant: "Tenant", start: str) -> str:
    return hmac.new(tokens.subkey(tenant.id, "wait"), start.encode(), "sha256").hexdigest()
