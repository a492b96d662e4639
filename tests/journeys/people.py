"""Whoever lives a life here: one resident, everything that was ever planted about them, and what they can do in a browser."""

import hashlib
import io
import json
import re
import zipfile
from dataclasses import dataclass, field
from secrets import token_hex
from typing import Any

from tests.doors.web.browsing import Page
from tests.journeys.browsing import Browser
from tests.journeys.running import Running

OVERVIEW, END, COLLECT = "/datenschutz/meine-daten", "/datenschutz/kuendigen", "/abholen"


@dataclass
class Resident:
    """One person with canaries of their own. `planted` grows: everything that nobody may find at the end."""

    here: Running
    host: str = "ahaus.localhost"
    domain: str = "ahaus.net"
    voluntary: bool = True
    mark: str = field(default_factory=lambda: token_hex(5))
    planted: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.localpart = f"kanaria.{self.mark}"
        self.address = f"{self.localpart}@{self.domain}"
        self.password = f"Kanarienpasswort {self.mark}"
        # a birth date is a date: only one that nothing else could be is found without doubt
        self.fields = {
            "kind": "person", "name": f"Kanaria {self.mark} Zaunkönig", "birth_date": "1931-07-19",
            "street": f"Kanarienweg {self.mark}", "postcode": "48683", "town": f"Kanarienort {self.mark}", "localpart": self.localpart,
            "password": self.password, "password_again": self.password, "tariff": "basis",
            "nickname": f"Rufname {self.mark}", "contact_mail": f"andere.{self.mark}@example.org",
        }  # fmt: skip
        if not self.voluntary:
            self.fields |= {"nickname": "", "contact_mail": ""}
        hidden = ("kind", "tariff", "postcode", "password_again")
        self.planted += [self.address, *(value for name, value in self.fields.items() if value and name not in hidden)]
        self.browser = self.new_browser()

    @property
    def shown(self) -> list[str]:
        """What the privacy centre has to show them."""
        wanted = ("name", "street", "town", "nickname", "contact_mail")
        return [self.address, *(self.fields[name] for name in wanted if self.fields[name])]

    def new_browser(self, *, cookies: bool = True, **headers: str) -> Browser:
        """A browser that says things about itself and its owner that nobody has asked for."""
        said = {
            "User-Agent": f"Kanarienbrowser/{self.mark}",
            "Referer": f"http://suchmaschine.example/?q=geheim-{self.mark}",
            "X-Forwarded-For": "203.0.113.211",
            "X-Real-IP": "2001:db8:7a57:e::beef",
            "Accept-Language": f"de-x-{self.mark[:8]}",
            **headers,
        }
        self.plant(said["User-Agent"], f"geheim-{self.mark}", "203.0.113.211", "2001:db8:7a57:e::beef")
        return Browser(self.here.web, self.host, cookies=cookies, **said)

    def plant(self, *tokens: str) -> None:
        """Remember more of what must be gone."""
        self.planted += [token for token in tokens if token not in self.planted]

    def fill_in(self, browser: Browser) -> Page:
        """The first step of the order; returns the overview."""
        return browser.send(browser.get("/bestellen").form("bestellen"), step="check", **self.fields)

    def confirm(self, browser: Browser, overview: Page, **more: str) -> Page:
        """The second step, after the twenty seconds that a browser without JavaScript waits."""
        self.here.command("clock", "advance", "PT21S")
        terms = next(given["value"] for tag, given in overview.tags if given.get("name") == "terms")
        done = browser.send(overview.form("bestellen"), step="place", terms=terms, **more)
        shown = re.search(rb'id="wiederherstellungscode">([A-Z2-9-]+)<', done.response.content)
        assert shown
        self.plant(shown[1].decode())
        return done

    def order(self) -> Page:
        """Order without cookies and without JavaScript."""
        browser = self.new_browser(cookies=False)
        done = self.confirm(browser, self.fill_in(browser))
        assert browser.offered == []
        return done

    def login(self, way: str = "cookie") -> Page:
        page = self.browser.login(self.address, self.password, way=way)
        self.plant(*self.browser.jar.values())
        return page

    def inbox(self) -> list[int]:
        """uids of the inbox, oldest first, over all its pages."""
        page, found, seen = self.browser.get("/postfach"), [], {""}
        while True:
            links = [link.rpartition("/postfach/")[2] for link in page.links]
            found += [int(link.partition("/")[2]) for link in links if link.startswith("1/") and link[2:].isdecimal()]
            older = {link for link in page.links if link.startswith("/postfach/1?vor=")} - seen  # the way to English has one too
            if not older:
                return sorted(set(found))
            seen |= older
            page = self.browser.get(older.pop())

    def source(self, uid: int) -> bytes:
        """A message as it lies there, with the lines that the door put before it."""
        return self.browser.raw(f"/postfach/1/{uid}/quelltext").content

    def archive(self) -> zipfile.ZipFile:
        """Everything, as a download behind the password."""
        form = self.browser.get(f"{OVERVIEW}/herunterladen").form("herunterladen")
        return zipfile.ZipFile(io.BytesIO(self.browser.send(form, password=self.password).content))

    def cancel(self, when: str = "now", day: str = "") -> Page:
        """All steps of the end; returns the confirmation, which is shown once."""
        dates = self.browser.send(self.browser.get(END).form("kuendigen"), step="check", when=when, day=day)
        done = self.browser.send(dates.form("kuendigen"), step="place", password=self.password)
        self.plant(done.codes["collection"], done.codes["reclaim"])
        return done

    def collect(self, code: str, way: str = "cookie") -> Page:
        """Open the narrow place."""
        self.browser = self.new_browser()
        page = self.browser.send(self.browser.get(COLLECT).form("abholen"), status=302, code=code, way=way)
        self.plant(*self.browser.jar.values())
        return page


def verify(archive: zipfile.ZipFile) -> dict[str, Any]:
    """The manifest, after its signature and every file have been checked. `openssl`'s work, without our code."""
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    manifest = archive.read("manifest.json")
    key = load_pem_public_key(archive.read("public_key.pem"))
    key.verify(archive.read("manifest.sig"), manifest)  # type: ignore[union-attr, call-arg, arg-type]
    listed = json.loads(manifest)
    for one in listed["files"]:
        content = archive.read(one["name"])
        assert (len(content), hashlib.sha256(content).hexdigest()) == (one["bytes"], one["sha256"]), one["name"]
    assert {one["name"] for one in listed["files"]} == set(archive.namelist()) - {"manifest.json", "manifest.sig"}
    return listed

