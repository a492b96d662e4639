"""Who wants it has each log-in written down: a note in a folder of their own mailbox, sealed like all mail and gone by itself.

Off until its holder turns it on (C-2.6). The folder is the switch: without it nothing is noted, and deleting it, in a mail program too,
ends it with all that is in it. A note says when, and by which way; no address of a machine, and nothing that a program says of itself.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from uuid import UUID

from stadtmail.kit import errors, log, store
from stadtmail.mail import envelope, letter, queries, sealing, views
from stadtmail.mail.actions import foldering, storing
from stadtmail.mail.folders import SEEN
from stadtmail.mail.models import Folder, Mailbox, MailboxKey, Message
from stadtmail.people import queries as people
from stadtmail.people.models import Contract
from stadtmail.privacy import policy
from stadtmail.privacy.models import ERASING
from stadtmail.privacy.policy import Policy
from stadtmail.tenants.models import Tenant
from stadtmail.vault import blind

USE = "logins"  # of the folder, and name of the period in the policy
WEB = "web"
NAMES = {"de": "Anmeldungen", "en": "Log-ins"}
_ON = """
    SELECT folder.id, box.id FROM mail_folder folder JOIN mail_mailbox box ON box.id = folder.mailbox_id
    WHERE box.tenant_id = %s AND box.contract_id = %s AND folder."use" = %s"""
_WEB = {"de": ("Anmeldung im Portal", "Im Portal mit einem Browser"), "en": ("Log-in at the portal", "At the portal, with a browser")}
_PROGRAM = {
    "de": ("Anmeldung: {label}", "Ein Mailprogramm mit dem App-Passwort „{label}“. An einem Tag steht es hier nur einmal."),
    "en": ("Log-in: {label}", "A mail program with the app password “{label}”. It is written down once a day."),
}
_PASSWORD = {
    "de": ("Anmeldung eines Mailprogramms", "Ein Mailprogramm mit Ihrem Login-Passwort. An einem Tag steht es hier nur einmal."),
    "en": ("Log-in of a mail program", "A mail program with your login password. It is written down once a day."),
}
_FIRST = {
    "de": "Mit diesem Passwort hat sich zuvor noch kein Mailprogramm angemeldet, von dem hier etwas steht.",
    "en": "No log-in with this password has been written down here before.",
}
_TEXT = {
    "de": "{way}\n{day}, {time} Uhr\n\n{first}Waren Sie das nicht? Ändern Sie bitte Ihr Passwort, widerrufen Sie das App-Passwort, und "
    "beenden Sie unter „Meine Daten“ alle Sitzungen.\n\nDiese Notiz gibt es, weil Sie das möchten. Sie vergeht von selbst. Löschen Sie "
    "den Ordner, so notieren wir nichts mehr.\n",
    "en": "{way}\n{day}, {time}\n\n{first}Was it not you? Please change your password, revoke the app password, and end all sessions "
    "under “My data”.\n\nThis note exists because you want it. It goes by itself. If you delete the folder, we write down nothing more.\n",
}


@dataclass(frozen=True)
class Came:
    """A log-in: with which service (`WEB`, imap, submission, sieve), and the id of the credential where it was a mail program."""

    service: str
    via: UUID | None = None


def is_on(o: queries.Opened) -> bool:
    """Does its holder want log-ins to be noted?"""
    return number(o) is not None


def number(o: queries.Opened) -> int | None:
    """The number of the folder with the notes, where there is one."""
    return Folder.objects.filter(mailbox=o.mailbox, use=USE).values_list("number", flat=True).first()


def turn_on(o: queries.Opened, *, lang: str, now: datetime) -> None:
    """Note log-ins from now on. Idempotent. Raises foldering.TooManyFolders."""
    with store.writing():
        if not store.locked(Mailbox.objects.filter(id=o.mailbox.id)).exists() or is_on(o):  # of two tabs one after the other
            return
        taken = {one.name.casefold() for one in views.states(o)}
        names = [NAMES[lang], *(f"{NAMES[lang]} {count}" for count in range(2, 100))]
        foldering.create(o, next(one for one in names if one.casefold() not in taken), use=USE, now=now)


def turn_off(o: queries.Opened, *, now: datetime) -> None:
    """Note nothing more; the notes that there are go at once (C-6.2e). Idempotent."""
    for folder in list(Folder.objects.filter(mailbox=o.mailbox, use=USE).values_list("id", flat=True)):
        name = next((one.name for one in views.states(o) if one.id == folder), None)
        if name is not None:
            foldering.delete(o, name, now=now)


def note(tenant: Tenant, contract: UUID, came: Came, *, now: datetime) -> None:
    """Write the log-in down, where its person wants that. Never in the way: what cannot be written is no reason to keep anybody out."""
    try:
        if (found := _folder(tenant, contract)) is not None:
            _noted(people.contract(tenant, contract), found, came, now)
    except errors.StadtmailError as error:
        log.event("login_unnoted", error=type(error).__name__)


def _folder(tenant: Tenant, contract: UUID) -> tuple[UUID, UUID] | None:
    for folder, mailbox in store.select(_ON, [tenant.id, contract, USE]):
        return store.as_id(folder), store.as_id(mailbox)
    return None


def _noted(contract: Contract, place: tuple[UUID, UUID], came: Came, now: datetime) -> None:
    tenant, (folder, mailbox) = contract.tenant, place
    rules = policy.current(tenant)
    message, is_first = None, False
    if came.via is not None:
        day = now.astimezone(rules.tz).date()
        ident = partial(_ident, tenant, mailbox, came.via)
        message = ident(day.isoformat())
        if Message.objects.filter(id=message).exists():
            return
        first = Message.objects.filter(id=ident("first")).values_list("arrived_on", flat=True).first()
        if first == now.astimezone(UTC).date():
            return
        is_first = first is None
        message = ident("first") if is_first else message
    pair = MailboxKey.objects.filter(mailbox=mailbox, current=True).exclude(unit__state=ERASING).first()
    if pair is None:
        return
    raw = _message(tenant, contract, came, rules, is_first=is_first, now=now)
    target = sealing.Target(tenant.id, mailbox, "", pair.unit_id, bytes(pair.public))
    plain = envelope.packed(envelope.summary(raw, now=now, found=envelope.OWN))
    flags = 0 if is_first else SEEN  # what is new is told: it shows as unread
    sealed = sealing.sealed(raw, target, plain, now=now, folder=folder, flags=flags, message=message)
    with store.writing():
        if not store.locked(Folder.objects.filter(id=folder, use=USE)).exists():  # turned off meanwhile
            return
        if message is None or not Message.objects.filter(id=message).exists():  # another connection of the same program
            storing.place([sealed])


def _ident(tenant: Tenant, mailbox: UUID, via: UUID, day: str) -> UUID:
    """The id of the one note that a program has on a day: found again without opening anything."""
    return UUID(bytes=blind.digest(tenant.id, "apps", f"note {mailbox} {via} {day}")[:16], version=4)


def _message(tenant: Tenant, contract: Contract, came: Came, rules: Policy, *, is_first: bool, now: datetime) -> bytes:
    holder = people.holder(tenant, contract)
    lang = "en" if holder.language == "en" else "de"
    local = now.astimezone(rules.tz)
    subject, way = _words(tenant, contract, came, lang)
    first = f"{_FIRST[lang]}\n\n" if is_first else ""
    text = _TEXT[lang].format(way=way, day=letter.day(now, lang=lang, policy=rules), time=local.strftime("%H:%M"), first=first)
    return letter.letter(subject, text, to=holder.address, policy=rules, now=now)


def _words(tenant: Tenant, contract: Contract, came: Came, lang: str) -> tuple[str, str]:
    """Subject, and the way in one sentence."""
    if came.via is None:
        return _WEB[lang]
    label = next((one.label for one in people.app_passwords(tenant, contract) if one.id == came.via), None)
    if label is None:
        return _PASSWORD[lang]
    subject, way = _PROGRAM[lang]
    return subject.format(label=" ".join(label.split())), way.format(label=label)
