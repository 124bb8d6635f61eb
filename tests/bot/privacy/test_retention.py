"""What is old is removed, and what is still needed is not."""

import asyncio
import base64
import io
import os
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, closing
from dataclasses import replace
from pathlib import Path

import pytest
import simcord
from PIL import Image

from bot.client import PaintingBot
from bot.config import BotSettings, StorageSettings
from bot.privacy.retention import RetentionService
from bot.storage import Store, open_store
from bot.storage.connection import DATABASE
from engine.files import MEBIBYTE
from engine.presets import make_recipe
from engine.recipes.recipe import Recipe
from tests.harness.bot_harness import (
    FAST,
    PATIENCE,
    PROMPT,
    BotHarness,
    connected,
    encoded,
    ephemeral_text,
    is_accepted,
    make_settings,
    open_bot,
    open_test_services,
    raise_unexplained,
)
from tests.harness.job_factory import (
    PARTS,
    bytes_on_disk,
    finished_job,
    make_older,
    notified_job,
    recipe_for,
    running_job,
    stored_parts,
)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with open_store(tmp_path) as opened:
        yield opened


def retention(store: Store, *, keep_days: int = 0, disk_mib: int = 0) -> RetentionService:
    return RetentionService(store, StorageSettings(keep_days=keep_days, disk_mib=disk_mib))


def size_of(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.glob(f"{DATABASE}*"))


async def test_old_files_are_deleted_and_job_is_kept(store: Store, tmp_path: Path):
    old, new = await notified_job(store), await notified_job(store)
    make_older(tmp_path, 31, old)
    make_older(tmp_path, 29, new)
    await retention(store, keep_days=30).tidy()
    assert await stored_parts(store, old) == set()
    assert await stored_parts(store, new) == PARTS
    record = await store.jobs.get(old.id)
    assert record is not None
    assert record.job.recipes == old.recipes


async def test_without_limits_everything_stays(store: Store, tmp_path: Path):
    job = await notified_job(store)
    make_older(tmp_path, 10_000, job)
    await retention(store).tidy()
    assert await stored_parts(store, job) == PARTS


async def test_jobs_without_announced_end_are_kept(store: Store, tmp_path: Path):
    running, untold = await running_job(store, MEBIBYTE), await finished_job(store, MEBIBYTE)
    make_older(tmp_path, 1000)
    await retention(store, keep_days=1, disk_mib=1).tidy()
    assert await stored_parts(store, running) == {"checkpoints", "frames"}
    assert await stored_parts(store, untold) == PARTS
    await store.lifecycle.mark_notified(untold.id)
    await retention(store, keep_days=1, disk_mib=1).tidy()
    assert await stored_parts(store, untold) == set()


async def test_the_disk_budget_holds_and_the_file_shrinks(store: Store, tmp_path: Path):
    for _ in range(12):
        await notified_job(store, MEBIBYTE // 2)
    assert size_of(tmp_path) > 16 * MEBIBYTE
    await retention(store, disk_mib=4).tidy()
    assert await store.retention.used_bytes() <= 4 * MEBIBYTE
    assert size_of(tmp_path) <= 4 * MEBIBYTE + 2**16


async def test_disk_budget_deletes_checkpoints_then_frames_then_pictures(store: Store):
    jobs = [await notified_job(store, MEBIBYTE) for _ in range(3)]
    seen: list[list[set[str]]] = []
    for budget in (9, 8, 7, 6, 5, 4, 3, 2):
        await retention(store, disk_mib=budget).tidy()
        seen.append([await stored_parts(store, job) for job in jobs])
    states = [sum(map(len, each)) for each in seen]
    assert states == sorted(states, reverse=True)
    for each in seen:
        missing = [PARTS - parts for parts in each]
        counts = Counter(part for parts in missing for part in parts)
        assert not counts["frames"] or counts["checkpoints"] == 3
        assert not counts["pictures"] or counts["frames"] == 3
        assert [len(m) for m in missing] == sorted((len(m) for m in missing), reverse=True)
    assert "pictures" in seen[-1][-1]  # of the pictures the newest is the last to go


async def test_space_is_taken_from_whoever_holds_most(store: Store):
    few = await notified_job(store, MEBIBYTE // 4, author_id=1)
    for _ in range(6):
        await notified_job(store, MEBIBYTE // 2, author_id=2)
    newest = await notified_job(store, MEBIBYTE // 4, author_id=3)
    await retention(store, disk_mib=5).tidy()
    assert await store.retention.used_bytes() <= 5 * MEBIBYTE
    assert await stored_parts(store, few) == PARTS
    assert await stored_parts(store, newest) == PARTS


async def test_large_uploads_push_out_nobody_elses_pictures(store: Store):
    theirs = await notified_job(store, MEBIBYTE // 4, author_id=1)
    uploads = [os.urandom(MEBIBYTE) for _ in range(6)]
    jobs = [
        await notified_job(store, 10, author_id=2, recipes=[with_picture(upload)])
        for upload in uploads
    ]
    await retention(store, disk_mib=4).tidy()
    assert await store.retention.used_bytes() <= 4 * MEBIBYTE
    assert await stored_parts(store, theirs) == PARTS
    readable = [await store.jobs.get(job.id) is not None for job in jobs]
    assert readable == sorted(readable)  # the oldest ones went
    assert any(readable)


async def test_what_one_person_has_stored_is_limited(store: Store):
    others = await notified_job(store, MEBIBYTE // 2, author_id=1)
    jobs = [await notified_job(store, MEBIBYTE // 2, author_id=2) for _ in range(4)]
    limit = StorageSettings(keep_days=0, disk_mib=0, person_mib=2)
    await RetentionService(store, limit).tidy()
    assert await store.quotas.stored_bytes(2) <= 2 * MEBIBYTE
    assert await stored_parts(store, others) == PARTS
    assert "pictures" in await stored_parts(store, jobs[-1])


async def test_who_has_too_much_stored_waits_for_the_bot_to_delete_it(tmp_path: Path):
    settings = make_settings(tmp_path)
    storage = settings.storage.model_copy(update={"person_mib": 1})
    async with open_bot(settings.model_copy(update={"storage": storage})) as bot:
        store = bot.services.store
        await notified_job(store, MEBIBYTE // 2, author_id=bot.alice.id)
        refused = ephemeral_text(await bot.imagine(steps=1))
        assert "1 MiB is the most for one person" in refused
        assert "within the hour" in refused
        await bot.bob.slash(bot.channel, "imagine", prompt=PROMPT, steps=1)
        await RetentionService(store, storage).tidy()
        assert is_accepted(ephemeral_text(await bot.imagine(steps=1)))
        await bot.wait_until_notified()


async def test_a_picture_is_stored_once_for_a_job(bot: BotHarness):
    upload = encoded(Image.effect_noise((64, 64), 50).convert("RGB"))
    await bot.alice.slash(
        bot.channel, "edit", image=("a.png", upload), prompt=PROMPT, steps=2, count=4
    )
    await bot.wait_until_notified()
    record = await bot.services.store.jobs.get(1)
    assert record is not None
    (source,) = {recipe.edit.source for recipe in record.job.recipes if recipe.edit}
    assert places_of(source, bot.services.settings.storage.folder) == ["sources"]


def places_of(content: bytes, folder: Path) -> list[str]:
    """Return the tables whose rows contain a picture, as bytes or as base64, one for each row."""
    samples = (content[200:300], base64.b64encode(content)[200:300])
    with closing(sqlite3.connect(folder / DATABASE)) as database:
        tables = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        rows = [
            (table, value.encode() if isinstance(value, str) else value)
            for (table,) in tables
            for row in database.execute(f"SELECT * FROM {table}")
            for value in row
            if isinstance(value, str | bytes)
        ]
    return [table for table, value in rows if any(sample in value for sample in samples)]


def with_picture(content: bytes) -> Recipe:
    return make_recipe(PROMPT, seed=1, steps=1, init_image=content)


async def test_uploaded_pictures_go_too_and_prompts_stay(store: Store, tmp_path: Path):
    upload = encoded(Image.effect_noise((64, 64), 50).convert("RGB"))
    job = await notified_job(store, recipes=[with_picture(upload), recipe_for(PROMPT)])
    plain = await notified_job(store)
    make_older(tmp_path, 31)
    await retention(store, keep_days=30).tidy()
    assert await store.jobs.get(job.id) is None  # it cannot be painted any more
    assert await store.jobs.get(plain.id) is not None
    values = await store.exports.job(job.id)
    assert values is not None
    assert PROMPT in values["recipes"][0]
    assert len(values["recipes"][0]) < len(upload)
    assert not places_of(upload, tmp_path)
    assert values["recipes"][1] == recipe_for(PROMPT).to_json()


async def test_deleted_data_is_in_no_file(store: Store, tmp_path: Path):
    job = await notified_job(store, 100_000)
    (picture,) = await store.lifecycle.pictures(job.id)
    sample = picture.content[50_000:50_100]
    assert sample in bytes_on_disk(tmp_path)
    make_older(tmp_path, 31)
    await retention(store, keep_days=30).tidy()
    assert sample not in bytes_on_disk(tmp_path)


async def test_a_database_that_could_not_shrink_learns_it_at_the_next_start(tmp_path: Path):
    async with open_store(tmp_path):
        pass
    with closing(sqlite3.connect(tmp_path / DATABASE)) as database:
        database.execute("PRAGMA auto_vacuum=NONE")
        database.execute("VACUUM")
        assert database.execute("PRAGMA auto_vacuum").fetchall() == [(0,)]
    async with open_store(tmp_path) as store:
        for _ in range(4):
            await notified_job(store, MEBIBYTE)
        await retention(store, disk_mib=2).tidy()
        assert size_of(tmp_path) <= 2 * MEBIBYTE + 2**16


async def test_others_write_while_much_is_removed(store: Store):
    for _ in range(20):
        await notified_job(store, MEBIBYTE)
    tidying = asyncio.create_task(retention(store, disk_mib=1).tidy())
    count = 0
    while not tidying.done():
        await store.key_values.set("name", str(count))
        count += 1
        await asyncio.sleep(0)
    await tidying
    assert count > 2


@pytest.fixture
def short_lived(settings: BotSettings) -> BotSettings:
    storage = settings.storage.model_copy(update={"keep_days": 30})
    return settings.model_copy(update={"storage": storage})


async def test_a_picture_that_is_gone_is_said_to_be_gone_and_painted_again(
    short_lived: BotSettings,
):
    async with AsyncExitStack() as stack:
        async with open_test_services(short_lived) as services:
            client = PaintingBot(services)
            env = await stack.enter_async_context(connected(client))
            stack.callback(raise_unexplained, env)
            guild = env.create_guild()
            channel = guild.create_text_channel("art")
            alice = guild.add_member(env.create_user("alice"))
            await alice.slash(channel, "imagine", prompt=PROMPT, steps=1)
            await no_open_jobs(services.store)
        make_older(short_lived.storage.folder, 31)
        soon = replace(FAST, tidy_seconds=0.0)
        async with open_test_services(short_lived, timings=soon) as services:
            await env.restart_bot(PaintingBot(services))
            async with asyncio.timeout(PATIENCE):
                while await services.store.lifecycle.pictures(1):
                    await asyncio.sleep(0.05)
            page = await alice.slash(channel, "history")
            assert "don't have this picture" in ephemeral_text(page)
            assert page.response is not None
            assert not page.response.attachments
            with pytest.raises(simcord.SetupError, match="disabled"):
                await alice.click(page.response, label="Post again")
            await alice.click(page.response, label="Rerun")
            await no_open_jobs(services.store)
            page = await alice.slash(channel, "history")
            assert page.response is not None
            content = await page.response.attachments[0].read()
            assert Image.open(io.BytesIO(content)).size > (16, 16)


async def no_open_jobs(store: Store) -> None:
    async with asyncio.timeout(PATIENCE):
        while await store.jobs.count_open():
            await asyncio.sleep(0.05)
