"""What is copied or moved between a shared folder and one's own: whole, sealed to the other side, or not there."""


import pytest

from stadtmail.mail import given, guests, queries, shares, views
from stadtmail.mail.actions import changing, crossing, filing, sharing
from stadtmail.mail.folders import DELETED, FLAGGED, SEEN
from stadtmail.mail.models import Mailbox
from tests.mail import shared
from tests.mail.shared import MAIL

pytestmark = pytest.mark.postgres
a, b, folder, share = shared.a, shared.b, shared.folder, shared.share


def test_copied_and_moved_across_it_is_sealed_to_the_other_mailbox_and_counts_there(ahaus, a, b, folder, share, now) -> None:
    share(shares.MANAGE)
    (one,) = given.given(b)
    changing.store_flags(a, folder, [1], how=changing.ADD, flags=FLAGGED | SEEN, now=now)
    inbox = views.named(b, "INBOX").id
    before = [queries.used(o.mailbox)[0] for o in (a, b)]
    copied = crossing.copy(one.opened(), folder, [1, 77], into=b, to=inbox, flags=lambda old: old & FLAGGED, now=now)
    assert copied.old == [1]
    (mail,) = views.mails(b, inbox, copied.new, with_bodies=True)
    assert (mail.content, mail.flags, mail.envelope.subject) == (MAIL, FLAGGED, "Vereinskanarie")
    assert [queries.used(o.mailbox)[0] for o in (a, b)] == [before[0], before[1] + len(MAIL)]
    moved = crossing.move(one.opened("rte"), folder, [1], into=b, to=inbox, flags=lambda old: old, now=now)
    assert views.changes(folder, since=0) == []
    assert [queries.used(o.mailbox)[0] for o in (a, b)] == [before[0] - len(MAIL), before[1] + 2 * len(MAIL)]
    back = crossing.move(b, inbox, moved.new, into=one.opened("i"), to=folder, flags=lambda _: DELETED, now=now)
    (mail,) = views.mails(a, folder, back.new, with_bodies=True)
    assert (mail.content, mail.flags) == (MAIL, DELETED)


@pytest.mark.parametrize("way", ["out", "in"])
def test_a_right_that_ends_in_the_middle_of_a_copy_leaves_nothing_of_it(a, b, folder, share, now, monkeypatch, way) -> None:
    """Each portion asks for the right anew; what the portions before it have copied goes again, on either side."""
    row = share(shares.MANAGE)
    (one,) = given.given(b)
    inbox = views.named(b, "INBOX").id
    filing.append(a, folder, [filing.New(MAIL, 0, now)] * 2, now=now)
    filing.append(b, inbox, [filing.New(MAIL, 0, now)] * 2, now=now)
    source, place, target, there = (one.opened("r"), folder, b, inbox) if way == "out" else (b, inbox, one.opened("i"), folder)
    uids = [uid for uid, *_ in views.changes(place, since=0)]
    before = [(uid, flags) for uid, flags, _ in views.changes(there, since=0)]
    used = queries.used(target.mailbox)[0]
    monkeypatch.setattr(filing, "MOST_AT_ONCE", 1)
    placed, calls = filing.placed, []

    def placing(*args):
        calls.append(args)
        if len(calls) == 2:
            sharing.withdraw_one(a, row.id, now=now)
        return placed(*args)

    monkeypatch.setattr(filing, "placed", placing)
    with pytest.raises(guests.NotShared):
        crossing.copy(source, place, uids, into=target, to=there, flags=lambda old: old, now=now)
    assert len(calls) == 2, "one portion was there already"
    assert [(uid, flags) for uid, flags, _ in views.changes(there, since=0)] == before
    assert queries.used(target.mailbox)[0] == used


def test_a_full_mailbox_of_its_holder_takes_nothing_and_nothing_is_lost(ahaus, a, b, folder, share, now) -> None:
    share(shares.MANAGE)
    (one,) = given.given(b)
    inbox = views.named(b, "INBOX").id
    Mailbox.objects.filter(id=a.mailbox.id).update(quota_bytes=1)
    (uid,) = [uid for uid, *_ in views.changes(inbox, since=0)]
    for way in (crossing.copy, crossing.move):
        with pytest.raises(filing.MailboxFull):
            way(b, inbox, [uid], into=one.opened("i"), to=folder, flags=lambda old: old, now=now)
    assert [found for found, *_ in views.changes(inbox, since=0)] == [uid]
    assert [found for found, *_ in views.changes(folder, since=0)] == [1]
