"""Where a request comes from: what is believed about it, and what is not.

The peer's address is used for rate limits and for binding a URL session, in RAM and as keyed hash only; it is never
written anywhere (C-2.5). What a client or proxy claims about itself (X-Forwarded-For and friends) is removed unread.
"""

import ipaddress
from urllib.parse import urlsplit

from django.http import HttpRequest

from stadtmail.kit import instance

CLAIMS = (
    "HTTP_X_FORWARDED_FOR",
    "HTTP_X_FORWARDED_HOST",
    "HTTP_X_FORWARDED_PROTO",
    "HTTP_X_FORWARDED_PORT",
    "HTTP_X_REAL_IP",
    "HTTP_FORWARDED",
    "HTTP_VIA",
    "HTTP_X_SCRIPT_NAME",
    "HTTP_X_REMOTE_USER",
    "HTTP_TRUE_CLIENT_IP",
    "HTTP_CF_CONNECTING_IP",
    "HTTP_CLIENT_IP",
)


def forget_claims(request: HttpRequest) -> None:
    """Remove the headers in which somebody else's address could travel."""
    for name in CLAIMS:
        request.META.pop(name, None)


def network(request: HttpRequest) -> str:
    """The peer's network: /24 of IPv4, /56 of IPv6, one word where there is no address (tests, sockets)."""
    try:
        address = ipaddress.ip_address(request.META.get("REMOTE_ADDR", ""))
    except ValueError:
        return "local"
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return str(ipaddress.ip_network(f"{address}/{24 if address.version == 4 else 56}", strict=False))


def agent(request: HttpRequest) -> str:
    """What the browser calls itself: compared inside a URL session (keyed hash), never kept."""
    return str(request.META.get("HTTP_USER_AGENT", ""))[:500]


def own(request: HttpRequest) -> str:
    """The origin of this portal's own pages, as browsers see it: behind a proxy that ends TLS it is https all the same."""
    is_safe = request.is_secure() or instance.current().kind == "production"
    return f"{'https' if is_safe else 'http'}://{request.get_host()}"


def is_foreign(request: HttpRequest) -> bool:
    """True when the browser says that another site made it send this request."""
    site = request.META.get("HTTP_SEC_FETCH_SITE", "")
    if site and site not in ("same-origin", "none"):  # none: the person themselves, for example by reloading
        return True
    origin = request.META.get("HTTP_ORIGIN", "")
    if not origin:
        return False
    parts = urlsplit(origin)
    return (parts.scheme, parts.netloc.lower()) != (request.scheme, request.META.get("HTTP_HOST", "").lower())
