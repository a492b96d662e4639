"""Supervisory authorities: one for the public bodies of each Land, and the federal one for telecom services (C-6.4, K7).

Addresses change. A policy names its authorities with the day on which the city last checked them, and may overrule them.
"""

from dataclasses import dataclass

from stadtmail.privacy.policy.model import Words

TELECOM = "BUND"  # § 29 TDDDG: whoever supervises the Land, the telecom part is the federal commissioner's


@dataclass(frozen=True)
class Known:
    """Contact data as this product knows them."""

    name: Words
    street: str
    postcode: str
    town: str
    phone: str
    web: str


LAENDER: dict[str, Words] = {
    "BW": Words("Baden-Württemberg", "Baden-Württemberg"),
    "BY": Words("Bayern", "Bavaria"),
    "BE": Words("Berlin", "Berlin"),
    "BB": Words("Brandenburg", "Brandenburg"),
    "HB": Words("Bremen", "Bremen"),
    "HH": Words("Hamburg", "Hamburg"),
    "HE": Words("Hessen", "Hesse"),
    "MV": Words("Mecklenburg-Vorpommern", "Mecklenburg-Western Pomerania"),
    "NI": Words("Niedersachsen", "Lower Saxony"),
    "NW": Words("Nordrhein-Westfalen", "North Rhine-Westphalia"),
    "RP": Words("Rheinland-Pfalz", "Rhineland-Palatinate"),
    "SL": Words("Saarland", "Saarland"),
    "SN": Words("Sachsen", "Saxony"),
    "ST": Words("Sachsen-Anhalt", "Saxony-Anhalt"),
    "SH": Words("Schleswig-Holstein", "Schleswig-Holstein"),
    "TH": Words("Thüringen", "Thuringia"),
}


def _land(code: str, name: str, place: str, phone: str, web: str) -> Known:
    street, postcode, town = (part.strip() for part in place.split("|"))
    return Known(Words(name, f"{name} (data protection authority of {LAENDER[code].en})"), street, postcode, town, phone, web)


AUTHORITIES: dict[str, Known] = {
    "BUND": Known(
        Words(
            "Die Bundesbeauftragte für den Datenschutz und die Informationsfreiheit (BfDI)",
            "Die Bundesbeauftragte für den Datenschutz und die Informationsfreiheit (BfDI, federal data protection authority)",
        ),
        "Graurheindorfer Straße 153", "53117", "Bonn", "0228 997799-0", "https://www.bfdi.bund.de",
    ),
    "BW": _land("BW", "Der Landesbeauftragte für den Datenschutz und die Informationsfreiheit Baden-Württemberg",
                "Heilbronner Straße 35 | 70191 | Stuttgart", "0711 615541-0", "https://www.baden-wuerttemberg.datenschutz.de"),
    "BY": _land("BY", "Der Bayerische Landesbeauftragte für den Datenschutz",
                "Wagmüllerstraße 18 | 80538 | München", "089 212672-0", "https://www.datenschutz-bayern.de"),
    "BE": _land("BE", "Berliner Beauftragte für Datenschutz und Informationsfreiheit",
                "Alt-Moabit 59-61 | 10555 | Berlin", "030 13889-0", "https://www.datenschutz-berlin.de"),
    "BB": _land("BB", "Die Landesbeauftragte für den Datenschutz und für das Recht auf Akteneinsicht Brandenburg",
                "Stahnsdorfer Damm 77 | 14532 | Kleinmachnow", "033203 356-0", "https://www.lda.brandenburg.de"),
    "HB": _land("HB", "Der Landesbeauftragte für Datenschutz und Informationsfreiheit der Freien Hansestadt Bremen",
                "Arndtstraße 1 | 27570 | Bremerhaven", "0421 361-2010", "https://www.datenschutz.bremen.de"),
    "HH": _land("HH", "Der Hamburgische Beauftragte für Datenschutz und Informationsfreiheit",
                "Ludwig-Erhard-Straße 22 | 20459 | Hamburg", "040 42854-4040", "https://datenschutz-hamburg.de"),
    "HE": _land("HE", "Der Hessische Beauftragte für Datenschutz und Informationsfreiheit",
                "Gustav-Stresemann-Ring 1 | 65189 | Wiesbaden", "0611 1408-0", "https://datenschutz.hessen.de"),
    "MV": _land("MV", "Der Landesbeauftragte für Datenschutz und Informationsfreiheit Mecklenburg-Vorpommern",
                "Werderstraße 74a | 19055 | Schwerin", "0385 59494-0", "https://www.datenschutz-mv.de"),
    "NI": _land("NI", "Der Landesbeauftragte für den Datenschutz Niedersachsen",
                "Prinzenstraße 5 | 30159 | Hannover", "0511 120-4500", "https://www.lfd.niedersachsen.de"),
    "NW": _land("NW", "Landesbeauftragte für Datenschutz und Informationsfreiheit Nordrhein-Westfalen",
                "Kavalleriestraße 2-4 | 40213 | Düsseldorf", "0211 38424-0", "https://www.ldi.nrw.de"),
    "RP": _land("RP", "Der Landesbeauftragte für den Datenschutz und die Informationsfreiheit Rheinland-Pfalz",
                "Hintere Bleiche 34 | 55116 | Mainz", "06131 8920-0", "https://www.datenschutz.rlp.de"),
    "SL": _land("SL", "Unabhängiges Datenschutzzentrum Saarland",
                "Fritz-Dobisch-Straße 12 | 66111 | Saarbrücken", "0681 94781-0", "https://www.datenschutz.saarland.de"),
    "SN": _land("SN", "Sächsische Datenschutz- und Transparenzbeauftragte",
                "Maternistraße 17 | 01067 | Dresden", "0351 85471-101", "https://www.datenschutz.sachsen.de"),
    "ST": _land("ST", "Landesbeauftragte für den Datenschutz Sachsen-Anhalt",
                "Otto-von-Guericke-Straße 34a | 39104 | Magdeburg", "0391 81803-0", "https://datenschutz.sachsen-anhalt.de"),
    "SH": _land("SH", "Unabhängiges Landeszentrum für Datenschutz Schleswig-Holstein",
                "Holstenstraße 98 | 24103 | Kiel", "0431 988-1200", "https://www.datenschutzzentrum.de"),
    "TH": _land("TH", "Thüringer Landesbeauftragter für den Datenschutz und die Informationsfreiheit",
                "Häßlerstraße 8 | 99096 | Erfurt", "0361 57-3112900", "https://www.tlfdi.de"),
}  # fmt: skip
