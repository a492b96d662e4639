"""Who a message is from, in plain words: what our own door found out when it came, and what about the name should make one careful.

The findings are those that were sealed beside the message when it arrived (RFC 8601); fields of that name in the message itself are
a stranger's words and are not read. Nothing is looked up anywhere for this.
"""

import re
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from stadtmail.doors.web.access import Box
from stadtmail.doors.web.request import PortalRequest
from stadtmail.mail import envelope, knowing
from stadtmail.tenants import queries as tenants
from stadtmail.wire import authres, dmarc, lookalike
from stadtmail.wire.authres import Result

CONFIRMED, UNCONFIRMED, FORGED = "confirmed", "unconfirmed", "forged"
SHORTEST_NAME = 5  # signs of a name that is compared
_OFFICES = (
    "bürgerbüro", "bürgeramt", "stadtverwaltung", "rathaus", "stadtkasse", "ordnungsamt", "standesamt", "bürgermeister", "postmaster",
)  # fmt: skip
_WORDS = re.compile(r"[^\W_]+")


@dataclass(frozen=True)
class Proof:
    """Is it shown that the message comes from the domain in its From? `icon` and `title` say it at a glance."""

    state: str
    icon: str
    title: str
    text: str


@dataclass(frozen=True)
class Caution:
    """Something about the sender that a reader should know before they trust it."""

    kind: str  # danger | warning | info
    title: str
    text: str


def proof(view: Any) -> Proof | None:
    """What our door found out; None where it looked for nothing (an imported message, one that the reader has put there)."""
    if not view.found:
        return None
    domain = _domain(view)
    if view.found == envelope.OWN:
        text = _("Die Nachricht wurde mit dem Zugang des Absenders bei diesem Dienst aufgegeben.")
        return Proof(CONFIRMED, "shield", _("Absender bestätigt"), text)
    results = authres.read(view.found.encode(), server=re.split(r"[\s;]", view.found, maxsplit=1)[0]) or []
    shown = lookalike.domain(domain)
    state = _state(results, domain) if len(view.sender) == 1 else UNCONFIRMED
    if state == CONFIRMED:
        text = _("Die Nachricht kommt wirklich von %(domain)s. Ob man dort ehrlich ist, sagt das nicht.") % {"domain": shown}
        return Proof(state, "shield", _("Absender bestätigt"), text)
    if state == FORGED:
        text = _("Sie gibt vor, von %(domain)s zu sein, und hat dessen Prüfung nicht bestanden. Klicken Sie auf nichts, und geben Sie "
                 "nichts preis.") % {"domain": shown}  # fmt: skip
        return Proof(state, "alarm", _("Absender gefälscht?"), text)
    text = _("Ob die Nachricht wirklich von dieser Adresse kommt, lässt sich nicht feststellen. Das ist oft harmlos; seien Sie bei Geld, "
             "Passwörtern und Eile vorsichtig.")  # fmt: skip
    return Proof(state, "question", _("Absender nicht bestätigt"), text)


def cautions(request: PortalRequest, box: Box, view: Any) -> list[Caution]:
    """What about name and address should make one careful."""
    if not view.sender or view.found == envelope.OWN:
        return []
    name, address = view.sender[0]
    own = _own_domains(request)
    domain = _domain(view)
    found = [*_of_name(request, name, address, domain, own), *_of_domain(domain, own), *_of_answers(view, address, domain)]
    if knowing.is_known(box.opened, address, besides=view.id) is False:
        text = _("Von und an %(address)s gibt es in Ihrem Postfach keine andere Nachricht.") % {"address": address}
        found.append(Caution("info", _("Diese Adresse schreibt Ihnen zum ersten Mal"), text))
    return found


def _state(results: list[Result], domain: str) -> str:
    """The word for it: DMARC where the domain has a rule, else a check that speaks for the same domain."""
    of = {one.method: one.result for one in reversed(results)}
    if of.get("dmarc") == "pass":
        return CONFIRMED
    if of.get("dmarc") == "fail":
        return FORGED
    names = {"dkim": "header.d", "spf": "smtp.mailfrom"}
    passed = [dict(one.properties).get(names[one.method], "") for one in results if one.result == "pass" and one.method in names]
    return CONFIRMED if domain and any(dmarc.is_aligned(one, domain, strict=False) for one in passed) else UNCONFIRMED


def _of_name(request: PortalRequest, name: str, address: str, domain: str, own: set[str]) -> list[Caution]:
    if not name:
        return []
    others = [one for one in lookalike.addresses(name) if one != address.lower()]
    if others:
        text = _("Als Name steht dort %(other)s, geschrieben hat aber %(address)s.") % {"other": others[0], "address": address}
        return [Caution("danger", _("Der Name enthält eine andere Adresse"), text)]
    if domain not in own and _is_citys(request, name):
        text = _("Die Adresse %(address)s gehört der Stadt nicht.") % {"address": address}
        return [Caution("danger", _("Der Name klingt nach der Stadtverwaltung"), text)]
    return []


def _is_citys(request: PortalRequest, name: str) -> bool:
    policy = request.policy
    said = lookalike.skeleton(name)
    names = {lookalike.skeleton(one) for one in (policy.parties.controller.name, policy.service, request.city.domain)}
    if any(len(one) >= SHORTEST_NAME and one in said for one in names):
        return True
    words = {lookalike.skeleton(word) for word in _WORDS.findall(name)}
    town = lookalike.skeleton(policy.parties.controller.town)
    return town in words and any(lookalike.skeleton(office) in words for office in _OFFICES)


def _of_domain(domain: str, own: set[str]) -> list[Caution]:
    if not domain or domain in own:
        return []
    shown = lookalike.domain(domain)
    like = next((one for one in sorted(own) if lookalike.is_like(domain, one)), "")
    if like:
        text = _("%(domain)s ist nicht %(own)s.") % {"domain": shown, "own": like}
        return [Caution("danger", _("Die Adresse sieht der unserer Stadt täuschend ähnlich"), text)]
    if lookalike.is_mixed(domain):
        text = _("%(domain)s enthält Zeichen anderer Schriften, die wie lateinische aussehen. In Wahrheit heißt die Adresse %(real)s.")
        return [Caution("danger", _("Die Adresse verwendet täuschend ähnliche Zeichen"), text % {"domain": shown, "real": _ascii(shown)})]
    return []


def _of_answers(view: Any, address: str, domain: str) -> list[Caution]:
    """Answers that go elsewhere: usual for lists, and a trick of those who write in the name of somebody."""
    other = next((one for _name, one in view.reply_to if one and one.lower() != address.lower()), "")
    if not other or dmarc.is_aligned(other.rpartition("@")[2], domain, strict=False):
        return []
    return [Caution("warning", _("Antworten gehen an eine andere Adresse"), _("Wer antwortet, schreibt an %(other)s.") % {"other": other})]


def _own_domains(request: PortalRequest) -> set[str]:
    """The domains that are the city's own, as far as its policy names them."""
    parties = request.policy.parties
    mails = (parties.controller.email, parties.dpo.email)
    return {request.city.domain, *tenants.hosts_of(request.city), *(one.rpartition("@")[2].lower() for one in mails if one)}


def _domain(view: Any) -> str:
    return str(view.sender[0][1]).rpartition("@")[2].lower() if view.sender else ""


def _ascii(domain: str) -> str:
    """A domain as machines write it."""
    labels = domain.split(".")
    return ".".join(one if one.isascii() else f"xn--{one.encode('punycode').decode()}" for one in labels)
