"""The four roles of `stadtmail serve`, each of which can also be started alone: web, doors, imap, work."""

import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path

from stadtmail.doors.console import start
from stadtmail.kit import clock, config, log, processes
from stadtmail.usage import outgoing

WEB_THREADS = 8
WEB_CONNECTIONS = 8192  # open ones of a worker; what says nothing is not even one of them
SILENT_SECONDS = 10  # a connection that says nothing, or not its whole question, between two pages too
TICK_SECONDS = 1.0


def web() -> None:
    """The portal: granian with a worker for every core, at most four. Plain HTTP, or TLS where a certificate is set."""
    from granian import Granian
    from granian.constants import HTTPModes, Interfaces, SSLProtocols
    from granian.http import HTTP1Settings

    chosen = config.load()
    processes.many_files()
    server = Granian(
        "stadtmail.doors.console.worker:application",
        address=chosen.host,
        port=chosen.ports["web"],
        interface=Interfaces.WSGI,
        workers=min(4, os.cpu_count() or 1),
        blocking_threads=WEB_THREADS,
        blocking_threads_idle_timeout=600,  # a thread keeps its database connections: few threads, kept
        http=HTTPModes.http1,  # an idle HTTP/2 connection never ends by itself
        http1_settings=HTTP1Settings(header_read_timeout=SILENT_SECONDS * 1000),
        backpressure=WEB_CONNECTIONS,
        websockets=False,
        log_enabled=False,  # C-4.2: no access log, and nothing of a request on the console
        respawn_failed_workers=True,
        workers_kill_timeout=20,
        ssl_cert=Path(chosen.tls_cert) if chosen.tls_cert else None,
        ssl_key=Path(chosen.tls_key) if chosen.tls_key else None,
        ssl_protocol_min=SSLProtocols.tls12,
    )
    server.on_startup(lambda: processes.defer_accept(chosen.ports["web"], SILENT_SECONDS))
    server.serve()


def doors() -> None:
    """The mail doors: one asyncio process, until SIGTERM."""
    from stadtmail.doors.console import maildoors

    maildoors.run()


def imap() -> None:
    """The IMAP door: one asyncio process of several, until SIGTERM."""
    from stadtmail.doors.console import imapdoor

    imapdoor.run()


def processes_of(role: str) -> int:
    """How many processes the supervisor starts: mail programs get one a core (docs/operate.md), every other role one."""
    return config.load().imap_processes or os.cpu_count() or 1 if role == "imap" else 1


def every() -> list[str]:
    """All roles, each as often as it has processes."""
    return [role for role in ROLES for _ in range(processes_of(role))]


def work() -> None:
    """Everything that happens by itself, until SIGTERM. The round that has begun is finished first."""
    from django.db import close_old_connections

    from stadtmail.doors.console.post import Post
    from stadtmail.doors.console.work import Work, turn

    stop, jobs = threading.Event(), Work()
    for sign in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sign, lambda *_: stop.set())
    with Post():
        while not stop.wait(TICK_SECONDS):
            close_old_connections()  # a PostgreSQL that was restarted is found again
            with turn(wait=False) as mine:
                if mine:
                    jobs.round(clock.now())


ROLES: dict[str, Callable[[], None]] = {"web": web, "doors": doors, "imap": imap, "work": work}


def run(name: str) -> None:
    """Come up and be this role until told to stop."""
    log.install(name)
    outgoing.guard(name)
    processes.die_with_parent()
    processes.be_parent()
    start.joining()
    if name != "web":  # its workers watch themselves
        outgoing.watch(name)
    log.event("role_up", role=name, pid=os.getpid())
    ROLES[name]()
    log.event("role_down", role=name, pid=os.getpid())
