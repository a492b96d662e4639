"""What granian serves: `granian --interface wsgi stadtmail.wsgi:application`."""

import os
from collections.abc import Callable, Iterable
from typing import Any

from django.core.wsgi import get_wsgi_application

from stadtmail.kit import log

AT_ONCE_BYTES = 1024 * 1024

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "stadtmail.settings")
log.install("web")  # every worker: Django's own loggers would write addresses, and with them sessions in addresses
_portal = get_wsgi_application()


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """The portal. What is small is handed over whole (a list, for granian): who takes it slowly then holds no thread."""
    answer: Any = _portal(environ, start_response)
    if answer.streaming and int(answer.headers.get("Content-Length", AT_ONCE_BYTES + 1)) > AT_ONCE_BYTES:
        return answer  # type: ignore[no-any-return]
    try:
        return [b"".join(answer)]
    finally:
        answer.close()
