"""The tables before there were migrations.

Databases from that time have some of them already, so each is created only if it is missing.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create missing tables."""
    op.create_table(
        "jobs",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("author_id", sa.BigInteger, nullable=False),
        sa.Column("prompt", sa.String, nullable=False),
        sa.Column("recipes", sa.JSON, nullable=False),
        sa.Column("reason", sa.String),
        sa.Column("accepted_at", sa.DateTime, nullable=False),
        sa.Column("ended_at", sa.DateTime),
        if_not_exists=True,
    )
    _index("jobs", "state")
    _index("jobs", "author_id")
    op.create_table(
        "places",
        sa.Column("job_id", sa.Integer, sa.ForeignKey("jobs.id"), primary_key=True),
        sa.Column("guild_id", sa.BigInteger),
        sa.Column("channel_id", sa.BigInteger, nullable=False),
        sa.Column("post_id", sa.BigInteger, nullable=False),
        sa.Column("message_id", sa.BigInteger, nullable=False),
        if_not_exists=True,
    )
    _index("places", "message_id")
    op.create_table(
        "posts",
        sa.Column("message_id", sa.BigInteger, primary_key=True),
        sa.Column("job_id", sa.Integer, sa.ForeignKey("jobs.id"), nullable=False),
        if_not_exists=True,
    )
    _index("posts", "job_id")
    op.create_table(
        "drafts",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("author_id", sa.BigInteger, nullable=False),
        sa.Column("source", sa.LargeBinary, nullable=False),
        sa.Column("mask", sa.LargeBinary),
        sa.Column("replace_with", sa.String),
        sa.Column("created_at", sa.DateTime, nullable=False),
        sqlite_autoincrement=True,
        if_not_exists=True,
    )
    _index("drafts", "author_id")
    op.create_table(
        "facts",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("value", sa.String, nullable=False),
        if_not_exists=True,
    )


def _index(table: str, column: str) -> None:
    op.create_index(f"ix_{table}_{column}", table, [column], if_not_exists=True)
