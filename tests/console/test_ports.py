"""A port that cannot be had is a sentence with the setting that would change it, before anything is made or started."""

import socket

import pytest

from stadtmail.doors.console import ports
from stadtmail.kit import processes
from tests.console.test_main import stadtmail


@pytest.fixture
def taken():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(1)
        yield str(server.getsockname()[1])


def test_a_taken_port_stops_run_with_a_sentence(tmp_path, taken) -> None:
    """As ./run calls it: no traceback, nothing was made, and the way out is named."""
    done = stadtmail(tmp_path / "data", "demo", "--serve", STADTMAIL_PORT_WEB=taken)
    assert done.returncode == 1
    assert f"port {taken} on 127.0.0.1 is taken by another program: free it, or set STADTMAIL_PORT_WEB" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "data" / "instance.json").exists()


def test_an_address_of_another_machine(tmp_path) -> None:
    done = stadtmail(tmp_path / "data", "demo", "--serve", STADTMAIL_HOST="192.0.2.7")
    assert done.returncode == 1
    assert "192.0.2.7 (STADTMAIL_HOST): it is no address of this machine" in done.stderr


def test_a_port_that_this_user_may_not_have(monkeypatch) -> None:
    def refused(host: str, port: int) -> bool:
        raise PermissionError

    monkeypatch.setattr(processes, "is_free", refused)
    monkeypatch.setenv("STADTMAIL_PORT_SMTP", "25")
    with pytest.raises(ports.Taken, match="port 25 may not be opened by this user"):
        ports.check(["doors"])


def test_two_doors_with_one_port(tmp_path) -> None:
    done = stadtmail(tmp_path / "data", "demo", "--serve", STADTMAIL_PORT_WEB="21788", STADTMAIL_PORT_SMTP="21788")
    assert done.returncode == 2
    assert "STADTMAIL_PORT_WEB and STADTMAIL_PORT_SMTP are both 21788" in done.stderr
