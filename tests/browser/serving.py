"""The portal as tests/browser/city.py serves it: while the file `may-fetch` lies in its data folder, pictures are "fetched" from a drawer.

A test instance fetches nothing, so that without this nobody would see the pages of one that does. The rest is stadtmail.wsgi as it is.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stadtmail.kit import config
from stadtmail.wsgi import application

__all__ = ["application"]
PICTURE = Path(__file__).resolve().parents[2] / "stadtmail" / "doors" / "web" / "static" / "web" / "icon-192.png"


def _from_the_drawer() -> None:
    from stadtmail.mail import fetching

    def every(urls: Any, *, own: Any = ()) -> Iterator[Any]:
        return (fetching.Picture("image/png", PICTURE.read_bytes()) for _ in urls)

    fetching.leads = (config.load().data / "may-fetch").exists
    fetching.every = every


_from_the_drawer()
