"""Keys and signatures of the tests, made with dkimpy: an implementation that is not ours."""

from base64 import b64encode

import dkim
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa


class RsaKey:
    """An RSA key under a selector."""

    def __init__(self, *, bits: int = 2048) -> None:
        self._key = rsa.generate_private_key(65537, bits)
        self.pem = self._key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
        )
        der = self._key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        self.record = f"v=DKIM1; k=rsa; p={b64encode(der).decode()}"

    def signed(self, raw: bytes, *, domain: bytes = b"peer.example", selector: bytes = b"s1", **more) -> bytes:
        """The message behind its DKIM-Signature."""
        return dkim.sign(raw, selector, domain, self.pem, **more) + raw

    def sealed(self, raw: bytes, *, domain: bytes, results: bytes, selector: bytes = b"s1") -> bytes:
        """The message behind a set of ARC that `domain` adds to it, with what it has found."""
        ours = b"Authentication-Results: " + domain + b"; " + results + b"\r\n"
        return b"".join(dkim.arc_sign(ours + raw, selector, domain, self.pem, domain)) + ours + raw


def ed25519_record(key: ed25519.Ed25519PrivateKey) -> str:
    """The TXT record of an Ed25519 key."""
    raw = key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return f"v=DKIM1; k=ed25519; p={b64encode(raw).decode()}"
