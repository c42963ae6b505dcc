"""``/api/v1/duplicates/``: the pairs of contacts that may be the same person."""

from __future__ import annotations

from typing import Any

from flask import Response, abort, jsonify, request
from flask_appbuilder import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from app.contacts.models import Contact
from app.crud.api import Api
from app.crud.api.schemas import ID, json_response, object_schema, operation_object, query, ref
from app.crud.listing import SIZES
from app.crud.screens import may
from app.duplicates.models import OPEN, STATES
from app.duplicates.queries import pairs_after
from app.duplicates.views import read_place, reason_labels
from app.extensions import db
from app.operations.api.paging import read_page
from app.security.actor import current_actor

Answer = Response | tuple[Response, int]


class DuplicatesApi(Api):
    """Pairs of contacts that may be the same person."""

    resource_name = "duplicates"
    label = _l("Duplicates")
    icon = "intersect"
    help = _l("What the last search found, the likeliest first. Merge a pair at /api/v1/merges/.")

    def schemas(self) -> dict[str, Any]:
        text = {"type": "string"}
        pair = {
            "low_id": ID, "high_id": ID, "score": {"type": "integer"}, "state": text,
            "reasons": {"type": "array", "items": text}, "found_at": text,
        }  # fmt: skip
        page = {
            "results": {"type": "array", "items": ref("DuplicatePair")},
            "next": {"type": ["string", "null"]},
        }
        return {
            "DuplicatePair": object_schema(pair, [*pair]),
            "DuplicatePairList": object_schema(page, [*page]),
        }

    def paths(self) -> dict[str, Any]:
        listed = operation_object(
            "duplicates", "list", _("Possible duplicates"),
            {"200": json_response("DuplicatePairList")},
            parameters=[
                query("state", _("State"), {"type": "string", "enum": [*STATES]}),
                query("size", _("Items per page"), {"type": "integer", "enum": [*SIZES]}),
                query("after", _("Use “next” exactly as returned."), {"type": "string"}),
            ],
        )  # fmt: skip
        return {"/api/v1/duplicates/": {"get": listed}}

    @expose("/", methods=["GET"])
    def get_list(self) -> Answer:
        """Return a page of the pairs of which the user may see both contacts."""
        if not may("can_list", Contact):
            abort(403)
        size, _begins = read_page(("size", "after", "state"), "nothing")
        state = request.args.get("state", OPEN)
        if state not in STATES:
            abort(400, _("Send one of: %(known)s.", known=", ".join(STATES)))
        pairs = pairs_after(db.session(), current_actor(), read_place(), size + 1, state)
        last = pairs[size - 1] if len(pairs) > size else None
        after = "" if last is None else f"{last.score}-{last.low_id}-{last.high_id}"
        return jsonify(
            results=[
                {
                    "low_id": pair.low_id,
                    "high_id": pair.high_id,
                    "score": pair.score,
                    "state": pair.state,
                    "reasons": [str(label) for label in reason_labels(pair.reasons)],
                    "found_at": pair.found_at.isoformat(),
                }
                for pair in pairs[:size]
            ],
            next=f"/api/v1/duplicates/?state={state}&size={size}&after={after}" if after else None,
        )
