"""The command of a checkout: set-up puts the interpreter's line before this and the result into .venv/bin."""

import sys

from stadtmail.doors.console.main import main

sys.exit(main())
