"""The imprint (§ 5 DDG): who offers the portal, who answers for its contents, who runs it, who supervises it."""

from dataclasses import dataclass

from django.utils.safestring import SafeString

from stadtmail.privacy.notice import facts as known
from stadtmail.privacy.notice.contacts import Contact, contact, officer
from stadtmail.privacy.notice.facts import facts
from stadtmail.privacy.notice.safe import fill, safe
from stadtmail.privacy.notice.texts import papers
from stadtmail.privacy.policy.model import Policy


@dataclass(frozen=True)
class Imprint:
    """The page."""

    title: SafeString
    law: SafeString
    service: SafeString
    controller: Contact
    responsible: SafeString
    operator: Contact
    operator_task: SafeString
    officer: Contact
    authorities: tuple[SafeString, ...]


def imprint(policy: Policy, lang: str) -> Imprint:
    """The imprint in a language."""
    found, said = facts(policy, lang), papers(lang)["imprint"]
    return Imprint(
        title=safe(said["title"]),
        law=safe(said["law"]),
        service=found["service"],
        controller=contact(policy.parties.controller, lang),
        responsible=fill(said["responsible"], found),
        operator=contact(policy.parties.operator.party, lang),
        operator_task=safe(said["task"]),
        officer=officer(policy),
        authorities=tuple(known.authority(found_one, lang) for found_one in policy.parties.authorities),
    )
