"""What keeps opened keys in RAM: no core files, not dumpable, no swap. Warned about in the demo, required in production."""

import ctypes
import resource
from pathlib import Path

from stadtmail.kit import errors

_PR_SET_DUMPABLE = 4


class Unsafe(errors.NotAllowed):
    """The machine would let keys reach a disk."""


def apply(*, production: bool) -> list[str]:
    """Harden this process. Returns warnings for the operator; raises Unsafe on a production instance with swap."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    warnings = []
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
        warnings.append("this process could be dumped by others of the same user (prctl refused)")
    if swaps():
        if production:
            raise Unsafe("swap is on: switch it off (swapoff -a) or keys may reach a disk")
        warnings.append("swap is on: on a production machine it has to be off")
    return warnings


def swaps() -> int:
    """Number of active swap areas."""
    try:
        return max(0, len(Path("/proc/swaps").read_text().splitlines()) - 1)
    except OSError:
        return 0
