"""Syntax of what goes out: reports, replies, dots, signatures, policies, headers. Any bytes are an answer."""

import email
import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stadtmail.wire import dkim, dsn, mtasts, smtp, smtpclient, submitted

NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)


@given(st.lists(st.binary(max_size=20) | st.sampled_from([b"\r\n", b".", b"\r", b"\n", b"\r\n.\r\n"]), max_size=20))
def test_what_is_stuffed_in_pieces_comes_out_of_a_server_as_it_was(pieces: list[bytes]) -> None:
    stuffing, body = smtpclient.Stuffing(), smtp.Body()
    raw = b"".join(pieces)
    sent = b"".join([*map(stuffing.feed, pieces), stuffing.end()])
    got = body.feed(sent)
    if re.search(rb"(?<!\r)\n|\r(?!\n)", raw):
        return  # lines that are none are refused by whoever takes them, and never get here
    assert body.ended
    assert body.rest == b""
    assert got == (raw if raw.endswith(b"\r\n") or not raw else raw + b"\r\n")


@given(st.binary(max_size=60))
def test_any_line_is_a_reply_or_none(raw: bytes) -> None:
    try:
        answer = smtpclient.reply([smtpclient.line(raw)])
    except smtpclient.BadReply:
        return
    assert 200 <= answer.code < 600
    assert re.fullmatch(r"[2345]\.\d{1,3}\.\d{1,3}", answer.status)
    assert smtpclient.extensions(answer) == {}


def test_replies_say_what_they_mean() -> None:
    lines = [smtpclient.line(raw) for raw in (b"250-sink", b"250-SIZE 100", b"250-AUTH=LOGIN", b"250 AUTH PLAIN")]
    found = smtpclient.extensions(smtpclient.reply(lines))
    assert found == {"SIZE": "100", "AUTH": "LOGIN PLAIN"}
    assert smtpclient.Reply(550, ("5.1.1 no",)).status == "5.1.1"
    assert smtpclient.Reply(550, ("4.1.1 liar",)).status == "5.0.0"
    with pytest.raises(smtpclient.BadReply):
        smtpclient.reply([smtpclient.line(b"250-a"), smtpclient.line(b"550 b")])


@given(st.text(max_size=40), st.text(max_size=40), st.text(max_size=40), st.binary(max_size=200))
def test_no_text_of_a_stranger_becomes_a_field_of_a_report(text: str, server: str, orcpt: str, original: bytes) -> None:
    outcome = dsn.Outcome("a@example.org", "5.1.1", text, server, orcpt.replace("\n", "+0A"))
    report = dsn.Report(dsn.FAILED, [outcome], "anna@ahaus.net", "ahaus.net", NOW, NOW, "id", "x+0D+0Ay", NOW)
    raw = dsn.written(report, original, full=False)
    status = raw.split(b"--=_id")[2]
    names = [line.partition(b":")[0] for line in status.split(b"\r\n") if line]
    allowed = {b"Content-Type", b"Content-Transfer-Encoding", b"Original-Envelope-Id", b"Reporting-MTA", b"Arrival-Date",
               b"Original-Recipient", b"Final-Recipient", b"Action", b"Status", b"Remote-MTA", b"Diagnostic-Code",
               b"Last-Attempt-Date"}  # fmt: skip
    assert set(names) <= allowed
    assert len(names) == len(set(names))


@pytest.mark.parametrize("action", [dsn.FAILED, dsn.DELAYED, dsn.DELIVERED, dsn.RELAYED])
def test_each_kind_of_report_is_a_report(action: str) -> None:
    report = dsn.Report(action, [dsn.Outcome("jürgen@example.org", "4.4.1")], "anna@ahaus.net", "ahaus.net", NOW, NOW, "id", until=NOW)
    mail = email.message_from_bytes(dsn.written(report, b"Subject: x\r\n\r\ny\r\n", full=True))
    assert mail.get_param("report-type") == "delivery-status"
    assert len(mail.get_payload()) == 3
    assert f"Action: {action}" in mail.get_payload()[1].as_string()
    assert ("Will-Retry-Until" in mail.as_string()) == (action == dsn.DELAYED)


@given(st.text(max_size=30))
def test_xtext_goes_there_and_back(text: str) -> None:
    plain = "".join(sign for sign in text if ord(sign) < 128)
    assert dsn.xtext(dsn.encoded(plain)) == plain
    assert re.fullmatch(r"[!-*,-<>-~+A-F0-9]*", dsn.encoded(text))


def test_a_header_of_a_megabyte_comes_back_shortened_and_whole_lines() -> None:
    report = dsn.Report(dsn.FAILED, [dsn.Outcome("a@b.example", "5.1.1")], "anna@ahaus.net", "ahaus.net", NOW, NOW, "id")
    raw = dsn.written(report, b"X: " + b"a" * 60 + b"\r\n" + b"Y: bb\r\n" * 150_000 + b"\r\nbody", full=False)
    assert len(raw) < 70_000
    assert b"body" not in raw


LINES = [b"From: a@b.example", b"from : x", b"Subject:", b" folded", b"X", b":", b"\xff: \xff", b"To: y"]


@given(st.lists(st.sampled_from(LINES), max_size=8), st.binary(max_size=30))
def test_any_message_can_be_signed(head: list[bytes], body: bytes) -> None:
    raw = b"\r\n".join(head) + b"\r\n\r\n" + body
    signer = dkim.Signer("ahaus.net", "s1", "ed25519", lambda data: b"signature")
    made = dkim.signatures(raw, [signer], at=1)
    assert made.startswith(b"DKIM-Signature: v=1; a=ed25519-sha256;")
    assert made.endswith(b"\r\n")
    assert all(len(line) < 100 for line in made.split(b"\r\n"))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("version: STSv1\nmode: enforce\nmx: a.example\nmax_age: 60\n", ("enforce", ("a.example",), 60)),
     ("version: STSv1\r\nmode: testing\r\nmx: *.A.example\r\nmx: b.example\r\nmax_age: 99999999999\r\n", None),
     ("version: STSv1\nmode: none\nmax_age: 9999999999\n", ("none", (), mtasts.MOST_AGE)),
     ("version: STSv2\nmode: enforce\nmx: a.example\nmax_age: 60\n", None), ("mode: enforce\nmx: a\nmax_age: 60", None),
     ("version: STSv1\nmode: enforce\nmax_age: 60\n", None), ("version: STSv1\nmode: enforce\nmx: a.example\n", None),
     ("version: STSv1\nmode: enforce\nmode: none\nmx: a.example\nmax_age: 60\n", ("enforce", ("a.example",), 60))],
)  # fmt: skip
def test_mta_sts_policies(text: str, wanted: tuple | None) -> None:
    found = mtasts.policy(text.encode())
    assert ((found.mode, found.hosts, found.max_age) if found else None) == wanted


@given(st.binary(max_size=100), st.lists(st.binary(max_size=30), max_size=3))
def test_mta_sts_any_file_and_any_record(raw: bytes, texts: list[bytes]) -> None:
    mtasts.policy(raw)
    mtasts.record(texts)


def test_mta_sts_records() -> None:
    assert mtasts.record([b"v=STSv1; id=20260101T000000;"]) == "20260101T000000"
    assert mtasts.record([b"v=spf1 -all", b"v=STSv1;id=a"]) == "a"
    assert mtasts.record([b"v=STSv1; id=a", b"v=STSv1; id=b"]) is None
    assert mtasts.record([b"v=STSv1; id="]) is None


@given(st.binary(max_size=300))
def test_what_is_submitted_keeps_its_text(raw: bytes) -> None:
    raw = raw.replace(b"\r", b"").replace(b"\n", b"\r\n")
    made = submitted.completed(raw, sender="anna@ahaus.net", domain="ahaus.net", now=NOW, new_id=lambda: "f" * 32)
    found, at = submitted.fields(made)
    names = [name for name, _ in found]
    assert {b"received", b"date", b"message-id", b"from"} <= set(names)
    assert made.startswith(b"Received: by ahaus.net with ESMTPA id ")
    _, old = submitted.fields(raw)
    assert made[at:] == (raw[old:] if raw.startswith(b"\r\n", old) else b"\r\n" + raw[old:])
