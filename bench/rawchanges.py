"""The changes and files of the raw comparison: as few statements as do the same to the data."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

from flask import Flask, Response, request
from sqlalchemy import Connection, Engine, text

from app.types import now

SMALL = (
    "c.trashed_at IS NULL AND c.entity_id IN (SELECT b.id FROM entity b JOIN entity a"
    " ON b.path LIKE a.path || '%' WHERE a.name = 'One percent')"
)
LOG = (
    "INSERT INTO log_entry (at, actor_name, channel, event, subject_type, subject_id,"
    " subject_name, version, changes)"
)
NAME = "trim(coalesce(c.first_name, '') || ' ' || c.last_name)"
# The columns of the imported file; the e-mail finds the contact.
IMPORTED = "first_name last_name email phone city birth_date language".split()
# Every field of a contact, with the labels of what it is linked to.
EXPORT = (
    "SELECT c.number, c.salutation, c.first_name, c.last_name, t.label_en AS type,"
    " g.label_en AS category, s.label_en AS status, e.name AS entity, a.name AS account,"
    " trim(coalesce(m.first_name, '') || ' ' || m.last_name) AS manager, c.position,"
    " c.department, c.email, c.phone, c.mobile, c.secondary_phone, c.street, c.postcode, c.city,"
    " c.province, c.country, c.birth_date, c.language, {tags} AS tags, c.notes, c.created_at,"
    " c.updated_at, c.version FROM contact c LEFT JOIN account a ON a.id = c.account_id"
    " LEFT JOIN contact_type t ON t.id = c.type_id LEFT JOIN category g ON g.id = c.category_id"
    " LEFT JOIN status s ON s.id = c.status_id LEFT JOIN entity e ON e.id = c.entity_id"
    " LEFT JOIN contact m ON m.id = c.manager_id LEFT JOIN (SELECT x.contact_id, {gather} AS tags"
    " FROM contact_tag x JOIN tag ON tag.id = x.tag_id GROUP BY x.contact_id) AS y"
    " ON y.contact_id = c.id WHERE c.trashed_at IS NULL ORDER BY c.sort_name, c.id"
)


class Scripts:
    """The statements of the changes, as each database writes them."""

    def __init__(self, is_sqlite: bool) -> None:
        self.is_sqlite = is_sqlite
        make = "json_" if is_sqlite else "jsonb_build_"
        self.array, self.object = f"{make}array", f"{make}object"

    def change_status(self, value: int) -> list[str]:
        """Return the statements that give 1 % of the contacts another status."""
        old = f"CASE WHEN s.id IS NOT NULL THEN {self.array}(s.id, s.label_en) END"
        return [
            f"{LOG} SELECT :now, 'raw', 'cli', 'changed', 'contact', c.id, {NAME}, c.version + 1,"
            f" {self.object}('status_id', {self.array}({old}, {self.array}({value}, 'fresh')))"
            f" FROM contact c LEFT JOIN status s ON s.id = c.status_id WHERE {SMALL}",
            f"UPDATE contact AS c SET status_id = {value}, version = version + 1,"
            f" updated_at = :now WHERE {SMALL}",
        ]

    def add_tag(self, value: int, kind: int) -> list[str]:
        """Return the statements that give the contacts of a type, or with 0 all, one more tag."""
        where = "c.trashed_at IS NULL" + (f" AND c.type_id = {kind}" if kind else "")
        new = f"{self.array}({value}, 'fresh')"
        if self.is_sqlite:
            gather = "json_group_array(json_array(t.id, t.label_en))"
            none, more = "json('[]')", f"json_insert(y.tags, '$[#]', {new})"
            first = f"json_array({new})"
        else:
            gather = "jsonb_agg(jsonb_build_array(t.id, t.label_en) ORDER BY t.id)"
            none, more = "'[]'::jsonb", f"y.tags || jsonb_build_array({new})"
            first = f"jsonb_build_array({new})"
        tags = (
            f"(SELECT x.contact_id, {gather} AS tags FROM contact_tag x"
            " JOIN tag t ON t.id = x.tag_id GROUP BY x.contact_id)"
        )
        old = "json(y.tags)" if self.is_sqlite else "y.tags"
        pair = f"{self.array}(coalesce({old}, {none}), coalesce({more}, {first}))"
        return [
            f"{LOG} SELECT :now, 'raw', 'cli', 'changed', 'contact', c.id, {NAME}, c.version + 1,"
            f" {self.object}('tags', {pair}) FROM contact c LEFT JOIN {tags} AS y"
            f" ON y.contact_id = c.id WHERE {where}",
            f"INSERT INTO contact_tag (contact_id, tag_id) SELECT c.id, {value} FROM contact c"
            f" WHERE {where}",
            f"UPDATE contact AS c SET version = version + 1, updated_at = :now WHERE {where}",
        ]

    def import_rows(self) -> list[str]:
        """Return the statements that bring the rows of the temporary table ``incoming`` in."""
        day = "i.birth_date" if self.is_sqlite else "i.birth_date::date"
        pad = "printf('%06d', {0})" if self.is_sqlite else "to_char({0}, 'FM9999000000')"
        number = pad.format("(SELECT value FROM counter WHERE name = 'contact') + i.place")
        new = (
            "(SELECT n.*, row_number() OVER () AS place FROM incoming n WHERE NOT EXISTS"
            " (SELECT 1 FROM contact c WHERE c.email = n.email)) AS i"
        )
        changes = f"{self.object}('city', {self.array}(c.city, i.city))"
        words = "lower(i.first_name || ' ' || i.last_name || ' ' || i.email || ' ' || c.number)"
        return [
            f"{LOG} SELECT :now, 'raw', 'cli', 'changed', 'contact', c.id, {NAME}, c.version + 1,"
            f" {changes} FROM contact c JOIN incoming i ON i.email = c.email",
            "UPDATE contact SET first_name = i.first_name, last_name = i.last_name,"
            " phone = i.phone, city = i.city, language = i.language, version = version + 1,"
            " updated_at = :now FROM incoming i WHERE contact.email = i.email",
            "INSERT INTO contact (number, first_name, last_name, sort_name, email, phone, city,"
            " birth_date, language, entity_id, version, created_at, updated_at)"
            f" SELECT {number}, i.first_name, i.last_name, lower(i.last_name || ' ' ||"
            f" i.first_name), i.email, i.phone, i.city, {day}, i.language, 1, 1, :now, :now"
            f" FROM {new}",
            "UPDATE counter SET value = value + (SELECT count(*) FROM contact c JOIN incoming i"
            " ON i.email = c.email WHERE c.created_at = :now) WHERE name = 'contact'",
            f"INSERT INTO contact_search (row_id, text) SELECT c.id, {words} FROM contact c"
            " JOIN incoming i ON i.email = c.email WHERE c.created_at = :now",
            f"{LOG} SELECT :now, 'raw', 'cli', 'created', 'contact', c.id, {NAME}, 1,"
            f" {self.object}('last_name', {self.array}(NULL, c.last_name),"
            f" 'email', {self.array}(NULL, c.email), 'city', {self.array}(NULL, c.city))"
            " FROM contact c JOIN incoming i ON i.email = c.email WHERE c.created_at = :now",
        ]

    def export(self) -> str:
        """Return the statement that selects every field of every contact."""
        if self.is_sqlite:
            return EXPORT.format(tags="y.tags", gather="group_concat(tag.label_en, '; ')")
        return EXPORT.format(tags="y.tags", gather="string_agg(tag.label_en, '; ')")


def add_changes(app: Flask, engine: Engine) -> None:
    """Add the pages that change many contacts, import and export."""
    scripts = Scripts(engine.dialect.name == "sqlite")

    def run(statements: list[str]) -> str:
        with engine.begin() as connection:
            _execute(connection, statements)
        return "done"

    @app.route("/change-status", methods=["POST"])
    def change_status():
        return run(scripts.change_status(int(request.form["value"])))

    @app.route("/add-tag", methods=["POST"])
    def add_tag():
        return run(scripts.add_tag(int(request.form["value"]), int(request.form["type"])))

    @app.route("/import", methods=["POST"])
    def import_():
        with engine.begin() as connection:
            _stage(connection, request.stream, scripts.is_sqlite)
            _execute(connection, scripts.import_rows())
        return "done"

    @app.route("/export")
    def export():
        blocks = _rows(engine, scripts) if scripts.is_sqlite else _copy(engine, scripts)
        return Response(blocks, mimetype="text/csv")


def _execute(connection: Connection, statements: list[str]) -> None:
    moment = now().replace(tzinfo=None)
    for statement in statements:
        connection.execute(text(statement), {"now": moment} if ":now" in statement else {})


def _stage(connection: Connection, stream: Any, is_sqlite: bool) -> None:
    """Read a CSV file into the temporary table ``incoming``."""
    connection.exec_driver_sql("DROP TABLE IF EXISTS incoming")
    columns = ", ".join(f"{name} text" for name in IMPORTED)
    connection.exec_driver_sql(f"CREATE TEMPORARY TABLE incoming ({columns})")
    raw: Any = connection.connection
    if is_sqlite:
        rows = csv.reader(io.TextIOWrapper(stream, "utf-8", newline=""))
        next(rows)
        marks = ", ".join("?" for _name in IMPORTED)
        raw.cursor().executemany(f"INSERT INTO incoming VALUES ({marks})", rows)
    else:
        with raw.cursor().copy("COPY incoming FROM STDIN WITH (FORMAT csv, HEADER)") as copy:
            while block := stream.read(1 << 16):
                copy.write(block)
        connection.exec_driver_sql("ANALYZE incoming")
    connection.exec_driver_sql("CREATE INDEX ix_incoming ON incoming (email)")


def _copy(engine: Engine, scripts: Scripts) -> Iterator[Any]:
    with engine.connect() as connection:
        raw: Any = connection.connection
        with raw.cursor().copy(f"COPY ({scripts.export()}) TO STDOUT WITH CSV") as copy:
            yield from map(bytes, copy)


def _rows(engine: Engine, scripts: Scripts) -> Iterator[str]:
    with engine.connect() as connection:
        raw: Any = connection.connection
        cursor = raw.cursor()
        cursor.execute(scripts.export())
        while rows := cursor.fetchmany(1_000):
            block = io.StringIO()
            csv.writer(block).writerows(rows)
            yield block.getvalue()
