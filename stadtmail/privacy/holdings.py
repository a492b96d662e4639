"""The registry of what the rooms hold (C-1.1). An undeclared column, table or category stops start-up and ./check.

Rooms register in their privacy.py when Django starts; privacy asks the registry to purge, find, restrict, release, export.
"""

import hashlib
from collections.abc import Iterable

from django.apps import apps
from django.db import models

from stadtmail.kit.holdings import Holding

FORMS = ("sealed", "keyed_hash", "reference")
_registered: dict[str, Holding] = {}


def register(*holdings: Holding) -> None:
    """Declare tables of a room. A table is declared once."""
    for holding in holdings:
        known = _registered.get(holding.table)
        assert known is None or known is holding, f"{holding.table} is declared twice"
        _registered[holding.table] = holding


def all_holdings() -> list[Holding]:
    """Every declared table, by name."""
    return [_registered[table] for table in sorted(_registered)]


def of_category(code: str) -> list[Holding]:
    """The tables that hold personal data of a category."""
    return [h for h in all_holdings() if code in h.also or any(column.category == code for column in h.personal.values())]


def categories() -> set[str]:
    """All categories of which something is stored in a table."""
    found = {column.category for holding in all_holdings() for column in holding.personal.values()}
    return found.union(*(holding.also for holding in all_holdings()))


def check(known_categories: Iterable[str] = ()) -> list[str]:
    """What is wrong with the declarations, one sentence each; empty when the house is in order."""
    tables = {f"{model._meta.app_label}.{model.__name__}": model for model in apps.get_models()}
    problems = [f"{table} is not declared" for table in sorted(set(tables) - set(_registered))]
    problems += [f"{table} is declared and does not exist" for table in sorted(set(_registered) - set(tables))]
    for table in sorted(set(tables) & set(_registered)):
        problems += _check_table(table, tables[table], _registered[table])
    allowed = set(known_categories)
    if allowed:
        problems += [f"category {code} has no rule in the policy" for code in sorted(categories() - allowed)]
    return problems


def schema_digest() -> str:
    """SHA-256 over all tables and columns: evidence of what was covered at a start."""
    lines = sorted(
        f"{model._meta.label}.{field.column}:{field.get_internal_type()}"
        for model in apps.get_models()
        for field in model._meta.concrete_fields
    )
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def coverage() -> tuple[int, int]:
    """(declared columns, all columns) over all tables."""
    real = {f"{m._meta.app_label}.{m.__name__}": {f.name for f in m._meta.concrete_fields} for m in apps.get_models()}
    declared = sum(len(real[t] & (set(h.personal) | set(h.harmless))) for t, h in _registered.items() if t in real)
    return declared, sum(len(columns) for columns in real.values())


def _check_table(table: str, model: type[models.Model], holding: Holding) -> list[str]:
    columns = {field.name: field for field in model._meta.concrete_fields}
    personal, harmless = set(holding.personal), set(holding.harmless)
    problems = [f"{table}.{name} is not declared" for name in sorted(set(columns) - personal - harmless)]
    problems += [f"{table}.{name} is declared and does not exist" for name in sorted((personal | harmless) - set(columns))]
    problems += [f"{table}.{name} is both personal and harmless" for name in sorted(personal & harmless)]
    problems += [f"{table}.{name} is harmless without a reason" for name in sorted(harmless) if not holding.harmless[name]]
    for name in sorted(personal & set(columns)):
        column = holding.personal[name]
        if column.form not in FORMS:
            problems.append(f"{table}.{name} lies in an unknown form")
        if column.form in ("sealed", "keyed_hash") and not isinstance(columns[name], models.BinaryField):
            problems.append(f"{table}.{name} must be bytes: it is {column.form}")
    if personal and not (holding.purge and holding.find):
        problems.append(f"{table} holds personal data and cannot erase it")
    if any(isinstance(field, models.JSONField) for field in columns.values()):
        problems.append(f"{table} has a JSON column")
    return problems
