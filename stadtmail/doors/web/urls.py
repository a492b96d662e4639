"""The URL table. German at /…, English at /en/…, a session in the address at /s/<token>/…: the middleware cuts those off first.

The name of a URL is also the name of the form that is sent to it: form tokens are bound to it.
"""

from django.urls import path

from stadtmail.doors.web import (
    collect,
    desk,
    ending,
    login,
    looks,
    mailbox,
    message,
    notice,
    order,
    pages,
    privacy_centre,
    proof,
)

urlpatterns = [
    path("", pages.start, name="start"),
    path("stadt.css", looks.stylesheet, name="looks"),
    path("robots.txt", pages.robots, name="robots"),
    path("hilfe", pages.help_page, name="help"),
    path("agb", pages.terms, name="terms"),
    path("impressum", notice.imprint, name="imprint"),
    path("barrierefreiheit", pages.accessibility, name="accessibility"),
    path("bestellen", order.order, name="order"),
    path("bestellen/brief", order.letter, name="letter"),
    path("anmelden", login.login, name="login"),
    path("abmelden", login.logout, name="logout"),
    path("abgemeldet", login.goodbye, name="goodbye"),
    path("abholen", collect.collect, name="collect"),
    path("abholen/herunterladen", collect.download, name="collect_download"),
    path("abholen/quittung", collect.receipt, name="collect_receipt"),
    path("abholen/zuruecknehmen", collect.take_back, name="collect_take_back"),
    path("datenschutz", notice.notice, name="notice"),
    path("datenschutz/version/<int:number>", notice.version, name="notice_version"),
    path("datenschutz/verzeichnis", notice.register, name="register"),
    path("datenschutz/auftragsverarbeitung", notice.annex, name="annex"),
    path("datenschutz/nachweis", proof.proof, name="proof"),
    path("datenschutz/nachweis/log.json", proof.log_json, name="proof_log"),
    path("datenschutz/nachweis/pruefprogramm", proof.verifier, name="verifier"),
    path("datenschutz/meine-daten", privacy_centre.overview, name="my_data"),
    path("datenschutz/meine-daten/herunterladen", privacy_centre.download, name="my_data_download"),
    path("datenschutz/meine-daten/quittung", privacy_centre.receipt, name="my_data_receipt"),
    path("datenschutz/meine-daten/freiwillig", privacy_centre.withdraw, name="withdraw"),
    path("datenschutz/meine-daten/passwort", privacy_centre.password, name="password"),
    path("datenschutz/kuendigen", ending.cancel, name="cancel"),
    path("postfach", mailbox.mailbox, name="mailbox"),
    path("postfach/<int:folder>", mailbox.folder, name="folder"),
    path("postfach/<int:folder>/<int:uid>", message.message, name="message"),
    path("postfach/<int:folder>/<int:uid>/html", message.frame, name="message_html"),
    path("postfach/<int:folder>/<int:uid>/teil/<str:part>", message.attachment, name="attachment"),
    path("postfach/<int:folder>/<int:uid>/quelltext", message.source, name="source"),
    path("schreibtisch", desk.desk, name="desk"),
    path("schreibtisch/anmelden", desk.login, name="desk_login"),
    path("schreibtisch/bestellung/<uuid:order>", desk.pending, name="desk_order"),
]
