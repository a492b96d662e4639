"""Persons, their contracts and credentials. Each table that holds something personal hangs on a privacy.Unit.

In clear: random ids, states, tariff code, policy version. Sealed: everything that says who somebody is.
"""

from uuid import uuid4

from django.db import models

from stadtmail.privacy.models import Unit
from stadtmail.tenants.models import Tenant


class Person(models.Model):
    """Somebody with at least one contract: a random id and nothing else. Goes with the last unit."""

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT)

    def __str__(self) -> str:
        return f"person {self.id}"


class Contract(models.Model):
    """The anchor of inventory data and mailbox. A new order of the same person is a new contract."""

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT)
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="contracts")
    tariff = models.CharField(max_length=20)
    state = models.CharField(max_length=8, default="active")  # active | ended (effective end reached)
    ends_at = models.DateTimeField(null=True)  # effective end of the term, set by the cancellation
    notice_version = models.PositiveIntegerField()  # shown at the order, as information and never as consent (C-1.3)
    notice_digest = models.CharField(max_length=64)
    terms_version = models.CharField(max_length=20)

    def __str__(self) -> str:
        return f"contract {self.id}"


class Identity(models.Model):
    """BD-ID, the sealed partition of K1: the four fields of § 172(3) TKG. After contract end: purpose tkg172 only."""

    unit = models.OneToOneField(Unit, primary_key=True, on_delete=models.PROTECT, related_name="+")
    contract = models.ForeignKey(Contract, on_delete=models.PROTECT, related_name="identities")
    name = models.BinaryField()
    address = models.BinaryField()
    birth_date = models.BinaryField()
    identifier = models.BinaryField()  # the mail address
    dates = models.BinaryField()  # conclusion and end of the contract, ISO
    source = models.CharField(max_length=10)  # order_form | clerk | import (C-2.3)

    def __str__(self) -> str:
        return f"identity {self.pk}"


class Inventory(models.Model):
    """BD: what else the contract needs. Phone only where the tariff needs it (C-2.2)."""

    unit = models.OneToOneField(Unit, primary_key=True, on_delete=models.PROTECT, related_name="+")
    contract = models.ForeignKey(Contract, on_delete=models.PROTECT, related_name="inventories")
    display_name = models.BinaryField()
    salutation = models.BinaryField()  # person or organisation, and how it is addressed
    language = models.BinaryField()
    phone = models.BinaryField(null=True)
    source = models.CharField(max_length=10)

    def __str__(self) -> str:
        return f"inventory {self.pk}"


class Payment(models.Model):
    """BD-PAY: bank details, only where the tariff is paid by direct debit."""

    unit = models.OneToOneField(Unit, primary_key=True, on_delete=models.PROTECT, related_name="+")
    contract = models.ForeignKey(Contract, on_delete=models.PROTECT, related_name="payments")
    iban = models.BinaryField()
    holder = models.BinaryField()
    source = models.CharField(max_length=10)

    def __str__(self) -> str:
        return f"payment {self.pk}"


class Credential(models.Model):
    """BD-CRED: Argon2id hash of the login password and of the recovery code, sealed once more; gone an hour after the end.

    `scram` is there exactly while mail programs may use the login password: what they prove it with (people/scram.py). The marks say
    what a take-back of the cancellation did not bring back, until it is set up again or its holder wants to hear no more of it.
    """

    unit = models.OneToOneField(Unit, primary_key=True, on_delete=models.PROTECT, related_name="+")
    contract = models.ForeignKey(Contract, on_delete=models.PROTECT, related_name="credentials")
    password = models.BinaryField()
    recovery = models.BinaryField()  # keyed hash of the recovery code
    mail_login = models.BooleanField(default=False)  # "mail programs may use my login password"
    scram = models.BinaryField(null=True)
    lost_factor = models.BooleanField(default=False)
    lost_apps = models.BooleanField(default=False)
    lost_details = models.BooleanField(default=False)

    def __str__(self) -> str:
        return f"credential {self.pk}"


class Reset(models.Model):
    """BD-CRED: keyed hash of the code in a letter, with which two people at the desk let somebody set a new password."""

    unit = models.OneToOneField(Unit, primary_key=True, on_delete=models.PROTECT, related_name="+")
    contract = models.ForeignKey(Contract, on_delete=models.PROTECT, related_name="resets")
    digest = models.BinaryField(max_length=32)
    opens_at = models.DateTimeField()  # before it the code opens nothing: whoever did not ask for it has time to stop it
    ends_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"reset {self.pk}"


class AppPassword(models.Model):
    """BD-CRED: a random password for one mail program, one unit, so that each can be revoked alone and at once.

    `digest` finds it where a program sends it, `scram` checks it where a program only proves it. No scope: it has ended.
    """

    unit = models.OneToOneField(Unit, primary_key=True, on_delete=models.PROTECT, related_name="+")
    contract = models.ForeignKey(Contract, on_delete=models.PROTECT, related_name="app_passwords")
    label = models.BinaryField()
    digest = models.BinaryField(max_length=32)
    scram = models.BinaryField()
    imap = models.BooleanField(default=False)
    submission = models.BooleanField(default=False)
    sieve = models.BooleanField(default=False)
    made_on = models.DateField()

    def __str__(self) -> str:
        return f"app password {self.pk}"


class Authenticator(models.Model):
    """BD-CRED, of the staff STAFF: the secret that an authenticator app shares with us (RFC 6238). One an anchor: the unit's."""

    unit = models.OneToOneField(Unit, primary_key=True, on_delete=models.PROTECT, related_name="+")
    secret = models.BinaryField()

    def __str__(self) -> str:
        return f"authenticator {self.pk}"


class Passkey(models.Model):
    """BD-CRED: public key and id of a passkey, one unit, so that each can be taken off alone. Neither maker nor time of use."""

    unit = models.OneToOneField(Unit, primary_key=True, on_delete=models.PROTECT, related_name="+")
    label = models.BinaryField()
    credential = models.BinaryField()  # id and public key
    counter = models.BinaryField()  # of its uses, where it counts them: a copy of it would count apart

    def __str__(self) -> str:
        return f"passkey {self.pk}"


class Passwordless(models.Model):
    """BD-CRED: with this passkey its owner comes in without a password. A unit beside the passkey's own, so that it can end alone, and
    with it the wrap of a sealed mailbox (mail/wraps.py).
    """

    unit = models.OneToOneField(Unit, primary_key=True, on_delete=models.PROTECT, related_name="+")
    contract = models.ForeignKey(Contract, on_delete=models.PROTECT, related_name="passwordless")
    passkey = models.UUIDField()  # unit of the passkey
    blind = models.BinaryField(max_length=32)  # keyed hash of the passkey's own id: nobody says a name at this door

    class Meta:
        indexes = [models.Index(fields=["blind"], name="passwordless_blind")]

    def __str__(self) -> str:
        return f"passwordless {self.pk}"


class SpareCode(models.Model):
    """BD-CRED, of the staff STAFF: keyed hash of a code that stands in for the second factor once. One unit each, which its use erases:
    a backup of before brings no used code back.
    """

    unit = models.OneToOneField(Unit, primary_key=True, on_delete=models.PROTECT, related_name="+")
    digest = models.BinaryField(max_length=32)

    def __str__(self) -> str:
        return f"spare code {self.pk}"


class Voluntary(models.Model):
    """BD-OPT: one voluntary field, one unit, so that each can be withdrawn alone and at once (C-2.6)."""

    unit = models.OneToOneField(Unit, primary_key=True, on_delete=models.PROTECT, related_name="+")
    contract = models.ForeignKey(Contract, on_delete=models.PROTECT, related_name="voluntary")
    field = models.CharField(max_length=20)
    value = models.BinaryField()

    def __str__(self) -> str:
        return f"voluntary {self.pk}"


class Consent(models.Model):
    """CONS: that a consent was given to which text, and when it was withdrawn. One unit a consent."""

    unit = models.OneToOneField(Unit, primary_key=True, on_delete=models.PROTECT, related_name="+")
    contract = models.ForeignKey(Contract, on_delete=models.PROTECT, related_name="consents")
    purpose = models.CharField(max_length=20)
    record = models.BinaryField()  # text version, given and withdrawn at
    withdrawn = models.BooleanField(default=False)

    def __str__(self) -> str:
        return f"consent {self.pk}"


class Address(models.Model):
    """A mail address, known only as a keyed hash (blind index). Closed at contract end, gone with the credentials."""

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT)
    blind = models.BinaryField(max_length=32)
    open = models.BooleanField(default=True)
    contract = models.OneToOneField(Contract, null=True, on_delete=models.PROTECT, related_name="address")
    role = models.CharField(max_length=16, blank=True)  # postmaster | abuse | officer: the city's own, no contract
    unit = models.OneToOneField(Unit, null=True, on_delete=models.PROTECT, related_name="+")  # BD-CRED's unit: gone within the hour

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "blind"], name="address_once")]

    def __str__(self) -> str:
        return f"address {self.id}"


class Quarantine(models.Model):
    """TOMB: keyed hash of an address that was given up, so that no stranger gets it for a while (K21)."""

    unit = models.OneToOneField(Unit, primary_key=True, on_delete=models.PROTECT, related_name="+")
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT)
    digest = models.BinaryField(max_length=32)
    reclaim = models.BinaryField(max_length=32)  # keyed hash of the code in the receipt: its former holder gets it back

    class Meta:
        indexes = [models.Index(fields=["tenant", "digest"])]  # an address can be given up again before its first date

    def __str__(self) -> str:
        return f"quarantine {self.pk}"


class Collection(models.Model):
    """COLL: keyed hashes of the codes shown with a cancellation: the narrow place between contract end and end of contents."""

    unit = models.OneToOneField(Unit, primary_key=True, on_delete=models.PROTECT, related_name="+")
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT)
    contract = models.OneToOneField(Contract, on_delete=models.PROTECT, related_name="collection")
    digest = models.BinaryField(max_length=32, unique=True)
    reclaim = models.BinaryField(max_length=32)  # of the receipt's code, until the address goes into quarantine with it
    kept = models.BinaryField(null=True)  # from the end on: login hash, so that taking the cancellation back restores the login

    def __str__(self) -> str:
        return f"collection {self.pk}"


class Order(models.Model):
    """ORD: an order that waits for the desk or for the code of a letter; refused or forgotten, it is erased."""

    unit = models.OneToOneField(Unit, primary_key=True, on_delete=models.PROTECT, related_name="+")
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT)
    form = models.BinaryField()  # the whole order; password and codes only as their hashes
    blind = models.BinaryField(max_length=32)  # reserves the address
    letter = models.BinaryField(max_length=32, null=True)  # keyed hash of the code in the letter
    state = models.CharField(max_length=8)  # approval | letter | accepted | refused: the last two are being erased

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "blind"], name="order_address_once")]

    def __str__(self) -> str:
        return f"order {self.pk}"


class Staff(models.Model):
    """STAFF: a person at the desk of city or operator. No mailbox, no path to content (law 4)."""

    unit = models.OneToOneField(Unit, primary_key=True, on_delete=models.PROTECT, related_name="+")
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT)
    role = models.CharField(max_length=16)  # desk | officer
    blind = models.BinaryField(max_length=32)
    name = models.BinaryField()
    password = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "blind"], name="staff_once")]

    def __str__(self) -> str:
        return f"staff {self.pk}"


class Access(models.Model):
    """ACC: that a member of staff looked at a person's data: who, why, when. Shown to the person, gone after its period.

    An order has no contract yet: its accesses find the person by the unit's subject once there is one.
    """

    unit = models.OneToOneField(Unit, primary_key=True, on_delete=models.PROTECT, related_name="+")
    contract = models.ForeignKey(Contract, null=True, on_delete=models.SET_NULL, related_name="accesses")
    record = models.BinaryField()  # role, purpose, categories, time

    def __str__(self) -> str:
        return f"access {self.pk}"


class Alias(models.Model):
    """ALI: a further address of a contract. It is found by Address (its blind index, of the same unit); this is what its owner sees.

    One unit on an anchor of its own, so that each can end alone, at once or on the day that was set for it.
    """

    unit = models.OneToOneField(Unit, primary_key=True, on_delete=models.PROTECT, related_name="+")
    contract = models.ForeignKey(Contract, on_delete=models.PROTECT, related_name="aliases")
    address = models.BinaryField()
    until = models.BinaryField(null=True)  # the day after which it ends, as its owner set it
    name = models.BinaryField(null=True)  # what stands before the address where its owner writes from it; None: their usual name
    default = models.BooleanField(default=False)  # new messages are written from it

    def __str__(self) -> str:
        return f"alias {self.pk}"
