# ruff: noqa: E501 -- one change a line
"""Each thing that a policy must not say, said once in the real file: lint finds exactly that."""

import tomllib
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from uuid import uuid4

import pytest

from stadtmail.kit import config, instance, resolver
from stadtmail.privacy.periods import Period
from stadtmail.privacy.policy import lint, published
from stadtmail.privacy.policy.authorities import AUTHORITIES, LAENDER
from stadtmail.privacy.policy.compiler import LIMITS
from stadtmail.privacy.policy.findings import TEXTS
from stadtmail.privacy.policy.lint import DECISIONS, EVENTS, LONGEST, destinations, examine
from tests.privacy.policy_files import SOURCE, codes, policy, with_rule, without

TODAY = date(2026, 11, 23)
CONTRACT = 'signed = 2026-10-01, ends = 2031-12-31'


@pytest.mark.parametrize("slug", ["ahaus.net", "musterstadt.example"])
def test_the_demo_cities_are_without_findings(slug, now):
    assert lint(slug, now=now) == []


INTEREST = ("[basis.consent]", '[basis.interest]\narticle = "6-1-f"\nlaw = { de = "x", en = "x" }\n[basis.consent]')
PURPOSE = '[purpose.{code}]\nname = {{ de = "x", en = "x" }}\nbasis = ["consent"]\nowner = "{owner}"\n{more}\n[purpose.order]'
COOKIE = '[[cookie]]\nname = "visitor"\nwhere = "tls"\npurpose = "session"\nbasis = "{basis}"\nnecessary = {necessary}\n'
COOKIE += 'lifetime = "{lifetime}"\ncontent = {{ de = "x", en = "x" }}\n[captcha]'
EGRESS = '[[egress]]\nhost = "mx.example.org"\nrecipient = "{recipient}"\npurpose = "{purpose}"\n[captcha]'
TRANSIT = (
    'rule = { start = "transit_end", gone_by = "PT0S", kind = "exact", '
    'also = [{ start = "transit_begin", gone_by = "P5D", kind = "exact" }] }'
)
RECIPIENT = '[[recipient]]\ncode = "x"\nname = { de = "x", en = "x" }\ncountry = "DE"\npurpose = "contract"\nbasis = "consent"\nfields = ["name"]\n'

BROKEN = [
    # K1
    ("keep_beyond_gone", "BD", [with_rule("BD", 'rule = { start = "contract_end", keep_until = "P1Y", keep_kind = "year_end", gone_by = "P6M", kind = "calendar" }')]),
    ("keep_beyond_gone", "BD-ID", [with_rule("BD-ID", 'rule = { start = "contract_end", keep_until = "P1Y", keep_kind = "year_end", gone_by = "P6M", kind = "calendar" }')]),
    ("identity_not_partitioned", "BD-ID", [with_rule("BD-ID", 'rule = { start = "contract_end", gone_by = "P6M", kind = "calendar" }')]),
    # K5, C-3.11
    ("cookie_without_basis", "visitor", [("[captcha]", COOKIE.format(basis="tdddg25", necessary="false", lifetime="session"))]),
    ("authority_basis_f", "curiosity", [INTEREST, ("[purpose.order]", PURPOSE.format(code="curiosity", owner="controller", more="")
                                                   .replace("consent", "interest"))]),
    # C-3.3
    ("cookie_not_session", "visitor", [("[captcha]", COOKIE.format(basis="tdddg25", necessary="true", lifetime="P30D"))]),
    # C-5.4, K8
    ("operator_decides", "web_analytics", [("[purpose.order]", PURPOSE.format(code="web_analytics", owner="operator", more=""))]),
    # K6
    ("marketing_without_consent", "marketing", [("[purpose.order]", PURPOSE.format(code="marketing", owner="controller", more=""))]),
    # K9
    ("captcha_without_consent", "recaptcha", [('provider = "local"', 'provider = "recaptcha"')]),
    ("not_built", "recaptcha", [('provider = "local"', 'provider = "recaptcha"\nconsent = "recaptcha"')]),
    ("not_built", "analytics: cookieless", [('mode = "none"', 'mode = "cookieless"')]),
    # K11, C-2.7
    ("recipient_not_listed", "egress.mx.example.org", [("[captcha]", EGRESS.format(recipient="somebody", purpose="contract"))]),
    # holds
    ("unknown_hold", "category.BD: whim", [('holds = ["legal_hold", "unpaid_claim", "objection"', 'holds = ["whim", "legal_hold", "unpaid_claim", "objection"')]),
    ("unknown_hold", "hold.whim", [("[hold.legal_hold]", '[hold.whim]\nname = { de = "x", en = "x" }\nreasons = []\nfour_eyes = false\nreview = "P1D"\n[hold.legal_hold]')]),
    ("hold_not_in_matrix", "category.INH: unpaid_claim", [('holds = ["legal_hold", "lea_preservation", "dsr_open"]', 'holds = ["legal_hold", "unpaid_claim"]')]),
    # rules and clauses
    ("category_without_rule", "ACC", [with_rule("ACC", "")]),
    ("contents_without_period", "INH", [with_rule("INH", "")]),  # K20
    ("rule_without_clause", "ACC", [('clauses = ["C-2.4", "C-4.7"]', "clauses = []")]),
    ("unknown_clause", "category.ACC: C-9.9", [('clauses = ["C-2.4", "C-4.7"]', 'clauses = ["C-9.9"]')]),
    ("clause_without_rule", "C-2.6", [('clauses = ["C-2.6", "C-6.2e"]', 'clauses = ["C-6.2e"]'), ('clauses = ["C-1.3", "C-2.6"]', 'clauses = ["C-1.3"]')]),
    ("unknown_value", "category.ACC.rule birthday", [with_rule("ACC", 'rule = { start = "birthday", gone_by = "P12M", kind = "calendar" }')]),
    ("unknown_value", "decision.K22", [("[decision.K21]", '[decision.K22]\ndecider = "x"\ndate = 2026-10-15\nreason = { de = "x", en = "x" }\ntext = { de = "x", en = "x" }\n[decision.K21]')]),
    ("unknown_reference", "category.ACC.purposes", [('purposes = ["accountability"]', 'purposes = ["curiosity"]')]),
    # C-6.4, K7
    ("authority_missing", "telecom: BUND", [('services = ["telecom"]', "services = []")]),
    ("authority_missing", "digital: NW", [('code = "NW"', 'code = "NI"')]),
    # K20, K21
    ("quarantine_too_long", "TOMB", [('gone_by = "P6M", kind = "calendar", also', 'gone_by = "P6M1D", kind = "calendar", also')]),
    ("quarantine_too_long", "TOMB", [with_rule("BD", 'rule = { start = "contract_end", gone_by = "P3M", kind = "calendar" }')]),
    ("collection_differs", "COLL", [with_rule("COLL", 'rule = { start = "contract_end", gone_by = "P60D", kind = "calendar" }')]),
    ("identity_too_long", "BD-ID", [with_rule("BD-ID", 'rule = { start = "contract_end", keep_until = "P1Y", gone_by = "P2Y", kind = "year_end" }')]),
    ("not_built", "city.collects_identity", [("collects_identity = true", "collects_identity = false")]),
    # limits: a city may promise more, never less
    ("quarantine_without_start", "TOMB", [with_rule("TOMB", 'rule = { start = "contract_end", gone_by = "P6M", kind = "calendar" }')]),
    ("alias_differs", "ALI", [with_rule("ALI", 'rule = { start = "contract_end", gone_by = "P30D", kind = "calendar" }')]),
    ("limit_too_long", "limits.use_gone", [('use_gone = "PT15M"', 'use_gone = "PT16M"')]),
    ("limit_too_long", "limits.access_answer", [('access_answer = "P1M"', 'access_answer = "P2M"')]),
    ("limit_too_long", "limits.access_answer", [('access_answer = "P1M"', 'access_answer = "P29D"')]),
    ("limit_too_long", "limits.session_absolute", [('session_absolute = "PT12H"\nurl', 'session_absolute = "P1D"\nurl')]),
    ("limit_differs", "limits.keystore_backup", [('keystore_backup = "P7D"', 'keystore_backup = "P3D"')]),
    # C-4.2: a message in transit
    ("transit_too_long", "TRANSIT", [with_rule("TRANSIT", TRANSIT.replace("P5D", "P6D"))]),
    ("transit_too_long", "TRANSIT", [with_rule("TRANSIT", TRANSIT.replace("P5D", "PT1H"))]),
    ("transit_too_long", "TRANSIT", [with_rule("TRANSIT", TRANSIT.replace("PT0S", "PT1H"))]),
    ("transit_without_end", "TRANSIT", [with_rule("TRANSIT", 'rule = { start = "transit_end", gone_by = "PT0S", kind = "exact" }')]),
    # C-1.2, Art. 44
    ("third_country", "parties.operator.place.0", [('country = "DE"', 'country = "US"')]),
    ("third_country", "recipient.x", [("[captcha]", RECIPIENT.replace('"DE"', '"US"') + "[captcha]")]),
    ("egress_for_other_purpose", "pictures", [('hosts = "any"\npurpose = "content"', 'hosts = "any"\npurpose = "contract"')]),
    ("unknown_reference", "pictures.purpose", [('hosts = "any"\npurpose = "content"', 'hosts = "any"\npurpose = "nothing"')]),
    ("egress_for_other_purpose", "egress.mx.example.org", [("[captcha]", RECIPIENT + EGRESS.format(recipient="x", purpose="order"))]),
    ("recipient_without_fields", "x", [("[captcha]", RECIPIENT.replace('["name"]', "[]") + "[captcha]")]),
    # C-5.6
    ("analytics_passed_on", "x", [
        ("[purpose.order]", PURPOSE.format(code="web_analytics", owner="controller", more="")),
        ("[captcha]", RECIPIENT.replace('"contract"', '"web_analytics"') + "[captcha]"),
    ]),
    # C-1.5, K18
    ("officer_elsewhere", "datenschutz@mediabeam.com", [('[parties.officer]\nemail = "datenschutz@ahaus.net"', '[parties.officer]\nemail = "datenschutz@mediabeam.com"')]),
    ("role_not_reserved", "order.reserved: abuse", [('"abuse", ', "")]),
    ("role_not_reserved", "order.reserved: datenschutz", [('"datenschutz*", ', "")]),
    # Art. 28: each version is signed by both sides, and decided before
    ("not_approved", "approval.operator", [without("approval.operator")]),
    ("unknown_value", "approval.neighbour", [("[approval.operator]", '[approval.neighbour]\nby = "x"\ndate = 2026-10-20\n[approval.operator]')]),
    ("decided_too_late", "approval.controller", [('date = 2026-10-20', "date = 2026-11-02")]),
    ("decided_too_late", "decision.K1", [('date = 2026-10-15', "date = 2026-11-02")]),
    # C-2.1
    ("data_not_needed", "tariff.basis", [("needs = []", 'needs = ["bank"]')]),
]  # fmt: skip


@pytest.mark.parametrize(("code", "where", "changes"), BROKEN, ids=[f"{code}-{where}" for code, where, _ in BROKEN])
def test_lint_finds_exactly_what_is_wrong(code, where, changes):
    assert codes(examine(policy(*changes), today=TODAY)) == [(code, "error", where)]


@pytest.mark.parametrize("code", DECISIONS)
def test_each_conflict_needs_a_decision(code):
    assert codes(examine(policy(without(f"decision.{code}")))) == [("missing_decision", "error", code)]


def test_there_are_twenty_one_conflicts():
    assert DECISIONS[0] == "K1"
    assert DECISIONS[-1] == "K21"
    assert len(DECISIONS) == 21


def test_a_cookie_on_legitimate_interest_is_refused():  # C-3.11
    broken = policy(
        INTEREST,
        ("[captcha]", COOKIE.format(basis="interest", necessary="true", lifetime="session")),
    )
    assert codes(examine(broken)) == [("cookie_without_basis", "error", "visitor")]


def test_an_analytics_cookie_with_consent_is_lawful_but_not_built():
    lawful = COOKIE.format(basis="consent", necessary="false", lifetime="session").replace("[captcha]", 'consent = "statistics"\n[captcha]')
    assert codes(examine(policy(("[captcha]", lawful)))) == [("not_built", "error", "cookie.visitor.consent")]


def test_a_wording_narrower_than_the_law_is_a_warning():  # C-4.8
    narrow = policy(('wording = "law"', 'wording = "prosecution"'))
    assert codes(examine(narrow)) == [("disclosure_narrower_than_law", "warning", "disclosure.wording")]


def test_a_place_is_needed():  # C-1.2
    place = SOURCE[SOURCE.index("[[parties.operator.place]]") : SOURCE.index("[parties.officer]")]
    assert ("no_place", "error", "parties.operator.place") in codes(examine(policy((place, "place = []\n\n"))))


@pytest.mark.parametrize("name", LONGEST)
def test_a_shorter_limit_is_a_better_promise(name):
    compiled = policy()
    better = replace(compiled, limits={**compiled.limits, name: Period(seconds=1)})
    worse = replace(compiled, limits={**compiled.limits, name: replace(LONGEST[name], seconds=LONGEST[name].seconds + 1)})
    assert examine(better) == []
    assert codes(examine(worse)) == [("limit_too_long", "error", f"limits.{name}")]


def test_a_joint_agreement_lets_the_operator_decide():
    more = 'agreement = "GV 2026-2"'
    assert examine(policy(("[purpose.order]", PURPOSE.format(code="web_analytics", owner="operator", more=more)))) == []


def test_a_listed_recipient_may_be_reached():
    listed = RECIPIENT + EGRESS.format(recipient="x", purpose="contract")
    assert examine(policy(("[captcha]", listed))) == []


@pytest.mark.parametrize("code", ["TOMB", "EVID", "CAPT"])
def test_a_category_that_the_program_stores_must_be_known(code):
    found = codes(examine(policy(without(f"category.{code}"))))
    assert ("category_missing", "error", code) in found


def test_a_category_that_a_room_declares_must_be_known():
    assert codes(examine(policy(), used=["BD", "PHOTO"])) == [("category_missing", "error", "PHOTO")]


def test_a_processing_contract_ends_with_its_last_day():  # C-1.2
    end = policy((CONTRACT, "signed = 2026-10-01, ends = 2026-11-23"))
    where = "AVV AHAUS.NET 2026-1"
    assert codes(examine(end, today=date(2026, 11, 22))) == [("contract_expires_soon", "warning", where)]
    assert codes(examine(end, today=date(2026, 11, 23))) == [("contract_expires_soon", "warning", where)]
    assert codes(examine(end, today=date(2026, 11, 24))) == [("contract_expired", "error", where)]
    assert codes(examine(end, today=date(2026, 9, 30))) == [
        ("contract_not_begun", "error", where),
        ("contract_expires_soon", "warning", where),
    ]


def test_the_contract_of_a_sub_processor_counts_too():
    text = '[[parties.operator.sub_processor]]\nname = "x"\naddress = "x"\ncountry = "DE"\ntask = { de = "x", en = "x" }\n'
    text += 'contract = { id = "U 1", signed = 2026-10-01, ends = 2026-10-31 }\n\n[[parties.operator.place]]'
    broken = policy(("[[parties.operator.place]]", text))
    assert codes(examine(broken, today=TODAY)) == [("contract_expired", "error", "U 1")]


def test_an_authority_not_reviewed_for_a_year_warns():  # C-6.5
    old = policy(("reviewed = 2026-11-02", "reviewed = 2025-11-22"))
    assert codes(examine(old, today=date(2026, 11, 23))) == []
    assert codes(examine(old, today=date(2026, 11, 24))) == [("authority_not_reviewed", "warning", "NW")]


@pytest.mark.parametrize("land", LAENDER)
def test_each_land_has_its_authority(land):  # C-6.4
    right = policy(('land = "NW"', f'land = "{land}"'), ('code = "NW"', f'code = "{land}"'))
    assert examine(right, today=TODAY) == []
    assert right.parties.authority("digital").name == AUTHORITIES[land].name
    assert right.parties.authority("telecom").code == "BUND"


def test_there_are_sixteen_lands_with_complete_addresses():
    assert len(LAENDER) == 16
    assert set(AUTHORITIES) == {*LAENDER, "BUND"}
    assert all(a.street and len(a.postcode) == 5 and a.town and a.phone and a.web.startswith("https://") for a in AUTHORITIES.values())
    assert len({a.name.de for a in AUTHORITIES.values()}) == 17


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("STADTMAIL_SMARTHOST", "relay.example.org:25"),
        ("STADTMAIL_RESOLVER", "192.0.2.53:53"),
        ("STADTMAIL_RSPAMD_URL", "http://192.0.2.53:11333"),
        ("STADTMAIL_CLAMD", "192.0.2.53:3310"),
        ("STADTMAIL_DATABASE_URL", "postgresql://u:p@db.example.org/x"),
        ("STADTMAIL_KEYS_URL", "postgresql://u:p@db.example.org/x"),
    ],
)
def test_a_configured_destination_must_be_listed(setting, value):  # C-1.2
    there = config.load({setting: value})
    assert codes(destinations(policy(), there)) == [("destination_not_listed", "error", setting)]
    listed = policy(
        ("hosts = []", 'hosts = ["db.example.org"]'),
        ("[captcha]", RECIPIENT + EGRESS.format(recipient="x", purpose="contract").replace("mx", "relay")
         .replace("[captcha]", '[[egress]]\nhost = "192.0.2.53"\nrecipient = "x"\npurpose = "contract"\n[captcha]')),
    )  # fmt: skip
    assert destinations(listed, there) == []


def test_loopback_is_no_destination():
    local = {"STADTMAIL_CLAMD": "/run/clamd.sock", "STADTMAIL_RSPAMD_URL": "http://[::1]:11333", "STADTMAIL_SMARTHOST": "127.0.0.1:25", "STADTMAIL_RESOLVER": "[::1]:53", "STADTMAIL_KEYS_URL": "postgresql://localhost/k"}
    assert destinations(policy(), config.load(local)) == []


@pytest.mark.parametrize(("kind", "server", "found"), [("production", "8.8.8.8", 1), ("production", "10.0.0.53", 0), ("production", "127.0.0.53", 0), ("test", "8.8.8.8", 0)])
def test_c12_a_foreign_name_server_of_the_system_must_be_listed_too(monkeypatch, kind, server, found):
    monkeypatch.setattr(resolver, "_of_the_system", lambda: [resolver.Server(server)])
    monkeypatch.setattr(instance, "current", lambda: instance.Instance(uuid4(), kind, Path("/x")))
    assert codes(destinations(policy(), config.load({}))) == [("destination_not_listed", "error", "STADTMAIL_RESOLVER")] * found
    assert destinations(policy(), config.load({"STADTMAIL_RESOLVER": "none"})) == []


def test_a_file_of_another_city_or_none_is_found(tmp_path, monkeypatch, now):
    monkeypatch.setattr(published, "FOLDER", tmp_path)
    assert codes(lint("x.example", now=now)) == [("no_file", "error", "policies/x.example.toml")]
    (tmp_path / "x.example.toml").write_bytes(policy().source)
    assert codes(lint("x.example", now=now)) == [("slug_differs", "error", "ahaus.net")]
    assert codes(lint("../x", now=now)) == [("no_file", "error", "policies/x.toml")]


def test_a_policy_of_the_future_is_not_in_force():
    assert [f.code for f in lint("ahaus.net", now=datetime(2026, 10, 20, tzinfo=UTC))] == ["not_in_force"]


def test_every_finding_has_a_sentence_in_both_languages():
    for code, words in TEXTS.items():
        assert "{where}" in words.de, code
        assert "{where}" in words.en, code


def test_every_code_and_every_limit_is_explained_to_the_officer():
    page = (published.FOLDER.parent / "docs" / "policy.md").read_text()
    assert [code for code in TEXTS if f"| `{code}` |" not in page] == []
    assert [name for name in LIMITS if f"`{name}`" not in page] == []
    assert [event for event in EVENTS if f"`{event}`" not in page] == []
    assert [table for table in tomllib.loads(SOURCE) if f"`{table}`" not in page and f"[{table}" not in page] == []
