"""Known passwords are refused wherever one is chosen, by a list that lies here; nobody is asked (C-1.2, C-2.2)."""

import pytest

from stadtmail.people import known_passwords, queries
from stadtmail.people.actions import credentials, staff
from stadtmail.people.actions.credentials import BadPassword
from stadtmail.people.orders import password_problems, problems
from stadtmail.privacy import policy
from tests.people.people import PASSWORD, form, order

KNOWN = [
    "1234567890", "qwertzuiop", "Passwort1234", "password123", "Sommer2026!", "hallohallo", "iloveyou12", "P@ssw0rd2026", "schatz1234",
    "geheim12345", "!!Fussball99", "1q2w3e4r5t", "PASSWORTpasswort", "Borussia09!", "willkommen1", "administrator", "ｐａｓｓｗｏｒｄ12",
]  # fmt: skip
GOOD = [
    "ein langer Satz 7", "vier kluge Otter baden", "sieben stille Wiesen 4", "Aktenordner 12 grün", "Regal 7 hellblau",
    "kupferne Leiter im Nebel", "tX9-qL2v_Zr8w", "Brombeere Ziegel Anker", "вишня под снегом 3", "🐢🌵 Regenschirm 77 Kaktus",
]  # fmt: skip


@pytest.mark.parametrize("password", KNOWN)
def test_what_lists_of_leaks_have_and_what_is_close_to_it_is_refused(password: str) -> None:
    assert password_problems(password) in (["password_known"], ["password_common"])


@pytest.mark.parametrize("password", GOOD)
def test_what_is_long_and_random_is_taken(password: str) -> None:
    assert password_problems(password, "Anna Kanariengelb", "anna.k@ahaus.net") == []


@pytest.mark.parametrize("password", ["aaaaaaaaaa", "abababababab", "111222111222"])
def test_few_signs_are_no_password(password: str) -> None:
    assert password_problems(password)


def test_name_address_and_city_are_no_password() -> None:
    for password in ("Kanariengelb1", "annakanariengelb", "ahaus.net2026", "Ahaus.Ahaus.1"):
        assert password_problems(password, "Anna Kanariengelb", "anna.k@ahaus.net") in (["password_personal"], ["password_known"]), password


def test_it_is_refused_at_the_order_the_change_the_recovery_and_the_appointment(ahaus, now) -> None:
    bad, rules = "Sommer2026!", policy.current(ahaus)
    assert [one.code for one in problems(form(password=bad), policy=rules, now=now)] == ["password_known"]
    towns = form(password=f"{rules.parties.controller.town}.ahaus 1")
    assert [one.code for one in problems(towns, policy=rules, now=now)] == ["password_personal"]
    anna = order(ahaus, now)
    with pytest.raises(BadPassword) as weak:
        credentials.set_password(anna, tenant=ahaus, old=PASSWORD, new=bad, now=now)
    assert weak.value.codes == ["password_known"]
    queries.Credential.objects.update(recovery=queries.code_digest(ahaus, "ABCD"))
    with pytest.raises(BadPassword):
        credentials.recover(ahaus, "anna.k@ahaus.net", code="ABCD", new=bad, now=now)
    credentials.recover(ahaus, "anna.k@ahaus.net", code="ABCD", new="kupferne Leiter im Nebel", now=now)  # nothing was used up
    with pytest.raises(BadPassword):
        staff.appoint(ahaus, role="desk", name="Emil", login="e", password=bad, now=now)


def test_the_list_is_sorted_whole_and_holds_no_password() -> None:
    marks = known_passwords.FILE.read_bytes()
    parts = [marks[at : at + known_passwords.WIDTH] for at in range(0, len(marks), known_passwords.WIDTH)]
    assert parts == sorted(set(parts))
    assert 90_000 < len(parts) < 100_000
    assert b"qwertz" not in marks
    assert "MIT License" in known_passwords.FILE.with_name("known_passwords.licence.txt").read_text()


def test_a_random_password_is_rarely_taken_for_a_known_one() -> None:
    from stadtmail.people.passwords import new_code

    assert sum(known_passwords.is_known(new_code()) for _ in range(2000)) <= 2
