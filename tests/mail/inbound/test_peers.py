"""rspamd and ClamAV, as fakes that speak their protocols on loopback: what they say, when they are down, slow or mad."""

import socket
import threading
import time

import pytest

from stadtmail.kit.resolver import Resolver
from stadtmail.mail.inbound import judging
from stadtmail.mail.spam.peers import Clamd, Rspamd
from stadtmail.mail.verdicts import Verdict
from tests.mail.inbound.test_examining import RAW

EICAR = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"


class Peer:
    """Answers each connection with what `answer` makes of what was sent; `ended` says when that is whole."""

    def __init__(self, answer, ended) -> None:
        self._answer, self._ended, self.seen = answer, ended, b""
        self._closed = threading.Event()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                sock, _ = self._socket.accept()
            except OSError:
                return
            with sock:
                self.seen = b""
                while not self._ended(self.seen):
                    more = sock.recv(65536)
                    if not more:
                        break
                    self.seen += more
                answer = self._answer(self.seen)
                if answer is None:
                    self._closed.wait(30)
                else:
                    sock.sendall(answer)

    def close(self) -> None:
        self._closed.set()
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


@pytest.fixture
def peer():
    made: list[Peer] = []

    def run(answer, ended) -> Peer:
        made.append(Peer(answer, ended))
        return made[-1]

    yield run
    for one in made:
        one.close()


def _whole_http(seen: bytes) -> bool:
    head, blank, body = seen.partition(b"\r\n\r\n")
    if not blank:
        return False
    length = next(int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
    return len(body) >= length


def rspamd(peer, answer: bytes | None) -> Peer:
    whole = None if answer is None else b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n" + answer
    return peer(lambda _: whole, _whole_http)


def clamd(peer, answer=None) -> Peer:
    def found(seen: bytes) -> bytes:
        assert seen.startswith(b"zINSTREAM\0")
        data, rest = b"", seen[10:]
        while size := int.from_bytes(rest[:4], "big"):
            data, rest = data + rest[4 : 4 + size], rest[4 + size :]
        return answer or (b"stream: Eicar-Test-Signature FOUND\0" if EICAR in data else b"stream: OK\0")

    return peer(found, lambda seen: seen.endswith(bytes(4)))


def scanned(examine, raw, *scanners) -> Verdict:
    return examine(raw, resolver=Resolver(), scanners=scanners)


@pytest.mark.parametrize(
    ("action", "is_junk", "reject"),
    [("no action", False, None), ("greylist", False, None), ("soft reject", False, None), ("add header", True, None),
     ("rewrite subject", True, None), ("reject", True, "spam")],
)  # fmt: skip
def test_rspamd_says_what_becomes_of_a_message(examine, peer, action, is_junk, reject) -> None:
    there = rspamd(peer, b'{"action": "%s", "score": 1.0, "required_score": 15.0}' % action.encode())
    verdict = scanned(examine, RAW, Rspamd(f"http://geheim@127.0.0.1:{there.port}"))
    assert (verdict.is_junk, verdict.reject) == (is_junk, reject)
    assert there.seen.startswith(b"POST /checkv2 HTTP/1.0\r\n")
    assert b"\r\nHelo: mx.peer.example\r\nFrom: x@peer.example\r\nPassword: geheim\r\n" in there.seen
    assert there.seen.endswith(RAW)


def test_a_sender_cannot_write_headers_of_its_own(examine, peer) -> None:
    there = rspamd(peer, b'{"action": "no action"}')
    examine(RAW, resolver=Resolver(), scanners=[Rspamd(f"http://127.0.0.1:{there.port}")], sender="x\r\nUser: root@peer.example")
    assert b"\r\nUser:" not in there.seen


def test_clamav_finds_what_is_malicious_and_it_is_refused(examine, peer) -> None:
    there = clamd(peer)
    assert scanned(examine, RAW, Clamd(f"127.0.0.1:{there.port}")).reject is None
    verdict = scanned(examine, RAW + EICAR, Clamd(f"127.0.0.1:{there.port}"))
    assert verdict.reject == "malware"
    with pytest.raises(judging.Malicious):
        judging.judged(verdict, [judging.Target(None, None, "officer", None, b"")])  # not even a role takes that


def test_a_large_message_is_sent_in_pieces(examine, peer) -> None:
    class Large:
        def __len__(self) -> int:
            return 3 * 1024 * 1024

        def __iter__(self):
            return iter([RAW + b"x" * (1024 * 1024 - len(RAW)), b"y" * 1024 * 1024, b"z" * (1024 * 1024 - len(EICAR)) + EICAR])

    there = clamd(peer)
    assert scanned(examine, Large(), Clamd(f"127.0.0.1:{there.port}")).reject == "malware"


@pytest.mark.parametrize("answer", [None, b"", b"nonsense", b"[]", b'{"action": 7}', b'{"score": 1}', b"{" * 100_000])
def test_an_rspamd_that_is_mad_or_slow_lets_mail_pass(examine, peer, answer) -> None:
    there, begin = rspamd(peer, answer), time.monotonic()
    verdict = scanned(examine, RAW, Rspamd(f"http://127.0.0.1:{there.port}", seconds=0.5))
    assert (verdict.is_junk, verdict.reject) == (False, None)
    assert time.monotonic() - begin < 20


@pytest.mark.parametrize("answer", [b"", b"stream: what? ERROR\0", b"INSTREAM size limit exceeded. ERROR\0", b"x" * 5000])
def test_a_clamav_that_is_mad_lets_mail_pass(examine, peer, answer) -> None:
    there = peer(lambda _: answer, lambda seen: seen.endswith(bytes(4)))
    assert scanned(examine, RAW + EICAR, Clamd(f"127.0.0.1:{there.port}")).reject is None


def test_scanners_that_are_not_there_let_mail_pass(examine) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    for scanner in (Clamd("/nowhere/clamd.sock"), Clamd(f"127.0.0.1:{port}"), Rspamd(f"http://127.0.0.1:{port}")):
        assert scanned(examine, RAW, scanner).reject is None
