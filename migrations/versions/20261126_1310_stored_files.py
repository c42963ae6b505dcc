"""Give every stored file a row: the photos of contacts, and those that can be restored."""

import json
from datetime import datetime, timedelta, timezone

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0037"
branch_labels = None
depends_on = None

IS_EXPIRING = sa.text("expires_at IS NOT NULL")
# How long a replaced photo can be restored from the log.
RETENTION = timedelta(days=30)


def upgrade() -> None:
    files = op.create_table(
        "stored_file",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(80), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("type", sa.String(100), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=True),
        sa.Column("digest", sa.String(64), nullable=True),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("owner_type", sa.String(48), nullable=True),
        sa.Column("owner_id", sa.Integer(), nullable=True),
        sa.Column("expires_at", sa.DateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stored_file")),
        sa.UniqueConstraint("key", name=op.f("uq_stored_file_key")),
        sqlite_autoincrement=True,
    )
    op.execute(
        "INSERT INTO stored_file (key, name, type, created_at, owner_type, owner_id)"
        " SELECT photo, 'photo.jpg', 'image/jpeg', max(created_at), 'contact', max(id)"
        " FROM contact WHERE photo IS NOT NULL GROUP BY photo ORDER BY max(id)"
    )
    replaced = list(_replaced_photos())
    if replaced:
        op.bulk_insert(files, replaced)
    op.create_index("ix_stored_file_owner", "stored_file", ["owner_type", "owner_id"])
    op.create_index(
        "ix_stored_file_expires_at",
        "stored_file",
        ["expires_at"],
        sqlite_where=IS_EXPIRING,
        postgresql_where=IS_EXPIRING,
    )


def downgrade() -> None:
    """Drop the rows. The version before keeps a replaced photo until its file is a month old."""
    op.drop_table("stored_file")


def _replaced_photos():
    """Yield a row for each photo that was replaced in the last month, by what the log says."""
    now = datetime.now(timezone.utc).replace(tzinfo=None)
    run = op.get_bind().execute
    known = set(run(sa.text("SELECT key FROM stored_file")).scalars())
    entry = sa.table(
        "log_entry", sa.column("id"), sa.column("at", sa.DateTime()), sa.column("event"),
        sa.column("subject_type"), sa.column("subject_id"), sa.column("changes"),
    )  # fmt: skip
    changes = sa.cast(entry.c.changes, sa.Text())
    query = (
        sa.select(entry.c.at, entry.c.subject_id, changes)
        .where(entry.c.subject_type == "contact", entry.c.event == "changed")
        .where(entry.c.at > now - RETENTION, changes.contains('"photo"'))
        .order_by(entry.c.id.desc())
    )
    for at, contact_id, text in run(query):
        key = (json.loads(text).get("photo") or [None])[0]
        if isinstance(key, str) and key not in known:
            known.add(key)
            yield {
                "key": key,
                "name": "photo.jpg",
                "type": "image/jpeg",
                "created_at": at,
                "owner_type": "contact",
                "owner_id": contact_id,
                "expires_at": at + RETENTION,
            }
