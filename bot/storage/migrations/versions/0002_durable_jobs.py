"""Jobs that survive a restart: their state, weight, pictures, frames and checkpoints."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add columns and tables; jobs that have ended count as announced."""
    # Replaced, so that no id is used twice: old buttons hold ids.
    kwargs = {"sqlite_autoincrement": True}
    with op.batch_alter_table("jobs", recreate="always", table_kwargs=kwargs) as jobs:
        jobs.add_column(sa.Column("kind", sa.String(16), nullable=False, server_default="imagine"))
        jobs.add_column(sa.Column("parent_id", sa.Integer))
        jobs.add_column(sa.Column("guild_id", sa.BigInteger))
        jobs.add_column(sa.Column("channel_id", sa.BigInteger))
        jobs.add_column(sa.Column("weight", sa.Double, nullable=False, server_default="1"))
        jobs.add_column(sa.Column("stop_wanted", sa.Boolean, nullable=False, server_default="0"))
        jobs.add_column(sa.Column("notice", sa.String))
        jobs.add_column(sa.Column("seconds", sa.Double))
        jobs.add_column(sa.Column("began_at", sa.DateTime))
        jobs.add_column(sa.Column("told_at", sa.DateTime))
    op.execute("UPDATE jobs SET told_at = ended_at WHERE state NOT IN ('queued', 'running')")
    op.execute(
        "UPDATE jobs SET guild_id = places.guild_id, channel_id = places.channel_id "
        "FROM places WHERE places.job_id = jobs.id"
    )
    op.create_index("ix_jobs_guild_id", "jobs", ["guild_id"])
    op.create_index("ix_jobs_told_at", "jobs", ["told_at"])
    op.add_column("places", sa.Column("progress_id", sa.BigInteger))
    op.add_column("posts", sa.Column("channel_id", sa.BigInteger))
    op.add_column("posts", sa.Column("number", sa.Integer))
    op.create_table(
        "pictures",
        sa.Column("job_id", sa.Integer, sa.ForeignKey("jobs.id"), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("steps", sa.Integer, nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.Column("created_at", sa.DateTime, nullable=False),
    )
    op.create_table(
        "frames",
        sa.Column("job_id", sa.Integer, sa.ForeignKey("jobs.id"), primary_key=True),
        sa.Column("picture", sa.Integer, primary_key=True),
        sa.Column("step", sa.Integer, primary_key=True),
        sa.Column("content", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "checkpoints",
        sa.Column("job_id", sa.Integer, sa.ForeignKey("jobs.id"), primary_key=True),
        sa.Column("picture", sa.Integer, primary_key=True),
        sa.Column("steps_done", sa.Integer, primary_key=True),
        sa.Column("seconds", sa.Double, nullable=False),
        sa.Column("state", sa.LargeBinary, nullable=False),
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("created_at", sa.DateTime, nullable=False),
    )
