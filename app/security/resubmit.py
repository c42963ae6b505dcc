"""Give back a form that was sent after the session had ended, to be submitted again."""

from __future__ import annotations

from flask import Response, make_response, render_template, request
from flask_login import current_user

from app.security.origins import is_same_origin

# Fields that are never sent back: credentials, and the CSRF token, which is new on every page.
SECRET_FIELDS = frozenset({"csrf_token", "password", "conf_password", "present", "again", "code"})
# Pages whose forms consist of credentials only.
EXCLUDED_PATHS = ("/login", "/logout", "/account/password", "/account/two-factor")


def resubmit_page() -> Response | None:
    """Return a page (401) that submits the form values again to the same address.

    Return None when the form is empty, or when the browser does not confirm that a page of ours
    sent it: otherwise another site could have its values submitted with a click (CSRF).
    """
    if request.method != "POST" or not is_same_origin() or request.path.startswith(EXCLUDED_PATHS):
        return None
    if request.headers.get("X-Fragment") or request.accept_mimetypes.best == "application/json":
        return None
    typed = [
        (name, text) for name, text in request.form.items(multi=True) if name not in SECRET_FIELDS
    ]
    files = [file.filename for file in request.files.values() if file.filename]
    if not any(text for _name, text in typed):
        return None
    page = render_template(
        "layout/resubmit.html",
        typed=typed,
        files=files,
        address=request.full_path.rstrip("?"),
        is_in=current_user.is_authenticated,
    )
    return make_response(page, 401)
