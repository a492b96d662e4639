"""Values of the policy as people read them, in German and English: periods, deadlines, days, lists, sizes, amounts."""

from collections.abc import Iterable
from datetime import date
from functools import lru_cache

from babel.dates import format_date
from babel.lists import format_list
from babel.numbers import format_currency

from stadtmail.privacy.periods import EXACT, YEAR_END, Period, Term
from stadtmail.privacy.policy.model import Alternative, Rule

_NUMBERS = {
    "de": ("null", "ein", "zwei", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun", "zehn", "elf", "zwölf"),
    "en": ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
}
# unit -> (one: accusative, one: dative, many: accusative, many: dative)
_GERMAN = {
    "year": ("ein Jahr", "einem Jahr", "Jahre", "Jahren"),
    "month": ("einen Monat", "einem Monat", "Monate", "Monaten"),
    "day": ("einen Tag", "einem Tag", "Tage", "Tagen"),
    "hour": ("eine Stunde", "einer Stunde", "Stunden", "Stunden"),
    "minute": ("eine Minute", "einer Minute", "Minuten", "Minuten"),
    "second": ("eine Sekunde", "einer Sekunde", "Sekunden", "Sekunden"),
}
# event -> (German after "nach" or "mit", German after "in dem", English noun, English after "in which")
EVENTS: dict[str, tuple[str, str, str, str]] = {
    "contract_end": ("dem Vertragsende", "der Vertrag endet", "the end of the contract", "the contract ends"),
    "last_collection": ("dem letzten Einzug", "der letzte Einzug liegt", "the last collection", "the last collection takes place"),
    "withdrawal": ("dem Widerruf", "der Widerruf liegt", "the withdrawal", "the withdrawal takes place"),
    "order_submitted": (
        "dem Absenden der Bestellung", "die Bestellung abgeschickt wird", "sending the order", "the order is sent",
    ),
    "order_refused": ("der Ablehnung", "die Ablehnung liegt", "the refusal", "the refusal takes place"),
    "order_accepted": ("der Annahme", "die Annahme liegt", "the acceptance", "the acceptance takes place"),
    "access": ("dem Zugriff", "der Zugriff liegt", "the access", "the access takes place"),
    "role_end": ("dem Ende der Aufgabe", "die Aufgabe endet", "the end of the role", "the role ends"),
    "month_end": (
        "dem Ende des Monats, in dem die Nachricht ankam", "die Nachricht ankam",
        "the end of the month in which the message arrived", "the message arrived",
    ),
    "use_end": ("dem Ende der Nutzung", "die Nutzung endet", "the end of the use", "the use ends"),
    "session_end": ("dem Ende der Sitzung", "die Sitzung endet", "the end of the session", "the session ends"),
    "alias_end": (
        "dem Ende der weiteren Adresse", "die weitere Adresse endet", "the end of the further address", "the further address ends",
    ),
    "transit_begin": (
        "der Übergabe der Nachricht", "die Nachricht übergeben wird", "acceptance of the message", "the message is accepted",
    ),
    "transit_end": (
        "der letzten Zustellung oder Rückmeldung", "die letzte Zustellung oder Rückmeldung liegt",
        "the last delivery or bounce", "the last delivery or bounce takes place",
    ),
    "import_begin": ("dem Beginn der Übernahme", "die Übernahme beginnt", "the begin of the import", "the import begins"),
    "import_end": ("dem Ende der Übernahme", "die Übernahme endet", "the end of the import", "the import ends"),
    "challenge_issued": ("dem Stellen der Aufgabe", "die Aufgabe gestellt wird", "setting the challenge", "the challenge is set"),
}  # fmt: skip


def period(value: Period, lang: str, *, dative: bool = False) -> str:
    """A period in words: "sechs Monate" (accusative), "sechs Monaten" (dative), "six months"."""
    parts = [_count(number, unit, lang, dative=dative) for number, unit in _units(value) if number]
    return listed(parts, lang) if parts else _count(0, "second", lang, dative=dative)


def _units(value: Period) -> list[tuple[int, str]]:
    years, months = divmod(value.months, 12)
    hours, rest = divmod(value.seconds, 3600)
    minutes, seconds = divmod(rest, 60)
    calendar = [(years, "year"), (months, "month"), (value.days, "day")]
    return [*calendar, (hours, "hour"), (minutes, "minute"), (seconds, "second")]


def _count(number: int, unit: str, lang: str, *, dative: bool) -> str:
    word = _NUMBERS[lang][number] if number < len(_NUMBERS[lang]) else str(number)
    if lang == "en":
        return f"{word} {unit}{'' if number == 1 else 's'}"
    one, one_dative, many, many_dative = _GERMAN[unit]
    if number == 1:
        return one_dative if dative else one
    return f"{word} {many_dative if dative else many}"


def deadline(start: Alternative, lang: str) -> str:
    """When data are due that this event starts: "sechs Monate nach dem Vertragsende"."""
    return _worded(start.gone_by, [start.event], lang)


def until(rule: Rule, lang: str) -> str:
    """The duty to keep that a rule names, worded like a deadline. The rule must have one."""
    assert rule.keep_until is not None
    return deadline(Alternative(rule.start, rule.keep_until), lang)


def due(rule: Rule, lang: str) -> str:
    """Every start of a rule; the earliest counts. Starts with the same period are said together."""
    terms: dict[Term, list[str]] = {}
    for start in rule.starts:
        terms.setdefault(start.gone_by, []).append(start.event)
    texts = [_worded(term, events, lang) for term, events in terms.items()]
    if len(rule.starts) == 1:
        return texts[0]
    first = "(was zuerst eintritt)" if lang == "de" else "(whichever comes first)"
    return f"{(' oder ' if lang == 'de' else ' or ').join(texts)} {first}"


def _worded(term: Term, events: list[str], lang: str) -> str:
    either = " oder " if lang == "de" else " or "
    length = period(term.period, lang)
    if term.kind == YEAR_END:
        clauses = either.join(EVENTS[event][1 if lang == "de" else 3] for event in events)
        if lang == "de":
            return f"{length} nach dem Ende des Kalenderjahres, in dem {clauses}"
        return f"{length} after the end of the calendar year in which {clauses}"
    nouns = either.join(EVENTS[event][0 if lang == "de" else 2] for event in events)
    if term == Term(Period(), EXACT):
        return f"sofort mit {nouns}" if lang == "de" else f"at once with {nouns}"
    return f"{length} nach {nouns}" if lang == "de" else f"{length} after {nouns}"


@lru_cache(maxsize=256)
def day(value: date, lang: str) -> str:
    """A day: "23. November 2026", "23 November 2026"."""
    return str(format_date(value, "d. MMMM y" if lang == "de" else "d MMMM y", locale=lang))


def listed(values: Iterable[str], lang: str) -> str:
    """A list in a sentence: "a, b und c"."""
    return _listed(tuple(values), lang)


@lru_cache(maxsize=1024)
def _listed(values: tuple[str, ...], lang: str) -> str:
    return str(format_list(values, locale="en_GB" if lang == "en" else lang))


def amount(cents: int, lang: str) -> str:
    """Cents as euros."""
    return str(format_currency(cents / 100, "EUR", locale="en_GB" if lang == "en" else "de_DE"))


def size(count: int, lang: str) -> str:
    """Bytes as gigabytes with one decimal at most."""
    text = f"{count / 1024**3:.1f}".removesuffix(".0")
    return f"{text.replace('.', ',') if lang == 'de' else text} GB"
