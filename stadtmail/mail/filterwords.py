"""What is wrong with a filter, in words that a person understands: kind -> (German, English). `{about}` is a word of the script."""

from dataclasses import dataclass, field

from stadtmail.wire.sievelex import Spot

_WORDS: dict[str, tuple[str, str]] = {
    "too_long": ("Das Skript ist zu lang.", "The script is too long."),
    "too_deep": ("Zu viele Bedingungen ineinander.", "Too many conditions inside one another."),
    "not_utf8": ("Das Skript ist kein UTF-8-Text.", "The script is not UTF-8 text."),
    "no_nul": ("Ein Zeichen mit dem Wert null ist nicht erlaubt.", "A sign with the value zero is not allowed."),
    "open_comment": ("Ein Kommentar /* wird nicht mit */ beendet.", "A comment /* is not ended by */."),
    "open_string": ("Ein Text wird nicht beendet: Das Anführungszeichen fehlt.", "A text is not ended: the quotation mark is missing."),
    "big_number": ("Die Zahl ist zu groß.", "The number is too large."),
    "bad_number": ("Diese Zahl geht bei {about} nicht.", "That number cannot be used with {about}."),
    "strange_sign": ("Dieses Zeichen gehört hier nicht hin: {about}", "This sign does not belong here: {about}"),
    "command_expected": ("Hier wird ein Befehl erwartet, nicht {about}.", "A command is expected here, not {about}."),
    "test_expected": ("Hier wird eine Bedingung erwartet, nicht {about}.", "A condition is expected here, not {about}."),
    "brace_missing": ("Eine schließende Klammer } fehlt.", "A closing brace } is missing."),
    "parenthesis_missing": ("Eine schließende Klammer ) fehlt.", "A closing parenthesis ) is missing."),
    "bracket_missing": ("Eine schließende Klammer ] fehlt.", "A closing bracket ] is missing."),
    "semicolon_missing": ("Nach {about} fehlt ein Semikolon.", "A semicolon is missing after {about}."),
    "string_expected": ("Hier wird ein Text in Anführungszeichen erwartet ({about}).", "A text in quotation marks is expected ({about})."),
    "strings_expected": ("Hier wird ein Text oder eine Liste erwartet ({about}).", "A text or a list is expected ({about})."),
    "number_expected": ("Hier wird eine Zahl erwartet ({about}).", "A number is expected ({about})."),
    "unknown_command": ("Den Befehl {about} gibt es nicht.", "There is no command {about}."),
    "unknown_test": ("Die Bedingung {about} gibt es nicht.", "There is no condition {about}."),
    "test_as_command": ("{about} ist eine Bedingung und kein Befehl.", "{about} is a condition and no command."),
    "command_as_test": ("{about} ist ein Befehl und keine Bedingung.", "{about} is a command and no condition."),
    "else_without_if": ("{about} steht nicht hinter einem if.", "{about} does not follow an if."),
    "late_require": ("require muss ganz am Anfang stehen.", "require has to stand at the very beginning."),
    "unknown_extension": ("Die Erweiterung {about} gibt es hier nicht.", "The extension {about} does not exist here."),
    "require_missing": ("Oben fehlt: require [\"{about}\"];", "Missing at the top: require [\"{about}\"];"),
    "no_test_here": ("Bei {about} steht keine Bedingung.", "{about} takes no condition."),
    "one_test_here": ("{about} braucht genau eine Bedingung.", "{about} needs exactly one condition."),
    "tests_here": ("{about} braucht Bedingungen in Klammern.", "{about} needs conditions in parentheses."),
    "block_missing": ("Nach {about} fehlt der Block in { }.", "The block in { } after {about} is missing."),
    "no_block_here": ("Nach {about} steht kein Block in { }.", "{about} takes no block in { }."),
    "late_tag": ("{about} muss vor den Texten stehen.", "{about} has to stand before the texts."),
    "unknown_tag": ("{about} gibt es hier nicht.", "{about} does not exist here."),
    "tag_twice": ("{about} verträgt sich nicht mit dem, was davor steht.", "{about} does not go with what stands before it."),
    "tag_value_missing": ("Nach {about} fehlt der Wert.", "The value after {about} is missing."),
    "arguments_missing": ("Bei {about} fehlt etwas.", "Something is missing with {about}."),
    "too_many_arguments": ("Bei {about} steht zu viel.", "There is too much with {about}."),
    "unknown_namespace": ("Die Variable {about} gibt es nicht.", "There is no variable {about}."),
    "bad_variable": ("{about} kann kein Name einer Variable sein.", "{about} cannot be the name of a variable."),
    "last_without_index": (":last geht nur mit :index.", ":last needs :index."),
    "unknown_comparator": ("Die Vergleichsart {about} gibt es nicht.", "There is no comparator {about}."),
    "numbers_have_no_parts": ("Bei Zahlen geht {about} nicht.", "{about} does not work with numbers."),
    "unknown_relation": ("{about} ist kein Vergleich (gt, ge, lt, le, eq, ne).", "{about} is no relation (gt, ge, lt, le, eq, ne)."),
    "no_address_header": ("In der Kopfzeile {about} stehen keine Adressen.", "The header {about} has no addresses."),
    "unknown_envelope": ("Der Umschlag hat nur from und to, nicht {about}.", "The envelope has from and to only, not {about}."),
    "over_or_under": ("size braucht :over oder :under.", "size needs :over or :under."),
    "unknown_date_part": ("{about} ist kein Teil eines Datums.", "{about} is no part of a date."),
    "bad_zone": ("{about} ist keine Zeitzone (+0100).", "{about} is no time zone (+0100)."),
    "bad_address": ("{about} ist keine E-Mail-Adresse.", "{about} is no mail address."),
    "bad_folder": ("Der Name des Ordners fehlt.", "The name of the folder is missing."),
    "bad_subject": ("Ein Betreff hat nur eine Zeile.", "A subject has one line only."),
    "bad_character": ("{about} steht für kein Zeichen.", "{about} stands for no character."),
    "unknown_use": ("{about} ist keine besondere Verwendung eines Ordners.", "{about} is no special use of a folder."),
    # warnings
    "forward_asked": (
        "An {about} wird erst weitergeleitet, wenn der Code von dort im Skript steht: # confirm CODE. Bis dahin bleibt alles im Postfach.",
        "Nothing is passed on to {about} before the code from there stands in the script: # confirm CODE. Until then all is kept.",
    ),
    "forward_not_asked": (
        "An {about} kann gerade nicht nach einem Code gefragt werden; versuchen Sie es später. Bis dahin bleibt alles im Postfach.",
        "{about} cannot be asked for a code right now; try again later. Until then all is kept.",
    ),
    "forward_moves": (
        "Weitergeleitet wird nur an Adressen, die schon bestätigt sind.", "Mail is passed on only to addresses that are confirmed already.",
    ),
    "wrong_code": ("Dieser Code gilt nicht oder nicht mehr.", "This code is not valid, or not any more."),
    "no_folder": (
        "Den Ordner {about} gibt es nicht; solange bleiben die Nachrichten im Posteingang.",
        "There is no folder {about}; until there is, the messages stay in the inbox.",
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Problem:
    """What is wrong with a filter, or what its holder should know about it: the line, a closed word, and a word of the script."""

    line: int
    kind: str
    about: str = field(default="", repr=False)

    def sentence(self, lang: str) -> str:
        """What is wrong, without the place."""
        return _WORDS[self.kind][lang == "en"].replace("{about}", self.about or "…")

    @property
    def column(self) -> int:
        """The column in the line, from 1; 0 where none is meant in particular."""
        return self.line.column if isinstance(self.line, Spot) else 0

    def words(self, lang: str) -> str:
        """As a sentence with line and column."""
        line, column = ("line", "column") if lang == "en" else ("Zeile", "Spalte")
        place = f"{line} {self.line:d}" + (f", {column} {self.column}" if self.column else "")
        return f"{place}: {self.sentence(lang)}"
