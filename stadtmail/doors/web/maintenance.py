"""The portal is closed for a while: as long as the file `maintenance` lies in the data folder, every page says so (503).

The other doors do not look at it: mail goes on being taken. Nothing has to be started again.
"""

from pathlib import Path

from stadtmail.kit import config


def is_on() -> bool:
    """Does the file lie there?"""
    return path().exists()


def path() -> Path:
    """Where the operator puts it."""
    return config.load().data / "maintenance"
