"""Read Padrón's settings from the environment; nothing else in the program reads it.

Every setting is a ``PADRON_…`` variable, described in README.md. A value that cannot work
is refused here, at start, with a sentence that says what to write instead.
"""

from __future__ import annotations

import difflib
import os
import secrets
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

ROOT = Path(__file__).resolve().parent
VERSION = "0.1.0"

KNOWN = {
    "PADRON_ADMIN_PASSWORD",
    "PADRON_COUNTRY",
    "PADRON_DATABASE_URL",
    "PADRON_DATA_DIR",
    "PADRON_HOST",
    "PADRON_LANGUAGE",
    "PADRON_MAX_UPLOAD_MB",
    "PADRON_ORGANISATION",
    "PADRON_PORT",
    "PADRON_PROCESSES",
    "PADRON_PROXIES",
    "PADRON_PUBLIC_URL",
    "PADRON_SECRET_KEY",
    "PADRON_THREADS",
    "PADRON_TIMEZONE",
    "PADRON_TRUSTED_HOSTS",
    # Read by the tests and the benchmark, never by the program.
    "PADRON_TEST_POSTGRES_URL",
}


class SettingsError(SystemExit):
    """A setting cannot work; the message says which, and what to write instead."""


def settings(environ: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return the configuration of the application, from ``environ`` (default: the process's)."""
    env = {
        name: value.strip()
        for name, value in (os.environ if environ is None else environ).items()
        if name.startswith("PADRON_") and value.strip()
    }
    _refuse_unknown(env)
    data_dir = Path(env.get("PADRON_DATA_DIR", str(ROOT / "instance"))).expanduser().resolve()
    host = env.get("PADRON_HOST", "127.0.0.1")
    port = _whole(env, "PADRON_PORT", 8080, 1, 65535)
    public_url = _url(env.get("PADRON_PUBLIC_URL", f"http://127.0.0.1:{port}"))
    https = public_url.startswith("https://")
    database = _database(env.get("PADRON_DATABASE_URL"), data_dir)
    language = env.get("PADRON_LANGUAGE", "en")
    if language not in ("en", "es"):
        raise SettingsError(f"PADRON_LANGUAGE is “{language}”; write en or es.")
    processes = _whole(env, "PADRON_PROCESSES", 1, 1, 64)
    return {
        "VERSION": VERSION,
        "DATA_DIR": _folder(data_dir),
        "SECRET_KEY": _secret(env.get("PADRON_SECRET_KEY"), data_dir),
        "ADMIN_PASSWORD": env.get("PADRON_ADMIN_PASSWORD"),
        "HOST": host,
        "PORT": port,
        # Threads of one process take turns: fewer of them answer more when there are more processes.
        "THREADS": _whole(env, "PADRON_THREADS", 8 if processes == 1 else 4, 1, 256),
        "PROCESSES": processes,
        "PROXIES": _whole(env, "PADRON_PROXIES", 0, 0, 10),
        "PUBLIC_URL": public_url,
        "TRUSTED_HOSTS": _hosts(env.get("PADRON_TRUSTED_HOSTS"), public_url, host),
        "TIMEZONE": _timezone(env.get("PADRON_TIMEZONE", "Europe/Madrid")),
        "COUNTRY": _country(env.get("PADRON_COUNTRY", "ES")),
        "ORGANISATION": env.get("PADRON_ORGANISATION", "Padrón"),
        "MAX_CONTENT_LENGTH": _whole(env, "PADRON_MAX_UPLOAD_MB", 25, 1, 2048) * 1024 * 1024,
        "MAX_FORM_MEMORY_SIZE": 2 * 1024 * 1024,
        # Flask, its session and its cookies
        "SESSION_COOKIE_NAME": "padron",
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "SESSION_COOKIE_SECURE": https,
        "PERMANENT_SESSION_LIFETIME": timedelta(hours=12),
        "WTF_CSRF_TIME_LIMIT": None,
        # The database
        "SQLALCHEMY_DATABASE_URI": database,
        "SQLALCHEMY_ENGINE_OPTIONS": _engine_options(database),
        # Languages
        "BABEL_DEFAULT_LOCALE": language,
        "BABEL_TRANSLATION_DIRECTORIES": str(ROOT / "translations"),
        "LANGUAGES": {"en": {"name": "English"}, "es": {"name": "Español"}},
        # Flask-AppBuilder
        "APP_NAME": "Padrón",
        "AUTH_TYPE": 1,
        "FAB_CREATE_DB": False,
        "FAB_UPDATE_PERMS": False,
        "FAB_ADD_SECURITY_API": False,
        "FAB_ADD_MENU_API": False,
        "FAB_API_SWAGGER_UI": False,
        "FAB_ADD_OPENAPI_VIEW": False,
        "FAB_ROLES": {},
        "FAB_SAFE_REDIRECT_HOSTS": [],
        "AUTH_USERNAME_CI": True,
        "RATELIMIT_ENABLED": False,
    }


def _refuse_unknown(env: Mapping[str, str]) -> None:
    for name in sorted(set(env) - KNOWN):
        near = difflib.get_close_matches(name, KNOWN, 1)
        hint = f" Did you mean {near[0]}?" if near else " README.md lists them all."
        raise SettingsError(f"{name} is not a setting of Padrón.{hint}")


def _whole(env: Mapping[str, str], name: str, default: int, low: int, high: int) -> int:
    text = env.get(name, str(default))
    if not text.isascii() or not text.isdigit() or not low <= int(text) <= high:
        raise SettingsError(f"{name} is “{text}”; write a whole number from {low} to {high}.")
    return int(text)


def _folder(path: Path) -> str:
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(
            f"PADRON_DATA_DIR: the folder {path} cannot be made ({error.strerror})."
        ) from None
    return str(path)


def _secret(given: str | None, data_dir: Path) -> str:
    """Return the key that signs sessions; make one on the first start, readable by us alone."""
    if given is not None:
        if len(given) < 32:
            raise SettingsError("PADRON_SECRET_KEY is too short; write at least 32 characters.")
        return given
    path = data_dir / "secret_key"
    try:
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        return path.read_text().strip()
    with os.fdopen(handle, "w") as file:
        file.write(secrets.token_hex(32))
    return path.read_text().strip()


def _database(url: str | None, data_dir: Path) -> str:
    if url is None:
        return f"sqlite:///{data_dir / 'padron.sqlite3'}"
    scheme, _, rest = url.partition("://")
    if scheme in ("postgres", "postgresql", "postgresql+psycopg") and rest:
        return f"postgresql+psycopg://{rest}"
    if scheme == "sqlite" and rest.startswith("/"):
        return url
    raise SettingsError(
        "PADRON_DATABASE_URL must begin with postgresql:// or sqlite:///; "
        "leave it out to keep everything in PADRON_DATA_DIR."
    )


def _engine_options(database: str) -> dict[str, Any]:
    if database.startswith("sqlite"):
        return {"connect_args": {"timeout": 30}}
    return {
        "pool_size": 10,
        "max_overflow": 20,
        "connect_args": {"options": " ".join(f"-c {setting}" for setting in _POSTGRES)},
    }


_POSTGRES = (
    "timezone=UTC",
    # A generic plan made a rare search flip between 23 and 960 ms.
    "plan_cache_mode=force_custom_plan",
    # Pages are many short queries: compiling one, or starting workers for it, costs more than
    # it saves, and the indexes they read are in memory or on an SSD.
    "jit=off",
    "max_parallel_workers_per_gather=0",
    "random_page_cost=1.1",
    "work_mem=16MB",
)


def _url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise SettingsError(
            f"PADRON_PUBLIC_URL is “{url}”; write the address people type, such as "
            "https://padron.example.org."
        )
    return url.rstrip("/")


def _hosts(given: str | None, public_url: str, host: str) -> list[str]:
    if given:
        return [name.strip() for name in given.split(",") if name.strip()]
    names = ["127.0.0.1", "localhost", "[::1]", urlsplit(public_url).hostname or ""]
    return list(dict.fromkeys([*names, *([] if host in ("0.0.0.0", "::") else [host])]))


def _timezone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise SettingsError(
            f"PADRON_TIMEZONE is “{name}”; write a zone such as Europe/Madrid or America/Lima."
        ) from None
    return name


def _country(code: str) -> str:
    if len(code) != 2 or not code.isascii() or not code.isalpha():
        raise SettingsError(f"PADRON_COUNTRY is “{code}”; write two letters, such as ES or US.")
    return code.upper()
