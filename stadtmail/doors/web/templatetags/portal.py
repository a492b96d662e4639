"""Template tags: form tokens, versioned assets, dates and sizes as people write them."""

from datetime import date, datetime
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from babel.dates import format_date, format_datetime
from django import template
from django.template.loader import render_to_string
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language

from stadtmail.doors.web import tokens
from stadtmail.doors.web.templatetags import fragments
from stadtmail.privacy.notice import words as notice_words
from stadtmail.privacy.periods import Period

register = template.Library()
register.tag("translate", fragments.translate)  # loaded after Django's, of which it takes the place
ROOT = Path(__file__).parent.parent / "static"


@register.simple_tag(takes_context=True)
def form_token(context: template.Context, form: str) -> SafeString:
    """The hidden field that every form of the portal carries. `form` is the URL name that it is sent to."""
    request = context["request"]
    mark = request.visit.mark if request.visit else ""
    made = tokens.token(request.city.id, form, session=mark, now=request.now)
    return format_html('<input type="hidden" name="token" value="{}">', made)


@register.simple_tag(takes_context=True)
def token_of(context: template.Context, form: str) -> str:
    """The token alone, for the address of a form that sends a file."""
    request = context["request"]
    return tokens.token(request.city.id, form, session=request.visit.mark if request.visit else "", now=request.now)


@register.simple_tag
def asset(path: str) -> str:
    """Address of a static file, with its digest, so that browsers may keep it."""
    return f"{static(path)}?v={_digest(path)}"


@register.simple_tag
def icon(name: str) -> SafeString:
    """A drawing of ours, by its name: each is made once a process."""
    return _drawn("web/icon.html", name)


@register.simple_tag
def place_icon(name: str) -> SafeString:
    """The drawing of a place of the portal."""
    return _drawn("web/place_icon.html", name)


@register.simple_tag(takes_context=True)
def moment(context: template.Context, at: datetime | None, form: str = "long") -> str:
    """A moment with its hour, in the time zone that the reader has chosen for their session, else in the city's."""
    if at is None:
        return ""
    zone = context.get("zone") or context["policy"].tz
    return str(format_datetime(at.astimezone(zone), _pattern(form), tzinfo=zone, locale=region()))


@register.simple_tag(takes_context=True)
def day(context: template.Context, at: datetime | date | None, form: str = "long") -> str:
    """A day in the city's time zone."""
    if at is None:
        return ""
    if isinstance(at, datetime):
        at = at.astimezone(context["policy"].tz).date()
    return str(format_date(at, form, locale=region()))


@register.filter
def size(count: int) -> str:
    """Bytes as people read them, in steps of 1024, as the notice counts them."""
    value = float(count or 0)
    for unit in ("Byte", "KB", "MB", "GB"):
        if value < 1000 or unit == "GB":
            break
        value /= 1024
    text = f"{value:.1f}".removesuffix(".0") if value < 10 else f"{value:.0f}"
    return f"{text if _locale() == 'en' else text.replace('.', ',')} {unit}"


@register.filter
def period(value: Period) -> str:
    """A period of the policy in words, as it stands after "nach"."""
    return notice_words.period(value, _locale(), dative=True)


@register.filter
def words(value: Any) -> str:
    """A text of the policy in the language of the page."""
    return str(value[_locale()]) if hasattr(value, "de") else str(value)


@register.filter
def euro(cents: int) -> str:
    """Cents as an amount."""
    text = f"{cents / 100:,.2f}"
    return f"€{text}" if _locale() == "en" else f"{text.translate(str.maketrans(',.', '.,'))} €"


def region() -> str:
    """Whose dates are written: British ones in English."""
    return "en_GB" if _locale() == "en" else "de_DE"


def _locale() -> str:
    return "en" if get_language() == "en" else "de"


def _pattern(form: str) -> str:
    if form != "long":
        return form
    return "d MMMM y, HH:mm zzz" if _locale() == "en" else "d. MMMM y, HH:mm 'Uhr' (zzz)"


@cache
def _drawn(template_name: str, name: str) -> SafeString:
    return render_to_string(template_name, {"icon": name})


@cache
def _digest(path: str) -> str:
    file = ROOT / path
    return sha256(file.read_bytes()).hexdigest()[:10] if file.is_file() else "0"
