"""Which jobs show the best of their pictures, and what chose it."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
loses = "which jobs show the best of their pictures, and how well each picture fits"


def upgrade() -> None:
    """Add columns."""
    op.add_column("jobs", sa.Column("keeps_best", sa.Boolean, nullable=False, server_default="0"))
    op.add_column("jobs", sa.Column("judge", sa.String))
    op.add_column("pictures", sa.Column("similarity", sa.Double))


def downgrade() -> None:
    """Remove the columns."""
    op.drop_column("pictures", "similarity")
    op.drop_column("jobs", "judge")
    op.drop_column("jobs", "keeps_best")
