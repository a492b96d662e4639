"""Whom a mailbox's holder has written to lately: read from Sent when they ask for it, for a reply that only these shall get."""

from stadtmail.mail import views
from stadtmail.mail.queries import Opened

MOST, MESSAGES = 200, 300  # addresses; messages that are looked at
SENT = "sent"


def written_to(o: Opened) -> list[str]:
    """The addresses that the last messages in Sent went to, in lower case, the latest first. Raises units.Gone."""
    folder = next((one for one in views.states(o) if one.role == SENT), None)
    if folder is None:
        return []
    uids = range(max(1, folder.uidnext - MESSAGES), folder.uidnext)
    found: dict[str, None] = {}
    for mail in reversed(views.mails(o, folder.id, uids)):
        for _, address in (*mail.envelope.to, *mail.envelope.cc):
            if address:
                found.setdefault(address.lower())
    return list(found)[:MOST]
