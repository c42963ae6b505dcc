"""Give the numbers of a series: without gaps, and none twice.

The counter's row stays locked until the transaction ends, so that others wait for a number; a
rollback gives the numbers back. Take them late in a transaction, and keep it short.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from app.bulk import is_one_of
from app.i18n.clock import today
from app.numbers.models import NumberCounter


def next_numbers(session: Session, series: str, count: int, *, on: date | None = None) -> range:
    """Return the next ``count`` numbers of a series, which begins with 1.

    ``{year}`` in the name of the series is the year of ``on``, by default of today.
    """
    is_postgres = session.get_bind().dialect.name == "postgresql"
    insert: Any = postgresql.insert if is_postgres else sqlite.insert
    name = series.format(year=(on or today()).year)
    # One statement for a series that exists and for a new one: two first users do not race.
    last = session.scalar(
        insert(NumberCounter)
        .values(name=name, value=count)
        .on_conflict_do_update(
            index_elements=[NumberCounter.name], set_={"value": NumberCounter.value + count}
        )
        .returning(NumberCounter.value)
    )
    return range(last - count + 1, last + 1)


def free_numbers(session: Session, model: Any, count: int, taken: Iterable[str] = ()) -> list[str]:
    """Return the next ``count`` numbers of a model's series as its rows have them.

    Numbers that a row has already, since somebody typed them, are passed over, and so are those
    in ``taken``, which are about to be used.
    """
    day = today()
    numbers: list[str] = []
    taken_numbers = set(taken)
    while len(numbers) < count:
        given = next_numbers(session, model.series, count - len(numbers), on=day)
        candidates = [model.number_format.format(number=number, year=day.year) for number in given]
        is_taken = is_one_of(session.get_bind().dialect, model.number, candidates)
        query = select(model.number).where(is_taken)
        with session.no_autoflush:
            taken_numbers |= set(session.scalars(query.execution_options(with_trash=True)))
        numbers += [number for number in candidates if number not in taken_numbers]
    return numbers


def give_number(session: Session, row: Any) -> str:
    """Give a row the next number of its series unless it has one; return its number."""
    if not row.number:
        row.number = free_numbers(session, type(row), 1)[0]
    return row.number
