"""What the checks need from the machine: programs from Debian's archive, and a PostgreSQL cluster of their own.

The cluster lies in a temporary folder, listens on loopback only and is gone at the end. It does not sync to disk: tests kill our
processes, never the server or the machine, so that what it has committed is there all the same; a real one has to sync.
"""

import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# program that must be there -> package of Debian that brings it
PACKAGES = {
    "chromium": "chromium", "swaks": "swaks", "mbsync": "isync", "offlineimap": "offlineimap3", "sieve-connect": "sieve-connect",
    "initdb": "postgresql", "ip": "iproute2",
}  # fmt: skip
QUIET = {"capture_output": True, "text": True}


def prepare() -> list[str]:
    """Install missing programs where the machine is Debian and we are root. Returns what is left out otherwise."""
    missing = sorted(package for program, package in PACKAGES.items() if _program(program) is None)
    if not missing:
        return []
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        return [f"not on this machine, tests that need them are left out: {', '.join(missing)}"]
    print(f"Installing {', '.join(missing)} with apt-get ...", flush=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    command = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing]
    if subprocess.run(command, env=environment, capture_output=True, check=False).returncode:
        subprocess.run(["apt-get", "update", "-qq"], env=environment, capture_output=True, check=False)
        subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=False)
    left = sorted(package for program, package in PACKAGES.items() if _program(program) is None)
    return [f"could not be installed, tests that need them are left out: {', '.join(left)}"] if left else []


def postgres_programs() -> Path | None:
    """The folder with initdb and pg_ctl, of the newest version on this machine."""
    found = _program("initdb")
    return found.parent if found and (os.geteuid() != 0 or _has_user("postgres")) else None


@contextmanager
def postgres() -> Iterator[str]:
    """A running cluster. Gives the URL of its empty database `stadtmail`; others can be made beside it."""
    programs = postgres_programs()
    assert programs is not None
    folder = Path(tempfile.mkdtemp(prefix="stadtmail-postgres-"))
    password, port = secrets.token_hex(16), _free_port()
    (folder / "password").write_text(password)
    if os.geteuid() == 0:
        for path in (folder, folder / "password"):
            shutil.chown(path, "postgres", "postgres")
    data, log = folder / "data", folder / "log"
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder} -c max_connections=200"
    options += " -c fsync=off -c full_page_writes=off"
    try:
        _as_postgres(
            str(programs / "initdb"), "-D", str(data), "-U", "stadtmail", "-A", "scram-sha-256", "--pwfile", str(folder / "password"),
            "-E", "UTF8", "--locale=C.UTF-8", "--no-sync",
        )  # fmt: skip
        _as_postgres(str(programs / "pg_ctl"), "-D", str(data), "-l", str(log), "-w", "-t", "60", "-o", options, "start")
        try:
            address = f"postgresql://stadtmail:{password}@127.0.0.1:{port}"
            create = [str(programs / "psql"), "-q", f"{address}/postgres", "-c", "CREATE DATABASE stadtmail"]
            subprocess.run(create, check=True, **QUIET)
            yield f"{address}/stadtmail"
        finally:
            _as_postgres(str(programs / "pg_ctl"), "-D", str(data), "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _as_postgres(*command: str) -> None:
    # initdb refuses root; pg_ctl leaves a server behind that must not hold our pipes open
    before = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--"] if os.geteuid() == 0 else []
    with tempfile.TemporaryFile() as output:
        done = subprocess.run([*before, *command], stdout=output, stderr=output, stdin=subprocess.DEVNULL, cwd="/", check=False)
        if done.returncode:
            output.seek(0)
            raise SystemExit(f"{Path(command[0]).name} failed:\n{output.read().decode(errors='replace')}")


def _program(name: str) -> Path | None:
    if name == "initdb":  # Debian keeps it out of the path; a wrapper on the path would hide its neighbours
        versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[4]))
        if versions:
            return versions[-1]
    found = shutil.which(name)
    return Path(found).resolve() if found else None


def _has_user(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
