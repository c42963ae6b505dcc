"""Let the database refuse user names, e-mails and names of roles that look alike.

Nobody is lost: where two users already share a name, the later user name gets a number, which
the log says. An e-mail that somebody else has, too, stays as it is and is reported.
"""

import logging
import unicodedata
from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

log = logging.getLogger("alembic.runtime.migration")

IGNORABLE = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0\ufeff",
    (0x180B, 0x180F), (0x200B, 0x200F), (0x202A, 0x202E), (0x2060, 0x206F), (0xFE00, 0xFE0F),
    (0xFFF0, 0xFFFB), (0xE0000, 0xE0FFF),
)  # fmt: skip
# As app.lookalikes has them at this time.
CAPITALS = str.maketrans(
    "АВЕЅІЈКМНОРСТУХԌԚԜΑΒΕΖΗΙΚΜΝΟΡΤΥΧՍՏՕ", "ABESIJKMHOPCTYXGQWABEZHIKMNOPTYXUSO"
)
SMALL = str.maketrans("аесіјорѕухԁԛԝһӏѵαγικνορυχոսօհցıɑɡǀ", "aecijopsyxdqwhlvayikvopuxnuohgiagl")


def keys(name):
    """Return the keys of a name: names that look alike have one in common."""
    single, *ranges = IGNORABLE
    visible = "".join(
        c for c in name or "" if c not in single and not any(a <= ord(c) <= b for a, b in ranges)
    )
    text = unicodedata.normalize("NFKC", visible)
    text = unicodedata.normalize("NFKD", " ".join(text.split()))
    both = (text.translate(CAPITALS).casefold().translate(SMALL), text.casefold().translate(SMALL))
    return sorted({key for key in both if key})


class Names:
    """The keys in use of one kind, and the rows to be written for them."""

    def __init__(self, kind, owner):
        self.kind, self.owner, self.used, self.rows = kind, owner, {}, []

    def claim(self, name, owner_id):
        """Claim a name for a row; return False if another row has it."""
        wanted = keys(name)
        if any(self.used.get(key, owner_id) != owner_id for key in wanted):
            return False
        for key in wanted:
            if key not in self.used:
                self.used[key] = owner_id
                row = {"kind": self.kind, "key": key, "user_id": None, "role_id": None}
                self.rows.append(row | {self.owner: owner_id})
        return True

    def claim_renamed(self, name, owner_id, length):
        """Claim a name, with a number if another row has it; return it."""
        number, found = 1, name
        while not self.claim(found, owner_id):
            number += 1
            ending = f"-{number}"
            found = name[: length - len(ending)] + ending
        return found


def upgrade():
    table = op.create_table(
        "unique_name",
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column(
            "key", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False
        ),
        sa.Column("user_id", sa.Integer(), nullable=True),
        sa.Column("role_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["ab_user.id"],
            name=op.f("fk_unique_name_user_id_ab_user"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["role_id"],
            ["ab_role.id"],
            name=op.f("fk_unique_name_role_id_ab_role"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("kind", "key", name=op.f("pk_unique_name")),
    )
    op.create_index(op.f("ix_unique_name_user_id"), "unique_name", ["user_id"])
    op.create_index(op.f("ix_unique_name_role_id"), "unique_name", ["role_id"])
    connection = op.get_bind()
    users = connection.execute(
        sa.text("SELECT id, username, email, first_name, last_name FROM ab_user ORDER BY id")
    ).all()
    names = Names("login", "user_id")
    for user in users:
        if not names.claim(user.email, user.id):
            log.warning("The e-mail of user %s is also another user's: change one.", user.id)
    for user in users:
        name = names.claim_renamed(user.username or f"user-{user.id}", user.id, 64)
        if name != user.username:
            person = f"{user.first_name} {user.last_name}"
            rename(connection, "ab_user", "username", user.id, person, user.username, name)
    roles = Names("role", "role_id")
    for pk, old in connection.execute(sa.text("SELECT id, name FROM ab_role ORDER BY id")).all():
        name = roles.claim_renamed(old, pk, 64)
        if name != old:
            rename(connection, "ab_role", "name", pk, old, old, name)
    for rows in (names.rows, roles.rows):
        for first in range(0, len(rows), 1000):
            connection.execute(sa.insert(table), rows[first : first + 1000])


def rename(connection, table, column, pk, subject, old, new):
    """Rename a row, and say so in the log."""
    log.warning("%s %s is renamed from %r to %r.", table, pk, old, new)
    renamed = sa.table(table, sa.column("id"), sa.column("version"), sa.column(column))
    connection.execute(
        sa.update(renamed)
        .where(renamed.c.id == pk)
        .values({column: new, "version": renamed.c.version + 1})
    )
    entry = sa.table(
        "log_entry",
        sa.column("at", sa.DateTime()),
        sa.column("changes", sa.JSON()),
        *(
            sa.column(name)
            for name in (
                "actor_name", "channel", "event", "subject_type", "subject_id", "subject_name",
            )
        ),
    )  # fmt: skip
    connection.execute(
        sa.insert(entry).values(
            at=datetime.now(UTC).replace(tzinfo=None), changes={column: [old, new]},
            actor_name="Padrón", channel="cli", event="changed", subject_type=table,
            subject_id=pk, subject_name=subject[:200],
        )
    )  # fmt: skip


def downgrade():
    op.drop_table("unique_name")
