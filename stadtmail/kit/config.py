"""Settings of the instance, from the environment. This table is the only place where a name is known.

A STADTMAIL_ name that is not in the table is refused, so that a typing error cannot silently fall back to a default.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path
from urllib.parse import urlsplit


class BadSetting(Exception):
    """A setting that is unknown or has a value that cannot be used; the text is for the operator."""


# name -> (default, what it means); docs/operate.md prints this table (tests hold the two together)
SETTINGS: dict[str, tuple[str, str]] = {
    "DATA": ("./var", "Folder of the instance: databases, blobs, evidence, logs, generated certificate."),
    "HOST": ("127.0.0.1", "Address on which every door listens."),
    "PORT_WEB": ("8000", "Port of the portal (HTTP)."),
    "PORT_SMTP": ("2525", "Port of incoming mail."),
    "PORT_SUBMISSION": ("2587", "Port of submission with STARTTLS."),
    "PORT_SUBMISSIONS": ("2465", "Port of submission over TLS."),
    "PORT_LMTP": ("2424", "Port of LMTP (opened where STADTMAIL_LMTP_FROM says who may come)."),
    "PORT_IMAP": ("2143", "Port of IMAP with STARTTLS."),
    "PORT_IMAPS": ("2993", "Port of IMAP over TLS."),
    "PORT_SIEVE": ("24190", "Port of ManageSieve with STARTTLS."),
    "IMAP_PROCESSES": ("0", "Processes of the IMAP door; 0: one a core."),
    "DATABASE_URL": ("", "Main database: empty for SQLite in the data folder, or postgresql://user:password@host/name."),
    "KEYS_URL": ("", "Keystore: empty for its own SQLite file in the data folder, or postgresql://…"),
    "VOLATILE_URL": ("", "Volatile store: empty for SQLite on tmpfs, or a folder on another tmpfs."),
    "BLOBS_URL": ("", "Large sealed bytes: empty for the data folder, or another folder."),
    "WITNESS_URL": ("", "Folder on another disk or host that keeps the newest tree head and ledger; empty: none (prove says so)."),
    "TLS_CERT": ("", "Certificate chain (PEM); empty: self-signed, made under the data folder."),
    "TLS_KEY": ("", "Private key of the certificate (PEM)."),
    "RESOLVER": ("", "Name server: IP[:port] [trust-ad]; empty: the system's (demo, test: no look-ups); none: no look-ups."),
    "LMTP_FROM": ("", "Addresses or networks, with commas, that may deliver by LMTP: a Postfix in front; empty: nobody."),
    "LMTP_SOCKET": ("", "Unix socket for LMTP, for whoever the folder's rights let in; empty: none."),
    "LMTP_TRUSTS": ("", "Name in Authentication-Results of the server in front whose SPF, DKIM and DMARC count; empty: none."),
    "RSPAMD_URL": ("", "rspamd's normal worker, http://host:11333, with user information as password; empty: none."),
    "CLAMD": ("", "ClamAV's clamd, host:port or the path of its socket; empty: none."),
    "SMARTHOST": ("", "Relay for outgoing mail: smtp://[user:password@]host[:port] or smtps://…; empty: direct delivery."),
    "DEMO_PASSWORD": ("", "Login password of the demo people (demo instances only); empty: made at first start and printed."),
}


@dataclass(frozen=True)
class Config:
    """All settings of one process, checked; paths are absolute."""

    data: Path
    host: str
    ports: Mapping[str, int]
    imap_processes: int
    database_url: str
    keys_url: str
    volatile_url: str
    blobs_url: str
    witness_url: str
    tls_cert: str
    tls_key: str
    resolver: str
    lmtp_from: tuple[str, ...]
    lmtp_socket: str
    lmtp_trusts: str
    rspamd_url: str
    clamd: str
    smarthost: str
    demo_password: str


_last: dict[str, tuple[dict[bytes, bytes], Config]] = {}


def load(environ: Mapping[str, str] | None = None) -> Config:
    """Read and check the settings. Raises BadSetting with a text that names the setting.

    Those of the process are read again only where its environment has changed: a page asks for them five times.
    """
    if environ is not None:
        return _read(environ)
    known, given = _last.get("process"), dict(os.environb)
    if known is None or known[0] != given:
        known = _last["process"] = (given, _read(os.environ))
    return known[1]


def _read(environ: Mapping[str, str]) -> Config:
    unknown = sorted(n for n in environ if n.startswith("STADTMAIL_") and n[10:] not in SETTINGS)
    if unknown:
        raise BadSetting(f"unknown setting {', '.join(unknown)}: see the table in docs/operate.md")
    value = {name: environ.get(f"STADTMAIL_{name}") or default for name, (default, _) in SETTINGS.items()}
    if bool(value["TLS_CERT"]) != bool(value["TLS_KEY"]):
        raise BadSetting("STADTMAIL_TLS_CERT and STADTMAIL_TLS_KEY go together")
    for name in ("DATABASE_URL", "KEYS_URL"):
        if value[name] and not value[name].startswith(("postgresql://", "postgres://")):
            raise BadSetting(f"STADTMAIL_{name} must be empty or start with postgresql://")
    if value["KEYS_URL"] and value["KEYS_URL"] == value["DATABASE_URL"]:
        raise BadSetting("STADTMAIL_KEYS_URL must not be the main database: a backup of one would have both")
    ports = {name[5:].lower(): _port(name, value[name]) for name in SETTINGS if name.startswith("PORT_")}
    for port in ports.values():
        if len(same := [f"STADTMAIL_PORT_{name.upper()}" for name, other in ports.items() if other == port]) > 1:
            raise BadSetting(f"{' and '.join(same)} are both {port}")
    return Config(
        data=Path(value["DATA"]).absolute(),
        host=value["HOST"],
        ports=ports,
        imap_processes=_few("IMAP_PROCESSES", value["IMAP_PROCESSES"]),
        database_url=value["DATABASE_URL"],
        keys_url=value["KEYS_URL"],
        volatile_url=value["VOLATILE_URL"],
        blobs_url=value["BLOBS_URL"],
        witness_url=value["WITNESS_URL"],
        tls_cert=value["TLS_CERT"],
        tls_key=value["TLS_KEY"],
        resolver=value["RESOLVER"],
        lmtp_from=_networks("LMTP_FROM", value["LMTP_FROM"]),
        lmtp_socket=value["LMTP_SOCKET"],
        lmtp_trusts=value["LMTP_TRUSTS"],
        rspamd_url=_url("RSPAMD_URL", value["RSPAMD_URL"]),
        clamd=value["CLAMD"],
        smarthost=value["SMARTHOST"],
        demo_password=value["DEMO_PASSWORD"],
    )


def without_settings() -> dict[str, str]:
    """The environment without our settings: what a process on a data folder of its own begins with."""
    return {name: value for name, value in os.environ.items() if not name.startswith("STADTMAIL_")}


def _networks(name: str, text: str) -> tuple[str, ...]:
    try:
        return tuple(str(ip_network(one.strip(), strict=False)) for one in text.split(",") if one.strip())
    except ValueError:
        raise BadSetting(f"STADTMAIL_{name} must be IP addresses or networks, with commas between them") from None


def _url(name: str, text: str) -> str:
    if text and not (text.startswith("http://") and urlsplit(text).hostname):
        raise BadSetting(f"STADTMAIL_{name} must be empty or start with http://")
    return text


def _few(name: str, text: str) -> int:
    if not (text.isascii() and text.isdecimal()) or int(text) > 64:
        raise BadSetting(f"STADTMAIL_{name} must be a number from 0 to 64")
    return int(text)


def _port(name: str, text: str) -> int:
    if not (text.isascii() and text.isdecimal()) or not 0 < int(text) < 65536:
        raise BadSetting(f"STADTMAIL_{name} must be a port number from 1 to 65535")
    return int(text)
