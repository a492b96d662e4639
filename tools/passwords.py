"""Make people/known_passwords.bin from lists of passwords, one a line: `python tools/passwords.py LIST…`. The lists are not kept here."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from stadtmail.people import known_passwords  # noqa: E402


def main(names: list[str]) -> None:
    """Write the sorted prefixes, and say how many."""
    lines = {line for name in names for line in Path(name).read_text(encoding="utf-8", errors="ignore").splitlines()}
    marks = sorted({known_passwords.mark(known_passwords.folded(line)) for line in lines if line.strip()})
    known_passwords.FILE.write_bytes(b"".join(marks))
    print(f"{len(marks)} passwords, {known_passwords.FILE.stat().st_size} bytes")


if __name__ == "__main__":
    main(sys.argv[1:])
