"""Reading the settings; invalid ones are refused at start with a reason."""

from __future__ import annotations

import stat

import pytest

from config import SettingsError, settings


@pytest.fixture
def with_settings(tmp_path):
    def read(**given):
        return settings({"PADRON_DATA_DIR": str(tmp_path / "data")} | given)

    return read


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("PADRON_PORT", "eighty", "write a whole number from 1 to 65535"),
        ("PADRON_PORT", "0", "write a whole number"),
        ("PADRON_PORT", "70000", "write a whole number"),
        ("PADRON_THREADS", "-1", "write a whole number"),
        ("PADRON_MAX_UPLOAD_MB", "9999", "write a whole number"),
        ("PADRON_IDLE_MINUTES", "1", "write a whole number from 5 to 1440"),
        ("PADRON_SESSION_HOURS", "0", "write a whole number from 1 to 168"),
        ("PADRON_LANGUAGE", "fr", "write en or es"),
        ("PADRON_TRASH_DAYS", "soon", "write a whole number from 0 to 36500"),
        ("PADRON_TRASH_DAYS", "-1", "write a whole number from 0 to 36500"),
        ("PADRON_TIMEZONE", "Mars/Olympus", "write a zone such as Europe/Madrid"),
        ("PADRON_TIMEZONE", "../etc/passwd", "write a zone such as Europe/Madrid"),
        ("PADRON_COUNTRY", "Spain", "write two letters"),
        ("PADRON_PUBLIC_URL", "padron.example.org", "write the address people type"),
        ("PADRON_DATABASE_URL", "mysql://localhost/x", "must begin with postgresql://"),
        ("PADRON_DATABASE_URL", "postgresql://", "must begin with postgresql://"),
        ("PADRON_SECRET_KEY", "short", "at least 32 characters"),
        ("PADRON_WORKERS", "-1", "write a whole number from 0 to 64"),
        ("PADRON_PORTT", "80", "Did you mean PADRON_PORT?"),
        ("PADRON_QWXZY_JKL", "blue", "README.md lists them all"),
    ],
)
def test_an_invalid_setting_is_refused_with_a_reason(with_settings, name, value, sentence):
    with pytest.raises(SettingsError, match=name) as refused:
        with_settings(**{name: value})
    assert sentence in str(refused.value)


@pytest.mark.parametrize(
    "url",
    [
        "cache.example.org:6379", "http://cache.example.org", "redis://", "redis://:secret@",
        "redis://:secret@cache:99999", "redis://:secret@cache:port", "redis://cache/first",
        "redis://:secret@[::1", "redis://cache/0#secret", "redis://:sec\x00ret@cache",
        "unix://secret", "unix://secret/run/redis.sock",
    ],
)  # fmt: skip
def test_an_invalid_redis_url_is_refused_without_showing_its_password(with_settings, url):
    with pytest.raises(SettingsError, match="PADRON_REDIS_URL cannot be used") as refused:
        with_settings(PADRON_REDIS_URL=url)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    "url",
    [
        "redis://127.0.0.1", "redis://127.0.0.1:6379/3", "redis://[::1]:6379/0",
        "rediss://padron:p%40ss@cache.example.org:6380/0", "unix:///run/redis.sock?db=1",
    ],
)  # fmt: skip
def test_all_forms_of_a_redis_url_are_accepted(with_settings, url):
    assert with_settings(PADRON_REDIS_URL=url)["REDIS_URL"] == url


def test_without_redis_the_web_process_runs_two_jobs_at_a_time(with_settings):
    assert with_settings()["REDIS_URL"] is None
    assert with_settings()["WORKERS"] == 2
    assert with_settings(PADRON_WORKERS="0")["WORKERS"] == 0


SENDER = "Padrón <padron@example.org>"


@pytest.mark.parametrize(
    "url",
    [
        "mail.example.org", "http://mail.example.org", "smtp://", "smtp://user@mail.example.org",
        "smtp://:secret@mail.example.org", "smtp://mail.example.org:99999", "smtp://mail:0",
        "smtp://mail.example.org:port", "smtp://mail.example.org/folder", "smtp://[::1",
        "smtp://mail.example.org?tls=maybe", "smtps://mail.example.org?tls=no",
        "smtp://me:a%0D%0Ab@mail.example.org", "smtp://me:a%00b@mail.example.org",
    ],
)  # fmt: skip
def test_an_invalid_mail_url_is_refused_without_showing_its_password(with_settings, url):
    with pytest.raises(SettingsError, match="PADRON_MAIL_URL cannot be used") as refused:
        with_settings(PADRON_MAIL_URL=url, PADRON_MAIL_FROM=SENDER)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    "sender", ["", "padron", "Padrón <padron>", "a@b@c", "Padrón\r\nBcc: x <a@example.org>"]
)
def test_a_mail_server_needs_a_sender_address(with_settings, sender):
    with pytest.raises(SettingsError, match="PADRON_MAIL_FROM"):
        with_settings(PADRON_MAIL_URL="smtp://mail.example.org", PADRON_MAIL_FROM=sender)


@pytest.mark.parametrize(
    ("url", "server", "port", "tls", "ssl", "user", "password"),
    [
        ("smtp://mail.example.org", "mail.example.org", 587, True, False, None, None),
        ("smtp://localhost:25", "localhost", 25, False, False, None, None),
        ("smtp://mail.example.org:25?tls=no", "mail.example.org", 25, False, False, None, None),
        ("smtps://mail.example.org", "mail.example.org", 465, False, True, None, None),
        ("smtp://me%40x.org:p%40ss%3A%2F@mail.example.org", "mail.example.org", 587, True, False,
         "me@x.org", "p@ss:/"),
    ],
)  # fmt: skip
def test_a_mail_url_is_parsed(with_settings, url, server, port, tls, ssl, user, password):
    config = with_settings(PADRON_MAIL_URL=url, PADRON_MAIL_FROM=SENDER)
    names = ("SERVER", "PORT", "USE_TLS", "USE_SSL", "USERNAME", "PASSWORD")
    read = tuple(config[f"MAIL_{name}"] for name in names)
    assert read == (server, port, tls, ssl, user, password)
    assert config["MAIL_DEFAULT_SENDER"] == ("Padrón", "padron@example.org")


def test_without_a_mail_url_there_is_no_mail_server(with_settings):
    assert with_settings()["MAIL_SERVER"] is None


def test_a_data_folder_that_cannot_be_created_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match="cannot be made"):
        settings({"PADRON_DATA_DIR": str(tmp_path / "file" / "below")})


def test_the_sqlite_database_is_in_the_data_folder(with_settings, tmp_path):
    config = with_settings()
    assert config["SQLALCHEMY_DATABASE_URI"] == f"sqlite:///{tmp_path / 'data' / 'padron.sqlite3'}"


def test_the_secret_key_is_generated_once_in_a_private_file(with_settings, tmp_path):
    first, second = with_settings()["SECRET_KEY"], with_settings()["SECRET_KEY"]
    assert first == second
    assert len(first) >= 32
    assert stat.S_IMODE((tmp_path / "data" / "secret_key").stat().st_mode) == 0o600


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_all_forms_of_a_postgresql_url_are_accepted(with_settings, scheme):
    config = with_settings(PADRON_DATABASE_URL=f"{scheme}://me@db/padron")
    assert config["SQLALCHEMY_DATABASE_URI"] == "postgresql+psycopg://me@db/padron"


def test_cookies_are_secure_if_the_public_url_is_https(with_settings):
    assert not with_settings()["SESSION_COOKIE_SECURE"]
    config = with_settings(PADRON_PUBLIC_URL="https://padron.example.org/")
    assert config["SESSION_COOKIE_SECURE"]
    assert "padron.example.org" in config["TRUSTED_HOSTS"]


def test_the_session_lifetime_can_be_set(with_settings):
    config = with_settings(PADRON_IDLE_MINUTES="10", PADRON_SESSION_HOURS="8")
    assert (config["IDLE_MINUTES"], config["SESSION_HOURS"]) == (10, 8)
    assert config["PERMANENT_SESSION_LIFETIME"].total_seconds() == 8 * 3600
    assert not config["SESSION_REFRESH_EACH_REQUEST"]


def test_an_empty_setting_is_treated_as_unset(with_settings):
    assert with_settings(PADRON_PORT="  ")["PORT"] == 8080


def test_other_environment_variables_are_ignored(with_settings):
    assert with_settings(PORT="eighty")["PORT"] == 8080
