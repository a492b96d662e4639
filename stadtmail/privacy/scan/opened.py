"""All that the instance's own keys open, unit by unit: what a scan of the bytes cannot see, and the law still calls stored."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.apps import apps

from stadtmail.kit.holdings import Holding
from stadtmail.privacy import holdings, units
from stadtmail.privacy.models import ERASING, Unit
from stadtmail.vault.seal import Unreadable

PART = 400
_closed: dict[str, Callable[[], int]] = {}
_registered: dict[str, tuple[frozenset[str], Callable[[Unit], Iterator[bytes]]]] = {}


def register_opened(name: str, categories: Iterable[str], reader: Callable[[Unit], Iterator[bytes]]) -> None:
    """A room above keeps something that no table names (a search index): `reader` opens what of it belongs to a unit."""
    _registered[name] = (frozenset(categories), reader)


def register_closed(name: str, counter: Callable[[], int]) -> None:
    """A room above keeps something that no living key opens, because only its holder can: `counter` says how many."""
    _closed[name] = counter


def closed() -> dict[str, int]:
    """What was not opened, and why it cannot be: name -> how many."""
    return {name: count for name, counter in _closed.items() if (count := counter())}


def pieces() -> Iterator[tuple[Unit, str, bytes]]:
    """(unit, table, plain bytes) for every living unit of every city."""
    last = UUID(int=0)
    while rows := list(Unit.objects.filter(id__gt=last).exclude(state=ERASING).select_related("tenant").order_by("id")[:PART]):
        for unit in rows:
            for holding in holdings.of_category(unit.category):
                yield from ((unit, holding.table, plain) for plain in _of(unit, holding))
            for name, (categories, reader) in _registered.items():
                if unit.category in categories:
                    yield from ((unit, name, plain) for plain in _read(unit, reader))
        last = rows[-1].id


def _of(unit: Unit, holding: Holding) -> Iterator[bytes]:
    yield from _columns(unit, holding)
    if holding.export is None:
        return
    try:
        for record in holding.export(unit.id):
            yield from _plain(record)
    except (units.Gone, Unreadable):  # erased while we look
        return


def _read(unit: Unit, reader: Callable[[Unit], Iterator[bytes]]) -> Iterator[bytes]:
    try:
        yield from reader(unit)
    except (units.Gone, Unreadable):  # erased while we look
        return


def _columns(unit: Unit, holding: Holding) -> Iterator[bytes]:
    """Columns sealed under the unit itself, also those that no export shows (password hash)."""
    model = apps.get_model(holding.table)
    if not any(field.name == "unit" for field in model._meta.concrete_fields):
        return
    for row in model._default_manager.filter(unit=unit.id):
        for name, column in holding.personal.items():
            if column.form == "sealed" and getattr(row, name) is not None:
                try:
                    yield units.unseal(unit, name, getattr(row, name))
                except (units.Gone, Unreadable):
                    continue


def _plain(value: Any) -> Iterator[bytes]:
    """A record's values; message bytes come as a callable that streams them."""
    if isinstance(value, Mapping):  # a message's record opens itself only when it is read
        for inner in value.values():
            yield from _plain(inner)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _plain(inner)
    elif callable(value):
        yield b"".join(value())
    elif isinstance(value, bytes):
        yield value
    else:
        yield (value.isoformat() if isinstance(value, datetime) else json.dumps(value, ensure_ascii=False, default=str)).encode()
