"""What an order must look like. `problems` says (field, code); the door has the words in the reader's language."""

import re
import unicodedata
from dataclasses import dataclass, field
from datetime import date, datetime
from fnmatch import fnmatchcase

from stadtmail.people import fields, known_passwords
from stadtmail.privacy.policy import Policy

_LOCALPART = re.compile(r"[a-z0-9](?:[a-z0-9]|[._-](?=[a-z0-9])){1,38}[a-z0-9]\Z")
_POSTCODE = re.compile(r"\d{5}\Z")
_PHONE = re.compile(r"\+?[0-9][0-9 /()-]{4,28}[0-9]\Z")
_MAIL = re.compile(r"[^@\s\x00-\x1f]{1,64}@[A-Za-z0-9.-]{1,253}\Z")
# letters that look like others: folded before a name is compared with the reserved ones (homographs are refused by _LOCALPART)
_LOOKS = (("rn", "m"), ("vv", "w"), ("0", "o"), ("1", "l"), ("i", "l"), ("5", "s"), ("3", "e"), ("4", "a"), ("8", "b"))
SHORTEST_PASSWORD = 10


@dataclass(frozen=True, repr=False)
class OrderForm:
    """An order as it was filled in. `voluntary`: field -> value, empty ones left out. Shows nothing of it in a repr."""

    kind: str  # person | organisation
    name: str
    street: str
    postcode: str
    town: str
    birth_date: str  # ISO date; empty for an organisation
    localpart: str
    tariff: str
    language: str
    password: str
    phone: str = ""
    iban: str = ""
    account_holder: str = ""
    reclaim: str = ""
    voluntary: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Problem:
    """What is wrong with one field."""

    field: str
    code: str


def problems(form: OrderForm, *, policy: Policy, now: datetime) -> list[Problem]:
    """Everything that is wrong with the form itself; whether the address is free is asked elsewhere."""
    found = [Problem(name, "too_long") for name in fields.CATALOGUE if len(_value(form, name)) > fields.CATALOGUE[name].most]
    found += [Problem(name, "bad_characters") for name in fields.CATALOGUE if _has_controls(_value(form, name))]
    if form.kind not in ("person", "organisation"):
        found.append(Problem("kind", "choose"))
    found += [Problem(name, "missing") for name in ("name", "street", "town") if not _value(form, name).strip()]
    if not _POSTCODE.match(form.postcode):
        found.append(Problem("postcode", "bad_postcode"))
    found += _birth_date(form, policy, now) + _localpart(form, policy) + _password(form, policy)
    tariff = policy.tariffs.get(form.tariff)
    if tariff is None:
        return [*found, Problem("tariff", "choose")]
    if "phone" in tariff.needs and not _PHONE.match(form.phone):
        found.append(Problem("phone", "bad_phone"))
    if "bank" in tariff.needs:
        found += [] if is_iban(form.iban) else [Problem("iban", "bad_iban")]
        found += [] if form.account_holder.strip() else [Problem("account_holder", "missing")]
    for name, value in form.voluntary.items():
        found += voluntary_problems(name, value) if value else []
    return list(dict.fromkeys(found))


def voluntary_problems(name: str, value: str) -> list[Problem]:
    """What is wrong with one voluntary detail; `name` is in fields.VOLUNTARY."""
    if not value.strip():
        return [Problem(name, "missing")]
    found = [Problem(name, "too_long")] if len(value) > fields.CATALOGUE[name].most else []
    found += [Problem(name, "bad_characters")] if _has_controls(value) else []
    return [*found, Problem(name, "bad_mail")] if name == "contact_mail" and not _MAIL.match(value) else found


def is_iban(text: str) -> bool:
    """ISO 13616 check digits."""
    iban = re.sub(r"\s", "", text).upper()
    if not re.match(r"[A-Z]{2}\d{2}[A-Z0-9]{11,30}\Z", iban) or (iban.startswith("DE") and len(iban) != 22):
        return False
    return int("".join(str(int(sign, 36)) for sign in iban[4:] + iban[:4])) % 97 == 1


def folded(localpart: str) -> str:
    """The local part as the eye sees it: separators gone, look-alikes made equal."""
    seen = re.sub(r"[._-]", "", unicodedata.normalize("NFKC", localpart).lower())
    for looks, like in _LOOKS:
        seen = seen.replace(looks, like)
    return seen


def is_localpart(text: str) -> bool:
    """Has it the form of a local part that somebody may order?"""
    return bool(_LOCALPART.match(text))


def is_reserved(localpart: str, policy: Policy) -> bool:
    """Is the name, or one that looks like it, reserved by the city?"""
    plain = re.sub(r"[._-]", "", localpart.lower())
    if policy.order.is_reserved(localpart) or policy.order.is_reserved(plain):
        return True
    return any(fnmatchcase(folded(localpart), folded(pattern)) for pattern in policy.order.reserved)


def age(born: date, today: date) -> int:
    """Full years."""
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day))


def _value(form: OrderForm, name: str) -> str:
    return str(form.voluntary.get(name, "") if name in fields.VOLUNTARY else getattr(form, name))


def _has_controls(text: str) -> bool:
    return any(unicodedata.category(sign) in ("Cc", "Cs", "Co") or sign in "\u202a\u202b\u202d\u202e\u2066\u2067\u2068" for sign in text)


def _birth_date(form: OrderForm, policy: Policy, now: datetime) -> list[Problem]:
    if form.kind == "organisation":
        return [Problem("birth_date", "not_asked")] if form.birth_date else []
    try:
        born = date.fromisoformat(form.birth_date)
    except ValueError:
        return [Problem("birth_date", "bad_date")]
    today = now.astimezone(policy.tz).date()
    if born > today or age(born, today) > 130:
        return [Problem("birth_date", "bad_date")]
    return [Problem("birth_date", "too_young")] if age(born, today) < policy.order.smallest_age else []


def _localpart(form: OrderForm, policy: Policy) -> list[Problem]:
    if not _LOCALPART.match(form.localpart):
        return [Problem("localpart", "bad_localpart")]
    return [Problem("localpart", "reserved")] if is_reserved(form.localpart, policy) else []


def _password(form: OrderForm, policy: Policy) -> list[Problem]:
    known = (form.name, form.localpart, policy.domain, policy.parties.controller.town)
    return [Problem("password", code) for code in password_problems(form.password, *known)]


def password_problems(password: str, *known: str) -> list[str]:
    """Codes of what is wrong with a password; `known`: words that it must not consist of (name, address, city)."""
    lowered = password.lower()
    if len(password) < SHORTEST_PASSWORD:
        return ["password_short"]
    if len(set(lowered)) < 4:
        return ["password_common"]
    if known_passwords.is_known(password):
        return ["password_known"]
    words = [word for text in known for word in re.split(r"[^\w]+", text.lower()) if len(word) > 3]
    rest = lowered
    for word in words:
        rest = rest.replace(word, "")
    letters = re.sub(r"[\W\d_]", "", rest)
    return ["password_personal"] if words and (len(rest) < 5 or (len(letters) < 5 and len(rest) < 9)) else []
