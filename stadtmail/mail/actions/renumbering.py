"""Rows were put back from a backup: numbers of messages that came since are given a second time, so no mail program may rely on them.

RFC 9051 2.3.1.1: where unique identifiers do not persist, the folder's UIDVALIDITY becomes greater, and programs read it anew.
"""

from datetime import datetime

from django.db.models import F, Max

from stadtmail.kit import store
from stadtmail.mail.models import Folder, Mailbox


def renumber(now: datetime) -> int:
    """A UIDVALIDITY for every folder that is greater than any that was ever given, also since the backup. Returns how many folders."""
    with store.writing():
        folders = Folder.objects.aggregate(validity=Max("uidvalidity"), number=Max("number"))
        newest = max(int(now.timestamp()), folders["validity"] or 0, Mailbox.objects.aggregate(given=Max("last_validity"))["given"] or 0)
        changed = Folder.objects.update(uidvalidity=newest + F("number"))
        Mailbox.objects.update(last_validity=newest + (folders["number"] or 0))
    return changed
