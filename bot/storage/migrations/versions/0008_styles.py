"""A table for the styles that people save."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
loses = "the styles that people saved"


def upgrade() -> None:
    """Add a table."""
    op.create_table(
        "styles",
        sa.Column("author_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("key", sa.String, primary_key=True),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("words", sa.String, nullable=False),
    )


def downgrade() -> None:
    """Remove the table."""
    op.drop_table("styles")
