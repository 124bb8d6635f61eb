"""Messages about people in moderation logs, which an erasure deletes."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
loses = "which messages in moderation logs are about whom: /privacy delete no longer deletes them"


def upgrade() -> None:
    """Add a table."""
    op.create_table(
        "log_messages",
        sa.Column("message_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("author_id", sa.BigInteger, nullable=False),
        sa.Column("channel_id", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_log_messages_author_id", "log_messages", ["author_id"])


def downgrade() -> None:
    """Remove the table, with its index."""
    op.drop_table("log_messages")
