"""A slow disk for both sides: a library of ours that makes every sync take five milliseconds longer, and counts them.

Each program gets a copy with a counter of its own: a side whose counter stays at nothing has not been slowed, and is not compared.
"""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from bench.servers import NotThere

SOURCE = Path(__file__).with_name("slow_sync.c")
DELAY_US = 5_000


@dataclass(frozen=True)
class Slow:
    """The library for one program (`library`, to be loaded before libc), and where it counts."""

    library: Path
    counter: Path

    def syncs(self) -> int:
        """How often the program and its children have waited for the disk."""
        return int.from_bytes(self.counter.read_bytes(), "little")


def made(folder: Path, name: str) -> Slow:
    """Compile the library for the program `name` into a folder that all of its processes can read. Raises NotThere."""
    folder.chmod(0o755)
    made = Slow(folder / f"{name}.so", folder / f"{name}.count")
    made.counter.write_bytes(bytes(8))
    made.counter.chmod(0o666)  # programs change their users
    flags = ["-O2", "-shared", "-fPIC", f"-DDELAY_US={DELAY_US}", f'-DCOUNTER="{made.counter}"']
    try:
        subprocess.run(["gcc", *flags, "-o", made.library, SOURCE], check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise NotThere("the slow disk needs a C compiler: apt-get install gcc libc6-dev") from error
    return made
