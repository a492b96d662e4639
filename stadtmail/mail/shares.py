"""Folders that their holder shares with somebody of the same city: the table, and the rights of RFC 4314. `models` gathers it.

Who is meant lies sealed for the one side and as a keyed hash for the other: no row says in clear who reads with whom.
"""

from uuid import uuid4

from django.db import models

from stadtmail.mail.folders import DELETED, SEEN
from stadtmail.privacy.models import Unit

OWNER = "lrswikxtea"  # what a holder may do with their own folders; "p" (post) has no meaning here
GIVEN = "lrswite"  # what can be given away: folders are made, renamed, deleted and shared by their holder alone
CREATE, DELETE = "kx", "te"  # members of the old rights "c" and "d" (RFC 4314 2.1.1)
READ, EDIT, MANAGE = "lr", "lrswi", "lrswite"  # what the portal calls reading, editing, managing


class Share(models.Model):
    """A folder shared with somebody. `taken`: they have asked to see it; the rights are there from the beginning.

    `partner` is the mailbox of whom it is shared with, sealed under `unit`, the holder's; `grantee` is by what that mailbox's own
    session finds the row: a keyed hash of its unit.
    """

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    unit = models.ForeignKey(Unit, on_delete=models.PROTECT, related_name="+")  # of the holder's mailbox: a new one ends the share
    folder = models.ForeignKey("Folder", on_delete=models.PROTECT, related_name="shares", db_index=False)
    grantee = models.BinaryField(max_length=32, db_index=True)
    partner = models.BinaryField()
    rights = models.CharField(max_length=len(GIVEN))
    taken = models.BooleanField(default=False)

    class Meta:
        app_label = "mail"
        constraints = [models.UniqueConstraint(fields=["folder", "grantee"], name="share_once")]

    def __str__(self) -> str:
        return f"share {self.id}"


def flags_of(rights: str) -> int:
    """The flags that these rights allow to set (RFC 4314 4), as a mask of their bits."""
    mask = (SEEN if "s" in rights else 0) | (DELETED if "t" in rights else 0)
    return mask | (~(SEEN | DELETED) if "w" in rights else 0)


def ordered(rights: str) -> str:
    """These rights in the order of RFC 4314 2.1, each once."""
    return "".join(one for one in OWNER if one in rights)
