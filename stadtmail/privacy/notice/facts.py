"""What the policy says, as words that fit into the sentences: the only way from a policy into a text.

Every value here is escaped; a sentence that needs something else adds it here, never a figure of its own.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from babel import Locale
from babel.lists import format_list
from django.utils.safestring import SafeString

from stadtmail.privacy import holds
from stadtmail.privacy.notice import words
from stadtmail.privacy.notice.safe import fill, mail_link, safe, web_link
from stadtmail.privacy.notice.texts import sentences
from stadtmail.privacy.periods import Period
from stadtmail.privacy.policy.authorities import LAENDER
from stadtmail.privacy.policy.model import Authority, Category, Party, Policy, Recipient, SubProcessor, Tariff

TASK = "6-1-e"  # Art. 6(1)(e) GDPR: the one basis of this product against which one can object (Art. 21)
CONTRACT = "6-1-b"
IDENTITY = "BD-ID"

Facts = dict[str, Any]


class Length(SafeString):
    """A period: as it stands after "um" or "höchstens", and `dative` as it stands after "nach"."""

    dative: SafeString

    @classmethod
    def of(cls, period: Period, lang: str) -> "Length":
        """The period in words."""
        made = cls(safe(words.period(period, lang)))
        made.dative = safe(words.period(period, lang, dative=True))
        return made


@dataclass(frozen=True)
class Data:
    """One category of data in words."""

    code: str
    name: SafeString
    content: SafeString
    subjects: SafeString
    purposes: SafeString
    basis: SafeString
    due: SafeString
    lateness: SafeString
    holds: SafeString


def facts(policy: Policy, lang: str) -> Facts:
    """Name -> safe words, for every name that a sentence may use. `BD.due`, `BD-ID.name` are attributes of a category."""
    made: Facts = _limits(policy, lang) | _data_of(policy, lang) | _parties(policy, lang) | _decisions(policy, lang)
    made |= _cookies(policy, lang) | _order(policy, lang, made) | _transfers(policy, lang)
    return made


def phrase(lang: str, code: str, **values: Any) -> SafeString:
    """One of the phrases that depend on the policy, filled."""
    return fill(sentences(lang)["phrase"][code], values)


def listed(values: Iterable[object], lang: str) -> SafeString:
    """Safe words as a list in a sentence; an empty one is "nothing"."""
    texts = [str(value) for value in values]
    return SafeString(words.listed(texts, lang)) if texts else phrase(lang, "nothing")


def country(code: str, lang: str) -> SafeString:
    """Name of a country."""
    return safe(Locale.parse("en_GB" if lang == "en" else lang).territories.get(code, code))


def laws(policy: Policy, purposes: Iterable[str], lang: str) -> SafeString:
    """The legal bases of purposes, each once."""
    codes = dict.fromkeys(code for purpose in purposes for code in policy.purposes[purpose].basis)
    return listed((safe(policy.bases[code].law[lang]) for code in codes), lang)


def lateness(value: timedelta, lang: str) -> SafeString:
    """How late an erasure may be."""
    return safe(words.period(Period(seconds=int(value.total_seconds())), lang))


def data(policy: Policy, category: Category, lang: str) -> Data:
    """A category in words."""
    rule = category.rule
    holds = (policy.hold_types[code].name[lang] for code in sorted(category.holds) if code in policy.hold_types)
    return Data(
        code=category.code,
        name=safe(category.name[lang]),
        content=safe(category.content[lang]),
        subjects=safe(category.subjects[lang]),
        purposes=listed((safe(policy.purposes[code].name[lang]) for code in category.purposes), lang),
        basis=laws(policy, category.purposes, lang),
        due=safe(words.due(rule, lang)) if rule else SafeString(""),
        lateness=lateness(rule.lateness, lang) if rule else SafeString(""),
        holds=listed(map(safe, holds), lang),
    )


def reach(party: Party, lang: str) -> SafeString:
    """How somebody is reached: mail, and telephone where there is one."""
    ways = [phrase(lang, "reach", mail=mail_link(party.email))]
    if party.phone:
        ways.append(phrase(lang, "by_phone", phone=safe(party.phone)))
    return SafeString(", ".join(ways))


def authority(found: Authority, lang: str) -> SafeString:
    """Name and contact data of a supervisory authority, with the day on which the city last checked them (C-6.5)."""
    return phrase(
        lang, "authority", name=safe(found.name[lang]), street=safe(found.street), postcode=safe(found.postcode), town=safe(found.town),
        phone=safe(found.phone), web=web_link(found.web), day=safe(words.day(found.reviewed, lang)),
    )  # fmt: skip


def tariff(offered: Tariff, lang: str) -> SafeString:
    """A tariff with its price and size."""
    size = safe(words.size(offered.quota_bytes, lang))
    if not offered.price:
        return phrase(lang, "free", name=safe(offered.name[lang]), size=size)
    return phrase(lang, "priced", name=safe(offered.name[lang]), size=size, price=safe(words.amount(offered.price, lang)))


def recipient(found: Recipient, policy: Policy, lang: str) -> SafeString:
    """Somebody to whom data are passed on: what for, on which basis, which fields (K11)."""
    return phrase(
        lang, "recipient", name=safe(found.name[lang]), country=country(found.country, lang),
        purpose=safe(policy.purposes[found.purpose].name[lang]), basis=safe(policy.bases[found.basis].law[lang]),
        fields=safe(", ".join(found.fields)),
    )  # fmt: skip


def sub_processor(found: SubProcessor, lang: str) -> SafeString:
    """Somebody who works for the operator."""
    return phrase(
        lang, "sub_processor", name=safe(found.name), address=safe(found.address), country=country(found.country, lang),
        task=safe(found.task[lang]), contract=safe(found.contract.id), signed=safe(words.day(found.contract.signed, lang)),
        ends=safe(words.day(found.contract.ends, lang)),
    )  # fmt: skip


def places(policy: Policy, lang: str) -> list[SafeString]:
    """Where data are stored, and which (C-1.2)."""
    return [
        phrase(lang, "place", name=safe(place.name[lang]), country=country(place.country, lang), holds=safe(place.holds[lang]))
        for place in policy.parties.operator.places
    ]


def _limits(policy: Policy, lang: str) -> Facts:
    told: Facts = {"restriction_told": Length.of(holds.TOLD_BEFORE, lang)}
    return told | {name: Length.of(period, lang) for name, period in policy.limits.items()}


def _data_of(policy: Policy, lang: str) -> Facts:
    return {code: data(policy, category, lang) for code, category in policy.categories.items()}


def _parties(policy: Policy, lang: str) -> Facts:
    parties = policy.parties
    contract = parties.operator.contract
    made: Facts = {"service": safe(policy.service), "land": safe(LAENDER[policy.land][lang])}
    for name, party in (("controller", parties.controller), ("operator", parties.operator.party)):
        made |= {
            name: safe(party.name), f"{name}_post": safe(", ".join(party.lines[1:])),
            f"{name}_rep": safe(party.represented_by[lang]), f"{name}_reach": reach(party, lang),
        }  # fmt: skip
    made |= {
        "controller_mail": mail_link(parties.controller.email),
        "contract_id": safe(contract.id), "contract_signed": safe(words.day(contract.signed, lang)),
        "contract_ends": safe(words.day(contract.ends, lang)),
        "officer_mail": mail_link(parties.dpo.email), "officer_post": safe(", ".join(parties.dpo.post)),
        "officer_marking": safe(parties.dpo.marking),
    }  # fmt: skip
    for name, service in (("land_authority", "digital"), ("federal_authority", "telecom")):
        found = parties.authority(service)
        made |= {name: authority(found, lang), f"{name}_name": safe(found.name[lang])} if found else {}
    return made


def _decisions(policy: Policy, lang: str) -> Facts:
    return {code: safe(decision.text[lang]) for code, decision in policy.decisions.items()}


def _cookies(policy: Policy, lang: str) -> Facts:
    names = [str(safe(cookie.name)) for cookie in policy.cookies]
    locale = "en_GB" if lang == "en" else lang
    return {
        "cookie_names": SafeString(format_list(names, style="or", locale=locale)) if names else phrase(lang, "nothing"),
        "cookie_content": listed(dict.fromkeys(safe(cookie.content[lang]) for cookie in policy.cookies), lang),
        "cookie_basis": listed(dict.fromkeys(safe(policy.bases[cookie.basis].law[lang]) for cookie in policy.cookies), lang),
    }


def _order(policy: Policy, lang: str, known: Facts) -> Facts:
    tariffs = list(policy.tariffs.values())
    needing = [
        phrase(lang, "needs.some", tariff=safe(t.name[lang]), things=listed((phrase(lang, f"needs.{n}") for n in sorted(t.needs)), lang))
        for t in tariffs if t.needs
    ]  # fmt: skip
    pays = any("bank" in t.needs for t in tariffs)
    return {
        "needs": SafeString(" ".join(needing)) if needing else phrase(lang, "needs.none"),
        "payment": phrase(lang, "payment.yes" if pays else "payment.no", **known),
        "tariffs": listed((tariff(t, lang) for t in tariffs), lang),
        "order_way": phrase(lang, f"order.{policy.order.mode}", **known),
        "smallest_age": safe(policy.order.smallest_age),
        "disclosure": phrase(lang, f"disclosure.{policy.disclosure}"),
        "dmarc": phrase(lang, f"dmarc.{policy.mail.dmarc}"),
        "pictures": phrase(lang, "pictures.asked" if policy.pictures else "pictures.never"),
        "tls_reports": phrase(lang, "tls_reports.yes" if policy.mail.tls_reports else "tls_reports.no"),
    }


def _transfers(policy: Policy, lang: str) -> Facts:
    helpers = [sub_processor(found, lang) for found in policy.parties.operator.sub_processors]
    others = [recipient(found, policy, lang) for found in policy.recipients]
    duty = dict.fromkeys(code for purpose in policy.categories[IDENTITY].purposes for code in policy.purposes[purpose].basis)
    objectionable = [p for p in policy.purposes.values() if any(policy.bases[code].article == TASK for code in p.basis)]
    restrictable = [safe(c.name[lang]) for c in policy.categories.values() if holds.RESTRICTION in c.holds]
    return {
        "places": SafeString("; ".join(places(policy, lang))),
        "sub_processors": phrase(lang, "sub_processors.some" if helpers else "sub_processors.none", list="; ".join(helpers)),
        "recipients": phrase(lang, "recipients.some" if others else "recipients.none", list="; ".join(others)),
        "duty": listed((safe(policy.bases[code].law[lang]) for code in duty if policy.bases[code].article != CONTRACT), lang),
        "task_purposes": listed((safe(p.name[lang]) for p in objectionable), lang),
        "restrictable": listed(restrictable, lang),
    }
