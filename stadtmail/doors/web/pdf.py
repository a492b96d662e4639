"""A PDF, looked at page by page without opening it: the page is a picture that was drawn here, beside the text that it says.

Nothing of the file itself reaches the browser, so nothing in it can run, load or send anything, and it works without JavaScript.
"""

import base64

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from stadtmail.doors.web import access, mailbox
from stadtmail.doors.web.access import Box
from stadtmail.doors.web.request import PortalRequest
from stadtmail.kit import pdf
from stadtmail.kit.pdf_worker import LOCKED
from stadtmail.mail import queries

KIND = "application/pdf"
PAGE = "seite"


def is_one(kind: str, filename: str, size_bytes: int) -> bool:
    """Does an attachment say that it is a PDF, and is it small enough to be drawn? Whether it is one, its bytes say."""
    is_said = kind == KIND or (kind == "application/octet-stream" and filename.lower().endswith(".pdf"))
    return is_said and size_bytes <= pdf.MOST_BYTES


@access.reader
def page(request: PortalRequest, box: Box, folder: int, uid: int, part: str) -> HttpResponse:
    """GET …/pdf/<part>?seite=2: one page. Raises pdf.NoPdf for what is none by its bytes, and for a page that it does not have."""
    filename, _kind, chunks = queries.part(box.opened, folder, mailbox.number(uid), part)
    number = _number(request.GET.get(PAGE, "1"))
    shown = mailbox.folders(box)
    context = {
        **mailbox.side(box, shown, mailbox.chosen(shown, folder)), "uid": uid, "part": part, "number": number,
        "name": filename or _("anhang"),
    }  # fmt: skip
    try:
        drawn = pdf.page(chunks, number)
    except pdf.NotDrawn as error:
        return render(request, "web/pdf.html", {**context, "problem": _why(error)}, status=422)
    except pdf.TooLarge:
        text = _("Die Datei ist zu groß für eine Vorschau.")
        return render(request, "web/pdf.html", {**context, "problem": text}, status=422)
    last = min(drawn.pages, pdf.MOST_PAGES)
    context |= {
        "picture": base64.b64encode(drawn.picture).decode(), "text": drawn.text.replace("\r\n", "\n").strip(), "pages": drawn.pages,
        "before": number - 1, "after": number + 1 if number < last else 0, "is_cut": drawn.pages > last, "most": pdf.MOST_PAGES,
    }  # fmt: skip
    return render(request, "web/pdf.html", context)


def _number(given: str) -> int:
    if not (given.isascii() and given.isdecimal() and len(given) < 5):
        raise pdf.NoPdf
    return int(given)


def _why(error: pdf.NotDrawn) -> str:
    if error.why == LOCKED:
        return _("Die Datei ist mit einem Passwort geschützt. Wir fragen nicht danach: Laden Sie sie bitte herunter.")
    return _("Die Datei lässt sich nicht zeigen. Vielleicht ist sie beschädigt, oder sie verlangt mehr, als eine Vorschau leisten darf.")
