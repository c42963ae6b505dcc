"""Read the settings from environment variables; no other module reads them.

Every setting is a ``PADRON_…`` variable, described in README.md. An invalid value raises
SettingsError at start, with a message that says what to write instead.
"""

from __future__ import annotations

import difflib
import os
import secrets
from collections.abc import Mapping
from datetime import timedelta
from email.utils import parseaddr
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from email_validator import EmailNotValidError, validate_email

ROOT = Path(__file__).resolve().parent
VERSION = "0.1.0"

KNOWN_VARIABLES = {
    "PADRON_ADMIN_PASSWORD",
    "PADRON_BACKGROUND_ABOVE",
    "PADRON_COUNTRY",
    "PADRON_DATABASE_URL",
    "PADRON_DATA_DIR",
    "PADRON_HOST",
    "PADRON_IDLE_MINUTES",
    "PADRON_LANGUAGE",
    "PADRON_MAIL_FROM",
    "PADRON_MAIL_URL",
    "PADRON_MAX_UPLOAD_MB",
    "PADRON_ORGANISATION",
    "PADRON_PORT",
    "PADRON_PROCESSES",
    "PADRON_PROXIES",
    "PADRON_PUBLIC_URL",
    "PADRON_REDIS_URL",
    "PADRON_SECRET_KEY",
    "PADRON_SESSION_HOURS",
    "PADRON_THREADS",
    "PADRON_TIMEZONE",
    "PADRON_TRASH_DAYS",
    "PADRON_TRUSTED_HOSTS",
    "PADRON_WORKERS",
    # Read by the tests and the benchmark, never by the program.
    "PADRON_TEST_FULL",
    "PADRON_TEST_POSTGRES_URL",
}


class SettingsError(SystemExit):
    """A setting is invalid; the message says which, and what to write instead."""


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
    port = _integer(env, "PADRON_PORT", 8080, 1, 65535)
    public_url = _public_url(env.get("PADRON_PUBLIC_URL", f"http://127.0.0.1:{port}"))
    https = public_url.startswith("https://")
    database = _database_url(env.get("PADRON_DATABASE_URL"), data_dir)
    language = env.get("PADRON_LANGUAGE", "en")
    if language not in ("en", "es"):
        raise SettingsError(f"PADRON_LANGUAGE is “{language}”; write en or es.")
    processes = _integer(env, "PADRON_PROCESSES", 1, 1, 64)
    hours = _integer(env, "PADRON_SESSION_HOURS", 12, 1, 168)
    return {
        "VERSION": VERSION,
        "DATA_DIR": _create_folder(data_dir),
        "SECRET_KEY": _secret_key(env.get("PADRON_SECRET_KEY"), data_dir),
        "ADMIN_PASSWORD": env.get("PADRON_ADMIN_PASSWORD"),
        "HOST": host,
        "PORT": port,
        # Threads of a process share one core (GIL): with several processes fewer threads are faster.
        "THREADS": _integer(env, "PADRON_THREADS", 8 if processes == 1 else 4, 1, 256),
        "PROCESSES": processes,
        # A collective action on more rows than this is done in the background.
        "BACKGROUND_ABOVE": _integer(env, "PADRON_BACKGROUND_ABOVE", 200, 0, 5_000),
        # Rows are deleted for good after so many days in the trash; 0: only by hand.
        "TRASH_DAYS": _integer(env, "PADRON_TRASH_DAYS", 0, 0, 36_500),
        "PROXIES": _integer(env, "PADRON_PROXIES", 0, 0, 10),
        "PUBLIC_URL": public_url,
        "TRUSTED_HOSTS": _trusted_hosts(env.get("PADRON_TRUSTED_HOSTS"), public_url, host),
        "TIMEZONE": _timezone(env.get("PADRON_TIMEZONE", "Europe/Madrid")),
        "COUNTRY": _country(env.get("PADRON_COUNTRY", "ES")),
        "ORGANISATION": env.get("PADRON_ORGANISATION", "Padrón"),
        "MAX_CONTENT_LENGTH": _integer(env, "PADRON_MAX_UPLOAD_MB", 25, 1, 2048) * 1024 * 1024,
        "MAX_FORM_MEMORY_SIZE": 2 * 1024 * 1024,
        **_mail_settings(
            env.get("PADRON_MAIL_URL"),
            env.get("PADRON_MAIL_FROM"),
            env.get("PADRON_ORGANISATION", "Padrón"),
        ),
        # Jobs: the Redis server of the queue, and the worker threads of each web process
        "REDIS_URL": _redis_url(env.get("PADRON_REDIS_URL")),
        "WORKERS": _integer(env, "PADRON_WORKERS", 2, 0, 64),
        "JOB_QUEUE_ENABLED": True,
        # Flask, its session and its cookies
        # With the prefix __Host- browsers accept the cookie only over HTTPS, for this host and path /.
        "SESSION_COOKIE_NAME": "__Host-padron" if https else "padron",
        "SESSION_COOKIE_PATH": "/",
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "SESSION_COOKIE_SECURE": https,
        "PERMANENT_SESSION_LIFETIME": timedelta(hours=hours),
        "SESSION_REFRESH_EACH_REQUEST": False,
        "SESSION_HOURS": hours,
        "IDLE_MINUTES": _integer(env, "PADRON_IDLE_MINUTES", 30, 5, 1440),
        "WTF_CSRF_TIME_LIMIT": None,
        # app/security/origins.py checks more strictly, also requests without a referrer.
        "WTF_CSRF_SSL_STRICT": False,
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
        # OWASP's minimum for scrypt, in the variant that takes 32 MiB per hash instead of 128, so
        # that several concurrent logins fit into the memory of a small server.
        "FAB_PASSWORD_HASH_METHOD": "scrypt:32768:8:3",
        "RATELIMIT_ENABLED": False,
    }


def _refuse_unknown(env: Mapping[str, str]) -> None:
    for name in sorted(set(env) - KNOWN_VARIABLES):
        # Compare without the common prefix, which would make all names similar.
        known = [known.removeprefix("PADRON_") for known in sorted(KNOWN_VARIABLES)]
        suggestions = difflib.get_close_matches(name.removeprefix("PADRON_"), known, 1)
        hint = (
            f" Did you mean PADRON_{suggestions[0]}?"
            if suggestions
            else " README.md lists them all."
        )
        raise SettingsError(f"{name} is not a setting of Padrón.{hint}")


def _integer(env: Mapping[str, str], name: str, default: int, low: int, high: int) -> int:
    text = env.get(name, str(default))
    if not text.isascii() or not text.isdigit() or not low <= int(text) <= high:
        raise SettingsError(f"{name} is “{text}”; write a whole number from {low} to {high}.")
    return int(text)


def _create_folder(path: Path) -> str:
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(
            f"PADRON_DATA_DIR: the folder {path} cannot be made ({error.strerror})."
        ) from None
    return str(path)


def _secret_key(given: str | None, data_dir: Path) -> str:
    """Return the key that signs sessions; generate it on the first start, in a private file."""
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


def _database_url(url: str | None, data_dir: Path) -> str:
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
        return {"hide_parameters": True, "connect_args": {"timeout": 30}}
    return {
        # Errors must not quote what somebody typed.
        "hide_parameters": True,
        "pool_size": 10,
        "max_overflow": 20,
        "connect_args": {
            # Each statement is planned for its values, since none is prepared by itself: a plan
            # for any values made a rare search flip between 23 and 960 ms.
            "prepare_threshold": None,
            "options": " ".join(f"-c {setting}" for setting in _POSTGRES),
            # A server that has vanished is noticed after a minute, not after hours.
            "connect_timeout": 10,
            "keepalives_idle": 30,
            "keepalives_interval": 10,
            "keepalives_count": 3,
        },
    }


_POSTGRES = (
    "timezone=UTC",
    # Of prepared statements, which find rows by keys (``database.KEEPS_PLAN``), plans are kept.
    "plan_cache_mode=auto",
    # Pages run many short queries: JIT and parallel workers cost more than they save. Random
    # reads are cheap, because indexes are cached or on an SSD.
    "jit=off",
    "max_parallel_workers_per_gather=0",
    "random_page_cost=1.1",
    "work_mem=16MB",
)


def _public_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise SettingsError(
            f"PADRON_PUBLIC_URL is “{url}”; write the address people type, such as "
            "https://padron.example.org."
        )
    return url.rstrip("/")


def _mail_settings(url: str | None, sender: str | None, organisation: str) -> dict[str, Any]:
    """Return Flask-Mail's settings; without a URL there is no server and mails stay in the outbox."""
    if url is None:
        address = _sender(sender) if sender else (organisation, "padron@example.org")
        return {"MAIL_SERVER": None, "MAIL_DEFAULT_SENDER": address}
    if sender is None:
        raise SettingsError(
            "PADRON_MAIL_FROM is missing; write whom mails come from, such as "
            "Padrón <padron@example.org>."
        )
    # The value is not shown: it contains a password.
    invalid = SettingsError(
        "PADRON_MAIL_URL cannot be used; write smtp://user:password@host:587 or "
        "smtps://user:password@host:465, special characters as %40, or leave user and password out."
    )
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise invalid from None
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    has_unprintable = any(not c.isprintable() for c in f"{host}{user}{password}")
    has_extra_parts = parts.path.strip("/") or parts.fragment or parts.query not in ("", "tls=no")
    if (
        parts.scheme not in ("smtp", "smtps")
        or not host
        or has_unprintable
        or has_extra_parts
        or port == 0
    ):
        raise invalid
    if bool(user) != bool(password) or (parts.scheme == "smtps" and parts.query):
        raise invalid
    is_tls = parts.scheme == "smtps"
    return {
        "MAIL_SERVER": host,
        "MAIL_PORT": port or (465 if is_tls else 587),
        "MAIL_USE_SSL": is_tls,
        # No TLS on the loopback interface.
        "MAIL_USE_TLS": not (is_tls or parts.query or host in ("localhost", "127.0.0.1", "::1")),
        "MAIL_USERNAME": user or None,
        "MAIL_PASSWORD": password or None,
        "MAIL_DEFAULT_SENDER": _sender(sender),
    }


def _sender(text: str) -> tuple[str, str]:
    """Return the name and the address of the sender."""
    name, address = parseaddr(text)
    try:
        validated = validate_email(address, check_deliverability=False, globally_deliverable=False)
    except EmailNotValidError:
        validated = None
    if validated is None or not validated.ascii_email or any(not c.isprintable() for c in text):
        raise SettingsError(
            f"PADRON_MAIL_FROM is “{text}”; write an address, or a name and an address, such as "
            "Padrón <padron@example.org>."
        )
    return name, validated.ascii_email


def _redis_url(url: str | None) -> str | None:
    """Validate the URL of the Redis server without connecting to it."""
    if url is None:
        return None
    # The value is not shown: it may contain a password.
    invalid = SettingsError(
        "PADRON_REDIS_URL cannot be used; write redis://user:password@host:6379/0, rediss://… with "
        "TLS or unix:///path/to/redis.sock?db=0, special characters as %40."
    )
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname, parts.port
    except ValueError:
        raise invalid from None
    if parts.scheme == "unix":
        is_valid = parts.path.startswith("/") and not host
    else:
        number = parts.path.strip("/")
        is_number = number.isascii() and number.isdigit()
        is_valid = parts.scheme in ("redis", "rediss") and bool(host) and (is_number or not number)
    if not is_valid or parts.fragment or any(not c.isprintable() for c in url):
        raise invalid
    return url


def _trusted_hosts(given: str | None, public_url: str, host: str) -> list[str]:
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
