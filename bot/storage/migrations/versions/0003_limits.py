"""Data for limits: the number of pictures of a job, and the settings of servers."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add a column and a table."""
    op.add_column("jobs", sa.Column("pictures", sa.Integer, nullable=False, server_default="1"))
    op.execute("UPDATE jobs SET pictures = json_array_length(recipes) WHERE json_valid(recipes)")
    op.create_table(
        "guild_settings",
        sa.Column("guild_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("settings", sa.String, nullable=False),
    )
