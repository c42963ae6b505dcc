"""The program on a benchmark database, with raw-SQL pages beside its own."""

from __future__ import annotations

import socket
import sys
import threading
from time import perf_counter
from typing import Any

from flask import Flask, jsonify, render_template_string, request
from sqlalchemy import Engine, event, text

from app.extensions import db
from app.security.guard import public
from app.staff.commands import serve_requests
from app.supervisor import Supervisor
from bench.prepare import application

TABLE = (
    "<!doctype html><title>raw</title><p>{{ count }}</p><table>{% for row in rows %}<tr>"
    "{% for value in row %}<td>{{ value or '' }}</td>{% endfor %}</tr>{% endfor %}</table>"
)

COLUMNS = (
    "c.id, c.first_name, c.last_name, a.name, t.label_en, s.label_en, e.name, c.email, c.phone"
)
JOINS = (
    "FROM contact c LEFT JOIN account a ON a.id = c.account_id"
    " LEFT JOIN contact_type t ON t.id = c.type_id LEFT JOIN status s ON s.id = c.status_id"
    " LEFT JOIN entity e ON e.id = c.entity_id"
)


def add_raw_pages(app: Flask) -> None:
    """Add ``/raw``: the same rows by two statements of plain SQL and a trivial template."""

    @app.route("/raw")
    @public
    def raw():
        where, values = _where(request.args)
        order = request.args.get("order", "c.sort_name")
        way = "DESC" if request.args.get("last") else "ASC"
        table = f"(SELECT 1 FROM contact c WHERE {where} LIMIT 10001)"
        connection = db.session.connection()
        count = connection.execute(text(f"SELECT count(*) FROM {table} AS x"), values).scalar()
        rows = connection.execute(
            text(
                f"SELECT {COLUMNS} {JOINS} WHERE {where}"
                f" ORDER BY {order} {way}, c.id {way} LIMIT 50"
            ),
            values,
        ).all()
        return render_template_string(TABLE, count=count, rows=rows)

    @app.route("/raw/<int:pk>")
    @public
    def raw_one(pk: int):
        rows = db.session.execute(text("SELECT * FROM contact WHERE id = :pk"), {"pk": pk}).all()
        return render_template_string(TABLE, count=1, rows=rows)

    @app.route("/raw/save/<int:pk>", methods=["POST"])
    @public
    def raw_save(pk: int):
        db.session.execute(
            text("UPDATE contact SET street = :street, version = version + 1 WHERE id = :pk"),
            {"street": request.form["street"], "pk": pk},
        )
        db.session.execute(
            text(
                "INSERT INTO log_entry (at, actor_name, channel, event, subject_type, subject_id,"
                " subject_name, changes) VALUES ('2026-01-01', 'raw', 'web', 'changed', 'contact',"
                " :pk, 'raw', '{}')"
            ),
            {"pk": pk},
        )
        db.session.commit()
        return "saved"

    app.extensions["csrf"].exempt(raw_save)


def add_holds(app: Flask, engine: Engine) -> None:
    """Add ``/raw/holds``: how long SQLite's write lock was held each time, by pages and by jobs."""
    holds: dict[str, list[float]] = {"pages": [], "jobs": []}
    local = threading.local()

    def begun(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        if statement == "BEGIN IMMEDIATE":
            local.began = perf_counter()

    def ending(end: Any) -> Any:
        def ended(connection: Any) -> None:
            end(connection)
            began, local.began = getattr(local, "began", None), None
            if began is not None:
                is_page = threading.current_thread().name.startswith("waitress")
                holds["pages" if is_page else "jobs"].append(perf_counter() - began)

        return ended

    event.listen(engine, "after_cursor_execute", begun)
    dialect: Any = engine.dialect
    dialect.do_commit, dialect.do_rollback = ending(dialect.do_commit), ending(dialect.do_rollback)

    @app.route("/raw/holds")
    @public
    def raw_holds():
        return jsonify(holds)


def _where(args) -> tuple[str, dict]:
    parts = ["c.trashed_at IS NULL"]
    values: dict[str, Any] = {}
    if args.get("small"):
        parts.append(
            "c.entity_id IN (SELECT b.id FROM entity b JOIN entity a ON b.path LIKE a.path || '%'"
            " WHERE a.name = 'One percent')"
        )
    if args.get("middle"):
        parts.append("(c.sort_name, c.id) > (:value, :id)")
        values |= {"value": args["value"], "id": int(args["id"])}
    for number, word in enumerate(args.get("q", "").split()):
        table = "contact_search s2"
        if db.engine.dialect.name == "sqlite":
            parts.append(
                f"c.id IN (SELECT rowid FROM contact_search_fts WHERE contact_search_fts MATCH :w{number})"
            )
            values[f"w{number}"] = f'"{word}"'
        else:
            parts.append(f"c.id IN (SELECT row_id FROM {table} WHERE s2.text LIKE :w{number})")
            values[f"w{number}"] = f"%{word}%"
    if args.get("filter"):
        kind, status, tag = args["filter"].split(",")
        parts.append(
            "c.type_id = :kind AND c.status_id = :status AND c.id IN"
            " (SELECT contact_id FROM contact_tag WHERE tag_id = :tag)"
        )
        values |= {"kind": int(kind), "status": int(status), "tag": int(tag)}
    return " AND ".join(parts), values


def main() -> None:
    """Serve on the port given; two processes on PostgreSQL, as a site with two cores would."""
    url, folder, count, port = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    app = application(url, folder, count)
    add_raw_pages(app)
    with app.app_context():
        if db.engine.dialect.name == "sqlite":
            add_holds(app, db.engine)
        db.engine.dispose()
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(256)
    print("ready", flush=True)
    processes = app.config["PROCESSES"]
    if processes == 1:
        serve_requests(app, listener)
    else:
        Supervisor(processes, lambda: serve_requests(app, listener)).run()


if __name__ == "__main__":
    main()
