"""What import-linter cannot see: foreign keys, holdings, doors that write, names, sizes, and tables that must agree."""

import ast
import re
from io import StringIO
from pathlib import Path

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import models

from stadtmail.doors.web import cookies
from stadtmail.kit import config, log
from stadtmail.kit.router import store_of
from stadtmail.privacy import holdings, policy
from stadtmail.privacy.policy import published

ROOT = Path(__file__).resolve().parents[1]
CODE = sorted(path for path in (ROOT / "stadtmail").rglob("*.py") if "migrations" not in path.parts)
FLOORS = {"tenants": 0, "vault": 1, "privacy": 2, "people": 3, "usage": 4, "mail": 5, "rights": 5, "web": 6}
TABLE_WORDS = {"objects", "_default_manager", "_base_manager"}
WRITES = {"save", "delete", "create", "bulk_create", "bulk_update", "get_or_create", "update_or_create", "raw"}
SLUGS = sorted(path.stem for path in published.FOLDER.glob("*.toml"))


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_foreign_keys_point_down_and_never_across_stores() -> None:
    for model in apps.get_models():
        for field in model._meta.get_fields():
            if isinstance(field, models.ForeignKey):
                target = field.related_model
                assert FLOORS[target._meta.app_label] <= FLOORS[model._meta.app_label], f"{field} points up"
                assert {model._meta.app_label, target._meta.app_label} != {"mail", "rights"}, f"{field} points across"
                assert store_of(model) == store_of(target), f"{field} crosses stores"


@pytest.mark.parametrize("slug", SLUGS)
def test_c11_everything_that_is_stored_is_declared_and_has_a_rule(slug: str) -> None:
    assert holdings.check(set(policy.load(slug).categories)) == []


def test_c11_the_check_would_see_an_undeclared_column() -> None:
    held = next(holding for holding in holdings.all_holdings() if holding.personal)
    forgotten = next(iter(held.personal))
    other = {column: what for column, what in held.personal.items() if column != forgotten}
    changed = type(held)(**{**held.__dict__, "personal": other})
    registered = holdings._registered
    registered[held.table] = changed
    try:
        assert f"{held.table}.{forgotten} is not declared" in holdings.check()
    finally:
        registered[held.table] = held


def test_every_room_has_one_migration_that_says_what_its_models_say() -> None:
    out = StringIO()
    call_command("makemigrations", check=True, dry_run=True, stdout=out)  # raises SystemExit where a model has changed
    for room in apps.get_app_configs():
        found = [path.name for path in Path(room.path).glob("migrations/0*.py")]
        assert found in ([], ["0001_initial.py"]), f"{room.label}: {found}"


@pytest.mark.parametrize("path", [path for path in CODE if "doors" in path.parts], ids=name)
def test_doors_never_touch_tables(path: Path) -> None:
    tree = ast.parse(path.read_text())
    imported = {alias.asname or alias.name.partition(".")[0] for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)
                for alias in node.names}  # fmt: skip
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in TABLE_WORDS:
            pytest.fail(f"{name(path)}:{node.lineno} reads a table: .{node.attr}")
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in WRITES:
            receiver = node.func.value
            named = isinstance(receiver, ast.Name) and receiver.id in imported  # a room's action, called through its module
            assert named, f"{name(path)}:{node.lineno} writes a table: .{node.func.attr}()"


@pytest.mark.parametrize("path", CODE, ids=name)
def test_a_module_says_what_lives_in_it_and_stays_small(path: Path) -> None:
    text = path.read_text()
    words = ast.get_docstring(ast.parse(text))
    assert path.stem not in ("utils", "helpers", "common", "misc"), "name it after what is in it"
    assert len(text.splitlines()) <= 400
    if text.strip():
        assert words, "a module opens with what lives here and the rule that must not be broken"


@pytest.mark.parametrize("path", CODE, ids=name)
def test_no_signals_and_no_hidden_writes(path: Path) -> None:
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module in ("django.dispatch", "django.db.models.signals"):
            pytest.fail(f"{name(path)}:{node.lineno} signals between rooms cannot be read")
        if isinstance(node, ast.FunctionDef) and node.name == "save" and path.name == "models.py":
            pytest.fail(f"{name(path)}:{node.lineno} overrides save()")


def test_only_kit_config_reads_our_settings_from_the_environment() -> None:
    readers = [name(path) for path in CODE if re.search(r"environ.*STADTMAIL_|STADTMAIL_.*environ", path.read_text())]
    assert readers in (["stadtmail/kit/config.py"], [])


def test_the_table_of_settings_is_the_documented_one() -> None:
    rows = re.findall(r"^\| `STADTMAIL_([A-Z_]+)` \| (.*?) \| (.*?) \|$", (ROOT / "docs/operate.md").read_text(), re.MULTILINE)
    documented = {key: ("" if default == "empty" else default.strip("`"), meaning) for key, default, meaning in rows}
    assert documented == config.SETTINGS


HARMFUL = (
    "anna@ahaus.net", "Anna Terhaar", "änne", "192.0.2.17:25", "2001:db8::1", "Betreff: Scheidung", "geheim\nzweite Zeile", "a" * 200,
    "DE02120300000000202051", "1980-02-29",
)  # fmt: skip


@pytest.mark.parametrize("value", HARMFUL)
def test_c42_no_field_of_the_log_takes_anything_of_a_person(value: str, monkeypatch) -> None:
    written = []
    monkeypatch.setattr(log, "_write", written.append)
    for field in log.FIELDS:
        if field == "what":
            log.event(value)
        else:
            log.event("probe", **{field: value})
    log.event("probe", remark=value)
    assert written == []


@pytest.mark.parametrize("path", CODE, ids=name)
def test_c42_what_a_log_line_says_is_written_in_the_code(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "event"):
            continue
        if isinstance(node.func.value, ast.Name) and node.func.value.id in ("log", "lines"):
            assert isinstance(node.args[0], ast.Constant), f"{name(path)}:{node.lineno} logs a computed word"


def test_c42_the_log_has_exactly_these_fields() -> None:
    assert set(log.FIELDS) == {
        "what", "role", "city", "key", "kind", "clause", "category", "error", "place", "count", "bytes", "ms", "code", "port", "pid",
    }  # fmt: skip


@pytest.mark.parametrize("slug", SLUGS)
def test_c31_the_policy_lists_exactly_the_cookies_that_the_program_sets(slug: str) -> None:
    listed = {cookie.name: cookie.where for cookie in policy.load(slug).cookies}
    assert listed == {cookies.TLS_NAME: "tls", cookies.PLAIN_NAME: "plain"}
