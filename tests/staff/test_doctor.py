"""The doctor finds what is set unsafely, says what to do, and is quiet about the rest."""

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
from app.staff import checks as people_checks
from app.staff.models import StaffUser
from app.types import now
from tests.factories import a_contact
from tests.log.falsifications import UNLOCK, seal_all
from tests.people import ALICIA, BRUNO, CLARA, DIEGO, Person, add_person

# Flask-AppBuilder writes these moments without a zone.
NOW = datetime.now()  # noqa: DTZ005
LONG_AGO = NOW - timedelta(days=400)
GOOD_KEY = "0123456789abcdef" * 2 + "ghijklmnopqrstuvwxyzABCDEFGH"


@pytest.fixture
def safe(app, session, monkeypatch, tmp_path):
    """Give a house in which nothing is amiss; each test spoils one thing."""
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


def found(app) -> dict[str, str]:
    with force_locale("en"):
        return {f.check: f.severity for f in run_checks(app, db.session()) if str(f.sentence)}


def test_nothing_is_found_where_nothing_is_amiss(safe):
    expected = {"DevelopmentMail"}  # no mail server is set in the tests
    assert set(found(safe)) - expected == set()


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
def test_an_unsafe_setting_is_found(safe, monkeypatch, setting, value, check, severity):
    monkeypatch.setitem(safe.config, setting, value)
    assert found(safe).get(check) == severity


def test_https_is_enough_for_the_world(safe, monkeypatch):
    monkeypatch.setitem(safe.config, "HOST", "0.0.0.0")
    monkeypatch.setitem(safe.config, "PUBLIC_URL", "https://padron.example.org")
    assert "PlainHttp" not in found(safe)


def test_files_that_others_can_read_are_found(safe, monkeypatch, tmp_path):
    monkeypatch.undo()
    monkeypatch.setitem(safe.config, "DATA_DIR", str(tmp_path))
    check = settings_checks.ReadableKey()
    key = tmp_path / "secret_key"
    for file_mode, folder_mode, is_problem in (
        (0o600, 0o755, False), (0o644, 0o755, True), (0o640, 0o710, True), (0o644, 0o700, False),
    ):  # fmt: skip
        key.chmod(file_mode)
        tmp_path.chmod(folder_mode)
        assert (check.problem(safe, None) is not None) == is_problem
    key.unlink()
    assert check.problem(safe, None) is None, "a key may also be given by a setting"


def test_a_data_folder_open_to_others_is_found(safe, tmp_path):
    tmp_path.chmod(0o755)
    assert found(safe).get("ReadableData") == WARNING


def test_a_database_file_open_to_others_is_found(safe, monkeypatch):
    monkeypatch.setattr(settings_checks, "_is_readable_by_others", lambda path: True)
    is_file = db.engine.dialect.name == "sqlite"
    assert found(safe).get("ReadableData") == (DANGER if is_file else None)


@pytest.mark.parametrize(
    ("proxies", "headers", "severity"),
    [
        (0, {}, None),
        (1, {"X-Forwarded-For": "192.0.2.1"}, None),
        (1, {}, ADVICE),
        (0, {"X-Forwarded-For": "192.0.2.1"}, WARNING),
    ],
)
def test_proxies_are_told_from_the_request_that_asks(
    safe, monkeypatch, proxies, headers, severity
):
    monkeypatch.setitem(safe.config, "PROXIES", proxies)
    with safe.test_request_context(headers=headers):
        finding = settings_checks.Proxies().problem(safe, db.session())
    assert (finding and finding.severity) == severity


def test_a_readable_connection_to_another_host_is_found(safe, monkeypatch):
    class Elsewhere:
        def __init__(self, url, is_encrypted):
            self.engine, self.url, self.is_encrypted = self, url, is_encrypted

        def get_bind(self):
            return self

        def scalar(self, _statement):
            return self.is_encrypted

    url = db.engine.url.set(drivername="postgresql+psycopg", host="db.example.org")
    check = settings_checks.PlainDatabase()
    assert check.problem(safe, Elsewhere(url, False)).severity == WARNING
    assert check.problem(safe, Elsewhere(url, True)) is None
    assert check.problem(safe, Elsewhere(url.set(host="127.0.0.1"), False)) is None


def test_clocks_that_differ_are_found(safe, monkeypatch):
    monkeypatch.setattr(settings_checks, "now", lambda: now() + timedelta(minutes=5))
    is_server = db.engine.dialect.name == "postgresql"
    assert found(safe).get("Clocks") == (WARNING if is_server else None)


def test_a_database_that_knows_no_capitals_but_english_ones_is_found(safe, monkeypatch):
    assert "PlainCapitals" not in found(safe)
    # SQLite's own is the program's; a server made with the locale C knows A to Z.
    is_server = db.engine.dialect.name == "postgresql"
    small = func.lower(literal("Ñ").collate("C")) if is_server else literal("Ñ")
    monkeypatch.setattr(settings_checks, "LOWERCASED", small)
    assert found(safe).get("PlainCapitals") == WARNING


def test_administrators_are_counted_and_asked_for_a_second_factor(safe):
    db.session.execute(
        update(StaffUser).where(StaffUser.username == "elena").values(totp_secret=None)
    )
    assert found(safe).get("AdministratorsWithoutFactor") == WARNING
    db.session.execute(update(StaffUser).where(StaffUser.username == "elena").values(active=False))
    assert found(safe) | {"DevelopmentMail": ADVICE} == {
        "Administrators": ADVICE, "DevelopmentMail": ADVICE,
    }  # fmt: skip
    yesterday = {"active": True, "employed_until": now().date() - timedelta(days=2)}
    db.session.execute(update(StaffUser).values(**yesterday))
    assert found(safe).get("Administrators") == DANGER, "who has left helps nobody"
    db.session.execute(update(StaffUser).values(active=False, employed_until=None))
    assert found(safe).get("Administrators") == DANGER


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
def test_accounts_that_need_a_look_are_found(safe, values, check, severity):
    alicia = update(StaffUser).where(StaffUser.username == "alicia")
    db.session.execute(alicia.values(**values))
    assert found(safe).get(check) == severity
    if check != "DefaultAddress":
        db.session.execute(alicia.values(active=False))
        assert check not in found(safe), "who cannot sign in needs no look"


def test_a_hash_of_today_is_no_finding(safe):
    method = safe.config["FAB_PASSWORD_HASH_METHOD"]
    db.session.execute(update(StaffUser).values(password=f"{method}$salt$hash"))
    assert "OldHashes" not in found(safe)


def test_a_custom_role_that_makes_users_is_found(safe):
    role = Role(name="Secretaries")
    right = people_checks.SECURITY_RIGHTS[0]
    role.permissions = [safe.appbuilder.sm.find_permission_view_menu(*right)]
    db.session.add(role)
    db.session.commit()
    assert found(safe).get("SecurityEditors") == ADVICE


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
def test_keys_that_outlived_their_use_are_found(safe, made, person, severity):
    db.session.execute(update(StaffUser).where(StaffUser.username == "diego").values(active=False))
    has_left = {"employed_until": now().date() - timedelta(days=2)}
    db.session.execute(update(StaffUser).where(StaffUser.username == "clara").values(**has_left))
    key = {"uuid": "x", "name": "Key", "key_hash": "x", "key_prefix": "x", "created_on": made}
    db.session.execute(insert(ApiKey), [key | {"user_id": person.user.id, "active": True}])
    assert found(safe).get("OldKeys") == severity


def test_roles_that_do_not_say_what_the_code_says_are_found(safe):
    link = assoc_permissionview_role
    role_id = db.session.query(Role.id).filter(Role.name == "Contacts: read").scalar()
    db.session.execute(delete(link).where(link.c.role_id == role_id))
    assert found(safe).get("Unsynchronised") == WARNING


def test_a_database_behind_the_program_is_all_that_is_told(safe):
    db.session.execute(text("UPDATE alembic_version SET version_num = '0000'"))
    db.session.execute(text("DROP TABLE log_seal"))
    assert found(safe) == {"OldTables": DANGER}


def test_a_log_that_is_not_sealed_is_found_after_an_hour(safe):
    a_contact()
    assert "UnsealedLog" not in found(safe)
    row = {"at": now() - timedelta(hours=2), "actor_name": "", "channel": "web", "event": "x"}
    row |= {"subject_type": "contact", "subject_id": 1, "subject_name": ""}
    Sealer().run(db.session())
    db.session.execute(insert(LogEntry), [row])
    assert found(safe).get("UnsealedLog") == WARNING


@pytest.mark.parametrize(
    "falsify",
    ["UPDATE log_entry SET actor_name = 'x'", "DELETE FROM log_seal"],
    ids=["edited", "cut"],
)
def test_a_last_seal_that_does_not_hold_is_found(safe, falsify):
    for statement in (*UNLOCK[db.engine.dialect.name], falsify):
        db.session.execute(text(statement))
    assert found(safe).get("BrokenSeal") == DANGER


def test_a_check_that_fails_is_told_and_the_others_are_made(safe, monkeypatch):
    def fail(self, app, session):
        session.execute(text("SELECT no_such_column"))

    monkeypatch.setattr(settings_checks.AnyHost, "problem", fail)
    monkeypatch.setitem(safe.config, "SECRET_KEY", "short")
    assert found(safe).items() >= {("AnyHost", WARNING), ("WeakKey", DANGER)}


def test_the_worst_comes_first_and_every_finding_says_what_to_do(safe, monkeypatch):
    monkeypatch.setitem(safe.config, "SECRET_KEY", "short")
    alicia = update(StaffUser).where(StaffUser.username == "alicia")
    db.session.execute(alicia.values(totp_secret=None, email="admin@example.org"))
    for language in ("en", "es"):
        with force_locale(language):
            told = run_checks(safe, db.session())
            assert all(str(f.sentence) and str(f.advice) for f in told)
    order = [list(checks.SEVERITIES).index(f.severity) for f in told]
    assert order == sorted(order)
    assert len(told) >= 3


def test_the_command_ends_badly_only_when_there_is_a_danger(safe, monkeypatch):
    run = safe.test_cli_runner()
    assert run.invoke(args=["doctor"]).exit_code == 0
    monkeypatch.setitem(safe.config, "SECRET_KEY", "short")
    result = run.invoke(args=["doctor"])
    assert result.exit_code == 1
    assert result.output.startswith("danger   The secret key is easy to guess")
    told = json.loads(run.invoke(args=["doctor", "--json"]).output)
    assert (told["ok"], told[DANGER]) == (False, 1)
    assert told["findings"][0]["check"] == "WeakKey"


def test_every_room_has_its_checks():
    assert len(Check.all()) >= 20
