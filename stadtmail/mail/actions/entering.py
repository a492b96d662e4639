"""Mail programs come in: the mechanisms of SASL for IMAP, submission and ManageSieve, with the limits that all of them share.

A mechanism is a generator: it yields what the client is asked, gets what it answered, and returns who came in. Only failures
count, in RAM under keyed hashes (K17), and only against what can be guessed: an app password is never locked out.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from os import urandom
from typing import Never
from uuid import UUID

from stadtmail.kit import errors
from stadtmail.mail import queries, wraps
from stadtmail.mail.actions import loginnotes
from stadtmail.people import scram as keys
from stadtmail.people.actions import maillogin
from stadtmail.people.actions.credentials import SignedIn, WrongCredentials
from stadtmail.people.actions.maillogin import Proven
from stadtmail.privacy import policy
from stadtmail.tenants import queries as tenants
from stadtmail.tenants.models import Tenant
from stadtmail.usage import connections, limits
from stadtmail.usage.connections import Connection
from stadtmail.wire import sasl

FOR_NAME, FROM_NETWORK = 30, 100  # wrong tries within the city's `throttle`
_ELSEWHERE = urandom(keys.SALT_BYTES)  # for names of domains that are no city's: who they are is public
NONCE_OCTETS = 18


class TooManyTries(errors.OverQuota):
    """Too many wrong tries for this name or from this network."""


class ActsForAnother(errors.NotAllowed):
    """Nobody acts for another here (authorization identity)."""


@dataclass(frozen=True)
class Entered:
    """Who came in, and the connection that is registered as theirs. Whoever gets it ends the connection.

    `halves` open a sealed mailbox, for as long as the connection lasts and in its memory only.
    """

    tenant: Tenant
    contract: UUID
    person: UUID
    connection: Connection
    halves: wraps.Halves = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Porch:
    """Where somebody stands who is not in yet: which service, from where."""

    service: str
    peer: str
    now: Callable[[], datetime]
    for_name: int = FOR_NAME
    from_network: int = FROM_NETWORK

    def enter(self, name: str, password: str, *, authorize: str = "") -> Entered:
        """Check name and password. Raises WrongCredentials, TooManyTries, ActsForAnother, TryLater."""
        self._must_be_same(authorize, name)
        tenant = _city(name)
        if tenant is None:
            self._may_try(None, name)
            return self._wrong(None, name)
        who = maillogin.by_app_password(tenant, name, password, service=self.service)
        if who is not None and who.via is not None:
            return self.registered(tenant, who, wraps.of_app(password, app=who.via))
        try:
            who = maillogin.by_login_password(tenant, name, password, slowly=partial(self._may_try, tenant, name))
        except WrongCredentials:
            return self._wrong(tenant, name)
        return self.registered(tenant, who)

    def prove(self, first: sasl.First, auth_message: bytes, proof: bytes) -> tuple[Tenant, Proven]:
        """Check a proof. Raises as `enter`."""
        self._must_be_same(first.authorize, first.name)
        tenant = _city(first.name)
        may_try = partial(self._may_try, tenant, first.name)
        if tenant is None:
            may_try()
            return self._wrong(None, first.name)
        try:
            return tenant, maillogin.by_proof(tenant, first.name, auth_message, proof, service=self.service, slowly=may_try)
        except WrongCredentials:
            return self._wrong(tenant, first.name)

    def salt(self, name: str) -> bytes:
        """The salt that a name's passwords are proven with, whether anybody has the name or not."""
        tenant = _city(name)
        return keys.salt(tenant, name) if tenant else _ELSEWHERE

    def registered(self, tenant: Tenant, who: SignedIn, secret: wraps.Secret | None = None) -> Entered:
        """Begin the connection of who came in; their secret opens a sealed mailbox.

        Raises WrongCredentials where what they came in with was revoked meanwhile.
        """
        connection = connections.begin(self.service, peer=self.peer, tenant=tenant.id, person=who.person, via=who.via, now=self.now())
        if not maillogin.stands(tenant, who, service=self.service):  # revoked while it came in
            connection.end()
            raise WrongCredentials
        loginnotes.note(tenant, who.contract.id, loginnotes.Came(self.service, who.via), now=self.now())
        return Entered(tenant, who.contract.id, who.person, connection, self._halves(tenant, who, secret))

    def _halves(self, tenant: Tenant, who: SignedIn, secret: wraps.Secret | None) -> wraps.Halves:
        """Only mail that is read has to be opened. After a revocation there is nothing to open it with."""
        if secret is None or self.service != "imap":
            return {}
        return wraps.opened(queries.mailbox_of(tenant, who.contract.id).id, secret)

    def _may_try(self, tenant: Tenant | None, name: str) -> None:
        now, seconds = self.now(), _memory(tenant)
        if not all(limits.is_open(scope, key, limit=limit, per_seconds=seconds, now=now) for scope, key, limit in self._keys(name)):
            raise TooManyTries

    def _wrong(self, tenant: Tenant | None, name: str) -> Never:
        for scope, key, limit in self._keys(name):
            limits.allow(scope, key, limit=limit, per_seconds=_memory(tenant), now=self.now())
        raise WrongCredentials

    def _keys(self, name: str) -> list[tuple[str, str, int]]:
        network = limits.network(self.peer)
        return [("enter.net", network, self.from_network), ("enter.name", name.strip().lower(), self.for_name)]

    def _must_be_same(self, authorize: str, name: str) -> None:
        if authorize not in ("", name):
            raise ActsForAnother


Steps = Generator[bytes, bytes, Entered]


def plain(porch: Porch) -> Steps:
    """PLAIN (RFC 4616)."""
    said = sasl.plain((yield b""))
    return porch.enter(said.name, said.password, authorize=said.authorize)


def login(porch: Porch) -> Steps:
    """LOGIN: never standardised, and what Outlook speaks."""
    name = sasl.word((yield b"Username:"))
    return porch.enter(name, sasl.word((yield b"Password:")))


def scram(porch: Porch) -> Steps:
    """SCRAM-SHA-256 (RFC 5802, RFC 7677). The last challenge proves that we know the password too; the client answers nothing."""
    first = sasl.scram_first((yield b""))
    nonce = urandom(NONCE_OCTETS).hex()
    challenge = sasl.scram_challenge(first, nonce=nonce, salt=porch.salt(first.name), iterations=keys.ITERATIONS)
    final = sasl.scram_final((yield challenge.encode()), first, nonce=nonce)
    tenant, proven = porch.prove(first, sasl.auth_message(first, challenge, final), final.proof)
    if (yield sasl.scram_verdict(proven.signature)):
        raise sasl.Malformed("message")
    via = proven.who.via
    return porch.registered(tenant, proven.who, wraps.of_client_key(proven.client_key, app=via) if via else None)


MECHANISMS: dict[str, Callable[[Porch], Steps]] = {"PLAIN": plain, "LOGIN": login, "SCRAM-SHA-256": scram}


def step(steps: Steps, answer: bytes) -> bytes | Entered:
    """Go on with what the client answered: the next challenge, or who came in. May wait for a database and for Argon2."""
    try:
        return steps.send(answer)
    except StopIteration as end:
        entered: Entered = end.value
        return entered


def _city(name: str) -> Tenant | None:
    try:
        return tenants.city_of_domain(name.strip().rpartition("@")[2])
    except tenants.NoSuchCity:
        return None


def _memory(tenant: Tenant | None) -> int:
    """For how long wrong tries count: no longer than the city promises. Names of no city: ten minutes."""
    if tenant is None:
        return 600
    period = policy.current(tenant).limits["throttle"]
    return period.days * 86_400 + period.seconds
