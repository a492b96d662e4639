"""Passwords that others try first: the 100,000 most used ones of leaked lists, known here by prefixes of their hashes.

Nobody is asked, and nothing leaves this process. Four bytes of SHA-256 each, sorted: a random password is taken for a known one
about once in 40,000. Made by tools/passwords.py from Pwdb-Public (MIT; known_passwords.licence.txt).
"""

import re
import unicodedata
from functools import cache
from hashlib import sha256
from pathlib import Path

FILE = Path(__file__).with_name("known_passwords.bin")
WIDTH = 4
TRIMMINGS = 6  # digits and signs around a known word that make nothing new of it: Sommer2026!
_ENDS = re.compile(r"^[\W\d_]+|[\W\d_]+$")
_LOOKS = str.maketrans("013457@$!", "oieastasi")


def is_known(password: str) -> bool:
    """Is it one of them, one of them with a few digits or signs around it, with look-alikes for letters, or twice over?"""
    plain = folded(password)
    return any(_stands(candidate) for candidate in _candidates(plain))


def folded(password: str) -> str:
    """As lists are compared: case and forms of letters do not matter."""
    return unicodedata.normalize("NFKC", password).strip().lower()


def mark(plain: str) -> bytes:
    """What a list keeps of a password."""
    return sha256(plain.encode()).digest()[:WIDTH]


def _candidates(plain: str) -> set[str]:
    found = {plain}
    bare = _ENDS.sub("", plain)
    if bare and len(plain) - len(bare) <= TRIMMINGS:
        found.add(bare)
    found |= {one.translate(_LOOKS) for one in found}
    found |= {one[: len(one) // 2] for one in found if one[: len(one) // 2] * 2 == one}
    return {one for one in found if len(one) > 2}


def _stands(plain: str) -> bool:
    wanted, marks = mark(plain), _marks()
    low, high = 0, len(marks) // WIDTH
    while low < high:
        middle = (low + high) // 2
        if marks[middle * WIDTH : (middle + 1) * WIDTH] < wanted:
            low = middle + 1
        else:
            high = middle
    return marks[low * WIDTH : (low + 1) * WIDTH] == wanted


@cache
def _marks() -> bytes:
    return FILE.read_bytes()
