"""The languages of messages about jobs, and about the end of a deletion."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
loses = "the languages of messages about stored jobs"


def upgrade() -> None:
    """Add columns."""
    op.add_column("jobs", sa.Column("locale", sa.String(16)))
    op.add_column("jobs", sa.Column("author_locale", sa.String(16)))
    op.add_column("deletions", sa.Column("locale", sa.String(16)))


def downgrade() -> None:
    """Remove the columns."""
    op.drop_column("deletions", "locale")
    op.drop_column("jobs", "author_locale")
    op.drop_column("jobs", "locale")
