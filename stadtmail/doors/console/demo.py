"""The demo: two cities, three residents, a desk and an officer each, and some mail. Made once; all of it can be erased.

Its people are made up. They enter through the same actions as everybody; only their password is known, and is kept in a
file of the data folder so that ./run can print it again.
"""

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from secrets import choice
from typing import TYPE_CHECKING

from stadtmail.doors.console import demo_mails
from stadtmail.kit import clock, config
from stadtmail.kit.errors import NotAllowed
from stadtmail.mail.actions import accounts, delivery, sealed, signing
from stadtmail.people import queries as people
from stadtmail.people.actions import credentials, staff
from stadtmail.people.orders import OrderForm, password_problems
from stadtmail.privacy.policy import actions as cities
from stadtmail.tenants import queries as tenants

if TYPE_CHECKING:
    from stadtmail.tenants.models import Tenant

_SYLLABLES = ("ba", "be", "bo", "da", "de", "do", "fa", "fe", "fo", "ka", "ke", "ko", "la", "le", "lo", "ma", "me", "mo", "na", "ne", "no")


class WeakPassword(NotAllowed):
    """The chosen demo password could not be anybody's."""


@dataclass(frozen=True)
class Town:
    """A city of the demo, its residents and its staff."""

    slug: str
    host: str
    residents: tuple[tuple[str, str, str, str, str], ...]  # local part, name, street, postcode and town, birth date


TOWNS = (
    Town("ahaus.net", "ahaus.localhost", (
        ("anna", "Anna Terhaar", "Marktstraße 4", "48683 Ahaus", "1987-03-14"),
        ("ben", "Ben Wissing", "Wallstraße 19", "48683 Ahaus", "1979-11-02"),
    )),
    Town("musterstadt.example", "musterstadt.localhost", (("clara", "Clara Muster", "Am Ring 1", "12345 Musterstadt", "1991-06-30"),)),
)  # fmt: skip
STAFF = (("desk", "buergerbuero", "Bürgerbüro"), ("officer", "datenschutz", "Datenschutzbeauftragte"))


def make(*, say: Callable[[str], None]) -> str:
    """Make what is missing of a demo that is not finished, else only follow STADTMAIL_DEMO_PASSWORD. Returns the password."""
    known, wanted = _known(), config.load().demo_password
    if password_problems(wanted or "nur für die Länge"):
        raise WeakPassword("STADTMAIL_DEMO_PASSWORD is too weak: at least ten characters, and not a common one")
    password = wanted or known or _new_password()
    if known is None or _unfinished().exists():
        _keep(password)
        _unfinished().touch()
        say("Making the demo: two cities, three residents ...")
        for town in TOWNS:
            _make_town(town, password, say)
        _send_mails(say)
        _unfinished().unlink()
    elif wanted and wanted != known:
        _change(known, wanted)
        _keep(wanted)
    return password


def card(password: str) -> str:
    """What ./run prints: where to look, who is there, how to write and how to move the clock."""
    chosen = config.load()
    web, smtp = chosen.ports["web"], chosen.ports["smtp"]
    scheme = "https" if chosen.tls_cert else "http"
    lines = ["", "stadtmail is ready (demo; nothing leaves this machine).", ""]
    for number, town in enumerate(TOWNS):
        bare = f"  {scheme}://{chosen.host}:{web}/" if number == 0 else ""
        lines.append(f"  {town.slug:22} {scheme}://{town.host}:{web}/{bare}")
        lines += [f"    {local}@{town.slug}" for local, *_ in town.residents]
        lines += [f"    {login}@{town.slug}  ({role}; log in at /schreibtisch)" for role, login, _ in STAFF]
    lines += [
        "",
        f"  password of all of them: {password}",
        "  the staff set up a code app at their first log-in (second factor)",
        f"  incoming mail: {chosen.host}:{smtp} (SMTP)",
        f"  mail programs: {chosen.host}:{chosen.ports['imap']} (IMAP, STARTTLS) or :{chosen.ports['imaps']} (TLS); name: the address",
        f"  sending: {chosen.host}:{chosen.ports['submission']} (STARTTLS) or :{chosen.ports['submissions']} (TLS)",
        f"  data: {chosen.data}    stop: Ctrl-C    move the clock: .venv/bin/stadtmail clock advance P6M1D",
        "",
    ]
    return "\n".join(lines)


def _make_town(town: Town, password: str, say: Callable[[str], None]) -> None:
    now = clock.now()
    city = next((known for known in tenants.cities() if known.slug == town.slug), None)
    if city is None:
        city = cities.open_city(slug=town.slug, domain=town.slug, hosts=[town.host], now=now)
    accounts.open_roles(city, now=now)
    if not signing.has_keys(city):
        signing.rotate(city, now=now)
    for resident in town.residents:
        if people.address_state(city, resident[0]) == people.FREE:
            opened = accounts.open_account(_form(resident, password), tenant=city, now=now)
            credentials.set_mail_login(people.contract(city, opened.contract), tenant=city, on=True, password=password)
            say(f"  {resident[0]}@{town.slug}")
    for role, login, name in STAFF:
        try:
            staff.appoint(city, role=role, name=name, login=f"{login}@{town.slug}", password=password, now=now)
        except staff.LoginTaken:  # an interrupted making goes on
            continue


def _form(resident: tuple[str, str, str, str, str], password: str) -> OrderForm:
    localpart, name, street, place, born = resident
    postcode, _, town = place.partition(" ")
    return OrderForm(
        kind="person", name=name, street=street, postcode=postcode, town=town, birth_date=born, localpart=localpart,
        tariff="basis", language="de", password=password,
    )  # fmt: skip


def _send_mails(say: Callable[[str], None]) -> None:
    now = clock.now()
    writer = delivery.Writer()
    writer.start()
    try:
        for to, message in demo_mails.mails(now):
            writer.submit(message, [delivery.recipient(to, now=now)], received=b"", now=now).result(timeout=60)
    finally:
        writer.stop()
    say("  a few messages for each of them")


def _change(old: str, new: str) -> None:
    for town in TOWNS:
        city = tenants.city_of_domain(town.slug)
        for localpart, *_ in town.residents:
            _change_one(city, localpart, old, new)
        for _, login, _ in STAFF:
            with suppress(NotAllowed):  # they have a password of their own by now, or the new one is too weak for the city
                staff.set_password(city, f"{login}@{town.slug}", old=old, new=new)


def _change_one(city: "Tenant", localpart: str, old: str, new: str) -> None:
    address = people.address(city, localpart)
    if address is None or address.contract is None:
        return
    with suppress(NotAllowed):
        sealed.set_password(address.contract, tenant=city, old=old, new=new, now=clock.now())


def _new_password() -> str:
    return "-".join("".join(choice(_SYLLABLES) for _ in range(3)) for _ in range(3))


def _known() -> str | None:
    return _path().read_text() if _path().exists() else None


def _keep(password: str) -> None:
    fd = os.open(_path(), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(fd, "w") as file:
        file.write(password)


def _path() -> Path:
    return config.load().data / "demo-password"


def _unfinished() -> Path:
    return config.load().data / "demo-unfinished"
