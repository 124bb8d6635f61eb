"""Fill a database with jobs that were never painted, as large as those of the demo models."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from sqlalchemy import insert

from bot.jobs.job import JobState
from bot.storage.base import EVERYTHING, Database
from bot.storage.tables import Base, CheckpointRow, FrameRow, JobRow, PictureRow, PlaceRow, PostRow
from engine.presets import make_recipe

PICTURE_BYTES, FRAME_BYTES, CHECKPOINT_BYTES = 41_000, 6_000, 137_000
"""The bytes of a picture of 512² pixels, of one of its frames, and of its last checkpoint."""
_BATCH = 200


async def store_jobs(
    database: Database, first: int, count: int, *, frames: int = 0, checkpoints: bool = False
) -> None:
    """Store jobs that are done, with a picture and messages each, numbered from `first`."""
    for start in range(first, first + count, _BATCH):
        numbers = range(start, min(start + _BATCH, first + count))
        async with database.write(EVERYTHING) as session:
            for table, rows in _rows(numbers, frames, checkpoints):
                if rows:
                    await session.execute(insert(table), rows)


def _rows(
    numbers: range, frames: int, checkpoints: bool
) -> Iterator[tuple[type[Base], list[dict[str, Any]]]]:
    random, now = Random(numbers.start), datetime(2026, 1, 1, tzinfo=UTC)
    recipe = make_recipe("a red circle on a blue background", seed=1).to_json()
    yield (
        JobRow,
        [
            {
                "id": number,
                "state": JobState.DONE,
                "prompt": f"a red circle, number {number}",
                "author_id": 10**17 + number % 100,
                "guild_id": 5,
                "channel_id": 6,
                "recipes": [recipe],
                **dict.fromkeys(("accepted_at", "ended_at", "told_at"), now + timedelta(0, number)),
            }
            for number in numbers
        ],
    )
    place = {"guild_id": 5, "channel_id": 6, "post_id": 7}
    yield PlaceRow, [{"job_id": n, "message_id": 10**18 + n, **place} for n in numbers]
    yield PostRow, [{"message_id": 10**18 + n, "job_id": n, "number": 1} for n in numbers]
    yield (
        PictureRow,
        [
            {
                "job_id": number,
                "number": 1,
                "steps": 100,
                "content": random.randbytes(PICTURE_BYTES),
                "created_at": now,
            }
            for number in numbers
        ],
    )
    yield (
        FrameRow,
        [
            {"job_id": n, "picture": 1, "step": step, "content": random.randbytes(FRAME_BYTES)}
            for n in numbers
            for step in range(frames)
        ],
    )
    yield (
        CheckpointRow,
        [
            {
                "job_id": number,
                "picture": 1,
                "steps_done": 100,
                "seconds": 1.0,
                "state": random.randbytes(CHECKPOINT_BYTES),
                "digest": bytes(32),
                "created_at": now,
            }
            for number in numbers
            if checkpoints
        ],
    )
