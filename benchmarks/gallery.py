"""Measure the gallery with 100,000 pictures: words, pages, and pictures that look alike.

SQLite is measured in a temporary folder. With --url, an empty database of Postgres is measured
too, and filled. Times are processor time of this program, which for SQLite is all of it; for
Postgres, whose server is another program, they are the time that passes.
"""

import argparse
import asyncio
import os
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

import numpy as np
from pydantic import SecretStr
from sqlalchemy import insert, text

from bot.gallery.likeness import Likeness
from bot.gallery.vectors import Floats, Vectors, stored_vector
from bot.jobs.gallery import GalleryAudience, GalleryScope
from bot.jobs.job import JobState
from bot.storage import Store, open_store
from bot.storage.base import EVERYTHING
from bot.storage.tables import (
    GalleryPersonRow,
    GalleryPictureRow,
    JobRow,
    PictureRow,
    PlaceRow,
    PostRow,
)
from engine.presets import make_recipe

PICTURES, PEOPLE, SERVERS, CHANNELS = 100_000, 2_000, 50, 10
"""Pictures, the people who asked for them, servers, and channels of a server."""
LENGTH, KINDS, SHOWN, QUERIES = 512, 2_000, 24, 50
"""Numbers of an embedding, kinds of pictures among them, pictures of a page, and searches."""
_SEED, _PART, _PERCEPTOR = 20_261_130, 5_000, "perceptor"
_WORDS = (
    *("red", "blue", "green", "castle", "tree", "river", "dragon", "city", "night", "storm"),
    *("portrait", "painting", "oil", "mountain", "cat", "robot", "space", "ocean", "forest"),
    *("light", "gold", "fog", "winter", "summer", "ruin", "of", "a", "the", "in", "with"),
)


def main(arguments: list[str]) -> None:
    """Measure and print the results."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks gallery", description=__doc__)
    parser.add_argument("--url", help="an empty database of Postgres")
    asyncio.run(_measure(parser.parse_args(arguments).url))


async def _measure(url: str | None) -> None:
    print(f"load of the machine: {os.getloadavg()[0]:.1f}, cores: {os.cpu_count()}")
    vectors = _embeddings()
    _time_vectors(vectors)
    with tempfile.TemporaryDirectory() as name:
        for title, place in (("SQLite", ""), ("Postgres", url)):
            if place is None:
                continue
            async with open_store(Path(name) / title, 60.0, SecretStr(place)) as store:
                print(f"{title}, {PICTURES:,} pictures:")
                await _fill(store, vectors)
                await _time_store(store, vectors, time.perf_counter if place else time.process_time)


def _embeddings() -> Floats:
    """Return unit vectors (N, D) of some kinds, with much in common, as CLIP's have."""
    random = np.random.default_rng(_SEED)
    kinds = random.standard_normal((KINDS, LENGTH), dtype=np.float32)
    common = 1.5 * random.standard_normal(LENGTH, dtype=np.float32)
    common[5] = 40
    found = kinds[random.integers(0, KINDS, PICTURES)] + common
    found += 0.7 * random.standard_normal((PICTURES, LENGTH), dtype=np.float32)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def _time_vectors(vectors: Floats) -> None:
    """Print how long a search takes in memory, and which of the nearest pictures it finds."""
    stored = vectors.astype("<f2").astype(np.float32)
    known = Vectors()
    for start in range(0, PICTURES, _PART):
        ids = range(start, start + _PART)
        known.add(stored[start : start + _PART], ids, ids)
    places, times, proposed, plain = range(PICTURES), list[float](), list[float](), list[float]()
    for query in stored[:QUERIES]:
        began = time.process_time()
        near = known.nearest(query, 4 * (SHOWN + 2), places)
        times.append(1000 * (time.process_time() - began))
        exact = set(np.argpartition(-(stored @ query), SHOWN)[: SHOWN + 1].tolist())
        proposed.append(len(exact & set(near)) / len(exact))
        plain.append(len(exact & set(near[: SHOWN + 1])) / len(exact))
    print(f"{PICTURES:,} embeddings of {LENGTH} numbers: {known.bytes / 2**20:.0f} MiB")
    print(f"  the nearest of them: {median(times):.1f} ms, at most {max(times):.1f} ms")
    recall = f"{np.mean(proposed):.4f} after comparing exactly, {np.mean(plain):.4f} before"
    print(f"  share of the exactly nearest {SHOWN + 1} that is found: {recall}")


async def _fill(store: Store, vectors: Floats) -> None:
    random, now = Random(_SEED), datetime.now(UTC)
    recipes = [make_recipe("a red circle on a blue background", seed=1).to_json()]
    people = [
        {"author_id": each, "audience": GalleryAudience.EVERYONE, "agreed_at": now}
        for each in range(PEOPLE)
    ]
    async with store._database.write(EVERYTHING) as session:  # pyright: ignore[reportPrivateUsage]
        await session.execute(insert(GalleryPersonRow), people)
        for start in range(0, PICTURES, _PART):
            ids = range(start + 1, start + _PART + 1)
            jobs = [_job(random, each, recipes, now) for each in ids]
            await session.execute(insert(JobRow), jobs)
            await session.execute(insert(PlaceRow), [_place(each) for each in jobs])
            await session.execute(insert(PostRow), [_post(each) for each in jobs])
            content = b"\x89PNG" + bytes(8000)
            pictures: list[dict[str, Any]] = [
                {"job_id": each, "number": 1, "steps": 9, "content": content, "created_at": now}
                for each in ids
            ]
            await session.execute(insert(PictureRow), pictures)
            known: list[dict[str, Any]] = [
                {
                    "job_id": each,
                    "number": 1,
                    "perceptor": _PERCEPTOR,
                    "vector": stored_vector(vectors[each - 1]),
                    "picture_filter": "",
                }
                for each in ids
            ]
            await session.execute(insert(GalleryPictureRow), known)
        if session.get_bind().dialect.name != "sqlite":
            # It does that itself after a minute; without, searches take seconds.
            await session.execute(text("ANALYZE"))


def _job(random: Random, job_id: int, recipes: list[str], now: datetime) -> dict[str, Any]:
    guild = random.randrange(1, SERVERS + 1)
    return {
        "id": job_id,
        "state": JobState.DONE,
        "author_id": random.randrange(PEOPLE),
        "guild_id": guild,
        "channel_id": 100 * guild + random.randrange(CHANNELS),
        "prompt": " ".join(random.choices(_WORDS, k=12)),
        "recipes": recipes,
        **dict.fromkeys(("accepted_at", "ended_at", "told_at"), now),
        "stop_wanted": False,
    }


def _place(job: dict[str, Any]) -> dict[str, Any]:
    values = {name: job[name] for name in ("guild_id", "channel_id")}
    return {**values, "job_id": job["id"], "post_id": job["channel_id"], "message_id": job["id"]}


def _post(job: dict[str, Any]) -> dict[str, Any]:
    return {"message_id": job["id"], "job_id": job["id"], "channel_id": job["channel_id"]}


async def _time_store(store: Store, vectors: Floats, clock: Callable[[], float]) -> None:
    places = await store.gallery.places(GalleryAudience.EVERYONE)
    channels = frozenset(channel for _, channel in places)
    scope, gallery = GalleryScope({1.0: channels}), store.gallery
    likeness = Likeness(store, 600.0)

    async def alike() -> object:
        return await likeness.nearest(_PERCEPTOR, vectors[0], 4 * (SHOWN + 2), channels)

    async def compared() -> object:
        return await gallery.embedded(scope, range(1, 4 * (SHOWN + 2)))

    def search(words: str = "", page: int = 1) -> Callable[[], Awaitable[object]]:
        wanted = replace(scope, words=tuple(words.split()))
        return lambda: gallery.newest(wanted, (page - 1) * SHOWN, SHOWN + 1)

    actions: dict[str, Callable[[], Awaitable[object]]] = {
        "where there are pictures": lambda: gallery.places(GalleryAudience.EVERYONE),
        "counts of all servers": lambda: gallery.counts(scope),
        "the first page": search(),
        "the last page": search(page=400),
        "two words that many have": search("castle storm"),
        "six words that few have": search("castle storm gold fog winter ruin"),
        "a word that none has": search("zebra"),
        "one picture": lambda: gallery.one(scope, PICTURES // 2, 1),
        "pictures that nobody has embedded": lambda: store.gallery_index.unknown(
            GalleryAudience.EVERYONE, _PERCEPTOR, "", 4
        ),
        "reading all embeddings": alike,
        "what looks alike": alike,
        "comparing that exactly": compared,
    }
    for title, action in actions.items():
        times = list[float]()
        for _ in range(1 if title.startswith("reading") else 5):
            began = clock()
            await action()
            times.append(1000 * (clock() - began))
        print(f"  {title:36} {median(times):8.1f} ms")
