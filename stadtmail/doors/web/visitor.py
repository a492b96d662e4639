"""A visitor from inside the process: asks the portal as granian would, over WSGI, without a socket. For measures (proofs.py)."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from html import unescape
from io import BytesIO
from typing import Any
from urllib.parse import urlencode

from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
from django.http.response import HttpResponseBase
from django.urls import get_script_prefix, set_script_prefix
from django.utils import translation

from stadtmail.doors.web import middleware
from stadtmail.doors.web.request import PROBE, PortalRequest

FORM_TYPE = "application/x-www-form-urlencoded"
ADDRESS = re.compile(r'\b(?:src|href|srcset|action|formaction|data|poster)="([^"]*)"')


@dataclass(frozen=True)
class Answer:
    """What came back. `cookies`: the Set-Cookie headers as they were sent."""

    code: int
    headers: tuple[tuple[str, str], ...]
    text: str

    @property
    def cookies(self) -> list[str]:
        """Every Set-Cookie header."""
        return [value for name, value in self.headers if name.lower() == "set-cookie"]

    @property
    def location(self) -> str:
        """Where the answer leads, or nothing."""
        return next((value for name, value in self.headers if name.lower() == "location"), "")

    @property
    def hidden(self) -> dict[str, str]:
        """Hidden fields of the page's last form."""
        found = re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', self.text.rpartition("<form")[2])
        return {name: unescape(value) for name, value in found}

    @property
    def loads(self) -> list[str]:
        """Every address that the page makes a browser ask for, or a form send to."""
        tags = re.findall(r"<(?:link|script|img|iframe|source|video|audio|object|embed|form|button)\b[^>]*>", self.text)
        return [unescape(found) for tag in tags for found in ADDRESS.findall(tag)]


@dataclass(frozen=True)
class Visitor:
    """Somebody who reads the pages of one host, with the cookies that they were given by name (none of its own)."""

    host: str
    cookies: str = ""
    tls: bool = False

    def get(self, path: str) -> Answer:
        """Ask for a page."""
        return self._ask(self._environ("GET", path))

    def post(self, path: str, fields: Mapping[str, str]) -> Answer:
        """Send a form."""
        return self._ask(self._environ("POST", path, urlencode(fields).encode()))

    def through_door(self, page: Callable[[PortalRequest], HttpResponseBase]) -> HttpResponseBase:
        """What the door makes of this page's answer: everything that stands before and behind a page, without a URL of its own."""
        with _undisturbed():
            return middleware.Portal(page)(WSGIRequest(self._environ("GET", "/")))  # type: ignore[arg-type]

    def _environ(self, method: str, path: str, body: bytes = b"") -> dict[str, Any]:
        path, _, query = path.partition("?")
        return {
            "REQUEST_METHOD": method, "PATH_INFO": path.encode().decode("latin-1"), "QUERY_STRING": query, "SCRIPT_NAME": "",
            "SERVER_NAME": self.host, "SERVER_PORT": "443" if self.tls else "80", "SERVER_PROTOCOL": "HTTP/1.1", "REMOTE_ADDR": "127.0.0.1",
            "HTTP_HOST": self.host, "HTTP_COOKIE": self.cookies, "HTTP_USER_AGENT": "stadtmail prove", "CONTENT_TYPE": FORM_TYPE,
            "CONTENT_LENGTH": str(len(body)), "wsgi.input": BytesIO(body), "wsgi.url_scheme": "https" if self.tls else "http",
            "wsgi.errors": BytesIO(), "wsgi.version": (1, 0), "wsgi.multithread": True, "wsgi.multiprocess": True, "wsgi.run_once": False,
            PROBE: True,
        }  # fmt: skip

    def _ask(self, environ: dict[str, Any]) -> Answer:
        found: dict[str, Any] = {}

        def start(status: str, headers: list[tuple[str, str]], *_: object) -> Callable[[bytes], object]:
            found["code"], found["headers"] = int(status.split(maxsplit=1)[0]), tuple(headers)
            return lambda _: None

        with _undisturbed():
            parts = _portal()(environ, start)
            try:
                text = b"".join(parts).decode("utf-8", "replace")
            finally:
                if hasattr(parts, "close"):
                    parts.close()
        return Answer(found["code"], found["headers"], text)


@cache
def _portal() -> WSGIHandler:
    return WSGIHandler()


class _undisturbed:  # noqa: N801 - used like a function
    """Language and prefix of this thread's own request stay as they were."""

    def __enter__(self) -> None:
        self._before = (translation.get_language(), get_script_prefix())

    def __exit__(self, *_: object) -> None:
        language, prefix = self._before
        translation.activate(language) if language else translation.deactivate()
        set_script_prefix(prefix)
