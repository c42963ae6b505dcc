"""Sessions, throttling, one-time links, two-factor sign-in, mails, seals of the log.

Columns are added and dropped with plain statements: to copy a million contacts on SQLite for one
column would take minutes.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

JSON = sa.JSON(none_as_null=True).with_variant(
    postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), "postgresql"
)
SECURITY = sa.text("subject_type = 'security'")
ADDED = {
    "ab_role": (
        "version INTEGER NOT NULL DEFAULT '1'",
        "updated_at TIMESTAMP",
        "needs_second_factor BOOLEAN NOT NULL DEFAULT '0'",
    ),
    "ab_user": (
        "employed_until DATE",
        "totp_secret VARCHAR(200)",
        "totp_step INTEGER",
        "version INTEGER NOT NULL DEFAULT '1'",
        "updated_at TIMESTAMP",
        "trashed_at TIMESTAMP",
        "trashed_by_id INTEGER",
    ),
    "contact": (
        "user_id INTEGER CONSTRAINT fk_contact_user_id_ab_user"
        " REFERENCES ab_user (id) ON DELETE SET NULL",
    ),
}


def upgrade() -> None:
    op.create_table(
        "attempt_counter",
        sa.Column("key", sa.String(length=120), nullable=False),
        sa.Column("since", sa.DateTime(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_attempt_counter")),
    )
    op.create_index("ix_attempt_counter_since", "attempt_counter", ["since"])
    op.create_table(
        "log_seal",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("first_id", sa.BigInteger(), nullable=False),
        sa.Column("last_id", sa.BigInteger(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_log_seal")),
    )
    op.create_table(
        "mail",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=True),
        sa.Column("data", JSON, nullable=True),
        sa.Column("recipient", sa.String(length=320), nullable=False),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("content", sa.Text(), nullable=True),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("error", sa.String(length=200), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("due_at", sa.DateTime(), nullable=False),
        sa.Column("sent_at", sa.DateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"], ["ab_user.id"], name=op.f("fk_mail_user_id_ab_user"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mail")),
    )
    op.create_index("ix_mail_due", "mail", ["state", "due_at"])
    op.create_index("ix_mail_user_id", "mail", ["user_id"])
    op.create_table(
        "one_time_link",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("purpose", sa.String(length=24), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("binding", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("expires_at", sa.DateTime(), nullable=False),
        sa.Column("used_at", sa.DateTime(), nullable=True),
        _user("one_time_link"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_one_time_link")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_one_time_link_token_hash")),
    )
    op.create_index("ix_one_time_link_user_id", "one_time_link", ["user_id"])
    op.create_table(
        "recovery_code",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("code_hash", sa.String(length=64), nullable=False),
        sa.Column("used_at", sa.DateTime(), nullable=True),
        _user("recovery_code"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recovery_code")),
    )
    op.create_index("ix_recovery_code_user_id", "recovery_code", ["user_id"])
    op.create_table(
        "sign_in_session",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("is_full", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("seen_at", sa.DateTime(), nullable=False),
        sa.Column("expires_at", sa.DateTime(), nullable=False),
        sa.Column("ended_at", sa.DateTime(), nullable=True),
        sa.Column("ended_because", sa.String(length=24), nullable=True),
        sa.Column("address", sa.String(length=64), nullable=False),
        sa.Column("agent", sa.String(length=200), nullable=False),
        _user("sign_in_session"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sign_in_session")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_sign_in_session_token_hash")),
    )
    op.create_index("ix_sign_in_session_user", "sign_in_session", ["user_id", "ended_at"])
    for table, columns in ADDED.items():
        for column in columns:
            op.execute(f"ALTER TABLE {table} ADD COLUMN {column}")
    op.create_index("ix_contact_user", "contact", ["user_id"], unique=True)
    op.create_index("ix_ab_user_trashed", "ab_user", ["trashed_at", "id"], **_where(TRASHED))
    op.create_index("ix_log_entry_security", "log_entry", ["id"], **_where(SECURITY))
    op.create_index("ix_log_entry_fact", "log_entry", ["event", "id"], **_where(SECURITY))
    _forbid_changing_the_seals()


def _forbid_changing_the_seals() -> None:
    """Let the seals of the log only be added to, as the log itself."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE TRIGGER log_seal_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON log_seal "
            "FOR EACH STATEMENT EXECUTE FUNCTION padron_log_is_append_only()"
        )
        return
    for moment in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER log_seal_no_{moment.lower()} BEFORE {moment} ON log_seal "
            "BEGIN SELECT RAISE(ABORT, 'the log is only ever added to'); END"
        )


TRASHED = sa.text("trashed_at IS NOT NULL")


def _where(condition: sa.TextClause) -> dict[str, sa.TextClause]:
    return {"sqlite_where": condition, "postgresql_where": condition}


def _user(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["user_id"], ["ab_user.id"], name=f"fk_{table}_user_id_ab_user", ondelete="CASCADE"
    )


def downgrade() -> None:
    op.drop_index("ix_log_entry_fact", "log_entry")
    op.drop_index("ix_log_entry_security", "log_entry")
    op.drop_index("ix_ab_user_trashed", "ab_user")
    op.drop_index("ix_contact_user", "contact")
    for table, columns in reversed(ADDED.items()):
        for column in reversed(columns):
            op.execute(f"ALTER TABLE {table} DROP COLUMN {column.partition(' ')[0]}")
    for table in (
        "sign_in_session", "recovery_code", "one_time_link", "mail", "log_seal", "attempt_counter",
    ):  # fmt: skip
        op.drop_table(table)
