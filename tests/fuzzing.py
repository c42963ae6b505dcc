"""Requests nobody would think of, made from the API's own description by schemathesis.

``python -m tests.fuzzing 60`` asks every address 60 times in each of twelve ways (six callers,
good and bad requests), on both databases; the test suite asks a little of it.
"""

from __future__ import annotations

import logging
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Collection
from pathlib import Path
from typing import Any

from flask import Flask
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete

from app.crud.api import Api, ModelApi
from app.extensions import db
from app.security.areas import Area, Level
from app.security.models import AttemptCounter
from app.security.rights import ADMINISTRATOR
from app.security.roles import role_name
from app.staff.models import StaffUser
from app.trash.models import Trashable
from app.trash.services import move_to_trash
from tests.databases import BOTH, migrated_app, undone
from tests.factories import a_row, an_operation
from tests.people import ALICIA, Person, add_person, api_key_header

DESCRIPTION = "/api/v1/openapi.json"
NAMES = (
    "not_a_server_error", "status_code_conformance", "content_type_conformance",
    "response_schema_conformance", "response_headers_conformance", "unsupported_method",
    "ignored_auth",
)  # fmt: skip
EDITS, READS = role_name(Area.CONTACTS, Level.EDIT), role_name(Area.CONTACTS, Level.READ)
# What calls: a role and, if the key carries less than its owner holds, the key's scopes.
CALLERS: dict[str, tuple[str | None, dict[Area, Level] | None]] = {
    "administrator": (ADMINISTRATOR, None),
    "edits contacts": (EDITS, None),
    "reads contacts": (READS, None),
    "no role": (None, None),
    "a key that only reads": (ADMINISTRATOR, dict.fromkeys(Area, Level.READ)),
}
NO_KEY = "no key"
# Collective actions that would change something.
SENSIBLE: tuple[dict[str, Any], ...] = (
    {"action": "add-tag", "answers": {"tag": "To be completed"}},
    {"action": "change-status", "answers": {"status": None}},
    {"action": "change-rights", "answers": {"contacts": "read"}, "dry_run": True},
    {"action": "delete"},
)


def fuzz(
    app: Flask,
    caller: str,
    examples: int,
    only: Collection[str] = (),
    found: Counter[str] | None = None,
) -> int:
    """Send requests in the name of a caller, to all resources or some; return how many.

    A failure is raised.
    """
    # Here, because it takes a second that whoever runs other tests need not wait.
    import schemathesis
    from schemathesis.checks import CHECKS, load_all_checks
    from schemathesis.generation import GenerationMode

    found = Counter() if found is None else found
    user, key = _caller(caller)
    ids = _ids(user)

    def wsgi(environ: dict, start: Any) -> Any:
        # The client of the fuzzer says that it accepts gzip, and does not unpack it.
        environ.pop("HTTP_ACCEPT_ENCODING", None)
        # A request has a session and a ``g`` of its own, as in life.
        with app.app_context():
            return app.wsgi_app(environ, start)

    load_all_checks()
    checks = [CHECKS.get_one(name) for name in NAMES if key or name != "ignored_auth"]
    described = key or api_key_header(ALICIA.user.id)
    schema = schemathesis.openapi.from_wsgi(DESCRIPTION, wsgi, headers=described)
    sent = 0
    for result in schema.get_all_operations():
        operation = result.ok()
        if only and operation.path.split("/")[3] not in only:
            continue
        for mode in GenerationMode:
            sent += _ask(operation, mode, key, ids, checks, examples, found)
    return sent


def _ask(
    operation: Any,
    mode: Any,
    key: dict[str, str],
    ids: dict[str, list[int]],
    checks: list,
    examples: int,
    found: Counter[str],
) -> int:
    sent = 0
    resource = operation.path.split("/")[3]

    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode), place=st.integers(0, 7))
    def send(case: Any, place: int) -> None:
        nonlocal sent
        # A program that is refused for its many wrong keys shows nothing else.
        db.session.execute(delete(AttemptCounter))
        db.session.commit()
        known = ids[resource]
        if case.path_parameters and place < len(known):
            # A number made up at random is nobody's.
            case.path_parameters["id"] = known[place]
            if case.method == "PATCH" and isinstance(case.body, dict):
                case.body.pop("version", None)
                read = case.operation.schema[operation.path]["GET"].Case(
                    path_parameters={"id": known[place]}, headers=dict(key)
                )
                row = read.call().json()
                case.body["version"] = row.get("version", 1)
        if resource == "operations" and isinstance(case.body, dict) and place < len(SENSIBLE):
            # What is made up at random finds no row and answers no question.
            case.body = {**SENSIBLE[place], "resource": "contacts", "ids": ids["contacts"][:3]}
        case.headers.pop("Authorization", None) if case.headers else None
        reply = case.call(headers=key)
        found[f"{reply.status_code}"] += 1
        sent += 1
        case.validate_response(reply, checks=checks, headers=key)

    send()
    return sent


def _caller(caller: str) -> tuple[StaffUser, dict[str, str]]:
    """Return who calls, and the header that shows their key."""
    if caller == NO_KEY:
        return ALICIA.user, {}
    role, scopes = CALLERS[caller]
    name = caller.replace(" ", "-")
    user = add_person(Person(name, "Norte", role))
    db.session.commit()
    return user, api_key_header(user.id, scopes)


def _ids(user: StaffUser) -> dict[str, list[int]]:
    """Return numbers of rows of each resource: some within reach, one foreign, one trashed."""
    numbers: dict[str, list[int]] = {api.resource_name: [] for api in Api.all()}
    numbers["operations"] = [an_operation(whose).id for whose in (user, user, ALICIA.user)]
    for api in ModelApi.all():
        model = api.view.datamodel.obj
        rows = [a_row(model) for _n in range(3)] + [a_row(model, "Sur"), a_row(model)]
        if issubclass(model, Trashable):
            move_to_trash(rows[-1], ALICIA.as_actor())
        db.session.commit()
        numbers[api.view.route_base.strip("/")] = [row.id for row in rows]
    return numbers


def main(examples: int, kinds: Collection[str]) -> None:
    """Ask a great deal, and say how many were sent and what was answered."""
    logging.disable(logging.ERROR)
    warnings.simplefilter("ignore")
    for kind in kinds:
        for caller in (*CALLERS, NO_KEY):
            found: Counter[str] = Counter()
            with (
                tempfile.TemporaryDirectory() as folder,
                migrated_app(kind, Path(folder), with_people=True) as app,
                app.app_context(),
                undone(),
            ):
                sent = fuzz(app, caller, examples, found=found)
            print(
                f"{kind}: {caller}: {sent} requests, 0 failures {dict(sorted(found.items()))}",
                flush=True,
            )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 60, sys.argv[2:] or BOTH)
