"""Which ports a role opens, and whether they are free. Ports of doors that do not exist yet stay closed."""

from collections.abc import Sequence

from stadtmail.kit import config, errors, processes

# lmtp: only where a setting says who may come
OPENED = {"web": ("web",), "doors": ("smtp", "submission", "submissions", "sieve"), "imap": ("imap", "imaps"), "work": ()}


class Taken(errors.Conflict):
    """Another program has the port, or this user may not have it."""


def of(roles: Sequence[str]) -> list[tuple[str, int]]:
    """(host, port) of everything these roles open."""
    chosen = config.load()
    return [(chosen.host, chosen.ports[name]) for role in roles for name in _names(role, chosen)]


def check(roles: Sequence[str]) -> None:
    """Are all ports free? Raises Taken with the setting that would change it."""
    chosen = config.load()
    for role in roles:
        for name in _names(role, chosen):
            setting, port = f"STADTMAIL_PORT_{name.upper()}", chosen.ports[name]
            try:
                free = processes.is_free(chosen.host, port)
            except PermissionError:
                raise Taken(f"port {port} may not be opened by this user: give it the right (docs/operate.md), or set {setting}") from None
            except OSError:
                raise Taken(f"nothing can listen on {chosen.host} (STADTMAIL_HOST): it is no address of this machine") from None
            if not free:
                raise Taken(f"port {port} on {chosen.host} is taken by another program: free it, or set {setting}")


def _names(role: str, chosen: config.Config) -> tuple[str, ...]:
    return (*OPENED[role], *(["lmtp"] if role == "doors" and chosen.lmtp_from else []))
