"""Form fields as the templates draw them, and the rule for what a form may send: nothing that it did not ask (C-2.1)."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal

from django.core.exceptions import TooManyFieldsSent
from django.http import QueryDict

ALWAYS = frozenset({"token"})
MEGA = 1024 * 1024
_NUMBER = re.compile(r"[0-9]{1,5}([.,][0-9]{1,3})?\Z")


@dataclass(frozen=True)
class Problem:
    """One thing to mend, at a field or at the whole form (field "")."""

    field: str
    text: str


@dataclass(frozen=True)
class Field:
    """One input with its label, hint and error."""

    name: str
    label: str
    hint: str = ""
    type: str = "text"
    autocomplete: str = ""
    inputmode: str = ""
    value: str = ""
    error: str = ""
    optional: bool = False  # marked "voluntary"
    required: bool = True  # the browser insists; the server does in any case
    suffix: str = ""
    maxlength: int = 120

    @property
    def described(self) -> str:
        """Ids of what a screen reader reads after the label."""
        parts = (("hint", self.hint), ("suffix", self.suffix), ("error", self.error))
        return " ".join(f"{self.name}-{part}" for part, there in parts if there)


class Surplus(TooManyFieldsSent):
    """The form was sent with more than it asks: answered 400, nothing of it is used, and `count` is all that is noted."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.count = count


def refuse_surplus(sent: QueryDict, wanted: Collection[str]) -> None:
    """Raises Surplus for fields that the form does not have, or that were sent twice (C-2.1)."""
    allowed = ALWAYS | set(wanted)
    count = sum(len(values) if name not in allowed else len(values) - 1 for name, values in sent.lists())
    if count:
        raise Surplus(count)


def texts(sent: QueryDict, names: Collection[str]) -> dict[str, str]:
    """The named values, trimmed; a missing one is empty. Passwords are taken as they are."""
    return {name: sent.get(name, "") if "password" in name else sent.get(name, "").strip() for name in names}


def errors_of(problems: Collection[Problem]) -> Mapping[str, str]:
    """Field -> text of its first problem."""
    found: dict[str, str] = {}
    for problem in problems:
        found.setdefault(problem.field, problem.text)
    return found


def megabytes(text: str) -> int | None:
    """A size in MB as somebody typed it ("5", "0,5", "0.5"), in bytes; None for what is none, and for nothing."""
    value = Decimal(text.replace(",", ".")) if _NUMBER.match(text) else Decimal()
    return int(value * MEGA) or None
