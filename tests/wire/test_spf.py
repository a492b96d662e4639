"""SPF: the examples of RFC 7208 (appendix A), its limits, and any bytes as a record."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stadtmail.kit.resolver import MX
from stadtmail.wire import spf

# RFC 7208, appendix A: the zone
ZONE = {
    ("example.com", "MX"): (MX(10, "mail-a.example.com"), MX(20, "mail-b.example.com")),
    ("example.com", "A"): ("192.0.2.10", "192.0.2.11"),
    ("amy.example.com", "A"): ("192.0.2.65",), ("bob.example.com", "A"): ("192.0.2.66",),
    ("mail-a.example.com", "A"): ("192.0.2.129",), ("mail-b.example.com", "A"): ("192.0.2.130",),
    ("mail-c.example.org", "A"): ("192.0.2.140",),
    ("example.org", "MX"): (MX(10, "mail-c.example.org"),),
    ("65.2.0.192.in-addr.arpa", "PTR"): ("amy.example.com",), ("66.2.0.192.in-addr.arpa", "PTR"): ("bob.example.com",),
    ("10.2.0.192.in-addr.arpa", "PTR"): ("example.com",),
    ("140.2.0.192.in-addr.arpa", "PTR"): ("mail-c.example.org",),
    ("mary.mobile-users._spf.example.com", "A"): ("127.0.0.2",), ("fred.mobile-users._spf.example.com", "A"): ("127.0.0.2",),
    ("15.15.168.192.joel.remote-users._spf.example.com", "A"): ("127.0.0.2",),
}  # fmt: skip


def verdict(record: str, address: str, *, sender: str = "x@example.com", helo: str = "mail.example.com", zone=None) -> str:
    known = {**ZONE, ("example.com", "TXT"): (record.encode(),), **(zone or {})}

    def lookup(name: str, kind: str) -> tuple:
        if known.get((name.lower(), kind)) == "trouble":
            raise spf.Temporary
        return known.get((name.lower(), kind), ())

    return spf.drive(spf.check(address, domain=sender.rpartition("@")[2], sender=sender, helo=helo), lookup)


@pytest.mark.parametrize(
    ("record", "good", "bad"),
    [
        ("v=spf1 +all", ["192.0.2.200", "2001:db8::1"], []),
        ("v=spf1 a -all", ["192.0.2.10", "192.0.2.11"], ["192.0.2.12"]),
        ("v=spf1 a:example.org -all", [], ["192.0.2.10"]),
        ("v=spf1 mx -all", ["192.0.2.129", "192.0.2.130"], ["192.0.2.10"]),
        ("v=spf1 mx:example.org -all", ["192.0.2.140"], ["192.0.2.129"]),
        ("v=spf1 mx mx:example.org -all", ["192.0.2.129", "192.0.2.140"], ["192.0.2.141"]),
        ("v=spf1 mx/30 mx:example.org/30 -all", ["192.0.2.131", "192.0.2.143"], ["192.0.2.132", "192.0.2.144"]),
        ("v=spf1 ptr -all", ["192.0.2.10", "192.0.2.65"], ["192.0.2.140", "10.0.0.4"]),
        ("v=spf1 ip4:192.0.2.128/28 -all", ["192.0.2.129", "::ffff:192.0.2.130"], ["192.0.2.65", "2001:db8::1"]),
        ("v=spf1 ip6:2001:db8::/32 -all", ["2001:db8:1::1"], ["2001:db9::1", "192.0.2.1"]),
    ],
)
def test_the_examples_of_the_rfc(record: str, good: list[str], bad: list[str]) -> None:
    assert {verdict(record, one) for one in good} <= {"pass"}
    assert {verdict(record, one) for one in bad} <= {"fail"}


def test_macros_and_includes_of_the_rfc() -> None:
    users = {("example.com", "TXT"): (b"v=spf1 mx include:mobile-users._spf.%{d} include:remote-users._spf.%{d} -all",),
             ("mobile-users._spf.example.com", "TXT"): (b"v=spf1 exists:%{l1r+}.%{d} -all",),
             ("remote-users._spf.example.com", "TXT"): (b"v=spf1 exists:%{ir}.%{l1r+}.%{d} -all",)}  # fmt: skip
    assert verdict("", "192.168.15.15", sender="mary@example.com", zone=users) == "pass"
    assert verdict("", "192.168.15.15", sender="joel@example.com", zone=users) == "pass"
    assert verdict("", "192.168.15.16", sender="joel@example.com", zone=users) == "fail"


@pytest.mark.parametrize(
    ("macro", "text"),
    [
        ("%{s}", "strong-bad@email.example.com"), ("%{o}", "email.example.com"), ("%{d4}", "email.example.com"), ("%{d1}", "com"),
        ("%{dr}", "com.example.email"), ("%{d2r}", "example.email"), ("%{l}", "strong-bad"), ("%{l-}", "strong.bad"),
        ("%{lr-}", "bad.strong"), ("%{l1r-}", "strong"), ("%{ir}.%{v}._spf.%{d2}", "3.2.0.192.in-addr._spf.example.com"),
        ("%{lr-}.lp.%{ir}.%{v}._spf.%{d2}", "bad.strong.lp.3.2.0.192.in-addr._spf.example.com"), ("%%%_%-", "% %20"),
    ],
)  # RFC 7208 7.4
def test_macros_are_expanded(macro: str, text: str) -> None:
    asked = spf._Asked(spf._mapped("192.0.2.3"), "strong-bad", "email.example.com", "helo.example", spf._Budget())
    expanding = spf._expanded(asked, macro, "email.example.com")
    with pytest.raises(StopIteration) as end:
        next(expanding)
    assert end.value.value == text


def test_a_macro_of_ipv6_and_of_a_checked_name() -> None:
    dots = ".".join("20010db800000000000000000000cb01"[::-1])
    zone = {("example.com", "TXT"): (b"v=spf1 exists:%{ir}.%{v}.%{d} -all",), (f"{dots}.ip6.example.com", "A"): ("127.0.0.2",)}
    assert verdict("", "2001:db8::cb01", zone=zone) == "pass"
    named = {("example.com", "TXT"): (b"v=spf1 exists:%{p}.ok.%{d} -all",), ("amy.example.com.ok.example.com", "A"): ("127.0.0.2",)}
    assert verdict("", "192.0.2.65", zone=named) == "pass"


@pytest.mark.parametrize(
    ("record", "result"),
    [
        ("v=spf1 ?all", "neutral"), ("v=spf1 ~all", "softfail"), ("v=spf1", "neutral"), ("v=spf10 -all", "none"), ("", "none"),
        ("v=spf1 al", "permerror"), ("v=spf1 ip4:192.0.2", "permerror"), ("v=spf1 ip4:192.0.2.0/33", "permerror"),
        ("v=spf1 a/33", "permerror"), ("v=spf1 a:%{x}.example.com", "permerror"), ("v=spf1 a:", "permerror"),
        ("v=spf1 include", "permerror"),
        ("v=spf1 redirect=a.example redirect=b.example", "permerror"), ("v=spf1 -all foo=%", "permerror"),
        ("v=spf1 all:x.example", "permerror"),
        ("v=spf1 redirect=nobody.example", "permerror"), ("v=spf1 include:nobody.example -all", "permerror"),
        ("v=spf1 a:localhost -all", "permerror"), ("v=spf1 -all exp=explain.example.com unknown=%{d}", "fail"),
        ("v=spf1 \xe4 -all", "permerror"), ("v=spf1 ip4:192.0.2.1 " + "a" * 5000, "permerror"),
    ],
)  # fmt: skip
def test_every_kind_of_result(record: str, result: str) -> None:
    assert verdict(record, "192.0.2.77") == result


def test_two_records_are_an_error() -> None:
    assert verdict("", "192.0.2.77", zone={("example.com", "TXT"): (b"v=spf1 -all", b"V=SPF1 +all")}) == "permerror"


def test_ten_terms_and_not_one_more() -> None:
    zone = {(f"n{n}.example.com", "TXT"): (b"v=spf1 include:n%d.example.com -all" % (n + 1),) for n in range(30)}
    zone["n9.example.com", "TXT"] = (b"v=spf1 ip4:192.0.2.77 -all",)
    assert verdict("v=spf1 include:n0.example.com -all", "192.0.2.77", zone=zone) == "pass"
    zone["n9.example.com", "TXT"] = (b"v=spf1 a:example.com -all",)
    assert verdict("v=spf1 include:n0.example.com -all", "192.0.2.77", zone=zone) == "permerror"
    assert verdict("v=spf1 include:example.com -all", "192.0.2.77") == "permerror"  # a ring


def test_two_voids_and_not_one_more() -> None:
    assert verdict("v=spf1 a:v1.example.com a:v2.example.com ip4:192.0.2.77 -all", "192.0.2.77") == "pass"
    assert verdict("v=spf1 a:v1.example.com a:v2.example.com a:v3.example.com ip4:192.0.2.77 -all", "192.0.2.77") == "permerror"


def test_ten_exchangers_and_not_one_more() -> None:
    many = {("example.com", "MX"): tuple(MX(n, "example.com") for n in range(11))}
    assert verdict("v=spf1 mx -all", "192.0.2.77", zone=many) == "permerror"


def test_trouble_with_the_dns_is_temporary() -> None:
    assert verdict("v=spf1 a:sick.example.com -all", "192.0.2.77", zone={("sick.example.com", "A"): "trouble"}) == "temperror"
    assert verdict("v=spf1 ptr ip4:192.0.2.65 -all", "192.0.2.65", zone={("65.2.0.192.in-addr.arpa", "PTR"): "trouble"}) == "pass"


@given(st.text(max_size=200), st.ip_addresses().map(str), st.text(max_size=30))
def test_any_record_ends_in_a_result(record: str, address: str, local: str) -> None:
    for text in (f"v=spf1 {record}", f"v=spf1 exists:{record}.example.com -all", f"v=spf1 a:%{{{record[:4]}}}.example.com -all"):
        assert verdict(text, address, sender=f"{local}@example.com") in {
            "none", "neutral", "pass", "fail", "softfail", "temperror", "permerror",
        }  # fmt: skip
