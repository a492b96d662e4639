"""Which ports a role opens, and whether they are free. Ports of doors that do not exist yet stay closed."""

from collections.abc import Sequence

from stadtmail.kit import config, errors, processes

OPENED = {"web": ("web",), "doors": ("smtp", "submission", "submissions", "imap", "imaps", "sieve"), "work": ()}


class Taken(errors.Conflict):
    """Another program has the port."""


def of(roles: Sequence[str]) -> list[tuple[str, int]]:
    """(host, port) of everything these roles open."""
    chosen = config.load()
    return [(chosen.host, chosen.ports[name]) for role in roles for name in OPENED[role]]


def check(roles: Sequence[str]) -> None:
    """Are all ports free? Raises Taken with the setting that would change it."""
    chosen = config.load()
    for role in roles:
        for name in OPENED[role]:
            setting, port = f"STADTMAIL_PORT_{name.upper()}", chosen.ports[name]
            try:
                free = processes.is_free(chosen.host, port)
            except OSError:
                raise Taken(f"nothing can listen on {chosen.host} (STADTMAIL_HOST): it is no address of this machine") from None
            if not free:
                raise Taken(f"port {port} on {chosen.host} is taken by another program: free it, or set {setting}")
