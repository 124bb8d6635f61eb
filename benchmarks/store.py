"""Measure the store: admission, checkpoints of many painters, and /history with 100,000 jobs.

SQLite is measured in a temporary folder. With --url, an empty database of Postgres is measured
too, and filled.
"""

import argparse
import asyncio
import os
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from statistics import median, quantiles
from typing import Any

from pydantic import SecretStr
from sqlalchemy import insert, text

from bot.jobs.history import PageDirection, Scope
from bot.jobs.job import JobState
from bot.jobs.records import StoredCheckpoint
from bot.storage import Store, open_store
from bot.storage.base import EVERYTHING
from bot.storage.tables import JobRow, PictureRow, PlaceRow, PostRow
from bot.submission.usage_limits import DAY
from engine.presets import make_recipe

PAINTERS, CHECKPOINT_BYTES, CHECKPOINT_SECONDS = 64, 137_000, 10.0
"""Painters, the bytes of a checkpoint of 64² pixels, and the seconds between two of a painter."""
RUN_SECONDS = 30.0
WRITERS, WRITES = 8, 20
ADMISSIONS = 500
STORED_JOBS, PEOPLE, HEAVY_JOBS = 100_000, 1_000, 10_000
"""Stored jobs, the people whose they are, and how many of them are one person's."""
SAMPLES = 100
_SEED = 20_221_024
_HEAVY, _LIGHT = 1, 500


def main(arguments: list[str]) -> None:
    """Measure and print the results."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks store", description=__doc__)
    parser.add_argument("--url", help="an empty database of Postgres")
    asyncio.run(_measure(parser.parse_args(arguments).url))


async def _measure(url: str | None) -> None:
    print(f"load of the machine: {os.getloadavg()[0]:.1f}, cores: {os.cpu_count()}")
    with tempfile.TemporaryDirectory() as name:
        for title, place in (("SQLite", ""), ("Postgres", url)):
            if place is None:
                continue
            folder = Path(name) / title
            async with open_store(folder, 60.0, SecretStr(place)) as store:
                print(f"{title}:")
                await _time_admission(store)
                await _time_checkpoints(store)
                await _fill(store)
                await _time_history(store)


async def _time_admission(store: Store) -> None:
    recipe = make_recipe("a red circle on a blue background", seed=1)

    async def admit(number: int) -> None:
        async with store.admission():
            now = datetime.now(UTC)
            await store.quotas.usage(number, None, now - DAY, now)
            await store.quotas.stored_bytes(number)
            await store.jobs.add(number, "a red circle", (recipe,))

    began = time.process_time()
    _print("admission, one after the other", [await _timed(admit, n) for n in range(ADMISSIONS)])
    cpu = 1000 * (time.process_time() - began) / ADMISSIONS
    print(f"  CPU time of this program for one admission: {cpu:.1f} ms")
    together = [await asyncio.gather(*(_timed(admit, n) for n in range(20))) for _ in range(20)]
    _print("admission, 20 at once", [each for some in together for each in some])


async def _time_checkpoints(store: Store) -> None:
    recipe = make_recipe("a red circle", seed=1)
    jobs = [(await store.jobs.add(1, "words", (recipe,))).id for _ in range(PAINTERS)]
    state = os.urandom(CHECKPOINT_BYTES)
    steps = dict.fromkeys(jobs, 0)
    waiting = [0, 0]

    async def save(job_id: int) -> None:
        steps[job_id] += 1
        checkpoint = StoredCheckpoint(1, steps[job_id], 1.0, state)
        waiting[0] += 1
        waiting[1] = max(waiting)
        await store.lifecycle.add_checkpoint(job_id, checkpoint, [])
        waiting[0] -= 1

    pause = CHECKPOINT_SECONDS / PAINTERS
    tasks: list[asyncio.Task[float]] = []
    for number in range(round(RUN_SECONDS / pause)):
        tasks.append(asyncio.create_task(_timed(save, jobs[number % PAINTERS])))
        await asyncio.sleep(pause)
    _print(f"checkpoint, {1 / pause:.1f} a second", await asyncio.gather(*tasks))
    print(f"  most checkpoints in progress at a time: {waiting[1]}")

    async def write(job_id: int) -> None:
        for _ in range(WRITES):
            await save(job_id)

    began = time.perf_counter()
    await asyncio.gather(*map(write, jobs[:WRITERS]))
    rate = WRITERS * WRITES / (time.perf_counter() - began)
    print(f"  checkpoints a second at most, {WRITERS} painters: {rate:.0f}")


async def _fill(store: Store) -> None:
    """Store jobs that are done, with a small picture and a message each."""
    random, now = Random(_SEED), datetime.now(UTC)
    words = ["circle", "SQUARE", "Größe", "ring", "star", "cross", "blue", "red", "green"]
    for start in range(10**6, 10**6 + STORED_JOBS, 1000):
        jobs: list[dict[str, Any]] = []
        for number in range(start, start + 1000):
            is_heavy = number % (STORED_JOBS // HEAVY_JOBS) == 0
            when = now - timedelta(minutes=10**6 + STORED_JOBS - number)
            prompt = " ".join(random.choices(words, k=8))
            jobs.append(
                {
                    "id": number,
                    "state": JobState.DONE,
                    "kind": "imagine",
                    "prompt": prompt,
                    "author_id": _HEAVY if is_heavy else random.randrange(2, PEOPLE),
                    "guild_id": 5,
                    "channel_id": random.randrange(10),
                    "recipes": ["{}"],
                    "accepted_at": when,
                    "ended_at": when,
                    "told_at": when,
                }
            )
        ids = [job["id"] for job in jobs]
        rows = {
            JobRow: jobs,
            PlaceRow: [
                {"job_id": n, "guild_id": 5, "channel_id": 1, "post_id": n, "message_id": n}
                for n in ids
            ],
            PostRow: [{"message_id": n, "job_id": n, "channel_id": n, "number": 1} for n in ids],
            PictureRow: [
                {"job_id": n, "number": 1, "steps": 9, "content": b"x" * 500, "created_at": now}
                for n in ids
            ],
        }
        async with store._database.write(EVERYTHING) as session:
            for table, values in rows.items():
                await session.execute(insert(table), values)
    if (
        store._database.engine.dialect.name == "postgresql"
    ):  # it does that by itself, some time later
        async with store._database.autocommit.connect() as connection:
            await connection.execute(text("ANALYZE"))


async def _time_history(store: Store) -> None:
    everywhere = frozenset(range(5))
    for whose, author in (("100 jobs", _LIGHT), (f"{HEAVY_JOBS:,} jobs", _HEAVY)):
        pages = {
            "newest page": (Scope(author), PageDirection.OLDER, None),
            "page in the middle": (Scope(author), PageDirection.OLDER, 10**6 + STORED_JOBS // 2),
            "in this server's channels": (Scope(author, 5, everywhere), PageDirection.OLDER, None),
            "search": (Scope(author, search="größe größe"), PageDirection.OLDER, None),
            "search without a result": (Scope(author, search="cube"), PageDirection.OLDER, None),
        }
        for name, page in pages.items():
            times = [await _timed(store.history.page, *page) for _ in range(SAMPLES)]
            _print(f"/history of a person with {whose}, {name}", times)
        now = datetime.now(UTC)
        times = [
            await _timed(store.quotas.usage, author, 5, now - DAY, now) for _ in range(SAMPLES)
        ]
        _print(f"count the usage of a person with {whose}", times)
        times = [await _timed(store.quotas.stored_bytes, author) for _ in range(SAMPLES)]
        _print(f"count the bytes of a person with {whose}", times)


async def _timed(call: Callable[..., Awaitable[object]], *arguments: object) -> float:
    """Return the seconds that a call takes."""
    began = time.perf_counter()
    await call(*arguments)
    return time.perf_counter() - began


def _print(what: str, seconds: list[float]) -> None:
    high = quantiles(seconds, n=20)[-1]
    print(
        f"  {what}: median {1000 * median(seconds):.1f} ms, 95 % below {1000 * high:.1f} ms "
        f"(n = {len(seconds)})"
    )
