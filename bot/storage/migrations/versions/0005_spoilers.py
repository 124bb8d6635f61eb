"""Which jobs and drafts were made from pictures that are spoilers."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add a column to both tables."""
    for table in ("jobs", "drafts"):
        op.add_column(table, sa.Column("spoiler", sa.Boolean, nullable=False, server_default="0"))
