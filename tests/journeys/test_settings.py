"""Somebody without technical knowledge and without JavaScript sorts their mail; a ManageSieve program sees the same, and is left alone."""

import shutil
import subprocess

import pytest

from tests.doors.sieve.conftest import Client
from tests.journeys import post
from tests.journeys.browsing import Browser
from tests.journeys.running import PASSWORD, running

pytestmark = pytest.mark.timeout(400)
SETTINGS = "/postfach/einstellungen"
CANARY = "kanarienverein"


def logged_in(port: int) -> Client:
    """A ManageSieve program of Anna's, after STARTTLS."""
    client = Client(port)
    client.answer()
    assert client.ask("STARTTLS")[-1].startswith(b"OK")
    client.encrypt()
    client.answer()
    assert client.login("anna@ahaus.net", PASSWORD).startswith(b"OK")
    return client


@pytest.mark.long
def test_a_filter_by_form_without_javascript_and_a_managesieve_program() -> None:
    with running() as here:
        anna = Browser(here.web)
        anna.login("anna@ahaus.net", PASSWORD)
        assert f"{SETTINGS}" in anna.get("/postfach").links
        assert f"{SETTINGS}/filter" in anna.get(SETTINGS).links
        form = anna.get(f"{SETTINGS}/filter/neu").form("neu")
        given = {"what1": "subject", "how1": "contains", "text1": CANARY, "place": "move", "folder": "5"}
        tried = anna.send(form, step="try", **given)
        assert "0 hätten gepasst" in tried.text
        page = anna.send(tried.form("neu"), status=302, step="save", **given)
        assert "Gespeichert" in page.text
        post.send(here.smtp, post.letter(f"Treffen im {CANARY}", "Montag"), "anna@ahaus.net")
        post.send(here.smtp, post.letter("Etwas anderes", "Montag"), "anna@ahaus.net")
        assert f"Treffen im {CANARY}" in anna.get("/postfach/5").text
        assert f"Treffen im {CANARY}" not in anna.get("/postfach").text
        assert "Etwas anderes" in anna.get("/postfach").text

        program = logged_in(here.ports["PORT_SIEVE"])
        assert program.ask("LISTSCRIPTS")[0] == b'"Portal" ACTIVE'
        script = b"\r\n".join(program.ask('GETSCRIPT "Portal"')[:-1]).partition(b"}\r\n")[2]
        assert b"fileinto" in script
        changed = script.replace(b"stop;", b"keep;")
        assert program.ask('PUTSCRIPT "Portal" {}', changed)[-1].startswith(b"OK")
        assert "von Hand geändert" in anna.get(f"{SETTINGS}/filter").text
        again = anna.ask("POST", form.action, "x=1", status=403)
        assert again.status_code == 403
        late = anna.send(form, status=409, step="save", **given)
        assert "inzwischen an anderer Stelle geändert" in late.text
        assert b"keep;" in b"\r\n".join(program.ask('GETSCRIPT "Portal"'))
        program.close()
        if shutil.which("sieve-connect"):
            done = subprocess.run(
                ["sieve-connect", "--server", "127.0.0.1", "--port", str(here.ports["PORT_SIEVE"]), "--user", "anna@ahaus.net",
                 "--authmech", "PLAIN", "--passwordfd", "0", "--notlsverify", "--nosslverify", "--list"],
                input=PASSWORD + "\n", text=True, capture_output=True, timeout=60, check=False,
            )  # fmt: skip
            assert '"Portal" ACTIVE' in done.stdout, (done.stdout, done.stderr)

        quiet = Browser(here.web, cookies=False)
        quiet.login("anna@ahaus.net", PASSWORD, way="url")
        prefix = quiet.at.partition("/postfach")[0]
        assert "von Hand geändert" in quiet.get(f"{prefix}{SETTINGS}/filter").text
        log = "\n".join(path.read_text(errors="replace") for path in (here.folder / "data").rglob("*.log*") if path.is_file())
        assert CANARY not in log
