"""Checked scripts that a process keeps for a moment, so that much mail for one mailbox does not check its filter for each.

They go like opened keys: all of them when any key is destroyed anywhere on this machine, each after a minute.
"""

import threading
from collections import OrderedDict
from hashlib import blake2b

from stadtmail.kit import clock
from stadtmail.vault.copies import units as copies
from stadtmail.wire import sievecheck
from stadtmail.wire.sievecheck import Script

LEASE_SECONDS = 60.0
MOST = 200
_lock = threading.Lock()
_kept: OrderedDict[bytes, tuple[float, Script]] = OrderedDict()
_seen = [-1]  # the generation of keys under which they were read


def script(text: str) -> Script:
    """The checked script. Raises sievelex.Wrong."""
    generation, mark = copies.generation(), blake2b(text.encode(), digest_size=16).digest()
    with _lock:
        if _seen[0] != generation:
            _kept.clear()
            _seen[0] = generation
        kept = _kept.get(mark)
        if kept is not None and kept[0] > clock.monotonic():
            _kept.move_to_end(mark)
            return kept[1]
    made = sievecheck.compiled(text)
    with _lock:
        for old in [one for one, (until, _) in _kept.items() if until <= clock.monotonic()]:
            del _kept[old]
        if _seen[0] == generation:
            _kept[mark] = (clock.monotonic() + LEASE_SECONDS, made)
            while len(_kept) > MOST:
                _kept.popitem(last=False)
    return made
