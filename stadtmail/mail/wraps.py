"""Who can open a sealed mailbox: its private half, wrapped once for each secret that its holder has. No secret is kept anywhere.

Two layers at least: innermost under a key that only the secret gives, outermost under the key of the pair's unit, so that erasing
the mailbox ends every wrap at once. What belongs to something that ends alone (an app password, a collection code, a passkey) has
that unit's key in between and goes with it.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from stadtmail.mail.models import MailboxKey, Wrap
from stadtmail.mail.sealing import RESIDENT
from stadtmail.people import passwords
from stadtmail.privacy import units
from stadtmail.privacy.models import ERASING, Unit
from stadtmail.vault.seal import Unreadable, open_sealed, seal

PASSWORD, APP, SCRAM, RECOVERY, COLLECTION, PASSKEY = "password", "app", "scram", "recovery", "collection", "passkey"
SALT_BYTES = 16
_DATA = "half"  # in the contents of a session
Halves = Mapping[UUID, bytes]  # pair -> its private half


@dataclass(frozen=True)
class Secret:
    """What somebody brings. `own`: the unit that it ends with, where it ends alone."""

    holder: str
    value: bytes = field(repr=False)
    own: UUID | None = None

    def key(self, salt: bytes) -> bytes:
        """The key that the secret gives: slowly where somebody could guess it. Raises passwords.Busy."""
        if self.holder == PASSWORD:
            return passwords.derived(self.value.decode(), salt)
        return HKDF(SHA256(), 32, salt=salt, info=f"stadtmail wrap {self.holder}".encode()).derive(self.value)


def of_password(password: str) -> Secret:
    """The login password."""
    return Secret(PASSWORD, password.encode())


def of_recovery(code: str) -> Secret:
    """The recovery code: 130 random bits."""
    return Secret(RECOVERY, passwords.plain_code(code))


def of_collection(code: str, *, place: UUID) -> Secret:
    """The collection code of a contract that ends, and the unit of its place."""
    return Secret(COLLECTION, passwords.plain_code(code), place)


def of_app(password: str, *, app: UUID) -> Secret:
    """An app password that a program says: 130 random bits."""
    return Secret(APP, passwords.plain_code(password), app)


def of_client_key(key: bytes, *, app: UUID) -> Secret:
    """An app password that a program only proves (SCRAM): the server learns ClientKey from each proof (RFC 5802 3)."""
    return Secret(SCRAM, key, app)


def of_passkey(output: bytes, *, own: UUID) -> Secret:
    """What a passkey's pseudo-random function (PRF) gives, 256 bits, and the unit that lets it in."""
    return Secret(PASSKEY, output, own)


def made(half: bytes, secret: Secret, *, pair: units.Prepared | Unit, own: units.Prepared | Unit | None = None) -> Wrap:
    """The private half wrapped for a secret: a row, not yet written. Raises passwords.Busy, units.Gone."""
    assert (own is None) == (secret.own is None)
    salt = passwords.fresh_salt() if secret.holder == PASSWORD else os.urandom(SALT_BYTES)
    tenant = pair.tenant.id if isinstance(pair, units.Prepared) else pair.tenant_id
    sealed = seal(secret.key(salt), half, tenant=tenant, category=RESIDENT, object=_place(pair.id, secret))
    if own is not None:
        sealed = units.seal(own, _column(secret), sealed)
    return Wrap(pair_id=pair.id, holder=secret.holder, reference=secret.own, salt=salt, wrapped=units.seal(pair, _column(secret), sealed))


def opened(mailbox: UUID, secret: Secret) -> dict[UUID, bytes]:
    """The private halves of a mailbox's pairs that a secret opens. Empty: it is no secret of theirs. Raises passwords.Busy."""
    own = Unit.objects.filter(id=secret.own).exclude(state=ERASING).first() if secret.own else None
    if secret.own and own is None:
        return {}
    rows = Wrap.objects.filter(pair__mailbox=mailbox, holder=secret.holder, reference=secret.own).exclude(pair__unit__state=ERASING)
    found = {}
    for wrap in rows.select_related("pair__unit"):
        try:
            found[wrap.pair_id] = _half(wrap, secret, own)
        except (Unreadable, units.Gone):
            continue
    return found


def replace(wraps: list[Wrap]) -> None:
    """Write these, in place of what their holders had before. Call inside `store.writing()`."""
    for wrap in wraps:
        Wrap.objects.filter(pair=wrap.pair_id, holder=wrap.holder, reference=wrap.reference)._raw_delete("default")
    Wrap.objects.bulk_create(wraps)


def sealed_pairs(mailbox: UUID) -> dict[UUID, Unit]:
    """pair -> its unit, of those pairs of a mailbox that its holder's secrets open and the service does not."""
    rows = MailboxKey.objects.filter(mailbox=mailbox, private=None, current=True).exclude(unit__state=ERASING)
    return {row.unit_id: row.unit for row in rows.select_related("unit")}


def packed(halves: Halves) -> dict[str, str]:
    """What a session carries, sealed under its token."""
    return {_DATA: " ".join(f"{pair.hex}{half.hex()}" for pair, half in halves.items())} if halves else {}


def unpacked(data: Mapping[str, str]) -> dict[UUID, bytes]:
    """`packed`, read again."""
    return {UUID(hex=one[:32]): bytes.fromhex(one[32:]) for one in data.get(_DATA, "").split()}


def _half(wrap: Wrap, secret: Secret, own: Unit | None) -> bytes:
    sealed = units.unseal(wrap.pair.unit, _column(secret), wrap.wrapped)
    if own is not None:
        sealed = units.unseal(own, _column(secret), sealed)
    key = secret.key(bytes(wrap.salt))
    return open_sealed(key, sealed, tenant=wrap.pair.unit.tenant_id, category=RESIDENT, object=_place(wrap.pair_id, secret))


def _place(pair: UUID, secret: Secret) -> str:
    return f"{pair}/{_column(secret)}"


def _column(secret: Secret) -> str:
    return f"wrap {secret.holder} {secret.own or ''}"
