"""Serve two cities from a fresh data folder on a loopback port, as the browser tests need them: `python -m tests.browser.city PORT`.

STADTMAIL_DATA names the folder. What this process prints on its first line is "ready".
"""

import os
import sys
from pathlib import Path
from typing import Any

LETTER = b"""From: =?utf-8?q?J=C3=BCrgen_Kranich?= <j.kranich@example.org>
To: anna.k@ahaus.net
Subject: Kiosk am Bahnhof
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="b"

--b
Content-Type: text/html; charset=utf-8

<h2>Kiosk</h2><p>Der Kiosk hat <img src="http://elsewhere.example/p.png" width=1 height=1> wieder auf.</p>
--b
Content-Type: text/plain; charset=utf-8
Content-Disposition: attachment; filename="ein-sehr-langer-name-ohne-luecken-fuer-eine-kleine-datei.txt"

Zeiten
--b--
""".replace(b"\n", b"\r\n")


PICTURED = b"""From: Karl <karl@news.example.org>
To: ben.b@ahaus.net
Subject: Bunter Brief
MIME-Version: 1.0
Content-Type: text/html; charset=utf-8

<p>Bunt <img src="https://cdn.example/eins.png" alt="Eins" width="40"><img src="https://cdn.example/zwei.png" alt=""></p>
""".replace(b"\n", b"\r\n")


def _people(city: Any, now: Any) -> None:
    """Anna and Ben with some mail, somebody at the desk and the officer, and a message of the city."""
    from datetime import timedelta

    from stadtmail.mail.actions import accounts
    from stadtmail.mail.verdicts import Verdict
    from stadtmail.tenants import news
    from tests.doors.web import cast

    accounts.open_roles(city, now=now)
    cast.resident(city, "anna.k", now)
    cast.deliver(LETTER, "anna.k@ahaus.net", "datenschutz@ahaus.net", now=now)
    cast.resident(city, "ben.b", now, street="Wallstraße 3", birth_date="1979-11-02")
    found = b"Authentication-Results: mx.ahaus.net; dmarc=pass header.from=news.example.org\r\n"
    cast.deliver(PICTURED, "ben.b@ahaus.net", now=now, verdict=Verdict(dmarc="pass", authentication_results=found))
    for role in ("desk", "officer"):
        cast.doris(city, now, role)
    words = news.Words("Rathaus geschlossen", "Am 24. Dezember ist das Rathaus zu."), news.Words("Town hall closed", "On 24 December.")
    news.add(city, german=words[0], english=words[1], begins_at=now, ends_at=now + timedelta(days=3), now=now)


def main() -> None:
    """Make the folder, open the cities, become the web server."""
    from stadtmail.kit import clock, instance

    folder = Path(os.environ["STADTMAIL_DATA"])
    if not (folder / "instance.json").exists():
        instance.create(folder, kind="test", root_key=folder / "root.key")
        os.environ["DJANGO_SETTINGS_MODULE"] = "stadtmail.settings"
        import django
        from django.core.management import call_command

        django.setup()
        for database in ("default", "keys", "evidence"):
            call_command("migrate", database=database, verbosity=0)
        from stadtmail.privacy.policy import actions

        now = clock.now()
        ahaus = actions.open_city(slug="ahaus.net", domain="ahaus.net", hosts=["ahaus.localhost"], now=now)
        actions.open_city(slug="musterstadt.example", domain="musterstadt.example", hosts=["musterstadt.localhost"], now=now)
        _people(ahaus, now)
    granian = Path(sys.executable).with_name("granian")
    options = ("--interface", "wsgi", "--host", "127.0.0.1", "--port", sys.argv[1], "--blocking-threads", "4", "--no-log")
    os.execv(granian, [str(granian), *options, "tests.browser.serving:application"])


if __name__ == "__main__":
    main()
