"""The command `stadtmail`: one parser, one place where every error becomes a sentence and an exit code.

Exit codes: 0 done; 1 it could not be done, or something is wrong that the command was asked to find; 2 wrong call or wrong
setting; 70 a bug (noted in the log by class and place, never with a value).
"""

import argparse
import errno
import os
import sys
from collections.abc import Sequence

from django.db.utils import OperationalError

from stadtmail.doors.console import (
    cities,
    clock,
    dns,
    evidence,
    holds,
    instances,
    keys,
    news,
    outgoing,
    policies,
    scan,
    serve,
    simulate,
    staff,
)
from stadtmail.kit import config, errors, log
from stadtmail.usage import outgoing as egress

OK, CANNOT, WRONG, BUG = 0, 1, 2, 70
FAMILIES = (instances, serve, clock, policies, cities, news, dns, staff, holds, keys, outgoing, evidence, scan, simulate)


def parser() -> argparse.ArgumentParser:
    """All verbs. Each family adds its own."""
    root = argparse.ArgumentParser(prog="stadtmail", description="A city's mail portal in which the privacy notice is the program.")
    verbs = root.add_subparsers(dest="verb", required=True, metavar="VERB")
    for family in FAMILIES:
        family.add(verbs)
    return root


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Returns its exit code."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "stadtmail.settings")
    chosen = parser().parse_args(arguments)
    try:
        config.load()
        egress.guard("console")
        log.install("console")  # what rooms and libraries log is for nobody's terminal (C-4.2)
        return int(chosen.run(chosen) or OK)
    except config.BadSetting as problem:
        return _say(str(problem), WRONG)
    except errors.StadtmailError as problem:
        return _say(sentence(problem), CANNOT)
    except KeyboardInterrupt:
        return _say("interrupted", CANNOT)
    except BrokenPipeError:  # the reader of our output has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return CANNOT
    except Exception as problem:  # noqa: BLE001 - the last place where anything can be said
        return _unexpected(problem)


def sentence(problem: Exception) -> str:
    """What an operator reads: the error's own text, or what its class says about itself."""
    text = str(problem).strip()
    about = (type(problem).__doc__ or "").strip().partition("\n")[0]
    return text or f"{type(problem).__name__}: {about}"


def _unexpected(problem: Exception) -> int:
    if told := _of_the_machine(problem):
        return _say(told, CANNOT)
    if os.environ.get("PYTHONDEVMODE"):
        raise problem
    log.bug(problem, role="console")
    return _say(f"bug: {type(problem).__name__} at {log.place(problem)}", BUG)


def _of_the_machine(problem: Exception) -> str | None:
    """What is wrong outside of this program: a database that does not answer, a full disk, a file that may not be opened."""
    if isinstance(problem, OperationalError):
        return f"a database does not answer or refuses: {str(problem).strip().partition(chr(10))[0]}"
    if isinstance(problem, OSError) and (problem.filename or problem.errno == errno.ENOSPC):
        return f"{problem.strerror}: {problem.filename or config.load().data}"
    return None


def _say(text: str, code: int) -> int:
    print(f"stadtmail: {text}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
