"""Where the volatile store lies: a folder in RAM that nobody else can read. On production instances nothing but RAM will do (C-4.2)."""

import hashlib
import os
import stat
from functools import cache
from pathlib import Path

from stadtmail.kit import config, errors, instance

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - the folder below it is ours alone, and checked
IN_RAM = ("tmpfs", "ramfs")


class NotInRam(errors.NotAllowed):
    """The folder would lie on a disk, or others could read it."""


@cache
def current() -> Path:
    """The folder of this process's instance, made on first use (mode 0700). Raises NotInRam."""
    chosen = config.load()
    return _made(chosen.data, chosen.volatile_url)


def _made(data: Path, url: str) -> Path:
    production = instance.read(data).kind == "production"
    folder = _place(data, url, production=production)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
        raise NotInRam("the folder of the volatile store belongs to somebody else or is open to others")
    if production and not is_ram(folder):
        raise NotInRam("the volatile store would lie on a disk")
    return folder


def _place(data: Path, url: str, *, production: bool) -> Path:
    if url:
        return Path(url.removeprefix("file://")).absolute()
    if is_ram(SHARED_MEMORY) or production:
        return SHARED_MEMORY / f"stadtmail-{hashlib.sha256(str(data).encode()).hexdigest()[:16]}"
    return data / "volatile"  # demo and test only, on machines without shared memory


def is_ram(path: Path) -> bool:
    """Does the path lie on a file system without a disk? (The longest mount point above it decides; proc(5), mountinfo.)"""
    best, kind = "", ""
    try:
        lines = Path("/proc/self/mountinfo").read_text().splitlines()
    except OSError:
        return False
    real = f"{path.resolve()}/"
    for line in lines:
        left, _, right = line.partition(" - ")
        point = left.split()[4].replace("\\040", " ").rstrip("/") + "/"
        if real.startswith(point) and len(point) >= len(best):
            best, kind = point, right.split()[0]
    return kind in IN_RAM
