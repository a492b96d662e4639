"""Web sessions, in RAM only: the store knows HMAC(token), and what it holds opens with the token alone (C-3.1 to C-3.4, C-4.2).

A session ends by logout, after the idle limit, after the absolute limit (both from the city's policy), with all sessions of
its person, and with each start. An ended one cannot come back: sliding changes only what is still there.
"""

import hmac
import json
import re
import secrets
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from stadtmail.privacy import policy
from stadtmail.tenants import queries as tenants
from stadtmail.usage import marks, volatile
from stadtmail.vault.seal import Unreadable, derived, open_sealed, seal

KINDS = {"cookie": "session", "url": "url_session"}  # kind -> prefix of its limits in the policy
_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}\Z")
_CATEGORY = "COOK"


@dataclass(frozen=True)
class Session:
    """A living session. `data` belongs to the token: it is empty where a session was found without it (live_of)."""

    kind: str  # cookie | url
    tenant: UUID
    person: UUID | None
    staff: UUID | None
    data: dict[str, str] = field(repr=False)
    began_at: datetime
    seen_at: datetime
    mark: str = ""  # what its owner's page calls it (live_of)


@dataclass(frozen=True)
class _Limits:
    idle: timedelta
    absolute: timedelta

    def end(self, session: Session) -> datetime:
        return min(session.seen_at + self.idle, session.began_at + self.absolute)


def begin(*, tenant: UUID, kind: str, data: dict[str, str], now: datetime, person: UUID | None = None, staff: UUID | None = None) -> str:
    """Begin a session and return its token: 256 random bits as 43 characters, which nobody but the browser keeps."""
    token = secrets.token_urlsafe(32)
    session = Session(kind, tenant, person, staff, dict(data), now, now)
    value = _sealed(session, token)
    volatile.put("session", _name(token), value, until=_limits(tenant, kind).end(session), person=_owner(session))
    return token


def find(token: str, *, tenant: UUID, now: datetime) -> Session | None:
    """The living session of this token in this city, seen now; None where it has ended, never was, or is another city's."""
    if not _TOKEN.match(token):
        return None
    value = volatile.get("session", _name(token), now)
    session = _opened(value, token, tenant) if value else None
    if session is None:
        return None
    limits = _limits(tenant, session.kind)
    if now >= limits.end(session):  # the policy has become stricter since
        volatile.drop("session", _name(token))
        return None
    seen = replace(session, seen_at=max(now, session.seen_at))
    alive = volatile.replace("session", _name(token), _sealed(seen, token), until=limits.end(seen), now=now)
    return seen if alive else None


def keep(token: str, choices: dict[str, str], *, tenant: UUID, now: datetime) -> bool:
    """Keep what its owner chose for this session, and no longer than it; an empty choice is forgotten. False: it has ended."""
    session = find(token, tenant=tenant, now=now)
    if session is None:
        return False
    data = {name: value for name, value in {**session.data, **choices}.items() if value or name not in choices}
    value = _sealed(replace(session, data=data), token)
    return volatile.replace("session", _name(token), value, until=_limits(tenant, session.kind).end(session), now=now)


def end(token: str) -> None:
    """End the session of this token. Idempotent."""
    volatile.drop("session", _name(token))


def end_person(tenant: UUID, person: UUID) -> int:
    """End all sessions and connections of a person or member of staff (password change, end of contract). Returns how many."""
    return volatile.end_of_person(marks.of_person(tenant, person))


def live_of(tenant: UUID, person: UUID, now: datetime) -> list[Session]:
    """A person's living sessions: kind and times only, because their contents open with their tokens alone."""
    opener = marks.outline_key(tenant, person)
    found = []
    for key, value in volatile.entries_of_person("session", marks.of_person(tenant, person), now):
        plain = open_sealed(opener, _outline(value), tenant=tenant, category=_CATEGORY, object="outline")
        found.append(replace(_read(plain, tenant), mark=marks.of_entry(tenant, person, key)))
    return sorted(found, key=lambda session: session.began_at)


def end_one(tenant: UUID, person: UUID, mark: str, now: datetime) -> bool:
    """End the session or connection of a person that their page calls so. False: there is none (any more)."""
    for space in ("session", "connection"):
        for key, _ in volatile.entries_of_person(space, marks.of_person(tenant, person), now):
            if hmac.compare_digest(marks.of_entry(tenant, person, key).encode(), mark.encode()):
                return bool(volatile.end_of_entry(space, key))
    return False


def _name(token: str) -> bytes:
    return hmac.digest(token.encode(), b"stadtmail session", "sha256")


def _owner(session: Session) -> bytes:
    who = session.person or session.staff
    return marks.of_person(session.tenant, who) if who else b""


def _sealed(session: Session, token: str) -> bytes:
    """Length of the outline (2), outline under a key of person and start, contents under the token's key."""
    who = session.person or session.staff
    bare = _written(replace(session, data={}))
    opener = marks.outline_key(session.tenant, who) if who else b""
    outline = seal(opener, bare, tenant=session.tenant, category=_CATEGORY, object="outline") if who else b""
    contents = seal(_derived(token.encode(), b"contents"), _written(session), tenant=session.tenant, category=_CATEGORY, object="session")
    return len(outline).to_bytes(2, "big") + outline + contents


def _opened(value: bytes, token: str, tenant: UUID) -> Session | None:
    contents = value[2 + int.from_bytes(value[:2], "big") :]
    try:
        plain = open_sealed(_derived(token.encode(), b"contents"), contents, tenant=tenant, category=_CATEGORY, object="session")
    except Unreadable:
        return None
    return _read(plain, tenant)


def _outline(value: bytes) -> bytes:
    return value[2 : 2 + int.from_bytes(value[:2], "big")]


def _written(session: Session) -> bytes:
    times = (session.began_at.astimezone(UTC).isoformat(), session.seen_at.astimezone(UTC).isoformat())
    who = [str(one) if one else "" for one in (session.person, session.staff)]
    return json.dumps([session.kind, *who, session.data, *times]).encode()


def _read(plain: bytes, tenant: UUID) -> Session:
    kind, person, staff, data, began, seen = json.loads(plain)
    who = [UUID(one) if one else None for one in (person, staff)]
    return Session(kind, tenant, who[0], who[1], data, datetime.fromisoformat(began), datetime.fromisoformat(seen))


def _limits(tenant: UUID, kind: str) -> _Limits:
    limits, name = policy.current(tenants.city(tenant)).limits, KINDS[kind]
    idle, absolute = limits[f"{name}_idle"], limits[f"{name}_absolute"]
    return _Limits(timedelta(days=idle.days, seconds=idle.seconds), timedelta(days=absolute.days, seconds=absolute.seconds))


def _derived(secret: bytes, purpose: bytes) -> bytes:
    return derived(secret, b"stadtmail session " + purpose)
