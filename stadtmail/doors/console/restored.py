"""A start behind a backup: what was erased goes again, what may have happened already does not happen twice, and the operator hears.

Rows are old where the ledger names something of them, or where they are behind what this instance has lived through
(privacy/generation.py). Everything here may be repeated: only the last line says that the restore has been dealt with.
"""

import sys
from datetime import datetime

from stadtmail.kit import log as lines
from stadtmail.mail.actions import indexing, legs, planning, renumbering, sharing
from stadtmail.people import jobs as people
from stadtmail.privacy import generation, guard, recovery, restored


def replay(now: datetime) -> int:
    """Before ports open. Returns how many units were erased again."""
    behind = generation.is_behind()
    if generation.is_ahead():
        lines.event("evidence_behind")
        _say("the evidence store is older than the rows: it was put back from a backup, and what it had proven since is lost")
    again = recovery.replay(now)
    people.recover(now)
    if behind or again:
        _end_what_may_be_over(now)
    if behind:
        _meet(again, now)
    generation.meet()
    return again


def _meet(again: int, now: datetime) -> None:
    lines.event("rows_restored", count=again)
    _say(f"the main database was put back from a backup; {again} erasure(s) since were repeated")
    _say("what else it has forgotten stands in docs/operate.md, under Restore")
    renumbering.renumber(now)
    indexing.begin_anew()
    restored.release_again(now)
    if lost := restored.lost_holds():
        guard.pause(now)
        lines.event("holds_lost", count=lost.total())
        told = ", ".join(f"{kind} {count}" for kind, count in sorted(lost.items()))
        _say(f"{lost.total()} hold(s) were placed since the backup and are lost ({told}): place them again, then `stadtmail clock trust`")
        _say("Until then nothing is erased because of its date")
    restored.confess(again, now)


def _end_what_may_be_over(now: datetime) -> None:
    if stopped := planning.end_restored(now):
        _say(f"{stopped} planned message(s) are drafts again: they may have been sent since the backup was made. Their writers are told")
    if shared := sharing.end_restored():
        _say(f"{shared} share(s) of folders have ended: they may have been taken away since. Their holders can give them anew")
    if held := legs.hold_restored():
        _say(f"{held} destination(s) of outgoing mail are held: it waited when the backup was made, and may have been delivered since")
        _say("`stadtmail queue release CITY` sends it all the same")


def _say(sentence: str) -> None:
    print(f"{sentence}.", file=sys.stderr)
