"""What mail programs have been told of: taken once, and gone with the time that the notice gives a connection."""

from datetime import timedelta
from uuid import uuid4

from stadtmail.privacy import policy
from stadtmail.usage import recents, volatile


def test_of_any_number_one_is_the_first(now) -> None:
    folder = uuid4()
    assert [recents.claim(folder, before=8, at_least=3, now=now) for _ in range(3)] == [3, 8, 8]
    assert recents.first(folder, at_least=3, now=now) == 8


def test_c42_it_does_not_tell_for_longer_than_a_connection_may_that_a_program_was_there(ahaus, now) -> None:
    recents.claim(uuid4(), before=8, at_least=3, now=now)
    limit = policy.current(ahaus).limits["use_gone"]
    latest = now + timedelta(days=limit.days, seconds=limit.seconds)
    assert volatile.count("recent", latest) == 0
