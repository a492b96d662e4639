"""What people measures behind its clauses: each figure counts what must not be there, in the rows and not in the code's opinion."""

from collections.abc import Iterable
from dataclasses import fields as inputs
from datetime import datetime, timedelta
from uuid import uuid4

from django.db.models import Exists, OuterRef

from stadtmail.people import fields, orders, queries
from stadtmail.people.actions import accesses, restriction
from stadtmail.people.models import (
    Address,
    AppPassword,
    Consent,
    Contract,
    Credential,
    Identity,
    Inventory,
    Order,
    Payment,
    Staff,
    Voluntary,
)
from stadtmail.privacy import policy, units
from stadtmail.privacy.holds import RESTRICTION
from stadtmail.privacy.models import ERASING, Hold
from stadtmail.privacy.proofs import Measure, Measured, register
from stadtmail.tenants.models import Tenant

LATE = timedelta(minutes=15)
SAMPLE = 100
SOURCES = ("order_form", "clerk", "import")
NO_INPUT = frozenset({"voluntary", "language"})  # the container of the voluntary fields, and the language of the page
NEVER_FOR_STAFF = frozenset({"INH", "BD-CRED", "COLL", "VD", "ND", "COOK"})


def declare() -> None:
    """Register all measures of this room. Called once at start."""
    register(
        Measure("C-1.3", "contracts_without_notice", _without_notice),
        Measure("C-1.3", "consents_about_the_processor", _about_the_processor),
        Measure("C-2.1", "unexplained_inputs", _unexplained),
        Measure("C-2.2", "bank_details_without_need", _needless_bank),
        Measure("C-2.2", "phones_without_need", _needless_phone),
        Measure("C-2.2", "passwords_not_argon2id", _reversible),
        Measure("C-2.3", "unknown_sources", _unknown_sources),
        Measure("C-2.3", "orders_left_over", _orders_left),
        Measure("C-2.6", "details_without_consent", _without_consent),
        Measure("C-2.8", "credentials_after_the_end", _credentials_after_the_end),
        Measure("C-2.8", "open_addresses_after_the_end", _addresses_after_the_end),
        Measure("C-4.7", "purposes_that_open_contents", _content_purposes),
        Measure("C-6.2c", "uses_against_restriction", _against_restriction),
    )


def _none(count: int) -> Measured:
    return Measured(count, count == 0)


def _without_notice(tenant: Tenant, now: datetime) -> Measured:  # noqa: ARG001
    published = {(row.version, row.digest) for row in policy.versions(tenant)}
    rows = Contract.objects.filter(tenant=tenant).values_list("notice_version", "notice_digest").distinct()
    return _none(sum(shown not in published for shown in rows))


def _about_the_processor(tenant: Tenant, now: datetime) -> Measured:  # noqa: ARG001
    return _none(Consent.objects.filter(contract__tenant=tenant).exclude(purpose__in=fields.VOLUNTARY).count())


def _unexplained(tenant: Tenant, now: datetime) -> Measured:  # noqa: ARG001
    """Inputs of the form that the catalogue does not explain, entries without input, and categories without rule."""
    asked = {field.name for field in inputs(orders.OrderForm)} - NO_INPUT | set(fields.VOLUNTARY)
    unruled = [field for field in fields.CATALOGUE.values() if field.category not in policy.current(tenant).categories]
    return _none(len(asked ^ set(fields.CATALOGUE)) + len(unruled) + (fields.surplus(["x"], frozenset()) != ["x"]))


def _needless_bank(tenant: Tenant, now: datetime) -> Measured:  # noqa: ARG001
    return _none(Payment.objects.filter(contract__tenant=tenant).exclude(contract__tariff__in=_tariffs(tenant, "bank")).count())


def _needless_phone(tenant: Tenant, now: datetime) -> Measured:  # noqa: ARG001
    given = Inventory.objects.filter(contract__tenant=tenant).exclude(phone=None)
    return _none(given.exclude(contract__tariff__in=_tariffs(tenant, "phone")).count())


def _tariffs(tenant: Tenant, need: str) -> list[str]:
    """Tariffs that need it, in any version of the policy that a contract may be under."""
    versions = [policy.version(tenant, row.version) for row in policy.versions(tenant)]
    return sorted({code for rules in versions for code, tariff in rules.tariffs.items() if need in tariff.needs})


def _reversible(tenant: Tenant, now: datetime) -> Measured:  # noqa: ARG001
    """A random sample of residents, and all staff: is what lies there an Argon2id hash? And is there a second check value only where
    the person lets mail programs use the password?"""
    rows = Credential.objects.filter(contract__tenant=tenant).exclude(unit__state=ERASING).select_related("unit").order_by("unit")
    pivot = uuid4()  # ids are random, and so is where the sample begins
    residents = [*rows.filter(unit__gte=pivot)[:SAMPLE], *rows.filter(unit__lt=pivot)[:SAMPLE]][:SAMPLE]
    staff = Staff.objects.filter(tenant=tenant).exclude(unit__state=ERASING).select_related("unit")
    surplus = Credential.objects.filter(contract__tenant=tenant, mail_login=False).exclude(scram=None).count()
    return _none(surplus + sum(not known.startswith("$argon2id$") for known in _opened([*residents, *staff])))


def _opened(rows: Iterable[Credential | Staff]) -> Iterable[str]:
    for row in rows:
        try:
            yield units.text(row.unit, "password", row.password)
        except units.Gone:  # erased while it is being measured
            continue


def _unknown_sources(tenant: Tenant, now: datetime) -> Measured:  # noqa: ARG001
    tables = (Identity, Inventory, Payment)
    return _none(sum(table._default_manager.filter(contract__tenant=tenant).exclude(source__in=SOURCES).count() for table in tables))


def _orders_left(tenant: Tenant, now: datetime) -> Measured:
    return _none(Order.objects.filter(tenant=tenant, unit__due_at__lte=now - LATE).count())


def _without_consent(tenant: Tenant, now: datetime) -> Measured:  # noqa: ARG001
    standing = Consent.objects.filter(contract=OuterRef("contract"), purpose=OuterRef("field"), withdrawn=False)
    rows = Voluntary.objects.filter(contract__tenant=tenant).exclude(unit__state=ERASING)
    return _none(rows.exclude(Exists(standing)).count())


def _credentials_after_the_end(tenant: Tenant, now: datetime) -> Measured:
    late = {"contract__tenant": tenant, "contract__state": "ended", "unit__due_at__lte": now - LATE}
    valid = AppPassword.objects.filter(contract__tenant=tenant, contract__state="ended").exclude(imap=False, submission=False, sieve=False)
    return _none(Credential.objects.filter(**late).count() + AppPassword.objects.filter(**late).count() + valid.count())


def _addresses_after_the_end(tenant: Tenant, now: datetime) -> Measured:
    ended = Contract.objects.filter(tenant=tenant, state="ended") | Contract.objects.filter(tenant=tenant, ends_at__lte=now - LATE)
    return _none(Address.objects.filter(tenant=tenant, open=True, contract__in=ended.values("id")).count())


def _content_purposes(tenant: Tenant, now: datetime) -> Measured:  # noqa: ARG001
    return _none(sum(bool(categories & NEVER_FOR_STAFF) for categories in accesses.PURPOSES.values()))


def _against_restriction(tenant: Tenant, now: datetime) -> Measured | None:
    """Looks and corrections of the staff while the person's restriction stood, for a purpose that the law does not leave.

    None: nobody has restricted anything; the test resident then does.
    """
    rows = list(Hold.objects.filter(tenant=tenant, type=RESTRICTION, released_at=None).exclude(ends_at__lte=now))
    bad = 0
    for hold in rows:
        contract = restriction.contract_of(hold)
        seen = queries.accesses(tenant, contract) if contract else []
        later = [access["purpose"] for access in seen if datetime.fromisoformat(access["at"]) > hold.placed_at]
        bad += sum(not restriction.leaves([hold], purpose) for purpose in later)
    return _none(bad) if rows else None
