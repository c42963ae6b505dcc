"""Security checks of the settings, the data folder and the database connection."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path

from flask import Flask, has_request_context, request
from flask_babel import lazy_gettext as _l
from sqlalchemy import func, literal, select, text
from sqlalchemy.orm import Session

from app.checks import ADVICE, DANGER, WARNING, Check, CheckMessage
from app.types import now

LOOPBACK = ("127.0.0.1", "localhost", "::1", "[::1]", "")
OTHERS_READ = 0o044
OTHERS_PASS = 0o011
# Least entropy of the secret key, in bits.
MIN_KEY_BITS = 128
MAX_CLOCK_SKEW_SECONDS = 60


class PlainHttp(Check):
    """Warn if the program is served without HTTPS."""

    def problem(self, app: Flask, session: Session) -> CheckMessage | None:
        config = app.config
        if config["PUBLIC_URL"].startswith("https://"):
            return None
        if config["HOST"] in LOOPBACK and not config["PROXIES"]:
            return None
        return CheckMessage(
            DANGER,
            _l(
                "The program can be reached without https: passwords and cookies are sent unencrypted."
            ),
            _l(
                "Put a reverse proxy with a certificate in front, set PADRON_PUBLIC_URL to its https:// address and PADRON_PROXIES to 1."
            ),
        )


class ReadableKey(Check):
    """Warn if other users of the machine can read the secret key."""

    def problem(self, app: Flask, session: Session) -> CheckMessage | None:
        path = Path(app.config["DATA_DIR"], "secret_key")
        if not _is_readable_by_others(path):
            return None
        return CheckMessage(
            DANGER,
            _l(
                "Other users of this machine can read the secret key, which lets them sign in as anyone."
            ),
            _l(
                "Run: chmod 600 %(path)s – then delete the file and restart to get a new key.",
                path=path,
            ),
        )


class WeakKey(Check):
    """Warn if the secret key can be guessed."""

    def problem(self, app: Flask, session: Session) -> CheckMessage | None:
        key = str(app.config["SECRET_KEY"])
        if len(key) >= 32 and _entropy_bits(key) >= MIN_KEY_BITS:
            return None
        return CheckMessage(
            DANGER,
            _l("The secret key is easy to guess. Anyone who guesses it can sign in as any user."),
            _l(
                "Remove PADRON_SECRET_KEY to have a secure key generated, or set it to 64 random characters."
            ),
        )


class ReadableData(Check):
    """Warn if other users of the machine can read the database or the data folder."""

    def problem(self, app: Flask, session: Session) -> CheckMessage | None:
        folder = Path(app.config["DATA_DIR"])
        url = session.get_bind().engine.url
        file = Path(url.database or "") if url.get_backend_name() == "sqlite" else None
        if file is not None and _is_readable_by_others(file):
            return CheckMessage(
                DANGER,
                _l("Other users of this machine can read the database."),
                _l("Run: chmod 700 %(path)s", path=file.parent),
            )
        if folder.is_dir() and folder.stat().st_mode & 0o005:
            return CheckMessage(
                WARNING,
                _l("Other users of this machine can read the data folder."),
                _l("Run: chmod 700 %(path)s", path=folder),
            )
        return None


class Debugging(Check):
    """Warn if the program runs in debug or test mode."""

    def problem(self, app: Flask, session: Session) -> CheckMessage | None:
        if not (app.debug or app.testing):
            return None
        return CheckMessage(
            DANGER,
            _l(
                "The program runs in debug or test mode, which shows internal details to visitors."
            ),
            _l("Start it with “flask --app run serve”, without --debug or FLASK_DEBUG."),
        )


class AnyHost(Check):
    """Warn if requests with any Host header are answered."""

    def problem(self, app: Flask, session: Session) -> CheckMessage | None:
        hosts = app.config.get("TRUSTED_HOSTS")
        if hosts and not any("*" in host or host == "." for host in hosts):
            return None
        return CheckMessage(
            DANGER,
            _l("The program responds to any host name."),
            _l(
                "Set PADRON_TRUSTED_HOSTS to the real host names, separated by commas, or remove it."
            ),
        )


class Proxies(Check):
    """Compare the number of proxies in the settings with the current request, if there is one."""

    def problem(self, app: Flask, session: Session) -> CheckMessage | None:
        if not has_request_context():
            return None
        is_forwarded = "X-Forwarded-For" in request.headers
        if app.config["PROXIES"] and not is_forwarded:
            return CheckMessage(
                ADVICE,
                _l(
                    "PADRON_PROXIES is set, but this request has no X-Forwarded-For header from a proxy."
                ),
                _l(
                    "Make the proxy send X-Forwarded-For and X-Forwarded-Proto, or set PADRON_PROXIES to 0."
                ),
            )
        if is_forwarded and not app.config["PROXIES"]:
            return CheckMessage(
                WARNING,
                _l(
                    "Requests come through a proxy that isn’t set up: all users appear to have the proxy’s IP address."
                ),
                _l("Set PADRON_PROXIES to the number of proxies in front."),
            )
        return None


class PlainDatabase(Check):
    """Warn if the connection to a remote database is not encrypted."""

    def problem(self, app: Flask, session: Session) -> CheckMessage | None:
        url = session.get_bind().engine.url
        host = url.host or str(url.query.get("host", ""))
        if url.get_backend_name() != "postgresql" or host in LOOPBACK or host.startswith("/"):
            return None
        if session.scalar(text("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")):
            return None
        return CheckMessage(
            WARNING,
            _l("The connection to the database at %(host)s is not encrypted.", host=host),
            _l(
                "Add ?sslmode=require to PADRON_DATABASE_URL, or better, verify-full with the certificate."
            ),
        )


# Ñ in lower case, as the database computes it.
LOWERCASED = func.lower(literal("Ñ"))


class PlainCapitals(Check):
    """Warn if the database lowercases ASCII letters only."""

    def problem(self, app: Flask, session: Session) -> CheckMessage | None:
        if session.scalar(select(LOWERCASED)) == "ñ":
            return None
        return CheckMessage(
            WARNING,
            _l(
                "The database doesn’t treat Ñ as the capital of ñ, so two usernames could differ only by the case of that letter."
            ),
            _l("Move to a database with a suitable locale, such as C.UTF-8."),
        )


class Clocks(Check):
    """Warn if the clocks of this machine and of the database differ: lifetimes depend on them."""

    def problem(self, app: Flask, session: Session) -> CheckMessage | None:
        if session.get_bind().dialect.name != "postgresql":
            return None
        theirs = session.scalar(select(text("extract(epoch FROM clock_timestamp())")))
        skew = abs(float(theirs) - now().timestamp())
        if skew <= MAX_CLOCK_SKEW_SECONDS:
            return None
        return CheckMessage(
            WARNING,
            _l(
                "The clocks of this machine and the database differ by %(number)s seconds.",
                number=round(skew),
            ),
            _l("Synchronise the clocks of both machines over the network (NTP)."),
        )


def _is_readable_by_others(path: Path) -> bool:
    """Return True if other users may read a file and enter its folder."""
    try:
        return bool(path.stat().st_mode & OTHERS_READ and path.parent.stat().st_mode & OTHERS_PASS)
    except OSError:
        return False


def _entropy_bits(key: str) -> float:
    """Return the Shannon entropy of a text, in bits."""
    counts = Counter(key).values()
    return -sum(count * math.log2(count / len(key)) for count in counts)
