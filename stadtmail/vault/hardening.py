"""What keeps opened keys in RAM: no core files, not dumpable, no swap. Warned about in the demo, required in production."""

import ctypes
import resource
from pathlib import Path

from stadtmail.kit import errors

_PR_SET_DUMPABLE = 4


class Unsafe(errors.NotAllowed):
    """The machine would let keys reach a disk."""


def apply(*, production: bool) -> list[str]:
    """Harden this process. Returns warnings for the operator; on a production instance what would be one raises Unsafe."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    found = []
    if not _undumpable():  # a core that is piped to a program knows no limit; of a process that is not dumpable there is none
        found.append("this process could be dumped into a core file or by others of the same user (prctl was refused)")
    if swaps():
        found.append("swap is on: switch it off (swapoff -a), or keys may reach a disk")
    if found and production:
        raise Unsafe("; ".join(found))
    return [f"{sentence}; a production instance refuses this" for sentence in found]


def _undumpable() -> bool:
    return bool(ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) == 0)


def swaps() -> int:
    """Number of active swap areas."""
    try:
        return max(0, len(Path("/proc/swaps").read_text().splitlines()) - 1)
    except OSError:
        return 0
