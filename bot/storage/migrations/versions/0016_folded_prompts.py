"""Prompts in folded case, for searching in every database."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
loses = ""

_BATCH = 500
"""Number of jobs whose prompts are in memory at a time."""


def upgrade() -> None:
    """Add a column, and fill it for stored jobs."""
    op.add_column("jobs", sa.Column("prompt_folded", sa.String, nullable=False, server_default=""))
    jobs = sa.table("jobs", *map(sa.column, ("id", "prompt", "prompt_folded")))
    connection = op.get_bind()
    change = (
        sa.update(jobs)
        .where(jobs.c.id == sa.bindparam("job_id", type_=sa.BigInteger))
        .values(prompt_folded=sa.bindparam("folded", type_=sa.String))
    )
    last = -1
    while True:
        rows = sa.select(jobs.c.id, jobs.c.prompt).where(jobs.c.id > last).order_by(jobs.c.id)
        found = connection.execute(rows.limit(_BATCH)).all()
        if not found:
            break
        folded = [{"job_id": job_id, "folded": prompt.casefold()} for job_id, prompt in found]
        connection.execute(change, folded)
        last = found[-1][0]


def downgrade() -> None:
    """Remove the column, which a later upgrade fills again."""
    op.drop_column("jobs", "prompt_folded")
