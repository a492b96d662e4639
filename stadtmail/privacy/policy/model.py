"""What a compiled policy is: plain values that the engine executes and the notice renders. Nothing here reads a file.

A rule is an interval on typed events, not an age of rows: `keep_until` is a duty, `gone_by` a promise.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from fnmatch import fnmatchcase
from zoneinfo import ZoneInfo

from stadtmail.privacy import periods
from stadtmail.privacy.periods import Period, Term

LANGUAGES = ("de", "en")
SERVICES = ("telecom", "digital")


@dataclass(frozen=True)
class Words:
    """A text that residents see, in both languages: `words["de"]`."""

    de: str
    en: str

    def __getitem__(self, lang: str) -> str:
        return self.en if lang == "en" else self.de


@dataclass(frozen=True)
class Alternative:
    """Another event that starts the clock of the same data."""

    event: str
    gone_by: Term


@dataclass(frozen=True)
class Rule:
    """When data of one category are due. Of all starts that have happened, the earliest moment counts."""

    category: str
    start: str
    keep_until: Term | None
    gone_by: Term
    also: tuple[Alternative, ...] = ()

    @property
    def lateness(self) -> timedelta:
        """How long after gone_by data may still be there (15 minutes; a day where a whole city falls due at once)."""
        return max(term.lateness for term in (self.gone_by, *(a.gone_by for a in self.also)))

    @property
    def starts(self) -> tuple[Alternative, ...]:
        """Every start with its term, the main one first."""
        return (Alternative(self.start, self.gone_by), *self.also)

    def due(self, events: Mapping[str, datetime], tz: ZoneInfo) -> datetime | None:
        """gone_by (UTC) from the events that have happened (name -> when); None while none has."""
        moments = [periods.due(events[s.event], s.gone_by, tz) for s in self.starts if s.event in events]
        return min(moments, default=None)

    def kept_until(self, events: Mapping[str, datetime], tz: ZoneInfo) -> datetime | None:
        """End of the duty to keep (UTC); None without a duty or before its start."""
        if self.keep_until is None or self.start not in events:
            return None
        return periods.due(events[self.start], self.keep_until, tz)


@dataclass(frozen=True)
class Category:
    """A kind of data with one deletion rule (DIN 66398): same purposes, same bases, same subjects, wherever it is stored."""

    code: str
    name: Words
    content: Words
    subjects: Words
    purposes: tuple[str, ...]
    service: str  # telecom | digital: decides about law and supervision
    store: str  # default | evidence | keys | ram | browser
    clauses: tuple[str, ...]
    holds: frozenset[str]
    person: bool  # False: without reference to a person
    rule: Rule | None


@dataclass(frozen=True)
class Basis:
    """A legal basis. `article` is its short code, which lint reads: "6-1-b", "tdddg-25-2", …"""

    code: str
    article: str
    law: Words


@dataclass(frozen=True)
class Purpose:
    """What data are for. `owner` is who decides about it: controller or operator."""

    code: str
    name: Words
    basis: tuple[str, ...]
    owner: str
    agreement: str  # id of a joint-controller agreement, where the owner is not the controller
    consent: str  # type of consent that it needs; empty: none


@dataclass(frozen=True)
class Party:
    """Somebody with an address who answers for something."""

    name: str
    street: str
    postcode: str
    town: str
    represented_by: Words
    email: str
    phone: str

    @property
    def lines(self) -> tuple[str, ...]:
        """Name and address as lines of a letter."""
        return (self.name, self.street, f"{self.postcode} {self.town}")


@dataclass(frozen=True)
class Contract:
    """The processing contract (Art. 28) between city and operator."""

    id: str
    signed: date
    ends: date


@dataclass(frozen=True)
class Place:
    """A place where the operator stores data; `hosts` are the only names that settings may point to."""

    name: Words
    country: str
    holds: Words
    hosts: tuple[str, ...]


@dataclass(frozen=True)
class SubProcessor:
    """Somebody who works for the operator."""

    name: str
    address: str
    country: str
    task: Words
    contract: Contract


@dataclass(frozen=True)
class Operator:
    """The processor: who runs the machines, under which contract, where, with whose help."""

    party: Party
    contract: Contract
    places: tuple[Place, ...]
    sub_processors: tuple[SubProcessor, ...]


@dataclass(frozen=True)
class Officer:
    """The data-protection officer: a role with a mailbox of the city (K18)."""

    email: str
    marking: str  # how a letter is marked so that it arrives unopened (C-1.6)
    post: tuple[str, ...]


@dataclass(frozen=True)
class Authority:
    """A supervisory authority, for which services it is competent, and when the city last checked its address."""

    code: str
    services: tuple[str, ...]
    name: Words
    street: str
    postcode: str
    town: str
    phone: str
    web: str
    reviewed: date


@dataclass(frozen=True)
class Parties:
    """Everybody whom the notice names."""

    controller: Party
    operator: Operator
    dpo: Officer
    authorities: tuple[Authority, ...]

    def authority(self, service: str) -> Authority | None:
        """Who supervises this kind of service ("telecom" or "digital")."""
        return next((a for a in self.authorities if service in a.services), None)


@dataclass(frozen=True)
class Cookie:
    """A cookie that may be set; every other one is dropped and counted."""

    name: str
    where: str  # tls | plain
    purpose: str
    basis: str
    necessary: bool
    lifetime: str  # "session": no expiry date
    content: Words
    consent: str


@dataclass(frozen=True)
class Recipient:
    """Somebody outside city and operator who gets data."""

    code: str
    name: Words
    country: str
    purpose: str
    basis: str
    fields: tuple[str, ...]


@dataclass(frozen=True)
class Egress:
    """A host to which the instance may connect, for which recipient."""

    host: str
    recipient: str
    purpose: str


@dataclass(frozen=True)
class Pictures:
    """The instance may connect to the web servers that messages name, to fetch pictures that their reader asks for."""

    purpose: str


@dataclass(frozen=True)
class HoldType:
    """A reason not to erase: which reason codes it knows and whether a second person must agree."""

    code: str
    name: Words
    reasons: tuple[str, ...]
    four_eyes: bool
    review: Period


@dataclass(frozen=True)
class Tariff:
    """What can be ordered. `price` is cents a month; `needs` names fields that this tariff needs beside the usual ones."""

    code: str
    name: Words
    needs: frozenset[str]
    quota_bytes: int
    price: int

    @property
    def name_de(self) -> str:
        """German name."""
        return self.name.de

    @property
    def name_en(self) -> str:
        """English name."""
        return self.name.en


@dataclass(frozen=True)
class OrderRules:
    """How an order becomes a contract: at_once, approval (of the desk) or letter (code by post)."""

    mode: str
    smallest_age: int
    per_day: int
    reserved: frozenset[str]  # local parts; "*" stands for any characters

    def is_reserved(self, localpart: str) -> bool:
        """May this local part not be ordered by anybody?"""
        name = localpart.lower()
        return any(fnmatchcase(name, pattern) for pattern in self.reserved)


@dataclass(frozen=True)
class MailRules:
    """How strict the city is with mail that comes in, and how many further addresses a contract may have.

    `dmarc`: obey refuses what a domain asks to refuse, junk puts it into the junk folder, note only writes it down.
    """

    dmarc: str
    sealers: frozenset[str]  # domains whose ARC seal makes good for a failure: mailing lists and forwarders that the city trusts
    aliases: int
    tls_reports: bool  # are domains that ask for it told how TLS went with them (RFC 8460)?


@dataclass(frozen=True)
class Terms:
    """The city's terms of use."""

    version: str
    dated: date
    text: Words

    @property
    def text_de(self) -> str:
        """German text."""
        return self.text.de

    @property
    def text_en(self) -> str:
        """English text."""
        return self.text.en


@dataclass(frozen=True)
class Decision:
    """Who decided a conflict between notice and law, when, why, and what the notice says since."""

    code: str
    decider: str
    date: date
    reason: Words
    text: Words


@dataclass(frozen=True)
class Approval:
    """Who signed this version for one side, and when."""

    by: str
    date: date


@dataclass(frozen=True)
class Policy:
    """One version of one city's policy, compiled. `source` is the file that it came from, `digest` its SHA-256."""

    slug: str
    version: int
    digest: str
    source: bytes
    effective_from: datetime
    tz: ZoneInfo
    service: str  # name under which the city offers the service
    colour: str  # "#rrggbb", or empty: the portal chooses one
    domain: str
    land: str
    collects_identity: bool
    captcha: str
    captcha_consent: str
    analytics: str
    disclosure: str  # law | prosecution: how the notice words what authorities may be told (C-4.8)
    approvals: Mapping[str, Approval]  # side ("controller", "operator") -> its signature under this version
    parties: Parties
    bases: Mapping[str, Basis]
    purposes: Mapping[str, Purpose]
    categories: Mapping[str, Category]
    limits: Mapping[str, Period]
    cookies: tuple[Cookie, ...]
    recipients: tuple[Recipient, ...]
    egress: tuple[Egress, ...]
    pictures: Pictures | None  # None: pictures from the internet are never fetched
    hold_types: Mapping[str, HoldType]
    tariffs: Mapping[str, Tariff]
    order: OrderRules
    mail: MailRules
    terms: Terms
    decisions: Mapping[str, Decision]

    @property
    def rules(self) -> dict[str, Rule]:
        """Category -> rule, of the categories that have one."""
        return {code: category.rule for code, category in self.categories.items() if category.rule is not None}

    @property
    def holds(self) -> dict[str, frozenset[str]]:
        """Category -> types of hold that can stop its erasure. A type that is not named here cannot."""
        return {code: category.holds for code, category in self.categories.items()}
