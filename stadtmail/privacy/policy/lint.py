"""What a policy must not say: contradictions with the law, with itself and with what the program really stores.

`examine` takes a compiled policy; every check is one function that yields findings. An "error" refuses the policy.
"""

from collections.abc import Callable, Container, Iterable, Iterator
from datetime import date, timedelta
from ipaddress import ip_address
from urllib.parse import urlsplit

from stadtmail.kit import instance, resolver, smarthost
from stadtmail.kit.config import Config
from stadtmail.privacy.periods import EXACT, YEAR_END, Period, Term, may_outlast
from stadtmail.privacy.policy.authorities import TELECOM
from stadtmail.privacy.policy.clauses import BY_ID, CLAUSES, EXECUTABLE
from stadtmail.privacy.policy.compiler import SIDES
from stadtmail.privacy.policy.findings import Finding, Findings
from stadtmail.privacy.policy.model import Alternative, Contract, Policy
from stadtmail.vault.epochs import BACKUP_DAYS

DECISIONS = tuple(f"K{number}" for number in range(1, 22))
# what this program stores, by category: a policy that does not know one of them cannot be used (C-1.1)
STORED = frozenset(
    {"BD", "BD-ID", "BD-PAY", "BD-CRED", "BD-OPT", "INH", "CONS", "ORD", "TOMB", "COLL", "ACC", "STAFF", "CONT", "ALI", "TRANSIT"}
    | {"IMPORT"}
    | {"ND", "VD", "COOK", "CAPT", "EVID", "KEYS"}
)
EVENTS = frozenset(
    {"contract_end", "last_collection", "withdrawal", "order_submitted", "order_refused", "order_accepted", "access", "role_end"}
    | {"month_end", "use_end", "session_end", "challenge_issued", "alias_end", "transit_begin", "transit_end"}
    | {"import_begin", "import_end"}
)
HOLDS = frozenset(
    {"objection", "unpaid_claim", "tkg172", "tax_open", "legal_hold", "lea_preservation", "dsr_open", "fault_case", "abuse_case"}
    | {"restriction", "conciliation"}
)
_CLAIM = frozenset({"objection", "unpaid_claim", "tax_open", "legal_hold", "dsr_open", "restriction"})
# which hold can stop which erasure at all (privacy.md 5.5, holds of the clauses); a city can narrow it, never widen it
MATRIX: dict[str, frozenset[str]] = {
    "BD": _CLAIM | {"lea_preservation"},
    "BD-ID": _CLAIM | {"tkg172", "lea_preservation"},
    "BD-PAY": _CLAIM,
    "INH": frozenset({"legal_hold", "lea_preservation", "dsr_open"}),
    "CONS": frozenset({"legal_hold", "dsr_open"}),
    "ACC": frozenset({"legal_hold", "dsr_open"}),
    "CONT": frozenset({"legal_hold", "dsr_open"}),
    "ND": frozenset({"fault_case", "abuse_case"}),
    "VD": frozenset({"fault_case", "abuse_case"}),
}
LAW_OF_IDENTITY = Term(Period(months=12), YEAR_END)  # § 172(6) TKG: end of the calendar year after the end of the contract
CONTENTS, IDENTITY, INVENTORY, QUARANTINE, COLLECTION = "INH", "BD-ID", "BD", "TOMB", "COLL"
ALIAS, TRANSIT = "ALI", "TRANSIT"
LONGEST_TRANSIT, SHORTEST_TRANSIT = timedelta(days=5), timedelta(days=1)  # C-4.2; RFC 5321 4.5.4.1
# the longest that each limit may be: "without delay" made measurable, Art. 12(3) GDPR, and what house.md promises of sessions
LONGEST: dict[str, Period] = {
    name: Period.parse(text)
    for name, text in {
        "session_idle": "PT30M", "session_absolute": "PT12H", "url_session_idle": "PT20M", "url_session_absolute": "PT8H",
        "use_usual": "PT1M", "use_gone": "PT15M", "throttle": "PT10M", "backup": "P30D", "access_answer": "P1M", "access_extension": "P2M",
        "trash": "P1Y", "junk": "P90D", "logins": "P30D",
    }.items()
}  # fmt: skip
# European Union and European Economic Area: the notice says that data go nowhere else (C-1.2)
EEA = frozenset(
    {"AT", "BE", "BG", "HR", "CY", "CZ", "DK", "EE", "FI", "FR", "DE", "GR", "HU", "IE", "IT", "LV", "LT", "LU", "MT", "NL", "PL", "PT"}
    | {"RO", "SK", "SI", "ES", "SE", "IS", "LI", "NO"}
)
ROLES = ("postmaster", "abuse")  # RFC 5321 4.5.1, RFC 2142: taken in every city, never ordered by anybody
COUNTED = frozenset({"web_analytics", "statistics"})
_REVIEW = timedelta(days=366)  # C-6.5: P12M
_SOON = timedelta(days=90)


def examine(policy: Policy, *, today: date | None = None, used: Iterable[str] = ()) -> Findings:
    """Every finding about a policy, errors first. `today` adds what has expired; `used` are categories that rooms declare."""
    found = [finding for check in CHECKS for finding in check(policy)]
    found += _without_category(policy, STORED | set(used))
    if today is not None:
        found += _dated(policy, today)
    return sorted(found, key=lambda f: (f.severity != "error", f.code, f.where))


def destinations(policy: Policy, config: Config) -> Findings:
    """Configured destinations that the policy does not list (C-1.2). Loopback is none, nor is a resolver of the system's own network."""
    stores = {host for place in policy.parties.operator.places for host in place.hosts}
    others = {entry.host for entry in policy.egress}
    wanted = [
        ("STADTMAIL_DATABASE_URL", urlsplit(config.database_url).hostname or "", stores),
        ("STADTMAIL_KEYS_URL", urlsplit(config.keys_url).hostname or "", stores),
        ("STADTMAIL_SMARTHOST", smarthost.host(config.smarthost), others),
        ("STADTMAIL_RESOLVER", resolver.host(config.resolver), others),
        ("STADTMAIL_RSPAMD_URL", urlsplit(config.rspamd_url).hostname or "", others),
        ("STADTMAIL_CLAMD", "" if config.clamd.startswith("/") else config.clamd.rpartition(":")[0], others),
    ]
    if not config.resolver and _looks_up():
        wanted += [("STADTMAIL_RESOLVER", host, others) for host in resolver.hosts_of_the_system()]
    return [_error("destination_not_listed", name) for name, host, listed in wanted if host and not _local(host) and host not in listed]


def _looks_up() -> bool:
    """Does this instance ask the system's name servers? A demo or test instance looks nothing up."""
    try:
        return instance.current().kind == "production"
    except FileNotFoundError:
        return False


def _local(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _error(code: str, where: str) -> Finding:
    return Finding(code, "error", where)


def _decisions(policy: Policy) -> Iterator[Finding]:
    yield from (_error("missing_decision", code) for code in DECISIONS if code not in policy.decisions)
    yield from (_error("unknown_value", f"decision.{code}") for code in policy.decisions if code not in DECISIONS)


def _references(policy: Policy) -> Iterator[Finding]:
    """Whatever is named must be there: bases, purposes, recipients, clauses, events."""
    named: list[tuple[str, str, Container[str]]]
    named = [(f"purpose.{p.code}.basis", basis, policy.bases) for p in policy.purposes.values() for basis in p.basis]
    named += [(f"category.{c.code}.purposes", purpose, policy.purposes) for c in policy.categories.values() for purpose in c.purposes]
    named += [(f"cookie.{c.name}.purpose", c.purpose, policy.purposes) for c in policy.cookies]
    named += [(f"cookie.{c.name}.basis", c.basis, policy.bases) for c in policy.cookies]
    named += [(f"recipient.{r.code}.basis", r.basis, policy.bases) for r in policy.recipients]
    named += [(f"recipient.{r.code}.purpose", r.purpose, policy.purposes) for r in policy.recipients]
    named += [(f"egress.{e.host}.purpose", e.purpose, policy.purposes) for e in policy.egress]
    named += [("pictures.purpose", one.purpose, policy.purposes) for one in (policy.pictures,) if one]
    yield from (_error("unknown_reference", where) for where, name, known in named if name not in known)
    for code, rule in policy.rules.items():
        yield from (_error("unknown_value", f"category.{code}.rule {s.event}") for s in rule.starts if s.event not in EVENTS)


def _duties(policy: Policy) -> Iterator[Finding]:
    """K1: a duty to keep that outlasts the promise to erase is only possible in a partition of its own."""
    for code, rule in policy.rules.items():
        if rule.keep_until and any(may_outlast(rule.keep_until, start.gone_by) for start in rule.starts):
            yield _error("keep_beyond_gone", code)
    rule_of_identity = policy.rules.get(IDENTITY)
    if policy.collects_identity and rule_of_identity is not None:
        kept = rule_of_identity.keep_until
        if kept is None or may_outlast(LAW_OF_IDENTITY, kept):
            yield _error("identity_not_partitioned", IDENTITY)
        if may_outlast(rule_of_identity.gone_by, LAW_OF_IDENTITY):
            yield _error("identity_too_long", IDENTITY)
    if not policy.collects_identity:
        yield _error("not_built", "city.collects_identity")


def _address(policy: Policy) -> Iterator[Finding]:
    """K20, K21: the quarantine ends with inventory data at the latest, the collection code together with the contents.

    A further address goes at once when it is given up, and may wait for a take-back as long as the contents do.
    """
    rules = policy.rules
    if {QUARANTINE, INVENTORY} <= set(rules):
        if any(may_outlast(start.gone_by, rules[INVENTORY].gone_by) for start in rules[QUARANTINE].starts):
            yield _error("quarantine_too_long", QUARANTINE)
        if ALIAS in rules and {start.event for start in rules[QUARANTINE].starts} != {"contract_end", "alias_end"}:
            yield _error("quarantine_without_start", QUARANTINE)
    if {COLLECTION, CONTENTS} <= set(rules) and rules[COLLECTION].starts != rules[CONTENTS].starts:
        yield _error("collection_differs", COLLECTION)
    if ALIAS in rules and CONTENTS in rules:
        at_once, end = Alternative("alias_end", Term(Period(), EXACT)), rules[CONTENTS].starts[0]
        if rules[ALIAS].starts != (at_once, end) or rules[ALIAS].keep_until is not None:
            yield _error("alias_differs", ALIAS)


def _limits(policy: Policy) -> Iterator[Finding]:
    """A city may promise more than the product does, never less; copies of keys live exactly as long as the vault keeps them."""
    for name, longest in LONGEST.items():
        if _may_be_longer(policy.limits[name], longest):
            yield _error("limit_too_long", f"limits.{name}")
    if policy.limits["keystore_backup"] != Period(days=BACKUP_DAYS):
        yield _error("limit_differs", "limits.keystore_backup")


def _transit(policy: Policy) -> Iterator[Finding]:
    """C-4.2: a message in transit is gone at its end, and after five days at the latest; a server that is down for a day loses none."""
    rule = policy.rules.get(TRANSIT)
    if rule is None:
        return
    starts = {start.event: start.gone_by for start in rule.starts}
    if set(starts) != {"transit_end", "transit_begin"} or any(term.kind != EXACT for term in starts.values()):
        yield _error("transit_without_end", TRANSIT)
        return
    kept = starts["transit_begin"].period
    if starts["transit_end"].period != Period() or not SHORTEST_TRANSIT <= timedelta(kept.days, kept.seconds) <= LONGEST_TRANSIT:
        yield _error("transit_too_long", TRANSIT)


def _may_be_longer(period: Period, than: Period) -> bool:
    most = timedelta(days=31 * period.months + period.days, seconds=period.seconds)
    return period != than and most > timedelta(days=28 * than.months + than.days, seconds=than.seconds)


def _countries(policy: Policy) -> Iterator[Finding]:
    """Art. 44 GDPR: the notice says "no third country"."""
    operator = policy.parties.operator
    named = [(f"parties.operator.place.{n}", place.country) for n, place in enumerate(operator.places)]
    named += [(f"parties.operator.sub_processor.{n}", helper.country) for n, helper in enumerate(operator.sub_processors)]
    named += [(f"recipient.{r.code}", r.country) for r in policy.recipients]
    yield from (_error("third_country", where) for where, country in named if country not in EEA)
    if not operator.places:
        yield _error("no_place", "parties.operator.place")


def _officer(policy: Policy) -> Iterator[Finding]:
    """K18: the officer has a mailbox of the city's own, and nobody can order the address of a role."""
    local, _, domain = policy.parties.dpo.email.rpartition("@")
    if domain != policy.domain:
        yield _error("officer_elsewhere", policy.parties.dpo.email)
    for name in (*ROLES, *([local] if domain == policy.domain else [])):
        if not policy.order.is_reserved(name):
            yield _error("role_not_reserved", f"order.reserved: {name}")


def _approvals(policy: Policy) -> Iterator[Finding]:
    """Both sides sign each version before it is in force, and decide the conflicts before they sign (Art. 28(3)(a) GDPR)."""
    begins = policy.effective_from.date()
    yield from (_error("not_approved", f"approval.{side}") for side in SIDES if side not in policy.approvals)
    yield from (_error("unknown_value", f"approval.{side}") for side in policy.approvals if side not in SIDES)
    dated = [(f"approval.{side}", approval.date) for side, approval in policy.approvals.items()]
    dated += [(f"decision.{code}", decision.date) for code, decision in policy.decisions.items()]
    yield from (_error("decided_too_late", where) for where, day in dated if day > begins)


def _disclosure(policy: Policy) -> Iterator[Finding]:
    """C-4.8: the law also knows requests to avert dangers and of intelligence services (§ 174(3) TKG)."""
    if policy.disclosure == "prosecution":
        yield Finding("disclosure_narrower_than_law", "warning", "disclosure.wording")


def _bases(policy: Policy) -> Iterator[Finding]:
    """K5: no legitimate interest of an authority, none for a cookie."""
    for cookie in policy.cookies:
        basis = policy.bases.get(cookie.basis)
        if not cookie.consent and (not cookie.necessary or (basis is not None and basis.article == "6-1-f")):
            yield _error("cookie_without_basis", cookie.name)
        elif cookie.consent:
            yield _error("not_built", f"cookie.{cookie.name}.consent")
        if cookie.lifetime != "session":
            yield _error("cookie_not_session", cookie.name)
    for purpose in policy.purposes.values():
        if purpose.owner == "controller" and any(policy.bases[b].article == "6-1-f" for b in purpose.basis if b in policy.bases):
            yield _error("authority_basis_f", purpose.code)


def _purposes(policy: Policy) -> Iterator[Finding]:
    for purpose in policy.purposes.values():
        if purpose.owner == "operator" and not purpose.agreement:
            yield _error("operator_decides", purpose.code)
        if purpose.code == "marketing" and not purpose.consent:
            yield _error("marketing_without_consent", purpose.code)
    if policy.captcha != "local":
        yield _error("not_built" if policy.captcha_consent else "captcha_without_consent", policy.captcha)
    if policy.analytics != "none":
        yield _error("not_built", f"analytics: {policy.analytics}")


def _recipients(policy: Policy) -> Iterator[Finding]:
    listed = {recipient.code for recipient in policy.recipients}
    yield from (_error("recipient_not_listed", f"egress.{entry.host}") for entry in policy.egress if entry.recipient not in listed)
    wanted = {recipient.code: recipient.purpose for recipient in policy.recipients}
    for entry in policy.egress:
        if entry.recipient in wanted and entry.purpose != wanted[entry.recipient]:
            yield _error("egress_for_other_purpose", f"egress.{entry.host}")
    contents, pictures = policy.categories.get(CONTENTS), policy.pictures
    if pictures and contents and pictures.purpose in policy.purposes and pictures.purpose not in contents.purposes:
        yield _error("egress_for_other_purpose", "pictures")  # it is done to show a message, and for nothing else
    for recipient in policy.recipients:
        if not recipient.fields:
            yield _error("recipient_without_fields", recipient.code)
        if recipient.purpose in COUNTED:
            yield _error("analytics_passed_on", recipient.code)


def _holds(policy: Policy) -> Iterator[Finding]:
    yield from (_error("unknown_hold", f"hold.{code}") for code in policy.hold_types if code not in HOLDS)
    for category in policy.categories.values():
        for hold in sorted(category.holds):
            if hold not in HOLDS or hold not in policy.hold_types:
                yield _error("unknown_hold", f"category.{category.code}: {hold}")
            elif hold not in MATRIX.get(category.code, frozenset()):
                yield _error("hold_not_in_matrix", f"category.{category.code}: {hold}")


def _rules(policy: Policy) -> Iterator[Finding]:
    for category in policy.categories.values():
        if category.rule is None and category.person:
            yield _error("contents_without_period" if category.code == CONTENTS else "category_without_rule", category.code)
        if not category.clauses:
            yield _error("rule_without_clause", category.code)
        yield from (_error("unknown_clause", f"category.{category.code}: {c}") for c in category.clauses if c not in BY_ID)


def _clauses(policy: Policy) -> Iterator[Finding]:
    covered = {clause for category in policy.categories.values() for clause in category.clauses}
    for clause in CLAUSES:
        if clause.built and clause.kind == EXECUTABLE and clause.data and clause.id not in covered:
            yield _error("clause_without_rule", clause.id)


def _authorities(policy: Policy) -> Iterator[Finding]:
    """C-6.4: the Land's authority for digital services, the federal one for telecom services."""
    for service, code in (("digital", policy.land), ("telecom", TELECOM)):
        authority = policy.parties.authority(service)
        if authority is None or authority.code != code:
            yield _error("authority_missing", f"{service}: {code}")


def _tariffs(policy: Policy) -> Iterator[Finding]:
    yield from (_error("data_not_needed", f"tariff.{t.code}") for t in policy.tariffs.values() if "bank" in t.needs and not t.price)


def _without_category(policy: Policy, stored: Iterable[str]) -> Iterator[Finding]:
    yield from (_error("category_missing", code) for code in sorted(stored) if code not in policy.categories)


def _dated(policy: Policy, today: date) -> Iterator[Finding]:
    """What was right when it was written and is not any more."""
    operator = policy.parties.operator
    for contract in (operator.contract, *(s.contract for s in operator.sub_processors)):
        yield from _contract(contract, today)
    for authority in policy.parties.authorities:
        if today - authority.reviewed > _REVIEW:
            yield Finding("authority_not_reviewed", "warning", authority.code)


def _contract(contract: Contract, today: date) -> Iterator[Finding]:
    if contract.ends < today:
        yield _error("contract_expired", contract.id)
    elif contract.ends - today < _SOON:
        yield Finding("contract_expires_soon", "warning", contract.id)
    if contract.signed > today:
        yield _error("contract_not_begun", contract.id)


CHECKS: tuple[Callable[[Policy], Iterator[Finding]], ...] = (
    _decisions, _references, _duties, _address, _limits, _transit,
    _countries, _officer, _approvals, _disclosure, _bases, _purposes, _recipients,
    _holds, _rules, _clauses, _authorities, _tariffs,
)  # fmt: skip
