"""The residue scan reads mail: what lies in a mailbox is found when it is opened, and in no byte as it lies."""

import pytest

from stadtmail.privacy import scan

SMALL, LARGE = b"kurz", b"lang " * 40_000


@pytest.mark.parametrize("filler", [SMALL, LARGE], ids=["in a row", "in a blob"])
def test_c47_a_canary_in_a_message_is_found_by_opening_and_explained_by_its_rule(ahaus, anna, deliver, now, filler) -> None:
    deliver(b"From: x@example.org\r\nSubject: Betreffkanarie-1\r\n\r\n" + filler + b"\r\nInhaltskanarie-2\r\n", "anna@ahaus.net")
    report = scan.run(["Betreffkanarie-1", "Inhaltskanarie-2"], now=now)
    assert {(hit.token, hit.way, hit.place.split()[0]) for hit in report.hits} == {
        (1, "opened", "mail.Message"), (2, "opened", "mail.Message"),
    }  # fmt: skip
    assert report.unexplained == []
