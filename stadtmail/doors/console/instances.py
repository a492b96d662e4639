"""`stadtmail init` makes an empty production instance; `stadtmail demo` makes the demo of ./run, and serves it with --serve."""

import argparse
import sys
from pathlib import Path
from typing import Any

from stadtmail.doors.console import lock, ports, roles, serve, start
from stadtmail.kit import config, errors, instance
from stadtmail.vault import hardening, ring


class CannotMake(errors.Conflict):
    """An instance of that kind cannot be made there."""


def add(verbs: Any) -> None:
    """Register the verbs."""
    init = verbs.add_parser("init", help="make an empty production instance in STADTMAIL_DATA")
    init.add_argument("--root-key", required=True, type=Path, help="where the root key lies or shall be made; not in the data folder")
    init.set_defaults(run=run_init)
    demo = verbs.add_parser("demo", help="make the demo: two cities, three residents; nothing is sent outside")
    demo.add_argument("--serve", action="store_true", help="and serve it until Ctrl-C")
    demo.set_defaults(run=run_demo)


def run_init(chosen: argparse.Namespace) -> None:
    """Make the instance: hardened, with its tables, without anybody in it. Raises CannotMake, hardening.Unsafe."""
    data, root = config.load().data, chosen.root_key.absolute()
    if root.is_relative_to(data) or root.resolve().is_relative_to(data.resolve()):
        raise CannotMake("the root key must not lie in the data folder: whoever copies the folder would have both")
    if config.load().demo_password:
        raise CannotMake("STADTMAIL_DEMO_PASSWORD is for demo instances only")
    hardening.apply(production=True)
    if (data / "instance.json").exists():
        raise CannotMake(f"{data} is an instance already")
    if root.exists():
        if root.stat().st_size != ring.KEY_BYTES:
            raise CannotMake(f"{root} is no root key: it has {root.stat().st_size} bytes instead of {ring.KEY_BYTES}")
    else:
        try:
            ring.make_root_key(root)
        except OSError as problem:
            raise CannotMake(f"{root} cannot be written: {problem.strerror}") from None
    instance.create(data, kind="production", root_key=root)
    start.serving().release()
    print(f"made: a production instance in {data}, root key {root}")
    print("next: `keys pair` and `keys escrow` for the recovery kit, `city open SLUG --host NAME`, `staff appoint`, `serve`")


def run_demo(chosen: argparse.Namespace) -> None:
    """Make the demo where there is none yet; an interrupted making goes on. Raises CannotMake."""
    data = config.load().data
    if chosen.serve:
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock.take_alone().release()  # a demo that is running already says so, instead of "port taken"
        ports.check(list(roles.ROLES))
    if not (data / "instance.json").exists():
        instance.create(data, kind="demo", root_key=data / "root.key")
    if instance.current().kind != "demo":
        raise CannotMake(f"{data} is a {instance.current().kind} instance: a demo cannot be made in it")
    held = start.joining()
    from stadtmail.doors.console import demo  # its rooms can be loaded only now

    try:
        password = demo.make(say=lambda text: print(text, file=sys.stderr, flush=True))
    finally:
        held.release()
    if chosen.serve:
        serve.everything(when_ready=lambda: print(demo.card(password), flush=True))
    else:
        print(demo.card(password))
