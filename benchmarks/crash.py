"""Check that nothing is lost when the program is killed at random times, many times over.

A process with the bot's store, queue, engine and reporter works through loads of jobs until it is
ended with SIGKILL. Then the next one starts on the same folder. Its messages go to a recorder in
this process, which honors nonces like Discord. In the end each job's result must have been posted
once, and each picture must equal the one that the engine paints alone.
"""

import argparse
import asyncio
import io
import logging
import multiprocessing
import os
import sqlite3
import tempfile
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import discord
import discord.http
import numpy as np
from PIL import Image

from benchmarks.lib.painters import paint_all
from benchmarks.lib.recorder import Recorder
from bot.config import BotSettings, DiscordSettings, LimitSettings, StorageSettings
from bot.jobs.job import JobState
from bot.submission.requester import Requester
from engine.editing.edit_recipe import edit_recipe
from engine.presets import make_recipe
from engine.provenance import read_provenance
from engine.recipes.kinds import vqgan_clip_recipe
from engine.recipes.recipe import Recipe
from engine.settings import EngineSettings

if TYPE_CHECKING:
    from bot.services import Services

SEED = 20_221_023
LOAD, PEOPLE = 20, 5
"""Number of jobs per load, and of users who request them."""
FEWEST_STEPS, MOST_STEPS = 10, 60
LONGEST_SECONDS = 8.0
"""Maximum lifetime of a process in seconds; it needs about one second to start."""
CHECKPOINT_SECONDS = 0.5
"""Seconds between checkpoints; with the bot's ten seconds, short-lived processes would make no
progress."""
PATIENCE_SECONDS = 900.0
"""Seconds after which a job that has not ended counts as stuck."""
_CHANNEL, _GUILD, _FIRST_PERSON = 77, 1, 100
_PRELOADED = (
    "torch",
    "discord",
    "bot.app",
    "engine.vqgan_clip.generation",
    "engine.models.loading",
)


def main(arguments: list[str]) -> None:
    """Kill processes, check the results, and print them."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks crash", description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=SEED, help="seed of the times and the jobs")
    options = parser.parse_args(arguments)
    os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
    with tempfile.TemporaryDirectory() as name:
        folder, recorder = Path(name), Recorder()
        asyncio.run(_kill_processes(folder, recorder, options.kills, Random(options.seed)))
        _report(folder, recorder)


async def _kill_processes(folder: Path, recorder: Recorder, kills: int, random: Random) -> None:
    """Kill processes at random times, and let the last one finish all jobs."""
    # Processes start fast when forked from one that has only imported everything.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(_PRELOADED))
    async with recorder.serve() as port:
        for number in range(kills + 1):
            is_last = number == kills
            seconds = PATIENCE_SECONDS if is_last else random.uniform(0, LONGEST_SECONDS)
            seed = random.getrandbits(32)
            process = context.Process(target=_run_bot, args=(folder, port, seed, is_last))
            process.start()
            await asyncio.to_thread(process.join, seconds)
            if process.exitcode is not None and not (is_last and process.exitcode == 0):
                raise RuntimeError(f"a process ended by itself, with {process.exitcode}")
            process.kill()
            await asyncio.to_thread(process.join)
    print(f"killed                                   {kills} times")


@dataclass(frozen=True)
class _Posted:
    """A posted picture."""

    content: bytes
    recipe: Recipe


def _report(folder: Path, recorder: Recorder) -> None:
    with sqlite3.connect(folder / "bot.sqlite") as database:
        rows = database.execute("SELECT id, state, told_at IS NOT NULL FROM jobs").fetchall()
    posts: Counter[int] = Counter()
    pictures: dict[str, _Posted] = {}
    for message in recorder.messages:
        own = {n: c for n, c in message.files.items() if _is_full_size(n)}
        posts.update({int(name.split("-")[1].split(".")[0]) for name in own})
        pictures |= {
            n: _Posted(c, vqgan_clip_recipe(read_provenance(c).recipe)) for n, c in own.items()
        }
    alone = paint_all([each.recipe for each in pictures.values()])
    same = [
        np.array_equal(np.asarray(Image.open(io.BytesIO(each.content)).convert("RGB")), picture)
        for each, picture in zip(pictures.values(), alone, strict=True)
    ]
    posted = [state == JobState.DONE and bool(notified) for _, state, notified in rows]
    open_states = (JobState.QUEUED, JobState.RUNNING)
    stuck = [state in open_states or not notified for _, state, notified in rows]
    lost = [
        not posts[job] and not is_stuck for (job, *_), is_stuck in zip(rows, stuck, strict=True)
    ]
    print(f"jobs accepted, done and posted           {len(rows)}, {sum(posted)}")
    print(
        f"lost, posted twice, stuck                {sum(lost)}, "
        f"{sum(number > 1 for number in posts.values())}, {sum(stuck)}"
    )
    print(f"repeated posts, detected by their nonce  {recorder.repeated}")
    print(f"pictures as if never interrupted         {sum(same)}/{len(same)}")


def _is_full_size(name: str) -> bool:
    parts = name.removesuffix(".png").split("-")
    return name.endswith(".png") and parts[0] == "picture" and all(map(str.isdigit, parts[1:]))


def _run_bot(folder: Path, port: int, seed: int, finish: bool) -> None:
    """Paint open jobs and then load after load, or with `finish` exit when all are done."""
    logging.disable(logging.ERROR)
    asyncio.run(_serve(folder, port, Random(seed), finish))


async def _serve(folder: Path, port: int, random: Random, finish: bool) -> None:
    from bot.assembly import open_services
    from bot.timings import Timings

    discord.http.Route.BASE = f"http://127.0.0.1:{port}"
    settings = BotSettings(
        engine=EngineSettings(threads=1),  # the last bits of a picture depend on the threads
        discord=DiscordSettings(threads=False, progress_seconds=1.0),
        limits=LimitSettings(jobs_per_person=LOAD, pictures_per_day=10_000),
        storage=StorageSettings(folder=folder),
    )
    client = discord.Client(intents=discord.Intents.none())
    timings = Timings(checkpoint_seconds=CHECKPOINT_SECONDS)
    async with open_services(settings, timings=timings) as services, client:
        await client.login("token")
        services.reporter.attach(client)
        await services.submission.restore()
        while await services.store.jobs.count_open() or not finish:
            if not await services.store.jobs.count_open():
                await _ask(services, client, random)
            await asyncio.sleep(0.05)


async def _ask(services: "Services", client: discord.Client, random: Random) -> None:
    """Submit a load of jobs of several users: pictures, variations and edits."""
    channel = client.get_partial_messageable(_CHANNEL, guild_id=_GUILD)
    for number in range(LOAD):
        person = _FIRST_PERSON + number % PEOPLE
        requester = Requester(person, _GUILD, channel, discord.Permissions.all())
        recipe = _recipe(number, random)
        recipes = (recipe,) if number % 4 else (recipe, replace(recipe, seed=recipe.seed + 1))
        await services.submission.submit(requester, str(recipe.prompts[0]), recipes)


def _recipe(number: int, random: Random) -> Recipe:
    seed, steps = random.getrandbits(31), random.randint(FEWEST_STEPS, MOST_STEPS)
    if number % 3:
        return make_recipe("a red circle on a blue background", seed=seed, steps=steps)
    source = Image.new("RGB", (64, 64), "green")
    mask = Image.new("L", (64, 64))
    mask.paste(255, (16, 16, 48, 48))
    return edit_recipe("a yellow square", source, seed=seed, mask=mask, steps=steps)
