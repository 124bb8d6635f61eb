"""The buttons under several pictures that take one of them, and those under the one taken."""

from collections.abc import Sequence
from pathlib import Path

import discord
import pytest

from bot.config import BotSettings
from bot.guild_settings import GuildSettings
from bot.preferences import Preferences
from tests.harness.bot_harness import (
    PROMPT,
    BotHarness,
    ephemeral_text,
    is_accepted,
    make_settings,
    open_bot,
    opened,
    painted,
    pictures_of,
    recipe_of,
    result_of,
    singles_of,
)
from tests.harness.command_lines import pasted_line, run_line
from tests.harness.interactions import (
    RESULT,
    at_the_same_time,
    distance,
    grid_labels,
    labels,
    recipes_in,
    with_buttons,
)
from tests.harness.restartable_bot import open_restartable_bot


async def grid_of(bot: BotHarness, pictures: int = 2, steps: int = 2) -> discord.Message:
    """Let Alice ask for several pictures with the seeds 3, 4 and so on."""
    await bot.imagine(seed=3, steps=steps, count=pictures)
    return await result_of(bot)


async def take(bot: BotHarness, grid: discord.Message, number: int = 2) -> discord.Message:
    """Let Alice take a picture."""
    answered = ephemeral_text(await bot.alice.click(grid, label=f"U{number}"))
    assert "Posted" in answered
    taken = painted(bot.thread())[-1]
    assert taken.jump_url in answered
    return taken


async def test_a_picture_that_is_taken_is_posted_by_itself(bot: BotHarness):
    grid = await grid_of(bot, pictures=3)
    assert labels(grid) == grid_labels(3)
    assert "U1 posts it by itself" in grid.content
    taken = await take(bot, grid)
    (file,) = taken.attachments
    assert file.filename == "picture-1-2.png"
    content = await file.read()
    assert recipe_of(content).seed == 4
    _, second, _ = await singles_of(grid)
    assert content == await second.read()
    assert "Picture 2 of 3 · 2 steps · seed 4" in taken.content
    assert bot.alice.mention in taken.content
    assert "taken by" not in taken.content
    assert labels(taken) == RESULT


async def test_a_picture_is_taken_once_by_two_people_at_the_same_time(
    bot: BotHarness, monkeypatch: pytest.MonkeyPatch
):
    grid = await grid_of(bot)
    presses = (each.click(grid, label="U1") for each in (bot.bob, bot.alice, bot.bob))
    answers = [ephemeral_text(each) for each in await at_the_same_time(bot, monkeypatch, *presses)]
    (taken,) = painted(bot.thread())[2:]
    assert all(taken.jump_url in each for each in answers)
    assert sum("posted already" in each for each in answers) == 2
    await bot.bob.click(grid, label="U2")
    assert f"taken by {bot.bob.mention}" in painted(bot.thread())[-1].content


async def test_a_picture_whose_message_was_deleted_can_be_taken_again(bot: BotHarness):
    grid = await grid_of(bot)
    await (await take(bot, grid)).delete()
    await take(bot, grid)
    assert len(painted(bot.thread())) == 3


async def test_a_picture_that_is_not_stored_any_more_cannot_be_taken(bot: BotHarness):
    grid = await grid_of(bot)
    await bot.services.store.lifecycle.delete_pictures(1)
    refused = ephemeral_text(await bot.alice.click(grid, label="U1"))
    assert "do not keep this picture" in refused
    assert painted(bot.thread())[0] == grid
    assert len(painted(bot.thread())) == 2


NO_PICTURES: Sequence[str] = ("job:take:1:9", "job:vary:1:9", "job:take:1", "job:take:2:1")


async def test_pictures_that_do_not_exist_are_neither_taken_nor_varied(bot: BotHarness):
    result = await grid_of(bot)
    for custom_id in NO_PICTURES:
        grid = await with_buttons(bot, result, custom_id)
        assert ephemeral_text(await bot.alice.click(grid, custom_id=custom_id)).endswith(".")
        assert len(painted(bot.thread())) == 2
        assert not bot.services.queue.jobs()


async def test_where_pictures_of_others_are_theirs_nobody_else_takes_them(tmp_path: Path):
    settings = make_settings(tmp_path)
    limits = settings.limits.model_copy(update={"edit_others": False})
    async with open_bot(settings.model_copy(update={"limits": limits})) as bot:
        grid = await grid_of(bot)
        for label in ("U1", "V1"):
            refused = ephemeral_text(await bot.bob.click(grid, label=label))
            assert "only the person who asked" in refused
        await take(bot, grid)


async def test_buttons_of_a_taken_picture_are_about_it_alone(bot: BotHarness):
    taken = await take(bot, await grid_of(bot))
    await bot.bob.click(taken, label="Rerun")
    (again,) = await recipes_in(await result_of(bot))
    assert again.seed not in (3, 4)
    form = await bot.bob.click(taken, label="More steps")
    await bot.bob.submit_modal(form, {"steps": "1"})
    (longer,) = await recipes_in(await result_of(bot))
    assert (longer.seed, longer.more) == (4, (1,))
    form = await bot.bob.click(taken, label="Edit prompt")
    await bot.bob.submit_modal(form, {"prompt": "a green ring"})
    (reworded,) = await recipes_in(await result_of(bot))
    assert (reworded.seed, str(reworded.prompts[0])) == (4, "a green ring")
    assert is_accepted(ephemeral_text(await bot.bob.click(taken, label="Vary")))
    await bot.wait_until_notified()
    record = await bot.services.store.jobs.get(5)
    assert record is not None
    start = record.job.recipes[0].init_image
    assert start is not None
    whole = opened(await taken.attachments[0].read())
    assert opened(start).size == (64, 64)
    assert whole.size == (512, 512)


async def test_a_taken_picture_is_known_after_a_restart_and_deleted_with_the_others(
    settings: BotSettings, monkeypatch: pytest.MonkeyPatch
):
    async with open_restartable_bot(settings, monkeypatch) as restartable:
        async with restartable.start() as bot:
            grid = await grid_of(bot)
            taken = await take(bot, grid)
        async with restartable.start() as bot:
            answered = ephemeral_text(await bot.alice.click(grid, label="U2"))
            assert "posted already" in answered
            asked = await bot.alice.click(taken, label="Delete")
            assert "all 2 pictures" in ephemeral_text(asked)
            assert asked.response is not None
            await bot.alice.click(asked.response, label="Delete it")
            assert not painted(bot.thread())


async def test_a_picture_that_could_not_be_posted_can_be_taken_again(bot: BotHarness):
    grid = await grid_of(bot)
    bot.env.inject_error("POST", f"/channels/{bot.thread().id}/messages", status=403, code=50013)
    refused = ephemeral_text(await bot.alice.click(grid, label="U1"))
    assert "could not post here" in refused
    await take(bot, grid, 1)


async def test_a_taken_picture_is_enlarged_tile_by_tile(bot: BotHarness):
    taken = await take(bot, await grid_of(bot, steps=8))
    assert is_accepted(ephemeral_text(await bot.bob.click(taken, label="Enlarge ×2")))
    result = await result_of(bot)
    assert "enlarged" in result.content
    assert "128×128" in result.content
    (file,) = pictures_of(result)
    small = opened(await taken.attachments[0].read()).convert("RGB")
    large = opened(await file.read()).convert("RGB")
    assert (small.size, large.size) == ((512, 512), (1024, 1024))
    assert distance(*(each.resize((64, 64)).tobytes() for each in (small, large))) < 12
    assert labels(result) == ["Rerun", "Enlarge ×2", "Edit prompt", "Recipe", "Delete"]


async def test_the_command_that_recipe_gives_paints_the_same_pictures(bot: BotHarness):
    await bot.imagine(
        "a red circle: size:big", seed=3, count=2, size="wide", preset="fast", style="oil"
    )
    grid = await result_of(bot)
    shown = ephemeral_text(await bot.bob.click(grid, label="Recipe"))
    assert shown.startswith("Paste this to paint the same again:")
    line = pasted_line(shown)
    assert line == (
        r"/imagine prompt:a red circle: size\:big size:wide steps:2 seed:3 preset:fast style:oil "
        "count:2"
    )
    await run_line(bot, bot.bob, bot.channel, line)
    again = await result_of(bot)
    before, after = [[await each.read() for each in pictures_of(m)] for m in (grid, again)]
    assert before == after


async def test_the_command_for_a_taken_picture_paints_it_alone(bot: BotHarness):
    taken = await take(bot, await grid_of(bot))
    line = pasted_line(ephemeral_text(await bot.bob.click(taken, label="Recipe")))
    await run_line(bot, bot.bob, bot.channel, line)
    (again,) = pictures_of(await result_of(bot))
    assert await again.read() == await taken.attachments[0].read()


async def test_a_command_that_a_message_cannot_show_comes_as_a_file(bot: BotHarness):
    await bot.imagine("a ```circle``` on blue", steps=1)
    answered = await bot.alice.click(await result_of(bot), label="Recipe")
    assert answered.response is not None
    (file,) = answered.response.message.attachments
    line = (await file.read()).decode()
    assert line.startswith("/imagine prompt:a ```circle``` on blue size:square steps:1 seed:")
    assert "file" in ephemeral_text(answered)


async def test_a_style_with_the_name_of_a_saved_one_is_given_in_the_prompt(bot: BotHarness):
    await bot.imagine(style="oil")
    result = await result_of(bot)
    await bot.bob.slash(bot.channel, "style save", name="oil", words="in the manner of Turner")
    line = pasted_line(ephemeral_text(await bot.bob.click(result, label="Recipe")))
    assert "style:" not in line
    assert f"prompt:{PROMPT}, oil size:square" in line
    own = pasted_line(ephemeral_text(await bot.alice.click(result, label="Recipe")))
    assert "style:oil" in own


async def test_a_picture_that_is_taken_where_pictures_are_hidden_is_a_spoiler(bot: BotHarness):
    grid = await grid_of(bot)
    hiding = GuildSettings(spoiler_channels=(bot.channel.id,))
    await bot.services.store.guild_settings.change(bot.guild.id, lambda _: hiding)
    taken = await take(bot, grid)
    assert taken.attachments[0].is_spoiler()


async def test_the_command_paints_the_same_for_someone_with_defaults(bot: BotHarness):
    await bot.imagine(seed=3, size="wide", style="oil")
    result = await result_of(bot)
    own = Preferences(style="charcoal", negative="fog", count=2, ratio="1:1", steps=9)
    await bot.services.store.preferences.change(bot.bob.id, lambda _: own)
    line = pasted_line(ephemeral_text(await bot.bob.click(result, label="Recipe")))
    assert line.endswith("style:oil count:1 negative:none")
    await run_line(bot, bot.bob, bot.channel, line)
    again = await result_of(bot)
    assert again.id != result.id
    assert await pictures_of(again)[0].read() == await pictures_of(result)[0].read()
