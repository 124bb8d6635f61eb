"""How long each picture took."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
loses = "how long each picture took"


def upgrade() -> None:
    """Add a column."""
    op.add_column("pictures", sa.Column("seconds", sa.Double))


def downgrade() -> None:
    """Remove the column."""
    op.drop_column("pictures", "seconds")
