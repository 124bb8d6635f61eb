"""A column for messages that hold only one of several pictures."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Add a column."""
    op.add_column("posts", sa.Column("picture", sa.Integer))
