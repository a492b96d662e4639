"""Where mail may go at all, and how fast, how often and how long it is tried. A demo or test instance reaches nobody outside.

The numbers are RFC 5321 4.5.3.2 and 4.5.4.1, except that the first tries come sooner; the last day is the policy's.
"""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address

from stadtmail.kit import config, instance, resolver, smarthost
from stadtmail.kit.config import Config
from stadtmail.kit.instance import Instance
from stadtmail.tenants import queries as tenants

PAUSES = tuple(timedelta(minutes=minutes) for minutes in (5, 15, 30, 60, 120, 240))
LAST_TRY = timedelta(minutes=45)  # nothing is begun that could still be running when the message expires
DELAYED = timedelta(hours=4)  # RFC 5321 4.5.4.1: then the sender is told
LEASE = timedelta(minutes=5)


@dataclass(frozen=True)
class Bounds:
    """Limits of the worker; tests have smaller ones."""

    connections: int = 60  # at the same time
    per_destination: int = 4
    per_smarthost: int = 20
    claimed: int = 400  # legs that one worker has at the same time
    recipients: int = 100  # in one transaction of SMTP (RFC 5321 4.5.3.1.8)
    messages: int = 100  # in one connection
    connect_seconds: float = 30.0
    greeting_seconds: float = 300.0
    command_seconds: float = 300.0
    block_seconds: float = 180.0
    end_seconds: float = 600.0  # for the answer to the final dot
    message_seconds: float = 1800.0  # all of it
    reply_bytes: int = 16 * 1024
    hosts: int = 5  # of one destination that are tried in a row
    large: int = 2  # messages over 64 KiB in memory at the same time, each in pieces


def next_try(attempts: int, now: datetime, due: datetime | None) -> datetime:
    """When a leg is tried again after so many attempts: with some chance in it, and once more shortly before its last moment."""
    pause = PAUSES[min(max(attempts, 1), len(PAUSES)) - 1]
    then = now + pause * random.uniform(0.9, 1.1)  # noqa: S311 - so that what failed together does not come back together
    if due is None or then < due - LAST_TRY:
        return then
    return due - LAST_TRY if now < due - LAST_TRY - timedelta(minutes=5) else due


def is_own(domain: str) -> bool:
    """Is that the domain of a city of this instance (also of one that is closed now)?"""
    try:
        tenants.city_of_domain(domain)
    except tenants.CityClosed:
        return True
    except tenants.NoSuchCity:
        return False
    return True


def is_free(chosen: Config, here: Instance) -> bool:
    """May mail leave this instance? On demo and test instances only to a smarthost or name server on this machine."""
    if not here.is_test:
        return True
    return is_loopback(smarthost.host(chosen.smarthost) or resolver.host(chosen.resolver))


def is_free_now() -> bool:
    """The same for this instance as it is set up."""
    return is_free(config.load(), instance.current())


def may_reach(address: str, here: Instance) -> bool:
    """May this IP address be connected to? A demo or test instance stays on its own machine."""
    return not here.is_test or is_loopback(address)


def is_loopback(host: str) -> bool:
    """Is that this machine?"""
    try:
        return host == "localhost" or ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False

