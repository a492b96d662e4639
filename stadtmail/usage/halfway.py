"""What the first step of a log-in opened, for the second one: in RAM, sealed under a key that only the form carries, for minutes.

The store knows HMAC(token) and nothing else; the token lies in the form, sealed with the rest of what the first step found out. It
ends with all sessions of its person.
"""

import hmac
import json
import secrets
from datetime import datetime
from uuid import UUID

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from stadtmail.usage import marks, volatile
from stadtmail.vault.seal import Unreadable, open_sealed, seal

_SPACE, _CATEGORY = "halfway", "COOK"


def keep(data: dict[str, str], *, tenant: UUID, person: UUID, until: datetime) -> str:
    """Keep it until then. Returns the token that `take` wants, empty where there is nothing to keep."""
    if not data:
        return ""
    token = secrets.token_urlsafe(32)
    value = seal(_key(token), json.dumps(data).encode(), tenant=tenant, category=_CATEGORY, object="halfway")
    volatile.put(_SPACE, _name(token), value, until=until, person=marks.of_person(tenant, person))
    return token


def take(token: str, *, tenant: UUID, now: datetime) -> dict[str, str]:
    """What was kept, once; nothing where its time is over or it was taken."""
    value = volatile.take(_SPACE, _name(token), now) if token else None
    if value is None:
        return {}
    try:
        plain = open_sealed(_key(token), value, tenant=tenant, category=_CATEGORY, object="halfway")
    except Unreadable:
        return {}
    return {str(name): str(said) for name, said in json.loads(plain).items()}


def _name(token: str) -> bytes:
    return hmac.digest(token.encode(), b"stadtmail halfway", "sha256")


def _key(token: str) -> bytes:
    return HKDF(SHA256(), 32, salt=None, info=b"stadtmail halfway 1").derive(token.encode())
