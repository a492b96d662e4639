"""A forgotten password: the code sets a new one, once, and nobody learns which addresses exist."""


from tests.doors.web import cast
from tests.doors.web.browsing import Browser

FORGOT = "/anmelden/wiederherstellen"
NEW = "etwas ganz Neues 9"


def recover(code: str, *, status: int = 200, address: str = "anna.k@ahaus.net", new: str = NEW, again: str = NEW, **headers: str):
    browser = Browser(**headers)
    return browser.send(browser.get(FORGOT).form(FORGOT), status=status, address=address, code=code, password_new=new, password_again=again)


def test_the_code_sets_a_password_ends_sessions_and_is_used_up(account) -> None:
    anna = Browser()
    anna.login("anna.k@ahaus.net", cast.PASSWORD)
    page = recover(account.recovery_code.lower())
    assert page.codes["recovery"] not in ("", account.recovery_code)
    anna.raw("/postfach", status=302)
    Browser().login("anna.k@ahaus.net", cast.PASSWORD, status=403)
    Browser().login("anna.k@ahaus.net", NEW)
    recover(account.recovery_code, status=403)
    recover(page.codes["recovery"])


def test_a_wrong_code_and_an_unknown_address_look_the_same(account) -> None:
    wrong = recover("AAAA-BBBB", status=403).text
    unknown = recover("AAAA-BBBB", status=403, address="niemand@ahaus.net").text
    assert wrong == unknown
    recover("", status=403)
    Browser().login("anna.k@ahaus.net", cast.PASSWORD)


def test_a_weak_password_does_not_use_the_code_up(account) -> None:
    recover(account.recovery_code, status=400, new="kurz", again="kurz")
    recover(account.recovery_code, status=400, again="anders anders")
    recover(account.recovery_code)


def test_guessing_has_an_end(account) -> None:
    here = {"REMOTE_ADDR": "198.51.100.7"}
    for _ in range(10):
        recover("AAAA", status=403, **here)
    recover(account.recovery_code, status=429, **here)
    recover(account.recovery_code)  # a stranger's guesses lock nobody out
