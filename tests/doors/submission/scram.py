"""SCRAM-SHA-256 as a client computes it, written from RFC 5802 and RFC 7677 without the server's code."""

import base64
import hashlib
import hmac

NONCE = "rOprNGfwEbeRWgbNEkqO"


def proof(password: str, bare: str, challenge: str, without: str) -> tuple[bytes, bytes]:
    """(ClientProof, ServerSignature)."""
    said = dict(part.split("=", 1) for part in challenge.split(","))
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), base64.b64decode(said["s"]), int(said["i"]))
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    stored, message = hashlib.sha256(client_key).digest(), f"{bare},{challenge},{without}".encode()
    signature = hmac.digest(stored, message, "sha256")
    server_key = hmac.digest(salted, b"Server Key", "sha256")
    return bytes(a ^ b for a, b in zip(client_key, signature, strict=True)), hmac.digest(server_key, message, "sha256")


def proven(client, name: str, password: str, *, with_initial: bool = True) -> str:
    """Log in over SMTP; the server's last reply. The server's own proof is checked."""
    bare = f"n={name},r={NONCE}"
    first = base64.b64encode(f"n,,{bare}".encode())
    if with_initial:
        reply = client.ask(b"AUTH SCRAM-SHA-256 " + first)
    else:
        assert client.ask(b"AUTH SCRAM-SHA-256") == "334 "
        reply = client.ask(first)
    challenge = base64.b64decode(reply.removeprefix("334 ")).decode()
    nonce = challenge.split(",")[0].removeprefix("r=")
    assert nonce.startswith(NONCE)
    assert nonce != NONCE
    without = f"c=biws,r={nonce}"
    mine, theirs = proof(password, bare, challenge, without)
    reply = client.ask(base64.b64encode(f"{without},p={base64.b64encode(mine).decode()}".encode()))
    if not reply.startswith("334"):
        return reply
    assert base64.b64decode(reply.removeprefix("334 ")) == b"v=" + base64.b64encode(theirs)
    return client.ask(b"")
