"""The names of figures in words: what was counted behind a clause. A figure without words here shows its name."""

from django.utils.translation import gettext as _


def words(figure: str) -> str:
    """What a figure counts, in the reader's language."""
    return _known().get(figure) or figure.replace("_", " ")


def _known() -> dict[str, str]:
    return {
        "inventory_coverage_percent": _("Spalten mit Zuordnung, in Prozent"),
        "inventory_problems": _("Tabellen ohne Zuordnung"),
        "pages_beside_policy": _("Seiten, die der Richtlinie widersprechen"),
        "failed_probes_to_the_officer": _("Probepost an die Datenschutzstelle, die nicht ankam"),
        "unlisted_destinations": _("Ziele, die nicht in der Richtlinie stehen"),
        "connections_refused": _("verweigerte Verbindungen zu fremden Rechnern (24 Stunden)"),
        "foreign_addresses_in_pages": _("fremde Adressen in unseren Seiten"),
        "processing_contract_days": _("Tage, die der Vertrag mit dem Dienstleister noch läuft"),
        "consents_about_the_processor": _("Einwilligungen zum Dienstleister"),
        "contracts_without_notice": _("Verträge ohne vermerkte Datenschutzerklärung"),
        "surplus_fields_accepted": _("überzählige Formularfelder, die angenommen wurden"),
        "surplus_fields_rejected": _("überzählige Formularfelder, die abgelehnt wurden (24 Stunden)"),
        "unexplained_inputs": _("Eingabefelder ohne Zweck"),
        "passwords_not_argon2id": _("Passwörter, die nicht als Argon2id-Prüfwert liegen"),
        "bank_details_without_need": _("Bankverbindungen ohne Bedarf"),
        "phones_without_need": _("Telefonnummern ohne Bedarf"),
        "orders_left_over": _("liegen gebliebene Bestellungen"),
        "unknown_sources": _("Angaben unbekannter Herkunft"),
        "uses_without_purpose": _("Nutzungen ohne Zweck"),
        "readable_addresses_in_ram": _("lesbare IP-Adressen im Arbeitsspeicher"),
        "usage_record_fields": _("Felder eines Nutzungseintrags"),
        "details_without_consent": _("freiwillige Angaben ohne Einwilligung"),
        "credentials_after_the_end": _("Zugangsdaten nach Vertragsende"),
        "open_addresses_after_the_end": _("offene Adressen nach Vertragsende"),
        "cookies_before_login": _("Cookies vor der Anmeldung"),
        "unlisted_cookies": _("Cookies, die nicht in der Richtlinie stehen"),
        "ended_sessions_accepted": _("beendete Sitzungen, die noch galten"),
        "cookies_with_expiry": _("Cookies, die länger leben als der Browser"),
        "readable_cookies": _("Cookies, die mehr sind als Zufall"),
        "cookies_with_personal_data": _("Cookies mit personenbezogenen Daten"),
        "functions_without_cookies": _("Seiten und Schritte, die ohne Cookie gehen"),
        "sessions_in_addresses_unasked": _("Kennungen in Adressen, die niemand gewählt hat"),
        "cookies_without_basis": _("Cookies ohne Rechtsgrundlage"),
        "overdue_units": _("Daten, die überfällig sind"),
        "late_units": _("Daten, die zu spät gelöscht wurden"),
        "unfinished_erasures": _("Löschungen, die nicht fertig wurden"),
        "uses_against_restriction": _("Zugriffe von Beschäftigten gegen eine Einschränkung"),
        "holds_past_review": _("Löschstopps, deren Wiedervorlage verstrichen ist"),
        "witnesses": _("Zeugen des Verzeichnisses"),
        "ended_uses_in_ram": _("beendete Nutzungen im Arbeitsspeicher"),
        "messages_past_their_end": _("Nachrichten auf dem Weg, deren Zeit vorbei ist"),
        "log_scan_hits": _("Personenbezug in Protokollen"),
        "volatile_store_in_ram": _("flüchtiger Speicher liegt im Arbeitsspeicher (1: ja)"),
        "sealed_mailboxes_that_open_here": _("versiegelte Postfächer, die sich ohne ihre Besitzer öffnen"),
        "purposes_that_open_contents": _("Zwecke, die Inhalte öffnen"),
        "replayed_challenges_accepted": _("Rechenaufgaben, die zweimal galten"),
        "foreign_addresses_in_forms": _("fremde Adressen in Formularen"),
        "days_since_review": _("Tage seit der letzten Prüfung der Anschriften"),
    }
