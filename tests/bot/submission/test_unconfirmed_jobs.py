"""Jobs of which it was not confirmed that they are stored: those that are there are announced."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from asyncpg.transaction import Transaction
from pydantic import SecretStr

from bot.config import BotSettings
from bot.storage.jobs import JobRepository
from tests.harness.bot_harness import BotHarness, ephemeral_text, open_bot, painted
from tests.harness.postgres import PostgresServer

pytestmark = pytest.mark.slow


@pytest.fixture
async def bot(settings: BotSettings, postgres: PostgresServer) -> AsyncIterator[BotHarness]:
    url = SecretStr(await postgres.new_database())
    storage = settings.storage.model_copy(update={"url": url})
    settings = settings.model_copy(update={"storage": storage})
    async with open_bot(settings) as opened:
        yield opened


@pytest.fixture
def lost_ends(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Collect whether the end of a transaction that adds a job comes before its answer is lost."""
    armed, ends = list[bool](), list[bool]()
    add, commit = JobRepository.add, Transaction.commit

    async def adding(*arguments: Any, **options: Any) -> Any:
        job = await add(*arguments, **options)
        armed.extend(ends)
        ends.clear()
        return job

    async def cutting(self: Any) -> None:
        is_stored = armed.pop() if armed else None
        await (self.rollback() if is_stored is False else commit(self))
        if is_stored is not None:
            raise ConnectionResetError("the answer was lost")

    monkeypatch.setattr(JobRepository, "add", adding)
    monkeypatch.setattr(Transaction, "commit", cutting)
    return ends


async def test_a_job_that_is_stored_is_announced_although_that_was_not_confirmed(
    bot: BotHarness, lost_ends: list[bool]
):
    lost_ends.append(True)
    answered = await bot.imagine(steps=1)
    assert not lost_ends
    await bot.wait_until_notified()
    assert "nothing was queued" not in ephemeral_text(answered)
    assert len(painted(bot.thread())) == 1


async def test_a_job_that_is_not_stored_is_refused(bot: BotHarness, lost_ends: list[bool]):
    lost_ends.append(False)
    answered = await bot.imagine(steps=1)
    assert not lost_ends
    assert "nothing was queued" in ephemeral_text(answered)
    assert not bot.channel.history()


async def test_a_job_is_announced_once_the_store_says_that_it_is_there(
    bot: BotHarness, lost_ends: list[bool], monkeypatch: pytest.MonkeyPatch
):
    is_stored, asked = JobRepository.is_stored, list[bool]()

    async def late(*arguments: Any) -> bool:
        if not asked:
            asked.append(True)
            raise TimeoutError
        return await is_stored(*arguments)

    monkeypatch.setattr(JobRepository, "is_stored", late)
    lost_ends.append(True)
    answered = await bot.imagine(steps=1)
    assert "If nothing comes in a few minutes" in ephemeral_text(answered)
    await bot.wait_until_notified()
    assert len(painted(bot.thread())) == 1
