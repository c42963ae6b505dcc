"""Settings: what cannot work is refused at start, in a sentence that says what to write."""

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
        ("PADRON_LANGUAGE", "fr", "write en or es"),
        ("PADRON_TIMEZONE", "Mars/Olympus", "write a zone such as Europe/Madrid"),
        ("PADRON_TIMEZONE", "../etc/passwd", "write a zone such as Europe/Madrid"),
        ("PADRON_COUNTRY", "Spain", "write two letters"),
        ("PADRON_PUBLIC_URL", "padron.example.org", "write the address people type"),
        ("PADRON_DATABASE_URL", "mysql://localhost/x", "must begin with postgresql://"),
        ("PADRON_DATABASE_URL", "postgresql://", "must begin with postgresql://"),
        ("PADRON_SECRET_KEY", "short", "at least 32 characters"),
        ("PADRON_PORTT", "80", "Did you mean PADRON_PORT?"),
        ("PADRON_QWXZY_JKL", "blue", "README.md lists them all"),
    ],
)
def test_a_wrong_setting_is_refused_with_its_sentence(with_settings, name, value, sentence):
    with pytest.raises(SettingsError, match=name) as refused:
        with_settings(**{name: value})
    assert sentence in str(refused.value)


def test_a_folder_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match="cannot be made"):
        settings({"PADRON_DATA_DIR": str(tmp_path / "file" / "below")})


def test_everything_is_kept_in_the_data_folder(with_settings, tmp_path):
    config = with_settings()
    assert config["SQLALCHEMY_DATABASE_URI"] == f"sqlite:///{tmp_path / 'data' / 'padron.sqlite3'}"


def test_the_secret_key_is_made_once_for_our_eyes_only(with_settings, tmp_path):
    first, second = with_settings()["SECRET_KEY"], with_settings()["SECRET_KEY"]
    assert first == second
    assert len(first) >= 32
    assert stat.S_IMODE((tmp_path / "data" / "secret_key").stat().st_mode) == 0o600


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_an_address_of_postgresql_may_be_written_in_each_usual_way(with_settings, scheme):
    config = with_settings(PADRON_DATABASE_URL=f"{scheme}://me@db/padron")
    assert config["SQLALCHEMY_DATABASE_URI"] == "postgresql+psycopg://me@db/padron"


def test_cookies_are_for_https_alone_when_the_address_is(with_settings):
    assert not with_settings()["SESSION_COOKIE_SECURE"]
    config = with_settings(PADRON_PUBLIC_URL="https://padron.example.org/")
    assert config["SESSION_COOKIE_SECURE"]
    assert "padron.example.org" in config["TRUSTED_HOSTS"]


def test_an_empty_setting_is_no_setting(with_settings):
    assert with_settings(PADRON_PORT="  ")["PORT"] == 8080


def test_what_is_not_ours_is_left_alone(with_settings):
    assert with_settings(PORT="eighty")["PORT"] == 8080
