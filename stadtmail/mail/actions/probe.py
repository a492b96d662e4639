"""The probe to the officer (C-1.5): a letter to oneself that must arrive, open for the officer's role and for nobody else.

It is taken out again at once, and what a crash left of an earlier one as well: an officer's mailbox is for people. A probe is
known by a keyed mark, so that nobody outside can write a mail that this code would take for one.
"""

from datetime import datetime
from email.message import EmailMessage
from uuid import uuid4

from django.db.models import F

from stadtmail.kit import store
from stadtmail.mail import queries
from stadtmail.mail.actions import delivery
from stadtmail.mail.folders import INBOX, STANDARD
from stadtmail.mail.models import Folder, Mailbox, Message
from stadtmail.privacy import policy
from stadtmail.tenants.models import Tenant
from stadtmail.vault import blind

OFFICER, OTHERS = "officer", ("postmaster", "abuse", "desk", "")
PLACE = next(one.number for one in STANDARD if one.role == INBOX)
SECONDS = 30


def probe(tenant: Tenant, *, now: datetime) -> int:
    """Write to the officer, read as the officer, try to read as somebody else. Returns what went wrong (0: nothing)."""
    mailbox = queries.role_mailbox(tenant, OFFICER)
    mark = blind.digest(tenant.id, "probe", OFFICER).hex()
    try:
        failed = not _deliver(policy.current(tenant).parties.dpo.email, mark, now)
        found = _own(queries.opened_role(mailbox, role=OFFICER), mark)
        return failed + (not found) + sum(_is_open_to(mailbox, role) for role in OTHERS) + _is_open_to_a_holder(mailbox)
    finally:
        _take_out(mailbox, mark)


def _deliver(address: str, mark: str, now: datetime) -> bool:
    letter = EmailMessage()
    letter["From"], letter["To"], letter["Subject"] = address, address, mark
    letter.set_content("probe\r\n")
    writer = delivery.Writer()
    writer.start()
    try:
        to = delivery.recipient(address, now=now)
        return writer.submit(letter.as_bytes(), [to], received=b"", now=now).result(timeout=SECONDS) == [None]
    finally:
        writer.stop()


def _own(o: queries.Opened, mark: str) -> list[int]:
    """Uids of the probes among the newest messages."""
    return [row.uid for row in queries.page(o, PLACE) if row.subject == mark]


def _is_open_to(mailbox: Mailbox, role: str) -> bool:
    try:
        queries.opened_role(mailbox, role=role)
    except queries.NotTheHolder:
        return False
    return True


def _is_open_to_a_holder(mailbox: Mailbox) -> bool:
    try:
        queries.opened(mailbox, holder=uuid4())
    except queries.NotTheHolder:
        return False
    return True


def _take_out(mailbox: Mailbox, mark: str) -> None:
    uids = _own(queries.opened_role(mailbox, role=OFFICER), mark)
    with store.writing():
        for row in Message.objects.filter(folder__mailbox=mailbox, folder__number=PLACE, uid__in=uids).select_related("folder"):
            Mailbox.objects.filter(id=mailbox.id).update(used_bytes=F("used_bytes") - row.size_bytes)
            Folder.objects.filter(id=row.folder_id).update(modseq=F("modseq") + 1)
            row.delete()
