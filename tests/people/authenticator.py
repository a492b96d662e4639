"""A passkey in software, written from the Web Authentication text: P-256, CBOR by hand, no code of the server's library."""

import base64
import json
import os
from dataclasses import dataclass, field
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

MAKER = b"KANARIENMAKER-16"  # an AAGUID says which model a device is


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def cose(key: ec.EllipticCurvePrivateKey) -> bytes:
    """{1: 2, 3: -7, -1: 1, -2: x, -3: y} (RFC 9053)."""
    point = key.public_key().public_numbers()
    x, y = point.x.to_bytes(32, "big"), point.y.to_bytes(32, "big")
    return b"\xa5\x01\x02\x03\x26\x20\x01\x21\x58\x20" + x + b"\x22\x58\x20" + y


@dataclass
class Device:
    """One authenticator with one credential. `step`: by how much its counter grows; 0: it counts nothing. `prf`: what its pseudo-random
    function gives, `handle`: whose it is, as it was told.
    """

    origin: str = "http://ahaus.localhost"
    host: str = "ahaus.localhost"
    step: int = 1
    counter: int = 0
    flags: int = 0x05  # present and verified
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    id: bytes = field(default_factory=lambda: os.urandom(32))
    prf: bytes = field(default_factory=lambda: os.urandom(32))
    handle: str = ""

    def make(self, options: str, **changes: str) -> str:
        """navigator.credentials.create"""
        self.handle = json.loads(options)["user"]["id"]
        credential = MAKER + len(self.id).to_bytes(2, "big") + self.id + cose(self.key)
        data = self._data(self.flags | 0x40) + credential
        attestation = b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x59" + len(data).to_bytes(2, "big") + data
        response = {"clientDataJSON": b64(self._client("webauthn.create", options, changes)), "attestationObject": b64(attestation)}
        return self._answer(response)

    def get(self, options: str, **changes: str) -> str:
        """navigator.credentials.get; where nobody's passkeys are listed, the device finds its own and says whose it is."""
        self.counter += self.step
        data, client = self._data(self.flags), self._client("webauthn.get", options, changes)
        signature = self.key.sign(data + sha256(client).digest(), ec.ECDSA(SHA256()))
        parts = {"clientDataJSON": client, "authenticatorData": data, "signature": signature}
        said = {name: b64(value) for name, value in parts.items()}
        return self._answer(said if json.loads(options).get("allowCredentials") else {**said, "userHandle": self.handle})

    def _data(self, flags: int) -> bytes:
        return sha256(self.host.encode()).digest() + bytes([flags]) + self.counter.to_bytes(4, "big")

    def _client(self, kind: str, options: str, changes: dict[str, str]) -> bytes:
        said = {"type": kind, "challenge": json.loads(options)["challenge"], "origin": self.origin, "crossOrigin": False}
        return json.dumps({**said, **changes}).encode()

    def _answer(self, response: dict[str, str]) -> str:
        said = {"id": b64(self.id), "rawId": b64(self.id), "type": "public-key", "clientExtensionResults": {}}
        return json.dumps({**said, "response": response})
