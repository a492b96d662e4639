"""A verdict becomes a decision for each recipient, by the policy of their city. Roles of a city get all mail: nothing may keep an
enquiry from its officer, or a complaint from its postmaster (RFC 2142, C-1.5); only malicious software is kept from them too.

One message has one answer: it is refused only where all of its recipients would refuse it, else it lies in their junk folders.
"""

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from stadtmail.kit import errors
from stadtmail.mail import verdicts
from stadtmail.mail.sealing import Target
from stadtmail.mail.verdicts import NONE, Verdict
from stadtmail.privacy import policy
from stadtmail.privacy.policy.model import MailRules
from stadtmail.tenants import queries as tenants


class Refused(errors.NotAllowed):
    """The message is not taken: what it is, nobody of its recipients wants (5xx)."""


class Forged(Refused):
    """The domain in From asks to refuse what does not come from it (550 5.7.26)."""


class Malicious(Refused):
    """A scanner has found malicious software (554 5.7.1)."""


class Unwanted(Refused):
    """A scanner that the operator has set up asks to refuse it as spam (550 5.7.1)."""


_REFUSALS: dict[str, type[Refused]] = {"dmarc": Forged, "malware": Malicious, "spam": Unwanted}


def judged(verdict: Verdict | None, recipients: Sequence[Target]) -> dict[UUID, Verdict | None]:
    """The verdict as it is for each recipient's mailbox. Raises Refused (Forged, Malicious, Unwanted) where it is so for all."""
    if verdict is None:
        return {one.mailbox: None for one in recipients}
    rules: dict[UUID, MailRules] = {}
    found = {one.mailbox: _for(verdict, one, rules) for one in recipients}
    if found and all(one.reject for one in found.values()):
        raise _REFUSALS[next(one.reject for one in found.values() if one.reject)]
    return {box: replace(one, is_junk=one.is_junk or bool(one.reject), reject=None) for box, one in found.items()}


def _for(verdict: Verdict, recipient: Target, rules: dict[UUID, MailRules]) -> Verdict:
    if recipient.role:
        return replace(verdict, is_junk=False, reject="malware" if verdict.reject == "malware" else None)
    if verdict.asked == NONE:
        return verdict
    if recipient.tenant not in rules:
        rules[recipient.tenant] = policy.current(tenants.city(recipient.tenant)).mail
    mine = rules[recipient.tenant]
    return verdicts.in_city(verdict, dmarc=mine.dmarc, sealers=mine.sealers)
