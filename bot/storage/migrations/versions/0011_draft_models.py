"""Which models painted the picture of a draft."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
loses = "which models painted the pictures of drafts"


def upgrade() -> None:
    """Add a column."""
    op.add_column("drafts", sa.Column("models", sa.String, nullable=True))


def downgrade() -> None:
    """Remove the column."""
    op.drop_column("drafts", "models")
