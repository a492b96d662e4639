"""Proof of work against bots, in this process and without any third party (C-5.x): altcha, or a waiting step without JavaScript.

A challenge or waiting step is signed under the city's key and good once; what is remembered of a used one is a keyed hash
in RAM until it would have expired anyway.
"""

import hmac
import json
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs
from uuid import UUID

from altcha.v1 import ChallengeOptions, create_challenge, verify_solution

from stadtmail.doors.web import tokens
from stadtmail.usage import challenges

GOOD_FOR = timedelta(minutes=10)  # category CAPT of the policy: gone ten minutes after the challenge was issued
WAIT = timedelta(seconds=20)
WORK = 60_000  # hashes at most: a fifth of a second on a phone, and a price for whoever orders by the thousand


@dataclass(frozen=True)
class Puzzle:
    """What a form carries: the challenge for the solver script, and the waiting step for everybody else."""

    challenge: str
    wait: str
    seconds: int = int(WAIT.total_seconds())


def puzzle(tenant: UUID, *, now: datetime) -> Puzzle:
    """A fresh challenge and waiting step."""
    until = int((now + GOOD_FOR).timestamp())
    options = ChallengeOptions(
        algorithm="SHA-256", max_number=WORK, hmac_key=tokens.subkey(tenant, "altcha").hex(), params={"until": str(until)}
    )
    start = f"{int(now.timestamp()):x}.{secrets.token_urlsafe(9)}"
    return Puzzle(json.dumps(create_challenge(options).to_dict()), f"{start}.{_sign(tenant, start)}")


def is_solved(tenant: UUID, solution: str, *, now: datetime) -> bool:
    """Was this challenge of ours solved, in time and for the first time?"""
    try:
        given = json.loads(solution)
        fields: Any = {name: str(given[name]) for name in ("algorithm", "challenge", "salt", "signature")}
        fields["number"] = int(given["number"])
        salt = fields["salt"]
        until = datetime.fromtimestamp(int(parse_qs(salt.partition("?")[2])["until"][0]), now.tzinfo)
    except (ValueError, KeyError, IndexError, TypeError, OverflowError):
        return False
    if not now <= until <= now + GOOD_FOR:
        return False
    ok, _ = verify_solution(fields, tokens.subkey(tenant, "altcha").hex(), check_expires=False)
    return bool(ok) and challenges.use(fields["signature"], tenant=tenant, until=until, now=now)


def has_waited(tenant: UUID, wait: str, *, now: datetime) -> bool:
    """Is this waiting step of ours at least twenty seconds old, and used for the first time?"""
    age = _age(tenant, wait, now)
    if age is None or not WAIT <= age <= GOOD_FOR:
        return False
    return challenges.use(wait, tenant=tenant, until=now - age + GOOD_FOR, now=now)


def is_ours(tenant: UUID, wait: str, *, now: datetime) -> bool:
    """Did we make this waiting step, not too long ago?"""
    age = _age(tenant, wait, now)
    return age is not None and timedelta(0) <= age <= GOOD_FOR


def _age(tenant: UUID, wait: str, now: datetime) -> timedelta | None:
    start, _, mac = wait.rpartition(".")
    if not start or not hmac.compare_digest(mac.encode(), _sign(tenant, start).encode()):
        return None
    return timedelta(seconds=int(now.timestamp()) - int(start.partition(".")[0], 16))


def _sign(tenant: UUID, start: str) -> str:
    return hmac.new(tokens.subkey(tenant, "wait"), start.encode(), "sha256").hexdigest()
