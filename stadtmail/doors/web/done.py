"""What has just happened to messages, said on the next page, with the way back: sealed in its address, stored nowhere.

A state names folders by number and uidvalidity, and messages by uid: of what has moved on meanwhile nothing is undone.
"""

from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from stadtmail.doors.web import tokens
from stadtmail.doors.web.access import Box
from stadtmail.doors.web.request import PortalRequest
from stadtmail.kit import errors
from stadtmail.mail.actions.handling import Place

FORM, STATE = "undo", "getan"


def sealed(request: PortalRequest, box: Box, what: str, **more: Any) -> str:
    """What happened, for the address of the page that says it."""
    return tokens.seal_state(request.city.id, FORM, {"box": str(box.mailbox.id), "what": what, **more}, now=request.now)


def opened(request: PortalRequest, box: Box, given: str) -> dict[str, Any]:
    """What `sealed` sealed for this mailbox. Raises tokens.StaleForm, NotFound for what was sealed for another one."""
    state = tokens.open_state(request.city.id, FORM, given, now=request.now)
    if state.get("box") != str(box.mailbox.id):
        raise errors.NotFound
    return state


def shown(request: PortalRequest, box: Box, folders: Sequence[Any]) -> dict[str, Any] | None:
    """What the page says of it; None where nothing happened, or too long ago."""
    given = request.GET.get(STATE, "")
    if not given:
        return None
    try:
        state = opened(request, box, given)
    except (tokens.StaleForm, errors.NotFound):
        return None
    names = {one.number: one.name for one in folders}
    said = _words(state, names.get(state.get("to", [0])[0], ""))
    return {"text": said, "more": _gone(state), "state": given if state.get("uids") else ""}


def place(of: Sequence[int]) -> Place:
    """A folder as the state names it."""
    return Place(int(of[0]), int(of[1]))


def _words(state: dict[str, Any], folder: str) -> str:
    what, count = state["what"], state.get("count", 0)
    if what == "none":
        return _("Es war keine Nachricht ausgewählt.")
    if what == "same":
        return _("Wählen Sie bitte zuerst aus, wohin oder welches Etikett.")
    if not count and what != "label":
        return _("Es hat sich nichts geändert.")
    texts = {
        "moved": ngettext("%(count)s Nachricht liegt jetzt in „%(folder)s“.", "%(count)s Nachrichten liegen jetzt in „%(folder)s“.", count),
        "copied": ngettext(
            "%(count)s Nachricht liegt jetzt auch in „%(folder)s“.", "%(count)s Nachrichten liegen jetzt auch in „%(folder)s“.", count
        ),
        "given": ngettext(
            "%(count)s Nachricht liegt jetzt im geteilten Ordner.", "%(count)s Nachrichten liegen jetzt im geteilten Ordner.", count
        ),
        "given_copy": ngettext(
            "%(count)s Nachricht liegt jetzt auch im geteilten Ordner.", "%(count)s Nachrichten liegen jetzt auch im geteilten Ordner.",
            count,
        ),
        "not_allowed": _("Das erlaubt die Freigabe nicht. Es hat sich nichts geändert."),
        "no_room": _("Dafür ist im Ziel nicht genug Platz."),
        "back": ngettext("%(count)s Nachricht ist zurück in „%(folder)s“.", "%(count)s Nachrichten sind zurück in „%(folder)s“.", count),
        "erased": ngettext("%(count)s Nachricht ist endgültig gelöscht.", "%(count)s Nachrichten sind endgültig gelöscht.", count),
        "read": ngettext("%(count)s Nachricht ist gelesen.", "%(count)s Nachrichten sind gelesen.", count),
        "unread": ngettext("%(count)s Nachricht ist ungelesen.", "%(count)s Nachrichten sind ungelesen.", count),
        "flag": ngettext("%(count)s Nachricht ist markiert.", "%(count)s Nachrichten sind markiert.", count),
        "unflag": ngettext("Von %(count)s Nachricht ist die Markierung weg.", "Von %(count)s Nachrichten ist die Markierung weg.", count),
        "label": ngettext("%(count)s Nachricht hat das Etikett.", "%(count)s Nachrichten haben das Etikett.", count),
        "unlabel": ngettext("Von %(count)s Nachricht ist das Etikett weg.", "Von %(count)s Nachrichten ist das Etikett weg.", count),
        "unsubscribed": _("Ihre Abbestellung ist unterwegs."),
        "receipt_sent": _("Ihre Lesebestätigung ist unterwegs."),
        "receipt_refused": _("Es wird keine Lesebestätigung gesendet. Danach gefragt werden Sie nicht noch einmal."),
        "receipt_never": _("Es wird keine gesendet. Nach Lesebestätigungen fragen wir Sie nicht mehr; ändern können Sie das in den "
                           "Einstellungen."),
        "receipt_answered": _("Das war schon beantwortet. Es wurde nichts noch einmal gesendet."),
        "receipt_full": _("Die Antwort ließ sich nicht vermerken: Ihr Postfach nimmt keine weiteren Etiketten auf. Gesendet wurde nichts."),
        "receipt_later": _("Sie haben in kurzer Zeit sehr viel gesendet. Die Lesebestätigung wurde nicht gesendet."),
        "receipt_failed": _("An diese Adresse kann nichts gesendet werden."),
    }
    return texts.get(what, "") % {"count": count, "folder": folder}


def _gone(state: dict[str, Any]) -> str:
    gone = state.get("gone", 0)
    text = ngettext("%(count)s war inzwischen nicht mehr da.", "%(count)s waren inzwischen nicht mehr da.", gone)
    return text % {"count": gone} if gone else ""
