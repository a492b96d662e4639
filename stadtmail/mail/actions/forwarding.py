"""Addresses that filters pass mail on to: each is asked once, by a code that is sent there. Until it comes back nothing is sent.

Codes lie as keyed hashes and end after a week; the questions are bounded, so that nobody is flooded with them.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from uuid import uuid4

from stadtmail.kit import errors, log, store
from stadtmail.mail import filtering, wording
from stadtmail.mail.actions.passing import Enqueue
from stadtmail.mail.filterwords import Problem
from stadtmail.mail.models import DeliveryKey, Forward
from stadtmail.mail.queries import Opened
from stadtmail.people import passwords
from stadtmail.people import queries as people
from stadtmail.privacy import policy, units
from stadtmail.tenants.models import Tenant
from stadtmail.usage import limits

CODE_DAYS = 7
MOST = 20  # addresses of one mailbox
MOST_ASKED, DAY = 10, 86_400  # questions of one mailbox in a day
MOST_TO_ONE = 3  # questions to one address in a day, from whomever


class WrongCode(errors.NotAllowed):
    """The code is not the one that was sent, or its week is over."""


def ask(key: DeliveryKey, targets: Sequence[tuple[int, str]], *, o: Opened, enqueue: Enqueue | None, now: datetime) -> list[Problem]:
    """Ask the addresses (line, address) that are new. Returns what their holder should know: which are not confirmed yet."""
    remarks = []
    for line, address in {address.lower(): (line, address) for line, address in targets}.values():
        row = Forward.objects.filter(delivery=key, mark=filtering.mark(key, "forward", address.lower())).first()
        if row is not None and row.code is None:
            continue
        is_asked = row is not None or _asked(key, address, o, enqueue, now)
        remarks.append(Problem(line, "forward_asked" if is_asked else "forward_not_asked", address))
    return remarks


def again(key: DeliveryKey, address: str, *, o: Opened, enqueue: Enqueue | None, now: datetime) -> bool:
    """Send a new code to an address that has not agreed yet; the one before is worth nothing any more. False: not now (too often)."""
    own = filtering.mark(key, "forward", address.lower())
    if enqueue is None or Forward.objects.filter(delivery=key, mark=own, code=None).exists() or not _may_ask(address, o, now):
        return False
    with store.writing():
        Forward.objects.filter(delivery=key, mark=own).exclude(code=None).delete()
    return _sent(key, address, o, enqueue, now)


def confirm(key: DeliveryKey, code: str, *, tenant: Tenant, now: datetime) -> str:
    """The code has come back. Returns the address. Raises WrongCode, units.Gone."""
    digest = people.code_digest(tenant, code)
    today = now.astimezone(UTC).date()
    with store.writing():
        row = Forward.objects.filter(delivery=key, code=digest, until__gte=today).first() if digest else None
        if row is None:
            raise WrongCode
        Forward.objects.filter(id=row.id).update(code=None, until=None)
    return units.text(key.unit, f"forward {row.id}", row.address)


def confirm_all(key: DeliveryKey, codes: Sequence[tuple[int, str]], *, o: Opened, now: datetime) -> list[Problem]:
    """Take the codes (line, code) that stand in a script. Returns which were not valid: as well those that were taken before."""
    wrong = []
    for line, code in codes[:MOST]:
        try:
            confirm(key, code, tenant=o.mailbox.tenant, now=now)
        except WrongCode:
            wrong.append(Problem(line, "wrong_code"))
    return wrong


def keep_only(key: DeliveryKey, addresses: set[str]) -> None:
    """Forget all other addresses."""
    marks = {filtering.mark(key, "forward", address) for address in addresses}
    rows = Forward.objects.filter(delivery=key)
    gone = [row.id for row in rows if bytes(row.mark) not in marks]
    if gone:
        with store.writing():
            Forward.objects.filter(id__in=gone).delete()


def forget_unanswered(now: datetime) -> int:
    """Addresses whose code has run out are forgotten; a script that names them may ask again. Returns how many."""
    with store.writing():
        return Forward.objects.filter(until__lt=now.astimezone(UTC).date()).delete()[0]


def _asked(key: DeliveryKey, address: str, o: Opened, enqueue: Enqueue | None, now: datetime) -> bool:
    if enqueue is None or Forward.objects.filter(delivery=key).count() >= MOST or not _may_ask(address, o, now):
        return False
    return _sent(key, address, o, enqueue, now)


def _sent(key: DeliveryKey, address: str, o: Opened, enqueue: Enqueue, now: datetime) -> bool:
    """Make a code, hand it to the outgoing queue, keep its hash."""
    code, row = passwords.new_code(), uuid4()
    made = Forward(
        id=row, delivery=key, mark=filtering.mark(key, "forward", address.lower()), code=people.code_digest(o.mailbox.tenant, code),
        address=units.seal(key.unit, f"forward {row}", address), until=now.astimezone(UTC).date() + timedelta(days=CODE_DAYS),
    )  # fmt: skip
    try:
        raw = _question(address, code, o, now)
        enqueue(o.mailbox.tenant, sender="", recipients=[address], raw=raw, now=now, origin=o.mailbox.id, sign=True)
    except errors.StadtmailError:
        return False
    except Exception as error:  # noqa: BLE001 - the script is stored; the question is put with the next one
        log.bug(error, role="doors")
        return False
    with store.writing():
        if Forward.objects.filter(delivery=key, mark=made.mark).exists():
            return True
        made.save(force_insert=True)
    return True


def _may_ask(address: str, o: Opened, now: datetime) -> bool:
    own = limits.allow("filter.asked", o.mailbox.id.hex, limit=MOST_ASKED, per_seconds=DAY, now=now)
    return own and limits.allow("filter.asked.to", address.lower(), limit=MOST_TO_ONE, per_seconds=DAY, now=now)


def _question(address: str, code: str, o: Opened, now: datetime) -> bytes:
    contract = o.mailbox.contract
    assert contract is not None
    who, rules = people.holder(o.mailbox.tenant, contract), policy.current(o.mailbox.tenant)
    subject, text = wording.asking(
        lang=who.language, who=who.address, address=address, code=code, service=rules.service, days=CODE_DAYS
    )
    mail = EmailMessage(policy=SMTP)
    mail["From"], mail["To"], mail["Subject"] = f"postmaster@{rules.domain}", address, subject
    mail["Date"] = format_datetime(now)
    mail["Message-ID"] = f"<{uuid4()}@{rules.domain}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(text, charset="utf-8", cte="quoted-printable")
    return mail.as_bytes()
