"""Passkeys as a protocol (W3C Web Authentication, sections 7.1 and 7.2): what a browser is asked, and whether its answer holds.

With a name before it any of its owner's passkeys is asked for; without one the device chooses, and must have verified its user
("alone"). Pure: nothing is stored here. Beside what the library checks stand what it leaves to us: the exact origin, the counter, and
that no maker's mark (AAGUID) is kept. A challenge is good once; whoever calls remembers that.
"""

import base64
import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from fido2.cose import ES256, CoseKey
from fido2.server import Fido2Server
from fido2.webauthn import (
    Aaguid,
    AttestedCredentialData,
    AuthenticationResponse,
    PublicKeyCredentialDescriptor,
    PublicKeyCredentialRpEntity,
    PublicKeyCredentialType,
    PublicKeyCredentialUserEntity,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

PREFERRED, REQUIRED = UserVerificationRequirement.PREFERRED, UserVerificationRequirement.REQUIRED
# what the device's pseudo-random function (Level 3, 10.1.4) is asked for. It differs by passkey and host anyway, and before a passkey
# has answered nobody knows whose it is: so it is one for all
PRF_INPUT = b"stadtmail mailbox"
LONGEST_ANSWER = 20_000
LONGEST_ID = 1023  # bytes of a credential id (section 7.1)
# what reading an answer ends with that is cut, nested or made up
BROKEN = (ValueError, LookupError, TypeError, AttributeError, struct.error, RecursionError, NotImplementedError, UnsupportedAlgorithm)


class Refused(ValueError):
    """The answer does not hold: wrong origin, city, challenge, key, signature or counter. Which of it is not told."""


@dataclass(frozen=True)
class Place:
    """Where it is asked: the city's host, and the exact origin of its pages."""

    host: str
    origin: str
    name: str


@dataclass(frozen=True)
class Asked:
    """`options` go to the browser; `state` comes back with the answer, sealed."""

    options: str = field(repr=False)
    state: dict[str, str] = field(repr=False)


@dataclass(frozen=True)
class Known:
    """A passkey as it is kept: id and public key, and how often it says it was used."""

    credential: bytes = field(repr=False)
    counter: int


def ask_new(place: Place, *, handle: bytes, name: str, known: Sequence[Known]) -> Asked:
    """Ask for a new passkey; those that are known already are excluded."""
    user = PublicKeyCredentialUserEntity(id=handle, name=name, display_name=name)
    options, state = _server(place).register_begin(
        user,
        credentials=_descriptors(known),
        resident_key_requirement=ResidentKeyRequirement.PREFERRED,
        user_verification=PREFERRED,
    )
    return Asked(json.dumps({**dict(options)["publicKey"], "extensions": {"prf": {}}}), _plain(state))


def take_new(place: Place, state: Mapping[str, str], answer: str) -> Known:
    """The new passkey. Raises Refused."""
    try:
        data = _server(place).register_complete(_full(state), _answer(answer))
    except BROKEN as wrong:
        raise Refused from wrong
    found = data.credential_data
    if found is None or not 0 < len(found.credential_id) <= LONGEST_ID or not _is_usable(found.public_key):
        raise Refused
    return Known(bytes(AttestedCredentialData.create(bytes(Aaguid.NONE), found.credential_id, found.public_key)), data.counter)


def ask(place: Place, known: Sequence[Known]) -> Asked:
    """Ask for one of the known passkeys."""
    options, state = _server(place).authenticate_begin(_descriptors(known), user_verification=PREFERRED)
    return Asked(json.dumps(dict(options)["publicKey"]), _plain(state))


def ask_alone(place: Place) -> Asked:
    """Ask for any passkey that the device has for this city; it verifies its user, and says what opens a sealed mailbox."""
    options, state = _server(place).authenticate_begin(None, user_verification=REQUIRED)
    first = base64.urlsafe_b64encode(PRF_INPUT).decode().rstrip("=")
    return Asked(json.dumps({**dict(options)["publicKey"], "extensions": {"prf": {"eval": {"first": first}}}}), _plain(state))


def claimed(answer: str) -> tuple[bytes, bytes]:
    """Which passkey an answer says it comes from, and whose it says that is (empty: nothing). Nothing is checked yet. Raises Refused."""
    try:
        given = AuthenticationResponse.from_dict(_answer(answer))
        return bytes(given.raw_id), bytes(given.response.user_handle or b"")
    except BROKEN as wrong:
        raise Refused from wrong


def check_nothing(place: Place, state: Mapping[str, str], answer: str) -> None:
    """The work of `check` where the passkey is not known, so that the time does not tell it. Always raises Refused."""
    credential, _ = claimed(answer)
    known = AttestedCredentialData.create(bytes(Aaguid.NONE), credential[:LONGEST_ID], _nobody())
    check(place, state, [Known(bytes(known), 0)], answer, alone=True)
    raise Refused


def check(
    place: Place, state: Mapping[str, str], known: Sequence[Known], answer: str, *, alone: bool = False
) -> tuple[int, int]:  # fmt: skip
    """Which of the known passkeys answered, and its counter now. Raises Refused, also where the counter did not grow.

    `alone`: nothing else was asked, so the device must have verified its user (section 7.2, step 17).
    """
    credentials = [AttestedCredentialData(one.credential) for one in known]
    try:
        given = AuthenticationResponse.from_dict(_answer(answer))
        found = _server(place).authenticate_complete(_full(state, REQUIRED if alone else PREFERRED), credentials, given)
        counter = int(given.response.authenticator_data.counter)
    except BROKEN as wrong:
        raise Refused from wrong
    number = credentials.index(found)
    before = known[number].counter
    if (counter or before) and counter <= before:  # section 7.2, step 22: a copy of it may be at work
        raise Refused
    return number, counter


def _server(place: Place) -> Fido2Server:
    entity = PublicKeyCredentialRpEntity(id=place.host, name=place.name)
    return Fido2Server(entity, verify_origin=lambda origin: origin == place.origin)


def _is_usable(key: CoseKey) -> bool:
    """Is it of a kind that was asked for (section 7.1), and whole? A passkey that can never be checked would only lock its owner out."""
    if key.get(3) not in CoseKey.supported_algorithms():
        return False
    try:
        key.verify(b"", b"")
    except InvalidSignature:
        return True
    except BROKEN:
        return False
    return False


def _descriptors(known: Sequence[Known]) -> list[PublicKeyCredentialDescriptor]:
    ids = [AttestedCredentialData(one.credential).credential_id for one in known]
    return [PublicKeyCredentialDescriptor(type=PublicKeyCredentialType.PUBLIC_KEY, id=one) for one in ids]


def _answer(text: str) -> dict[str, Any]:
    if len(text) > LONGEST_ANSWER:
        raise Refused
    found = json.loads(text)
    if not isinstance(found, dict):
        raise Refused
    return found


def _plain(state: Mapping[str, Any]) -> dict[str, str]:
    return {"challenge": str(state["challenge"])}


def _full(state: Mapping[str, str], verification: UserVerificationRequirement = PREFERRED) -> dict[str, Any]:
    return {"challenge": state["challenge"], "user_verification": verification}


@cache
def _nobody() -> CoseKey:
    """A public key that nobody has the other half of."""
    point = ec.generate_private_key(ec.SECP256R1()).public_key().public_numbers()
    return ES256({1: 2, 3: -7, -1: 1, -2: point.x.to_bytes(32, "big"), -3: point.y.to_bytes(32, "big")})  # RFC 9053, section 2.1
