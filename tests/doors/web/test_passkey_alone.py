"""Logging in with a passkey alone at the door: one challenge, once, in its city; sealed mailboxes by PRF (C-2.2, C-2.8, C-3.1, C-4.7)."""

import json
from base64 import urlsafe_b64decode
from urllib.parse import urlencode

import pytest

from stadtmail.kit import clock
from stadtmail.mail import queries as mail
from stadtmail.mail import wraps
from stadtmail.mail.actions import sealed
from stadtmail.mail.models import Wrap
from stadtmail.people.actions import contracts, credentials
from stadtmail.people.models import Passkey, Passwordless
from tests.doors.web import cast
from tests.doors.web.browsing import Browser
from tests.doors.web.test_passkeys import add, options
from tests.doors.web.test_sealed_steps import lies
from tests.doors.web.test_second_factor import PAGE, is_in
from tests.people.authenticator import Device, b64

ADDRESS, ALONE, DOOR = "anna.k@ahaus.net", f"{PAGE}/ohne-passwort", "/anmelden/passkey"
MAIL = b"From: Vera <vera@elsewhere.example>\r\nTo: anna.k@ahaus.net\r\nSubject: Mohnblume 77\r\n\r\nKornblume 99\r\n"
REFUSED = "Das hat nicht geklappt"
pytestmark = pytest.mark.usefixtures("still_clock")


@pytest.fixture
def device(anna) -> Device:
    """Anna's passkey, which is enough."""
    made = Device()
    add(anna, made)
    allow(anna, made)
    return made


def allow(browser: Browser, device: Device, *, status: int = 302, prf: bool = True, **more: str):
    page = browser.get(ALONE)
    answer = device.get(options(page, "data-alone"))
    given = {"answer": answer, "prf": b64(device.prf) if prf else "", "password": cast.PASSWORD, **more}
    return browser.send(page.form("ohne-passwort"), status=status, **given)


def ask(browser: Browser) -> dict[str, str]:
    return browser.raw(f"{DOOR}/frage").json()


def enter(browser: Browser, device: Device, *, status: int = 302, way: str = "cookie", **more: str):
    asked = ask(browser)
    given = {"challenge": asked["challenge"], "passkey": device.get(asked["options"]), "prf": b64(device.prf), "way": way, **more}
    return browser.send(browser.get("/anmelden").form("passkey"), status=status, **given)


def test_it_is_switched_on_with_the_password_and_lets_in_without(anna, device) -> None:
    assert "Zum Anmelden genügt ab jetzt dieser Passkey" in anna.get(f"{PAGE}?fertig=ohne-passwort").text
    browser = Browser()
    page = browser.get("/anmelden")
    assert not page.response.cookies
    assert "<template" in page.response.content.decode()  # without JavaScript there is no button that does nothing
    enter(browser, device)
    assert is_in(browser)
    browser.login(ADDRESS, cast.PASSWORD, status=200)  # the password is good still, and asks for the second factor
    away = Browser()
    enter(away, device, next="/datenschutz/meine-daten")
    assert away.at == "/datenschutz/meine-daten"
    away = Browser()
    enter(away, device, next="https://evil.example/")
    assert away.at == "/postfach/start"


def test_c38_the_same_without_a_cookie(anna, device) -> None:
    browser = Browser(HTTP_USER_AGENT="Testbrowser")
    enter(browser, device, way="url")
    assert browser.at.startswith("/s/")
    assert not browser.client.cookies


def test_switching_it_on_needs_password_verified_user_and_ones_own_passkey(ahaus, anna, now) -> None:
    device, bens = Device(), Device()
    add(anna, device)
    cast.resident(ahaus, "ben.b", now)
    ben = Browser()
    ben.login("ben.b@ahaus.net", cast.PASSWORD)
    assert ben.raw(ALONE, status=302).headers["Location"] == PAGE  # no passkey, no page
    add(ben, bens)
    allow(anna, device, status=403, password="falsch")
    allow(anna, bens, status=400)
    assert "JavaScript" in allow(anna, device, status=400, answer="").text
    unverified = Device(id=device.id, key=device.key, handle=device.handle, flags=0x01, counter=50)
    allow(anna, unverified, status=400)
    page, other = anna.get(ALONE), ben.get(ALONE)
    given = {"answer": device.get(options(other, "data-alone")), "prf": "", "password": cast.PASSWORD}
    anna.send(page.form("ohne-passwort"), status=403, **given, state=other.form("ohne-passwort").values["state"])
    assert not Passwordless.objects.exists()
    assert not enter(Browser(), device, status=403).response.cookies


def test_a_challenge_is_good_once_for_five_minutes_at_its_host_and_in_its_city(ahaus, musterstadt, anna, contract, now, wait) -> None:
    device = Device(step=0)  # whose counter says nothing
    add(anna, device)
    allow(anna, device)
    first, second, there = Browser(), Browser(), Browser("musterstadt.localhost")
    asked = ask(first)
    given = {"challenge": asked["challenge"], "passkey": device.get(asked["options"]), "prf": "", "way": "cookie"}
    form = second.get("/anmelden").form("passkey")
    there.send(there.get("/anmelden").form("passkey"), status=403, **given)
    first.send(first.get("/anmelden").form("passkey"), status=302, **given)
    second.send(form, status=403, **given)  # replayed
    for challenge in ("", "AAAA", ask(there)["challenge"]):
        second.send(form, status=403, **{**given, "challenge": challenge})
    late = ask(second)
    answer = device.get(late["options"])
    wait(301)
    second.send(second.get("/anmelden").form("passkey"), status=403, challenge=late["challenge"], passkey=answer, prf="", way="cookie")
    assert not is_in(second)
    assert not is_in(there)


def test_the_answer_tells_nothing_of_what_was_wrong(anna, device, contract, now) -> None:
    known = Device(id=device.id, handle=device.handle)  # another key
    unverified = Device(id=device.id, key=device.key, handle=device.handle, flags=0x01, counter=50)
    elsewhere = Device(id=device.id, key=device.key, handle=device.handle, host="musterstadt.localhost", counter=60)
    pages = [enter(Browser(), one, status=403) for one in (Device(), known, unverified, elsewhere)]
    for page in pages:
        assert REFUSED in page.text
        assert not page.response.cookies
    assert len({page.text for page in pages}) == 1
    questions = [json.loads(ask(Browser())["options"]) for _ in range(2)]
    assert [sorted(one) for one in questions] == [sorted(questions[0])] * 2
    assert not any(one.get("allowCredentials") for one in questions)


def test_guessing_is_throttled_by_network_as_passwords_are(anna, device) -> None:
    browser = Browser()
    form = browser.get("/anmelden").form("passkey")
    answers = []
    for _ in range(52):
        asked = ask(browser)
        values = {**form.values, "challenge": asked["challenge"], "passkey": Device().get(asked["options"]), "way": "cookie"}
        answers.append(browser.client.post(DOOR, urlencode(values), "application/x-www-form-urlencoded").status_code)
    assert answers == [403] * 50 + [429] * 2
    enter(Browser(), device)  # another network


def test_c28_switched_off_or_taken_off_every_other_session_ends(anna, device) -> None:
    other = Browser()
    enter(other, device)
    page = anna.get(f"{PAGE}/abschalten?what=alone")
    anna.send(page.form("abschalten"), status=302, password=cast.PASSWORD, passkey=device.get(options(page)))
    assert is_in(anna)
    assert not is_in(other)
    enter(Browser(), device, status=403)
    assert anna.raw(f"{PAGE}/abschalten?what=alone", status=302).headers["Location"] == PAGE
    allow(anna, device)
    enter(other, device)
    (row,) = Passkey.objects.all()
    page = anna.get(f"{PAGE}/abschalten?what={row.unit_id}")
    anna.send(page.form("abschalten"), status=302, password=cast.PASSWORD, passkey=device.get(options(page)))
    assert not is_in(other)
    assert is_in(anna)
    assert not Passwordless.objects.exists()
    enter(Browser(), device, status=403)


def test_c28_a_revocation_that_passes_the_log_in_ends_its_session(ahaus, anna, device, contract, monkeypatch) -> None:
    from stadtmail.doors.web import passkey_login
    from stadtmail.people import second_factor
    from stadtmail.people.actions import passwordless

    real = sealed.bring_by_passkey

    def meanwhile(*given):
        passwordless.end(second_factor.of_contract(ahaus, contract), now=clock.now())
        return real(*given)

    monkeypatch.setattr(passkey_login.sealed, "bring_by_passkey", meanwhile)
    browser = Browser()
    enter(browser, device)
    assert not is_in(browser)


def test_c28_after_the_end_of_the_contract_it_is_refused(anna, device, contract) -> None:
    contracts.cancel(contract, ends_at=clock.now(), now=clock.now())
    assert REFUSED in enter(Browser(), device, status=403).text


def test_no_desk_is_opened_by_a_passkey_alone(ahaus, anna, device, now) -> None:
    """The staff have no passkeys; a resident's opens their own mailbox and no desk."""
    cast.doris(ahaus, now)
    browser = Browser()
    enter(browser, device)
    assert browser.raw("/schreibtisch", status=302).headers["Location"].startswith("/schreibtisch/anmelden")
    assert "passkey" not in Browser().get("/schreibtisch/anmelden").response.content.decode().lower()


def test_c47_a_sealed_mailbox_opens_with_the_output_of_its_device_alone(ahaus, anna, device, contract, now) -> None:
    cast.deliver(MAIL, ADDRESS, now=now)
    page = anna.get("/datenschutz/meine-daten/versiegelung")
    anna.send(page.form("versiegelung"), step="seal", password=cast.PASSWORD, understood="1")
    assert not Passwordless.objects.exists()  # nothing that it gave is known: it has to be switched on anew
    assert REFUSED in enter(Browser(), device, status=403).text
    assert "PRF" in anna.get(ALONE).text
    assert "keinen Schlüssel dafür" in allow(anna, device, status=400, prf=False).text
    assert not Passwordless.objects.exists()
    allow(anna, device)
    browser = Browser()
    enter(browser, device)
    assert "Mohnblume 77" in browser.get("/postfach").text
    wrong = enter(Browser(), device, status=403, prf=b64(bytes(32)))
    assert "dieser Passkey öffnet es nicht" in wrong.text
    assert not wrong.response.cookies
    assert "dieser Passkey öffnet es nicht" in enter(Browser(), device, status=403, prf="").text
    (half,) = wraps.opened(mail.mailbox_of(ahaus, contract.id).id, wraps.of_password(cast.PASSWORD)).values()
    assert lies(half) == lies(device.prf) == []


def test_c47_another_password_another_code_and_the_desk_leave_it_good(ahaus, anna, device, contract, now) -> None:
    anna.send(anna.get("/datenschutz/meine-daten/versiegelung").form("versiegelung"), step="seal", password=cast.PASSWORD, understood="1")
    allow(anna, device)
    cast.deliver(MAIL, ADDRESS, now=now)
    sealed.set_password(contract, tenant=ahaus, old=cast.PASSWORD, new="ein anderer Satz 8", now=clock.now())
    sealed.new_recovery_code(contract, tenant=ahaus, password="ein anderer Satz 8", now=clock.now())
    browser = Browser()
    enter(browser, device)
    assert "Mohnblume 77" in browser.get("/postfach").text
    credentials.set_password(contract, tenant=ahaus, old="ein anderer Satz 8", new="noch ein Satz 9", now=clock.now())  # past the mail room
    assert wraps.opened(mail.mailbox_of(ahaus, contract.id).id, wraps.of_password("noch ein Satz 9")) == {}
    browser = Browser()
    enter(browser, device)
    assert "Mohnblume 77" in browser.get("/postfach").text


def test_c47_its_wrap_dies_with_it_and_with_the_seal(ahaus, anna, device, contract) -> None:
    anna.send(anna.get("/datenschutz/meine-daten/versiegelung").form("versiegelung"), step="seal", password=cast.PASSWORD, understood="1")
    allow(anna, device)
    box = mail.mailbox_of(ahaus, contract.id).id
    own, kept = Passwordless.objects.get().unit_id, list(Wrap.objects.filter(holder=wraps.PASSKEY))
    secret = wraps.of_passkey(device.prf, own=own)
    assert len(kept) == 1
    assert wraps.opened(box, secret)
    page = anna.get(f"{PAGE}/abschalten?what=all")
    anna.send(page.form("abschalten"), status=302, password=cast.PASSWORD, passkey=device.get(options(page)))
    assert not Wrap.objects.filter(holder=wraps.PASSKEY).exists()
    Wrap.objects.bulk_create(kept)  # its bytes come back from somewhere
    assert wraps.opened(box, secret) == {}
    Wrap.objects.filter(holder=wraps.PASSKEY).delete()
    again = Device()
    add(anna, again)
    allow(anna, again)
    sealed.unseal_mailbox(contract, tenant=ahaus, password=cast.PASSWORD, now=clock.now())
    assert not Wrap.objects.exists()
    browser = Browser()
    enter(browser, again, prf="")
    assert is_in(browser)


def test_a_locked_session_switches_nothing_on(ahaus, anna, device, contract) -> None:
    """Somebody else set the password: what does not open the mailbox here is not handed to a passkey."""
    sealed.seal_mailbox(contract, tenant=ahaus, password=cast.PASSWORD, now=clock.now())
    assert anna.raw(ALONE, status=302).headers["Location"] == "/datenschutz/meine-daten/versiegelung"
    assert not Passwordless.objects.exists()


def test_c22_neither_output_nor_id_nor_challenge_lies_in_ram_or_on_the_disk(anna, device) -> None:
    browser = Browser()
    asked = ask(browser)
    challenge = json.loads(asked["options"])["challenge"]
    given = {"challenge": asked["challenge"], "passkey": device.get(asked["options"]), "prf": b64(device.prf), "way": "cookie"}
    browser.send(browser.get("/anmelden").form("passkey"), status=302, **given)
    for canary in (device.prf, device.id, urlsafe_b64decode(challenge + "=="), challenge.encode()):
        assert lies(canary) == []
