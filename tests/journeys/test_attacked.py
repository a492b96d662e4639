"""What an adversary tries on a running instance: replay, a neighbouring city, headers that carry more than was asked."""

import socket
import threading

import pytest

from stadtmail.people import totp
from tests.journeys import post
from tests.journeys.browsing import Browser
from tests.journeys.people import COLLECT, OVERVIEW, Resident
from tests.journeys.running import PASSWORD, Running, moment, running

pytestmark = pytest.mark.timeout(400)


@pytest.fixture(scope="module")
def here():
    with running() as made:
        yield made


@pytest.fixture
def resident(here: Running) -> Resident:
    made = Resident(here, voluntary=False)
    made.order()
    return made


def is_dead(here: Running, token: str, name: str = "stadtmail") -> bool:
    """Does this cookie open nothing?"""
    thief = Browser(here.web)
    thief.jar[name] = token
    answers = [thief.raw(path, status=None) for path in ("/postfach", OVERVIEW, f"{COLLECT}/herunterladen")]
    return all(answer.status_code == 302 for answer in answers)


def test_c21_c25_what_a_browser_says_about_itself_lies_nowhere(here: Running, resident: Resident) -> None:
    resident.login()
    resident.browser.get(OVERVIEW)
    resident.browser.raw(f"/postfach?q=geheim-{resident.mark}")
    resident.browser.raw(f"/gibt-es-nicht/geheim-{resident.mark}", status=404)
    said = (f"Kanarienbrowser/{resident.mark}", f"geheim-{resident.mark}", "203.0.113.211", "2001:db8:7a57:e::beef")
    assert here.look("scan", given="\n".join((*said, *resident.browser.jar.values())))["hits"] == []


def test_c12_a_mail_with_remote_pictures_makes_nobody_fetch_them(here: Running, resident: Resident) -> None:
    with socket.create_server(("127.0.0.1", 0)) as trap:
        trap.settimeout(3)
        address = f"http://127.0.0.1:{trap.getsockname()[1]}/pixel.gif"
        caught: list[object] = []
        listener = threading.Thread(target=lambda: _catch(trap, caught))
        listener.start()
        html = f'<img src="{address}"><link rel="stylesheet" href="{address}"><p style="background:url({address})">x</p>'
        post.send(here.smtp, post.letter("Falle", html, "html"), resident.address)
        resident.login()
        uid = resident.inbox()[-1]
        resident.browser.get(f"/postfach/1/{uid}")
        shown = resident.browser.raw(f"/postfach/1/{uid}/html").content
        resident.archive()
        listener.join()
        assert caught == []
        assert address.encode() not in shown


def _catch(trap: socket.socket, caught: list[object]) -> None:
    try:
        caught.append(trap.accept())
    except TimeoutError:
        return


def test_law5_from_another_city_nothing_opens(here: Running, resident: Resident) -> None:
    resident.login()
    (token,) = resident.browser.jar.values()
    clara = Browser(here.web, "musterstadt.localhost")
    assert clara.login(resident.address, resident.password, status=403).text
    clara.jar["stadtmail"] = token
    for path in ("/postfach", "/postfach/1/1", "/postfach/1/1/quelltext", OVERVIEW, f"{OVERVIEW}/herunterladen", "/schreibtisch"):
        assert clara.raw(path, status=302).headers["Location"].startswith(("/anmelden", "/schreibtisch/anmelden"))
    desk = Browser(here.web, "musterstadt.localhost")
    form = desk.get("/schreibtisch/anmelden").form("schreibtisch/anmelden")
    desk.send(form, status=403, login="buergerbuero@ahaus.net", password=PASSWORD)
    assert Browser(here.web, "fremd.localhost").raw("/", status=421)


def test_a_city_that_approves_lets_nobody_in_before(here: Running) -> None:
    other = Resident(here, "musterstadt.localhost", "musterstadt.example", voluntary=False)
    other.order()
    other.browser.login(other.address, other.password, status=403)
    with pytest.raises(post.smtplib.SMTPRecipientsRefused):
        post.send(here.smtp, post.letter("zu früh", "x"), other.address)
    desk = Browser(here.web, "musterstadt.localhost")
    form = desk.get("/schreibtisch/anmelden").form("schreibtisch/anmelden")
    page = desk.send(form, login="buergerbuero@musterstadt.example", password=PASSWORD)
    desk.raw("/schreibtisch", status=302)  # nothing opens before the second factor is set up
    secret = page.codes["secret"].replace(" ", "")
    shown = desk.send(page.form("anmelden/einrichten"), app_code=totp.code(secret, moment(here)))
    page = desk.get(shown.links_of("kern-btn--primary")[0])
    (order,) = {link for link in page.links if link.startswith("/schreibtisch/bestellung/")}
    seen = desk.send(desk.get(order).form(order), step="open", purpose="order_check")
    assert other.fields["name"] in seen.text
    desk.send(seen.form(order), status=302, step="accept")
    assert post.send(here.smtp, post.letter("willkommen", "x"), other.address) == {}
    other.login()
    assert len(other.inbox()) == 2


def test_c32_a_cookie_is_dead_after_logout_new_password_power_failure_and_end(here: Running, resident: Resident) -> None:
    page = resident.login()
    (token,) = resident.browser.jar.values()
    assert not is_dead(here, token)
    resident.browser.send(page.form("abmelden"), status=302)
    assert is_dead(here, token)

    resident.login()
    (token,) = resident.browser.jar.values()
    new = f"Noch ein Satz {resident.mark}"
    form = resident.browser.get(f"{OVERVIEW}/passwort").form("passwort")
    resident.browser.send(form, status=302, password=resident.password, password_new=new, password_again=new)
    resident.password = new
    assert is_dead(here, token)

    (token,) = resident.browser.jar.values()
    here.kill()
    here.start()
    assert is_dead(here, token)

    resident.login()
    (token,) = resident.browser.jar.values()
    resident.cancel()
    assert is_dead(here, token)
    here.command("clock", "advance", "P31D")
    assert is_dead(here, token)
