"""What would go out: a stand-in for the outgoing queue that keeps what it is given."""

from dataclasses import dataclass
from uuid import uuid4


@dataclass
class Sent:
    tenant: object
    sender: str
    to: str
    raw: bytes
    sign: bool


class Outbox(list):
    """Called like actions.outgoing.enqueue. `fails`: what it raises instead."""

    fails = None

    def __call__(self, tenant, *, sender, recipients, raw, now, origin=None, sign=False):
        if self.fails is not None:
            raise self.fails
        self.extend(Sent(tenant, sender, one, raw, sign) for one in recipients)
        return uuid4()
