"""What a filter passes on goes behind the city's seal (ARC, RFC 8617); dkimpy and our own reader verify it, and see who tampers."""

import re

import dkim
import pytest

from stadtmail.mail.actions import signing
from stadtmail.mail.verdicts import Verdict
from stadtmail.wire import arc, dkimcheck
from tests.mail.conftest import FROM_BO, opened
from tests.mail.inbound.conftest import PEER, dns, examine, key  # noqa: F401 - fixtures
from tests.mail.inbound.test_examining import RAW
from tests.mail.test_filters import HELLO, _no_counts, confirm  # noqa: F401 - a fixture

pytestmark = pytest.mark.postgres
RESULTS = b"ahaus.net;\r\n\tspf=pass smtp.mailfrom=peer.example"
BODY, HEADER = (b"Hallo  Anna", b"Hallo, Anna"), (b"gefaltet", b"gefoltert")


@pytest.fixture
def names(ahaus, dns, key, now) -> dict[bytes, bytes]:  # noqa: F811
    """What the DNS says of keys, to dkimpy; our own examiner asks the name server."""
    signing.forget()
    rows = signing.rotate(ahaus, now=now)
    dns.add({one.name: {"TXT": [one.text]} for one in rows})
    own = {f"{one.name}.".encode(): one.text.encode() for one in rows}
    return own | {f"s1._domainkey.{domain}.example.".encode(): key.record.encode() for domain in ("peer", "list")}


@pytest.fixture
def vouched(ahaus, names, now):
    def run(raw: bytes, status: str = "none", results: bytes = RESULTS) -> bytes:
        return signing.vouched(ahaus, raw, results=results, status=status, now=now)

    return run


def chain(raw: bytes, names: dict[bytes, bytes]) -> tuple[object, list[dict]]:
    found, sets, _ = dkim.arc_verify(raw, dnsfunc=lambda name, timeout=5: names.get(name))
    return found, sets


def test_the_first_set_is_ours_and_holds(vouched, names, examine, key) -> None:  # noqa: F811
    out = vouched(key.signed(RAW))
    assert [line.split(b":")[0] for line in out.splitlines()[:1]] == [b"ARC-Seal"]
    assert out.endswith(RAW)
    found, sets = chain(out, names)
    assert (found, len(sets), sets[0]["cv"]) == (b"pass", 1, b"none")
    assert (sets[0]["as-domain"], sets[0]["ams-domain"]) == (b"ahaus.net", b"ahaus.net")
    verdict = examine(out)
    assert (verdict.arc, verdict.sealer, verdict.dkim) == ("pass", "ahaus.net", "pass")


def test_a_set_behind_a_mailing_lists_covers_both(vouched, names, examine, key) -> None:  # noqa: F811
    listed = key.sealed(RAW, domain=b"list.example", results=b"dmarc=pass")
    out = vouched(listed, "pass")
    found, sets = chain(out, names)
    assert (found, [one["cv"] for one in sets]) == (b"pass", [b"pass", b"none"])
    assert (examine(out).arc, examine(out).sealer) == ("pass", "ahaus.net")


@pytest.mark.parametrize(
    "change",
    [lambda raw: raw.replace(*BODY), lambda raw: raw.replace(*HEADER), lambda raw: raw.replace(b"spf=pass smtp", b"spf=fail smtp"),
     lambda raw: raw.replace(b"cv=pass", b"cv=none"), lambda raw: raw.replace(b"dmarc=pass", b"dmarc=fail"),
     lambda raw: re.sub(rb"ARC-[\w-]+: i=1[^\n]*\n([ \t][^\n]*\n)*", b"", raw), lambda raw: b"Subject: noch einer\r\n" + raw,
     lambda raw: re.sub(rb"(?m)^ARC-Seal: i=2[^\n]*\n([ \t][^\n]*\n)*", b"", raw)],
)  # fmt: skip
def test_whoever_changes_something_breaks_it(change, vouched, names, examine, key) -> None:  # noqa: F811
    out = vouched(key.sealed(RAW, domain=b"list.example", results=b"dmarc=pass"), "pass")
    changed = change(out)
    assert changed != out
    assert chain(changed, names)[0] == b"fail"
    assert examine(changed).arc == "fail"


def test_a_broken_chain_is_sealed_as_broken_once(vouched, names, examine, key) -> None:  # noqa: F811
    broken = key.sealed(RAW, domain=b"list.example", results=b"dmarc=pass").replace(*BODY)
    assert examine(broken).arc == "fail"
    out = vouched(broken, "fail")
    found, sets = chain(out, names)
    assert (found, sets[0]["cv"]) == (None, b"fail"), "dkimpy's word for a chain that has ended"
    alone = re.sub(rb"(?m)^ARC-[\w-]+: i=1[^\n]*\n([ \t][^\n]*\n)*", b"", out)
    known = dkimcheck.fields(out.partition(b"\r\n\r\n")[0] + b"\r\n")
    kept = [one for one in known if one[0].lower().startswith(b"arc-") and b"i=2" in one[1]]
    assert len(kept) == 3, "and its seal covers its own set alone (5.1.2)"
    assert alone.startswith(b"ARC-Seal: i=2")
    assert vouched(out, "fail") == out, "nothing is added behind it"


@pytest.mark.parametrize("status", ["none", "temperror", "pass"])
def test_who_does_not_know_whether_a_chain_holds_adds_nothing(status, vouched, key) -> None:  # noqa: F811
    listed = key.sealed(RAW, domain=b"list.example", results=b"dmarc=pass")
    raw = RAW if status == "pass" else listed
    assert vouched(raw, status) == raw


def test_a_key_that_cannot_be_had_breaks_no_chain(examine, dns, key) -> None:  # noqa: F811
    listed = key.sealed(RAW, domain=b"list.example", results=b"dmarc=pass")
    dns.failing["s1._domainkey.list.example"] = "SERVFAIL"
    assert examine(listed).arc == "temperror"


@pytest.mark.long
def test_fifty_sets_and_no_more(vouched, names, examine) -> None:  # noqa: F811
    raw = vouched(RAW)
    for _ in range(49):
        raw = vouched(raw, "pass")
    assert raw.startswith(b"ARC-Seal: i=50;")
    assert chain(raw, names)[0] == b"pass"
    assert examine(raw).arc == "pass"
    assert vouched(raw, "pass") == raw


@pytest.mark.parametrize(
    "junk", [b"ARC-Seal: i=x\r\n", b"ARC-Seal: i=0; cv=none\r\n", b"ARC-Seal:\r\n", b"ARC-Seal: i=1; i=2; cv=none\r\n"]
)
@pytest.mark.parametrize("status", ["none", "pass", "fail"])
def test_hostile_fields_of_a_chain_are_left_as_they_are(junk, status, vouched) -> None:
    out = vouched(junk + RAW, status)
    assert out.endswith(junk + RAW)
    assert out == junk + RAW or b"cv=fail" in out


def test_c25_no_address_of_a_machine_is_vouched_for(examine) -> None:  # noqa: F811
    verdict = examine(RAW, address=PEER, helo=PEER, sender="")
    assert PEER.encode() in verdict.authentication_results, "a client may call itself by its address"
    told = verdict.vouched("ahaus.net")
    assert told.startswith(b"mx.ahaus.net;\r\n\tspf=")
    assert PEER.encode() not in told
    line = b"Authentication-Results: mx;\r\n\tspf=pass smtp.remote-ip=192.0.2.1 smtp.mailfrom=a.example\r\n"
    named = Verdict(authentication_results=line)
    assert named.vouched("x") == b"mx;\r\n\tspf=pass smtp.mailfrom=a.example"
    assert Verdict().vouched("ahaus.net") == b"ahaus.net;\r\n\tnone"


@pytest.mark.usefixtures("ahaus")
def test_what_a_filter_passes_on_is_vouched_for(names, examine, key, box, post, script, outbox, now) -> None:  # noqa: F811
    script('redirect "anna@private.example";')
    confirm(outbox, box, now)
    raw = key.sealed(key.signed(RAW), domain=b"list.example", results=b"dmarc=pass")
    assert post(raw, received=FROM_BO, verdict=examine(raw)) == [None]
    (out,) = outbox
    assert not out.sign, "nothing is signed in anybody's name"
    found, sets = chain(out.raw, names)
    assert (found, [one["as-domain"] for one in sets]) == (b"pass", [b"ahaus.net", b"list.example"])
    value = b" ".join(sets[0]["aar-value"].split())
    assert value.startswith(b"i=2; mx.ahaus.net; spf=pass smtp.mailfrom=peer.example; dkim=pass header.d=")
    assert b"arc=pass header.d=list.example" in value
    assert PEER.encode() not in value
    assert examine(out.raw).arc == arc.PASS


@pytest.mark.usefixtures("box")
def test_a_city_without_keys_passes_on_as_before(ahaus, anna, post, script, outbox, now) -> None:
    signing.forget()
    script('redirect "anna@private.example";')
    confirm(outbox, opened(ahaus, anna), now)
    assert post(HELLO) == [None]
    assert b"ARC-" not in outbox[0].raw
