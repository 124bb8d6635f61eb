"""Stored jobs that were never painted, and changes of their age."""

import os
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bot.jobs.job import Job
from bot.jobs.records import StoredCheckpoint, StoredFrame, StoredPicture
from bot.storage import Store
from bot.storage.connection import DATABASE
from engine.presets import make_recipe
from engine.recipes.recipe import Recipe

PARTS = {"checkpoints", "frames", "pictures"}
"""What can be stored of a job beside itself."""


def recipe_for(prompt: str, seed: int = 1) -> Recipe:
    """Return a recipe that is painted in a moment."""
    return make_recipe(prompt, seed=seed, steps=1)


async def running_job(
    store: Store, size: int = 1000, author_id: int = 5, recipes: Sequence[Recipe] = ()
) -> Job:
    """Add a running job, with a checkpoint and a frame of `size` bytes each."""
    job = await store.jobs.add(author_id, "words", tuple(recipes) or (recipe_for("words"),))
    await store.lifecycle.mark_running(job.id)
    checkpoint = StoredCheckpoint(1, 1, 0.1, os.urandom(size), "cpu")
    await store.lifecycle.add_checkpoint(job.id, checkpoint, [StoredFrame(1, 1, os.urandom(size))])
    return job


async def finished_job(
    store: Store, size: int = 1000, author_id: int = 5, recipes: Sequence[Recipe] = ()
) -> Job:
    """Add a finished job whose user was not notified yet."""
    job = await running_job(store, size, author_id, recipes)
    await store.lifecycle.finish(
        job.id, [StoredPicture(1, 1, os.urandom(size))], 0.1, stopped=False
    )
    return job


async def notified_job(
    store: Store, size: int = 1000, author_id: int = 5, recipes: Sequence[Recipe] = ()
) -> Job:
    """Add a finished job whose user was notified."""
    job = await finished_job(store, size, author_id, recipes)
    await store.lifecycle.mark_notified(job.id)
    return job


async def stored_parts(store: Store, job: Job) -> set[str]:
    """Return what is stored of a job beside itself, out of `PARTS`."""
    parts = {
        "checkpoints": await store.lifecycle.checkpoints(job.id),
        "frames": await store.lifecycle.frames(job.id),
        "pictures": await store.lifecycle.pictures(job.id),
    }
    return {name for name, found in parts.items() if found}


def make_older(folder: Path, days: float, *jobs: Job) -> None:
    """Move the end of jobs, or of all jobs, some days into the past."""
    ended = (datetime.now(UTC) - timedelta(days=days)).replace(tzinfo=None).isoformat(" ")
    with closing(sqlite3.connect(folder / DATABASE, 10.0)) as database, database:
        for job_id in [job.id for job in jobs] or [row[0] for row in _all_jobs(database)]:
            change = "UPDATE jobs SET ended_at = ? WHERE id = ? AND ended_at IS NOT NULL"
            database.execute(change, (ended, job_id))


def bytes_on_disk(folder: Path) -> bytes:
    """Return the content of all files of the database."""
    return b"".join(file.read_bytes() for file in sorted(folder.glob(f"{DATABASE}*")))


def _all_jobs(database: sqlite3.Connection) -> list[tuple[int]]:
    return database.execute("SELECT id FROM jobs").fetchall()
