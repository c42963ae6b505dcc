"""Two-factor authentication: TOTP codes, encrypted secrets, recovery codes.

``model`` is the table of the recovery codes of one population, such as RecoveryCode.
"""

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
from sqlalchemy import delete, or_, update
from sqlalchemy.orm import Session

from app import organisation
from app.security.models import RecoveryCodeRow
from app.security.throttle import count_attempt, key_for_user
from app.types import now

# Lifetime of a code, and how many steps before and after are accepted for clock drift.
STEP_SECONDS = 30
DRIFT_STEPS = 1
MAX_TRIES = 5
THROTTLE_MINUTES = 15
RECOVERY_CODES = 10
# Without the look-alikes 0, O, 1 and I: recovery codes are written on paper.
_ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
_SIX_DIGITS = re.compile(r"[0-9]{6}")


def has_required_second_factor(user: Any) -> bool:
    """Return False if a role of the user requires a second factor and none is set up."""
    return not user.needs_second_factor or bool(user.totp_secret)


def new_secret() -> str:
    """Return a new TOTP secret of 160 random bits, in base 32."""
    return pyotp.random_base32()


def encrypt_secret(secret: str) -> str:
    """Encrypt a secret, to be stored."""
    return _fernet().encrypt(secret.encode()).decode()


def decrypt_secret(stored: str | None) -> str | None:
    """Decrypt a stored secret; None if that fails, as after a change of the secret key."""
    try:
        return _fernet().decrypt((stored or "").encode()).decode()
    except InvalidToken:
        return None


def _fernet() -> Fernet:
    secret = current_app.config["SECRET_KEY"].encode()
    key = HKDF(SHA256(), 32, salt=None, info=b"padron second factor").derive(secret)
    return Fernet(base64.urlsafe_b64encode(key))


def provisioning_uri(secret: str, account: str) -> str:
    """Return the otpauth:// URI of a secret."""
    issuer = organisation.name()
    return pyotp.TOTP(secret).provisioning_uri(name=account, issuer_name=issuer)


def qr_code(uri: str) -> str:
    """Return the QR code of a URI, as a data: URI."""
    return segno.make(uri, error="m").svg_data_uri(scale=5, border=3, light="#fff")


def matching_step(secret: str | None, typed: str) -> int | None:
    """Return the time step of a code if it is valid now, else None; takes constant time."""
    typed = re.sub(r"\s", "", typed)
    if secret is None or not _SIX_DIGITS.fullmatch(typed):
        return None
    totp = pyotp.TOTP(secret)
    step = int(now().timestamp()) // STEP_SECONDS
    match = None
    for near in range(step - DRIFT_STEPS, step + DRIFT_STEPS + 1):
        if hmac.compare_digest(totp.generate_otp(near), typed):
            match = near
    return match


def count_code_attempt(session: Session, users: Any, user_id: int) -> bool:
    """Count an attempt at a code; return False beyond the limit. The caller commits at once."""
    key = key_for_user("code", users, user_id)
    return count_attempt(session, key, THROTTLE_MINUTES) <= MAX_TRIES


def use_code(
    session: Session,
    model: type[RecoveryCodeRow],
    users: Any,
    user_id: int,
    stored: str | None,
    typed: str,
) -> str | None:
    """Use a code once; return its kind (``code``, ``recovery``), or None if it is not valid.

    ``users`` is the model of the accounts, with the column ``totp_step``. Of two parallel
    requests with the same code, one succeeds.
    """
    step = matching_step(decrypt_secret(stored), typed)
    table = users.__table__
    if step is not None:
        unused = or_(table.c.totp_step.is_(None), table.c.totp_step < step)
        # A Core statement: it must not raise the row's version, which open forms compare.
        used = session.execute(
            update(table).where(table.c.id == user_id, unused).values(totp_step=step)
        )
        return "code" if used.rowcount == 1 else None  # type: ignore[attr-defined]
    used = session.execute(
        update(model)
        .where(
            model.user_id == user_id,
            model.code_hash == _hash_recovery_code(user_id, typed),
            model.used_at.is_(None),
        )
        .values(used_at=now())
        .execution_options(synchronize_session=False)
    )
    return "recovery" if used.rowcount == 1 else None  # type: ignore[attr-defined]


def make_recovery_codes(session: Session, model: Any, user_id: int) -> list[str]:
    """Replace a user's recovery codes; return the new ones, each of 80 random bits."""
    delete_recovery_codes(session, model, user_id)
    codes = [
        "".join(secrets.choice(_ALPHABET) for _n in range(16)) for _c in range(RECOVERY_CODES)
    ]
    session.add_all(
        model(user_id=user_id, code_hash=_hash_recovery_code(user_id, c)) for c in codes
    )
    session.flush()
    return ["-".join(code[i : i + 4] for i in range(0, 16, 4)) for code in codes]


def delete_recovery_codes(session: Session, model: type[RecoveryCodeRow], user_id: int) -> None:
    """Delete a user's recovery codes."""
    session.execute(
        delete(model).where(model.user_id == user_id).execution_options(synchronize_session=False)
    )


def _hash_recovery_code(user_id: int, code: str) -> str:
    """Return the SHA-256 of a recovery code, whatever its case and separators.

    It has 80 random bits, so it needs no slow hash.
    """
    bare = re.sub(r"[^A-Z0-9]", "", code.upper()[:100])
    return hashlib.sha256(f"{user_id}:{bare}".encode()).hexdigest()
