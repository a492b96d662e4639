"""What granian's workers load: `stadtmail.wsgi:application`, after the worker has been hardened like every other process."""

import gc
import signal

from stadtmail.kit import instance, log, processes
from stadtmail.usage import outgoing
from stadtmail.vault import hardening

GARBAGE = 20_000  # objects of pages after which it is looked for

processes.die_with_parent(signal.SIGKILL)  # a worker whose server was killed must not keep the port
log.install("web")
outgoing.guard("web")
hardening.apply(production=instance.current().kind == "production")

from stadtmail.wsgi import application  # noqa: E402 - nothing opens a key before this

# isort: split
from stadtmail.doors.console import walk  # noqa: E402 - its rooms are loaded by now

walk.declare()  # the page judges by what is registered
outgoing.watch("web")
gc.collect()
gc.freeze()  # what is loaded stays: looking for garbage in it would hold up a page for as long as ten others take
gc.set_threshold(GARBAGE, 10, 10)

__all__ = ["application"]
