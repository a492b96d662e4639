"""The smarthost that the operator may have set: `smtp://[user:password@]host[:port]`, `smtps://…`, or plain host:port."""

from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from stadtmail.kit.config import BadSetting


@dataclass(frozen=True)
class Smarthost:
    """Where all mail goes. Its certificate is checked whenever a password is sent or smtps is asked for."""

    host: str
    port: int
    is_tls: bool  # TLS from the first octet
    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)

    @property
    def needs_trust(self) -> bool:
        """Is the server's name checked against its certificate, and nothing sent without TLS?"""
        return self.is_tls or bool(self.user)

    @classmethod
    def read(cls, setting: str) -> "Smarthost | None":
        """The smarthost of a setting, None for an empty one. Raises BadSetting."""
        if not setting:
            return None
        try:
            parts = urlsplit(setting if "://" in setting else f"smtp://{setting}")
            port = parts.port
        except ValueError:
            raise _bad() from None
        if parts.scheme not in ("smtp", "smtps") or not parts.hostname or parts.path.strip("/") or parts.query or parts.fragment:
            raise _bad()
        is_tls = parts.scheme == "smtps"
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
        return cls(parts.hostname, port or (465 if is_tls else 25), is_tls, user, password)


def host(setting: str) -> str:
    """The host that a setting names, "" for none (C-1.2: a destination must be listed). Raises BadSetting."""
    found = Smarthost.read(setting)
    return found.host if found else ""


def _bad() -> BadSetting:
    return BadSetting("STADTMAIL_SMARTHOST must be smtp://[user:password@]host[:port] or smtps://…")
