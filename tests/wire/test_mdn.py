"""Notices that a message was shown (RFC 8098): who may be told, what they are told, and that a stranger's bytes break nothing."""

from datetime import UTC, datetime
from email import message_from_bytes, policy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stadtmail.wire import mdn

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
HEAD = "Return-Path: <karl@example.org>\r\nFrom: Karl <karl@example.org>\r\nMessage-ID: <eins@example.org>\r\n"
NAMES = {"from", "to", "subject", "date", "message-id", "in-reply-to", "references", "mime-version", "content-type"}
ASK = "Disposition-Notification-To: Karl <karl@EXAMPLE.org>\r\n"


@pytest.mark.parametrize(
    ("head", "refusal"),
    [
        (HEAD + ASK, ""),
        (HEAD + ASK + ASK, mdn.SEVERAL),
        (HEAD + "Disposition-Notification-To: a@example.org, karl@example.org\r\n", mdn.SEVERAL),
        (HEAD + "Disposition-Notification-To: \r\n", mdn.SEVERAL),
        (HEAD + "Disposition-Notification-To: Karl@example.org\r\n", mdn.ELSEWHERE),
        (HEAD + "Disposition-Notification-To: karl@elsewhere.example\r\n", mdn.ELSEWHERE),
        (HEAD.replace("<karl@example.org>", "<>", 1) + ASK, mdn.NOWHERE),
        (HEAD.partition("\r\n")[2] + ASK, mdn.NOWHERE),
        ("From: x@example.org\r\n" + HEAD + ASK, mdn.NOWHERE),  # a stranger's own Return-Path is not in front of everything
        (HEAD + ASK + "List-Id: <liste.example.org>\r\n", mdn.LIST),
        (HEAD + ASK + "List-Unsubscribe: <mailto:x@example.org>\r\n", mdn.LIST),
        (HEAD + ASK + "Precedence: BULK\r\n", mdn.LIST),
        (HEAD + ASK + "Content-Type: multipart/report; report-type=disposition-notification; boundary=x\r\n", mdn.REPORT),
        (HEAD + ASK + "Disposition-Notification-Options: signed-receipt-protocol=required,pkcs7\r\n", mdn.UNKNOWN),
        (HEAD + ASK + "Disposition-Notification-Options: x=optional,y\r\n", ""),
    ],
)
def test_who_may_be_told(head: str, refusal: str) -> None:
    found = mdn.request(head.encode() + b"\r\n")
    assert found is not None
    assert found.refusal == refusal


def test_whoever_asks_for_nothing_is_told_nothing() -> None:
    assert mdn.request(HEAD.encode()) is None


@given(st.text(max_size=80), st.sampled_from(["<eins@example.org>", ""]))
def test_a_notice_says_whose_which_and_that_a_person_sent_it(subject: str, message_id: str) -> None:
    notice = mdn.Notice("anna.k@ahaus.net", "karl@example.org", subject, message_id, "11111111-2222-3333-4444-555555555555", NOW)
    raw = mdn.written(notice)
    got = message_from_bytes(raw, policy=policy.default)
    assert (got["From"], got["To"]) == ("anna.k@ahaus.net", "karl@example.org")
    assert {name.lower() for name in got} <= NAMES
    assert got["Content-Type"].params["report-type"] == "disposition-notification"
    text, fields = got.iter_parts()
    assert [text.get_content_type(), fields.get_content_type()] == ["text/plain", "message/disposition-notification"]
    said = raw.rpartition(b"8bit\r\n\r\n")[2].partition(b"\r\n\r\n--")[0].decode().split("\r\n")
    original = [f"Original-Message-ID: {message_id}"] if message_id else []
    assert said == ["Final-Recipient: rfc822; anna.k@ahaus.net", *original, "Disposition: manual-action/MDN-sent-manually; displayed"]
    assert mdn.read("\r\n".join(said).encode()) == mdn.Told(mdn.DISPLAYED, "anna.k@ahaus.net", message_id)


@pytest.mark.parametrize(
    ("given_", "state"),
    [
        ("automatic-action/MDN-sent-automatically; displayed", mdn.DISPLAYED),
        ("manual-action/MDN-sent-manually;Displayed/error", mdn.DISPLAYED),
        ("manual-action/MDN-sent-manually; deleted", mdn.OTHER),
        ("manual-action/MDN-sent-manually; dispatched", mdn.OTHER),
    ],
)
def test_what_came_is_understood(given_: str, state: str) -> None:
    found = mdn.read(f"Reporting-UA: x; y\r\nFinal-Recipient: rfc822;k@example.org\r\nDisposition: {given_}\r\n\r\n".encode())
    assert found == mdn.Told(state, "k@example.org", "")


@given(st.binary(max_size=400))
def test_whatever_a_stranger_writes_is_an_answer(content: bytes) -> None:
    mdn.read(content)
    mdn.request(content)
    mdn.request(b"Disposition-Notification-To:" + content)
