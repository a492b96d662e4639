"""T-HOLD-E2E: a hold is placed, listed and released from the console, by people who log in; staff are dismissed there, too."""

import io
from datetime import timedelta

import pytest

from stadtmail.doors.console import main, start
from stadtmail.kit import clock
from stadtmail.people import second_factor, totp
from stadtmail.people.actions import accesses, contracts, credentials, restriction, second_factors, staff
from stadtmail.people.models import Inventory, Staff
from stadtmail.privacy import sweep
from stadtmail.privacy.models import Hold, Unit
from stadtmail.usage import sessions
from tests.people.people import clerk, order

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")
PLACE = ["hold", "place", "ahaus.net", "--type", "legal_hold", "--reason", "court_order", "--by", "d.esk"]
OF_ANNA = ["--address", "anna.k@ahaus.net", "--category", "BD"]
PASSWORD = "Aktenordner 12 grün"


class Joined:
    """The lock of an instance that is up."""

    def release(self) -> None:
        """Nothing is held."""


@pytest.fixture
def typed(monkeypatch, capsys):
    """Run a command with lines on its standard input. Returns (exit code, everything that it printed)."""
    monkeypatch.setattr(start, "joining", Joined)
    monkeypatch.setattr(main.log, "install", lambda role: None)

    def run(*arguments: str, lines: tuple[str, ...] = ()) -> tuple[int, str]:
        monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{line}\n" for line in lines)))
        code = main.main(arguments)
        return code, "".join(capsys.readouterr())

    return run


@pytest.fixture
def anna(ahaus, now):
    clerk(ahaus, now)
    clerk(ahaus, now, role="officer", login="o.fficer")
    return order(ahaus, now)


def test_c43b_a_hold_from_the_console_keeps_and_its_release_erases(ahaus, anna, typed) -> None:
    contracts.cancel(anna, ends_at=clock.now(), now=clock.now())
    code, said = typed(*PLACE, *OF_ANNA, "--second", "o.fficer", lines=(PASSWORD, PASSWORD))
    assert (code, "1 unit(s)" in said) == (0, True), said
    due = Unit.objects.get(category="BD").due_at
    sweep.run(due)
    assert Inventory.objects.exists()
    (hold,) = Hold.objects.all()
    assert hold.placed_by.startswith("desk:")
    assert hold.approved_by.startswith("officer:")
    code, listed = typed("hold", "list", "ahaus.net")
    assert f"{hold.id}  legal_hold  court_order" in listed
    assert "BD:1" in listed
    assert "anna" not in (said + listed).lower()
    release = ["hold", "release", "ahaus.net", str(hold.id), "--by", "d.esk", "--second", "o.fficer"]
    assert typed(*release, lines=(PASSWORD, PASSWORD))[0] == 0
    assert not Hold.objects.filter(released_at=None).exists()
    sweep.run(due)
    assert not Inventory.objects.exists()


def test_the_address_can_come_from_standard_input_and_units_by_their_ids(anna, typed) -> None:
    both, two = (PASSWORD, PASSWORD), ("--second", "o.fficer")
    assert typed(*PLACE, "--address", "-", "--category", "BD", *two, lines=("anna.k@ahaus.net", *both))[0] == 0
    unit = Unit.objects.get(category="BD-ID")
    assert typed(*PLACE, "--unit", str(unit.id), *two, "--until", "P90D", lines=both)[0] == 0
    assert Hold.objects.count() == 2


def test_c62c_nobody_at_the_console_releases_a_restriction_without_telling_its_person(ahaus, anna, typed) -> None:
    hold = restriction.restrict(anna, tenant=ahaus, reason="needed_for_claim", now=clock.now())
    release = ["hold", "release", "ahaus.net", str(hold.id), "--by", "d.esk"]
    code, said = typed(*release, lines=(PASSWORD,))  # this contract has no mailbox that could take the message
    assert (code, "by letter" in said) == (1, True)
    assert Hold.objects.get().released_at is Hold.objects.get().ends_at is None
    code, said = typed(*release, "--by-letter", lines=(PASSWORD,))
    assert (code, "has been told" in said) == (0, True)
    assert Hold.objects.get().released_at is None
    assert Hold.objects.get().ends_at >= clock.now() + timedelta(days=13)


@pytest.mark.parametrize(
    ("more", "lines"),
    [
        (OF_ANNA, (PASSWORD,)),  # the second person is missing
        ([*OF_ANNA, "--second", "d.esk"], (PASSWORD, PASSWORD)),  # and is not the first one again
        ([*OF_ANNA, "--second", "o.fficer"], (PASSWORD, "geraten")),
        (["--address", "ben@ahaus.net", "--category", "BD", "--second", "o.fficer"], (PASSWORD, PASSWORD)),
        (["--address", "anna.k@ahaus.net", "--second", "o.fficer"], (PASSWORD, PASSWORD)),
        (["--address", "anna.k@ahaus.net", "--category", "BD-CRED", "--second", "o.fficer"], (PASSWORD, PASSWORD)),  # not in the matrix
        ([*OF_ANNA, "--second", "o.fficer", "--review", "soon"], (PASSWORD, PASSWORD)),
    ],
)
def test_a_hold_that_may_not_be_is_refused_in_a_sentence(anna, typed, more, lines) -> None:
    code, said = typed(*PLACE, *more, lines=lines)
    assert code == 1
    assert said.startswith("stadtmail: ")
    assert not Hold.objects.exists()


def test_c47_whoever_is_dismissed_logs_in_no_more_and_is_gone_within_a_day(ahaus, anna, typed) -> None:
    assert typed("staff", "dismiss", "ahaus.net", "--login", "d.esk")[0] == 0
    with pytest.raises(credentials.WrongCredentials):
        staff.sign_in(ahaus, "d.esk", PASSWORD)
    assert typed("staff", "dismiss", "ahaus.net", "--login", "nobody")[0] == 1
    sweep.run(Unit.objects.filter(category="STAFF").exclude(due_at=None).get().due_at)
    assert Staff.objects.count() == 1


def test_a_lost_second_factor_is_reset_and_its_sessions_end(ahaus, anna, typed, now) -> None:
    who = accesses.staff(ahaus, staff.account(ahaus, "d.esk"), "dsr", now=clock.now())
    owner, secret = second_factor.of_staff(ahaus, who), totp.new_secret()
    second_factors.turn_on_app(owner, secret=secret, code=totp.code(secret, now), now=now)
    token = sessions.begin(tenant=ahaus.id, kind="cookie", data={}, now=clock.now(), staff=who.unit_id)
    code, said = typed("staff", "reset", "ahaus.net", "--login", "d.esk")
    assert (code, said) == (0, "ahaus.net: second factor reset\n")
    assert not second_factor.is_on(owner)
    assert sessions.find(token, tenant=ahaus.id, now=clock.now()) is None
    assert staff.sign_in(ahaus, "d.esk", PASSWORD)
    assert typed("staff", "reset", "ahaus.net", "--login", "nobody")[0] != 0
