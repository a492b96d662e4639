"""What the promises need to know: units of erasure, events that start clocks, holds, and the evidence.

`Unit` is the pivot of the product: everything personal that is erased as one hangs on a unit, and a unit hangs on an anchor
(contract, mailbox, order, …), never on a person's name. Unit, Event, Hold, HoldItem, Outbox and Generation lie in `default`; the rest
lies in `evidence`, holds no personal data and survives a restore of `default`.
"""

from uuid import uuid4

from django.db import models

from stadtmail.tenants.models import Tenant

LIVE, RESTRICTED, ERASING = "live", "restricted", "erasing"
SUPERSEDED = "superseded"  # event of a unit whose values were put right: no rule keeps a wrong value


class Unit(models.Model):
    """What is erased as one: a category of data on one anchor, under one key, with one deadline."""

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, db_index=False)  # the index below begins with it
    subject = models.UUIDField(null=True, db_index=True)  # random id of the person; None where there is no person above
    category = models.CharField(max_length=12)
    anchor_kind = models.CharField(max_length=16)
    anchor = models.UUIDField(db_index=True)
    key = models.UUIDField(null=True, unique=True)  # vault.Key; None for a keyed hash without content (TOMB)
    commitment = models.BinaryField(null=True)  # the random k of HMAC(k, id), sealed under the unit's key
    state = models.CharField(max_length=10, default=LIVE)
    policy = models.PositiveIntegerField()  # version of the city's policy under which the data were taken in
    keep_until = models.DateTimeField(null=True)
    due_at = models.DateTimeField(null=True)  # gone_by; None while no start event has happened
    known_at = models.DateTimeField(null=True)  # since when we could know due_at: a correction backwards makes nothing late
    synthetic = models.BooleanField(default=False)  # of the standing test resident: nobody's
    erasure = models.UUIDField(null=True, db_index=True)  # set by the claim: from then on nobody reads it

    class Meta:
        # what a sweep asks for: due in a city, due at all, left behind by a crash; none of it may cost what is stored
        indexes = [models.Index(fields=["tenant", "due_at"]), models.Index(fields=["due_at", "state"]), models.Index(fields=["state"])]

    def __str__(self) -> str:
        return f"unit {self.id}"


class Event(models.Model):
    """Something that starts, moves or stops a clock (contract_end, order_submitted, …). Gone with the anchor's last unit."""

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT)
    anchor_kind = models.CharField(max_length=16)
    anchor = models.UUIDField()
    name = models.CharField(max_length=32)
    at = models.DateTimeField()
    recorded_at = models.DateTimeField()  # when we could first know it
    revoked_at = models.DateTimeField(null=True)  # a correction adds a row and revokes the old one: both values stay

    class Meta:
        indexes = [models.Index(fields=["anchor", "name"])]

    def __str__(self) -> str:
        return f"event {self.id}"


class Hold(models.Model):
    """A narrow, dated reason not to erase. Its release triggers the erasure of what it held at once."""

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT)
    type = models.CharField(max_length=16)
    reason = models.CharField(max_length=40)  # a code of the policy's closed list, never free text
    placed_by = models.CharField(max_length=48)  # role and random id of who acted
    approved_by = models.CharField(max_length=48, blank=True)  # second person, where the policy asks for one
    placed_at = models.DateTimeField()
    review_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True)
    released_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"hold {self.id}"


class HoldItem(models.Model):
    """One unit that a hold covers."""

    hold = models.ForeignKey(Hold, on_delete=models.CASCADE, related_name="items")
    unit = models.ForeignKey(Unit, on_delete=models.CASCADE, related_name="holds")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["hold", "unit"], name="hold_unit_once")]

    def __str__(self) -> str:
        return f"hold item {self.pk}"


class Outbox(models.Model):
    """A leaf on its way to the tree: written in the same transaction as its effect, then moved."""

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT)
    leaf = models.BinaryField()  # canonical JSON, closed vocabulary
    commitments = models.BinaryField(default=bytes)  # 32 bytes each, in order
    made_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"outbox {self.id}"


class Generation(models.Model):
    """How far the rows have come (one row): behind `Lived`, they were put back from a backup (privacy/generation.py)."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    number = models.PositiveBigIntegerField()

    def __str__(self) -> str:
        return f"generation {self.number}"


class Lived(models.Model):
    """How far this instance has come (one row). Written after `Generation`, and survives a restore of `default`."""

    store = "evidence"

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    number = models.PositiveBigIntegerField()

    def __str__(self) -> str:
        return f"lived {self.number}"


class LedgerEntry(models.Model):
    """One erasure, from intent to done. Written before the first destructive step; replayed after a restore."""

    store = "evidence"

    erasure = models.UUIDField(primary_key=True)
    tenant = models.UUIDField()
    category = models.CharField(max_length=12)
    rule_due = models.DateTimeField(null=True)
    rule_known = models.DateTimeField(null=True)  # since when it could go, where that was after rule_due (a date put right, a hold)
    units = models.BinaryField()  # unit ids, 16 bytes each
    keys = models.BinaryField()  # key ids, 16 bytes each
    commitments = models.BinaryField(default=bytes)  # 32 bytes each: HMAC(k, unit id), k dies with the unit's key
    cause = models.CharField(max_length=12)  # due | released | withdrawn | refused | deleted | orphan
    late = models.PositiveIntegerField(default=0)  # units that were claimed after their lateness limit
    step = models.PositiveSmallIntegerField()  # last step of docs/house.md section 4 that is complete (2 to 7)
    intent_at = models.DateTimeField()
    keys_gone_at = models.DateTimeField(null=True)
    done_at = models.DateTimeField(null=True)
    test = models.BooleanField(default=False)
    synthetic = models.BooleanField(default=False)  # of the standing test resident

    class Meta:
        indexes = [models.Index(fields=["tenant", "synthetic"])]  # how many of each: read for every visitor of the proof

    def __str__(self) -> str:
        return f"erasure {self.erasure}"


class Leaf(models.Model):
    """One entry of a city's RFC 6962 tree: canonical JSON of a closed vocabulary, no personal data, no free text."""

    store = "evidence"

    tenant = models.UUIDField()
    index = models.PositiveBigIntegerField()
    data = models.BinaryField()
    outbox = models.UUIDField(unique=True)  # makes the move from the outbox idempotent

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "index"], name="leaf_index_once")]

    def __str__(self) -> str:
        return f"leaf {self.tenant}/{self.index}"


class Node(models.Model):
    """Hash of a complete subtree (RFC 6962 2.1): `level` 0 is the leaf hash."""

    store = "evidence"

    tenant = models.UUIDField()
    level = models.PositiveSmallIntegerField()
    index = models.PositiveBigIntegerField()
    digest = models.BinaryField(max_length=32)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "level", "index"], name="node_once")]

    def __str__(self) -> str:
        return f"node {self.level}/{self.index}"


class Head(models.Model):
    """Signed tree head: one for each sweep that wrote something."""

    store = "evidence"

    tenant = models.UUIDField()
    size = models.PositiveBigIntegerField()
    root = models.BinaryField(max_length=32)
    signed_at = models.DateTimeField()
    signature = models.BinaryField(max_length=64)  # Ed25519 over the canonical head
    test = models.BooleanField(default=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "size"], name="head_size_once")]

    def __str__(self) -> str:
        return f"head {self.tenant}/{self.size}"


class Commitment(models.Model):
    """HMAC(k, unit id) of one erased unit, in a leaf's order. k died with the unit: only a receipt can link it."""

    store = "evidence"

    tenant = models.UUIDField()
    leaf = models.PositiveBigIntegerField()
    position = models.PositiveIntegerField()
    digest = models.BinaryField(max_length=32, db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "leaf", "position"], name="commitment_once")]

    def __str__(self) -> str:
        return f"commitment {self.leaf}/{self.position}"


class PublicKey(models.Model):
    """A city's public signing key (Ed25519), so that heads can be verified after the key has been changed."""

    store = "evidence"

    tenant = models.UUIDField()
    key = models.BinaryField(max_length=32)
    since = models.DateTimeField()

    def __str__(self) -> str:
        return f"public key {self.pk}"


class Watermark(models.Model):
    """Highest moment that this instance has seen: destructive work pauses when time jumps against it."""

    store = "evidence"

    name = models.CharField(max_length=16, primary_key=True)
    at = models.DateTimeField()
    paused = models.BooleanField(default=False)

    def __str__(self) -> str:
        return f"watermark {self.name}"


class Proof(models.Model):
    """Newest figure behind a clause: what `prove` and /datenschutz/nachweis show. Figures are numbers and closed words."""

    store = "evidence"

    tenant = models.UUIDField()
    clause = models.CharField(max_length=8)
    figure = models.CharField(max_length=40)  # name of the measured figure
    value = models.BigIntegerField()
    kept = models.BooleanField()
    real = models.BooleanField()  # measured on real cases; False: on the standing test resident
    at = models.DateTimeField()
    leaf = models.PositiveBigIntegerField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "clause", "figure"], name="proof_once")]

    def __str__(self) -> str:
        return f"proof {self.clause}"


class NoticeVersion(models.Model):
    """A compiled policy as it was published: old notices stay readable for whoever was shown them."""

    store = "evidence"

    tenant = models.UUIDField()
    version = models.PositiveIntegerField()
    digest = models.CharField(max_length=64)  # SHA-256 of the policy file
    source = models.BinaryField()  # the policy file itself
    since = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "version"], name="notice_version_once")]

    def __str__(self) -> str:
        return f"notice {self.tenant}/{self.version}"


class NoticeText(models.Model):
    """A version of the notice word for word: as published, and once more for each later program that words it differently."""

    store = "evidence"

    tenant = models.UUIDField()
    version = models.PositiveIntegerField()
    wording = models.PositiveIntegerField()  # 1, 2, … of this version
    lang = models.CharField(max_length=2)
    digest = models.CharField(max_length=64)  # SHA-256 over all languages
    text = models.BinaryField()  # JSON: sections, clauses, HTML-safe sentences
    since = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "version", "wording", "lang"], name="notice_text_once")]

    def __str__(self) -> str:
        return f"notice text {self.tenant}/{self.version}/{self.wording}/{self.lang}"
