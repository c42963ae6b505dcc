"""The second factor: codes of a telephone, kept secrets, codes for the day the telephone is lost."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from typing import Any

import pyotp
import segno
from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from flask import current_app
from flask_appbuilder.security.sqla.models import User
from sqlalchemy import delete, or_, update
from sqlalchemy.orm import Session

from app.security.models import RecoveryCode
from app.security.throttle import count_one, key_of_user
from app.types import now

# Seconds a code is good for, and how many codes before and after are taken for slow clocks.
STEP = 30
DRIFT = 1
TRIES = 5
MINUTES = 15
RECOVERY_CODES = 10
# Neither 0 and O nor 1 and I: they are written on paper.
_ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
_SIX_DIGITS = re.compile(r"[0-9]{6}")


def is_fully_protected(user: Any) -> bool:
    """Say whether a user has the second factor that their roles ask for."""
    return not user.needs_second_factor or bool(user.totp_secret)


def new_secret() -> str:
    """Return a secret to be shared with a telephone: 160 random bits."""
    return pyotp.random_base32()


def lock(secret: str) -> str:
    """Encrypt a secret, to be kept."""
    return _fernet().encrypt(secret.encode()).decode()


def unlock(kept: str | None) -> str | None:
    """Return a secret that was kept; None when it cannot be read (the key was changed)."""
    try:
        return _fernet().decrypt((kept or "").encode()).decode()
    except InvalidToken:
        return None


def _fernet() -> Fernet:
    secret = current_app.config["SECRET_KEY"].encode()
    key = HKDF(SHA256(), 32, salt=None, info=b"padron second factor").derive(secret)
    return Fernet(base64.urlsafe_b64encode(key))


def address_of(secret: str, account: str) -> str:
    """Return the otpauth:// address a telephone reads."""
    issuer = current_app.config["ORGANISATION"]
    return pyotp.TOTP(secret).provisioning_uri(name=account, issuer_name=issuer)


def picture_of(address: str) -> str:
    """Return the QR code of an address, as a picture within the page."""
    return segno.make(address, error="m").svg_data_uri(scale=5, border=3, light="#fff")


def matching_step(secret: str | None, typed: str) -> int | None:
    """Return the step a code belongs to, if it is one of now or nearly now."""
    typed = re.sub(r"\s", "", typed)
    if secret is None or not _SIX_DIGITS.fullmatch(typed):
        return None
    totp = pyotp.TOTP(secret)
    step = int(now().timestamp()) // STEP
    found = None
    for near in range(step - DRIFT, step + DRIFT + 1):
        if hmac.compare_digest(totp.generate_otp(near), typed):
            found = near
    return found


def may_try(session: Session, user_id: int) -> bool:
    """Count an attempt at a code, whatever door it is at; the caller commits at once."""
    return count_one(session, key_of_user("code", user_id), MINUTES) <= TRIES


def use_code(session: Session, user_id: int, kept: str | None, typed: str) -> str | None:
    """Use up a code; return what it was (``code``, ``recovery``), None if it opens nothing.

    Of two browsers with the same code, one gets in.
    """
    step = matching_step(unlock(kept), typed)
    table = User.__table__
    if step is not None:
        unused = or_(table.c.totp_step.is_(None), table.c.totp_step < step)
        # Not through the row: a form of it that somebody has open must not go stale by this.
        used = session.execute(
            update(table).where(table.c.id == user_id, unused).values(totp_step=step)
        )
        return "code" if used.rowcount == 1 else None  # type: ignore[attr-defined]
    used = session.execute(
        update(RecoveryCode)
        .where(
            RecoveryCode.user_id == user_id,
            RecoveryCode.code_hash == _kept(user_id, typed),
            RecoveryCode.used_at.is_(None),
        )
        .values(used_at=now())
        .execution_options(synchronize_session=False)
    )
    return "recovery" if used.rowcount == 1 else None  # type: ignore[attr-defined]


def make_recovery_codes(session: Session, user_id: int) -> list[str]:
    """Return new recovery codes, each of 80 random bits; the ones before are good for nothing."""
    drop_recovery_codes(session, user_id)
    codes = [
        "".join(secrets.choice(_ALPHABET) for _n in range(16)) for _c in range(RECOVERY_CODES)
    ]
    session.add_all(RecoveryCode(user_id=user_id, code_hash=_kept(user_id, c)) for c in codes)
    session.flush()
    return ["-".join(code[i : i + 4] for i in range(0, 16, 4)) for code in codes]


def drop_recovery_codes(session: Session, user_id: int) -> None:
    """Let no recovery code of somebody's open anything."""
    session.execute(
        delete(RecoveryCode)
        .where(RecoveryCode.user_id == user_id)
        .execution_options(synchronize_session=False)
    )


def _kept(user_id: int, code: str) -> str:
    """Return what is kept of a recovery code, however it was typed.

    It has 80 random bits, so a quick hash will do.
    """
    bare = re.sub(r"[^A-Z0-9]", "", code.upper()[:100])
    return hashlib.sha256(f"{user_id}:{bare}".encode()).hexdigest()
