"""Mailboxes, folders, messages. In clear: uid, modseq, flags, size, day of arrival, state. Everything else is sealed."""

from uuid import uuid4

from django.db import models

from stadtmail.mail import leaving, shares  # noqa: F401 - tables of this room as well
from stadtmail.people.models import Address, Contract
from stadtmail.privacy.models import Unit
from stadtmail.tenants.models import Tenant

OPEN, CLOSED = "open", "closed"


@models.BigIntegerField.register_lookup
class Lacks(models.Lookup):
    """Has a number none of these bits? For the conditions of indexes; written out, so that a query by hand means the same index."""

    lookup_name = "lacks"
    sign = "="

    def as_sql(self, compiler, connection):  # type: ignore[no-untyped-def]
        left, values = self.process_lhs(compiler, connection)
        right, more = self.process_rhs(compiler, connection)
        return f"({left} & {right}) {self.sign} 0", [*values, *more]


@models.BigIntegerField.register_lookup
class Has(Lacks):
    """Has a number one of these bits?"""

    lookup_name = "has"
    sign = "<>"


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
    script = models.UUIDField(null=True)  # the filter that runs at delivery (Script); None: nothing but the inbox is looked at

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
    mailbox), or there are only the wraps of its holder's secrets (Wrap: a sealed mailbox). Destroying the unit's key ends all
    messages under this pair at once.
    """

    unit = models.OneToOneField(Unit, primary_key=True, on_delete=models.PROTECT, related_name="+")
    mailbox = models.ForeignKey(Mailbox, on_delete=models.PROTECT, related_name="keys")
    public = models.BinaryField(max_length=32)
    private = models.BinaryField(null=True)  # None: sealed mailbox, the service has no wrap
    current = models.BooleanField(default=True)  # new mail is sealed to this pair; a resident's other one is being emptied
    until = models.DateTimeField(null=True)  # end of the month of a role's pair

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["mailbox"], condition=models.Q(current=True), name="one_current_pair"),
        ]

    def __str__(self) -> str:
        return f"mailbox key {self.pk}"


class Wrap(models.Model):
    """The private half of a sealed mailbox's pair, wrapped for one secret of its holder (mail/wraps.py)."""

    pair = models.ForeignKey(MailboxKey, on_delete=models.CASCADE, related_name="wraps")
    holder = models.CharField(max_length=12)  # password | app | scram | recovery | collection | passkey
    reference = models.UUIDField(null=True, db_index=True)  # unit of the app password, code or passkey that it goes with
    salt = models.BinaryField(max_length=32)
    wrapped = models.BinaryField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["pair", "holder"], condition=models.Q(reference=None), name="wrap_once"),
            models.UniqueConstraint(fields=["pair", "holder", "reference"], name="wrap_once_each"),
        ]

    def __str__(self) -> str:
        return f"wrap {self.pk}"


class Folder(models.Model):
    """A folder. `number` is its identity inside the mailbox; the name is sealed under the mailbox's unit key."""

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    mailbox = models.ForeignKey(Mailbox, on_delete=models.PROTECT, related_name="folders")
    number = models.PositiveIntegerField()
    role = models.CharField(max_length=8, blank=True)  # inbox | drafts | sent | junk | trash | archive
    use = models.CharField(max_length=8, blank=True)  # what the holder made it for (RFC 6154): one of the roles but inbox, or none
    name = models.BinaryField()
    uidvalidity = models.PositiveIntegerField()
    uidnext = models.PositiveIntegerField(default=1)
    modseq = models.PositiveBigIntegerField(default=1)
    forgotten = models.PositiveBigIntegerField(default=0)  # up to this modseq it is not remembered any more which uids vanished
    subscribed = models.BooleanField(default=True)
    recent = models.PositiveIntegerField(default=1)  # the first uid that no mail program has been told of (RFC 3501 2.3.2)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["mailbox", "number"], name="folder_number_once")]

    def __str__(self) -> str:
        return f"folder {self.id}"


class Subscription(models.Model):
    """A subscribed name whose folder was deleted: it stays until its holder unsubscribes (RFC 9051 6.3.7). Sealed as a folder's is."""

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    mailbox = models.ForeignKey(Mailbox, on_delete=models.PROTECT, related_name="subscriptions")
    name = models.BinaryField()

    def __str__(self) -> str:
        return f"subscription {self.id}"


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
    filed_on = models.DateField(null=True)  # day on which it came to this folder; None: the day of its arrival
    record_key = models.BinaryField()
    envelope = models.BinaryField()  # envelope, exact times, MIME tree with offsets
    blob = models.UUIDField(null=True, unique=True)  # sealed body in the blob store; None: Body row

    class Meta:
        constraints = [models.UniqueConstraint(fields=["folder", "uid"], name="uid_once")]
        indexes = [
            models.Index(fields=["folder", "modseq"]),
            # a folder's numbers without a look at its rows: 200,000 messages are read in a tenth of the time
            models.Index(fields=["folder", "uid", "flags", "modseq", "size_bytes"], name="folder_map"),
            # what is unread and what is starred, in order: found and counted in the time of what there is of it
            models.Index(fields=["folder", "uid", "flags"], condition=models.Q(flags__lacks=1), name="folder_unread"),
            models.Index(fields=["folder", "uid", "flags"], condition=models.Q(flags__has=4), name="folder_starred"),
        ]

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


class Repeat(models.Model):
    """A message that a mailbox has although its sender was told to come again, for the sake of another mailbox."""

    pair = models.ForeignKey(MailboxKey, on_delete=models.PROTECT, related_name="+")
    mark = models.BinaryField(max_length=32, unique=True)  # keyed hash over mailbox and content
    until = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"repeat {self.pk}"


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


class DeliveryKey(models.Model):
    """A unit for what delivery itself needs of a person while nobody is logged in (category INH): filters and their memory.

    Its key is opened at delivery and by the holder, and it opens no message. Made when it is first needed.
    """

    unit = models.OneToOneField(Unit, primary_key=True, on_delete=models.PROTECT, related_name="+")
    # no constraint: a hold on one of the two units must not keep the other
    mailbox = models.OneToOneField(Mailbox, on_delete=models.DO_NOTHING, db_constraint=False, related_name="delivery")

    def __str__(self) -> str:
        return f"delivery key {self.pk}"


class Script(models.Model):
    """A filter in Sieve: name and text sealed under the delivery key. Which of them runs says Mailbox.script."""

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    delivery = models.ForeignKey(DeliveryKey, on_delete=models.CASCADE, related_name="scripts")
    name = models.BinaryField()
    text = models.BinaryField()

    def __str__(self) -> str:
        return f"script {self.id}"


class Forward(models.Model):
    """An address that filters pass mail on to. Off until whoever reads there has said the code (code None: confirmed)."""

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    delivery = models.ForeignKey(DeliveryKey, on_delete=models.CASCADE, related_name="forwards")
    mark = models.BinaryField(max_length=32)  # keyed hash of the address
    address = models.BinaryField()
    code = models.BinaryField(null=True, max_length=32)  # keyed hash
    until = models.DateField(null=True)  # last day of the code

    class Meta:
        constraints = [models.UniqueConstraint(fields=["delivery", "mark"], name="forward_once")]

    def __str__(self) -> str:
        return f"forward {self.id}"


class Remembered(models.Model):
    """What filters must not do twice: who was told that somebody is away, which message was there. Hashes only, until their day."""

    delivery = models.ForeignKey(DeliveryKey, on_delete=models.CASCADE, related_name="memory", db_index=False)
    mark = models.BinaryField(max_length=32)  # keyed hash under the delivery key
    ends = models.BinaryField()  # the exact moment, sealed
    until = models.DateField(db_index=True)  # the day on which it is forgotten at the latest

    class Meta:
        constraints = [models.UniqueConstraint(fields=["delivery", "mark"], name="remembered_once")]

    def __str__(self) -> str:
        return f"remembered {self.pk}"


class Planned(models.Model):
    """A message in Drafts that is to be sent at a moment: its record key and its recipients, sealed under the delivery key.

    `message` is the row in Drafts, without a constraint: its holder may delete it at any time, and then nothing is sent.
    """

    message = models.UUIDField(primary_key=True)
    delivery = models.ForeignKey(DeliveryKey, on_delete=models.CASCADE, related_name="planned", db_index=False)
    ident = models.UUIDField()  # random, of the form that was sent: what is sent twice is planned once
    sealed = models.BinaryField()
    at = models.DateTimeField(db_index=True)
    later = models.BooleanField(default=False)  # the person chose the moment; else it is held back so that they can undo
    tries = models.PositiveSmallIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["delivery", "ident"], name="planned_once")]

    def __str__(self) -> str:
        return f"planned {self.pk}"


class Signature(models.Model):
    """What a person puts under their messages, sealed under the mailbox's unit key."""

    unit = models.OneToOneField(Unit, primary_key=True, on_delete=models.PROTECT, related_name="+")  # the mailbox's own
    text = models.BinaryField()

    def __str__(self) -> str:
        return f"signature {self.pk}"


class PictureSenders(models.Model):
    """Whose pictures from the internet a person always wants to see: addresses, sealed under the mailbox's unit key."""

    unit = models.OneToOneField(Unit, primary_key=True, on_delete=models.PROTECT, related_name="+")  # the mailbox's own
    addresses = models.BinaryField()

    def __str__(self) -> str:
        return f"picture senders {self.pk}"


class SigningKey(models.Model):
    """A city's DKIM key: the public half is in the DNS under its selector, the private half sealed under the city's own key."""

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT)
    selector = models.CharField(max_length=20)
    algorithm = models.CharField(max_length=8)  # rsa | ed25519
    public = models.BinaryField()
    private = models.BinaryField()
    made_on = models.DateField()
    retired_on = models.DateField(null=True)  # signs no more; its record stays until what it signed has arrived

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "selector"], name="selector_once")]

    def __str__(self) -> str:
        return f"signing key {self.selector}"


class JunkFilter(models.Model):
    """What a mailbox's filter for spam has learned: counts of keyed hashes of words, sealed under the delivery key."""

    delivery = models.OneToOneField(DeliveryKey, primary_key=True, on_delete=models.CASCADE, related_name="junk")
    state = models.BinaryField()

    def __str__(self) -> str:
        return f"junk filter {self.pk}"
