"""What kind of instance this data folder is, and where its root key lies. Written once by `stadtmail init`, then only read."""

import json
import os
import shutil
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from uuid import UUID, uuid4

from stadtmail.kit import config

KINDS = ("production", "demo", "test")


@dataclass(frozen=True)
class Instance:
    """Identity of a data folder. `kind` decides about demo people, moving clock and the TEST mark of all evidence."""

    id: UUID
    kind: str
    root_key: Path

    @property
    def is_test(self) -> bool:
        """True where the clock may be moved: all evidence then carries the mark TEST."""
        return self.kind != "production"


def create(data: Path, *, kind: str, root_key: Path) -> Instance:
    """Write instance.json durably. Raises FileExistsError if the folder already is an instance."""
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    made = Instance(id=uuid4(), kind=kind, root_key=root_key.absolute())
    text = json.dumps({"id": str(made.id), "kind": made.kind, "root_key": str(made.root_key)})
    fd = os.open(data / "instance.json", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(fd, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    current.cache_clear()
    return made


def keep_temporary_files(data: Path) -> None:
    """Let every temporary file of this process and its children lie inside the data folder, where the residue scan sees it."""
    folder = data / "tmp"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.environ["TMPDIR"] = tempfile.tempdir = str(folder)


def clear_temporary_files(data: Path) -> int:
    """Remove what processes that died have left in there. Returns how many entries."""
    left = list((data / "tmp").glob("*"))
    for path in left:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    return len(left)


def read(data: Path) -> Instance:
    """Read instance.json. Raises FileNotFoundError where `stadtmail init` or `./run` has not been yet."""
    raw = json.loads((data / "instance.json").read_text())
    return Instance(id=UUID(raw["id"]), kind=raw["kind"], root_key=Path(raw["root_key"]))


@cache
def current() -> Instance:
    """The instance of this process's data folder."""
    return read(config.load().data)
