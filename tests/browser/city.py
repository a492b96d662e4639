"""Serve two cities from a fresh data folder on a loopback port, as the browser tests need them: `python -m tests.browser.city PORT`.

STADTMAIL_DATA names the folder. What this process prints on its first line is "ready".
"""

import os
import sys
from pathlib import Path


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
        actions.open_city(slug="ahaus.net", domain="ahaus.net", hosts=["ahaus.localhost"], now=now)
        actions.open_city(slug="musterstadt.example", domain="musterstadt.example", hosts=["musterstadt.localhost"], now=now)
    granian = Path(sys.executable).with_name("granian")
    options = ("--interface", "wsgi", "--host", "127.0.0.1", "--port", sys.argv[1], "--blocking-threads", "4", "--no-log")
    os.execv(granian, [str(granian), *options, "stadtmail.wsgi:application"])


if __name__ == "__main__":
    main()
