"""What the room holds (INH: residents' contents; CONT: enquiries to roles), and how it is read out, closed and erased.

A message hangs on its pair, and a pair is a unit: destroying one key ends a mailbox, whether it is empty or full.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any
from uuid import UUID

from django.db import models as db
from django.db import transaction
from django.db.models import F, Q, Sum

from stadtmail.kit.holdings import Column, Holding
from stadtmail.mail import filtering, labels, messages_held, queries, shares_held, transit, trusted, views
from stadtmail.mail.actions import gone, importing, indexing, planning
from stadtmail.mail.index import files
from stadtmail.mail.leaving import Leg, NoReceipts, Transit
from stadtmail.mail.models import (
    CLOSED,
    OPEN,
    Body,
    DeliveryKey,
    Expunged,
    Folder,
    Forward,
    IndexWork,
    JunkFilter,
    Keyword,
    Mailbox,
    MailboxKey,
    Message,
    PictureSenders,
    Planned,
    Remembered,
    Repeat,
    Route,
    Script,
    Signature,
    Subscription,
    Wrap,
)
from stadtmail.mail.sealing import RESIDENT, ROLE
from stadtmail.mail.spam import filters
from stadtmail.people.models import Address, Alias
from stadtmail.privacy import holdings, scan, units
from stadtmail.privacy.models import ERASING, Unit

ID, REF, STATE, NUMBER = "random id", "reference by random id", "a closed word", "a number"
CHUNK = 400
Rows = Callable[[list[UUID]], "db.QuerySet[Any]"]


def register() -> None:
    """Declare every table of the room, and the store of the search indexes."""
    scan.register_store("search", lambda: [files.root()])
    scan.register_opened("search index", (RESIDENT, ROLE), opened_indexes)
    scan.register_closed("sealed mailboxes", _sealed_mailboxes)
    holdings.register(
        _holding(
            "Mailbox", lambda ids: Mailbox.objects.filter(unit__in=ids),
            harmless={
                "id": ID, "tenant": "the city", "contract": REF, "unit": ID, "role": STATE, "state": STATE, "quota_bytes": "of the tariff",
                "used_bytes": "sum of sizes, on a random id", "last_validity": NUMBER, "script": REF,
            },
            purge=_purge_mailboxes, restrict=_close, release=_open,
        ),
        Holding(table="mail.Route", personal={}, harmless={"address": REF, "mailbox": REF}),
        _holding(
            "MailboxKey", lambda ids: MailboxKey.objects.filter(unit__in=ids),
            sealed=["private"],
            harmless={"unit": ID, "mailbox": REF, "public": "random: public half of a pair", "current": "mark", "until": "end of a month"},
        ),
        _holding(
            "Wrap", lambda ids: Wrap.objects.filter(Q(pair__in=ids) | Q(reference__in=ids)), more=("BD-CRED", "COLL"),
            sealed=["wrapped"],
            harmless={"id": "row number", "pair": REF, "holder": STATE, "reference": REF, "salt": "random bytes, and the cost of Argon2id"},
        ),
        _holding(
            "Folder", lambda ids: Folder.objects.filter(mailbox__in=Mailbox.objects.filter(unit__in=ids).values("id")),
            sealed={"name": "folder"},
            harmless={"id": ID, "mailbox": REF, "number": NUMBER, "role": STATE, "use": STATE,
                      "uidvalidity": "second of creation, on a random id", "uidnext": NUMBER, "modseq": NUMBER,
                      "forgotten": NUMBER, "subscribed": "mark", "recent": NUMBER},
            export=_folders,
        ),
        _holding(
            "Subscription", lambda ids: Subscription.objects.filter(mailbox__in=Mailbox.objects.filter(unit__in=ids).values("id")),
            sealed={"name": "subscribed_name"}, harmless={"id": ID, "mailbox": REF}, export=_subscriptions,
        ),
        shares_held.holding(),
        _holding(
            "Keyword", lambda ids: Keyword.objects.filter(mailbox__in=Mailbox.objects.filter(unit__in=ids).values("id")),
            sealed={"name": "keyword"}, harmless={"id": "row number", "mailbox": REF, "bit": NUMBER}, export=_keywords,
        ),
        _holding(
            "Expunged", lambda ids: Expunged.objects.filter(folder__mailbox__in=Mailbox.objects.filter(unit__in=ids).values("id")),
            harmless={"id": "row number", "folder": REF, "modseq": NUMBER, "first": NUMBER, "last": NUMBER},
        ),
        _holding(
            "Message", lambda ids: Message.objects.filter(pair__in=ids),
            sealed={"record_key": None, "envelope": "message"},
            harmless={"id": ID, "folder": REF, "pair": REF, "uid": NUMBER, "modseq": NUMBER, "flags": "marks on a random id",
                      "size_bytes": NUMBER, "arrived_on": "day, on a random id", "filed_on": "day, on a random id",
                      "blob": "random id of sealed bytes"},
            purge=_purge_messages, find=_messages_left, export=messages_held.messages,
        ),
        _holding("Body", lambda ids: Body.objects.filter(message__in=Message.objects.filter(pair__in=ids).values("id")),
                 sealed={"sealed": "eml"}, harmless={"message": REF}),
        _holding(
            "DeliveryKey", lambda ids: DeliveryKey.objects.filter(unit__in=ids), harmless={"unit": ID, "mailbox": REF},
        ),
        _holding(
            "Script", lambda ids: Script.objects.filter(delivery__in=ids),
            sealed={"name": "script", "text": "sieve"}, harmless={"id": ID, "delivery": REF}, export=_scripts,
        ),
        _holding(
            "Forward", lambda ids: Forward.objects.filter(delivery__in=ids),
            sealed={"address": "forward_to"}, hashed=["mark", "code"],
            harmless={"id": ID, "delivery": REF, "until": "last day of a code that was sent, on a random id"}, export=_forwards,
        ),
        _holding(
            "Remembered", lambda ids: Remembered.objects.filter(delivery__in=ids),
            sealed={"ends": None}, hashed=["mark"],
            harmless={"id": "row number", "delivery": REF, "until": "day on which a hash is forgotten, on a random id"},
        ),
        _holding(
            "Planned", lambda ids: Planned.objects.filter(delivery__in=ids), sealed={"sealed": "to"},
            harmless={"message": ID, "delivery": REF, "ident": "random id of a form", "at": "moment of the sending, on a random id",
                      "later": "mark", "tries": NUMBER},
            export=_planned,
        ),
        _holding("Signature", lambda ids: Signature.objects.filter(unit__in=ids), sealed={"text": "signature"}, harmless={"unit": ID},
                 export=_signature),
        _holding("PictureSenders", lambda ids: PictureSenders.objects.filter(unit__in=ids), sealed={"addresses": "pictures_from"},
                 harmless={"unit": ID}, export=_picture_senders),
        _holding("NoReceipts", lambda ids: NoReceipts.objects.filter(unit__in=ids), harmless={"unit": ID}, export=_no_receipts),
        Holding(
            table="mail.Transit",
            personal={name: Column(transit.CATEGORY, "sealed", key) for name, key in (("envelope", "sender"), ("body", "eml"))},
            harmless={"unit": ID, "tenant": "the city", "mailbox": REF, "size_bytes": NUMBER, "blob": "random id of sealed bytes"},
            purge=_purge_transits, find=_transits_left, export=_transits,
        ),
        Holding(
            table="mail.Leg",
            personal={"recipients": Column(transit.CATEGORY, "sealed", "to")},
            harmless={"id": ID, "transit": REF, "state": STATE, "reason": STATE, "way": STATE, "attempts": NUMBER,
                      "next_at": "moment of the next try, on a random id", "told": "mark", "claim": "random id of a worker",
                      "leased_until": "end of a worker's claim"},
            purge=_purge(lambda ids: Leg.objects.filter(transit__in=ids)), find=_find(lambda ids: Leg.objects.filter(transit__in=ids)),
        ),
        Holding(table="mail.Stopped", personal={}, harmless={"tenant": "the city"}),
        Holding(
            table="mail.SigningKey", personal={},
            harmless={"id": ID, "tenant": "the city", "selector": "day and kind of the key", "algorithm": STATE, "public": "is in the DNS",
                      "private": "the city's key, sealed", "made_on": "day", "retired_on": "day"},
        ),
        _holding("IndexWork", lambda ids: IndexWork.objects.filter(pair__in=ids), harmless={"pair": REF, "mark": NUMBER},
                 purge=_purge_indexes, find=_indexes_left),
        _holding("JunkFilter", lambda ids: JunkFilter.objects.filter(delivery__in=ids), sealed={"state": None},
                 harmless={"delivery": REF}, export=_learned),
        _holding("Repeat", lambda ids: Repeat.objects.filter(pair__in=ids), hashed=["mark"],
                 harmless={"id": "row number", "pair": REF, "until": "day on which no sender tries any more, on a random id"}),
        Holding(
            table="mail.Import",
            personal={name: Column(importing.CATEGORY, "sealed", None) for name in ("secret", "position")},
            harmless={"unit": ID, "mailbox": REF, "kind": STATE, "blob": "random id of sealed bytes", "lease_until": "of the work on it",
                      **dict.fromkeys(("total", "taken", "known", "left_out"), "count on a random id")},
            purge=importing.purge, find=importing.left,
        ),
        Holding(table="mail.BlobGone", personal={}, harmless={"blob": "random id of bytes that are being unlinked", "unit": ID}),
    )  # fmt: skip


def _holding(table: str, rows: Rows, *, harmless: Mapping[str, str], sealed: Mapping[str, str | None] | Sequence[str] = (),
             hashed: Sequence[str] = (), more: Sequence[str] = (), **extra: Any) -> Holding:  # fmt: skip
    exported = sealed if isinstance(sealed, Mapping) else dict.fromkeys(sealed)
    personal = {name: Column(RESIDENT, "sealed", key) for name, key in exported.items()}
    personal |= {name: Column(RESIDENT, "keyed_hash", None) for name in hashed}
    default = {"purge": _purge(rows), "find": _find(rows)}
    return Holding(table=f"mail.{table}", personal=personal, harmless=harmless, also=(RESIDENT, ROLE, *more), **(default | extra))


def _purge(rows: Rows) -> Callable[[Sequence[UUID]], int]:
    def purge(ids: Sequence[UUID]) -> int:
        return sum(rows(part)._raw_delete("default") for part in _parts(ids))

    return purge


def _find(rows: Rows) -> Callable[[Sequence[UUID]], int]:
    def find(ids: Sequence[UUID]) -> int:
        return sum(rows(part).count() for part in _parts(ids))

    return find


def _close(ids: Sequence[UUID]) -> None:
    """At contract end: no mail comes in any more (550)."""
    for part in _parts(ids):
        Mailbox.objects.filter(unit__in=part).update(state=CLOSED)


def _open(ids: Sequence[UUID]) -> None:
    """The end was taken back: mail comes in again; where the address had gone, its new row leads here."""
    for part in _parts(ids):
        Mailbox.objects.filter(unit__in=part).update(state=OPEN)
        for mailbox in Mailbox.objects.filter(unit__in=part):
            further = Alias.objects.filter(contract=mailbox.contract_id).values("unit")
            for address in Address.objects.filter(Q(contract=mailbox.contract_id) | Q(unit__in=further)):
                Route.objects.update_or_create(address=address, defaults={"mailbox": mailbox})


def _purge_mailboxes(ids: Sequence[UUID]) -> int:
    """A resident's mailbox goes with its contents, and so do the ways to it; a role's outlives its months."""
    count = 0
    for part in _parts(ids):
        Route.objects.filter(mailbox__in=Mailbox.objects.filter(unit__in=part).values("id"))._raw_delete("default")
        count += Mailbox.objects.filter(unit__in=part)._raw_delete("default")
    return count


def _purge_messages(ids: Sequence[UUID]) -> int:
    count = 0
    for part in _parts(ids):
        rows = Message.objects.filter(pair__in=part)
        gone.note(rows)
        for mailbox, size in rows.values_list("folder__mailbox").annotate(size=Sum("size_bytes")).order_by():
            Mailbox.objects.filter(id=mailbox).update(used_bytes=F("used_bytes") - size)
        places = list(rows.values_list("folder", flat=True).distinct())
        Folder.objects.filter(id__in=places).update(modseq=F("modseq") + 1, forgotten=F("modseq") + 1)  # mail programs see it vanish
        count += rows._raw_delete("default")
    transaction.on_commit(partial(gone.unlink, list(ids)))
    return count


def _messages_left(ids: Sequence[UUID]) -> int:
    count = 0
    for part in _parts(ids):
        gone.unlink(part)  # after a crash between commit and unlinking; otherwise there is nothing
        count += Message.objects.filter(pair__in=part).count() + gone.left(part)
    return count


def _purge_transits(ids: Sequence[UUID]) -> int:
    count = 0
    for part in _parts(ids):
        gone.note_transits(part)
        count += Transit.objects.filter(unit__in=part)._raw_delete("default")
    transaction.on_commit(partial(gone.unlink, list(ids)))
    return count


def _transits_left(ids: Sequence[UUID]) -> int:
    count = 0
    for part in _parts(ids):
        gone.unlink(part)
        count += Transit.objects.filter(unit__in=part).count() + gone.left(part)
    return count


def _transits(unit_id: UUID) -> Iterable[Mapping[str, Any]]:
    """A message that is on its way: to whom it still has to go, since when, and its bytes."""
    for row in Transit.objects.filter(unit=unit_id).select_related("unit"):
        of, legs = transit.envelope(row), [transit.opened(leg) for leg in row.legs.select_related("transit__unit")]
        yield {
            "sender": of.sender, "accepted_at": of.accepted_at.isoformat(),
            "to": [one.address for leg in legs for one in leg.recipients],
            "answers": [one.text for leg in legs for one in leg.recipients if one.text],
        }  # fmt: skip
        where = {"folder": "Auf dem Weg", "uid": str(unit_id), "flags": [], "received": of.accepted_at.isoformat()}
        yield {**where, "eml": partial(transit.body, row)}


def _purge_indexes(ids: Sequence[UUID]) -> int:
    """The search index of a pair goes with its file; its key went with the unit's."""
    files.remove(ids)
    return sum(IndexWork.objects.filter(pair__in=part)._raw_delete("default") for part in _parts(ids))


def _indexes_left(ids: Sequence[UUID]) -> int:
    return files.left(ids) + sum(IndexWork.objects.filter(pair__in=part).count() for part in _parts(ids))


def _sealed_mailboxes() -> int:
    """How many mailboxes open with their holders' secrets only."""
    return MailboxKey.objects.filter(current=True, private=None).exclude(unit__state=ERASING).count()


def opened_indexes(unit: Unit) -> Iterator[bytes]:
    """All that the search index of a unit holds, for the scan: what its tables say, and its pages as they lie."""
    for _, mailbox in messages_held.opened(unit.id):
        place = next((one for one in indexing.places(queries.Opened(mailbox)) if one.pair == unit.id), None)
        if place is not None:
            yield from files.ask(place, lambda index: list(index.everything())) or ()
            yield b"".join(files.pages(place))


def _folders(unit_id: UUID) -> Iterable[Mapping[str, Any]]:
    """Names of the empty folders; the others show with their messages."""
    for _, mailbox in messages_held.opened(unit_id):
        for row in queries.folders(queries.Opened(mailbox)):
            if not row.total:
                yield {"folder": row.name}


def _subscriptions(unit_id: UUID) -> Iterable[Mapping[str, Any]]:
    """Subscribed names of folders that were deleted."""
    for _, mailbox in messages_held.opened(unit_id):
        for name in views.subscriptions(queries.Opened(mailbox)).values():
            yield {"subscribed_name": name}


def _keywords(unit_id: UUID) -> Iterable[Mapping[str, Any]]:
    """The holder's own keywords, those that are labels with their colour; which message has which shows with the messages."""
    for _, mailbox in messages_held.opened(unit_id):
        for name, colour in queries.labelled(queries.Opened(mailbox)).values():
            yield {"keyword": name, "colour": colour} if labels.is_label(name) else {"keyword": name}


def _scripts(unit_id: UUID) -> Iterable[Mapping[str, Any]]:
    """The filters as their holder wrote them: `sieve` is read by every server that speaks Sieve (Art. 20 GDPR)."""
    for key in DeliveryKey.objects.filter(unit=unit_id).select_related("unit"):
        active = Mailbox.objects.filter(id=key.mailbox_id).values_list("script", flat=True).first()
        for one in filtering.scripts(key):
            yield {"script": one.name, "sieve": one.text, "active": one.id == active}


def _forwards(unit_id: UUID) -> Iterable[Mapping[str, Any]]:
    for key in DeliveryKey.objects.filter(unit=unit_id).select_related("unit"):
        for one in filtering.forwards(key):
            yield {"forward_to": one.address, "confirmed": one.is_confirmed}


def _planned(unit_id: UUID) -> Iterable[Mapping[str, Any]]:
    """When what waits in Drafts is to be sent, as whom and to whom; the message itself is read out with the others."""
    for row in Planned.objects.filter(delivery=unit_id).order_by("at").select_related("delivery__unit"):
        kept = planning.kept(row)
        yield {"planned_for": row.at.isoformat(), "sender": kept["sender"], "to": kept["to"]}


def _signature(unit_id: UUID) -> Iterable[Mapping[str, Any]]:
    for row in Signature.objects.filter(unit=unit_id).select_related("unit"):
        yield {"signature": units.text(row.unit, "signature", row.text)}


def _picture_senders(unit_id: UUID) -> Iterable[Mapping[str, Any]]:
    for row in PictureSenders.objects.filter(unit=unit_id).select_related("unit"):
        yield from ({"pictures_from": address} for address in trusted.opened(row))


def _no_receipts(unit_id: UUID) -> Iterable[Mapping[str, Any]]:
    if NoReceipts.objects.filter(unit=unit_id).exists():
        yield {"read_receipts": "never"}


def _learned(unit_id: UUID) -> Iterable[Mapping[str, Any]]:
    """How much the filter has learned. Which words they were, its hashes tell nobody."""
    for row in JunkFilter.objects.filter(delivery=unit_id).select_related("delivery__unit"):
        state = filters.state(row.delivery)
        yield {"learned_spam": state.spam, "learned_good": state.good}


def _parts(ids: Sequence[UUID]) -> Iterable[list[UUID]]:
    return (list(ids[at : at + CHUNK]) for at in range(0, len(ids), CHUNK))
