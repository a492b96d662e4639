"""Mailboxes, folders, messages. In clear: uid, modseq, flags, size, day of arrival, state. Everything else is sealed."""

from uuid import uuid4

from django.db import models

from stadtmail.people.models import Address, Contract
from stadtmail.privacy.models import Unit
from stadtmail.tenants.models import Tenant

OPEN, CLOSED = "open", "closed"


class Mailbox(models.Model):
    """A resident's mailbox (contract set) or a role's (postmaster, abuse, officer: role set)."""

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT)
    contract = models.ForeignKey(Contract, null=True, on_delete=models.PROTECT, related_name="+")
    unit = models.OneToOneField(Unit, null=True, on_delete=models.PROTECT, related_name="+")  # a resident's: they go together
    role = models.CharField(max_length=16, blank=True)
    state = models.CharField(max_length=8, default=OPEN)
    quota_bytes = models.BigIntegerField()
    used_bytes = models.BigIntegerField(default=0)
    last_validity = models.PositiveIntegerField(default=0)  # greatest uidvalidity ever given: a name that returns is another folder

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "role"], condition=~models.Q(role=""), name="role_mailbox_once"),
            models.UniqueConstraint(fields=["contract"], name="contract_mailbox_once"),
        ]

    def __str__(self) -> str:
        return f"mailbox {self.id}"


class Route(models.Model):
    """Which mailbox an address leads to."""

    address = models.OneToOneField(Address, primary_key=True, on_delete=models.CASCADE, related_name="+")
    mailbox = models.ForeignKey(Mailbox, on_delete=models.PROTECT, related_name="routes")

    def __str__(self) -> str:
        return f"route {self.pk}"


class MailboxKey(models.Model):
    """A key pair of a mailbox (category INH; a role's mailbox has a new one each month, category CONT).

    Delivery seals to the public half. The private half is sealed under the unit's key (the key service's wrap of a standard
    mailbox); other holders' wraps are in Wrap. Destroying the unit's key ends all messages under this pair at once.
    """

    unit = models.OneToOneField(Unit, primary_key=True, on_delete=models.PROTECT, related_name="+")
    mailbox = models.ForeignKey(Mailbox, on_delete=models.PROTECT, related_name="keys")
    public = models.BinaryField(max_length=32)
    private = models.BinaryField(null=True)  # None: sealed mailbox, the service has no wrap
    current = models.BooleanField(default=True)  # new mail is sealed to this pair
    until = models.DateTimeField(null=True)  # end of the month of a role's pair

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["mailbox"], condition=models.Q(current=True), name="one_current_pair"),
        ]

    def __str__(self) -> str:
        return f"mailbox key {self.pk}"


class Wrap(models.Model):
    """The private half of a pair, wrapped for one holder: password, app password, passkey, recovery code, another person."""

    pair = models.ForeignKey(MailboxKey, on_delete=models.CASCADE, related_name="wraps")
    holder = models.CharField(max_length=12)  # password | app | passkey | recovery | collection | person
    reference = models.UUIDField(null=True)
    salt = models.BinaryField(max_length=32)
    wrapped = models.BinaryField()

    def __str__(self) -> str:
        return f"wrap {self.pk}"


class Folder(models.Model):
    """A folder. `number` is its identity inside the mailbox; the name is sealed under the mailbox's unit key."""

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    mailbox = models.ForeignKey(Mailbox, on_delete=models.PROTECT, related_name="folders")
    number = models.PositiveIntegerField()
    role = models.CharField(max_length=8, blank=True)  # inbox | drafts | sent | junk | trash | archive
    name = models.BinaryField()
    uidvalidity = models.PositiveIntegerField()
    uidnext = models.PositiveIntegerField(default=1)
    modseq = models.PositiveBigIntegerField(default=1)
    forgotten = models.PositiveBigIntegerField(default=0)  # up to this modseq it is not remembered any more which uids vanished
    subscribed = models.BooleanField(default=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["mailbox", "number"], name="folder_number_once")]

    def __str__(self) -> str:
        return f"folder {self.id}"


class Keyword(models.Model):
    """A keyword of the holder's own ($label1, …): its bit in the flags of messages, its name sealed under the mailbox's unit key."""

    mailbox = models.ForeignKey(Mailbox, on_delete=models.PROTECT, related_name="keywords")
    bit = models.PositiveSmallIntegerField()
    name = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["mailbox", "bit"], name="keyword_bit_once")]

    def __str__(self) -> str:
        return f"keyword {self.pk}"


class Expunged(models.Model):
    """Uids from `first` to `last` left a folder at `modseq`: what a mail program that comes back has to drop (RFC 7162)."""

    folder = models.ForeignKey(Folder, on_delete=models.CASCADE, related_name="expunged", db_index=False)
    modseq = models.PositiveBigIntegerField()
    first = models.PositiveIntegerField()
    last = models.PositiveIntegerField()

    class Meta:
        indexes = [models.Index(fields=["folder", "modseq"])]

    def __str__(self) -> str:
        return f"expunged {self.pk}"


class Message(models.Model):
    """A message. Its record key is sealed to the mailbox's pair; envelope and body are sealed under the record key."""

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    folder = models.ForeignKey(Folder, on_delete=models.PROTECT, related_name="messages", db_index=False)  # uid_once is its index
    pair = models.ForeignKey(MailboxKey, on_delete=models.PROTECT, related_name="messages")
    uid = models.PositiveIntegerField()
    modseq = models.PositiveBigIntegerField()
    flags = models.BigIntegerField(default=0)  # bits of system flags and of the mailbox's keywords: see mail/folders.py
    size_bytes = models.BigIntegerField()
    arrived_on = models.DateField()
    record_key = models.BinaryField()
    envelope = models.BinaryField()  # envelope, exact times, MIME tree with offsets
    blob = models.UUIDField(null=True, unique=True)  # sealed body in the blob store; None: Body row

    class Meta:
        constraints = [models.UniqueConstraint(fields=["folder", "uid"], name="uid_once")]
        indexes = [models.Index(fields=["folder", "modseq"])]

    def __str__(self) -> str:
        return f"message {self.id}"


class Body(models.Model):
    """Sealed bytes of a message up to 64 KiB: in a table of their own, so that a batch costs one fsync."""

    message = models.OneToOneField(Message, primary_key=True, on_delete=models.CASCADE, related_name="body")
    sealed = models.BinaryField()

    def __str__(self) -> str:
        return f"body {self.pk}"


class IndexWork(models.Model):
    """Mail under this pair came or went, and its search index does not know it yet. `mark` counts, so that nothing is missed."""

    pair = models.OneToOneField(MailboxKey, primary_key=True, on_delete=models.CASCADE, related_name="+")
    mark = models.PositiveBigIntegerField(default=1, db_index=True)

    def __str__(self) -> str:
        return f"index work {self.pk}"


class Import(models.Model):
    """Mail that is being taken over from elsewhere (category IMPORT): what it needs for that lies under a unit that dies with it."""

    unit = models.OneToOneField(Unit, primary_key=True, on_delete=models.PROTECT, related_name="+")
    mailbox = models.OneToOneField(Mailbox, on_delete=models.PROTECT, related_name="+")  # one at a time
    kind = models.CharField(max_length=8)  # imap | file
    secret = models.BinaryField()  # server and credentials; of a file its language only
    position = models.BinaryField(null=True)  # how far which folder there has come
    blob = models.UUIDField(null=True, unique=True)  # the file, sealed under the unit's key
    lease_until = models.DateTimeField(null=True)  # somebody works on it until then
    total = models.PositiveIntegerField(default=0)
    taken = models.PositiveIntegerField(default=0)
    known = models.PositiveIntegerField(default=0)  # were here already
    left_out = models.PositiveIntegerField(default=0)  # too large, or unreadable

    def __str__(self) -> str:
        return f"import {self.pk}"


class BlobGone(models.Model):
    """A blob whose message was deleted: unlinked after the commit, found again after a crash."""

    blob = models.UUIDField(primary_key=True)
    unit = models.UUIDField(db_index=True)  # whose pair it was: reading back waits for its bytes too

    def __str__(self) -> str:
        return f"blob {self.pk}"
