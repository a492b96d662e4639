"""Taking over messages from another provider: over IMAP with its credentials, or from a file. A page that says how far it is.

A file is sealed while it comes in and never lies anywhere as it is; credentials are kept only while the import runs.
"""

from typing import TYPE_CHECKING, Any

from django.core.exceptions import BadRequest, TooManyFieldsSent
from django.core.files.uploadhandler import FileUploadHandler
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _

from stadtmail.doors.web import access, origin, throttle
from stadtmail.doors.web.fields import Field, Problem, errors_of, refuse_surplus, texts
from stadtmail.doors.web.places import Place
from stadtmail.doors.web.request import PortalRequest
from stadtmail.mail import queries
from stadtmail.mail.actions import importing

if TYPE_CHECKING:
    from stadtmail.people.models import Contract

STEPS = {"imap": ("step", "host", "port", "user", "password"), "stop": ("step",)}
PORTS = ("993", "143")
MOST_FILE, MORE = 4 * 1024**3, 16 * 1024**2  # bytes of a file; a packed one may be much smaller than what it holds


class _Sealing(FileUploadHandler):
    """Gives what comes in to the import's seal, piece by piece; Django keeps nothing of it."""

    def __init__(self, upload: importing.Upload) -> None:
        super().__init__()
        self.upload, self.count = upload, 0

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        """One file, in the field "file"."""
        super().new_file(*args, **kwargs)
        self.count += 1
        if self.count > 1 or self.field_name != "file":
            raise BadRequest

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:  # noqa: ARG002
        """A piece."""
        self.upload.write(bytes(raw_data))

    def file_complete(self, file_size: int) -> None:
        """Nothing to hand on."""


@access.resident
def page(request: PortalRequest, contract: "Contract") -> HttpResponse:
    """/postfach/importieren: how far the import is, or the two ways to begin one."""
    o = _opened(request, contract)
    if request.method != "POST":
        return _page(request, o)
    step = request.POST.get("step", "")
    if step not in STEPS:
        raise TooManyFieldsSent
    refuse_surplus(request.POST, STEPS[step])
    if step == "stop":
        importing.stop(o, now=request.now)
        return HttpResponseRedirect(reverse("import"))
    return _imap(request, contract, o)


@access.resident
def file(request: PortalRequest, contract: "Contract") -> HttpResponse:
    """POST /postfach/importieren/datei: an mbox, an EML or a zip of them, sealed while it comes in."""
    if request.method != "POST":
        return HttpResponseRedirect(reverse("import"))
    throttle.count(request, "import", str(contract.id))
    o = _opened(request, contract)
    if request.content_type != "multipart/form-data":
        raise BadRequest
    used, quota = queries.used(o.mailbox)
    upload = importing.Upload(o, most=min(MOST_FILE, 2 * max(0, quota - used) + MORE), now=request.now)
    handler = _Sealing(upload)
    request.upload_handlers = [handler]
    try:
        with Place(origin.network(request)):
            refuse_surplus(request.POST, ())
        if handler.count != 1:
            return _page(request, o, problems=[Problem("file", _("Bitte wählen Sie eine Datei."))])
        upload.begin(lang=request.language, now=request.now)
    except importing.UploadTooLarge:
        return _page(request, o, problems=[Problem("file", _("Diese Datei ist größer, als in Ihr Postfach passt."))])
    except importing.ImportRuns:
        return _page(request, o, problems=[Problem("", _("Es läuft schon eine Übernahme."))])
    except importing.MailboxSealed:
        return _page(request, o, problems=[Problem("", _sealed())])
    finally:
        upload.forget()
    return HttpResponseRedirect(reverse("import"))


def _imap(request: PortalRequest, contract: "Contract", o: Any) -> HttpResponse:
    given = texts(request.POST, STEPS["imap"])
    problems = [Problem(name, _("Bitte ausfüllen.")) for name in ("host", "user", "password") if not given[name]]
    if given["port"] not in PORTS:
        problems.append(Problem("port", _("Bitte wählen Sie einen Anschluss.")))
    if not problems:
        throttle.count(request, "import", str(contract.id))
        try:
            importing.begin_imap(
                o, host=given["host"][:253], port=int(given["port"]), user=given["user"][:320], password=given["password"][:500],
                lang=request.language, now=request.now,
            )  # fmt: skip
        except importing.ImportRuns:
            problems = [Problem("", _("Es läuft schon eine Übernahme."))]
        except importing.MailboxSealed:
            problems = [Problem("", _sealed())]
        else:
            return HttpResponseRedirect(reverse("import"))
    return _page(request, o, given=given, problems=problems)


def _sealed() -> str:
    return _("In ein versiegeltes Postfach kann nichts übernommen werden: Die Übernahme arbeitet, während niemand angemeldet ist.")


def _opened(request: PortalRequest, contract: "Contract") -> Any:
    return queries.outside(queries.mailbox_of(request.city, contract.id), holder=contract.id)


def _page(
    request: PortalRequest, o: Any, *, given: dict[str, str] | None = None, problems: list[Problem] | None = None
) -> HttpResponse:  # fmt: skip
    given, wrong = given or {}, errors_of(problems or [])
    progress = importing.progress(o, now=request.now)
    seen = progress.taken + progress.known + progress.left_out if progress else 0
    fields = {
        "host": Field("host", _("IMAP-Server"), hint=_("Zum Beispiel imap.beispiel.de; er steht in der Hilfe Ihres Anbieters."),
                      value=given.get("host", ""), error=wrong.get("host", ""), maxlength=253, autocomplete="off"),
        "user": Field("user", _("Benutzername dort"), hint=_("Meist Ihre alte Mailadresse."), value=given.get("user", ""),
                      error=wrong.get("user", ""), maxlength=320, autocomplete="off"),
        "password": Field("password", _("Passwort dort"), hint=_("Manche Anbieter verlangen ein App-Passwort."), type="password",
                          error=wrong.get("password", ""), maxlength=500, autocomplete="off"),
    }  # fmt: skip
    context = {"progress": progress, "seen": seen, "fields": fields, "ports": PORTS, "given": given, "problems": problems or [],
               "file_error": wrong.get("file", ""), "section": "mail", "is_sealed": queries.is_sealed(o.mailbox)}  # fmt: skip
    return render(request, "web/import.html", context, status=400 if problems else 200)
