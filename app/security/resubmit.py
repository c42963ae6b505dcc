"""Nothing typed is lost: what a signed-out person sends comes back, to be sent again."""

from __future__ import annotations

from flask import Response, make_response, render_template, request
from flask_login import current_user

from app.security.origins import is_surely_ours

# Never given back: what opens doors, and what the next page has of its own.
NEVER = frozenset({"csrf_token", "password", "conf_password", "present", "again", "code"})
# Pages about passwords alone: there is nothing to give back.
BARE = ("/login", "/logout", "/account/password", "/account/two-factor")


def kept_page() -> Response | None:
    """Return a page (401) with what was typed, to be sent again to the same address.

    None when nothing was, or when it is not certain that a page of ours sent it: nobody is to
    be talked into sending on what a stranger's page has typed.
    """
    if request.method != "POST" or not is_surely_ours() or request.path.startswith(BARE):
        return None
    if request.headers.get("X-Fragment") or request.accept_mimetypes.best == "application/json":
        return None
    typed = [(name, text) for name, text in request.form.items(multi=True) if name not in NEVER]
    files = [file.filename for file in request.files.values() if file.filename]
    if not any(text for _name, text in typed):
        return None
    page = render_template(
        "frame/kept.html",
        typed=typed,
        files=files,
        address=request.full_path.rstrip("?"),
        is_in=current_user.is_authenticated,
    )
    return make_response(page, 401)
