"""The words of the order form: labels, hints, what is wrong and how to mend it."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.utils.translation import gettext as _

from stadtmail.doors.web.fields import Field, Problem
from stadtmail.doors.web.templatetags.portal import euro, size
from stadtmail.people import orders, queries
from stadtmail.privacy.policy import Policy
from stadtmail.privacy.policy.model import Tariff

PASSWORD_CODES = ("password_short", "password_common", "password_known", "password_personal")


def fields(policy: Policy, given: Mapping[str, str], wrong: Mapping[str, str]) -> dict[str, Field]:
    """Every input of the form, filled with what was given."""

    def made(name: str, label: str, **more: object) -> Field:
        value = "" if "password" in name else given.get(name, "")
        return Field(name, label, value=value, error=wrong.get(name, ""), **more)  # type: ignore[arg-type]

    age = policy.order.smallest_age
    again = _("Bitte beide Felder noch einmal ausfüllen; ein Passwort schicken wir nie zurück.") if given else ""
    all_fields = (
        made("name", _("Name"), hint=_("Vor- und Nachname, oder der volle Name der Organisation"), autocomplete="name"),
        made(
            "birth_date",
            _("Geburtsdatum"),
            hint=_("Nur bei Personen; ab %(age)s Jahren. Organisationen lassen das Feld leer.") % {"age": age},
            type="date",
            autocomplete="bday",
            required=False,
        ),
        made("street", _("Straße und Hausnummer"), autocomplete="street-address"),
        made("postcode", _("Postleitzahl"), autocomplete="postal-code", inputmode="numeric", maxlength=5),
        made("town", _("Ort"), autocomplete="address-level2"),
        made(
            "localpart",
            _("Wunschadresse"),
            hint=_("Kleinbuchstaben, Ziffern, Punkt, Binde- und Unterstrich"),
            suffix=f"@{policy.domain}",
            autocomplete="off",
            maxlength=100,
        ),
        made(
            "password",
            _("Passwort"),
            hint=_("Mindestens %(count)s Zeichen. Vier zufällige Wörter sind gut zu merken.") % {"count": orders.SHORTEST_PASSWORD},
            type="password",
            autocomplete="new-password",
            maxlength=200,
        ),
        made("password_again", _("Passwort wiederholen"), hint=again, type="password", autocomplete="new-password", maxlength=200),
        made("phone", _("Telefonnummer"), type="tel", autocomplete="tel", required=False),
        made("iban", _("IBAN"), autocomplete="off", required=False, maxlength=42),
        made("account_holder", _("Kontoinhaberin oder Kontoinhaber"), autocomplete="off", required=False),
        made(
            "reclaim",
            _("Quittungscode"),
            hint=_("Nach einer Kündigung ist eine Adresse gesperrt. Mit dem Code aus Ihrer Kündigungsbestätigung bekommen Sie sie zurück."),
            autocomplete="off",
            required=False,
            maxlength=64,
        ),
        made(
            "nickname",
            _("Wie dürfen wir Sie ansprechen?"),
            hint=_("Für den Gruß auf Ihren Seiten"),
            autocomplete="nickname",
            optional=True,
        ),
        made(
            "contact_mail",
            _("Andere E-Mail-Adresse"),
            hint=_("Für Nachrichten über Ihren Vertrag, falls Sie sich nicht anmelden können"),
            type="email",
            autocomplete="email",
            optional=True,
        ),
    )
    return {field.name: field for field in all_fields}


def kinds(chosen: str) -> list[dict[str, Any]]:
    """Who may order."""
    labels = (("person", _("Eine Person")), ("organisation", _("Ein Verein, ein Betrieb oder eine andere Organisation")))
    return [{"code": code, "label": label, "chosen": code == chosen} for code, label in labels]


def tariffs(policy: Policy, chosen: str, lang: str) -> list[dict[str, Any]]:
    """What can be ordered; the first is chosen until the reader chooses."""
    chosen = chosen if chosen in policy.tariffs else next(iter(policy.tariffs))
    return [
        {
            "code": tariff.code,
            "name": tariff.name[lang],
            "chosen": tariff.code == chosen,
            "what": offer(tariff),
        }
        for tariff in policy.tariffs.values()
    ]


def offer(tariff: Tariff) -> str:
    """What a tariff gives, and what it costs."""
    price = _("%(price)s im Monat") % {"price": euro(tariff.price)} if tariff.price else _("kostenlos")
    return _("%(quota)s Speicherplatz, %(price)s") % {"quota": size(tariff.quota_bytes), "price": price}


def of(problems: Iterable[orders.Problem], policy: Policy) -> list[Problem]:
    """The room's codes in words."""
    words = _words(policy)
    return [Problem(problem.field, words.get(problem.code) or _("Diese Angabe können wir so nicht annehmen.")) for problem in problems]


def of_address(state: str) -> Problem:
    """Why an address cannot be had."""
    words = {
        "reserved": _("Dieser Name ist der Stadt vorbehalten oder sieht einem solchen zu ähnlich. Bitte wählen Sie einen anderen."),
        queries.QUARANTINED: _(
            "Diese Adresse wurde vor Kurzem aufgegeben und ist gesperrt, damit niemand fremde Post bekommt. "
            "Gehörte sie Ihnen, geben Sie unten den Quittungscode ein."
        ),
    }
    return Problem("localpart", words.get(state) or _("Diese Adresse ist schon vergeben. Bitte wählen Sie eine andere."))


def of_password(codes: Iterable[str]) -> list[str]:
    """What is wrong with a new password."""
    words = {
        "password_short": _("Das Passwort ist zu kurz. Nehmen Sie mindestens %(count)s Zeichen.") % {"count": orders.SHORTEST_PASSWORD},
        "password_common": _("Dieses Passwort wird sehr oft benutzt und ist leicht zu erraten."),
        "password_known": _(
            "Dieses Passwort, oder ein ganz ähnliches, steht in Listen gestohlener Passwörter: Wer in Konten einbricht, probiert es "
            "zuerst. Verglichen wird nur hier bei uns. Vier zufällige Wörter sind besser."
        ),
        "password_personal": _("Das Passwort besteht fast nur aus Ihrem Namen, Ihrer Adresse oder dem Namen der Stadt."),
    }
    return [words.get(code) or _("Dieses Passwort können wir nicht annehmen.") for code in codes]


def _words(policy: Policy) -> dict[str, str]:
    return {
        "missing": _("Diese Angabe fehlt."),
        "choose": _("Bitte wählen Sie eine der Möglichkeiten."),
        "too_long": _("Diese Angabe ist zu lang."),
        "bad_characters": _("Diese Angabe enthält unsichtbare Steuerzeichen."),
        "bad_postcode": _("Eine Postleitzahl hat fünf Ziffern."),
        "bad_date": _("Bitte geben Sie ein gültiges Geburtsdatum an."),
        "too_young": _("Eine Adresse können Personen ab %(age)s Jahren bestellen.") % {"age": policy.order.smallest_age},
        "not_asked": _("Bei Organisationen fragen wir kein Geburtsdatum. Bitte lassen Sie das Feld leer."),
        "bad_localpart": _(
            "Die Wunschadresse hat 3 bis 40 Zeichen: Kleinbuchstaben ohne Umlaute, Ziffern, Punkt, Binde- und Unterstrich, "
            "mit Buchstabe oder Ziffer am Anfang und am Ende."
        ),
        "reserved": of_address("reserved").text,
        "bad_phone": _("Bitte geben Sie eine Telefonnummer an; Ihr Tarif braucht sie."),
        "bad_iban": _("Diese IBAN stimmt nicht. Ihr Tarif wird per Lastschrift bezahlt."),
        "bad_mail": _("Das ist keine E-Mail-Adresse."),
        **dict(zip(PASSWORD_CODES, of_password(PASSWORD_CODES), strict=True)),
    }  # fmt: skip
