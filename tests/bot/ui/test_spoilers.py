"""A picture that was hidden stays hidden in everything that is made from it."""

from typing import Any

import discord
import pytest
import simcord
from PIL import Image

from bot.config import BotSettings
from bot.storage.connection import DATABASE
from engine import presets
from engine.editing import text_masks
from engine.editing.text_masks import TextMask
from tests.harness.bot_harness import (
    PROMPT,
    BotHarness,
    encoded,
    job_in_progress,
    painted,
    pictures_of,
    result_of,
)
from tests.harness.restartable_bot import open_restartable_bot

PICTURE = encoded(Image.effect_noise((64, 64), 60).convert("RGB"))
HIDDEN, OPEN = ("SPOILER_scene.png", PICTURE), ("scene.png", PICTURE)
WHITE = encoded(Image.new("L", (64, 64), 255))


def posted_files(bot: BotHarness) -> list[tuple[str, bool]]:
    """Return the names of all files that the bot posted, and whether they are hidden."""
    places = (bot.channel, *bot.channel.threads)
    messages = [message for place in places for message in place.history()]
    return [
        (file.filename, file.is_spoiler())
        for message in messages
        if message.author == bot.client.user
        for file in message.attachments
    ]


async def check_hidden(bot: BotHarness, messages: int = 2) -> discord.Message:
    """Check that the bot hid all files of so many messages; return the newest result."""
    newest = await result_of(bot)
    assert sum(len(painted(place)) for place in (bot.channel, *bot.channel.threads)) == messages
    files = posted_files(bot)
    assert all(hidden for _, hidden in files), files
    return newest


def shown(answered: simcord.InteractionResult) -> simcord.results.ResponseMessage:
    """Return a response, all of whose files must be hidden."""
    assert answered.response is not None
    assert answered.response.attachments
    assert all(file.is_spoiler() for file in answered.response.attachments)
    return answered.response


async def edited(bot: BotHarness, **options: object) -> None:
    """Let Alice edit a hidden picture."""
    defaults = {"image": HIDDEN, "prompt": PROMPT, "steps": 2}
    await bot.alice.slash(bot.channel, "edit", **defaults | options)


@pytest.mark.parametrize("option", ["image", "like"])
async def test_every_file_of_a_job_is_hidden_and_its_history_too(bot: BotHarness, option: str):
    options: dict[str, Any] = {option: HIDDEN}
    async with job_in_progress(bot, steps=2, count=2, **options):
        assert posted_files(bot) == [("SPOILER_progress.webp", True)]
    await check_hidden(bot, messages=3)
    page = await bot.alice.slash(bot.channel, "history")
    await bot.alice.click(shown(page), label="Post again")
    await check_hidden(bot, messages=5)


async def test_pictures_that_were_not_hidden_are_not(bot: BotHarness):
    await edited(bot, image=OPEN)
    await bot.wait_until_notified()
    assert posted_files(bot)
    assert not any(hidden for _, hidden in posted_files(bot))


async def test_what_follows_a_hidden_picture_is_hidden(bot: BotHarness):
    await edited(bot)
    result = await check_hidden(bot)
    await bot.bob.click(result, label="Rerun")
    await bot.bob.click(result, label="Vary")
    form = await bot.bob.click(result, label="More steps")
    await bot.bob.submit_modal(form, {"steps": "1"})
    form = await bot.bob.click(result, label="Edit prompt")
    await bot.bob.submit_modal(form, {"prompt": "a green ring"})
    await check_hidden(bot, messages=6)


async def test_a_hidden_mask_hides_the_picture(bot: BotHarness):
    await edited(bot, image=OPEN, mask=("SPOILER_mask.png", WHITE))
    await check_hidden(bot)


async def test_edits_of_a_hidden_message_are_hidden(
    bot: BotHarness, monkeypatch: pytest.MonkeyPatch
):
    demo = {**presets.PRESETS["demo"], "steps": 2}  # forms cannot say how many
    monkeypatch.setattr(presets, "PRESETS", {**presets.PRESETS, "demo": demo})
    posted = await bot.bob.send(bot.channel, "look", attachments=[HIDDEN])
    form = await bot.alice.context_menu(bot.channel, "Edit this image", posted)
    await bot.alice.submit_modal(form, {"prompt": PROMPT, "keep": ["100"]})
    form = await bot.alice.context_menu(bot.channel, "Mask something in it", posted)
    draft = await bot.alice.submit_modal(form, {"what": "", "replace_with": PROMPT})
    assert draft.response is not None
    form = await bot.alice.click(draft.response, label="Upload my own mask")
    await bot.alice.submit_modal(form, {"mask": [("mask.png", WHITE)]})
    await bot.alice.click(shown(draft), label="Paint it")
    await bot.wait_until_notified()
    files = [each for each in posted_files(bot) if not each[1]]
    assert not files


async def test_drafts_are_hidden_in_every_preview(bot: BotHarness, monkeypatch: pytest.MonkeyPatch):
    def lost(picture: Image.Image, *_: object) -> TextMask:
        mask = Image.new("L", picture.size, 255)
        return TextMask(mask, mask, False)

    monkeypatch.setattr(text_masks, "find_mask", lost)
    draft = await bot.alice.slash(bot.channel, "mask", image=HIDDEN, what="a cat")
    assert [file.filename for file in shown(draft).attachments] == ["SPOILER_relevance.png"]
    form = await bot.alice.click(shown(draft), label="Upload my own mask")
    await bot.alice.submit_modal(form, {"mask": [("mask.png", WHITE)]})
    await bot.alice.click(shown(draft), label="Narrower")
    names = [file.filename for file in shown(draft).attachments]
    assert names == ["SPOILER_preview.webp", "SPOILER_mask.png"]


async def test_a_recipe_from_a_hidden_picture_is_painted_hidden(bot: BotHarness):
    await bot.imagine(steps=1)
    content = await pictures_of(await result_of(bot))[0].read()
    answered = await bot.alice.slash(bot.channel, "recipe", image=("SPOILER_a.png", content))
    await bot.alice.click(shown(answered), label="Paint it again")
    assert all(file.is_spoiler() for file in (await result_of(bot)).attachments)


async def test_after_a_restart_and_without_the_database_it_stays_hidden(
    settings: BotSettings, monkeypatch: pytest.MonkeyPatch
):
    async with open_restartable_bot(settings, monkeypatch) as restartable:
        async with restartable.start() as bot, job_in_progress(bot, steps=4, like=HIDDEN):
            await restartable.kill(bot.services)
        async with restartable.start() as bot:
            result = await check_hidden(bot)
        for each in settings.storage.folder.glob(f"{DATABASE}*"):
            each.unlink()
        async with restartable.start() as bot:
            menu = await bot.bob.context_menu(bot.thread(), "Edit this image", result)
            await bot.bob.submit_modal(menu, {"prompt": PROMPT, "keep": ["100"]})
            await bot.wait_until_notified()
            await check_hidden(bot, messages=3)
