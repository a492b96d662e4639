"""A folder of Anna's that is shared with Ben: fixtures of the tests of sharing."""

import pytest

from stadtmail.mail import given, shares, views
from stadtmail.mail.actions import filing, foldering, sharing
from stadtmail.mail.shares import Share
from tests.mail.conftest import opened

MAIL = b"From: x@example.org\r\nTo: anna@ahaus.net\r\nSubject: Vereinskanarie\r\n\r\nProtokollkanarie\r\n"
PASSWORD = "ein langer Satz 7"


@pytest.fixture
def a(ahaus, anna):
    return opened(ahaus, anna)


@pytest.fixture
def b(ahaus, ben):
    return opened(ahaus, ben)


@pytest.fixture
def folder(a, now):
    made = foldering.create(a, "Verein", now=now)
    filing.append(a, made, [filing.New(MAIL, 0, now)], now=now)
    return made


@pytest.fixture
def share(a, folder, now):
    """Share Anna's folder with Ben."""

    def run(rights: str = shares.READ, to: str = "ben@ahaus.net"):
        sharing.share(a, folder, to, lambda _: rights, now=now)
        return Share.objects.get(folder=folder)

    return run


def subjects(one: given.Given) -> list[str]:
    return [mail.envelope.subject for mail in views.mails(one.opened(), one.guest.folder, range(1, 100))]
