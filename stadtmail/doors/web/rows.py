"""The lines of lists as HTML, by hand: a page has fifty of them, and as templates they take ten times as long.

Whatever a stranger wrote comes through `escape`; its reading direction stays inside of its own `bdi`.
"""

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from stadtmail.doors.web.lines import Line
from stadtmail.doors.web.templatetags import portal


def listed(lines: Sequence[Line], here: str) -> SafeString:
    """The messages and conversations of a folder, whose address is `here`, each with what it takes to choose and to mark it."""
    draw = _Drawing()
    return mark_safe("".join(draw.row(line, here) for line in lines))  # noqa: S308 - every part is escaped in _Drawing


def found(lines: Iterable[tuple[Line, str, str]]) -> SafeString:
    """What a search found: lines, each with its folder's address and name."""
    draw = _Drawing()
    return mark_safe("".join(f"<li>{draw.letter(line, here, folder=name)}</li>\n" for line, here, name in lines))  # noqa: S308 - as above


def folders(shown: Sequence[Any], current: Any) -> SafeString:
    """The folders as links, with what is unread in them; `current` is the one that the page shows, or None."""
    here, drawn = reverse("mailbox"), []
    for one in shown:
        told = _("%(count)s ungelesen von %(total)s") % {"count": one.unread, "total": one.total} if one.unread else ""
        count = f'<span class="count"><span aria-hidden="true">{one.unread}</span><span class="kern-sr-only">{escape(told)}</span></span>'
        here_now = ' aria-current="page"' if current is not None and one.number == current.number else ""
        drawn.append(
            f'<li><a href="{escape(here)}/{one.number}"{here_now} data-folder="{one.number}">'
            f'{portal.icon(one.icon)}<span class="folders__name"><bdi>{escape(one.name)}</bdi></span>{count if told else ""}</a></li>\n'
        )
    return mark_safe("".join(drawn))  # noqa: S308 - names are escaped


class _Drawing:
    """The words and pictures of one page, which are the same in each of its lines."""

    def __init__(self) -> None:
        self._new = f'<span class="kern-sr-only">{escape(_("Ungelesen:"))}</span>'
        self._answered = f'<span class="sign sign--answered"><span class="kern-sr-only">{escape(_("beantwortet,"))}</span></span> '
        self._clip = f'<span class="sign sign--clip"><span class="kern-sr-only">{escape(_("mit Anhang,"))}</span></span> '
        self._inside = escape(_("in"))

    def row(self, line: Line, here: str) -> str:
        """A line of a folder; the older messages of its conversation are folded into it."""
        star = (
            f'<button class="star" name="stern" value="{"-" if line.is_starred else ""}{line.uid}"'
            f' aria-pressed="{"true" if line.is_starred else "false"}" aria-labelledby="stern s{line.uid}"></button>'
        )
        return f'<li class="row">{_tick(line)}{star}{self.letter(line, here)}{self._thread(line, here)}</li>\n'

    def letter(self, line: Line, here: str, *, folder: str | None = None) -> str:
        """The message as a link: who, what, how large, when; `folder`: in which one, where it is not the page's."""
        labels = "".join(f'<span class="chip chip--{one.colour}"><bdi>{escape(one.name)}</bdi></span> ' for one in line.labels)
        preview = f' <bdi class="letter__preview">{escape(line.preview)}</bdi>' if line.preview and folder is None else ""
        place = f' <span class="muted small">{self._inside} <bdi>{escape(folder)}</bdi></span>' if folder is not None else ""
        named = f' id="s{line.uid}"' if folder is None else ""  # the star's name
        return (
            f"{self._opening(line, here, with_id=folder is None)}{self._sender(line)}"
            f'<span class="letter__subject">{self._answered if line.is_answered and folder is None else ""}{labels}'
            f"<bdi{named}>{escape(line.subject)}</bdi>{preview}{place}</span>"
            f'<span class="letter__size">{self._clip if line.has_attachments else ""}{portal.size(line.shown_bytes)}</span>'
            f"{_when(line)}</a>"
        )

    def _opening(self, line: Line, here: str, *, with_id: bool) -> str:
        mark = f' id="n{line.uid}"' if with_id else ""
        new = "" if line.is_seen else " letter--new"
        return f'<a class="letter{new}"{mark} href="{escape(here)}/{line.uid}">{"" if line.is_seen else self._new}'

    def _sender(self, line: Line) -> str:
        more = ""
        if line.below:
            more = f' <span class="letter__count">{line.count}<span class="kern-sr-only"> {escape(_("Nachrichten,"))}</span></span>'
        return f'<span class="letter__sender"><bdi>{escape(line.sender)}</bdi>{more}</span>'

    def _thread(self, line: Line, here: str) -> str:
        if not line.below:
            return ""
        total, older = len(line.below), "".join(self._older(one, here) for one in line.below)
        title = ngettext("%(total)s ältere Nachricht", "%(total)s ältere Nachrichten", total) % {"total": total}
        return f'<details class="thread"><summary>{escape(title)}</summary><ul>{older}</ul></details>'

    def _older(self, line: Line, here: str) -> str:
        shown = escape(line.preview or line.subject)
        return (
            f"<li>{_tick(line)}{self._opening(line, here, with_id=True)}{self._sender(line)}"
            f'<span class="letter__subject"><bdi class="letter__preview">{shown}</bdi></span>{_when(line)}</a></li>'
        )


def _tick(line: Line) -> str:
    return f'<label class="tick"><input type="checkbox" name="uid" value="{line.choice}" aria-labelledby="n{line.uid}"></label>'


def _when(line: Line) -> str:
    moment = f' datetime="{line.iso}"' if line.at else ""
    return f'<time class="letter__when"{moment}>{escape(line.when)}</time>'
