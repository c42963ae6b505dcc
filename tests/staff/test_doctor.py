"""The doctor's checks find unsafe settings and data, and nothing else."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from flask_appbuilder.security.sqla.models import ApiKey, Role, assoc_permissionview_role
from flask_babel import force_locale
from sqlalchemy import delete, func, insert, literal, text, update

from app import checks
from app.checks import ADVICE, DANGER, WARNING, Check, run_checks
from app.extensions import db
from app.log.models import LogEntry
from app.log.sealing import Sealer
from app.security import checks as settings_checks
from app.security.rights import resource_of
from app.staff import checks as people_checks
from app.staff.models import StaffUser
from app.types import now
from tests.factories import a_contact
from tests.log.falsifications import UNLOCK, seal_all
from tests.people import ALICIA, BRUNO, CLARA, DIEGO, Person, add_person

pytestmark = pytest.mark.both_databases

# Flask-AppBuilder writes these moments without a zone.
NOW = datetime.now()  # noqa: DTZ005
LONG_AGO = NOW - timedelta(days=400)
GOOD_KEY = "0123456789abcdef" * 2 + "ghijklmnopqrstuvwxyzABCDEFGH"


@pytest.fixture
def safe_app(app, session, monkeypatch, tmp_path):
    """Return a program without findings; each test makes one thing unsafe."""
    tmp_path.chmod(0o700)
    for name, value in (
        ("TESTING", False), ("DATA_DIR", str(tmp_path)), ("SECRET_KEY", GOOD_KEY),
    ):  # fmt: skip
        monkeypatch.setitem(app.config, name, value)
    Path(app.config["DATA_DIR"], "secret_key").touch(0o600)
    monkeypatch.setattr(settings_checks, "_is_readable_by_others", lambda path: False)
    second = add_person(Person("elena", "Federación", "Admin"))
    for user in (second, ALICIA.user):
        user.totp_secret = "secret"
    for person in (ALICIA, BRUNO):
        person.user.last_login = NOW
    db.session.commit()
    seal_all(tmp_path)
    return app


def findings_by_check(app) -> dict[str, str]:
    with force_locale("en"):
        return {f.check: f.severity for f in run_checks(app, db.session()) if str(f.sentence)}


def test_a_safe_installation_has_no_findings(safe_app):
    expected = {"DevelopmentMail"}  # no mail server is set in the tests
    assert set(findings_by_check(safe_app)) - expected == set()


@pytest.mark.parametrize(
    ("setting", "value", "check", "severity"),
    [
        ("TESTING", True, "Debugging", DANGER),
        ("DEBUG", True, "Debugging", DANGER),
        ("TRUSTED_HOSTS", ["example.org", "*"], "AnyHost", DANGER),
        ("TRUSTED_HOSTS", ["*.example.org"], "AnyHost", DANGER),
        ("SECRET_KEY", "short", "WeakKey", DANGER),
        ("SECRET_KEY", "a" * 64, "WeakKey", DANGER),
        ("SECRET_KEY", "changeme" * 5, "WeakKey", DANGER),
        ("HOST", "0.0.0.0", "PlainHttp", DANGER),
        ("PROXIES", 1, "PlainHttp", DANGER),
    ],
)
def test_an_unsafe_setting_is_found(safe_app, monkeypatch, setting, value, check, severity):
    monkeypatch.setitem(safe_app.config, setting, value)
    assert findings_by_check(safe_app).get(check) == severity


def test_https_is_safe_on_a_public_address(safe_app, monkeypatch):
    monkeypatch.setitem(safe_app.config, "HOST", "0.0.0.0")
    monkeypatch.setitem(safe_app.config, "PUBLIC_URL", "https://padron.example.org")
    assert "PlainHttp" not in findings_by_check(safe_app)


def test_files_that_others_can_read_are_found(safe_app, monkeypatch, tmp_path):
    monkeypatch.undo()
    monkeypatch.setitem(safe_app.config, "DATA_DIR", str(tmp_path))
    check = settings_checks.ReadableKey()
    key = tmp_path / "secret_key"
    for file_mode, folder_mode, is_problem in (
        (0o600, 0o755, False), (0o644, 0o755, True), (0o640, 0o710, True), (0o644, 0o700, False),
    ):  # fmt: skip
        key.chmod(file_mode)
        tmp_path.chmod(folder_mode)
        assert (check.problem(safe_app, None) is not None) == is_problem
    key.unlink()
    assert check.problem(safe_app, None) is None, "a key may also be given by a setting"


def test_a_data_folder_open_to_others_is_found(safe_app, tmp_path):
    tmp_path.chmod(0o755)
    assert findings_by_check(safe_app).get("ReadableData") == WARNING


def test_a_database_file_open_to_others_is_found(safe_app, monkeypatch):
    monkeypatch.setattr(settings_checks, "_is_readable_by_others", lambda path: True)
    is_file = db.engine.dialect.name == "sqlite"
    assert findings_by_check(safe_app).get("ReadableData") == (DANGER if is_file else None)


@pytest.mark.parametrize(
    ("proxies", "headers", "severity"),
    [
        (0, {}, None),
        (1, {"X-Forwarded-For": "192.0.2.1"}, None),
        (1, {}, ADVICE),
        (0, {"X-Forwarded-For": "192.0.2.1"}, WARNING),
    ],
)
def test_the_proxy_check_uses_the_current_request(
    safe_app, monkeypatch, proxies, headers, severity
):
    monkeypatch.setitem(safe_app.config, "PROXIES", proxies)
    with safe_app.test_request_context(headers=headers):
        finding = settings_checks.Proxies().problem(safe_app, db.session())
    assert (finding and finding.severity) == severity


def test_an_unencrypted_connection_to_another_host_is_found(safe_app, monkeypatch):
    class Elsewhere:
        def __init__(self, url, is_encrypted):
            self.engine, self.url, self.is_encrypted = self, url, is_encrypted

        def get_bind(self):
            return self

        def scalar(self, _statement):
            return self.is_encrypted

    url = db.engine.url.set(drivername="postgresql+psycopg", host="db.example.org")
    check = settings_checks.PlainDatabase()
    assert check.problem(safe_app, Elsewhere(url, False)).severity == WARNING
    assert check.problem(safe_app, Elsewhere(url, True)) is None
    assert check.problem(safe_app, Elsewhere(url.set(host="127.0.0.1"), False)) is None


def test_clocks_that_differ_are_found(safe_app, monkeypatch):
    monkeypatch.setattr(settings_checks, "now", lambda: now() + timedelta(minutes=5))
    is_server = db.engine.dialect.name == "postgresql"
    assert findings_by_check(safe_app).get("Clocks") == (WARNING if is_server else None)


def test_a_database_that_lowercases_ascii_only_is_found(safe_app, monkeypatch):
    assert "PlainCapitals" not in findings_by_check(safe_app)
    # SQLite's own is the program's; a server made with the locale C knows A to Z.
    is_server = db.engine.dialect.name == "postgresql"
    small = func.lower(literal("Ñ").collate("C")) if is_server else literal("Ñ")
    monkeypatch.setattr(settings_checks, "LOWERCASED", small)
    assert findings_by_check(safe_app).get("PlainCapitals") == WARNING


def test_administrators_are_counted_and_asked_for_a_second_factor(safe_app):
    db.session.execute(
        update(StaffUser).where(StaffUser.username == "elena").values(totp_secret=None)
    )
    assert findings_by_check(safe_app).get("AdministratorsWithoutFactor") == WARNING
    db.session.execute(update(StaffUser).where(StaffUser.username == "elena").values(active=False))
    assert findings_by_check(safe_app) | {"DevelopmentMail": ADVICE} == {
        "Administrators": ADVICE, "DevelopmentMail": ADVICE,
    }  # fmt: skip
    yesterday = {"active": True, "employed_until": now().date() - timedelta(days=2)}
    db.session.execute(update(StaffUser).values(**yesterday))
    assert findings_by_check(safe_app).get("Administrators") == DANGER, "who has left helps nobody"
    db.session.execute(update(StaffUser).values(active=False, employed_until=None))
    assert findings_by_check(safe_app).get("Administrators") == DANGER


@pytest.mark.parametrize(
    ("values", "check", "severity"),
    [
        ({"email": "Admin@Example.org"}, "DefaultAddress", ADVICE),
        ({"entity_id": None}, "HomelessUsers", WARNING),
        ({"last_login": LONG_AGO}, "QuietUsers", ADVICE),
        ({"last_login": None, "created_on": LONG_AGO}, "QuietUsers", ADVICE),
        ({"password": "scrypt:32768:8:1$salt$hash"}, "OldHashes", ADVICE),
    ],
)
def test_accounts_with_problems_are_found(safe_app, values, check, severity):
    alicia = update(StaffUser).where(StaffUser.username == "alicia")
    db.session.execute(alicia.values(**values))
    assert findings_by_check(safe_app).get(check) == severity
    if check != "DefaultAddress":
        db.session.execute(alicia.values(active=False))
        assert check not in findings_by_check(safe_app), "who cannot sign in needs no look"


def test_a_current_hash_is_no_finding(safe_app):
    method = safe_app.config["FAB_PASSWORD_HASH_METHOD"]
    db.session.execute(update(StaffUser).values(password=f"{method}$salt$hash"))
    assert "OldHashes" not in findings_by_check(safe_app)


def test_a_custom_role_that_may_change_users_is_found(safe_app):
    role = Role(name="Secretaries")
    permission, model = people_checks.SECURITY_RIGHTS[0]
    pair = (permission, resource_of(model))
    role.permissions = [safe_app.appbuilder.sm.find_permission_view_menu(*pair)]
    db.session.add(role)
    db.session.commit()
    assert findings_by_check(safe_app).get("SecurityEditors") == ADVICE


@pytest.mark.parametrize(
    ("made", "person", "severity"),
    [
        (NOW - timedelta(days=10), BRUNO, None),
        (NOW - timedelta(days=400), BRUNO, ADVICE),
        (NOW - timedelta(days=10), DIEGO, WARNING),
        (NOW - timedelta(days=10), CLARA, WARNING),
    ],
    ids=["new", "old", "orphaned", "left"],
)
def test_old_and_orphaned_keys_are_found(safe_app, made, person, severity):
    db.session.execute(update(StaffUser).where(StaffUser.username == "diego").values(active=False))
    has_left = {"employed_until": now().date() - timedelta(days=2)}
    db.session.execute(update(StaffUser).where(StaffUser.username == "clara").values(**has_left))
    key = {"uuid": "x", "name": "Key", "key_hash": "x", "key_prefix": "x", "created_on": made}
    db.session.execute(insert(ApiKey), [key | {"user_id": person.user.id, "active": True}])
    assert findings_by_check(safe_app).get("OldKeys") == severity


def test_unsynchronised_roles_are_found(safe_app):
    link = assoc_permissionview_role
    role_id = db.session.query(Role.id).filter(Role.name == "Contacts: read").scalar()
    db.session.execute(delete(link).where(link.c.role_id == role_id))
    assert findings_by_check(safe_app).get("Unsynchronised") == WARNING


def test_an_outdated_schema_is_the_only_finding(safe_app):
    db.session.execute(text("UPDATE alembic_version SET version_num = '0000'"))
    db.session.execute(text("DROP TABLE log_seal"))
    assert findings_by_check(safe_app) == {"OldTables": DANGER}


def test_a_log_that_is_not_sealed_is_found_after_an_hour(safe_app):
    a_contact()
    assert "UnsealedLog" not in findings_by_check(safe_app)
    row = {"at": now() - timedelta(hours=2), "actor_name": "", "channel": "web", "event": "x"}
    row |= {"subject_type": "contact", "subject_id": 1, "subject_name": ""}
    Sealer().run(db.session())
    db.session.execute(insert(LogEntry), [row])
    assert findings_by_check(safe_app).get("UnsealedLog") == WARNING


@pytest.mark.parametrize(
    "falsify",
    ["UPDATE log_entry SET actor_name = 'x'", "DELETE FROM log_seal"],
    ids=["edited", "cut"],
)
def test_a_broken_last_seal_is_found(safe_app, falsify):
    for statement in (*UNLOCK[db.engine.dialect.name], falsify):
        db.session.execute(text(statement))
    assert findings_by_check(safe_app).get("BrokenSeal") == DANGER


def test_a_failing_check_is_reported_and_the_others_run(safe_app, monkeypatch):
    def fail(self, app, session):
        session.execute(text("SELECT no_such_column"))

    monkeypatch.setattr(settings_checks.AnyHost, "problem", fail)
    monkeypatch.setitem(safe_app.config, "SECRET_KEY", "short")
    assert findings_by_check(safe_app).items() >= {("AnyHost", WARNING), ("WeakKey", DANGER)}


def test_findings_are_sorted_by_severity_and_have_advice(safe_app, monkeypatch):
    monkeypatch.setitem(safe_app.config, "SECRET_KEY", "short")
    alicia = update(StaffUser).where(StaffUser.username == "alicia")
    db.session.execute(alicia.values(totp_secret=None, email="admin@example.org"))
    for language in ("en", "es"):
        with force_locale(language):
            told = run_checks(safe_app, db.session())
            assert all(str(f.sentence) and str(f.advice) for f in told)
    order = [list(checks.SEVERITIES).index(f.severity) for f in told]
    assert order == sorted(order)
    assert len(told) >= 3


def test_the_command_fails_only_if_there_is_a_danger(safe_app, monkeypatch):
    run = safe_app.test_cli_runner()
    assert run.invoke(args=["doctor"]).exit_code == 0
    monkeypatch.setitem(safe_app.config, "SECRET_KEY", "short")
    result = run.invoke(args=["doctor"])
    assert result.exit_code == 1
    assert result.output.startswith("danger   The secret key is easy to guess")
    told = json.loads(run.invoke(args=["doctor", "--json"]).output)
    assert (told["ok"], told[DANGER]) == (False, 1)
    assert told["findings"][0]["check"] == "WeakKey"


def test_every_room_registers_its_checks():
    assert len(Check.all()) >= 20
