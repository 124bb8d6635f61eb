"""A server that is restarted, cuts connections or gives up transactions: nothing is lost."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from asyncpg.transaction import Transaction
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from bot.app import _run_until
from bot.config import BotSettings
from bot.jobs.job import JobState
from bot.jobs.records import StoredPicture
from bot.services import Services
from bot.storage import Store
from bot.storage.base import EVERYTHING
from bot.storage.postgres import CONNECTIONS
from bot.tasks import cancel
from engine.errors import SettingsError
from engine.presets import make_recipe
from tests.harness.bot_harness import PATIENCE, open_test_services
from tests.harness.job_factory import running_job
from tests.harness.postgres import PostgresServer
from tests.harness.stores import Place

AUTHOR = 5
RECIPE = make_recipe("a red circle", seed=1, models="demo", steps=2)
PICTURE = [StoredPicture(1, 1, b"a picture")]
CUT = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""
TAKE_OVER = f"""
SELECT count(*) FROM ({CUT}) AS cut;
SELECT pg_advisory_lock(7236109, hashtext('public'));
SELECT pg_sleep(60);
"""


@pytest.fixture
async def place(postgres: PostgresServer, tmp_path: Path) -> Place:
    return Place(tmp_path, await postgres.new_database())


@pytest.fixture
async def store(place: Place) -> AsyncIterator[Store]:
    async with place.open(locked_seconds=1.0) as opened:
        yield opened


def finishing(store: Store, job_id: int) -> "asyncio.Task[bool]":
    return asyncio.create_task(store.lifecycle.finish(job_id, PICTURE, 1.0, stopped=False))


async def is_done(store: Store, job_id: int) -> bool:
    pictures = await store.lifecycle.pictures(job_id)
    return await store.jobs.state(job_id) is JobState.DONE and pictures == PICTURE


async def complaint(caplog: pytest.LogCaptureFixture, words: str) -> None:
    """Wait until something was logged."""
    async with asyncio.timeout(PATIENCE):
        while not any(words in told(record) for record in caplog.records):
            await asyncio.sleep(0.02)


def told(record: logging.LogRecord) -> str:
    return f"{record.message} {getattr(record, 'cause', '')}"


async def stay_connected(_: Services) -> None:
    """Do as the connection to Discord does."""
    await asyncio.sleep(PATIENCE)


async def test_an_end_is_stored_when_the_server_is_back(
    store: Store, postgres: PostgresServer, caplog: pytest.LogCaptureFixture
):
    job = await running_job(store)
    await asyncio.to_thread(postgres.stop)
    try:
        end = finishing(store, job.id)
        with pytest.raises(DBAPIError):
            await store.jobs.add(AUTHOR, "words", (RECIPE,))
        await complaint(caplog, "trying again")
    finally:
        await asyncio.to_thread(postgres.start)
    assert await end
    assert await is_done(store, job.id)
    await store.jobs.add(AUTHOR, "words", (RECIPE,))


async def test_the_start_waits_for_a_server_that_is_away(
    place: Place, postgres: PostgresServer, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.WARNING)
    async with AsyncExitStack() as stack:
        await asyncio.to_thread(postgres.stop)
        try:
            opening = asyncio.create_task(stack.enter_async_context(place.open()))
            await complaint(caplog, "cannot be reached")
        finally:
            await asyncio.to_thread(postgres.start)
        async with asyncio.timeout(PATIENCE):
            store = await opening
        assert await store.jobs.count_open() == 0


async def test_the_start_waits_for_a_server_behind_a_proxy_that_hangs_up(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.WARNING)
    proxy = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    port = proxy.sockets[0].getsockname()[1]
    async with proxy, AsyncExitStack() as stack:
        place = Place(tmp_path, f"postgresql://tester@127.0.0.1:{port}/pictures?sslmode=disable")
        opening = asyncio.create_task(stack.enter_async_context(place.open()))
        stack.push_async_callback(cancel, opening)
        waiting = asyncio.create_task(complaint(caplog, "cannot be reached"))
        await asyncio.wait((opening, waiting), return_when=asyncio.FIRST_COMPLETED)
        assert not opening.done(), opening.exception()


async def test_the_lock_is_regained_although_the_mark_cannot_be_read_at_once(
    place: Place, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.DEBUG)
    async with place.open(locked_seconds=0.2) as store, AsyncExitStack() as stack:
        connection = await asyncpg.connect(place.url)
        stack.push_async_callback(connection.close)
        kept = connection.transaction()
        await kept.start()
        await connection.execute("LOCK TABLE facts")
        await connection.execute(CUT)
        await complaint(caplog, "the lock is not held yet")
        await kept.rollback()
        lost = asyncio.create_task(store.until_lost())
        added = asyncio.create_task(running_job_soon(store))
        await asyncio.wait((lost, added), return_when=asyncio.FIRST_COMPLETED)
        assert not lost.done(), lost.exception()
        await cancel(lost)


async def test_a_transaction_whose_connection_is_cut_leaves_nothing(
    store: Store, place: Place, postgres: PostgresServer
):
    with pytest.raises(DBAPIError):
        async with store.admission():
            await store.jobs.add(AUTHOR, "words", (RECIPE,))
            await postgres.execute(place.url, CUT)
            await store.jobs.count_open()
    assert await store.jobs.count_open() == 0
    job = await running_job_soon(store)
    assert await finishing(store, job)
    assert await is_done(store, job)


async def running_job_soon(store: Store) -> int:
    """Add a running job, as soon as the lock of the database is held again."""
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                return (await running_job(store)).id
            except DBAPIError:
                await asyncio.sleep(0.05)


async def test_an_end_whose_confirmation_is_lost_counts_once(
    store: Store, monkeypatch: pytest.MonkeyPatch
):
    job = await running_job(store)
    commit, cut = Transaction.commit, [True]

    async def cutting(self: Any) -> None:
        await commit(self)
        if cut and cut.pop():
            raise ConnectionResetError("the answer was lost")

    monkeypatch.setattr(Transaction, "commit", cutting)
    assert await finishing(store, job.id)
    assert not cut
    assert await is_done(store, job.id)
    assert not await store.lifecycle.cancel(job.id)


async def test_a_deadlock_is_tried_again(place: Place, caplog: pytest.LogCaptureFixture):
    async with place.open(locked_seconds=60.0) as store, AsyncExitStack() as stack:
        job = await running_job(store)
        connection = await asyncpg.connect(place.url)
        stack.push_async_callback(connection.close)
        await connection.execute("SET deadlock_timeout = '60s'")  # the bot's is shorter
        other = connection.transaction()
        await other.start()
        await connection.execute("SELECT * FROM checkpoints FOR UPDATE")
        end = asyncio.create_task(store.lifecycle.fail(job.id, "why"))
        await asyncio.sleep(0.3)
        await connection.execute("UPDATE jobs SET notice = 'x' WHERE id = $1", job.id)
        await other.commit()
        assert await end
        await complaint(caplog, "deadlock")
        assert await store.jobs.state(job.id) is JobState.FAILED


@pytest.mark.parametrize("code", ["40001", "40P01", "53100", "57014", "08006", "XX000"])
async def test_errors_that_pass_are_tried_again(
    store: Store, place: Place, postgres: PostgresServer, code: str
):
    job = await running_job(store)
    await raise_at_ends(postgres, place, code, times=1)
    assert await finishing(store, job.id)
    assert await is_done(store, job.id)


@pytest.mark.parametrize("code", ["23514", "42703", "22001"])
async def test_errors_that_stay_are_raised_at_once(
    store: Store, place: Place, postgres: PostgresServer, code: str
):
    job = await running_job(store)
    await raise_at_ends(postgres, place, code, times=1000)
    async with asyncio.timeout(PATIENCE):
        with pytest.raises(DBAPIError, match="on purpose"):
            await finishing(store, job.id)
    assert await store.jobs.state(job.id) is JobState.RUNNING


async def raise_at_ends(postgres: PostgresServer, place: Place, code: str, times: int) -> None:
    """Let the server raise an error whenever a picture is stored, so many times."""
    await postgres.execute(place.url, "CREATE SEQUENCE attempts")
    await postgres.execute(
        place.url,
        f"""CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF nextval('attempts') <= {times} THEN
            RAISE EXCEPTION 'on purpose' USING ERRCODE = '{code}';
        END IF; RETURN NEW; END $$""",
    )
    trigger = (
        "CREATE TRIGGER failing BEFORE INSERT ON pictures FOR EACH ROW EXECUTE FUNCTION fail()"
    )
    await postgres.execute(place.url, trigger)


async def test_who_finds_no_free_connection_waits_or_is_told(
    place: Place, caplog: pytest.LogCaptureFixture
):
    async with place.open(locked_seconds=0.2) as store:
        job = await running_job(store)
        async with AsyncExitStack() as stack:
            for _ in range(CONNECTIONS):
                reading = await stack.enter_async_context(store._database.read())
                await reading.execute(text("SELECT 1"))
            with pytest.raises(DBAPIError):
                await store.jobs.count_open()
            end = finishing(store, job.id)
            await complaint(caplog, "trying again")
        assert await end
        assert await is_done(store, job.id)


async def test_who_waits_too_long_for_a_lock_tries_again(
    place: Place, caplog: pytest.LogCaptureFixture
):
    async with place.open(locked_seconds=0.2) as store:
        job = await running_job(store)
        async with store._database.write(EVERYTHING):
            end = finishing(store, job.id)
            await complaint(caplog, "trying again")
        assert await end
        assert await is_done(store, job.id)


@pytest.mark.parametrize("way", ["holds", "held"])
async def test_a_database_that_another_bot_has_opened_meanwhile_is_given_up(
    store: Store, place: Place, postgres: PostgresServer, way: str
):
    if way == "holds":
        other = asyncio.create_task(take_over(place))
    else:
        await postgres.execute(place.url, "UPDATE facts SET value = '' WHERE name = 'opened by'")
        other = asyncio.create_task(postgres.execute(place.url, CUT))
    async with asyncio.timeout(PATIENCE):
        with pytest.raises(SettingsError, match="another bot has opened the database"):
            await store.until_lost()
    with pytest.raises(DBAPIError, match="lost"):
        await store.key_values.set("name", "value")
    other.cancel()
    await asyncio.wait([other])


async def take_over(place: Place) -> None:
    connection = await asyncpg.connect(place.url)
    try:
        await connection.execute(TAKE_OVER)
    finally:
        connection.terminate()


async def test_a_bot_whose_database_was_taken_over_ends(settings: BotSettings, place: Place):
    storage = settings.storage.model_copy(update={"url": SecretStr(place.url)})
    settings = settings.model_copy(update={"storage": storage})
    async with AsyncExitStack() as stack:
        stopping = asyncio.create_task(asyncio.sleep(PATIENCE))
        stack.push_async_callback(cancel, stopping)
        with pytest.raises(SettingsError, match="this one ends"):
            async with open_test_services(settings, is_loaded=False) as services:
                other = asyncio.create_task(take_over(place))
                stack.push_async_callback(cancel, other)
                await _run_until(stopping, services, stay_connected, listen=lambda: None)
