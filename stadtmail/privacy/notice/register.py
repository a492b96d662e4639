"""The register of processing activities (Art. 30(1) GDPR), the deletion concept (DIN 66398) and the cookie table, in one value."""

from dataclasses import dataclass

from django.utils.safestring import SafeString

from stadtmail.privacy.notice import facts as known
from stadtmail.privacy.notice import words
from stadtmail.privacy.notice.contacts import Contact, Measure, contact, measures, officer
from stadtmail.privacy.notice.facts import Data, Facts, facts, laws, listed
from stadtmail.privacy.notice.safe import fill, safe
from stadtmail.privacy.notice.texts import papers
from stadtmail.privacy.policy.model import Category, Cookie, Policy, Purpose

TRANSIT = "TRANSIT"

# the three starts of DIN 66398: E collection, V end of a process, B end of the relationship with the data subject
START_TYPES: dict[str, str] = {
    "contract_end": "B", "role_end": "B",
    "last_collection": "V", "order_refused": "V", "order_accepted": "V", "month_end": "V", "use_end": "V", "session_end": "V",
    "transit_end": "V", "transit_begin": "E",
    "import_end": "V", "import_begin": "E",
    "withdrawal": "V", "order_submitted": "E", "access": "E", "challenge_issued": "E",
    "alias_end": "V",
}  # fmt: skip


@dataclass(frozen=True)
class Activity:
    """One processing activity: everything for one purpose."""

    code: str
    name: SafeString
    owner: SafeString
    basis: SafeString
    categories: tuple[Data, ...]
    subjects: tuple[SafeString, ...]
    recipients: SafeString
    third_countries: SafeString


@dataclass(frozen=True)
class Start:
    """An event that starts the clock, its kind in DIN 66398, and the period that runs from it."""

    event: SafeString
    type: SafeString
    rule: SafeString


@dataclass(frozen=True)
class Deletion:
    """One row of the deletion concept: category x start x rule x lateness x holds. Without starts: no rule is needed."""

    code: str
    name: SafeString
    content: SafeString
    store: SafeString
    starts: tuple[Start, ...]
    rule: SafeString
    keep: SafeString
    lateness: SafeString
    holds: SafeString
    clauses: tuple[str, ...]


@dataclass(frozen=True)
class CookieRow:
    """One row of the cookie table."""

    name: SafeString
    where: SafeString
    purpose: SafeString
    basis: SafeString
    need: SafeString
    lifetime: SafeString
    content: SafeString


@dataclass(frozen=True)
class Register:
    """The page: who, what for, until when, how protected."""

    title: SafeString
    law: SafeString
    controller: Contact
    officer: Contact
    operator: Contact
    activities: tuple[Activity, ...]
    deletions: tuple[Deletion, ...]
    cookies: tuple[CookieRow, ...]
    measures: tuple[Measure, ...]


def register(policy: Policy, lang: str) -> Register:
    """The whole register in a language."""
    found, said = facts(policy, lang), papers(lang)
    return Register(
        title=safe(said["register"]["title"]),
        law=safe(said["register"]["law"]),
        controller=contact(policy.parties.controller, lang),
        officer=officer(policy),
        operator=contact(policy.parties.operator.party, lang),
        activities=tuple(_activity(purpose, policy, found, lang) for purpose in policy.purposes.values()),
        deletions=tuple(_deletion(category, found, lang) for category in policy.categories.values()),
        cookies=tuple(_cookie(cookie, policy, lang) for cookie in policy.cookies),
        measures=measures(found, lang),
    )


def _activity(purpose: Purpose, policy: Policy, found: Facts, lang: str) -> Activity:
    said = papers(lang)
    mine: list[Data] = [found[c.code] for c in policy.categories.values() if purpose.code in c.purposes]
    others = [known.recipient(r, policy, lang) for r in policy.recipients if r.purpose == purpose.code]
    asked = _asked(purpose, policy, lang)
    others += asked
    code = "recipients_some" if others else "recipients"
    return Activity(
        code=purpose.code,
        name=safe(purpose.name[lang]),
        owner=fill(said["register"][f"owner_{purpose.owner}"], {"agreement": safe(purpose.agreement)}),
        basis=laws(policy, [purpose.code], lang),
        categories=tuple(mine),
        subjects=tuple(dict.fromkeys(row.subjects for row in mine)),
        recipients=fill(said["register"][code], {"operator": found["operator"], "list": listed(others, lang)}),
        third_countries=safe(said["asked_third_country" if asked else "no_third_country"]),
    )


def _asked(purpose: Purpose, policy: Policy, lang: str) -> list[SafeString]:
    """Who gets something because a user wants it, wherever they are: recipients of mail, and servers of pictures (Art. 30(1)(d) GDPR)."""
    sends = TRANSIT in policy.categories and purpose.code in policy.categories[TRANSIT].purposes
    loads = policy.pictures is not None and policy.pictures.purpose == purpose.code
    return [known.phrase(lang, f"{code}.recipient") for code, wanted in (("transit", sends), ("pictures", loads)) if wanted]


def _deletion(category: Category, found: Facts, lang: str) -> Deletion:
    said, row, rule = papers(lang), found[category.code], category.rule
    starts = tuple(
        Start(
            safe(said["start"][start.event]), safe(said["start_type"][START_TYPES[start.event]]), safe(words.deadline(start, lang))
        )
        for start in (rule.starts if rule else ())
    )
    return Deletion(
        code=category.code,
        name=row.name,
        content=row.content,
        store=safe(said["store"][category.store]),
        starts=starts,
        rule=row.due if rule else safe(said["register"]["no_rule"]),
        keep=_keep(category, lang),
        lateness=row.lateness if rule else safe(said["not_stated"]),
        holds=row.holds if category.holds else safe(said["none"]),
        clauses=category.clauses,
    )


def _keep(category: Category, lang: str) -> SafeString:
    said, rule = papers(lang), category.rule
    if rule is None or rule.keep_until is None:
        return safe(said["none"])
    return fill(said["register"]["keep"], {"period": safe(words.until(rule, lang))})


def _cookie(cookie: Cookie, policy: Policy, lang: str) -> CookieRow:
    said = papers(lang)["cookie"]
    return CookieRow(
        name=safe(cookie.name),
        where=safe(said[cookie.where]),
        purpose=safe(policy.purposes[cookie.purpose].name[lang]),
        basis=safe(policy.bases[cookie.basis].law[lang]),
        need=safe(said["necessary"]) if cookie.necessary else fill(said["consent"], {"consent": safe(cookie.consent)}),
        lifetime=safe(said["session"]) if cookie.lifetime == "session" else safe(cookie.lifetime),
        content=safe(cookie.content[lang]),
    )
