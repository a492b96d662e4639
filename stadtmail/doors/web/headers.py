"""Headers that every answer carries. A page may tighten its own policy (message frame); nobody may loosen it."""

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

CONTENT_POLICY = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; "
    "frame-src 'self'; frame-ancestors 'none'; worker-src 'self'; connect-src 'self'"
)
PERMISSIONS = (
    "accelerometer=(), autoplay=(), browsing-topics=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), "
    "magnetometer=(), microphone=(), midi=(), payment=(), usb=()"
)


def secure(request: HttpRequest, response: HttpResponseBase) -> None:
    """Add what is missing. same-origin as referrer policy, because under no-referrer browsers send `Origin: null`."""
    response.headers.setdefault("Content-Security-Policy", CONTENT_POLICY)
    response.headers.setdefault("Referrer-Policy", "same-origin")
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
    response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
    response.headers.setdefault("X-Frame-Options", "DENY")
    response.headers.setdefault("Permissions-Policy", PERMISSIONS)
    if isinstance(response, HttpResponse):
        response.headers.setdefault("Content-Length", str(len(response.content)))
    if request.is_secure():
        response.headers.setdefault("Strict-Transport-Security", "max-age=31536000")


def keep_private(response: HttpResponseBase) -> None:
    """For pages about a person: no store keeps them, no search engine lists them."""
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Robots-Tag"] = "noindex, nofollow"


def download(response: HttpResponse, filename: str, *, kind: str) -> None:
    """Make the answer a download of harmless type: a browser never renders it in the portal's origin."""
    response.headers["Content-Type"] = kind
    response.headers["Content-Disposition"] = f'attachment; filename="{filename}"'
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
