"""What the room holds, and how it is read out, locked, unlocked and erased. Functions take unit ids, nothing else."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db import models as db

from stadtmail.kit.holdings import Column, Holding
from stadtmail.people import models
from stadtmail.privacy import holdings, units
from stadtmail.privacy.models import ERASING, Unit

ID, REF, STATE = "random id", "reference by random id", "a closed word"
CHUNK = 400
CHECK_VALUES = frozenset({"hash", "recovery", "reclaim"})  # of an order: opened by nobody, shown to nobody
STRUCTURED = frozenset({"address", "dates", "record", "form"})  # columns whose text is JSON of ours; every other text is somebody's own


def _purge_and_tidy(model: type[db.Model]) -> Callable[[Sequence[UUID]], int]:
    """For rows that have an anchor of their own and may be the last that names their contract."""

    def purge(ids: Sequence[UUID]) -> int:
        gone = 0
        for part in _parts(ids):
            rows = model._default_manager.filter(unit__in=part)
            named = [contract for contract in rows.values_list("contract", flat=True) if contract]
            gone += rows._raw_delete("default")
            _drop_shells(named)
        return gone

    return purge


def _purge(model: type[db.Model]) -> Callable[[Sequence[UUID]], int]:
    def purge(ids: Sequence[UUID]) -> int:
        return sum(model._default_manager.filter(unit__in=part)._raw_delete("default") for part in _parts(ids))

    return purge


def _find(model: type[db.Model]) -> Callable[[Sequence[UUID]], int]:
    def find(ids: Sequence[UUID]) -> int:
        return sum(model._default_manager.filter(unit__in=part).count() for part in _parts(ids))

    return find


def _export(
    model: type[db.Model], columns: Mapping[str, Column], shown: Sequence[str]
) -> Callable[[UUID], Iterable[Mapping[str, Any]]]:
    def export(unit_id: UUID) -> Iterable[Mapping[str, Any]]:
        for row in list(model._default_manager.filter(unit=unit_id).select_related("unit")):
            readable = {c.export: _readable(row, name, c) for name, c in columns.items() if c.export and getattr(row, name) is not None}
            yield {**{name: getattr(row, name) for name in shown}, **readable}

    return export


def _export_accesses(unit_id: UUID) -> Iterable[Mapping[str, Any]]:
    """What the person sees of an access: never who of the staff it was, only in which role."""
    for row in list(models.Access.objects.filter(unit=unit_id).select_related("unit")):
        record = json.loads(units.text(row.unit, "record", row.record))
        yield {name: record[name] for name in ("at", "role", "purpose", "case", "categories") if name in record}


def _export_aliases(unit_id: UUID) -> Iterable[Mapping[str, Any]]:
    """The address, until when where its owner has set an end, under which name they write from it, and whether it is the usual one."""
    for row in list(models.Alias.objects.filter(unit=unit_id).select_related("unit")):
        until = {"until": units.text(row.unit, "until", row.until)} if row.until else {}
        name = {"display_name": units.text(row.unit, "name", row.name)} if row.name else {}
        usual = {"usual_sender": True} if row.default else {}
        yield {"further_address": units.text(row.unit, "address", row.address), **until, **name, **usual}


def _export_orders(unit_id: UUID) -> Iterable[Mapping[str, Any]]:
    """What was ordered and when. The check value of the password and those of the codes tell nobody anything and stay inside."""
    for row in list(models.Order.objects.filter(unit=unit_id).select_related("unit")):
        record = json.loads(units.text(row.unit, "form", row.form))
        yield {"order": {name: value for name, value in record.items() if name not in CHECK_VALUES}}


def _export_app_passwords(unit_id: UUID) -> Iterable[Mapping[str, Any]]:
    """How its owner called it, what it is for and since which day; what is checked tells nobody anything and stays inside."""
    for row in list(models.AppPassword.objects.filter(unit=unit_id).select_related("unit")):
        scopes = [name for name in ("imap", "submission", "sieve") if getattr(row, name)]
        yield {"app_password": units.text(row.unit, "label", row.label), "scopes": scopes, "made_on": row.made_on.isoformat()}


def _export_authenticators(unit_id: UUID) -> Iterable[Mapping[str, Any]]:
    """That there is one. Its secret is in the app already and tells nobody anything else."""
    yield from ({"second_factor": "app"} for _ in models.Authenticator.objects.filter(unit=unit_id))


def _export_passkeys(unit_id: UUID) -> Iterable[Mapping[str, Any]]:
    """How its owner called it."""
    for row in list(models.Passkey.objects.filter(unit=unit_id).select_related("unit")):
        yield {"second_factor": "passkey", "passkey": units.text(row.unit, "label", row.label)}


def _export_passwordless(unit_id: UUID) -> Iterable[Mapping[str, Any]]:
    """That a passkey is enough."""
    yield from ({"passwordless": True} for _ in models.Passwordless.objects.filter(unit=unit_id))


def _export_spare_codes(unit_id: UUID) -> Iterable[Mapping[str, Any]]:
    """How many are left, said once: by the first of them."""
    own = models.SpareCode.objects.filter(unit=unit_id).values("unit__anchor")
    left = models.SpareCode.objects.filter(unit__anchor__in=own).exclude(unit__state=ERASING).order_by("unit_id")
    if ids := list(left.values_list("unit", flat=True)):
        yield from ({"spare_codes": len(ids)} for one in ids[:1] if one == unit_id)


def _export_resets(unit_id: UUID) -> Iterable[Mapping[str, Any]]:
    """From when and until when the letter's code is good."""
    for row in models.Reset.objects.filter(unit=unit_id):
        yield {"reset_from": row.opens_at.isoformat(), "reset_until": row.ends_at.isoformat()}


def _readable(row: db.Model, name: str, column: Column) -> Any:
    if column.form != "sealed":
        return str(getattr(row, name))
    unit: Unit = row.unit  # type: ignore[attr-defined]
    text = units.text(unit, name, getattr(row, name))
    return json.loads(text) if name in STRUCTURED else text


def _holding(model: type[db.Model], category: str, *, sealed: Mapping[str, str | None], harmless: Mapping[str, str],
             hashed: Sequence[str] = (), shown: Sequence[str] = (), **extra: Any) -> Holding:  # fmt: skip
    """`shown`: harmless columns that belong into the access file all the same (which field, which switch)."""
    personal = {name: Column(category, "sealed", export) for name, export in sealed.items()}
    personal |= {name: Column(category, "keyed_hash", None) for name in hashed}
    functions = {"purge": _purge(model), "find": _find(model), "export": _export(model, personal, shown), **extra}
    return Holding(table=f"people.{model.__name__}", personal=personal, harmless={"unit": ID, **harmless}, **functions)


def _close_addresses(ids: Sequence[UUID]) -> None:
    """At contract end the address stops being one: no login, no mail (550). It lies in quarantine from then on."""
    for part in _parts(ids):
        contracts = models.Credential.objects.filter(unit__in=part).values_list("contract", flat=True)
        models.Address.objects.filter(contract__in=list(contracts)).update(open=False)


def _open_addresses(ids: Sequence[UUID]) -> None:
    for part in _parts(ids):
        contracts = models.Inventory.objects.filter(unit__in=part).values_list("contract", flat=True)
        models.Address.objects.filter(contract__in=list(contracts)).update(open=True)


def _close_aliases(ids: Sequence[UUID]) -> None:
    """At contract end further addresses stop being ones, too; a take-back opens them again."""
    for part in _parts(ids):
        models.Address.objects.filter(unit__in=part).update(open=False)


def _open_aliases(ids: Sequence[UUID]) -> None:
    for part in _parts(ids):
        models.Address.objects.filter(unit__in=part).update(open=True)


def _tidy(anchors: Sequence[tuple[str, UUID]]) -> None:
    _drop_shells([anchor for kind, anchor in anchors if kind == "contract"])


def _drop_shells(contracts: Sequence[UUID]) -> None:
    """A contract is an empty shell when no unit hangs on it and no consent or access names it; so is a person without one."""
    naming = (models.Consent, models.Access, models.Alias)
    named = [db.Exists(model._default_manager.filter(contract=db.OuterRef("id"))) for model in naming]
    anchored = db.Exists(Unit.objects.filter(anchor=db.OuterRef("id")))
    for part in _parts(contracts):
        shells = models.Contract.objects.filter(~anchored, *(~one for one in named), id__in=part)
        ids, persons = list(shells.values_list("id", flat=True)), list(shells.values_list("person", flat=True))
        models.Address.objects.filter(contract__in=ids).delete()
        models.Contract.objects.filter(id__in=ids).delete()
        models.Person.objects.filter(id__in=persons, contracts=None).delete()


def _forget_addresses(ids: Sequence[UUID]) -> int:
    """The blind index of an address goes with the credentials, within the hour."""
    return sum(models.Address.objects.filter(unit__in=part).delete()[0] for part in _parts(ids))


def _addresses_left(ids: Sequence[UUID]) -> int:
    return sum(models.Address.objects.filter(unit__in=part).count() for part in _parts(ids))


def register() -> None:
    """Declare every table of the room."""
    contract, source = {"contract": REF}, {"contract": REF, "source": STATE}
    holdings.register(
        Holding(table="people.Person", personal={}, harmless={"id": ID, "tenant": "the city"}, after=_tidy),
        Holding(
            table="people.Contract",
            personal={},
            harmless={
                "id": ID, "tenant": "the city", "person": REF, "tariff": STATE, "state": STATE, "ends_at": "date on a random id",
                "notice_version": "version", "notice_digest": "hash of the city's policy", "terms_version": "version",
            },
        ),
        _holding(
            models.Identity, "BD-ID",
            sealed={
                "name": "name", "address": "address", "birth_date": "birth_date", "identifier": "mail_address", "dates": "contract_dates",
            },
            harmless=source, shown=["source"],
        ),
        _holding(
            models.Inventory, "BD",
            sealed={"display_name": "display_name", "salutation": "salutation", "language": "language", "phone": "phone"},
            harmless=source, shown=["source"], release=_open_addresses,
        ),
        _holding(models.Payment, "BD-PAY", sealed={"iban": "iban", "holder": "account_holder"}, harmless=source, shown=["source"]),
        _holding(
            models.Credential, "BD-CRED", sealed={"password": None, "scram": None}, hashed=["recovery"], shown=["mail_login"],
            harmless={
                **contract, "mail_login": "switch on a random id", "lost_factor": "mark", "lost_apps": "mark", "lost_details": "mark",
            },
            restrict=_close_addresses,
        ),
        _holding(
            models.AppPassword, "BD-CRED", sealed={"label": "app_password", "scram": None}, hashed=["digest"],
            harmless={**contract, "imap": "switch", "submission": "switch", "sieve": "switch", "made_on": "day on a random id"},
            export=_export_app_passwords,
        ),
        _holding(
            models.Reset, "BD-CRED", sealed={}, hashed=["digest"], export=_export_resets,
            harmless={**contract, "opens_at": "date on a random id", "ends_at": "date on a random id"},
        ),
        _holding(
            models.Authenticator, "BD-CRED", sealed={"secret": None}, harmless={}, export=_export_authenticators, also=("STAFF",)
        ),
        _holding(
            models.Passkey, "BD-CRED", sealed={"label": "passkey", "credential": None, "counter": None}, harmless={},
            export=_export_passkeys,
        ),
        _holding(
            models.Passwordless, "BD-CRED", sealed={}, hashed=["blind"], harmless={**contract, "passkey": REF}, export=_export_passwordless,
        ),
        _holding(
            models.SpareCode, "BD-CRED", sealed={}, hashed=["digest"], harmless={}, export=_export_spare_codes, also=("STAFF",)
        ),
        _holding(models.Voluntary, "BD-OPT", sealed={"value": "value"}, shown=["field"], harmless={**contract, "field": STATE}),
        _holding(
            models.Consent, "CONS", sealed={"record": "consent"}, harmless={**contract, "purpose": STATE, "withdrawn": "mark"},
            purge=_purge_and_tidy(models.Consent),
        ),
        Holding(
            table="people.Address",
            personal={"blind": Column("BD-CRED", "keyed_hash", None)},
            harmless={"id": ID, "tenant": "the city", "contract": REF, "role": STATE, "unit": ID, "open": "mark"},
            purge=_forget_addresses, find=_addresses_left, also=("ALI",),
        ),
        _holding(
            models.Alias, "ALI", sealed={"address": "further_address", "until": "until", "name": "display_name"},
            harmless={"contract": REF, "default": "mark"},
            restrict=_close_aliases, release=_open_aliases, purge=_purge_and_tidy(models.Alias), export=_export_aliases,
        ),
        _holding(models.Quarantine, "TOMB", sealed={}, hashed=["digest", "reclaim"], harmless={"tenant": "the city"}),
        _holding(
            models.Collection, "COLL", sealed={"kept": None}, hashed=["digest", "reclaim"], harmless={"tenant": "the city", "contract": REF}
        ),
        _holding(
            models.Order, "ORD", sealed={"form": "order"}, hashed=["blind", "letter"],
            harmless={"tenant": "the city", "state": STATE}, export=_export_orders,
        ),
        _holding(
            models.Staff, "STAFF", sealed={"name": "name", "password": None}, hashed=["blind"],
            harmless={"tenant": "the city", "role": STATE},
        ),
        _holding(
            models.Access, "ACC", sealed={"record": "access"}, harmless={"contract": REF}, purge=_purge_and_tidy(models.Access),
            export=_export_accesses,
        ),
    )  # fmt: skip


def _parts(ids: Sequence[UUID]) -> Iterable[list[UUID]]:
    return (list(ids[at : at + CHUNK]) for at in range(0, len(ids), CHUNK))
