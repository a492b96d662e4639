"""Canaries through every door of the mail engine: sealed or nowhere while their resident lives, nowhere after the last date.

Incoming mail and LMTP, submission with each mechanism, IMAP, filters and what they send, imports, searches, the queue of held mail
and its report to the sender, app passwords, a further address (C-1.1, C-2.4, C-2.5, C-4.1, C-4.2, C-4.7).
"""

from datetime import timedelta
from pathlib import Path

import pytest

from tests.journeys.people import COLLECT, Resident
from tests.journeys.planting import Planter, lying
from tests.journeys.running import Running, moment, running
from tests.journeys.test_life import advance_to, live_on, scan, unexplained, units_of

# deleted by their holder, or refused by their filter in the conversation: not even sealed any more
DELETED = ("absender", "anhang", "anzeige", "betreff", "datei", "inhalt", "nummer", "zeile")
NOT_KEPT = ["kurzer", "gefiltert0", "schreibt0", *(f"{name}geloescht" for name in DELETED)]
pytestmark = [pytest.mark.timeout(1800), pytest.mark.long]


@pytest.fixture(scope="module")
def here():
    with running(STADTMAIL_LMTP_FROM="127.0.0.1") as made:
        yield made


def folders(here: Running) -> list[Path]:
    return [here.folder, Path(str(here.look("volatile-folder")))]


def test_c41_c47_whatever_a_program_says_is_sealed_or_forgotten_and_gone_at_the_end(here: Running) -> None:
    others = units_of(here)
    resident = Resident(here, voluntary=False)
    resident.order()
    resident.login()
    planter = Planter(here, resident)
    planter.everywhere()
    living_people = [*planter.kept, *resident.planted]

    # while they live: nothing in clear anywhere, and what was only said is not even sealed
    assert lying(folders(here), [*planter.kept, *planter.heard, *resident.planted]) == []
    assert scan(here, *planter.heard) == []
    hits = scan(here, *living_people)
    assert {hit["way"] for hit in hits} == {"opened"}
    assert unexplained(hits) == []
    found = {planter.kept[hit["token"] - 1] for hit in hits if hit["token"] <= len(planter.kept)}
    gone = {f"{word}{resident.mark}" for word in NOT_KEPT}
    assert set(planter.kept) - found == gone  # the scan can see each of the others

    # what was held comes back to its sender after five days, with a report, and is held no more
    advance_to(here, moment(here) + timedelta(days=5, minutes=1))
    assert lying(folders(here), [*planter.kept, *planter.heard]) == []
    assert unexplained(scan(here, *living_people)) == []

    # the end, and every date after it
    resident.browser.jar.clear()
    resident.login()
    mine = units_of(here) - others
    done = resident.cancel()
    resident.plant(done.codes["collection"])
    mine |= units_of(here) - others
    live_on(here, resident, mine, kill=False)
    assert scan(here, *planter.kept, *planter.heard, *resident.planted) == []
    assert lying(folders(here), [*planter.kept, *planter.heard, *resident.planted]) == []
    stranger = resident.new_browser()
    stranger.send(stranger.get(COLLECT).form("abholen"), status=403, code=done.codes["collection"], way="cookie")
