"""Which jobs and drafts are made from something of others; of earlier ones, what may be."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
loses = "which pictures are made from something of others, and so are not in the gallery"

_ATTACHED = """
UPDATE jobs SET borrowed = :yes WHERE parent_id IS NULL AND (
    sources_removed = :yes OR EXISTS (SELECT 1 FROM sources WHERE sources.job_id = jobs.id))
"""
"""Nobody stored whose pictures were attached."""
_CONTINUED = """
UPDATE jobs SET borrowed = :yes WHERE borrowed = :no AND parent_id IS NOT NULL AND NOT EXISTS (
    SELECT 1 FROM jobs AS parent
    WHERE parent.id = jobs.parent_id AND parent.author_id = jobs.author_id
    AND parent.borrowed = :no)
"""


def upgrade() -> None:
    """Add a column to both tables."""
    for table in ("jobs", "drafts"):
        op.add_column(table, sa.Column("borrowed", sa.Boolean, nullable=False, server_default="0"))
    values = [sa.bindparam("yes", True, sa.Boolean), sa.bindparam("no", False, sa.Boolean)]
    connection = op.get_bind()
    connection.execute(sa.text(_ATTACHED).bindparams(values[0]))
    while connection.execute(sa.text(_CONTINUED).bindparams(*values)).rowcount > 0:
        pass  # once for each generation


def downgrade() -> None:
    """Remove the columns."""
    for table in ("drafts", "jobs"):
        op.drop_column(table, "borrowed")
