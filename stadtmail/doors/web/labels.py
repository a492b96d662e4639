"""Labels as people see them, and the page that makes, colours and removes them. In IMAP they are keywords: every program has them."""

from dataclasses import dataclass

from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _

from stadtmail.doors.web import access
from stadtmail.doors.web.access import Box
from stadtmail.doors.web.fields import Field, Problem, errors_of, refuse_surplus
from stadtmail.doors.web.request import PortalRequest
from stadtmail.kit import errors
from stadtmail.mail import labels as words
from stadtmail.mail import queries
from stadtmail.mail.actions import changing, handling

FIELDS = ("tun", "name", "farbe", "etikett")


@dataclass(frozen=True)
class Label:
    """A label: the bit by which forms name it, its name, its colour."""

    bit: int
    name: str
    colour: str


def of(box: Box) -> dict[int, Label]:
    """bit -> label, by name. Keywords that programs use among themselves are none."""
    found = [Label(bit, named(name), colour) for bit, (name, colour) in queries.labelled(box.opened).items() if words.is_label(name)]
    return {one.bit: one for one in sorted(found, key=lambda one: one.name.casefold())}


@access.writer
def labels(request: PortalRequest, box: Box) -> HttpResponse:
    """/postfach/etiketten: the labels with their colours; POST makes, colours or removes one. A role's mailbox has none."""
    if request.method != "POST":
        return _page(request, box)
    refuse_surplus(request.POST, FIELDS)
    what, colour = request.POST.get("tun", ""), request.POST.get("farbe", "")
    if what == "anlegen":
        name = request.POST.get("name", "").strip()
        problem = _made(request, box, name, colour)
        return _page(request, box, name=name, problem=problem) if problem else _back()
    if what == "farbe":
        handling.colour_label(box.opened, _bit(request, box), colour, now=request.now)
    elif what == "entfernen":
        handling.remove_label(box.opened, _bit(request, box), now=request.now)
    else:
        raise errors.NotFound
    return _back()


def _made(request: PortalRequest, box: Box, name: str, colour: str) -> str:
    """Make a label; why it could not be, or nothing."""
    try:
        handling.make_label(box.opened, name, colour if colour in words.COLOURS else words.COLOURS[0], now=request.now)
    except handling.BadLabel:
        return _("Nehmen Sie bitte einen Namen mit höchstens 40 Zeichen, ohne _ ( ) { } % * \" \\ und ohne $ am Anfang.")
    except handling.LabelExists:
        return _("Ein Etikett mit diesem Namen gibt es schon.")
    except changing.TooManyKeywords:
        return _("Mehr Etiketten gehen nicht. Entfernen Sie bitte zuerst eines.")
    return ""


def _bit(request: PortalRequest, box: Box) -> int:
    given = request.POST.get("etikett", "")
    bit = int(given) if given.isascii() and given.isdecimal() and len(given) < 3 else 0
    if bit not in of(box):
        raise handling.NoSuchLabel
    return bit


def _back() -> HttpResponse:
    return HttpResponseRedirect(reverse("labels"))


def _page(request: PortalRequest, box: Box, *, name: str = "", problem: str = "") -> HttpResponse:
    from stadtmail.doors.web import mailbox  # which names labels in its list

    problems = [Problem("name", problem)] if problem else []
    name_field = Field(
        "name", _("Name"), hint=_("Zum Beispiel: Familie, Steuer 2026, Müllabfuhr"), value=name, maxlength=words.MOST_SIGNS,
        error=errors_of(problems).get("name", ""), autocomplete="off",
    )  # fmt: skip
    context = {
        **mailbox.side(box, mailbox.folders(box), None), "labels": list(of(box).values()), "colours": list(colours().items()),
        "field": name_field, "problems": problems,
    }  # fmt: skip
    return render(request, "web/labels.html", context, status=400 if problem else 200)


def colours() -> dict[str, str]:
    """The colours, by name: a colour alone says nothing to many people."""
    named = (_("Grau"), _("Blau"), _("Grün"), _("Türkis"), _("Gelb"), _("Orange"), _("Rot"), _("Violett"))
    return dict(zip(words.COLOURS, named, strict=True))


def named(keyword: str) -> str:
    """A keyword as a label is called, on every page."""
    return known().get(keyword.lower()) or words.shown(keyword)


def known() -> dict[str, str]:
    """The five labels that Thunderbird begins with."""
    names = (_("Wichtig"), _("Dienstlich"), _("Persönlich"), _("Zu erledigen"), _("Später"))
    return dict(zip(words.KNOWN, names, strict=True))
