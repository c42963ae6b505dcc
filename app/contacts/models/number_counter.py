"""Counters of numbers, such as the last member number."""

from __future__ import annotations

from flask_appbuilder import Model
from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column


class NumberCounter(Model):
    """The last number given in a series; ``name`` is the series."""

    __tablename__ = "counter"

    name: Mapped[str] = mapped_column(String(32), primary_key=True)
    value: Mapped[int] = mapped_column(default=0)
