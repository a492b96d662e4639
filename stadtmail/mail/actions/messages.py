"""What the holder of a mailbox does with messages. Every change raises the folder's modseq (RFC 7162), so that clients see it."""

from datetime import datetime

from stadtmail.kit import store
from stadtmail.mail import counting
from stadtmail.mail.folders import SEEN
from stadtmail.mail.models import Folder, Message
from stadtmail.mail.queries import NoSuchMessage, Opened
from stadtmail.privacy.models import ERASING


def mark_seen(o: Opened, folder: int, uid: int, *, now: datetime) -> bool:  # noqa: ARG001 - when it was read is kept nowhere
    """The message has been read. Returns whether that is news. Raises NoSuchMessage."""
    with store.writing():
        rows = Message.objects.filter(folder__mailbox_id=o.mailbox.id, folder__number=folder, uid=uid).exclude(pair__unit__state=ERASING)
        found = rows.values_list("id", "folder_id", "flags", "pair_id").first()
        if found is None:
            raise NoSuchMessage
        message, place, flags, pair = found
        if flags & SEEN:
            return False
        row = store.locked(Folder.objects.filter(id=place)).get()
        assert isinstance(row, Folder)
        Folder.objects.filter(id=place).update(modseq=row.modseq + 1)
        Message.objects.filter(id=message).update(flags=flags | SEEN, modseq=row.modseq + 1)
    counting.went_on(place, since=row.modseq, pair=pair, seen=1)
    return True
