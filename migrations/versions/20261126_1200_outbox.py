"""Make the table of mails one of messages: any recipient, a channel and a priority."""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

# The kinds whose link somebody waits for, and the rest.
URGENT_KINDS, URGENT, NORMAL = "('welcome', 'reset', 'link')", 10, 50


def upgrade() -> None:
    op.drop_index("ix_mail_due", "mail")
    op.drop_index("ix_mail_user_id", "mail")
    op.rename_table("mail", "outbox_message")
    _rename_key("mail", "outbox_message")
    with op.batch_alter_table("outbox_message") as table:
        table.add_column(sa.Column("channel", sa.String(16), nullable=False, server_default="email"))
        table.add_column(sa.Column("priority", sa.Integer(), nullable=False, server_default=str(NORMAL)))
        table.add_column(sa.Column("recipient_type", sa.String(48), nullable=True))
        table.add_column(sa.Column("recipient_id", sa.Integer(), nullable=True))
    op.execute(
        "UPDATE outbox_message SET recipient_type = 'ab_user', recipient_id = user_id"
        " WHERE user_id IS NOT NULL"
    )
    op.execute(f"UPDATE outbox_message SET priority = {URGENT} WHERE kind IN {URGENT_KINDS}")
    with op.batch_alter_table("outbox_message") as table:
        table.drop_constraint("fk_mail_user_id_ab_user", type_="foreignkey")
        table.drop_column("user_id")
        table.alter_column("channel", existing_type=sa.String(16), server_default=None)
        table.alter_column("priority", existing_type=sa.Integer(), server_default=None)
    op.create_index(
        "ix_outbox_message_due", "outbox_message", ["state", "channel", "priority", "due_at", "id"]
    )
    op.create_index(
        "ix_outbox_message_recipient", "outbox_message", ["recipient_type", "recipient_id"]
    )


def downgrade() -> None:
    op.drop_index("ix_outbox_message_recipient", "outbox_message")
    op.drop_index("ix_outbox_message_due", "outbox_message")
    # The older version sends e-mails to users only.
    op.execute("DELETE FROM outbox_message WHERE channel <> 'email'")
    op.execute("DELETE FROM outbox_message WHERE recipient_type <> 'ab_user'")
    op.rename_table("outbox_message", "mail")
    _rename_key("outbox_message", "mail")
    with op.batch_alter_table("mail") as table:
        table.add_column(sa.Column("user_id", sa.Integer(), nullable=True))
    op.execute(
        "UPDATE mail SET user_id = recipient_id WHERE recipient_id IN (SELECT id FROM ab_user)"
    )
    with op.batch_alter_table("mail") as table:
        table.create_foreign_key(
            "fk_mail_user_id_ab_user", "ab_user", ["user_id"], ["id"], ondelete="SET NULL"
        )
        for name in ("channel", "priority", "recipient_type", "recipient_id"):
            table.drop_column(name)
    op.create_index("ix_mail_due", "mail", ["state", "due_at"])
    op.create_index("ix_mail_user_id", "mail", ["user_id"])


def _rename_key(old: str, new: str) -> None:
    """Rename the primary key and the sequence of a table that was renamed."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"ALTER INDEX pk_{old} RENAME TO pk_{new}")
        op.execute(f"ALTER SEQUENCE {old}_id_seq RENAME TO {new}_id_seq")
