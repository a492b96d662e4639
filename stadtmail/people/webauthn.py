"""Passkeys as a protocol (W3C Web Authentication, sections 7.1 and 7.2): what a browser is asked, and whether its answer holds.

Pure: nothing is stored here. Beside what the library checks stand what it leaves to us: the exact origin, the counter, and that no
maker's mark (AAGUID) is kept. A challenge is good once; whoever calls remembers that.
"""

import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from fido2.cose import CoseKey
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

PREFERRED = UserVerificationRequirement.PREFERRED
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
        resident_key_requirement=ResidentKeyRequirement.DISCOURAGED,
        user_verification=PREFERRED,
    )
    return Asked(json.dumps(dict(options)["publicKey"]), _plain(state))


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


def check(place: Place, state: Mapping[str, str], known: Sequence[Known], answer: str) -> tuple[int, int]:
    """Which of the known passkeys answered, and its counter now. Raises Refused, also where the counter did not grow."""
    credentials = [AttestedCredentialData(one.credential) for one in known]
    try:
        given = AuthenticationResponse.from_dict(_answer(answer))
        found = _server(place).authenticate_complete(_full(state), credentials, given)
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


def _full(state: Mapping[str, str]) -> dict[str, Any]:
    return {"challenge": state["challenge"], "user_verification": PREFERRED}
