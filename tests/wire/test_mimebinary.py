"""Binary parts with NUL become base64, and nothing else changes (RFC 3516 4.4)."""

from email import message_from_bytes

from hypothesis import given
from hypothesis import strategies as st

from stadtmail.wire import mime, mimebinary

PARTS = (
    b'Subject: x\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\nContent-Transfer-Encoding:\r\n binary\r\n\r\n%b\r\n--b\r\n'
    b"Content-Transfer-Encoding: x-own\r\n\r\na\0b\r\n--b--\r\nend\0"
)


@given(st.binary(max_size=300).filter(lambda content: b"--b" not in content))
def test_what_is_binary_can_be_read_back(content: bytes) -> None:
    changed = mimebinary.without_nul(PARTS % content)
    first, second = mime.parse(changed).root.parts
    assert mime.content(first, changed[first.body : first.end]) == content
    assert changed[second.body : second.end] == b"a\0b"  # said to be something else: not ours to change
    assert changed.endswith(b"--b--\r\nend\0")
    assert (first.encoding == "base64") == (b"\0" in content)


@given(st.binary(max_size=300))
def test_a_single_part_keeps_its_headers(content: bytes) -> None:
    raw = b"From: a@b\r\nContent-Transfer-Encoding: BINARY\r\nContent-Type: application/x\r\n\r\n" + content
    changed = mimebinary.without_nul(raw)
    assert message_from_bytes(changed).get_payload(decode=True) == content if b"\0" in content else changed is raw
    assert changed.startswith(b"From: a@b\r\nContent-Transfer-Encoding: ")


@given(st.binary(max_size=400))
def test_nothing_breaks_it(raw: bytes) -> None:
    changed = mimebinary.without_nul(raw + b"\0")
    assert isinstance(changed, bytes)
