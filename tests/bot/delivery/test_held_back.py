"""Results and progress that the picture filter holds back, as people in the server see them."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import discord
import pytest
import simcord
from PIL import Image

from bot.client import PaintingBot
from bot.config import BotSettings, SafetySettings
from tests.harness.bot_harness import (
    BotHarness,
    connected,
    ephemeral_text,
    is_accepted,
    make_settings,
    open_bot,
    open_test_services,
    painted,
    pictures_of,
    raise_unexplained,
    result_of,
    singles_of,
    steps_held,
    until,
)
from tests.harness.interactions import labels
from tests.harness.picture_filters import SimpleFilter, open_filtered_bot, same_as

HELD_BACK = "The picture was held back by this server's picture filter."


@pytest.fixture
def settings(tmp_path: Path) -> BotSettings:
    return make_settings(tmp_path / "data")


@pytest.fixture
def chosen() -> SimpleFilter:
    return SimpleFilter()


@pytest.fixture
async def bot(settings: BotSettings, chosen: SimpleFilter) -> AsyncIterator[BotHarness]:
    async with open_filtered_bot(settings, chosen) as opened:
        yield opened


def everything(_: Image.Image) -> bool:
    return True


def nothing(_: Image.Image) -> bool:
    return False


async def history_page(bot: BotHarness) -> simcord.results.ResponseMessage:
    answered = await bot.alice.slash(bot.channel, "history")
    assert answered.response is not None
    return answered.response


async def named_files(message: discord.Message) -> dict[str, bytes]:
    return {each.filename: await each.read() for each in message.attachments}


async def test_a_result_is_held_back_and_its_author_told_privately(
    bot: BotHarness, chosen: SimpleFilter
):
    chosen.refuses = everything
    await bot.imagine()
    await bot.wait_until_notified()
    (result,) = bot.thread().history()
    assert HELD_BACK in result.content
    assert {"Rerun", "Edit prompt", "Delete"} <= set(labels(result))
    assert "Vary" not in labels(result)
    assert HELD_BACK in bot.job_message().content
    assert not any(each.attachments for each in (result, bot.job_message()))
    (told,) = bot.alice.user.dm_channel.history()
    assert "holds it back" in told.content
    assert bot.job_message().jump_url in told.content
    assert not told.attachments
    page = await history_page(bot)
    assert HELD_BACK in page.content
    assert not page.attachments
    chosen.refuses = nothing
    assert (await history_page(bot)).attachments  # it is stored as long as others


async def test_progress_is_held_back_until_it_may_be_shown(bot: BotHarness, chosen: SimpleFilter):
    chosen.refuses = everything
    with steps_held(after=2):
        await bot.imagine(steps=4)
        thread = bot.thread()
        await until(lambda: "as it is now" in thread.history()[0].content)
        assert "of 4" in thread.history()[0].content
        assert not thread.history()[0].attachments
        chosen.refuses = nothing
    result = await result_of(bot)
    assert [each.filename for each in result.attachments] == [
        "picture-1.png",
        "picture-1-growth.webp",
    ]


async def test_of_several_pictures_only_the_refused_ones_are_held_back(
    bot: BotHarness, chosen: SimpleFilter
):
    await bot.imagine(steps=1, count=3, seed=7)
    _, second, _ = await singles_of(await result_of(bot))
    chosen.refuses = same_as(await second.read())
    await bot.imagine(steps=1, count=3, seed=7)
    result = await result_of(bot)
    assert "1 of 3 pictures held back by this server's picture filter." in result.content
    assert "seeds 7, 8, 9" in result.content
    names = [each.filename for each in await singles_of(result)]
    assert names == ["picture-2-1.png", "picture-2-3.png"]
    page = await history_page(bot)
    assert "1 of 3 pictures held back" in page.content
    posted = await bot.alice.click(page, label="Post again")
    assert any("Posted" in each.content for each in posted.followups)
    *_, again, singles = bot.channel.history()
    assert [each.filename for each in pictures_of(singles)] == names
    assert "1 of 3 pictures held back" in again.content
    chosen.refuses = everything
    refused = await bot.alice.click(page, label="Post again")
    assert any("held back" in each.content for each in refused.followups)
    assert bot.channel.history()[-1].id == singles.id


async def test_frames_are_held_back_one_by_one(
    bot: BotHarness, chosen: SimpleFilter, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("bot.ui.attachment_packer.write_animation", _write_sizes)
    await bot.imagine(steps=3, seed=7)
    first = await named_files(await result_of(bot))
    frames = await bot.services.store.lifecycle.frames(1)
    assert first["picture-1-growth.webp"] == b"4"
    chosen.refuses = same_as(frames[1].content)
    await bot.imagine(steps=3, seed=7)
    second = await named_files(await result_of(bot))
    assert second["picture-2-growth.webp"] == b"3"
    assert "held back" not in (await result_of(bot)).content


def _write_sizes(frames: list[Image.Image], path: Path) -> None:
    path.write_text(str(len(frames)))


async def test_an_edit_is_held_back_with_its_original(bot: BotHarness, chosen: SimpleFilter):
    await bot.imagine(steps=1)
    original = await pictures_of(await result_of(bot))[0].read()
    with steps_held(after=0):
        image = ("a.png", original)
        answered = await bot.alice.slash(bot.channel, "edit", image=image, prompt="a ring", steps=1)
        assert is_accepted(ephemeral_text(answered))
        chosen.refuses = same_as(original)
    await bot.wait_until_notified()
    (thread,) = (each for each in bot.channel.threads if each.name == "a ring")
    assert HELD_BACK in thread.history()[-1].content
    assert not painted(thread)


async def test_in_direct_messages_the_result_itself_is_private(
    bot: BotHarness, chosen: SimpleFilter
):
    chosen.refuses = everything
    await bot.alice.user.slash("imagine", prompt="a ring", steps=1)
    await bot.wait_until_notified()
    texts = [each.content for each in bot.alice.user.dm_channel.history()]
    assert sum("held back by my picture filter" in text for text in texts) == 1
    assert not any("server" in text for text in texts)


async def test_who_takes_no_direct_messages_loses_nothing_else(
    bot: BotHarness, chosen: SimpleFilter
):
    chosen.refuses = everything
    bot.env.inject_error("POST", "/users/@me/channels", status=403, code=50007)
    await bot.imagine(steps=1)
    await bot.wait_until_notified()
    assert HELD_BACK in bot.thread().history()[-1].content


async def test_a_filter_that_fails_shows_nothing_until_it_works_again(
    bot: BotHarness, chosen: SimpleFilter, caplog: pytest.LogCaptureFixture
):
    chosen.error = RuntimeError("the weights are gone")
    await bot.imagine(steps=1)
    thread = bot.thread()
    await until(lambda: "filter does not work" in thread.history()[0].content)
    await until(lambda: chosen.judged > 4)  # it tries again and again
    (message,) = thread.history()
    assert not message.attachments
    assert "weights" not in message.content
    assert any("weights are gone" in str(getattr(r, "cause", "")) for r in caplog.records)
    chosen.error = None
    result = await result_of(bot)
    assert pictures_of(result)
    assert [each.id for each in thread.history()] == [result.id]


async def test_a_result_that_could_not_be_judged_is_posted_after_a_restart(settings: BotSettings):
    broken = SimpleFilter(error=RuntimeError("the weights are gone"))
    async with AsyncExitStack() as stack:
        async with open_test_services(settings, picture_filter=broken) as services:
            env = await stack.enter_async_context(connected(PaintingBot(services)))
            stack.callback(raise_unexplained, env)
            guild = env.create_guild()
            channel = guild.create_text_channel("art")
            alice = guild.add_member(env.create_user("alice"))
            await alice.slash(channel, "imagine", prompt="a ring", steps=1)
            (thread,) = channel.threads
            await until(lambda: "filter does not work" in thread.history()[0].content)
        assert not painted(thread)
        async with open_test_services(settings, picture_filter=SimpleFilter()) as services:
            await env.restart_bot(PaintingBot(services))
            await until(lambda: painted(thread))
            await until(lambda: len(thread.history()) == 1)


async def test_the_real_filter_lets_harmless_pictures_through(settings: BotSettings):
    safety = SafetySettings(picture_filter="opennsfw", picture_threshold_age_restricted=0.2)
    async with open_bot(settings.model_copy(update={"safety": safety})) as bot:
        await bot.imagine(steps=2)
        names = [each.filename for each in (await result_of(bot)).attachments]
        assert names == ["picture-1.png", "picture-1-growth.webp"]
