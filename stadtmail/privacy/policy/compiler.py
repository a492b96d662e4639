"""From a policy file to a Policy. Strict: what the file does not say, or says and nobody knows, does not compile.

The shape is checked here; whether the values contradict each other or the law is lint's question.
"""

import re
import tomllib
from datetime import date, datetime, time
from functools import lru_cache
from hashlib import sha256
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from stadtmail.kit.errors import NotAllowed
from stadtmail.privacy.periods import Period
from stadtmail.privacy.policy import model
from stadtmail.privacy.policy.authorities import AUTHORITIES, LAENDER
from stadtmail.privacy.policy.findings import Finding, Findings
from stadtmail.privacy.policy.reader import Table

MODES = ("at_once", "approval", "letter")
STORES = ("default", "evidence", "keys", "ram", "browser")
CAPTCHAS = ("local", "recaptcha")
NEEDS = ("phone", "bank")
DISCLOSURES = ("law", "prosecution")
DMARC = ("obey", "junk", "note")
SIDES = ("controller", "operator")


class PolicyRefused(NotAllowed):
    """The policy does not compile or must not be used. `findings` say why."""

    def __init__(self, findings: Findings) -> None:
        self.findings = findings
        super().__init__("policy refused: " + ", ".join(sorted({f"{f.code} ({f.where})" for f in findings})))


@lru_cache(maxsize=64)
def compile_policy(source: bytes) -> model.Policy:
    """Compile the bytes of a policy file. Raises PolicyRefused with every finding of shape."""
    findings: Findings = []
    policy = _policy(source, findings)
    if policy is None or findings:
        raise PolicyRefused(findings)
    return policy


def _policy(source: bytes, findings: Findings) -> model.Policy | None:
    try:
        data: dict[str, Any] = tomllib.loads(source.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        findings.append(Finding("unreadable", "error", str(error)[:80]))
        return None
    top = Table(data, "", findings)
    city = top.table("city")
    tz = _zone(city, findings)
    captcha, analytics, disclosure = top.table("captcha"), top.table("analytics"), top.table("disclosure")
    policy = model.Policy(
        slug=top.text("slug"),
        version=top.number("version"),
        digest=sha256(source).hexdigest(),
        source=source,
        effective_from=datetime.combine(top.day("effective_from"), time(), tzinfo=tz),
        tz=tz,
        service=city.text("service"),
        colour=_colour(city, findings),
        domain=city.text("domain"),
        land=city.choice("land", tuple(LAENDER)),
        collects_identity=city.truth("collects_identity"),
        captcha=captcha.choice("provider", CAPTCHAS),
        captcha_consent=captcha.text("consent", default=""),
        analytics=analytics.choice("mode", ("none", "cookieless")),
        disclosure=disclosure.choice("wording", DISCLOSURES),
        approvals=top.map("approval", lambda _, row: model.Approval(row.text("by"), row.day("date"))),
        parties=_parties(top),
        bases=top.map("basis", lambda code, row: model.Basis(code, row.text("article"), row.words("law"))),
        purposes=top.map("purpose", _purpose),
        categories=top.map("category", _category),
        limits=_limits(top.table("limits")),
        cookies=top.list("cookie", _cookie, needed=False),
        recipients=top.list("recipient", _recipient, needed=False),
        egress=top.list(
            "egress", lambda row: model.Egress(row.text("host"), row.text("recipient"), row.text("purpose")), needed=False
        ),
        pictures=_pictures(top.table("pictures")) if top.has("pictures") else None,
        hold_types=top.map("hold", _hold),
        tariffs=top.map("tariff", _tariff),
        order=_order(top.table("order")),
        mail=_mail(top.table("mail")),
        terms=_terms(top.table("terms")),
        decisions=top.map("decision", _decision),
    )
    for table in (city, captcha, analytics, disclosure, top):
        table.done()
    return policy


def _zone(city: Table, findings: Findings) -> ZoneInfo:
    name = city.text("time_zone")
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        findings.append(Finding("unknown_time_zone", "error", "city.time_zone"))
        return ZoneInfo("UTC")


def _colour(city: Table, findings: Findings) -> str:
    colour = city.text("colour", default="").lower()
    if colour and not re.fullmatch("#[0-9a-f]{6}", colour):
        findings.append(Finding("not_a_colour", "error", "city.colour"))
    return colour


def _parties(top: Table) -> model.Parties:
    parties = top.table("parties")
    controller = _party(parties.table("controller"))
    row = parties.table("operator")
    operator = model.Operator(
        contract=_contract(row.table("contract")),
        places=row.list("place", _place),
        sub_processors=row.list("sub_processor", _sub_processor, needed=False),
        party=_party(row),
    )
    officer = parties.table("officer")
    dpo = model.Officer(email=officer.text("email"), marking=officer.text("marking"), post=controller.lines)
    made = model.Parties(controller, operator, dpo, parties.list("authority", _authority))
    for table in (officer, parties):
        table.done()
    return made


def _party(row: Table) -> model.Party:
    party = model.Party(
        name=row.text("name"),
        street=row.text("street"),
        postcode=row.text("postcode"),
        town=row.text("town"),
        represented_by=row.words("represented_by"),
        email=row.text("email"),
        phone=row.text("phone", blank=True),
    )
    row.done()
    return party


def _contract(row: Table) -> model.Contract:
    made = model.Contract(row.text("id"), signed=row.day("signed"), ends=row.day("ends"))
    row.done()
    return made


def _place(row: Table) -> model.Place:
    return model.Place(row.words("name"), row.text("country"), row.words("holds"), row.texts("hosts", needed=False))


def _sub_processor(row: Table) -> model.SubProcessor:
    return model.SubProcessor(
        row.text("name"), row.text("address"), row.text("country"), row.words("task"), _contract(row.table("contract"))
    )


def _authority(row: Table) -> model.Authority:
    """Contact data come from the product's table; the file may overrule each, and says when it was last checked."""
    code = row.choice("code", tuple(AUTHORITIES))
    known = AUTHORITIES.get(code)
    return model.Authority(
        code=code,
        services=row.texts("services"),
        name=known.name if known else model.Words("", ""),
        street=row.text("street", default=known.street if known else ""),
        postcode=row.text("postcode", default=known.postcode if known else ""),
        town=row.text("town", default=known.town if known else ""),
        phone=row.text("phone", default=known.phone if known else ""),
        web=row.text("web", default=known.web if known else ""),
        reviewed=row.day("reviewed"),
    )


def _purpose(code: str, row: Table) -> model.Purpose:
    return model.Purpose(
        code=code,
        name=row.words("name"),
        basis=row.texts("basis"),
        owner=row.choice("owner", ("controller", "operator")),
        agreement=row.text("agreement", default=""),
        consent=row.text("consent", default=""),
    )


def _category(code: str, row: Table) -> model.Category:
    return model.Category(
        code=code,
        name=row.words("name"),
        content=row.words("content"),
        subjects=row.words("subjects"),
        purposes=row.texts("purposes"),
        service=row.choice("service", model.SERVICES),
        store=row.choice("store", STORES),
        clauses=row.texts("clauses"),
        holds=frozenset(row.texts("holds")),
        person=row.truth("person", default=True),
        rule=_rule(code, row.table("rule")) if row.has("rule") else None,
    )


def _rule(code: str, row: Table) -> model.Rule:
    kind = row.text("kind")
    keep = row.term("keep_until", row.text("keep_kind", default=kind)) if row.has("keep_until") else None
    rule = model.Rule(
        category=code,
        start=row.text("start"),
        keep_until=keep,
        gone_by=row.term("gone_by", kind),
        also=row.list("also", lambda a: model.Alternative(a.text("start"), a.term("gone_by", a.text("kind"))), needed=False),
    )
    row.done()
    return rule


LIMITS = (
    "session_idle", "session_absolute", "url_session_idle", "url_session_absolute", "use_usual", "use_gone", "throttle",
    "backup", "keystore_backup", "access_answer", "access_extension", "trash", "junk", "logins",
)  # fmt: skip


def _limits(row: Table) -> dict[str, Period]:
    made = {name: row.period(name) for name in LIMITS}
    row.done()
    return made


def _cookie(row: Table) -> model.Cookie:
    return model.Cookie(
        name=row.text("name"),
        where=row.choice("where", ("tls", "plain")),
        purpose=row.text("purpose"),
        basis=row.text("basis"),
        necessary=row.truth("necessary"),
        lifetime=row.text("lifetime"),
        content=row.words("content"),
        consent=row.text("consent", default=""),
    )


def _recipient(row: Table) -> model.Recipient:
    return model.Recipient(
        row.text("code"), row.words("name"), row.text("country"), row.text("purpose"), row.text("basis"), row.texts("fields")
    )


def _hold(code: str, row: Table) -> model.HoldType:
    return model.HoldType(code, row.words("name"), row.texts("reasons"), row.truth("four_eyes"), row.period("review"))


def _tariff(code: str, row: Table) -> model.Tariff:
    needs = row.texts("needs")
    if set(needs) - set(NEEDS):
        row.findings.append(Finding("unknown_value", "error", row.at("needs")))
    return model.Tariff(code, row.words("name"), frozenset(needs), row.number("quota_bytes"), row.number("price"))


def _order(row: Table) -> model.OrderRules:
    made = model.OrderRules(
        mode=row.choice("mode", MODES),
        smallest_age=row.number("smallest_age"),
        per_day=row.number("per_day"),
        reserved=frozenset(name.lower() for name in row.texts("reserved")),
    )
    row.done()
    return made


def _mail(row: Table) -> model.MailRules:
    sealers = frozenset(name.lower() for name in row.texts("sealers", needed=False))
    made = model.MailRules(row.choice("dmarc", DMARC), sealers, row.number("aliases"), row.truth("tls_reports", default=False))
    row.done()
    return made


def _pictures(row: Table) -> model.Pictures:
    row.choice("hosts", ("any",))  # a message names them; no list could
    made = model.Pictures(row.text("purpose"))
    row.done()
    return made


def _terms(row: Table) -> model.Terms:
    dated: date = row.day("dated")
    made = model.Terms(row.text("version"), dated, row.words("text"))
    row.done()
    return made


def _decision(code: str, row: Table) -> model.Decision:
    return model.Decision(code, row.text("decider"), row.day("date"), row.words("reason"), row.words("text"))
