"""``/api/v1/merges/``: merge two rows of a resource, read a merge, undo it."""

from __future__ import annotations

from typing import Any

from flask import Response, abort, jsonify, request
from flask_appbuilder import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm.exc import StaleDataError

from app.crud.api import Api
from app.crud.api.request_body import is_version, read_object
from app.crud.api.responses import problem, status_of
from app.crud.api.schemas import (
    ID,
    error_responses,
    json_response,
    object_schema,
    operation_object,
    query,
    ref,
)
from app.crud.interface import parse_id
from app.crud.listing import SIZES
from app.crud.screens import Screen, screens
from app.crud.submissions import AlreadySubmitted, claim_submission, record_created_row
from app.errors import DomainError
from app.extensions import db
from app.merging.fields import BOTH, OTHER, OWN, merge_fields
from app.merging.models import Merge, Mergeable
from app.merging.queries import merges_before, rows_of
from app.merging.services import MergeConflict, NotMerged, merge_rows, undo_merge, why_not_undone
from app.operations.action_input import resource_name
from app.operations.api.paging import next_url, read_page
from app.security.actor import current_actor
from app.text import clean

Answer = Response | tuple[Response, int]
REQUIRED = ("resource", "id", "version", "other_id", "other_version")


class MergesApi(Api):
    """Merges of two rows into one."""

    resource_name = "merges"
    label = _l("Merges")
    icon = "intersect"
    help = _l(
        "The row id stays; other_id goes to the trash, and its number and address lead to the first. Send the versions you read. take says by field whose value stays: own, other or, of long texts, both; of other fields, the only value there is, else own. A merge can be undone for 30 days."
    )
    examples = (
        '{"resource": "contacts", "id": 3, "version": 2, "other_id": 5, "other_version": 1,\n'
        ' "take": {"email": "other"}}',
    )

    def schemas(self) -> dict[str, Any]:
        text, version = {"type": "string"}, {"type": "integer"}
        take = {"type": "object", "additionalProperties": {"enum": [OWN, OTHER, BOTH]}}
        resources = {"type": "string", "enum": sorted(_mergeable_screens())}
        asked = {
            "resource": resources, "id": ID, "version": version, "other_id": ID,
            "other_version": version, "take": take,
        }  # fmt: skip
        counts = {"type": "object", "additionalProperties": {"type": "integer"}}
        merge = {
            "id": ID, "resource": text, "survivor_id": ID, "merged_id": ID, "by": text, "at": text,
            "moved": counts, "undo_until": text, "undone_at": {"type": ["string", "null"]},
            "why_not_undone": text, "kept": {"type": "integer", "minimum": 0},
        }  # fmt: skip
        page = {
            "results": {"type": "array", "items": ref("Merge")},
            "next": {"type": ["string", "null"]},
        }
        return {
            "MergeList": object_schema(page, [*page]),
            "MergeRequest": object_schema(asked, [*REQUIRED]),
            "Merge": object_schema(merge, [*merge]),
        }

    def paths(self) -> dict[str, Any]:
        pk = {"name": "pk", "in": "path", "required": True, "schema": ID}
        done = operation_object(
            "merges", "create", _("Merge two into one"),
            {"201": json_response("Merge"), **error_responses("404", "409", "413", "415", "422")},
            body="MergeRequest",
        )  # fmt: skip
        read = operation_object(
            "merges", "get", _("A merge"),
            {"200": json_response("Merge"), **error_responses("404")}, parameters=[pk],
        )  # fmt: skip
        undone = operation_object(
            "merges", "undo", _("Undo a merge"),
            {"200": json_response("Merge"), **error_responses("404", "409", "422")},
            parameters=[pk],
        )  # fmt: skip
        listed = operation_object(
            "merges", "list", _("Merges, newest first"), {"200": json_response("MergeList")},
            parameters=[
                query("resource", _("Resource"),
                      {"type": "string", "enum": sorted(_mergeable_screens())}),
                query("size", _("Items per page"), {"type": "integer", "enum": [*SIZES]}),
                query("before", _("Use “next” exactly as returned."), ID),
            ],
        )  # fmt: skip
        return {
            "/api/v1/merges/": {"get": listed, "post": done},
            "/api/v1/merges/{pk}": {"get": read},
            "/api/v1/merges/{pk}/undo": {"post": undone},
        }

    @expose("/", methods=["GET"])
    def get_list(self) -> Answer:
        """Return a page of the merges of which the user may see both rows."""
        _require("can_list")
        size, before = read_page(("size", "before", "resource"), "before")
        known, asked = _mergeable_screens(), request.args.get("resource", "")
        if asked and asked not in known:
            abort(400, _("Send one of: %(known)s.", known=", ".join(known)))
        listed = {
            name: one for name, one in known.items() if one.can("can_list") and asked in ("", name)
        }
        found = merges_before(
            db.session(), [one.table.model for one in listed.values()], current_actor(), before,
            size + 1,
        )  # fmt: skip
        screens_by_table = {one.table.model.__tablename__: one for one in listed.values()}
        last = found[size - 1][0].id if len(found) > size else None
        following = next_url(f"{self.route_base}/", last, "before", size)
        return jsonify(
            results=[
                _to_dict(merge, screens_by_table[merge.subject_type], *rows)
                for merge, *rows in found[:size]
            ],
            next=f"{following}&resource={asked}" if following and asked else following,
        )

    @expose("/", methods=["POST"])
    def post(self) -> Answer:
        """Merge two rows."""
        allowed = {name: one for name, one in _mergeable_screens().items() if one.can("can_edit")}
        if not allowed:
            abort(403)
        sent = read_object()
        if fields := _problems(sent):
            return problem(422, _("Nothing was changed. Check the fields."), fields)
        screen = allowed.get(sent["resource"])
        if screen is None:
            abort(403)
        take = sent.get("take", {})
        names = {field.shown: field.name for field in merge_fields(screen.table.model)}
        if unknown := {name for name in take if name not in names}:
            texts = {
                f"take.{clean(name)[:80]}": [_("This field doesn’t exist.")] for name in unknown
            }
            return problem(422, _("Nothing was changed. Check the fields."), texts)
        try:
            claim_submission(db.session())
            rows = [screen.datamodel.get(sent[name]) for name in ("id", "other_id")]
            survivor, merged = rows
            if survivor is None or merged is None or survivor is merged:
                raise NotMerged(_("Not found."))
            merge = merge_rows(
                db.session(), survivor, merged,
                {names[name]: choice for name, choice in take.items()},
                current_actor(), versions=(sent["version"], sent["other_version"]),
                list_name=screen.key,
            )  # fmt: skip
            record_created_row(db.session(), merge.id)
            db.session.commit()
        except AlreadySubmitted as earlier:
            db.session.rollback()
            return jsonify(_to_dict(*_find(str(earlier.row_id)))), 201
        except (MergeConflict, StaleDataError, IntegrityError):
            db.session.rollback()
            return problem(409, _("Someone else has changed it."))
        except NotMerged:
            db.session.rollback()
            abort(404)
        except DomainError as error:
            db.session.rollback()
            return problem(status_of(error), str(error))
        return jsonify(_to_dict(*_find(str(merge.id)))), 201

    @expose("/<pk>", methods=["GET"])
    def get(self, pk: str) -> Answer:
        """Return a merge."""
        _require("can_show")
        return jsonify(_to_dict(*_find(pk)))

    @expose("/<pk>/undo", methods=["POST"])
    def undo(self, pk: str) -> Answer:
        """Undo a merge."""
        _require("can_edit")
        merge, screen, survivor, merged = _find(pk)
        if not screen.can("can_edit"):
            abort(403)
        try:
            undo_merge(db.session(), merge, survivor, merged, current_actor())
            db.session.commit()
        except NotMerged:
            db.session.rollback()
            abort(404)
        except (StaleDataError, IntegrityError):
            db.session.rollback()
            return problem(409, _("Someone else has changed it."))
        except DomainError as error:
            db.session.rollback()
            return problem(status_of(error), str(error))
        return jsonify(_to_dict(*_find(pk)))


def _mergeable_screens() -> dict[str, Screen]:
    """Return the screens of mergeable rows, by the name of their resource."""
    found = [one for one in screens() if issubclass(one.table.model, Mergeable)]
    return {resource_name(one): one for one in found if not one.is_trash}


def _require(permission: str) -> None:
    if not any(screen.can(permission) for screen in _mergeable_screens().values()):
        abort(403)


def _problems(sent: dict[str, Any]) -> dict[str, list[str]]:
    """Return what is wrong with a request, by field."""
    known = (*REQUIRED, "take")
    fields = {
        clean(name)[:80]: [_("This field doesn’t exist.")] for name in sent if name not in known
    }
    fields |= {name: [_("This field is required.")] for name in REQUIRED if name not in sent}
    for name in REQUIRED[1:]:
        if name in sent and not is_version(sent[name]):
            fields[name] = [_("Send a whole number.")]
    if "resource" in sent and sent["resource"] not in list(_mergeable_screens()):
        fields["resource"] = [_("Send one of: %(known)s.", known=", ".join(_mergeable_screens()))]
    take = sent.get("take", {})
    if not isinstance(take, dict) or not all(
        isinstance(choice, str) and choice in (OWN, OTHER, BOTH) for choice in take.values()
    ):
        fields["take"] = [_("Send one of: %(known)s.", known=", ".join((OWN, OTHER, BOTH)))]
    return fields


def _find(pk: str) -> tuple[Merge, Screen, Any, Any]:
    """Return a merge, its screen and its rows; abort with 404 if the reader may not see them."""
    number = parse_id(pk)
    merge = None if number is None else db.session.get(Merge, number)
    if merge is None:
        abort(404)
    for screen in _mergeable_screens().values():
        model = screen.table.model
        if model.__tablename__ == merge.subject_type and screen.can("can_show"):
            survivor, merged = rows_of(db.session(), model, merge, current_actor())
            if survivor is not None and merged is not None:
                return merge, screen, survivor, merged
    abort(404)


def _to_dict(merge: Merge, screen: Screen, survivor: Any, merged: Any) -> dict[str, Any]:
    return {
        "id": merge.id,
        "resource": resource_name(screen),
        "survivor_id": merge.survivor_id,
        "merged_id": merge.merged_id,
        "by": merge.actor_name,
        "at": merge.at.isoformat(),
        "moved": merge.counts,
        "undo_until": merge.undo_until.isoformat(),
        "undone_at": merge.undone_at.isoformat() if merge.undone_at else None,
        "why_not_undone": why_not_undone(db.session(), merge, survivor, merged),
        "kept": len(merge.kept or ()),
    }
