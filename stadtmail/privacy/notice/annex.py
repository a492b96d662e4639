"""The annex to the processing contract (Art. 28(3) GDPR): subject, duration, data, people, measures, helpers, places, the end."""

from dataclasses import dataclass

from django.utils.safestring import SafeString

from stadtmail.privacy.notice import facts as known
from stadtmail.privacy.notice.contacts import Contact, Measure, contact, measures
from stadtmail.privacy.notice.facts import Data, facts
from stadtmail.privacy.notice.safe import fill, safe
from stadtmail.privacy.notice.texts import papers
from stadtmail.privacy.policy.model import Policy


@dataclass(frozen=True)
class Duty:
    """One duty of the processor."""

    title: SafeString
    text: SafeString


@dataclass(frozen=True)
class Annex:
    """The annex as it is signed together with each version of the policy."""

    title: SafeString
    controller: Contact
    operator: Contact
    contract: SafeString
    subject: SafeString
    duration: SafeString
    nature: SafeString
    purposes: tuple[SafeString, ...]
    categories: tuple[Data, ...]
    subjects: tuple[SafeString, ...]
    duties: tuple[Duty, ...]
    measures: tuple[Measure, ...]
    sub_processors: tuple[SafeString, ...]
    places: tuple[SafeString, ...]
    third_countries: SafeString


def annex(policy: Policy, lang: str) -> Annex:
    """The annex in a language."""
    found, said = facts(policy, lang), papers(lang)
    words = said["annex"]
    personal: list[Data] = [found[category.code] for category in policy.categories.values() if category.person]
    operator = policy.parties.operator
    return Annex(
        title=fill(words["title"], found),
        controller=contact(policy.parties.controller, lang),
        operator=contact(operator.party, lang),
        contract=found["contract_id"],
        subject=fill(words["subject"], found),
        duration=fill(words["duration"], found),
        nature=fill(words["nature"], found),
        purposes=tuple(safe(purpose.name[lang]) for purpose in policy.purposes.values()),
        categories=tuple(personal),
        subjects=tuple(dict.fromkeys(row.subjects for row in personal)),
        duties=tuple(Duty(safe(duty["title"]), fill(duty["text"], found)) for duty in words["duty"]),
        measures=measures(found, lang),
        sub_processors=tuple(known.sub_processor(helper, lang) for helper in operator.sub_processors),
        places=tuple(known.places(policy, lang)),
        third_countries=safe(said["no_third_country"]),
    )
