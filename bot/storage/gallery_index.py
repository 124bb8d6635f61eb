"""What the gallery finds out about pictures: their embeddings, and scores of the picture filter."""

from collections.abc import Sequence
from dataclasses import asdict

from sqlalchemy import ColumnElement, and_, func, or_, select

from bot.jobs.gallery import EmbeddedPicture, GalleryAudience, IndexEntry
from bot.shards import ALL_SERVERS, Shards
from bot.storage.base import Repository
from bot.storage.gallery import is_of_gallery
from bot.storage.jobs import is_in
from bot.storage.tables import GalleryPictureRow, JobRow, PictureRow, PlaceRow


class GalleryIndexRepository(Repository):
    """Stores and reads what was found out."""

    async def unknown(
        self,
        audience: GalleryAudience,
        perceptor: str,
        picture_filter: str,
        most: int,
        shards: Shards = ALL_SERVERS,
    ) -> list[tuple[int, int]]:
        """List pictures of people who agreed that are not known yet, the newest first.

        These are job and number of those that neither this perceptor has embedded nor this filter
        has scored; "" stands for any of them. Of pictures that nothing knows, all are listed.
        """
        known = GalleryPictureRow
        conditions: list[ColumnElement[bool]] = [known.id.is_(None)]
        if picture_filter:
            conditions.append(known.picture_filter != picture_filter)
        if perceptor:
            conditions.append(known.perceptor != perceptor)
        rows = (
            select(PictureRow.job_id, PictureRow.number)
            .join(JobRow, JobRow.id == PictureRow.job_id)
            .outerjoin(known, _is_of_picture())
            .where(is_of_gallery(audience), is_in(shards), or_(*conditions))
            .order_by(JobRow.id.desc(), PictureRow.number)
        )
        async with self._read() as session:
            found = await session.execute(rows.limit(most))
            return [(job_id, number) for job_id, number in found]

    async def add(self, entries: Sequence[IndexEntry]) -> None:
        """Store what was found out about pictures, in place of what was known.

        Nothing is stored of pictures that are gone, or of people who no longer agree.
        """
        job_ids = {each.job_id for each in entries}
        pictures = select(PictureRow.job_id, PictureRow.number)
        pictures = pictures.join(JobRow, JobRow.id == PictureRow.job_id)
        pictures = pictures.where(JobRow.id.in_(job_ids), is_of_gallery(GalleryAudience.HOST))
        known = select(GalleryPictureRow).where(GalleryPictureRow.job_id.in_(job_ids))
        async with self._write() as session:
            wanted = {(job_id, number) for job_id, number in await session.execute(pictures)}
            chosen = {
                (each.job_id, each.number): each
                for each in entries
                if (each.job_id, each.number) in wanted
            }
            for row in await session.scalars(known):
                if (row.job_id, row.number) in chosen:
                    await session.delete(row)  # the new one has a larger number
            await session.flush()
            session.add_all(GalleryPictureRow(**asdict(each)) for each in chosen.values())

    async def count(self) -> int:
        """Return the number of pictures that are known."""
        async with self._read() as session:
            return await session.scalar(select(func.count(GalleryPictureRow.job_id))) or 0

    async def row_of(self, job_id: int, number: int) -> tuple[int, str, bytes] | None:
        """Return the row of a picture: its number, who embedded it, and the embedding.

        None if it has none.
        """
        rows = select(GalleryPictureRow).where(
            GalleryPictureRow.job_id == job_id, GalleryPictureRow.number == number
        )
        async with self._read() as session:
            row = await session.scalar(rows)
        return None if row is None or not row.vector else (row.id, row.perceptor, row.vector)

    async def embedded_after(self, perceptor: str, row_id: int, most: int) -> list[EmbeddedPicture]:
        """List embeddings by a perceptor that are stored in later rows than one, in their order."""
        columns = GalleryPictureRow.id, PlaceRow.channel_id, GalleryPictureRow.vector
        rows = (
            select(*columns)
            .join(PlaceRow, PlaceRow.job_id == GalleryPictureRow.job_id)
            .where(GalleryPictureRow.id > row_id, GalleryPictureRow.perceptor == perceptor)
            .order_by(GalleryPictureRow.id)
            .limit(most)
        )
        async with self._read() as session:
            return [EmbeddedPicture(*row) for row in await session.execute(rows)]


def _is_of_picture() -> ColumnElement[bool]:
    return and_(
        GalleryPictureRow.job_id == PictureRow.job_id,
        GalleryPictureRow.number == PictureRow.number,
    )
