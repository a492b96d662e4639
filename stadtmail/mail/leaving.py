"""Mail on its way out, and who may send: the tables of the outgoing queue. `models` gathers them with the others of the room."""

from uuid import uuid4

from django.db import models

from stadtmail.privacy.models import Unit
from stadtmail.tenants.models import Tenant

WAITING, HELD = "waiting", "held"


class Transit(models.Model):
    """TRANSIT: a message on its way out of this instance. Sender and body are sealed under its unit's key, which dies with the last leg.

    `mailbox` is whose message it is (a random id, no key: the mailbox may go first); None where this instance itself writes.
    """

    unit = models.OneToOneField(Unit, primary_key=True, on_delete=models.PROTECT, related_name="+")
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT)
    mailbox = models.UUIDField(null=True, db_index=True)
    size_bytes = models.BigIntegerField()
    envelope = models.BinaryField()  # sender, DSN parameters, the moment of acceptance
    body = models.BinaryField(null=True)
    blob = models.UUIDField(null=True, unique=True)  # sealed body over 64 KiB

    def __str__(self) -> str:
        return f"transit {self.pk}"


class Leg(models.Model):
    """One destination of a message in transit, with those of its recipients who do not have it yet. Gone with the last of them."""

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    transit = models.ForeignKey(Transit, on_delete=models.CASCADE, related_name="legs")
    recipients = models.BinaryField()  # destination, addresses, DSN parameters, what became of them
    state = models.CharField(max_length=8, default=WAITING)
    reason = models.CharField(max_length=16, blank=True)  # why it waits: a closed word
    way = models.CharField(max_length=10, blank=True)  # how it was last tried: smarthost | dane | mta-sts | tls | plain | local
    attempts = models.PositiveSmallIntegerField(default=0)
    next_at = models.DateTimeField()
    told = models.BooleanField(default=False)  # the sender knows that it takes longer
    claim = models.UUIDField(null=True)  # the worker that has it, until its lease has run out
    leased_until = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["state", "next_at"])]

    def __str__(self) -> str:
        return f"leg {self.id}"


class Stopped(models.Model):
    """The operator holds what a city sends: new messages wait as held, too."""

    tenant = models.OneToOneField(Tenant, primary_key=True, on_delete=models.CASCADE, related_name="+")

    def __str__(self) -> str:
        return f"stopped {self.pk}"


class NoReceipts(models.Model):
    """There is a row: this person never wants to be asked for a read receipt."""

    unit = models.OneToOneField(Unit, primary_key=True, on_delete=models.PROTECT, related_name="+")  # the mailbox's own

    def __str__(self) -> str:
        return f"no receipts {self.pk}"
