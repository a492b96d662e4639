"""HTML-safe text: values are escaped on their way in, templates are ours, and both meet only in `fill`."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from django.utils.html import escape
from django.utils.safestring import SafeString

_NO_BREAK = "\u00a0"
# a section sign or its like stays on one line with its number
_LAW = re.compile(r"(§|Art\.|Abs\.|Nr\.|Buchst\.|no\.) (?=[0-9]|[a-z]\b)")
_SPACES = re.compile(r" {2,}")


def safe(value: object) -> SafeString:
    """A value of the policy, escaped."""
    return typeset(escape(str(value)))


def fill(template: str, values: Mapping[str, Any]) -> SafeString:
    """Our template with values that are safe already. A name without a value raises KeyError: no gap is ever shown."""
    return typeset(_SPACES.sub(" ", template.format_map(values)).strip())


def typeset(text: str) -> SafeString:
    """Keep "§ 9" and "Abs. 1" together."""
    return SafeString(_LAW.sub(rf"\1{_NO_BREAK}", text))


def mail_link(address: str) -> SafeString:
    """A mail address to click on."""
    return SafeString(f'<a href="mailto:{escape(quote(address, safe="@."))}">{escape(address)}</a>')


def web_link(url: str) -> SafeString:
    """An address on the web to click on, without telling it where the reader came from; anything but https stays text."""
    if not url.startswith("https://"):
        return safe(url)
    shown = url.removeprefix("https://").rstrip("/")
    return SafeString(f'<a href="{escape(url)}" rel="noreferrer noopener">{escape(shown)}</a>')
