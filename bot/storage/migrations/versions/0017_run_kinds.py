"""The kind of run of each checkpoint; that of earlier ones is not known."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
loses = "on which kind of device each unfinished picture was begun"


def upgrade() -> None:
    """Add a column, and an index that holds it."""
    op.add_column("checkpoints", sa.Column("runs", sa.String, nullable=False, server_default=""))
    columns = ["job_id", "picture", "steps_done", "runs"]
    op.create_index("ix_checkpoints_runs", "checkpoints", columns)


def downgrade() -> None:
    """Remove the index and the column."""
    op.drop_index("ix_checkpoints_runs", "checkpoints")
    op.drop_column("checkpoints", "runs")
