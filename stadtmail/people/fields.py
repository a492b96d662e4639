"""Every input of the order form (C-2.1, C-2.2): purpose, basis, category. What is not here is rejected, not ignored."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Field:
    """One input. `needed_by`: always | person | a word that a tariff's `needs` may name | never (voluntary)."""

    name: str
    category: str
    purpose: str
    basis: str  # contract | billing | legal | voluntary | form
    needed_by: str
    most: int  # characters


CATALOGUE: dict[str, Field] = {
    field.name: field
    for field in (
        Field("kind", "BD", "contract", "contract", "always", 12),
        Field("name", "BD-ID", "contract", "legal", "always", 120),
        Field("street", "BD-ID", "contract", "legal", "always", 120),
        Field("postcode", "BD-ID", "contract", "legal", "always", 5),
        Field("town", "BD-ID", "contract", "legal", "always", 80),
        Field("birth_date", "BD-ID", "contract", "legal", "person", 10),
        Field("localpart", "BD-ID", "contract", "contract", "always", 40),
        Field("password", "BD-CRED", "contract", "contract", "always", 200),
        Field("tariff", "BD", "contract", "contract", "always", 20),
        Field("phone", "BD", "contract", "contract", "phone", 30),
        Field("iban", "BD-PAY", "billing", "billing", "bank", 42),
        Field("account_holder", "BD-PAY", "billing", "billing", "bank", 120),
        Field("reclaim", "TOMB", "contract", "contract", "never", 64),
        Field("nickname", "BD-OPT", "greeting", "voluntary", "never", 60),
        Field("contact_mail", "BD-OPT", "contact", "voluntary", "never", 120),
    )
}
VOLUNTARY = tuple(name for name, field in CATALOGUE.items() if field.basis == "voluntary")


def surplus(posted: Iterable[str], needs: frozenset[str]) -> list[str]:
    """Names in a posted form that are unknown, or that this tariff does not need: the request is refused (C-2.1)."""
    return sorted(name for name in posted if not _is_asked(name, needs))


def _is_asked(name: str, needs: frozenset[str]) -> bool:
    field = CATALOGUE.get(name)
    return field is not None and (field.needed_by in ("always", "person", "never") or field.needed_by in needs)
