"""An index that finds a person's newest job, however many jobs others have asked for since."""

from alembic import op

revision = "0018"
down_revision = "0017"
loses = ""


def upgrade() -> None:
    """Replace the index of people by one that is in the order of their jobs."""
    op.create_index("ix_jobs_of_person", "jobs", ["author_id", "id"])
    op.drop_index("ix_jobs_author_id", "jobs")


def downgrade() -> None:
    """Bring the former index back."""
    op.create_index("ix_jobs_author_id", "jobs", ["author_id"])
    op.drop_index("ix_jobs_of_person", "jobs")
