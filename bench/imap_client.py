"""The client of the IMAP measurements: the same octets to whichever server. Run as a program it prints one line of JSON.

usage: python -m bench.imap_client PORT CLIENTS SECONDS keep|login NAME:PASSWORD …
"""

import json
import socket
import ssl
import sys
import threading
import time

FIRST = b"UID FLAGS ENVELOPE INTERNALDATE RFC822.SIZE"
COMMANDS = 11  # in one session of the mix, without LOGIN and LOGOUT


class Client:
    """Speaks to a server and waits for each answer."""

    def __init__(self, port: int, *, tls: bool = False) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=120)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            self._socket = context.wrap_socket(self._socket)
        self._until(b"\r\n")

    def ask(self, command: bytes) -> bytes:
        """Send a command and read to the end of its answer; raises where it is refused."""
        self._socket.sendall(b"t " + command + b"\r\n")
        answer = self._until(b"\r\n", tagged=True)
        if b"t OK" not in answer[answer.rfind(b"\r\n", 0, -2) + 1 :][:8]:
            raise ValueError(answer[-200:])
        return answer

    def idle(self) -> None:
        """Begin to IDLE."""
        self._socket.sendall(b"t IDLE\r\n")
        self._until(b"\r\n")

    def done(self) -> None:
        """End it."""
        self._socket.sendall(b"DONE\r\n")
        self._until(b"\r\n", tagged=True)

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def login(self, who: str) -> None:
        """NAME:PASSWORD."""
        name, _, password = who.partition(":")
        self.ask(f'LOGIN {name} "{password}"'.encode())

    def _until(self, end: bytes, *, tagged: bool = False) -> bytes:
        data = bytearray()
        while True:
            piece = self._socket.recv(262_144)
            if not piece:
                raise ConnectionError("the server hung up")
            data += piece
            if not data.endswith(end):
                continue
            if not tagged:
                return bytes(data)
            if data[data.rfind(b"\r\n", 0, -2) + 2 if b"\r\n" in data[:-2] else 0 :].startswith(b"t "):
                return bytes(data)


def session(client: Client) -> None:
    """The mix: what a mail program does when somebody looks after their mail."""
    answer = client.ask(b"SELECT INBOX")
    total = next(int(line.split()[1]) for line in answer.split(b"\r\n") if line.endswith(b" EXISTS"))
    client.ask(b"FETCH %d:%d (%b)" % (max(1, total - 49), total, FIRST))
    for number in range(5):
        client.ask(b"FETCH %d BODY.PEEK[]" % max(1, total - number * 7))
    client.ask(b"STORE %d +FLAGS (\\Flagged)" % total)
    client.ask(b"STORE %d -FLAGS (\\Flagged)" % total)
    client.idle()
    client.done()
    client.ask(b"NOOP")


def main() -> None:
    """Run the mix with so many clients for so long."""
    port, clients, seconds, way, *people = sys.argv[1:]
    done, until, lock, failed = [0], time.perf_counter() + float(seconds), threading.Lock(), []

    def one(number: int) -> None:
        who = people[number % len(people)]
        try:
            client = Client(int(port))
            client.login(who)
            while time.perf_counter() < until:
                session(client)
                with lock:
                    done[0] += 1
                if way == "login":
                    client.ask(b"LOGOUT")
                    client.close()
                    client = Client(int(port))
                    client.login(who)
            client.close()
        except (OSError, ValueError, StopIteration) as error:
            failed.append(repr(error))

    threads = [threading.Thread(target=one, args=(number,)) for number in range(int(clients))]
    begun = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps({"sessions": done[0], "seconds": time.perf_counter() - begun, "failed": failed[:3]}))


if __name__ == "__main__":
    main()
