"""Planning without a browser: a draft of somebody that waits to be sent."""

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from stadtmail.mail import queries
from stadtmail.mail.actions import drafting, planning
from stadtmail.mail.drafts import Draft

NOW = datetime.fromisoformat("2026-11-23T10:00:00+00:00")


def wait(
    o: queries.Opened, *to: str, subject: str = "Geplant", text: str = "Text", at: datetime = NOW, later: bool = False,
    sender: str = "anna@ahaus.net", **more: str,
) -> UUID:  # fmt: skip
    """A message of this mailbox's holder that waits to be sent. Returns its id."""
    written = replace(Draft(sender=f"{sender} without", to=", ".join(to), subject=subject, text=text, ident=uuid4()), **more)
    saved = drafting.save(o, written, sender=("", sender), now=NOW)
    what = planning.Dispatch(saved.message, saved.uid, saved.ident, sender, [*to, *filter(None, [written.bcc])])
    return planning.plan(o, what, at=at, later=later, now=NOW - timedelta(seconds=10))
