"""Names that look like others: what an eye takes for the same is made the same, then compared (after Unicode UTS #39). Pure.

The table has letters of other scripts, and digits, that fonts draw like Latin letters; whatever decomposes to a Latin letter with a
mark counts as that letter.
"""

import re
import unicodedata

_DRAWN_LIKE = {
    "a": "аɑαạ", "b": "ЬƄβ", "c": "сϲ", "d": "ԁɗ", "e": "еҽє", "g": "ɡց", "h": "һհ", "i": "іιıɩ", "j": "јϳ", "k": "кκ", "l": "ӏ1|ⅼ",
    "m": "м", "n": "пոη", "o": "оοօσ0", "p": "рρ", "q": "ԛզ", "r": "г", "s": "ѕꜱ5", "t": "тτ", "u": "υսц", "v": "ѵν", "w": "ѡԝω",
    "x": "хχ", "y": "уγү", "z": "ᴢ",
}  # fmt: skip
_TABLE = {ord(sign): letter for letter, signs in _DRAWN_LIKE.items() for sign in signs}
_PAIRS = (("rn", "m"), ("vv", "w"), ("cl", "d"))
_ADDRESS = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,6}")
_SHARP = {"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ł": "l"}
MOST_SIGNS = 300


def skeleton(text: str) -> str:
    """What an eye sees of a name: letters and digits only, of one case, marks left out."""
    text = unicodedata.normalize("NFKD", text[:MOST_SIGNS]).casefold()
    text = "".join(_SHARP.get(sign, sign) for sign in text).translate(_TABLE)
    text = "".join(sign for sign in text if sign.isalnum() or sign == ".")
    for pair, letter in _PAIRS:
        text = text.replace(pair, letter)
    return text.replace("i", "l")  # I and l are one stroke


def domain(name: str) -> str:
    """A domain as it is shown: punycode opened, what cannot be opened as it is."""
    labels = []
    for label in name.lower().rstrip(".").split("."):
        try:
            labels.append(label[4:].encode("ascii").decode("punycode") if label.startswith("xn--") else label)
        except UnicodeError:
            labels.append(label)
    return ".".join(labels)


def is_like(one: str, other: str) -> bool:
    """Do two domains look the same, or differ in a single sign, without being the same?"""
    first, second = domain(one), domain(other)
    if first == second:
        return False
    left, right = skeleton(first), skeleton(second)
    return left == right or (min(len(left), len(right)) >= 7 and _one_apart(left, right))


def is_mixed(name: str) -> bool:
    """Has a domain a label with letters of more than one script, or of one that is drawn like Latin throughout?"""
    return any(_is_mixed(label) for label in domain(name).split("."))


def addresses(text: str) -> list[str]:
    """Mail addresses that stand in a display name, in lower case."""
    return [found.lower().strip(".") for found in _ADDRESS.findall(unicodedata.normalize("NFKC", text[:MOST_SIGNS]))]


def _is_mixed(label: str) -> bool:
    scripts = {unicodedata.name(sign, "?").split(" ")[0] for sign in label if sign.isalpha()}
    if len(scripts) > 1:
        return not scripts <= {"CJK", "HIRAGANA", "KATAKANA", "LATIN"}
    return bool(label) and "LATIN" not in scripts and bool(scripts) and skeleton(label).isascii()


def _one_apart(left: str, right: str) -> bool:
    """Is one sign replaced, missing, too much, or are two neighbours exchanged?"""
    if abs(len(left) - len(right)) > 1:
        return False
    at = next((n for n, (a, b) in enumerate(zip(left, right, strict=False)) if a != b), min(len(left), len(right)))
    a, b = left[at:], right[at:]
    return a[1:] == b[1:] or a[1:] == b or a == b[1:] or (a[:2] == b[1::-1] and a[2:] == b[2:])
