"""Whoever knows the names of somebody else's things, and has form tokens that are good: nothing of them opens, changes or goes (C-4.7).

Other tests send what a page offers. Here the tokens are made for the very session that sends, so that only the rooms are left to refuse.
"""

from datetime import timedelta
from urllib.parse import urlencode

import pytest

from stadtmail.doors.web import tokens, visit
from stadtmail.kit import clock
from stadtmail.mail import queries, rulebook, views
from stadtmail.mail.actions import filing, filters, foldering, rules, sharing
from stadtmail.mail.models import Planned
from stadtmail.mail.rulewriting import Condition, Rule
from stadtmail.mail.shares import READ, Share
from stadtmail.people import queries as people
from stadtmail.people.actions import aliases, app_passwords
from stadtmail.usage import sessions
from tests.doors.web import cast
from tests.doors.web.browsing import Browser
from tests.doors.web.test_every_page import LETTER, PAGES, SECRETS
from tests.doors.web.writing import Writer

FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def things(ahaus, account, contract, anna, ben, now) -> dict[str, str]:
    """One of everything of Anna's that has a name."""
    cast.resident(ahaus, "karla.k", now, street="Nordstraße 1", birth_date="1970-01-01")
    o = queries.opened(queries.mailbox_of(ahaus, account.contract), holder=account.contract)
    folder = foldering.create(o, "Zitronenordner", now=now)
    filing.append(o, folder, [filing.New(LETTER, 0, now)], now=now)
    filters.put(o, "Zitronenskript", b"keep;", enqueue=None, now=now)
    rule = rules.save_rule(o, Rule("", "Zitronenregel", (Condition("from", "contains", "x"),)), seen="", enqueue=None, now=now)
    sharing.share(o, folder, "karla.k@ahaus.net", lambda _old: READ, now=now)
    alias = aliases.write(aliases.prepare(contract, "zitrone", tenant=ahaus, until=None, now=now), now=now)
    made = app_passwords.make(contract, tenant=ahaus, label="Zitronentelefon", scopes=["imap"], now=now)
    writer = Writer(anna).open()
    writer.press("plan", to="ben.b@ahaus.net", subject="Zitronenbrief", text="x", day=(clock.now() + timedelta(days=9)).date().isoformat(),
                 time="08:00")  # fmt: skip
    session = sessions.live_of(ahaus.id, account.person, clock.now())[0]
    return {
        "script": str(next(one.id for one in filters.listed(o) if one.name == "Zitronenskript")), "rule": rule.id,
        "share": str(Share.objects.get().id), "alias": str(alias.unit_id), "app": str(made.id),
        "message": str(Planned.objects.get().message),
        "session": session.mark, "folder": str(views.named(o, "Zitronenordner").number), "draft": writer.values["draft"],
        "ident": writer.values["ident"],
    }  # fmt: skip


def attempts(of: dict[str, str]) -> list[tuple[str, str, dict[str, str]]]:
    """(URL's name, address, fields) of every form that takes a name, with Anna's."""
    settings, share, box = "/postfach/einstellungen", f"/postfach/geteilt/{of['share']}", f"/postfach/{of['folder']}"
    script, message = f"{settings}/filter/skripte/{of['script']}", f"/postfach/geplant/{of['message']}"
    day = (clock.now() + timedelta(days=30)).date().isoformat()
    return [
        *(("script", script, {"step": step, "version": "", "name": "n", "text": "discard;"}) for step in ("save", "check")),
        *(("script", script, {"step": step}) for step in ("run", "rest")), ("script", script, {"step": "delete", "version": ""}),
        *(("rules", f"{settings}/filter", {"step": step, "rule": of["rule"]}) for step in ("up", "down", "on", "off", "delete")),
        ("rule", f"{settings}/filter/{of['rule']}", {"step": "save", "version": "x", "what1": "from", "how1": "contains", "text1": "y",
                                                     "place": "trash", "rows": "1"}),
        *(("shares", "/postfach/freigaben", {"step": step, "share": of["share"]}) for step in ("back", "show", "hide", "leave")),
        ("shared_folder", share, {}), ("shared_message", f"{share}/1", {}), ("shared_html", f"{share}/1/html", {}),
        ("shared_part", f"{share}/1/teil/2", {}), ("address", f"{settings}/adressen/{of['alias']}", {}),
        ("addresses", f"{settings}/adressen", {"step": "default", "address": "zitrone@ahaus.net"}),
        ("addresses", f"{settings}/adressen", {"step": "name", "address": "zitrone@ahaus.net", "display": "Fremd"}),
        ("revoke_app_password", "/datenschutz/meine-daten/mailprogramme/widerrufen", {"id": of["app"]}),
        ("end_session", "/datenschutz/meine-daten/sitzungen/beenden", {"mark": of["session"]}),
        *(("waiting", message, {"step": step, "day": day, "time": "09:00"}) for step in ("stop", "now", "move")),
        *(("handle", f"{box}/aendern", {"uid": "1", "tun": what}) for what in ("loeschen", "archiv", "markieren")),
        ("folder_edit", f"/postfach/ordner/{of['folder']}", {"name": "Fremd", "tun": "loeschen"}),
        ("forward", f"{box}/1/weiterleiten", {"how": "inline"}),
        ("pictures", f"{box}/1/bilder", {"step": "once"}), ("receipt", f"{box}/1/lesebestaetigung", {"antwort": "senden"}),
        ("unsubscribe", f"{box}/1/abbestellen", {}), ("delete", f"{box}/endgueltig", {"state": "x"}),
        ("find", "/postfach/suchen", {"text": "Zitronenbrief", "folder": of["folder"]}),
        ("compose", "/postfach/schreiben", {"step": "discard", "draft": of["draft"], "ident": of["ident"]}),
        ("compose", "/postfach/schreiben", {"step": "save", "draft": of["draft"], "ident": of["ident"], "text": "fremd"}),
    ]  # fmt: skip


def state(ahaus, account, contract) -> list[object]:
    """All of it as it is now."""
    o = queries.opened(queries.mailbox_of(ahaus, account.contract), holder=account.contract)
    return [
        [(one.id, one.name, one.is_active, filters.text_of(o, one.name)) for one in filters.listed(o)],
        rulebook.written(rules.found(o).book), list(Share.objects.values_list()),
        [(one.address, one.is_default, one.name) for one in people.identities(ahaus, contract)],
        people.living_app_passwords(ahaus, contract).count(), list(Planned.objects.values_list("message", "at")),
        [(row.number, row.name, row.total, row.unread) for row in queries.folders(o)],
        len(sessions.live_of(ahaus.id, account.person, clock.now())),
    ]  # fmt: skip


@pytest.mark.parametrize("who", ["ben", "clara"])
def test_c47_a_good_token_opens_nothing_of_somebody_else(ahaus, musterstadt, account, contract, things, now, who: str) -> None:
    if who == "clara":
        cast.resident(musterstadt, "clara.c", now)
    city, host = (ahaus, "ahaus.localhost") if who == "ben" else (musterstadt, "musterstadt.localhost")
    other = Browser(host)
    other.login("ben.b@ahaus.net" if who == "ben" else "clara.c@musterstadt.example", cast.PASSWORD)
    mark = visit.Visit(other.client.cookies["stadtmail"].value, "cookie", None).mark
    before = state(ahaus, account, contract)
    taken = 0
    for name, path, fields in attempts(things):
        token = tokens.token(city.id, name, session=mark, now=clock.now())
        where = f"{path}?token={token}" if name == "compose" else path
        answer = other.client.post(where, urlencode({**fields, **({} if name == "compose" else {"token": token})}), content_type=FORM)
        told = (answer.getvalue() if answer.streaming else answer.content).decode("utf-8", "replace") + str(dict(answer.headers))
        shown = [secret for secret in (*SECRETS, "Zitronenskript", "Zitronenregel", "Zitronentelefon") if secret in told]
        assert shown == (["Zitronenbrief"] if name == "find" and "Zitronenbrief" in told else []), (name, fields, answer.status_code)
        assert answer.status_code != 403, (name, fields, "the token was good")
        taken += answer.status_code < 400
        assert state(ahaus, account, contract) == before, (name, fields, answer.status_code)
    assert taken, "some of it means the sender's own, and is done there"
    assert {name for name, _path, _fields in attempts(things)} <= set(PAGES)
