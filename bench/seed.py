"""Fill a database with made-up contacts: names in both languages, accounts, tags, entities.

The same seed gives the same people. Rows are written as the database takes them fastest
(COPY on PostgreSQL), with the sort keys and search texts the program itself would write.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from typing import Any

from sqlalchemy import text
from sqlalchemy.engine import Connection

from app.search.models import SEPARATOR
from app.text import fold, sort_key

FIRST = """María José Ana Luis Carmen Antonio Lucía Javier Elena Íñigo Núria Óscar Raúl Begoña Álvaro
Concepción Jesús Inés Martín Sofía Ángel Belén Tomás Ximena Yolanda Iñaki Aitor Jordi Mercè Eulàlia
James Mary Robert Patricia John Jennifer Michael Linda David Elizabeth William Barbara Richard Susan
Sean Aoife Zoë Chloë Emily Jack Oliver Grace Noah Ella Liam Ruby Harry Alice Oscar Freya""".split()
LAST = """García López Martínez Sánchez Pérez Gómez Fernández Ruiz Díaz Álvarez Moreno Muñoz Romero
Alonso Gutiérrez Navarro Torres Domínguez Vázquez Ramos Gil Ramírez Serrano Blanco Molina Núñez Peña
Ibáñez Ortega Castaño Quiñones Etxeberria Llach Puig Vila Ferrer Rodríguez Cano Méndez Cruz Calvo Gallego
Vidal León Herrera Márquez Cabrera Flores Campos Vega Fuentes Carrasco Caballero Nieto Reyes Aguilar
Smith Jones Taylor Brown Williams Wilson Johnson Davies Patel Robinson Wright Thompson Evans Walker
White Roberts Green Hall Wood Jackson Clarke O’Neill O’Brien Murphy Kelly McCarthy Byrne Doyle
Baker Cooper Harris Ward Turner Hughes Edwards Collins Stewart Morris Rogers Cook Bailey Bell""".split()
RARE = "Zubizarreta"
CITIES = (
    "Madrid Sevilla Bilbao Cáceres Badajoz Valencia London Dublin Leeds Cork Vigo Gijón".split()
)
KINDS = "Cooperativa Imprenta Clínica Fundación Talleres Bodegas Harbour Northern United Editorial".split()


def seed(connection: Connection, contacts: int, accounts: int = 50_000) -> None:
    """Write ``contacts`` contacts and ``accounts`` accounts into an empty, migrated database."""
    with without_indexes(connection):
        _seed(connection, contacts, accounts)


@contextmanager
def without_indexes(connection: Connection) -> Iterator[None]:
    """Drop the indexes of the tables that are filled, and make them again afterwards.

    PostgreSQL makes an index many times faster than it adds row after row to it.
    """
    if connection.dialect.name != "postgresql":
        yield
        return
    found = connection.execute(
        text(
            "SELECT indexname, indexdef FROM pg_indexes WHERE tablename IN ('contact', 'account',"
            " 'contact_search', 'account_search', 'contact_tag') AND indexname NOT IN"
            " (SELECT conname FROM pg_constraint)"
        )
    ).all()
    for name, _definition in found:
        connection.exec_driver_sql(f'DROP INDEX "{name}"')
    yield
    connection.exec_driver_sql("SET LOCAL maintenance_work_mem = '512MB'")
    for _name, definition in found:
        connection.exec_driver_sql(definition)


def _seed(connection: Connection, contacts: int, accounts: int) -> None:
    dice = random.Random(20261121)
    root = connection.scalar(text("SELECT id FROM entity WHERE parent_id IS NULL"))
    entities, small = _entities(connection, root)
    moment = datetime(2026, 1, 1, tzinfo=UTC).replace(tzinfo=None)
    lists = {
        table: [row[0] for row in connection.execute(text(f"SELECT id FROM {table} ORDER BY id"))]
        for table in ("contact_type", "category", "status")
    }
    for number in range(1, 20):
        connection.execute(
            text(
                "INSERT INTO tag (label_en, label_es, colour, position, is_active, version,"
                " created_at, updated_at) VALUES (:en, :es, 'grey', :n, :yes, 1, :at, :at)"
            ),
            {
                "en": f"Tag {number}",
                "es": f"Etiqueta {number}",
                "n": number,
                "yes": True,
                "at": moment,
            },
        )
    tags = [row[0] for row in connection.execute(text("SELECT id FROM tag ORDER BY id"))]
    companies = _accounts(dice, accounts, entities, moment)
    names: list[str] = []
    texts: list[tuple] = []
    rows = []
    for row in companies:
        names.append(fold(row[1]))
        rows.append(row)
        texts.append((row[0], f"{fold(row[1])} {row[3]}{SEPARATOR}", row[6]))
    _write(
        connection, "account",
        "id name sort_name email city country entity_id version created_at updated_at", rows,
    )  # fmt: skip
    _write(connection, "account_search", "row_id text entity_id", texts)
    people = _contacts(dice, contacts, accounts, entities, small, lists, moment)
    while chunk := list(islice(people, 20_000)):
        _write(
            connection, "contact",
            "id number first_name last_name sort_name email phone mobile city country birth_date"
            " language entity_id account_id type_id category_id status_id version created_at"
            " updated_at",
            [row for row, _own in chunk],
        )  # fmt: skip
        _write(
            connection,
            "contact_search",
            "row_id text entity_id",
            [
                (row[0], f"{own}{SEPARATOR}{names[row[13] - 1] if row[13] else ''}", row[12])
                for row, own in chunk
            ],
        )
        links = []
        for row, _own in chunk:
            if dice.random() < 0.3:
                links += [(row[0], tag) for tag in dice.sample(tags, 3)]
        _write(connection, "contact_tag", "contact_id tag_id", links)
    connection.execute(text("DELETE FROM counter"))
    connection.execute(
        text("INSERT INTO counter (name, value) VALUES ('contact', :n)"), {"n": contacts}
    )
    if connection.dialect.name == "postgresql":
        for table in ("account", "contact", "tag"):
            connection.execute(
                text(
                    f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), (SELECT max(id) FROM {table}))"
                )
            )


def _entities(connection: Connection, root: int) -> tuple[list[int], list[int]]:
    moment = datetime(2026, 1, 1)
    insert = text(
        "INSERT INTO entity (name, parent_id, path, version, created_at, updated_at)"
        " VALUES (:name, :parent, :path, 1, :at, :at) RETURNING id"
    )

    def add(name: str, parent: int, above: str) -> tuple[int, str]:
        number = connection.scalar(
            insert, {"name": name, "parent": parent, "path": "", "at": moment}
        )
        path = f"{above}{number}/"
        connection.execute(
            text("UPDATE entity SET path = :path WHERE id = :id"), {"path": path, "id": number}
        )
        return number, path

    ordinary = []
    for region in range(10):
        top, path = add(f"Región {region + 1}", root, f"/{root}/")
        ordinary.append(top)
        ordinary += [add(f"Sede {region + 1}.{branch + 1}", top, path)[0] for branch in range(9)]
    one, path = add("One percent", root, f"/{root}/")
    return ordinary, [one, add("Half", one, path)[0], add("Other half", one, path)[0]]


def _accounts(dice: random.Random, count: int, entities: list[int], moment) -> Iterator[tuple]:
    for number in range(1, count + 1):
        name = f"{dice.choice(KINDS)} {dice.choice(LAST)} {number}"
        yield (
            number, name, sort_key(name), f"info@empresa{number}.example",
            dice.choice(CITIES), "ES", dice.choice(entities), 1, moment, moment,
        )  # fmt: skip


def _contacts(
    dice: random.Random, count: int, accounts: int, entities, small, lists, moment
) -> Iterator[tuple[tuple, str]]:
    folded = {name: fold(name) for name in {*FIRST, *LAST, RARE}}
    keys = {name: sort_key(name) for name in {*FIRST, *LAST, RARE}}
    for number in range(1, count + 1):
        first, one, two = dice.choice(FIRST), dice.choice(LAST), dice.choice(LAST)
        if number % 50_000 == 777:
            two = RARE
        email = f"{folded[first]}.{folded[one]}{number}@example.org".replace("'", "")
        phone, mobile = f"+349{dice.randrange(10**8):08d}", f"+346{dice.randrange(10**8):08d}"
        has_phone, has_mobile = dice.random() < 0.4, dice.random() < 0.8
        made = moment + timedelta(seconds=number)
        member = f"{number:06d}"
        row = (
            number, member, first, f"{one} {two}", f"{keys[one]} {keys[two]} {keys[first]}",
            email if dice.random() < 0.9 else None,
            phone if has_phone else None, mobile if has_mobile else None,
            dice.choice(CITIES), "ES", date(1930, 1, 1) + timedelta(days=dice.randrange(28_000)),
            "es" if number % 3 else "en",
            dice.choice(small) if dice.random() < 0.01 else dice.choice(entities),
            dice.randrange(accounts) + 1 if dice.random() < 0.4 else None,
            dice.choices(lists["contact_type"], (50, 15, 12, 8, 10, 5))[0],
            dice.choice(lists["category"]) if dice.random() < 0.3 else None,
            dice.choices(lists["status"], (80, 12, 8))[0], 1, made, made,
        )  # fmt: skip
        numbers = f"{phone[1:] if has_phone else ''} {mobile[1:] if has_mobile else ''}"
        own = f"{folded[first]} {folded[one]} {folded[two]} {row[5] or ''} {member} {numbers}"
        yield row, " ".join(own.split())


def _write(connection: Connection, table: str, columns: str, rows: list[tuple]) -> None:
    names = columns.split()
    if not rows:
        return
    if connection.dialect.name == "postgresql":
        columns = ", ".join(names)
        raw: Any = connection.connection
        with (
            raw.cursor() as cursor,
            cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as copy,
        ):
            for row in rows:
                copy.write_row(row)
        return
    marks = ", ".join("?" for _ in names)
    plain = [
        tuple(
            v.isoformat(" ")
            if isinstance(v, datetime)
            else v.isoformat()
            if isinstance(v, date)
            else v
            for v in row
        )
        for row in rows
    ]
    connection.exec_driver_sql(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks})", plain)
