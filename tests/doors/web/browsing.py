"""A browser for the tests: Django's client with the real middleware, which reads the forms of a page and sends them as they are."""

from dataclasses import dataclass, field
from datetime import timedelta
from html.parser import HTMLParser
from itertools import count
from typing import ClassVar
from urllib.parse import urlencode, urlsplit

from django.test import Client

from stadtmail.kit import clock
from stadtmail.people import totp


@dataclass
class Form:
    """A form of a page: where it goes and what it sends without being touched."""

    action: str
    method: str
    values: dict[str, str] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)


class Page(HTMLParser):
    """What the tests ask of a page: its forms, links, ids and text."""

    def __init__(self, response) -> None:
        super().__init__(convert_charrefs=True)
        self.response, self.forms, self.links, self.ids, self.tags = response, [], [], [], []
        self.text, self.codes, self._code, self.classes = "", {}, "", {}
        self.feed(response.content.decode())

    def handle_starttag(self, tag, attrs) -> None:
        given = dict(attrs)
        self.tags.append((tag, given))
        if "id" in given:
            self.ids.append(given["id"])
        if tag == "a" and given.get("href"):
            self.links.append(given["href"])
            for name in (given.get("class") or "").split():
                self.classes.setdefault(name, []).append(given["href"])
        if tag == "form":
            self.forms.append(Form(given["action"], given.get("method", "get")))
        if tag in ("input", "button") and given.get("name") and self.forms:
            self._input(tag, given)
        if "data-code" in given:
            self._code = given["data-code"]

    def handle_data(self, data) -> None:
        self.text += data
        if self._code:
            self.codes[self._code] = data.strip()
            self._code = ""

    def links_of(self, name: str) -> list[str]:
        """The links of a class."""
        return self.classes.get(name, [])

    def form(self, name: str) -> Form:
        """The form that is sent to an address that ends with `name` and has the most inputs."""
        found = [one for one in self.forms if urlsplit(one.action).path.endswith(name)]
        assert found, f"no form for {name} among {[one.action for one in self.forms]}"
        return max(found, key=lambda one: len(one.names))

    def _input(self, tag, given) -> None:
        form = self.forms[-1]
        form.names.add(given["name"])
        chosen = given.get("type") not in ("radio", "checkbox") or "checked" in given
        if tag == "input" and chosen:
            form.values[given["name"]] = given.get("value", "")


class Browser:
    """One browser in one city, in a network of its own: limits by network then count what one test does."""

    networks = count(1)
    apps: ClassVar[dict[tuple[str, str], str]] = {}  # the code apps of whoever logs in at a desk

    def __init__(self, host: str = "ahaus.localhost", **headers: str) -> None:
        own = next(self.networks)
        self.client = Client(**{"HTTP_HOST": host, "REMOTE_ADDR": f"10.{own >> 8 & 255}.{own & 255}.1", **headers})
        self.host = host

    def get(self, path: str, *, status: int = 200) -> Page:
        response = self.client.get(path)
        assert response.status_code == status, (path, response.status_code, response.headers.get("Location"))
        return Page(response)

    def raw(self, path: str, *, status: int = 200):
        response = self.client.get(path)
        assert response.status_code == status, (path, response.status_code)
        return response

    def send(self, form: Form, *, status: int = 200, **values: str):
        """Submit the form. Follows one redirect where `status` is 302 and returns its page."""
        response = self.client.post(form.action, urlencode({**form.values, **values}), content_type="application/x-www-form-urlencoded")
        assert response.status_code == status, (form.action, response.status_code, _why(response))
        if status == 302:
            self.at = response.headers["Location"]
            response = self.client.get(self.at)
            assert response.status_code == 200, (self.at, response.status_code)
        return response if response.streaming or "html" not in response.headers["Content-Type"] else Page(response)

    def login(self, address: str, password: str, way: str = "cookie", status: int = 302) -> Page:
        return self.send(self.get("/anmelden").form("anmelden"), status=status, address=address, password=password, way=way)

    def desk(self, login: str, password: str) -> Page:
        """Log in at the desk: at the first time a code app is set up, later its code is asked for."""
        page = self.send(self.get("/schreibtisch/anmelden").form("schreibtisch/anmelden"), login=login, password=password)
        if "secret" in page.codes:
            self.apps[self.host, login] = secret = page.codes["secret"].replace(" ", "")
            page = self.send(page.form("anmelden/einrichten"), app_code=totp.code(secret, clock.now()))
            return self.get(page.links_of("kern-btn--primary")[0])
        return self.send(page.form("anmelden/zweiter-schritt"), status=302, code=self.next_code(login))

    def next_code(self, login: str) -> str:
        """A code of the app that nobody has used yet: the set-up took the present one."""
        return totp.code(self.apps[self.host, login], clock.now() + timedelta(seconds=totp.SECONDS))


def _why(response) -> str:
    return Page(response).text[-1500:] if "html" in response.headers.get("Content-Type", "") and not response.streaming else ""
