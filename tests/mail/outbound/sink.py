"""A server on loopback that speaks real SMTP and can misbehave: what tests send to, and what they find afterwards.

Knows EHLO, PIPELINING, SIZE, 8BITMIME, SMTPUTF8, DSN, STARTTLS; answers by recipient; drops, stalls, lies where it is told to.
"""

import asyncio
import re
import ssl
import threading
from dataclasses import dataclass, field


@dataclass
class Taken:
    """A message that got its 250."""

    sender: str
    recipients: list[str]
    data: bytes
    tls: bool
    mail: str
    rcpts: list[str]


@dataclass
class Sink:
    """Listens on `host` until it is closed; every attribute may be changed while it runs."""

    host: str = "127.0.0.1"
    port: int = 0
    tls: ssl.SSLContext | None = None
    is_tls: bool = False  # from the first octet
    offers: tuple[str, ...] = ("PIPELINING", "SIZE 50000000", "8BITMIME", "SMTPUTF8", "DSN")
    greeting: str = "220 sink"
    answers: dict[str, str] = field(default_factory=dict)  # recipient -> reply to RCPT
    after_data: str = "250 2.0.0 taken"
    mail_answer: str = "250 2.1.0 ok"
    drop: str = ""  # greeting | mail | body | taken: close the connection there (taken: stored, and no reply)
    silent: str = ""  # greeting | final: never answer
    starttls_answer: str = "220 go"
    injected: bytes = b""  # sent with the answer to STARTTLS, in the clear
    most_recipients: int = 1000
    users: dict[str, str] = field(default_factory=dict)
    taken: list[Taken] = field(default_factory=list)
    connections: int = 0
    at_once: int = 0
    most_at_once: int = 0
    lines: list[str] = field(default_factory=list)
    pause: float = 0.0

    def __enter__(self) -> "Sink":
        self._ready, self._loop = threading.Event(), asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self._ready.wait(5)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(5)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())

    async def _serve(self) -> None:
        self._stop = asyncio.Event()
        server = await asyncio.start_server(self._client, self.host, self.port, ssl=self.tls if self.is_tls else None)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        server.close()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.at_once += 1
        self.most_at_once = max(self.at_once, self.most_at_once)
        try:
            await self._talk(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError, OSError):
            pass
        finally:
            self.at_once -= 1
            writer.close()

    async def _talk(self, reader, writer) -> None:
        def say(text: str) -> None:
            writer.write(text.encode() + b"\r\n")

        if self.drop == "greeting":
            return
        if self.silent == "greeting":
            await asyncio.sleep(60)
        say(self.greeting)
        secured, sender, rcpts, mail = self.is_tls, None, [], ""
        while line := (await reader.readline()).decode("utf-8", "surrogateescape").rstrip("\r\n"):
            self.lines.append(line)
            verb = line.split(" ")[0].upper()
            if self.pause:
                await asyncio.sleep(self.pause)
            if verb == "EHLO":
                offers = [*self.offers, *(["STARTTLS"] if self.tls and not secured else []), *(["AUTH PLAIN LOGIN"] if self.users else [])]
                for number, one in enumerate(["sink", *offers]):
                    say(f"250{' ' if number == len(offers) else '-'}{one}")
            elif verb == "HELO":
                say("250 sink")
            elif verb == "STARTTLS":
                writer.write(self.starttls_answer.encode() + b"\r\n" + self.injected)
                await writer.drain()
                if self.starttls_answer.startswith("220"):
                    await writer.start_tls(self.tls)
                    secured = True
            elif verb == "AUTH":
                say("235 2.7.0 welcome")
            elif verb == "MAIL":
                if self.drop == "mail":
                    return
                sender, rcpts, mail = re.search("<(.*?)>", line)[1], [], line
                say(self.mail_answer)
                if not self.mail_answer.startswith("2"):
                    sender = None
            elif verb == "RCPT":
                address = re.search("<(.*?)>", line)[1]
                answer = self.answers.get(address, "250 2.1.5 ok")
                if sender is None:
                    answer = "503 5.5.1 MAIL first"
                elif len(rcpts) >= self.most_recipients:
                    answer = "452 4.5.3 too many recipients"
                if answer.startswith("2"):
                    rcpts.append((address, line))
                say(answer)
            elif verb == "DATA":
                if not rcpts:
                    say("554 5.5.1 no valid recipients")
                    continue
                say("354 go")
                await writer.drain()
                if self.drop == "body":
                    await reader.read(10)
                    return
                data = (await self._until_dot(reader)).replace(b"\r\n..", b"\r\n.")
                data = data[1:] if data.startswith(b".") else data
                if self.after_data.startswith("2"):
                    self.taken.append(Taken(sender, [one for one, _ in rcpts], data, secured, mail, [raw for _, raw in rcpts]))
                if self.drop == "taken":
                    return
                if self.silent == "final":
                    await asyncio.sleep(60)
                say(self.after_data)
                sender, rcpts = None, []
            elif verb == "RSET":
                sender, rcpts = None, []
                say("250 2.0.0 ok")
            elif verb == "QUIT":
                say("221 bye")
                return
            else:
                say("500 5.5.2 what")
            await writer.drain()

    async def _until_dot(self, reader) -> bytes:
        data = bytearray(b"\r\n")
        while not data.endswith(b"\r\n.\r\n"):
            piece = await reader.read(65536)  # our client waits for the answer: nothing follows the dot
            if not piece:
                raise ConnectionError
            data += piece
        return bytes(data[2:-3])
