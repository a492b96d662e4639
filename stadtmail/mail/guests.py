"""Whoever reads in somebody else's folder: the right to it is looked up at each read and in each write, and never remembered.

A share rests, or is none, where its holder's contract has ended, their mailbox is closed, sealed or being erased, or they have had
the use of their data restricted (Art. 18 GDPR). Both sides are of one city: it is part of the question.
"""

import hmac
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from stadtmail.kit import errors, store
from stadtmail.vault import keys

_STANDING = """
    FROM mail_share share
    JOIN mail_folder folder ON folder.id = share.folder_id
    JOIN mail_mailbox box ON box.id = folder.mailbox_id
    JOIN people_contract contract ON contract.id = box.contract_id
    JOIN privacy_unit unit ON unit.id = box.unit_id AND unit.id = share.unit_id
    JOIN mail_mailboxkey pair ON pair.mailbox_id = box.id AND pair.current AND pair.private IS NOT NULL
    WHERE share.grantee = %s AND box.tenant_id = %s AND box.state = 'open' AND contract.state = 'active' AND unit.state = 'live'
      AND NOT EXISTS (
        SELECT 1 FROM privacy_holditem item JOIN privacy_hold hold ON hold.id = item.hold_id
        JOIN privacy_unit held ON held.id = item.unit_id
        WHERE held.anchor = contract.id AND hold.type = 'restriction' AND hold.released_at IS NULL)"""
_RIGHTS = f"SELECT share.rights {_STANDING} AND share.folder_id = %s"
_ALL = f"""
    SELECT share.id, share.rights, share.taken, box.id, folder.id, folder.number, folder.role, folder.uidvalidity, folder.uidnext,
           folder.modseq, folder.forgotten, folder.subscribed, folder.recent, folder."use", folder.name
    {_STANDING} ORDER BY box.id, folder.number"""


class NotShared(errors.NotAllowed):
    """The folder is not shared with whoever asks, not any more, or not for this."""


@dataclass(frozen=True)
class Guest:
    """Somebody in another's folder, and the rights that they need for what they do."""

    tenant: UUID
    folder: UUID
    mark: bytes = field(repr=False)
    needs: str = ""

    def rights(self) -> str:
        """What they may do in it at this moment; nothing, where it is not shared with them any more."""
        rows = store.select(_RIGHTS, [self.mark, self.tenant, self.folder])
        return str(rows[0][0]) if rows else ""

    def check(self, folder: UUID | None = None) -> None:
        """May they, at this moment, do that (in this folder)? Inside a transaction: after the folder was locked. Raises NotShared."""
        rights = self.rights()
        if not rights or not set(self.needs) <= set(rights) or folder not in (None, self.folder):
            raise NotShared


def mark(tenant: UUID, unit: UUID) -> bytes:
    """By what a mailbox's own session, and the erasure of its unit, find what was shared with it."""
    return hmac.digest(keys.city(tenant, "codes"), b"share" + unit.bytes, "sha256")


def rows(tenant: UUID, own: bytes) -> list[tuple[Any, ...]]:
    """What stands for this mark: share, rights, taken, mailbox, and the folder's columns as views reads them."""
    return store.select(_ALL, [own, tenant])
