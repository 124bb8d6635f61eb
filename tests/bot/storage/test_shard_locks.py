"""Several programs use one database of Postgres, each with shards of its own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy.exc import DBAPIError

from bot.jobs.records import StoredCheckpoint, StoredPicture
from bot.shards import ALL_SERVERS, Shards
from bot.storage import Store, open_fenced_store
from engine.errors import SettingsError
from engine.presets import make_recipe
from tests.bot.storage.test_postgres_faults import CUT
from tests.harness.bot_harness import PATIENCE
from tests.harness.job_factory import running_job
from tests.harness.postgres import PostgresServer
from tests.harness.stores import Place

RECIPE = make_recipe("a red circle", seed=1, models="demo", steps=2)


class Programs:
    """Programs that use one database, each with a folder of its own."""

    def __init__(self, folder: Path, url: str, stack: AsyncExitStack) -> None:
        self.folder, self.url, self._stack = folder, url, stack
        self._count = 0

    async def start(self, shards: str = "") -> Store:
        """Start a program, which runs until the end of the test."""
        self._count += 1
        place = Place(self.folder / str(self._count), self.url)
        own = Shards.parse(shards) if shards else ALL_SERVERS
        return await self._stack.enter_async_context(place.open(0.2, own))

    async def start_painting(self, shards: str) -> tuple[Store, int]:
        """Start a program that paints for those with shards."""
        opening = open_fenced_store(SecretStr(self.url), Shards.parse(shards), 0.2)
        return await self._stack.enter_async_context(opening)


@pytest.fixture
async def programs(postgres: PostgresServer, tmp_path: Path) -> AsyncIterator[Programs]:
    async with AsyncExitStack() as stack:
        yield Programs(tmp_path, await postgres.new_database(), stack)


async def test_each_has_shards_of_its_own(programs: Programs):
    one, other = await programs.start("0-1/4"), await programs.start("2/4")
    await one.key_values.set("name", "value")
    assert await other.key_values.get("name") == "value"
    with pytest.raises(SettingsError, match="has shard 1"):
        await programs.start("1-3/4")
    await programs.start("3/4")


async def test_those_with_and_without_shards_refuse_each_other(programs: Programs):
    async with AsyncExitStack() as stack:
        await Programs(programs.folder / "a", programs.url, stack).start()
        with pytest.raises(SettingsError, match="without discord.shards"):
            await programs.start("0/2")
    await programs.start("0/2")
    with pytest.raises(SettingsError, match="another bot uses"):
        await programs.start()


async def test_all_count_the_shards_alike(programs: Programs):
    async with AsyncExitStack() as stack:
        await Programs(programs.folder / "a", programs.url, stack).start("0/2")
        with pytest.raises(SettingsError, match="says that there are 2 shards, this one 3"):
            await programs.start("1/3")
    await programs.start("1/3")
    await programs.start("2/3")


async def test_the_tables_are_made_once_when_all_start_together(
    postgres: PostgresServer, tmp_path: Path
):
    async with AsyncExitStack() as stack:
        programs = Programs(tmp_path, await postgres.empty_database(), stack)
        places = [Place(tmp_path / str(n), programs.url) for n in range(3)]
        opened = [place.open(60.0, Shards((n,), 3)) for n, place in enumerate(places)]
        stores = await asyncio.gather(*(stack.enter_async_context(each) for each in opened))
        assert [await store.jobs.count_open() for store in stores] == [0, 0, 0]


async def test_tables_of_an_older_version_are_not_changed_under_those_that_use_them(
    programs: Programs, postgres: PostgresServer
):
    await programs.start("0/2")
    await postgres.execute(programs.url, "UPDATE alembic_version SET version_num = '0001'")
    with pytest.raises(SettingsError, match="end all of them"):
        await programs.start("1/2")


async def test_all_go_on_after_the_server_was_restarted(
    programs: Programs, postgres: PostgresServer
):
    stores = [await programs.start("0/2"), await programs.start("1/2")]
    lost = [asyncio.create_task(store.until_lost()) for store in stores]
    await postgres.execute(programs.url, CUT)
    for store in stores:
        await set_soon(store)
    assert not any(each.done() for each in lost)
    for each in lost:
        each.cancel()


async def set_soon(store: Store) -> None:
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                return await store.key_values.set("name", "value")
            except DBAPIError:
                await asyncio.sleep(0.05)


@pytest.mark.parametrize("meanwhile", ["shard 1", "all servers"])
async def test_a_program_whose_shards_another_has_had_meanwhile_ends(
    programs: Programs, postgres: PostgresServer, meanwhile: str
):
    one, other = await programs.start("0/2"), await programs.start("1/2")
    change = (
        "UPDATE facts SET value = 'x' WHERE name = 'opened by 1/2'"
        if meanwhile == "shard 1"
        else "DELETE FROM facts WHERE name LIKE 'opened by%'"
    )
    await postgres.execute(programs.url, change)
    await postgres.execute(programs.url, CUT)
    async with asyncio.timeout(PATIENCE):
        with pytest.raises(SettingsError, match="meanwhile"):
            await other.until_lost()
    if meanwhile == "shard 1":
        await set_soon(one)
    with pytest.raises(DBAPIError, match="lost"):
        await other.key_values.set("name", "value")


async def test_a_job_is_of_the_shard_to_which_discord_sends_its_server(store: Store):
    guilds = [None, 0, 41771983423143937, *(n << 22 for n in range(2**40, 2**40 + 6)), 2**62]
    jobs = {
        (await store.jobs.add(5, "words", (RECIPE,), guild_id=each)).id: each for each in guilds
    }
    parts = [Shards((0,), 4), Shards((1, 2), 4), Shards((3,), 4)]
    for shards in parts:
        found = [record.job.id for record in await store.jobs.list_open(shards)]
        assert found == [job for job, guild in jobs.items() if shards.has(guild)]
    # discord.py's own formula
    assert all(
        shards.has(guild) == ((guild >> 22) % 4 in shards.ids)
        for shards in parts
        for guild in guilds
        if guild is not None
    )
    assert parts[0].has(None)


async def test_of_two_programs_that_paint_for_all_the_older_one_writes_nothing(
    programs: Programs,
):
    await programs.start("0/2")  # it reads and tells beside both
    older, first = await programs.start_painting("0/2")
    job = await running_job(older)
    newer, second = await programs.start_painting("0/2")
    assert second > first
    ends = [StoredPicture(1, 1, b"a picture")]
    finishing = asyncio.create_task(older.lifecycle.finish(job.id, ends, 1.0, stopped=False))
    checkpoint = StoredCheckpoint(1, 9, 0.1, b"state")
    with pytest.raises(DBAPIError):
        await older.lifecycle.add_checkpoint(job.id, checkpoint, [])
    with pytest.raises(SettingsError, match="another program paints"):
        await older.until_lost()
    assert (await newer.jobs.steps_stored()) == {job.id: 1}
    assert await newer.lifecycle.finish(job.id, ends, 2.0, stopped=False)
    assert not finishing.done()
    finishing.cancel()


async def test_a_program_with_all_servers_is_refused_beside_one_that_paints_for_others(
    programs: Programs,
):
    await programs.start_painting("0/2")
    with pytest.raises(SettingsError, match="another bot uses"):
        await programs.start()
