"""kill -9 while a filter's decision is carried out: all copies and what is remembered, or nothing of it (law 6)."""

import pytest

from stadtmail.mail import filtering, queries, views
from stadtmail.mail.actions import filters
from stadtmail.mail.models import Message, Remembered
from tests.mail.conftest import opened
from tests.mail.test_kill import start

pytestmark = pytest.mark.postgres
SCRIPT = b"""require ["fileinto", "copy", "duplicate", "mailbox", "imap4flags", "variables"];
if duplicate :uniqueid "always" { discard; stop; }
if header :matches "subject" "*" { fileinto :copy :create :flags "$k" "In/${1}"; }
fileinto :copy "Archiv";
"""


@pytest.mark.matrix
@pytest.mark.parametrize(("step", "size", "stored"), [(1, 100, 0), (2, 200_000, 0), (3, 100, 0), (4, 100, 1), (4, 200_000, 1), (5, 100, 1)])
def test_killed_at_a_step(step, size, stored, ahaus, anna, now) -> None:
    o = opened(ahaus, anna)
    filters.put(o, "main", SCRIPT, enqueue=None, now=now)
    filters.activate(o, "main", now=now)
    child = start(step, size)
    out, _ = child.communicate(timeout=60)
    assert child.returncode == -9
    assert len(out.split()) <= stored
    assert Message.objects.count() == 1 + 3 * stored, "inbox, archive and the new folder, or none"
    assert Remembered.objects.count() == stored
    key = filtering.key_of(o.mailbox.id)
    assert filtering.is_remembered(key, "duplicate", "\0uniqueid\0always", now=now) == bool(stored)
    if stored:
        for name in ("INBOX", "Archiv", "In/0-0"):
            place = views.named(o, name)
            (row, *_) = queries.page(o, place.number)
            assert row.subject == "0-0"
            assert len(b"".join(queries.raw(o, place.number, row.uid))) == row.size_bytes
    assert queries.used(o.mailbox)[0] == sum(Message.objects.values_list("size_bytes", flat=True))
