"""What is old is removed, and what is still needed is not."""

import asyncio
import io
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, closing
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
from tests.harness.bot_harness import (
    PATIENCE,
    PROMPT,
    encoded,
    ephemeral_text,
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


async def test_uploaded_pictures_go_too_and_prompts_stay(store: Store, tmp_path: Path):
    upload = encoded(Image.effect_noise((64, 64), 50).convert("RGB"))
    with_upload = make_recipe(PROMPT, seed=1, steps=1, init_image=upload)
    job = await notified_job(store, recipes=[with_upload, recipe_for(PROMPT)])
    plain = await notified_job(store)
    make_older(tmp_path, 31)
    await retention(store, keep_days=30).tidy()
    assert await store.jobs.get(job.id) is None  # it cannot be painted any more
    assert await store.jobs.get(plain.id) is not None
    values = await store.personal_data.export_job(job.id)
    assert values is not None
    assert PROMPT in values["recipes"][0]
    assert len(values["recipes"][0]) < len(upload)
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
            env = await stack.enter_async_context(simcord.run(client, shard_count=1))
            stack.callback(raise_unexplained, env)
            guild = env.create_guild()
            channel = guild.create_text_channel("art")
            alice = guild.add_member(env.create_user("alice"))
            await alice.slash(channel, "imagine", prompt=PROMPT, steps=1)
            await no_open_jobs(services.store)
        make_older(short_lived.storage.folder, 31)
        async with open_test_services(short_lived) as services:
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
