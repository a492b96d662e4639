"""`stadtmail dns`: what it prints is a zone file that it then finds right, through a real name server."""

import json

import pytest

from tests.dns import FakeDns


def zone(printed: str) -> dict[str, dict[str, list[str]]]:
    found: dict[str, dict[str, list[str]]] = {}
    for line in printed.splitlines():
        if line and not line.startswith(";"):
            name, _, kind, value = line.split(maxsplit=3)
            text = value.replace('" "', "").strip('"') if kind == "TXT" else value
            found.setdefault(name.rstrip("."), {}).setdefault(kind, []).append(text)
    return found


@pytest.mark.postgres
def test_what_is_printed_is_what_is_checked(demo) -> None:
    printed = demo.command("dns", "print")
    assert printed.returncode == 0, printed.stderr
    records = zone(printed.stdout)
    assert {"ahaus.net", "musterstadt.example", "_dmarc.ahaus.net", "_imaps._tcp.musterstadt.example"} <= set(records)
    with FakeDns({**records, "ahaus.localhost": {"A": ["192.0.2.1"]}, "musterstadt.localhost": {"A": ["192.0.2.1"]}}) as server:
        done = demo.command("dns", "check", "--json", STADTMAIL_RESOLVER=server.address)
        rows = json.loads(done.stdout)
        wrong = {(row["name"], row["kind"]) for row in rows if row["state"] not in ("right", "by hand", "missing")}
        assert wrong == set()
        assert {row["kind"] for row in rows if row["state"] == "missing"} <= {"CAA"}  # a certifier that only the operator knows
        server.zones["_dmarc.ahaus.net."] = {"TXT": ["v=DMARC1; p=none"]}
        done = demo.command("dns", "check", "--city", "ahaus.net", STADTMAIL_RESOLVER=server.address)
        assert done.returncode == 1
        assert "different  TXT   _dmarc.ahaus.net" in done.stdout
        assert "musterstadt" not in done.stdout


def test_an_unknown_city_is_said(demo) -> None:
    done = demo.command("dns", "print", "--city", "nirgendwo")
    assert done.returncode == 1
    assert "city" in done.stderr
