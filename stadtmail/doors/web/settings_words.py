"""Rules in plain words: what a list of rules says, what the form asks, what the last click did."""

from babel.lists import format_list
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from stadtmail.doors.web import labels
from stadtmail.doors.web.templatetags.portal import size
from stadtmail.mail.folders import standard_name
from stadtmail.mail.rulewriting import COPY, MOVE, TRASH, Condition, Rule


def whats() -> dict[str, str]:
    """What a condition looks at."""
    return {
        "from": _("Absender"), "to": _("Empfänger (An oder Kopie)"), "subject": _("Betreff"), "body": _("Text der Nachricht"),
        "header": _("Andere Kopfzeile"), "larger": _("Größer als (MB)"), "smaller": _("Kleiner als (MB)"),
        "attached": _("Hat einen Anhang"), "not_attached": _("Hat keinen Anhang"),
    }  # fmt: skip


def hows() -> dict[str, str]:
    """How a text is compared."""
    return {
        "contains": _("enthält"), "not_contains": _("enthält nicht"), "is": _("ist genau"), "is_not": _("ist nicht"),
        "begins": _("beginnt mit"), "ends": _("endet mit"),
    }  # fmt: skip


def said(rule: Rule, *, lang: str) -> tuple[str, str]:
    """A rule in two half sentences: when, and then what."""
    listed = format_list([_condition(one) for one in rule.conditions], style="or" if rule.any else "standard", locale=lang)
    return str(listed), str(format_list(_actions(rule, lang), locale=lang))


def done(word: str) -> str:
    """What the last click did, from a closed list: the address line carries no text."""
    return {
        "gespeichert": _("Gespeichert. Es gilt ab der nächsten Nachricht."),
        "verschoben": _("Die Reihenfolge ist geändert."),
        "an": _("Die Regel arbeitet wieder."),
        "aus": _("Die Regel ruht. Sie bleibt gespeichert."),
        "zurueck": _("Die Regel ist wieder da."),
        "laeuft": _("Was Sie im Portal einstellen, läuft jetzt."),
        "neu-begonnen": _("Das alte Skript ist unter einem anderen Namen aufgehoben. Hier ist Platz für neue Regeln."),
        "abwesend": _("Die Abwesenheitsnotiz ist gespeichert."),
        "anwesend": _("Die Abwesenheitsnotiz ist gelöscht."),
        "gefragt": _("Wir haben einen Code an diese Adresse gesandt. Bis er hier eingegeben ist, wird nichts weitergeleitet."),
        "nicht-gefragt": _("Diese Adresse wurde heute schon oft genug gefragt. Bitte versuchen Sie es morgen noch einmal."),
        "bestaetigt": _("Die Adresse ist bestätigt. Ab jetzt wird weitergeleitet."),
        "nicht-mehr": _("An diese Adresse wird nichts mehr weitergeleitet. Sie ist hier gelöscht."),
        "adresse": _("Die Adresse gehört jetzt Ihnen. Post an sie kommt in Ihrem Posteingang an."),
        "adresse-weg": _("Die Adresse ist gelöscht. Post an sie wird ab jetzt abgewiesen."),
        "name": _("Der Name ist gespeichert."),
        "gespeichert-adresse": _("Neue Nachrichten schreiben Sie ab jetzt von dieser Adresse."),
        "bilder-weg": _("Bilder dieses Absenders laden wir nur noch, wenn Sie es in einer Nachricht wünschen."),
        "ansicht": _("Die Ansicht gilt, bis Sie sich abmelden."),
        "skript": _("Das Skript ist gespeichert."),
        "skript-laeuft": _("Dieses Skript läuft jetzt, und kein anderes."),
        "skript-ruht": _("Kein Skript läuft. Neue Nachrichten kommen in den Posteingang."),
        "skript-weg": _("Das Skript ist gelöscht."),
    }.get(word, "")


def tried(found: int, looked: int) -> str:
    """What trying out a rule said."""
    if not looked:
        return _("Im Posteingang liegt noch nichts, womit wir die Regel ausprobieren könnten.")
    words = ngettext("%(n)s hätte gepasst", "%(n)s hätten gepasst", found) % {"n": found}
    return _("Von den letzten %(looked)s Nachrichten im Posteingang: %(words)s.") % {"looked": looked, "words": words}


def _condition(one: Condition) -> str:
    if one.what in ("larger", "smaller"):
        word = _("größer als %(size)s") if one.what == "larger" else _("kleiner als %(size)s")
        return word % {"size": size(int(one.text))}
    if one.what in ("attached", "not_attached"):
        return whats()[one.what]
    what = one.header if one.what == "header" else whats()[one.what]
    return _("%(what)s %(how)s „%(text)s“") % {"what": what, "how": hows()[one.how], "text": one.text}


def _actions(rule: Rule, lang: str) -> list[str]:
    folder = standard_name(rule.role, lang) or rule.folder
    places = {
        MOVE: _("in den Ordner „%(folder)s“ verschieben"), COPY: _("in den Ordner „%(folder)s“ kopieren"),
        TRASH: _("in den Papierkorb legen"),
    }  # fmt: skip
    found = [places[rule.place] % {"folder": folder}] if rule.place in places else []
    found += [_("als gelesen markieren")] if rule.seen else []
    found += [_("mit Stern markieren")] if rule.flagged else []
    found += [_("das Etikett „%(label)s“ geben") % {"label": labels.named(rule.label)}] if rule.label else []
    found += [_("an %(address)s weiterleiten") % {"address": rule.forward}] if rule.forward else []
    return found or [_("im Posteingang lassen")]
