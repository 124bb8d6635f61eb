"""Data for erasure and retention: requests, and messages that are still on Discord."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add a column, tables and indexes."""
    op.add_column("jobs", sa.Column("sources_removed", sa.Boolean))
    op.create_index("ix_jobs_kept", "jobs", ["sources_removed", "ended_at"])
    op.create_table(
        "deletions",
        sa.Column("author_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("last_job_id", sa.Integer, nullable=False),
        sa.Column("last_draft_id", sa.Integer, nullable=False),
        *(
            sa.Column(name, sa.Integer, nullable=False, server_default="0")
            for name in ("jobs", "pictures", "drafts", "messages", "left")
        ),
    )
    op.create_table(
        "removals",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("author_id", sa.BigInteger, nullable=False),
        sa.Column("channel_id", sa.BigInteger, nullable=False),
        sa.Column("message_id", sa.BigInteger, nullable=False),
        sa.Column("is_thread", sa.Boolean, nullable=False),
    )
    op.create_index("ix_removals_author_id", "removals", ["author_id"])
