"""A column for messages that hold only one of several pictures."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
loses = "which pictures of several were posted by themselves: they can be posted again"


def upgrade() -> None:
    """Add a column."""
    op.add_column("posts", sa.Column("picture", sa.Integer))


def downgrade() -> None:
    """Remove the column."""
    op.drop_column("posts", "picture")
