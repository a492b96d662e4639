"""The filter of one mailbox: its state sealed under the delivery key, asked at delivery, in memory. Nothing here opens a message.

A mailbox that has taught its filter nothing has none; a role's mailbox never has one. From an erasure's claim on nothing answers.
"""

import hmac
from collections.abc import Mapping
from dataclasses import replace
from uuid import UUID

from stadtmail.kit import log
from stadtmail.mail.models import DeliveryKey, JunkFilter
from stadtmail.mail.sealing import Target
from stadtmail.mail.spam.learned import Learned, hashes
from stadtmail.mail.verdicts import UNLIKELY, Verdict
from stadtmail.privacy import units
from stadtmail.privacy.models import ERASING
from stadtmail.wire import words

COLUMN = "learned"


def state(key: DeliveryKey) -> Learned:
    """What the filter has learned. Raises units.Gone."""
    row = JunkFilter.objects.filter(delivery=key).first()
    return Learned(units.unseal(key.unit, COLUMN, row.state)) if row else Learned()


def word_key(key: DeliveryKey) -> bytes:
    """The key under which words are hashed: the mailbox's own, so that no two filters can be compared. Raises units.Gone."""
    return hmac.digest(units.key(key.unit), b"words of the junk filter", "sha256")


def asked(verdicts: Mapping[UUID, Verdict | None], targets: Mapping[UUID, Target], raw: bytes) -> dict[UUID, Verdict | None]:
    """The verdicts after each mailbox's filter has had its say. Never raises: without a say the mail goes where it went."""
    found = dict(verdicts)
    known: list[str] | None = None
    for mailbox, target in targets.items():
        if target.filter is None:
            continue
        try:
            known = words.words(raw) if known is None else known
            found[mailbox] = _with(verdicts[mailbox], _probability(target.filter, known))
        except units.Gone:
            continue
        except Exception as error:  # noqa: BLE001 - a bug in a filter must not cost anybody a message
            log.bug(error, role="delivery")
    return found


def _probability(delivery: UUID, known: list[str]) -> float:
    row = JunkFilter.objects.filter(delivery=delivery).exclude(delivery__unit__state=ERASING).select_related("delivery__unit").first()
    if row is None:
        return 0.5
    key = row.delivery
    return Learned(units.unseal(key.unit, COLUMN, row.state)).probability(hashes(word_key(key), known))


def _with(verdict: Verdict | None, learned: float) -> Verdict:
    """Both beliefs as one (odds multiplied). What fails a check stays suspicious, however nice it reads."""
    verdict = verdict or Verdict()
    learned = min(max(learned, 0.001), 0.999)
    odds = learned / (1 - learned) * verdict.prior / (1 - verdict.prior)
    return replace(verdict, is_junk=verdict.is_junk or odds / (1 + odds) >= UNLIKELY)
