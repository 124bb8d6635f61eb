"""`/info` tells what limits refuse, and when they end."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import simcord

from bot.config import BotSettings
from bot.guild_settings import GuildSettings
from tests.harness.bot_harness import BotHarness, ephemeral_text, make_settings, steps_held


@pytest.fixture
def settings(tmp_path: Path) -> BotSettings:
    made = make_settings(tmp_path / "data")
    limits = made.limits.model_copy(update={"pictures_per_day": 4, "jobs_per_person": 3})
    return made.model_copy(update={"limits": limits})


async def info(who: simcord.MemberActor, bot: BotHarness) -> str:
    text = ephemeral_text(await who.slash(bot.channel, "info"))
    assert len(text) <= 2000
    return text


async def tighten(bot: BotHarness, **values: object) -> None:
    def change(before: GuildSettings) -> GuildSettings:
        return before.changed(**values)

    await bot.services.store.guild_settings.change(bot.guild.id, change)


async def test_who_asked_for_nothing_has_everything_left(bot: BotHarness):
    text = await info(bot.alice, bot)
    for part in (
        "You asked for 0 of 4 pictures",
        "4 more pictures now",
        "0.0 MiB of your pictures stored",
        "I mention you",
        "0 of 3 waiting or running",
    ):
        assert part in text
    assert "In this server" not in text


async def test_jobs_are_listed_with_their_places(bot: BotHarness):
    with steps_held():
        await bot.imagine("a red ring", steps=5)
        await bot.imagine("a **blue** star", steps=5, count=2)
        await bot.bob.slash(bot.channel, "imagine", prompt="a cross", steps=5)
        text = await info(bot.alice, bot)
        assert "2 of 3 waiting or running" in text
        assert "1 more picture now" in text
        first, second = text.splitlines()[-2:]
        assert "a red ring" in first
        assert bot.job_message().jump_url in first
        assert r"a \*\*blue\*\* star" in second
        assert "behind" in second
        assert "a cross" not in text
        elsewhere = ephemeral_text(await bot.alice.user.slash("info")).splitlines()[-2:]
        # The estimated times can differ by a second.
        assert [re.sub(r"<t:\d+", "<t:", each) for each in elsewhere] == [
            re.sub(r"<t:\d+", "<t:", each) for each in (first, second)
        ]
    await bot.wait_until_notified()


async def test_it_agrees_with_what_is_refused(bot: BotHarness):
    await tighten(bot, pictures_per_day=2, jobs_per_person=1)
    await bot.imagine(steps=1, count=2)
    await bot.wait_until_notified()
    text = await info(bot.alice, bot)
    assert "You asked for 2 of 4 pictures" in text
    assert "In this server you asked for 2 of 2 pictures" in text
    assert "0 of 1 in this server" in text
    refusal = ephemeral_text(await bot.imagine(steps=1))
    (told,), (refused,) = (re.findall(r"<t:(\d+):R>", each) for each in (text, refusal))
    assert told == refused
    wait = datetime.fromtimestamp(int(told), UTC) - datetime.now(UTC)
    assert timedelta(hours=23) < wait <= timedelta(days=1, minutes=1)
    assert "2 more pictures now" in ephemeral_text(await bot.alice.user.slash("info"))


async def test_space_and_how_one_hears_of_pictures_are_told(bot: BotHarness):
    preferences = bot.services.store.preferences
    await preferences.change(bot.alice.id, lambda before: before.changed(notify="dm"))
    await bot.imagine(steps=1)
    await bot.wait_until_notified()
    text = await info(bot.alice, bot)
    assert "send you a direct message" in text
    stored = await bot.services.store.quotas.stored_bytes(bot.alice.id)
    assert f"{stored / 2**20:.1f} MiB of your pictures stored" in text
