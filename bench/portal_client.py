"""Browsers of the portal's measurement: one kept connection each, cookies, and what a browser asks for when somebody clicks.

What the browser has in its cache (stylesheets, scripts, typefaces) is asked for by `weight` alone.
"""

import http.client
import json
import re
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from html import unescape
from threading import Barrier, Thread
from urllib.parse import quote, urlencode, urljoin

from bench.servers import NotThere

FORM = "application/x-www-form-urlencoded"
PATIENCE = 600.0  # seconds: a search without an index reads every message
Step = Callable[[], None]


@dataclass
class Reply:
    """An answer: `octets` of its body as they were sent, `text` unpacked."""

    status: int
    octets: int
    text: str
    location: str


class Browser:
    """One browser of one person, on one kept connection."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._cookies = f"{host}:{port}", dict[str, str]()
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)

    def get(self, path: str, *, status: int = 200, **headers: str) -> Reply:
        """Ask for a page. Raises NotThere where the answer is another one than expected."""
        return self._ask("GET", path, b"", status, headers)

    def post(self, path: str, fields: dict[str, str], *, status: int = 302) -> Reply:
        """Send a form."""
        return self._ask("POST", path, urlencode(fields).encode(), status, {"Content-Type": FORM})

    def _ask(self, method: str, path: str, body: bytes, status: int, headers: dict[str, str]) -> Reply:
        cookies = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
        sent = {"Host": self._host, "Accept-Encoding": "gzip", "User-Agent": "Mozilla/5.0 (bench)", "Cookie": cookies, **headers}
        if method == "POST":
            sent |= {"Origin": f"http://{self._host}", "Content-Length": str(len(body))}
        answer = self._answer(method, path, body, sent)
        raw = answer.read()
        for name, value in answer.getheaders():
            if name.lower() == "set-cookie":
                key, _, given = value.partition(";")[0].partition("=")
                self._cookies[key] = given
        if answer.status != status:
            raise NotThere(f"{method} {path.partition('?')[0]}: {answer.status} instead of {status}")
        packed = answer.getheader("Content-Encoding", "") == "gzip"
        text = (zlib.decompress(raw, zlib.MAX_WBITS | 16) if packed else raw).decode("utf-8", "replace")
        return Reply(answer.status, len(raw), text, answer.getheader("Location", ""))


    def _answer(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> http.client.HTTPResponse:
        for is_last in (False, True):
            try:
                self._connection.request(method, path, body or None, headers)
                return self._connection.getresponse()
            except ConnectionError:  # the server has ended it while the other side had its turn: once anew, as browsers do
                self._connection.close()
                if is_last:
                    raise
        raise AssertionError


class Ours(Browser):
    """Somebody in the portal."""

    def login(self, name: str, password: str) -> None:
        """Log in with a cookie and look at the inbox."""
        page = self.get("/anmelden").text.partition('action="/anmelden"')[2]  # another form stands before it: that for a passkey
        fields = {**_hidden(page), "address": name, "password": password, "way": "cookie"}
        self.post("/anmelden", fields)
        self.get("/postfach")
        self._find = _hidden(self.get("/postfach/suchen").text.partition('class="stack find"')[2])

    def inbox(self) -> int:
        """The list; octets of what came."""
        return _sure(self.get("/postfach"), 'class="row"').octets

    def message(self, uid: int) -> int:
        """A message, and the document of its frame."""
        page = _sure(self.get(f"/postfach/1/{uid}"), f'src="/postfach/1/{uid}/html"')
        return page.octets + self.get(f"/postfach/1/{uid}/html").octets

    def subject(self, word: str) -> int:
        """Search in subjects: the form is sent, the answer's page is asked for."""
        return self._found({"subject": word})

    def text(self, word: str) -> int:
        """Search in everything that is written."""
        return self._found({"text": word})

    def _found(self, given: dict[str, str]) -> int:
        sent = self.post("/postfach/suchen", {**self._find, **given})
        return _sure(self.get(sent.location), 'id="treffer"').octets


class Theirs(Browser):
    """Somebody in Roundcube. What its scripts ask for is read from its app.js (1.6)."""

    def login(self, name: str, password: str) -> None:
        """Log in and look at the inbox."""
        token = re.findall(r'name="_token" value="(\w+)"', self.get("/?_task=login").text)[0]
        fields = {"_token": token, "_task": "login", "_action": "login", "_timezone": "Europe/Berlin", "_url": "", "_user": name,
                  "_pass": password}  # fmt: skip
        self.post("/?_task=login", fields)
        self._token = re.findall(r'"request_token":"(\w+)"', self.get("/?_task=mail&_mbox=INBOX").text)[0]

    def inbox(self) -> int:
        """The page, and the list that its script asks for. (It asks for the unread counts as well: left out.)"""
        page = _sure(self.get("/?_task=mail&_mbox=INBOX"), "messagelist")
        return page.octets + _sure(self._remote("list", {"_mbox": "INBOX", "_page": ""}), "add_message_row").octets

    def message(self, uid: int) -> int:
        """A message; its HTML stands in the page."""
        return _sure(self.get(f"/?_task=mail&_uid={uid}&_mbox=INBOX&_action=show"), 'id="messagebody"').octets

    def subject(self, word: str) -> int:
        """Search in subjects."""
        return self._found("subject", word)

    def text(self, word: str) -> int:
        """Search in the entire message."""
        return self._found("text", word)

    def _found(self, where: str, word: str) -> int:
        fields = {"_interval": "", "_q": word, "_headers": where, "_filter": "ALL", "_scope": "base", "_mbox": "INBOX"}
        return _sure(self._remote("search", fields), '"action":"search"').octets

    def _remote(self, action: str, fields: dict[str, str]) -> Reply:
        query = urlencode({**fields, "_layout": "widescreen", "_remote": "1", "_unlock": "loading1"}, quote_via=quote)
        told = {"X-Requested-With": "XMLHttpRequest", "X-Roundcube-Request": self._token}
        return self.get(f"/?_task=mail&_action={action}&{query}", **told)


@dataclass
class Run:
    """What a run gave: how many, in how many seconds, how long each took (seconds)."""

    count: int = 0
    seconds: float = 0.0
    took: list[float] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


def together(works: Sequence[Iterator[Step]], seconds: float) -> Run:
    """Each of these does one step after another, all at the same time, for so long; whoever has begun a step ends it."""
    run, start = Run(), Barrier(len(works) + 1)
    threads = [Thread(target=_work, args=(steps, start, seconds, run), daemon=True) for steps in works]
    for thread in threads:
        thread.start()
    start.wait()
    begun = time.perf_counter()
    for thread in threads:
        thread.join()
    run.seconds = time.perf_counter() - begun
    run.count = len(run.took)
    if run.failed:
        raise NotThere(run.failed[0])
    return run


def weight(browser: Browser, path: str) -> tuple[int, int]:
    """(octets of the page, octets of all that a browser with an empty cache gets for it), as they are sent. Without pictures."""
    page = browser.get(path)
    links = re.findall(r'<(?:link|script)\b[^>]*?(?:href|src)="([^"]+\.(?:css|js)[^"]*)"', page.text)
    whole, faces = page.octets, set[str]()
    for link in dict.fromkeys(unescape(one) for one in links):
        where = urljoin(path, link)
        part = browser.get(where)
        whole += part.octets
        faces |= {urljoin(where, one) for one in re.findall(r"""url\(["']?([^"')]+\.woff2[^"')]*)""", part.text) if "ext" not in one}
    return page.octets, whole + sum(browser.get(one).octets for one in faces)


def _work(steps: Iterator[Step], start: Barrier, seconds: float, run: Run) -> None:
    start.wait()
    until = time.perf_counter() + seconds
    try:
        while True:
            begun = time.perf_counter()
            next(steps)()
            ended = time.perf_counter()
            run.took.append(ended - begun)
            if ended > until:
                return
    except (NotThere, OSError, http.client.HTTPException) as error:
        run.failed.append(str(error))


def _sure(reply: Reply, sign: str) -> Reply:
    """The answer, if it is what was asked for: a page of an error would be fast."""
    if sign not in reply.text:
        raise NotThere(f"an answer without {json.dumps(sign)}")
    return reply


def _hidden(text: str) -> dict[str, str]:
    """Hidden fields of the first form."""
    found = re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', text.partition("</form>")[0])
    return {name: unescape(value) for name, value in found}
