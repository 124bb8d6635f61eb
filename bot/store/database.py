"""What is read from the tables and written to them, each change in one transaction."""

import asyncio
from dataclasses import asdict
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker

from bot.drafts import Draft
from bot.jobs import Job, JobState, Place
from bot.store.tables import DraftRow, FactRow, JobRow, PlaceRow, PostRow
from engine.recipe import Recipe

DRAFT_AGE, DRAFTS = timedelta(days=1), 10
"""How long a draft is kept, and how many of one person."""
UNFINISHED = (JobState.QUEUED, JobState.RUNNING)


class Store:
    """The jobs in a database. Made by `open_store`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._sessions: async_sessionmaker[AsyncSession] = async_sessionmaker(
            engine, expire_on_commit=False
        )

    async def add(self, author_id: int, prompt: str, recipes: tuple[Recipe, ...]) -> Job:
        """Store a new job as queued and return it with its number."""
        # A recipe may hold megabytes of pictures.
        texts = await asyncio.to_thread(lambda: [recipe.to_json() for recipe in recipes])
        row = JobRow(
            state=JobState.QUEUED,
            author_id=author_id,
            prompt=prompt,
            recipes=texts,
            reason=None,
            accepted_at=datetime.now(UTC),
            ended_at=None,
        )
        async with self._sessions.begin() as session:
            session.add(row)
        return Job(row.id, author_id, prompt, recipes)

    async def set_place(self, job: Job, place: Place) -> None:
        """Remember where a job is told about."""
        async with self._sessions.begin() as session:
            session.add(
                PlaceRow(
                    job_id=job.id,
                    guild_id=place.guild_id,
                    channel_id=place.channel_id,
                    post_id=place.post_id,
                    message_id=place.message_id,
                )
            )

    async def set_state(self, job_id: int, state: JobState, reason: str | None = None) -> None:
        """Change the state of a job; one of the final ones also notes the time."""
        ended = None if state in UNFINISHED else datetime.now(UTC)
        change = update(JobRow).where(JobRow.id == job_id)
        async with self._sessions.begin() as session:
            await session.execute(change.values(state=state, reason=reason, ended_at=ended))

    async def state(self, job_id: int) -> JobState | None:
        """The state of a job; None if there is no such job."""
        async with self._sessions() as session:
            found = await session.scalar(select(JobRow.state).where(JobRow.id == job_id))
        return None if found is None else JobState(found)

    async def unfinished(self) -> list[tuple[Job, Place | None]]:
        """The jobs that have not ended, oldest first, and where they are told about."""
        rows = (
            select(JobRow, PlaceRow)
            .outerjoin(PlaceRow, PlaceRow.job_id == JobRow.id)
            .where(JobRow.state.in_(UNFINISHED))
            .order_by(JobRow.id)
        )
        async with self._sessions() as session:
            found = (await session.execute(rows)).all()
        return [(job.value(), None if place is None else place.value()) for job, place in found]

    async def count_unfinished(self, author_id: int | None = None) -> int:
        """How many jobs of one person, or of everybody, have not ended."""
        rows = select(func.count()).select_from(JobRow).where(JobRow.state.in_(UNFINISHED))
        if author_id is not None:
            rows = rows.where(JobRow.author_id == author_id)
        async with self._sessions() as session:
            return await session.scalar(rows) or 0

    async def add_post(self, job_id: int, message_id: int) -> None:
        """Remember that a message holds a job's pictures."""
        async with self._sessions.begin() as session:
            await session.merge(PostRow(message_id=message_id, job_id=job_id))

    async def author_of_post(self, message_id: int) -> int | None:
        """Who asked for the pictures that a message holds; None if it holds no job's."""
        rows = select(JobRow.author_id).join(PostRow, PostRow.job_id == JobRow.id)
        async with self._sessions() as session:
            return await session.scalar(rows.where(PostRow.message_id == message_id))

    async def add_draft(
        self, author_id: int, source: bytes, mask: bytes | None, replace_with: str | None
    ) -> Draft:
        """Store a new draft, forget old ones, and return it with its number."""
        now = datetime.now(UTC)
        row = DraftRow(
            author_id=author_id,
            source=source,
            mask=mask,
            replace_with=replace_with,
            created_at=now,
        )
        newest = (
            select(DraftRow.id).where(DraftRow.author_id == author_id).order_by(DraftRow.id.desc())
        )
        surplus = newest.offset(DRAFTS)
        is_old = or_(DraftRow.created_at < now - DRAFT_AGE, DraftRow.id.in_(surplus))
        async with self._sessions.begin() as session:
            session.add(row)
            await session.flush()
            await session.execute(delete(DraftRow).where(is_old))
        return row.value()

    async def draft(self, draft_id: int) -> Draft | None:
        """The draft with a number, if it is still there."""
        async with self._sessions() as session:
            found = await session.get(DraftRow, draft_id)
        return None if found is None else found.value()

    async def put_draft(self, draft: Draft) -> None:
        """Store a draft in place of the one with its number, or again."""
        row = DraftRow(**asdict(draft), created_at=datetime.now(UTC))
        async with self._sessions.begin() as session:
            await session.merge(row)

    async def remove_draft(self, draft_id: int) -> bool:
        """Forget a draft; say whether it was there."""
        gone = delete(DraftRow).where(DraftRow.id == draft_id).returning(DraftRow.id)
        async with self._sessions.begin() as session:
            return await session.scalar(gone) is not None

    async def fact(self, name: str) -> str | None:
        """What was remembered under `name`."""
        async with self._sessions() as session:
            return await session.scalar(select(FactRow.value).where(FactRow.name == name))

    async def remember(self, name: str, value: str) -> None:
        """Keep `value` under `name`, in place of what was there."""
        async with self._sessions.begin() as session:
            await session.merge(FactRow(name=name, value=value))
