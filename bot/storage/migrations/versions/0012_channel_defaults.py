"""A table for the defaults of channels."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
loses = "the defaults of channels"


def upgrade() -> None:
    """Add a table."""
    op.create_table(
        "channel_defaults",
        sa.Column("channel_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("defaults", sa.String, nullable=False),
    )


def downgrade() -> None:
    """Remove the table."""
    op.drop_table("channel_defaults")
