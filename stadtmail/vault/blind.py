"""Blind indexes: a value is found again by its keyed hash, and nobody without the city's key can guess it back.

The keys are the city's, never the instance's, so that a city can move to another operator.
"""

import hmac
from uuid import UUID

from stadtmail.vault import keys


def digest(tenant: UUID, purpose: str, value: str) -> bytes:
    """HMAC-SHA-256 of `value` under the city's key for `purpose` (32 bytes)."""
    return hmac.digest(keys.city(tenant, purpose), value.encode(), "sha256")
