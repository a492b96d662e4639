"""`stadtmail keys`: backup of the keystore, and the recovery kit. No backup takes the root key together with data."""

import argparse
import os
from pathlib import Path
from typing import Any

from stadtmail.doors.console import start
from stadtmail.kit import clock, config, errors, instance
from stadtmail.vault import boxes, ring, seal


class CannotKeep(errors.NotAllowed):
    """The file cannot be written there, or is not what it should be."""


def add(verbs: Any) -> None:
    """Register the verbs."""
    family = verbs.add_parser("keys", help="keystore and recovery kit").add_subparsers(dest="what", required=True, metavar="WHAT")
    backup = family.add_parser("backup", help="a consistent copy of the keystore; it opens nothing without ring and root key")
    backup.add_argument("path", type=Path, nargs="?", help="where to; without it: beside the daily ones, which expire after seven days")
    backup.set_defaults(run=run_backup)
    pair = family.add_parser("pair", help="make the operator's offline key: keep PRIVATE away from this machine")
    pair.add_argument("private", type=Path)
    pair.add_argument("public", type=Path)
    pair.set_defaults(run=run_pair)
    escrow = family.add_parser("escrow", help="recovery kit: ring and root key, sealed to the offline key")
    escrow.add_argument("public", type=Path)
    escrow.add_argument("kit", type=Path)
    escrow.set_defaults(run=run_escrow)
    recover = family.add_parser("recover", help="write ring and root key from a recovery kit (stopped instance)")
    recover.add_argument("kit", type=Path)
    recover.add_argument("private", type=Path)
    recover.set_defaults(run=run_recover)
    settle = family.add_parser("settle", help="after a restore of the keystore: erase what has lost its key (stopped instance)")
    settle.set_defaults(run=run_settle)


def run_backup(chosen: argparse.Namespace) -> None:
    """Copy the keystore. Raises CannotKeep."""
    held = start.joining()
    from stadtmail.vault import backups, epochs

    if config.load().keys_url:
        raise CannotKeep("a keystore on PostgreSQL is backed up with pg_dump: see docs/operate.md")
    if chosen.path:
        epochs.backup(chosen.path.absolute())
        made = chosen.path.absolute()
    else:
        made = backups.keep(clock.now(), again=True) or backups.folder()
    held.release()
    print(f"{made}: delete it within {epochs.BACKUP_DAYS} days (C-4.1: the certificates promise it)")


def run_pair(chosen: argparse.Namespace) -> None:
    """Make the pair."""
    private, public = boxes.pair()
    _write(chosen.private, private.hex().encode() + b"\n")
    _write(chosen.public, public.hex().encode() + b"\n")
    print(f"{chosen.private}: keep it offline. {chosen.public}: `stadtmail keys escrow` seals to it.")


def run_escrow(chosen: argparse.Namespace) -> None:
    """Seal the kit."""
    public = _key(chosen.public)
    held = start.joining()
    _write(chosen.kit, ring.escrow(public))
    held.release()
    print(f"{chosen.kit}: renew it every day, keep it for at most seven days, and never together with a backup of the data")


def run_recover(chosen: argparse.Namespace) -> None:
    """Write root key and ring where the instance expects them. Raises CannotKeep for a wrong kit or key."""
    from stadtmail.doors.console import lock

    private = _key(chosen.private)
    held = lock.take_alone()
    try:
        ring.recover(chosen.kit.read_bytes(), private, root_key_path=start.known().root_key)
    except seal.Unreadable:
        raise CannotKeep("the kit does not open: wrong key, or damaged") from None
    except OSError as problem:
        raise CannotKeep(f"{problem.filename}: {problem.strerror}") from None
    finally:
        held.release()
    print(f"root key written to {instance.current().root_key}, ring written; now start the instance")


def run_settle(chosen: argparse.Namespace) -> None:  # noqa: ARG001
    """Give up what was made since the copy that was put back. Raises CannotKeep where no key is there: that is no copy of it."""
    held = start.settling()
    from stadtmail.privacy import recovery

    lost, expected = recovery.unaccounted()
    if lost and lost == expected:
        raise CannotKeep("none of the keys is there: this is not a copy of this instance's keystore")
    recovery.replay(clock.now())
    held.release()
    print(f"{lost} of {expected} units had lost their key and were erased; now start the instance")


def _key(path: Path) -> bytes:
    try:
        raw = bytes.fromhex(path.read_text().strip())
    except (OSError, ValueError):
        raise CannotKeep(f"{path} is no key made by `stadtmail keys pair`") from None
    if len(raw) != ring.KEY_BYTES:
        raise CannotKeep(f"{path} is no key made by `stadtmail keys pair`")
    return raw


def _write(path: Path, content: bytes) -> None:
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as problem:
        raise CannotKeep(f"{path} cannot be written: {problem.strerror}") from None
    with os.fdopen(fd, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
