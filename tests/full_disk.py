"""A full disk as the kernel says it: from a given write into a store's files on, ENOSPC (strace's fault injection)."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from django.db import connections

ROOT = Path(__file__).resolve().parents[1]


def run(store: str, writes: int, *module: str) -> subprocess.CompletedProcess[str]:
    """`python -m` the module in a process of its own; from that write into the store's files on, the disk is full.

    Skips the test where the stores are not files of SQLite, or strace is not on the machine.
    """
    if connections["default"].vendor != "sqlite" or shutil.which("strace") is None:
        pytest.skip("needs SQLite's own files and strace")
    name = str(connections[store].settings_dict["NAME"])
    paths = [argument for path in (name, f"{name}-wal", f"{name}-journal") for argument in ("-P", path)]
    fault = ["-e", "trace=pwrite64,write", "-e", f"inject=pwrite64,write:error=ENOSPC:when={writes}+"]
    ran = subprocess.run(
        ["strace", "-f", "-qq", *paths, *fault, sys.executable, "-m", *module], cwd=ROOT, capture_output=True, text=True, timeout=120,
        check=False, env={**os.environ, "DJANGO_SETTINGS_MODULE": "stadtmail.settings"},
    )  # fmt: skip
    assert "ENOSPC" in ran.stderr, "it did not write so often"
    return ran
