"""A browser without JavaScript on a real socket: reads the forms of a page and sends them; keeps cookies only if it may."""

import http.client
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urlencode

from tests.doors.web.browsing import Form, Page


class Answer:
    """What came back, whole."""

    def __init__(self, path: str, response: http.client.HTTPResponse) -> None:
        self.path, self.status_code, self.headers = path, response.status, response.headers
        self.content = response.read()

    @property
    def page(self) -> Page:
        """The page, where it is one."""
        return Page(self)


class Browser:
    """One browser in one city. `cookies=False`: it refuses all of them."""

    def __init__(self, port: int, host: str = "ahaus.localhost", *, cookies: bool = True, **headers: str) -> None:
        self.port, self.host, self.keeps, self.headers = port, host, cookies, headers
        self.jar: dict[str, str] = {}
        self.offered: list[str] = []  # every cookie that any answer wanted to set
        self.at = ""

    def ask(self, method: str, path: str, body: str | bytes | None = None, *, status: int | None = 200, **headers: str) -> Answer:
        """One request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        sent = {"Host": f"{self.host}:{self.port}", **self.headers, **headers}
        if self.jar:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.jar.items())
        if body is not None:
            sent.setdefault("Content-Type", "application/x-www-form-urlencoded")
        try:
            connection.request(method, path, body, sent)
            answer = Answer(path, connection.getresponse())
        finally:
            connection.close()
        self._take(answer)
        location = answer.headers.get("Location")
        assert status is None or answer.status_code == status, (method, path, answer.status_code, location, _why(answer))
        return answer

    def get(self, path: str, *, status: int = 200) -> Page:
        return self.ask("GET", path, status=status).page

    def raw(self, path: str, *, status: int | None = 200) -> Answer:
        return self.ask("GET", path, status=status)

    def send(self, form: Form, *, status: int = 200, **values: str) -> Any:
        """Submit the form. Where `status` is 302 follow it. Returns the page, or the answer where it is none."""
        answer = self.ask("POST", form.action, urlencode({**form.values, **values}), status=status)
        if status == 302:
            self.at = answer.headers["Location"]
            answer = self.ask("GET", self.at)
        return answer.page if "html" in answer.headers["Content-Type"] else answer

    def login(self, address: str, password: str, way: str = "cookie", status: int = 302) -> Page:
        return self.send(self.get("/anmelden").form("anmelden"), status=status, address=address, password=password, way=way)

    def _take(self, answer: Answer) -> None:
        for line in answer.headers.get_all("Set-Cookie", []):
            self.offered.append(line)
            for name, morsel in SimpleCookie(line).items():
                if self.keeps:
                    self.jar[name] = morsel.value


def _why(answer: Answer) -> str:
    return Page(answer).text[-1200:] if "html" in answer.headers.get("Content-Type", "") else ""
