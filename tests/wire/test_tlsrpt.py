"""TLS-RPT records and places (RFC 8460 3): what is read, and what a hostile domain may not name."""

import pytest

from stadtmail.wire import tlsrpt


@pytest.mark.parametrize(
    ("texts", "found"),
    [
        ([b"v=TLSRPTv1; rua=mailto:tls@example.org"], ("mailto:tls@example.org",)),
        ([b"v=TLSRPTv1;rua=mailto:a@b.example , https://c.example/x"], ("mailto:a@b.example", "https://c.example/x")),
        ([b"v=spf1 -all", b"v=TLSRPTv1; rua=https://c.example;"], ("https://c.example",)),
        ([b"v=TLSRPTv1; rua=mailto:a@b.example", b"v=TLSRPTv1; rua=mailto:c@b.example"], ()),
        ([b"v=TLSRPTv1; rua=" + b",".join(b"mailto:%d@b.example" % n for n in range(9))], ("mailto:0@b.example", "mailto:1@b.example")),
        ([b"v=TLSRPTv1"], ()), ([b"v=TLSRPTv1; rua="], ()), ([b"v=TLSRPTv2; rua=mailto:a@b.example"], ()), ([], ()), ([b"\xff\xfe"], ()),
    ],
)  # fmt: skip
def test_places(texts, found) -> None:
    assert tlsrpt.places(texts) == found


@pytest.mark.parametrize(
    "place",
    ["mailto:a@b.example%0d%0aBcc:c@d.example", "mailto:a@b.example,c@d.example", "mailto:a%20@b.example", "mailto:a@@b.example",
     "mailto:", "mailto:%22a%22@b.example", "mailto:a%3c@b.example",
     "mailto:" + "a" * 300 + "@b.example", "MAILTOX:a@b.example", "mailto:ä@b.example"],
)  # fmt: skip
def test_what_is_no_plain_address_gets_no_mail(place) -> None:
    assert tlsrpt.address(place) == ""


def test_header_fields_of_an_address_are_dropped() -> None:
    assert tlsrpt.address("mailto:a@b.example?subject=x&bcc=c@d.example") == "a@b.example"


@pytest.mark.parametrize(
    "place",
    ["http://b.example/", "https://b.example:8443/", "https://u:p@b.example/", "https:///x", "https://b.example/a b", "https://[::1", "ftp://b/",
     "https://b.example/\r\nX: y", "https://b.example/ä", "https://b.example:x/", "https://ä.example/", "https://b.example x/",
     "https://10.0.0.1]/", "https://localhost/"],
)  # fmt: skip
def test_what_is_no_page_on_the_usual_port_gets_no_request(place) -> None:
    assert tlsrpt.page(place) is None


def test_a_page_with_its_path_and_query() -> None:
    assert tlsrpt.page("https://B.example:443/a/b?c=d") == ("b.example", "/a/b?c=d")
    assert tlsrpt.page("https://b.example") == ("b.example", "/")
