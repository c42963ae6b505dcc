"""The mixin of rows that can be merged, and the tables of merges and of the rows they moved."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask_appbuilder import Model
from sqlalchemy import ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from app.trash.models import Trashable
from app.types import Json, UTCDateTime, now


class Mergeable(Trashable):
    """Mixin of a row that can be merged into another one of its model.

    It has a trash, a log and a version. The merged row is in the trash, and its
    ``merged_into_id`` leads to the row that stays.
    """

    merged_into_id: Mapped[int | None] = mapped_column()

    @staticmethod
    def merged_index(table: str) -> tuple[Index]:
        """Return the index for ``__table_args__`` that finds what was merged into a row."""
        condition = text("merged_into_id IS NOT NULL")
        return (
            Index(
                f"ix_{table}_merged_into",
                "merged_into_id",
                sqlite_where=condition,
                postgresql_where=condition,
            ),
        )


class Merge(Model):
    """A merge of two rows of one table.

    ``fields`` holds, for the row that stays and for the merged one, the fields that the merge
    changed with the values before and after, as the log stores them; it is emptied, and the moves
    are deleted, once the merge can no longer be undone. ``counts`` says by rule how many rows
    moved. ``kept`` lists what an undoing has left as it was: (rule or field, row's id, reason).
    """

    __tablename__ = "row_merge"
    __table_args__ = (
        Index("ix_row_merge_survivor", "subject_type", "survivor_id", "id"),
        Index("ix_row_merge_merged", "subject_type", "merged_id", "id"),
        Index("ix_row_merge_undo_until", "undo_until"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    # Log entries name the operation.
    operation_id: Mapped[int] = mapped_column(
        ForeignKey("operation.id", ondelete="CASCADE"), unique=True
    )
    subject_type: Mapped[str] = mapped_column(String(48))
    survivor_id: Mapped[int]
    merged_id: Mapped[int]
    fields: Mapped[dict[str, Any] | None] = mapped_column(Json)
    counts: Mapped[dict[str, int]] = mapped_column(Json, default=dict)
    actor_id: Mapped[int | None] = mapped_column(ForeignKey("ab_user.id", ondelete="SET NULL"))
    actor_name: Mapped[str] = mapped_column(String(160), default="")
    at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    undo_until: Mapped[datetime] = mapped_column(UTCDateTime)
    undone_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    undone_by: Mapped[str] = mapped_column(String(160), default="")
    kept: Mapped[list[list[Any]] | None] = mapped_column(Json)


class MergeMove(Model):
    """A row that a merge moved or linked by one of its rules, and its version after that."""

    __tablename__ = "merge_move"
    __table_args__ = (Index("ix_merge_move_merge", "merge_id", "rule", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    merge_id: Mapped[int] = mapped_column(ForeignKey("row_merge.id", ondelete="CASCADE"))
    rule: Mapped[str] = mapped_column(String(80))
    row_id: Mapped[int]
    version: Mapped[int | None]
    # What else the rule needs to undo it.
    before: Mapped[dict[str, Any] | None] = mapped_column(Json)
