"""A table for what people prefer."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
loses = "what people prefer, such as how they hear that a picture is done"


def upgrade() -> None:
    """Add a table."""
    op.create_table(
        "preferences",
        sa.Column("author_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("preferences", sa.String, nullable=False),
    )


def downgrade() -> None:
    """Remove the table."""
    op.drop_table("preferences")
