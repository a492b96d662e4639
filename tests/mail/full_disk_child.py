"""A process that orders for Anna, or delivers a message to her: python -m tests.mail.full_disk_child order|deliver NOW.

On the data folder of the caller. Says on its output what a door would say: done, or the name of what came instead.
"""

import sys
from datetime import datetime

import django


def order(now: datetime) -> str:
    from stadtmail.mail.actions import accounts
    from stadtmail.tenants.models import Tenant
    from tests.mail.conftest import form

    try:
        accounts.open_account(form(), tenant=Tenant.objects.get(domain="ahaus.net"), now=now)
    except Exception as error:  # whatever it is, the child says it
        return type(error).__name__
    return "done"


def deliver(now: datetime) -> str:
    from stadtmail.mail.actions import delivery

    writer = delivery.Writer()
    writer.start()
    to = [delivery.recipient("anna@ahaus.net", now=now)]
    (answer,) = writer.submit(b"Subject: voll\r\n\r\nx", to, received=b"", now=now).result(timeout=60)
    writer.stop()
    return "done" if answer is None else type(answer).__name__


if __name__ == "__main__":
    django.setup()
    print({"order": order, "deliver": deliver}[sys.argv[1]](datetime.fromisoformat(sys.argv[2])))
