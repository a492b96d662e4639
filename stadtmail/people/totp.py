"""Codes of authenticator apps (RFC 6238): six digits of half a minute, from a secret that app and house share.

Pure: nothing is stored or remembered here. That a code is good once is kept by whoever asks (RFC 6238, section 5.2).
"""

import hmac
import re
from datetime import datetime

import pyotp

SECONDS = 30
DRIFT = 1  # steps by which a clock may be off, before and behind (RFC 6238, section 5.2)
_CODE = re.compile(r"[0-9]{6}\Z")


def new_secret() -> str:
    """160 random bits in Base32, as RFC 4226 asks (section 4, R6)."""
    return pyotp.random_base32()


def address(secret: str, *, name: str, issuer: str) -> str:
    """What the app reads from the QR code: an otpauth: address."""
    return pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=issuer)


def is_code(text: str) -> bool:
    """Has it the form of a code?"""
    return bool(_CODE.match(tidy(text)))


def step(secret: str, code: str, now: datetime) -> int | None:
    """The half minute that the code belongs to, counted since 1970; None where it belongs to none of these days'."""
    made, found = pyotp.TOTP(secret), None
    present = int(now.timestamp()) // SECONDS
    for number in range(present - DRIFT, present + DRIFT + 1):
        if hmac.compare_digest(made.generate_otp(number).encode(), tidy(code).encode()):
            found = number
    return found


def code(secret: str, now: datetime) -> str:
    """The code of this moment, as an app shows it (tests, measures)."""
    return pyotp.TOTP(secret).generate_otp(int(now.timestamp()) // SECONDS)


def tidy(text: str) -> str:
    """Without the spaces that apps show and people type."""
    return re.sub(r"[\s-]", "", text)
