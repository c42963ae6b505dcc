"""Imports: an uploaded file, what was chosen for it, what the check found, and what became of it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask_appbuilder import Model
from sqlalchemy import JSON, BigInteger, ForeignKey, Index, LargeBinary, String, Text, false
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.jobs.models import Job
from app.operations.models import Operation
from app.types import Json, UTCDateTime, now

Numbers = JSON().with_variant(ARRAY(BigInteger), "postgresql")


class ImportRun(Model):
    """An import, from the upload to its undoing.

    ``choices`` holds what was chosen on the page, ``plan`` what that and the file decide, and
    ``plan_hash`` is a digest of both and of the file: what was checked is what runs.
    """

    __tablename__ = "import_run"
    __table_args__ = (Index("ix_import_run_operation_id", "operation_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    # Random; it stands in addresses.
    token: Mapped[str] = mapped_column(String(32), unique=True)
    importer: Mapped[str] = mapped_column(String(48))
    file_name: Mapped[str] = mapped_column(String(200))
    # The stored file: its key, and SHA-256 of it.
    file_key: Mapped[str] = mapped_column(String(80))
    file_digest: Mapped[str] = mapped_column(String(64))
    # The workbook or the vCards that the rows were read from; None if the file was CSV.
    original_key: Mapped[str | None] = mapped_column(String(80))
    # The names of the sheets of a workbook, and of the one that was read.
    sheets: Mapped[list[str] | None] = mapped_column(Json)
    sheet: Mapped[str | None] = mapped_column(String(200))
    # About how many rows it has, by its line ends.
    lines: Mapped[int] = mapped_column(default=0)
    choices: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    plan: Mapped[dict[str, Any] | None] = mapped_column(Json)
    plan_hash: Mapped[str | None] = mapped_column(String(64))
    # The reports, as ``Report.to_json`` writes them.
    checked: Mapped[dict[str, Any] | None] = mapped_column(Json)
    result: Mapped[dict[str, Any] | None] = mapped_column(Json)
    actor_id: Mapped[int | None] = mapped_column(ForeignKey("ab_user.id", ondelete="SET NULL"))
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    check_job_id: Mapped[int | None] = mapped_column(ForeignKey("job.id", ondelete="SET NULL"))
    operation_id: Mapped[int | None] = mapped_column(
        ForeignKey("operation.id", ondelete="SET NULL")
    )

    check_job: Mapped[Job | None] = relationship(foreign_keys=[check_job_id])
    operation: Mapped[Operation | None] = relationship(foreign_keys=[operation_id])


class ImportChunk(Model):
    """What the check found of some rows of the file, and where in the file they begin.

    ``outcomes`` has a letter for each row, ``ids`` the stored row it is about (0: none) and
    ``versions`` the version that row had. ``keys`` holds what later rows must not have, as pairs
    of a hash and a row number, until the check is done.
    """

    __tablename__ = "import_chunk"

    run_id: Mapped[int] = mapped_column(
        ForeignKey("import_run.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    # How many rows are before it.
    first: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    rows: Mapped[int]
    start: Mapped[list[Any]] = mapped_column(Json)
    outcomes: Mapped[str] = mapped_column(Text)
    ids: Mapped[list[int]] = mapped_column(Numbers)
    versions: Mapped[list[int]] = mapped_column(Numbers)
    keys: Mapped[bytes | None] = mapped_column(LargeBinary)


class ImportIssue(Model):
    """Why a row of the file is not imported: one for each cell that is wrong."""

    __tablename__ = "import_issue"
    __table_args__ = (
        Index("ix_import_issue_run_id", "run_id", "row", "id"),
        Index("ix_import_issue_value", "run_id", "field", "value"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    run_id: Mapped[int] = mapped_column(ForeignKey("import_run.id", ondelete="CASCADE"))
    # As a spreadsheet numbers the rows.
    row: Mapped[int]
    outcome: Mapped[str] = mapped_column(String(12))
    # The name of a field of the importer; empty if it is about the whole row.
    field: Mapped[str] = mapped_column(String(64), default="")
    reason: Mapped[str] = mapped_column(String(400))
    # What the cell holds, unless it is too long to be corrected on the page, or there is none.
    cell: Mapped[str | None] = mapped_column(String(200))
    # The text that is no value of the field, by which problems are grouped; else empty.
    value: Mapped[str] = mapped_column(String(200), default="", server_default="")
    # Whether what the row is about is in the trash, and can be restored.
    is_trashed: Mapped[bool] = mapped_column(default=False, server_default=false())


class ExportFile(Model):
    """A file that a job makes; it can be downloaded for a day, by whom it was made for.

    ``choices`` holds what was chosen, as ``ExportChoice.to_json`` writes it; ``reach`` is a digest
    of what its owner might export when the job was started.
    """

    __tablename__ = "export_file"

    id: Mapped[int] = mapped_column(primary_key=True)
    importer: Mapped[str] = mapped_column(String(48))
    choices: Mapped[dict[str, Any]] = mapped_column(Json)
    reach: Mapped[str] = mapped_column(String(64))
    file_key: Mapped[str | None] = mapped_column(String(80))
    file_name: Mapped[str] = mapped_column(String(200), default="")
    rows: Mapped[int] = mapped_column(default=0)
    actor_id: Mapped[int | None] = mapped_column(ForeignKey("ab_user.id", ondelete="CASCADE"))
    job_id: Mapped[int | None] = mapped_column(
        ForeignKey("job.id", ondelete="CASCADE"), unique=True
    )
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    expires_at: Mapped[datetime | None] = mapped_column(UTCDateTime)

    job: Mapped[Job | None] = relationship(foreign_keys=[job_id])
