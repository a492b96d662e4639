"""The instance on which the tests run: a data folder of their own, gone at the end. Loaded (-p) before Django's settings.

With STADTMAIL_TEST_DATABASE_URL (./check sets it) rows and keys lie in PostgreSQL; journeys make databases of their own
beside the one that POSTGRES names. Otherwise everything is SQLite, also where the caller's settings say something else.
"""

import atexit
import os
import shutil
import struct
import tempfile
from datetime import UTC, datetime
from pathlib import Path

POSTGRES = os.environ.get("STADTMAIL_TEST_DATABASE_URL") or os.environ.get("TEST_DATABASE_URL", "")
os.environ["TEST_DATABASE_URL"] = POSTGRES  # xdist's workers inherit it; a STADTMAIL_ name would be an unknown setting
for _name in [n for n in os.environ if n.startswith("STADTMAIL_")]:
    del os.environ[_name]
FOLDER = Path(tempfile.mkdtemp(prefix="stadtmail-test-"))
atexit.register(shutil.rmtree, FOLDER, ignore_errors=True)
os.environ["STADTMAIL_DATA"] = str(FOLDER)
if POSTGRES:
    os.environ["STADTMAIL_DATABASE_URL"] = f"{POSTGRES}_{os.getpid()}"
    os.environ["STADTMAIL_KEYS_URL"] = f"{POSTGRES}_{os.getpid()}_keys"

from stadtmail.kit import instance  # noqa: E402

instance.create(FOLDER, kind="test", root_key=FOLDER / "root.key")

from stadtmail.usage import folder as _ram  # noqa: E402

atexit.register(lambda: shutil.rmtree(_ram.current(), ignore_errors=True))

# the clock of the tests begins at the moment that the fixture `now` names, so that epochs and dates agree with it
_BEGIN = datetime(2026, 11, 23, 10, tzinfo=UTC)
(FOLDER / "clock").write_bytes(struct.pack("<d", (_BEGIN - datetime.now(UTC)).total_seconds()))
