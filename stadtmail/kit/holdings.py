"""The types in which a room declares what it holds (C-1.1): every column personal, with category and fate, or harmless.

A room's privacy.py builds one Holding a table and registers it; start-up and ./check compare the declarations with the
real tables and refuse an undeclared column.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID


@dataclass(frozen=True)
class Column:
    """A personal column. `category` is a code of the policy; `form` says how it lies in the store."""

    category: str
    form: str  # sealed | keyed_hash | reference
    export: str | None  # key in the access file (Art. 15), None where it carries nothing readable (a keyed hash)


@dataclass(frozen=True)
class Holding:
    """One table: what it holds and what happens to it. Functions take unit ids and never see other tenants' units.

    personal + harmless must equal the table's columns, without overlap.
    """

    table: str  # "people.Identity"
    personal: Mapping[str, Column]
    harmless: Mapping[str, str]  # column -> why it is harmless ("random id", "state", "due date", …)
    purge: Callable[[Sequence[UUID]], int] | None = None  # erase all rows of these units; returns rows erased; idempotent
    find: Callable[[Sequence[UUID]], int] | None = None  # read back: rows of these units still there (must be 0)
    restrict: Callable[[Sequence[UUID]], None] | None = None  # the anchor has ended: lock; idempotent
    release: Callable[[Sequence[UUID]], None] | None = None  # the end was taken back: unlock; idempotent
    export: Callable[[UUID], Iterable[Mapping[str, Any]]] | None = None  # unit id -> readable records for its subject
    after: Callable[[Sequence[tuple[str, UUID]]], None] | None = None  # anchors (kind, id) whose units went: tidy empty shells
    also: tuple[str, ...] = ()  # further categories whose units lie in this table (mail of residents and of roles)
    note: str = field(default="")
