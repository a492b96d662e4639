"""What a city says on its start page: short, dated, in both languages, and about nobody.

It is shown from its beginning until its end and then deleted; there is no archive.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from stadtmail.kit.errors import NotAllowed, NotFound
from stadtmail.kit.store import writing
from stadtmail.tenants.models import News, Tenant

LONGEST = timedelta(days=366)
TITLE, TEXT = 120, 1000
AT_ONCE = 5  # so many are shown


class BadNews(NotAllowed):
    """Too long, without an end, ended already, empty in one language, or with a mail address in it."""


class NoSuchNews(NotFound):
    """The city has no news with this number."""


@dataclass(frozen=True)
class Words:
    """Title and text in one language."""

    title: str
    text: str


def add(tenant: Tenant, *, german: Words, english: Words, begins_at: datetime, ends_at: datetime, now: datetime) -> int:
    """Publish it; returns its number. Raises BadNews."""
    for words in (german, english):
        _check(words)
    if not now < ends_at or not begins_at < ends_at or ends_at - max(now, begins_at) > LONGEST:
        raise BadNews(f"it must end after now and after its beginning, within {LONGEST.days} days")
    with writing():
        forget(tenant, now=now)
        made = News.objects.create(
            tenant=tenant, begins_at=begins_at, ends_at=ends_at, title_de=german.title.strip(), text_de=german.text.strip(),
            title_en=english.title.strip(), text_en=english.text.strip(),
        )  # fmt: skip
        return int(made.pk)


def end(tenant: Tenant, number: int) -> None:
    """Take it back at once: the row is deleted. Raises NoSuchNews."""
    with writing():
        if not News.objects.filter(tenant=tenant, pk=number).delete()[0]:
            raise NoSuchNews(f"no news {number}")


def forget(tenant: Tenant, *, now: datetime) -> None:
    """Delete what has ended."""
    News.objects.filter(tenant=tenant, ends_at__lte=now).delete()


def shown(tenant: Tenant, *, now: datetime) -> list[News]:
    """What residents read at this moment, the latest first."""
    return list(News.objects.filter(tenant=tenant, begins_at__lte=now, ends_at__gt=now).order_by("-begins_at", "-pk")[:AT_ONCE])


def standing(tenant: Tenant, *, now: datetime) -> list[News]:
    """Everything that has not ended, also what begins later."""
    return list(News.objects.filter(tenant=tenant, ends_at__gt=now).order_by("begins_at", "pk"))


def _check(words: Words) -> None:
    if not words.title.strip() or not words.text.strip():
        raise BadNews("title and text are needed in both languages")
    if len(words.title.strip()) > TITLE or len(words.text.strip()) > TEXT:
        raise BadNews(f"at most {TITLE} signs of title and {TEXT} of text")
    if "@" in words.title + words.text:
        raise BadNews("a mail address would be somebody's: name the office instead")
