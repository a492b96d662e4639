"""Filters that pass mail on: only to whom has agreed, once, in no circle, and nothing is lost that cannot go."""

from datetime import timedelta

import pytest

from stadtmail.mail import jobs, replies
from stadtmail.mail.actions import filters, forwarding
from stadtmail.mail.models import Forward
from tests.mail.conftest import FROM_BO, opened
from tests.mail.test_filters import HELLO, _no_counts, confirm, subjects  # noqa: F401 - a fixture

pytestmark = pytest.mark.postgres


def test_nothing_is_passed_on_before_the_address_has_agreed(box, post, script, outbox, now) -> None:
    (remark,) = script('redirect "anna@private.example";')
    assert (remark.kind, remark.line) == ("forward_asked", 1)
    (question,) = outbox
    assert (question.sender, question.to) == ("", "anna@private.example")
    assert post(HELLO) == [None]
    assert subjects(box)[0] == "Hallo", "kept"
    assert len(outbox) == 1
    confirm(outbox, box, now)
    assert post(HELLO.replace(b"<1@", b"<2@").replace(b"Hallo", b"Zwei")) == [None]
    assert subjects(box)[0] == "Hallo", "passed on and not kept"
    (out,) = outbox
    assert (out.sender, out.to, out.sign) == ("anna@ahaus.net", "anna@private.example", False)
    assert out.raw.startswith(replies.PASSED.encode())
    assert b"Return-Path" not in out.raw
    assert out.raw.endswith(b"\r\n\r\nText\r\n")


def test_a_code_in_the_script_confirms_and_is_asked_for_once(box, script, outbox, now) -> None:
    script('redirect "anna@private.example";')
    code = outbox[0].raw.split(b"# confirm ")[1].split()[0].decode()
    assert [one.kind for one in script('redirect "anna@private.example";\n# confirm AAAA-BBBB')] == ["forward_asked", "wrong_code"]
    assert len(outbox) == 1, "nobody is flooded"
    assert script(f'redirect "Anna@private.example";\n# confirm {code}') == []
    assert script(f'redirect "anna@private.example";\n# confirm {code}') == []
    assert script("keep;") == []
    assert Forward.objects.count() == 0, "what no script names is forgotten"


def test_a_code_runs_out(box, script, outbox, now) -> None:
    script('redirect "anna@private.example";')
    code = outbox[0].raw.split(b"# confirm ")[1].split()[0].decode()
    later = now + timedelta(days=8)
    with pytest.raises(forwarding.WrongCode):
        filters.confirm(box, code, now=later)
    jobs.forget_for_filters(later)
    assert Forward.objects.count() == 0


def test_bens_code_confirms_nothing_of_anna(ahaus, ben, box, script, outbox, now) -> None:
    script('redirect "anna@private.example";')
    code = outbox[0].raw.split(b"# confirm ")[1].split()[0].decode()
    bens = opened(ahaus, ben)
    script('redirect "x@private.example";', o=bens)
    with pytest.raises(forwarding.WrongCode):
        filters.confirm(bens, code, now=now)


def test_a_circle_ends(box, post, script, outbox, now) -> None:
    script('redirect "anna@private.example";')
    confirm(outbox, box, now)
    assert post(HELLO) == [None]
    (out,) = outbox
    assert post(out.raw) == [None], "it came back"
    assert len(outbox) == 1
    assert subjects(box)[0] == "Hallo", "and is kept"
    many = b"Received: by there\r\n" * 31 + HELLO.replace(b"<1@", b"<3@")
    assert post(many) == [None]
    assert len(outbox) == 1


def test_what_cannot_go_out_is_kept(box, post, script, outbox, now) -> None:
    script('redirect "anna@private.example";')
    confirm(outbox, box, now)
    outbox.fails = RuntimeError("the queue is down")
    assert post(HELLO) == [None]
    assert subjects(box)[0] == "Hallo"


def test_a_message_that_comes_again_is_passed_on_once(box, post, script, outbox, now) -> None:
    script('redirect "anna@private.example";')
    confirm(outbox, box, now)
    assert post(HELLO) == post(HELLO, received=FROM_BO + b"Received: again\r\n") == [None]
    assert len(outbox) == 1
