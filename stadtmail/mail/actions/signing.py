"""The cities' DKIM keys: made, shown, rotated, and used. A private half lies sealed under a key of the city and leaves no process.

Two keys sign at the same time (RFC 8463: Ed25519 beside RSA of 2048 bits), each under a selector that says the day it was made.
"""

import hashlib
import threading
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID, uuid4

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa

from stadtmail.kit import errors, store
from stadtmail.mail.models import SigningKey
from stadtmail.tenants.models import Tenant
from stadtmail.vault import keys
from stadtmail.vault.seal import open_sealed, seal
from stadtmail.wire import arc, dkim

RSA, ED25519 = "rsa", "ed25519"
KEPT = timedelta(days=7)  # a retired key's record stays for what is still on its way, and for readers that look late
_SECONDS = 60.0
_known: dict[UUID, tuple[datetime, list[dkim.Signer]]] = {}
_turn = threading.Lock()


class RotatedToday(errors.Conflict):
    """The city's keys were made today: their selectors carry the day."""


@dataclass(frozen=True)
class Record:
    """What must be in the DNS: the name and the TXT record. `state`: signs | retired."""

    name: str
    text: str
    state: str


def records(tenant: Tenant) -> list[Record]:
    """The records of the city's keys, those that sign first."""
    rows = SigningKey.objects.filter(tenant=tenant).order_by("retired_on", "-algorithm", "-made_on")
    return sorted((_record(tenant, row) for row in rows), key=lambda one: one.state != "signs")


def has_keys(tenant: Tenant) -> bool:
    """Does the city sign?"""
    return SigningKey.objects.filter(tenant=tenant, retired_on=None).exists()


def rotate(tenant: Tenant, *, now: datetime) -> list[Record]:
    """Make a pair of keys that signs from now on; those before sign no more. Publish the records first. Raises RotatedToday."""
    day, made = now.date(), [_made(tenant, algorithm, now.date()) for algorithm in (RSA, ED25519)]
    with store.writing():
        rows = SigningKey.objects.filter(tenant=tenant)
        if rows.filter(made_on=day).exists():
            raise RotatedToday("today's keys sign already: rotate again tomorrow")
        rows.filter(retired_on=None).update(retired_on=day)
        rows.filter(retired_on__lt=day - KEPT).delete()
        SigningKey.objects.bulk_create(made)
    forget()
    return records(tenant)


def signed(tenant: Tenant, raw: bytes, *, now: datetime) -> bytes:
    """The message with the city's signatures before it; as it is where the city has no keys."""
    signers = _signers(tenant, now)
    return dkim.signatures(raw, signers, at=int(now.timestamp())) + raw if signers else raw


def vouched(tenant: Tenant, raw: bytes, *, results: bytes, status: str, now: datetime) -> bytes:
    """A message that is passed on, behind a set of ARC by the city (RFC 8617); as it is where it has no keys or may add none.

    `results`: the value of Authentication-Results; `status`: none, pass or fail, what became of the message's own chain.
    """
    signer = next((one for one in _signers(tenant, now) if one.algorithm == RSA), None)  # what every reader of seals knows
    return arc.added(raw, signer, results=results, status=status, at=int(now.timestamp())) + raw if signer is not None else raw


def forget() -> None:
    """Drop this process's opened keys."""
    with _turn:
        _known.clear()


def _signers(tenant: Tenant, now: datetime) -> list[dkim.Signer]:
    with _turn:
        since, found = _known.get(tenant.id, (None, []))
        if since is not None and abs((now - since).total_seconds()) < _SECONDS:
            return found
    rows = SigningKey.objects.filter(tenant=tenant, retired_on=None).order_by("-algorithm")
    found = [_signer(tenant, row) for row in rows]
    with _turn:
        _known[tenant.id] = (now, found)
    return found


def _signer(tenant: Tenant, row: SigningKey) -> dkim.Signer:
    plain = open_sealed(keys.city(tenant.id, "dkim"), bytes(row.private), tenant=tenant.id, category="KEYS", object=f"dkim {row.id}")
    if row.algorithm == RSA:
        private = serialization.load_der_private_key(plain, None, unsafe_skip_rsa_key_validation=True)
        assert isinstance(private, rsa.RSAPrivateKey)
        rsa_key = private
        return dkim.Signer(tenant.domain, row.selector, RSA, lambda data: rsa_key.sign(data, padding.PKCS1v15(), hashes.SHA256()))
    ed_key = ed25519.Ed25519PrivateKey.from_private_bytes(plain)
    return dkim.Signer(tenant.domain, row.selector, ED25519, lambda data: ed_key.sign(hashlib.sha256(data).digest()))


def _record(tenant: Tenant, row: SigningKey) -> Record:
    name = f"{row.selector}._domainkey.{tenant.domain}"
    return Record(name, dkim.record(row.algorithm, bytes(row.public)), "retired" if row.retired_on else "signs")


def _made(tenant: Tenant, algorithm: str, day: date) -> SigningKey:
    row = SigningKey(id=uuid4(), tenant=tenant, algorithm=algorithm, made_on=day, selector=f"s{day:%Y%m%d}{algorithm[0]}")
    raw = (serialization.Encoding.Raw, serialization.PrivateFormat.Raw, serialization.NoEncryption())
    if algorithm == RSA:
        key = rsa.generate_private_key(65537, 2048)
        plain = key.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        row.public = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    else:
        pair = ed25519.Ed25519PrivateKey.generate()
        plain, row.public = pair.private_bytes(*raw), pair.public_key().public_bytes_raw()
    row.private = seal(keys.city(tenant.id, "dkim"), plain, tenant=tenant.id, category="KEYS", object=f"dkim {row.id}")
    return row
