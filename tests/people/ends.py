"""What tests of a contract's end look at: the place where its holder collects, and the dates of its units."""

from datetime import timedelta

from stadtmail.people import queries
from stadtmail.people.actions import contracts
from stadtmail.privacy.models import Unit

DAY = timedelta(days=1)


def place_of(tenant, ended):
    return queries.collection(tenant, contracts.reclaim_digest(tenant, ended.collection_code))


def due(contract, category):
    return Unit.objects.get(anchor=contract.id, category=category).due_at
