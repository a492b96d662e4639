"""The keystore: wrapped keys of the units that are erased as one, and who may have copies of them. It is a database of its own."""

from uuid import uuid4

from django.db import models


class Key(models.Model):
    """A key, wrapped under the epoch key that the row names. Destroying it is the erasure of all that it opens."""

    store = "keys"

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    tenant = models.UUIDField()
    kind = models.CharField(max_length=32)  # "unit", or the purpose of a city's own key: "blind.address", "signing", …
    epoch = models.PositiveIntegerField(db_index=True)
    wrapped = models.BinaryField(max_length=80)
    made_at = models.DateTimeField(db_index=True)  # to the hour: only to find keys whose row never came (after an hour)

    def __str__(self) -> str:
        return f"key {self.id}"


class Machine(models.Model):
    """A machine that may hold copies of opened keys, until then. Only where the keystore is a server that several can share."""

    store = "keys"

    id = models.UUIDField(primary_key=True, editable=False)
    until = models.DateTimeField()

    def __str__(self) -> str:
        return f"machine {self.id}"
