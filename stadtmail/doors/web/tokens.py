"""Form tokens and sealed form state: what other frameworks keep in cookies or tables lies here in the form itself.

A token is an HMAC over form, city, session (if any) and time: nothing is stored and no cookie is needed (C-3.1, C-3.8).
State of a form with several steps is sealed under the city's key; a form left unfinished leaves nothing (C-2.3).
See docs/decisions/003-own-form-tokens.md.
"""

import base64
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from stadtmail.kit import errors
from stadtmail.vault import keys, seal

FORM_HOURS = 8
STATE_LASTS = timedelta(hours=1)
PURPOSE = "forms"


class StaleForm(errors.NotAllowed):
    """The form is too old, comes from another city or session, or was not made here."""


def token(tenant: UUID, form: str, *, session: str, now: datetime) -> str:
    """A token for one form (its URL name), good for eight hours, only in this city and session ("" without one)."""
    at = format(int(now.timestamp()), "x")
    return f"{at}.{_mac(tenant, 'token', form, session, at)}"


def check(tenant: UUID, form: str, given: str, *, session: str, now: datetime) -> None:
    """Raises StaleForm unless `given` is a token of this form, city and session, and young enough."""
    at, _, mac = given.partition(".")
    if not hmac.compare_digest(mac.encode(), _mac(tenant, "token", form, session, at).encode()):
        raise StaleForm
    age = now - _moment(at)
    if not timedelta(0) <= age <= timedelta(hours=FORM_HOURS):
        raise StaleForm


def seal_state(tenant: UUID, form: str, state: dict[str, Any], *, now: datetime) -> str:
    """The state of a form's earlier steps, sealed for the browser to carry."""
    plain = json.dumps({"at": int(now.timestamp()), "state": state}).encode()
    return _b64(seal.seal(keys.city(tenant, PURPOSE), plain, tenant=tenant, category="FORM", object=form))


def open_state(tenant: UUID, form: str, given: str, *, now: datetime, lasts: timedelta = STATE_LASTS) -> dict[str, Any]:
    """What `seal_state` sealed. Raises StaleForm when older than `lasts`, damaged or from elsewhere."""
    try:
        sealed = base64.urlsafe_b64decode(given + "=" * (-len(given) % 4))
        opened = json.loads(seal.open_sealed(keys.city(tenant, PURPOSE), sealed, tenant=tenant, category="FORM", object=form))
    except (ValueError, seal.Unreadable):
        raise StaleForm from None
    age = now - datetime.fromtimestamp(opened["at"], UTC)
    if not timedelta(0) <= age <= lasts:
        raise StaleForm
    state: dict[str, Any] = opened["state"]
    return state


def subkey(tenant: UUID, label: str) -> bytes:
    """A key of the city for one more purpose of its forms (proof of work, waiting step)."""
    return hmac.digest(keys.city(tenant, PURPOSE), label.encode(), "sha256")


def _mac(tenant: UUID, *parts: str) -> str:
    message = b"\0".join(part.encode() for part in (tenant.hex, *parts))
    return _b64(hmac.digest(subkey(tenant, "token"), message, "sha256"))


def _moment(text: str) -> datetime:
    try:
        return datetime.fromtimestamp(int(text, 16), UTC)
    except (ValueError, OverflowError, OSError):
        raise StaleForm from None


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
