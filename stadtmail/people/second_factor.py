"""The second factor as it stands: of the holder of a contract, or of somebody of the staff. Reads; what is being erased is not found."""

from dataclasses import dataclass
from uuid import UUID

from django.db.models import QuerySet

from stadtmail.people.models import Authenticator, Contract, Passkey, Passwordless, SpareCode, Staff
from stadtmail.privacy import units
from stadtmail.privacy.models import ERASING
from stadtmail.tenants.models import Tenant


@dataclass(frozen=True)
class Owner:
    """Whose second factor it is. It hangs on the anchor that the other credentials hang on, and ends with them."""

    tenant: Tenant
    category: str  # BD-CRED | STAFF
    anchor_kind: str  # contract | staff
    anchor: UUID
    subject: UUID | None

    @property
    def wanted(self) -> units.Wanted:
        """A unit for something of theirs."""
        return units.Wanted(self.category, self.anchor_kind, self.anchor, self.subject)


@dataclass(frozen=True, repr=False)
class PasskeyRow:
    """A passkey in its owner's list."""

    id: UUID
    label: str
    is_enough: bool  # without the password


@dataclass(frozen=True)
class Standing:
    """What somebody has: an app, passkeys by name, how many spare codes are left."""

    app: bool
    passkeys: tuple[PasskeyRow, ...]
    spare_codes: int

    @property
    def is_on(self) -> bool:
        """Is a second factor asked for at the log-in?"""
        return self.app or bool(self.passkeys)

    @property
    def is_enough(self) -> bool:
        """Is a passkey enough without the password?"""
        return any(one.is_enough for one in self.passkeys)


def of_contract(tenant: Tenant, contract: Contract) -> Owner:
    """The holder of a contract."""
    return Owner(tenant, "BD-CRED", "contract", contract.id, contract.person_id)


def of_staff(tenant: Tenant, staff: Staff) -> Owner:
    """Somebody of the staff."""
    return Owner(tenant, "STAFF", "staff", staff.unit.anchor, None)


def is_on(owner: Owner) -> bool:
    """Is a second factor asked for at the log-in?"""
    return authenticators(owner).exists() or passkeys(owner).exists()


def standing(owner: Owner) -> Standing:
    """Everything on one page. Raises units.Gone."""
    enough = set(passwordless(owner).values_list("passkey", flat=True))
    keys = tuple(PasskeyRow(row.unit_id, units.text(row.unit, "label", row.label), row.unit_id in enough) for row in passkeys(owner))
    return Standing(authenticators(owner).exists(), keys, spare_codes(owner).count())


def authenticators(owner: Owner) -> QuerySet[Authenticator]:
    """The secret of the app, with its unit; one row at most."""
    rows = Authenticator.objects.filter(unit__tenant=owner.tenant, unit__anchor=owner.anchor)
    return rows.exclude(unit__state=ERASING).select_related("unit")


def passkeys(owner: Owner) -> QuerySet[Passkey]:
    """The passkeys, with their units."""
    rows = Passkey.objects.filter(unit__tenant=owner.tenant, unit__anchor=owner.anchor).exclude(unit__state=ERASING)
    return rows.select_related("unit").order_by("unit_id")


def passwordless(owner: Owner) -> QuerySet[Passwordless]:
    """Which passkeys are enough without the password. Of a contract only: at a desk none is."""
    rows = Passwordless.objects.filter(unit__tenant=owner.tenant, unit__anchor=owner.anchor)
    return rows.exclude(unit__state=ERASING).select_related("unit", "contract")


def spare_codes(owner: Owner) -> QuerySet[SpareCode]:
    """The spare codes that have not been used."""
    return SpareCode.objects.filter(unit__tenant=owner.tenant, unit__anchor=owner.anchor).exclude(unit__state=ERASING)
