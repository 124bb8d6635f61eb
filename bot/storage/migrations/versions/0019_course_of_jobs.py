"""Where each job was painted, how often it went on, and why it failed; unknown for earlier ones."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
loses = "where each job was painted, how often it went on, and why it failed"


def upgrade() -> None:
    """Add three columns."""
    op.add_column("jobs", sa.Column("device", sa.String, nullable=True))
    op.add_column("jobs", sa.Column("starts", sa.Integer, nullable=False, server_default="0"))
    op.add_column("jobs", sa.Column("cause", sa.String, nullable=True))


def downgrade() -> None:
    """Remove the columns."""
    for name in ("cause", "starts", "device"):
        op.drop_column("jobs", name)
