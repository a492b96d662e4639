"""Everything that can be checked when mail arrives, ready on both sides: a signed message, the records of its domain, a filter for spam
that has learned, and a script of Sieve for each mailbox.

The name server is one of loopback whose answers we keep for their time, as of a sender who writes often: what counts is our work.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench import world
from bench.servers import Checks

DOMAIN, SELECTOR = "elsewhere.example", "s1"
OCTETS = 10_240
SCRIPT = """require ["fileinto"];
if header :contains "subject" "Angebot" { fileinto "Archiv"; stop; }
if address :domain :is "from" "werbung.example" { fileinto "Archiv"; stop; }
"""
LEARNED = 20  # messages of each kind
SPAM, GOOD = "gewinn bonus klick gratis angebot", "sitzung entwurf termin unterlagen"


@dataclass(frozen=True)
class Prepared:
    """What the measurement needs: the message as a file, the name server for us, the checks of the peer."""

    message: Path
    resolver: str
    peer: Checks


@contextmanager
def prepared(folder: Path, people: Sequence[str]) -> Iterator[Prepared]:
    """Teach the filters, store the scripts, sign the message, answer for its domain."""
    from tests.dns import FakeDns
    from tests.mail.inbound.signing import RsaKey

    key = RsaKey()
    signed = key.signed(_message(), domain=DOMAIN.encode(), selector=SELECTOR.encode())
    (file := folder / "message").write_bytes(signed.replace(b"\r\n", b"\n"))  # the client writes CR LF itself
    for address in people:
        _taught(address)
    name = f"{SELECTOR}._domainkey.{DOMAIN}"
    zones = {
        DOMAIN: {"TXT": ["v=spf1 ip4:127.0.0.0/8 -all"]}, f"_dmarc.{DOMAIN}": {"TXT": ["v=DMARC1; p=reject"]}, name: {"TXT": [key.record]}
    }  # fmt: skip
    with FakeDns(zones) as dns:
        yield Prepared(file, dns.address, Checks(((name, key.record),), SCRIPT))


def _message() -> bytes:
    head = f"From: sender@{DOMAIN}\r\nTo: messung@ahaus.net\r\nSubject: Sitzung\r\nDate: Mon, 23 Nov 2026 10:00:00 +0000\r\n"
    lines = "".join(f"Zeile {number} mit einigen Wörtern wie in einem gewöhnlichen Brief\r\n" for number in range(200))
    whole = f"{head}Message-ID: <1@{DOMAIN}>\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{lines}".encode()
    return whole[: whole.rindex(b"\r\n", 0, OCTETS - 600) + 2]  # the signature is added


def _taught(address: str) -> None:
    from stadtmail.kit import store
    from stadtmail.mail.actions import deliverykeys, filters
    from stadtmail.mail.models import JunkFilter
    from stadtmail.mail.spam import filters as spam
    from stadtmail.mail.spam.learned import Learned, hashes
    from stadtmail.privacy import units

    o = world.opened(address)
    filters.put(o, "Messung", SCRIPT.encode(), enqueue=None, now=world.NOW)
    filters.activate(o, "Messung", now=world.NOW)
    key, learned = deliverykeys.ensured(o, now=world.NOW), Learned()
    hashing = spam.word_key(key)
    for is_spam, words in ((True, SPAM), (False, GOOD)):
        learned.learn([(hashes(hashing, [*words.split(), f"nummer{number}"]), is_spam, 1) for number in range(LEARNED)])
    with store.writing():
        JunkFilter.objects.create(delivery=key, state=units.seal(key.unit, spam.COLUMN, learned.packed()))
