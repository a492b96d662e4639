"""A name server on loopback that speaks the real protocol (UDP and TCP on one port), for tests that look something up.

    with FakeDns({"example.net": {"MX": ["10 mx.example.net."], "TXT": ["v=spf1 -all"]}}) as dns:
        resolver = dns.resolver()

What it should do wrong is said by `failing[name] = "SERVFAIL" | "REFUSED" | "silent" | "garbage"`, by `truncated` (UDP says: ask
over TCP) and by `secure` (names, or True for all, whose answers carry the AD flag).
"""

import socket
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset

from stadtmail.kit.resolver import Resolver, Server

IN = dns.rdataclass.IN
Zones = Mapping[str, Mapping[str, Sequence[str]]]


class FakeDns:
    """Serves `zones` (name -> kind -> records as in a zone file; TXT is the bare text) until it is closed. They may be changed."""

    def __init__(self, zones: Zones | None = None, *, secure: set[str] | bool = False, ttl: int = 300) -> None:
        self.zones: dict[str, dict[str, list[str]]] = {}
        self.failing: dict[str, str] = {}
        self.truncated: set[str] = set()
        self.secure, self.ttl = secure, ttl
        self.asked: list[tuple[str, str, str]] = []  # (name, kind, "udp" or "tcp"), in their order
        self.add(zones or {})
        self._udp, self._tcp = _pair()
        self.port: int = self._udp.getsockname()[1]
        self._threads = [threading.Thread(target=run, daemon=True) for run in (self._serve_udp, self._serve_tcp)]

    def add(self, zones: Zones) -> None:
        """Add records."""
        for name, kinds in zones.items():
            for kind, records in kinds.items():
                self.zones.setdefault(_plain(name), {}).setdefault(kind, []).extend(records)

    @property
    def address(self) -> str:
        """host:port, as STADTMAIL_RESOLVER takes it."""
        return f"127.0.0.1:{self.port}"

    def resolver(self, *, trusted: bool = True, try_seconds: float = 0.4, budget_seconds: float = 2.0, **more: Any) -> Resolver:
        """A resolver that asks here and is quickly tired."""
        return Resolver([Server("127.0.0.1", self.port, trusted)], try_seconds=try_seconds, budget_seconds=budget_seconds, **more)

    def __enter__(self) -> "FakeDns":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for sock in (self._udp, self._tcp):
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()
        for thread in self._threads:
            thread.join(5)

    def _serve_udp(self) -> None:
        while True:
            try:
                data, peer = self._udp.recvfrom(65535)
                if not data:
                    return
            except OSError:
                return
            reply = self._reply(data, "udp")
            if reply:
                with suppress(OSError):
                    self._udp.sendto(reply, peer)

    def _serve_tcp(self) -> None:
        while True:
            try:
                sock, _ = self._tcp.accept()
            except OSError:
                return
            with sock, suppress(OSError):
                sock.settimeout(5)
                length = int.from_bytes(sock.recv(2, socket.MSG_WAITALL), "big")
                reply = self._reply(sock.recv(length, socket.MSG_WAITALL), "tcp")
                if reply:
                    sock.sendall(len(reply).to_bytes(2, "big") + reply)

    def _reply(self, data: bytes, way: str) -> bytes:
        query = dns.message.from_wire(data)
        asked = query.question[0]
        name, kind = _plain(asked.name.to_text()), dns.rdatatype.to_text(asked.rdtype)
        self.asked.append((name.rstrip("."), kind, way))
        failure = self.failing.get(name.rstrip("."), "")
        if failure == "silent":
            return b""
        if failure == "garbage":
            return data[:2] + b"\xff" * 30
        reply = dns.message.make_response(query, recursion_available=True)
        if failure:
            reply.set_rcode(dns.rcode.from_text(failure))
        elif way == "udp" and name.rstrip(".") in self.truncated:
            reply.flags |= dns.flags.TC
        else:
            self._fill(reply, asked.name, kind)
            if self.secure is True or (self.secure and name.rstrip(".") in self.secure):
                reply.flags |= dns.flags.AD
        return bytes(reply.to_wire(max_size=65535 if way == "tcp" else 1232)) if not _too_long(reply, way) else self._cut(query)

    def _cut(self, query: dns.message.Message) -> bytes:
        reply = dns.message.make_response(query, recursion_available=True)
        reply.flags |= dns.flags.TC
        return bytes(reply.to_wire())

    def _fill(self, reply: dns.message.Message, name: dns.name.Name, kind: str) -> None:
        for _ in range(10):
            records = self.zones.get(_plain(name.to_text()), {})
            if kind in records or "CNAME" not in records:
                break
            reply.answer.append(self._rrset(name, "CNAME", records["CNAME"]))
            name = dns.name.from_text(records["CNAME"][0])
        if records.get(kind):
            reply.answer.append(self._rrset(name, kind, records[kind]))
            return
        if not any(known == _plain(name.to_text()) or known.endswith(f".{_plain(name.to_text())}") for known in self.zones):
            reply.set_rcode(dns.rcode.NXDOMAIN)
        soa = f"ns.test. post.test. 1 3600 600 86400 {self.ttl}"
        reply.authority.append(dns.rrset.from_text(name.parent() if len(name) > 1 else name, self.ttl, IN, "SOA", soa))

    def _rrset(self, name: dns.name.Name, kind: str, records: Sequence[str]) -> dns.rrset.RRset:
        if kind == "TXT":
            records = [_quoted(one) for one in records]
        return dns.rrset.from_rdata_list(name, self.ttl, [dns.rdata.from_text(IN, kind, one) for one in records])


def _quoted(text: str) -> str:
    """A text as character-strings of 255 octets at most."""
    raw = text.encode()
    pieces = [raw[at : at + 255] for at in range(0, len(raw), 255)] or [b""]
    return " ".join('"' + "".join(f"\\{octet:03d}" for octet in one) + '"' for one in pieces)


def _too_long(reply: dns.message.Message, way: str) -> bool:
    return way == "udp" and len(reply.to_wire(max_size=65535)) > 1232


def _plain(name: str) -> str:
    return dns.name.from_text(name).canonicalize().to_text()


def _pair() -> tuple[socket.socket, socket.socket]:
    """UDP and TCP sockets on one free port."""
    while True:
        tcp = socket.create_server(("127.0.0.1", 0))
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            udp.bind(tcp.getsockname())
        except OSError:
            tcp.close()
            udp.close()
            continue
        return udp, tcp
