"""Two networks of their own on this machine, one cable between them: here lives what is tested, over there what it may reach.

Addresses look like those of the internet, and whatever leaves `here`, wherever it goes, arrives `there`, where every packet that begins
something is written down. Needs root and `ip` (iproute2); nothing of it is left when the test ends.
"""

import ctypes
import os
import shutil
import socket
import ssl
import struct
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

HERE, THERE = "93.184.216.1", "93.184.216.34"  # public ones: in these networks they are ours
PNG = bytes.fromhex(  # four by four points, blue
    "89504e470d0a1a0a0000000d4948445200000004000000040802000000269309290000000f49444154789c636068388040c4"
    "7100fc4314016276d4120000000049454e44ae426082"
)
_CLONE_NEWNET = 0x40000000  # of the thread that says it (man 2 unshare, setns)
_libc = ctypes.CDLL(None, use_errno=True)
_ALL_PROTOCOLS, _IPV4, _TCP, _UDP, _SYN, _OUTGOING = 3, 0x0800, 6, 17, 0x02, 4


class Networks:
    """`with inside("here")`: this thread, and what it starts, is in that network."""

    def __init__(self) -> None:
        self._own = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        self._places = {name: _made(self._own) for name in ("here", "there")}
        self.began: list[tuple[str, str, int]] = []  # (tcp or udp, address, port) of whatever left `here` in order to begin something
        with self.inside("here"):
            _ip("link", "add", "cable", "type", "veth", "peer", "name", "cable", "netns", f"/proc/{os.getpid()}/fd/{self._places['there']}")
        for name, address in (("here", HERE), ("there", THERE)):
            with self.inside(name):
                _ip("link", "set", "lo", "up")
                _ip("addr", "add", f"{address}/24", "dev", "cable")
                _ip("link", "set", "cable", "up")
        with self.inside("here"):
            _ip("route", "add", "default", "via", THERE)
        with self.inside("there"):
            self._ear = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_ALL_PROTOCOLS))
            self._ear.bind(("cable", 0))
        threading.Thread(target=self._listen, daemon=True).start()

    @contextmanager
    def inside(self, name: str) -> Iterator[None]:
        _enter(self._places[name])
        try:
            yield
        finally:
            _enter(self._own)

    def close(self) -> None:
        self._ear.close()
        for place in (*self._places.values(), self._own):
            os.close(place)

    def _listen(self) -> None:
        with suppress(OSError):
            while True:
                packet, (_, protocol, kind, *_) = self._ear.recvfrom(65536)
                if protocol == _IPV4 and kind != _OUTGOING and len(packet) > 20:
                    self._note(packet)

    def _note(self, packet: bytes) -> None:
        begin, target = (packet[0] & 15) * 4, str(ip_address(packet[16:20]))
        if packet[9] == _TCP and packet[begin + 13] & 0x12 == _SYN:
            self.began.append(("tcp", target, struct.unpack_from("!H", packet, begin + 2)[0]))
        elif packet[9] == _UDP:
            self.began.append(("udp", target, struct.unpack_from("!H", packet, begin + 2)[0]))


class Web:
    """A web server over there on both ports; every path is the same picture. `heard`: each request as it came."""

    def __init__(self, networks: Networks, folder: Path, *names: str) -> None:
        self.heard: list[bytes] = []
        self.authority, chain = folder / "authority.pem", folder / "chain.pem"
        _certify(self.authority, chain, names)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(chain)
        with networks.inside("there"):
            self._sockets = [socket.create_server(("", port), backlog=50) for port in (80, 443)]
            for one, secured in zip(self._sockets, (None, context), strict=True):
                threading.Thread(target=self._serve, args=(one, secured), daemon=True).start()

    def close(self) -> None:
        for one in self._sockets:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _serve(self, listening: socket.socket, secured: ssl.SSLContext | None) -> None:
        with suppress(OSError):
            while True:
                connection, _ = listening.accept()
                threading.Thread(target=self._one, args=(connection, secured), daemon=True).start()

    def _one(self, connection: socket.socket, secured: ssl.SSLContext | None) -> None:
        connection.settimeout(20)
        with suppress(OSError), secured.wrap_socket(connection, server_side=True) if secured else connection as stream:
            self.heard.append(stream.recv(65536))
            stream.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nSet-Cookie: a=b\r\nContent-Length: %d\r\n\r\n" % len(PNG) + PNG)


@contextmanager
def networks() -> Iterator[Networks]:
    """Both, gone afterwards. Skips, with its reason, where this machine makes none."""
    if shutil.which("ip") is None:
        pytest.skip("no `ip` on this machine (Debian: apt-get install iproute2; ./check does it as root)")
    try:
        made = Networks()
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no network namespaces here: {error}")
    try:
        yield made
    finally:
        made.close()


def _made(own: int) -> int:
    _checked(_libc.unshare(_CLONE_NEWNET))
    try:
        return os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    finally:
        _enter(own)


def _enter(place: int) -> None:
    _checked(_libc.setns(place, _CLONE_NEWNET))


def _checked(result: int) -> None:
    if result:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


def _certify(authority: Path, chain: Path, names: tuple[str, ...]) -> None:
    """An authority for this test alone, and a certificate by it for these names and the address over there."""
    now, keys = datetime.now(UTC), [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    issuer = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "authority of a test")])
    own = x509.BasicConstraints(ca=True, path_length=None)
    alternatives = x509.SubjectAlternativeName([*map(x509.DNSName, names), x509.IPAddress(ip_address(THERE))])
    made = []
    for key, subject, extension in ((keys[0], issuer, own), (keys[1], x509.Name([]), alternatives)):
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
        builder = builder.serial_number(x509.random_serial_number()).add_extension(extension, critical=True)
        builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=2))
        made.append(builder.sign(keys[0], hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    private = keys[1].private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )  # fmt: skip
    authority.write_bytes(made[0])
    chain.write_bytes(private + made[1])
