"""What the program is compared with: trivial pages over hand-written SQL, in processes of their own.

It knows neither users nor rights. Its pages show the same rows as the program's in a bare table; its
changes are one statement for the contacts and one for the log, in one transaction; files are read and
written by COPY where the database has it. ``python -m bench.raw URL PORT`` serves it.
"""

from __future__ import annotations

import logging
import os
import socket
import sys
from typing import Any

from flask import Flask, Response, render_template_string, request
from sqlalchemy import Connection, create_engine, text
from waitress import serve

from bench.rawchanges import add_changes

ROWS = 25
COLUMNS = (
    "c.id, c.number, c.first_name, c.last_name, a.name, t.label_en, s.label_en, e.name, c.email,"
    " c.phone"
)
JOINS = (
    "FROM contact c LEFT JOIN account a ON a.id = c.account_id"
    " LEFT JOIN contact_type t ON t.id = c.type_id LEFT JOIN status s ON s.id = c.status_id"
    " LEFT JOIN entity e ON e.id = c.entity_id"
)
TABLE = (
    "<!doctype html><title>raw</title><p>{{ count }}</p><table>{% for row in rows %}<tr>"
    "{% for value in row %}<td>{{ value or '' }}</td>{% endfor %}</tr>{% endfor %}</table>"
)
FORM = (
    "<!doctype html><title>raw</title><form method=post>{% for name, value in row.items() %}"
    "<label>{{ name }}{% if name in choices %}<select name={{ name }}>"
    "{% for id, label in choices[name] %}<option value={{ id }}{% if id == value %} selected"
    "{% endif %}>{{ label }}</option>{% endfor %}</select>{% else %}"
    "<input name={{ name }} value=\"{{ '' if value is none else value }}\">{% endif %}</label>"
    "{% endfor %}</form>"
)
# The selects of the form: column, and the statement that lists what can be chosen.
CHOICES = {
    "type_id": "SELECT id, label_en FROM contact_type ORDER BY position",
    "status_id": "SELECT id, label_en FROM status ORDER BY position",
    "category_id": "SELECT id, label_en FROM category ORDER BY position",
    "entity_id": "SELECT id, name FROM entity ORDER BY name",
}


def make_app(url: str) -> Flask:
    """Return the application over a database that the program has made."""
    app = Flask(__name__)
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"), pool_size=8)
    is_sqlite = engine.dialect.name == "sqlite"

    @app.route("/list")
    def list_():
        with engine.connect() as connection:
            where, values = conditions(request.args, is_sqlite)
            order = request.args.get("order", "c.sort_name")
            way = "DESC" if request.args.get("last") else "ASC"
            # As far as the program counts a list: with a filter up to 1,000, else up to 10,000.
            cap = 1_001 if request.args.get("q") or request.args.get("filter") else 10_001
            counted = text(
                f"SELECT count(*) FROM (SELECT 1 FROM contact c WHERE {where} LIMIT {cap}) AS x"
            )
            count = connection.execute(counted, values).scalar()
            rows = connection.execute(
                text(
                    f"SELECT {COLUMNS} {JOINS} WHERE {where}"
                    f" ORDER BY {order} {way}, c.id {way} LIMIT {ROWS}"
                ),
                values,
            ).all()
        return render_template_string(TABLE, count=count, rows=rows)

    @app.route("/form/<int:pk>")
    def form(pk: int):
        with engine.connect() as connection:
            query = text("SELECT * FROM contact WHERE id = :pk")
            row = connection.execute(query, {"pk": pk}).mappings().one()
            choices = {name: connection.execute(text(sql)).all() for name, sql in CHOICES.items()}
        return render_template_string(FORM, row=row, choices=choices)

    @app.route("/save/<int:pk>", methods=["POST"])
    def save(pk: int):
        with engine.begin() as connection:
            _save(connection, pk, request.form["street"])
        return Response(status=302, headers={"Location": "/list"})

    add_changes(app, engine)
    return app


def _save(connection: Connection, pk: int, street: str) -> None:
    connection.execute(
        text("UPDATE contact SET street = :street, version = version + 1 WHERE id = :pk"),
        {"street": street, "pk": pk},
    )
    connection.execute(
        text(
            "INSERT INTO log_entry (at, actor_name, channel, event, subject_type, subject_id,"
            " subject_name, changes) VALUES ('2026-01-01', 'raw', 'web', 'changed', 'contact',"
            " :pk, 'raw', '{}')"
        ),
        {"pk": pk},
    )


def conditions(args: Any, is_sqlite: bool) -> tuple[str, dict[str, Any]]:
    """Return the condition of the rows of a list, and its parameters."""
    parts = ["c.trashed_at IS NULL"]
    values: dict[str, Any] = {}
    if args.get("small"):
        parts.append(
            "c.entity_id IN (SELECT b.id FROM entity b JOIN entity a ON b.path LIKE a.path || '%'"
            " WHERE a.name = 'One percent')"
        )
    if args.get("value"):
        parts.append("(c.sort_name, c.id) > (:value, :id)")
        values |= {"value": args["value"], "id": int(args["id"])}
    for number, word in enumerate(args.get("q", "").split()):
        name = f"w{number}"
        if is_sqlite:
            parts.append(
                "c.id IN (SELECT rowid FROM contact_search_fts"
                f" WHERE contact_search_fts MATCH :{name})"
            )
            values[name] = f'"{word}"'
        else:
            parts.append(f"c.id IN (SELECT row_id FROM contact_search WHERE text LIKE :{name})")
            values[name] = f"%{word}%"
    if args.get("filter"):
        kind, status, tag = args["filter"].split(",")
        parts.append(
            "c.type_id = :kind AND c.status_id = :status AND c.id IN"
            " (SELECT contact_id FROM contact_tag WHERE tag_id = :tag)"
        )
        values |= {"kind": int(kind), "status": int(status), "tag": int(tag)}
    return " AND ".join(parts), values


def main() -> None:
    """Serve in two processes until the parent ends them."""
    url, port = sys.argv[1], int(sys.argv[2])
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(256)
    os.fork()
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    serve(
        make_app(url), sockets=[listener], threads=4, max_request_body_size=1 << 30,
        channel_timeout=1_800, _quiet=True,
    )  # fmt: skip


if __name__ == "__main__":
    main()
