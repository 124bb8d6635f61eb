"""Who agreed to the gallery, and what the gallery knows of pictures."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
loses = "who agreed that their pictures are shown in the gallery, and which pictures look alike"

_Whole = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Add two tables."""
    op.create_table(
        "gallery_people",
        sa.Column("author_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("audience", sa.String(16), nullable=False),
        sa.Column("agreed_at", sa.DateTime, nullable=False),
    )
    op.create_table(
        "gallery_pictures",
        sa.Column("id", _Whole, primary_key=True),
        sa.Column("job_id", _Whole, nullable=False),
        sa.Column("number", _Whole, nullable=False),
        sa.Column("perceptor", sa.String, nullable=False),
        sa.Column("vector", sa.LargeBinary, nullable=False),
        sa.Column("picture_filter", sa.String, nullable=False),
        sa.Column("score", sa.Double),
        sa.ForeignKeyConstraint(
            ["job_id", "number"], ["pictures.job_id", "pictures.number"], ondelete="CASCADE"
        ),
        sa.UniqueConstraint("job_id", "number", name="uq_gallery_pictures"),
        sqlite_autoincrement=True,
    )


def downgrade() -> None:
    """Remove them."""
    op.drop_table("gallery_pictures")
    op.drop_table("gallery_people")
