"""`/mask`: something in a picture is found by words, and painted anew, as people see it."""

from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType

import discord
import numpy as np
import pytest
import simcord
from PIL import Image, ImageDraw

from bot.client import PaintingBot
from bot.storage import drafts as stored_drafts
from engine import presets
from engine.editing import text_masks
from engine.editing.text_masks import TextMask
from engine.models.loading import Models
from tests.harness.bot_harness import (
    BotHarness,
    channel_of,
    connected,
    encoded,
    ephemeral_text,
    is_accepted,
    make_settings,
    open_test_services,
    opened,
    pictures_of,
    raise_unexplained,
    recipe_of,
    result_of,
    wait_for_first_progress,
)
from tests.harness.interactions import NEVER_FINISHES

WORDS = "a green square on a blue background"
BLACK, WHITE = encoded(Image.new("L", (128, 128))), encoded(Image.new("L", (128, 128), 255))


def scene() -> Image.Image:
    """Draw a red circle on blue, as the demo models know it."""
    picture = Image.new("RGB", (128, 128), (30, 60, 200))
    ImageDraw.Draw(picture).ellipse((40, 40, 88, 88), fill=(220, 30, 30))
    return picture


SCENE = encoded(scene())


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Buttons cannot say how many steps, so the preset has few."""
    demo = {**presets.PRESETS["demo"], "steps": 2}
    monkeypatch.setattr(presets, "PRESETS", MappingProxyType({**presets.PRESETS, "demo": demo}))


@pytest.fixture
def never_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(picture: Image.Image, _: str, __: Models) -> TextMask:
        return TextMask(Image.new("L", picture.size, 255), Image.new("L", picture.size, 7), False)

    monkeypatch.setattr(text_masks, "find_mask", nothing)


async def mask(
    bot: BotHarness, image: bytes = SCENE, **options: object
) -> simcord.InteractionResult:
    return await bot.alice.slash(bot.channel, "mask", image=("scene.png", image), **options)


def shown(answered: simcord.InteractionResult) -> simcord.results.ResponseMessage:
    assert answered.response is not None
    return answered.response


async def mask_of(answered: simcord.InteractionResult) -> np.ndarray:
    """Return the mask as it can be downloaded."""
    (file,) = (each for each in shown(answered).attachments if each.filename == "mask.png")
    return np.asarray(opened(await file.read()))


async def press(bot: BotHarness, answered: simcord.InteractionResult, label: str):
    return await bot.alice.click(shown(answered), label=label)


def enabled(answered: simcord.InteractionResult) -> set[str]:
    rows = shown(answered).message.components
    buttons = (b for row in rows if isinstance(row, discord.ActionRow) for b in row.children)
    return {b.label or "" for b in buttons if isinstance(b, discord.Button) and not b.disabled}


async def test_named_object_is_found_and_repainted(bot: BotHarness):
    answered = await mask(bot, what="red circle", replace_with=WORDS)
    text = ephemeral_text(answered)
    assert "% of the picture" in text
    assert WORDS in text
    names = [each.filename for each in shown(answered).attachments]
    assert names == ["preview.webp", "mask.png"]
    assert all(each.description for each in shown(answered).attachments)
    found = await mask_of(answered)
    assert found[64, 64] == 255
    assert found[5, 5] == 0
    assert not bot.channel.history()
    await press(bot, answered, "Paint it")
    assert is_accepted(ephemeral_text(answered))
    assert not enabled(answered)
    result = await result_of(bot)
    assert "only inside the mask" in result.content
    content = await pictures_of(result)[0].read()
    changed = (np.asarray(opened(content)) != np.asarray(scene())).any(-1)
    assert changed[60:68, 60:68].any()
    assert not changed[found == 0].any()


async def test_the_preview_shows_what_changes_brightly(bot: BotHarness):
    answered = await mask(bot, what="red circle")
    (preview,) = (f for f in shown(answered).attachments if f.filename == "preview.webp")
    pixels = np.asarray(opened(await preview.read()).convert("RGB")).astype(int)
    assert pixels[64, 64, 0] > 180
    assert pixels[5, 5].max() < 60


async def test_a_mask_is_found_while_something_else_is_painted(bot: BotHarness):
    await bot.bob.slash(bot.channel, "imagine", prompt="a blue square", steps=NEVER_FINISHES)
    await wait_for_first_progress(bot)
    answered = await mask(bot, what="red circle")
    assert [job.id for job in bot.services.queue.jobs()] == [1]
    assert "Paint it" in enabled(answered)


async def test_buttons_change_the_mask(bot: BotHarness):
    answered = await mask(bot, what="red circle")
    first = await mask_of(answered)
    await press(bot, answered, "Wider")
    wide = await mask_of(answered)
    assert (wide > 0).sum() > (first > 0).sum()
    await press(bot, answered, "Narrower")
    assert (await mask_of(answered) > 0).sum() < (wide > 0).sum()
    before = await mask_of(answered)
    await press(bot, answered, "Invert")
    assert (await mask_of(answered) == 255 - before).all()


async def test_without_words_paint_it_asks_for_them(bot: BotHarness):
    answered = await mask(bot, what="red circle")
    form = await press(bot, answered, "Paint it")
    assert form.modal is not None
    await bot.alice.submit_modal(form, {"replace_with": WORDS})
    assert is_accepted(ephemeral_text(answered))
    assert bot.thread().name == WORDS
    await bot.wait_until_notified()


@pytest.mark.usefixtures("never_found")
async def test_object_that_is_not_found_is_reported(bot: BotHarness):
    answered = await mask(bot, what="a green cat", replace_with=WORDS)
    text = ephemeral_text(answered)
    assert "couldn't find" in text
    assert "green cat" in text
    assert [each.filename for each in shown(answered).attachments] == ["relevance.png"]
    assert enabled(answered) == {"Upload my own mask", "Cancel"}
    assert not bot.channel.history()
    assert not await bot.services.store.jobs.list_open()


async def uploaded(
    bot: BotHarness, answered: simcord.InteractionResult, content: bytes
) -> simcord.InteractionResult:
    form = await press(bot, answered, "Upload my own mask")
    return await bot.alice.submit_modal(form, {"mask": ("drawn.png", content)})


async def test_without_something_to_look_for_a_mask_is_uploaded(bot: BotHarness):
    answered = await mask(bot, replace_with=WORDS)
    assert "Upload a mask" in ephemeral_text(answered)
    assert enabled(answered) == {"Upload my own mask", "Cancel"}
    drawn = Image.new("L", (128, 128))
    ImageDraw.Draw(drawn).rectangle((0, 0, 63, 127), fill=255)
    await uploaded(bot, answered, encoded(drawn))
    assert "50 % of the picture" in ephemeral_text(answered)
    assert (await mask_of(answered) == np.asarray(drawn)).all()
    await press(bot, answered, "Paint it")
    result = await result_of(bot)
    content = await pictures_of(result)[0].read()
    assert (np.asarray(opened(content))[:, 64:] == np.asarray(scene())[:, 64:]).all()
    assert recipe_of(content).edit is not None


async def test_a_hole_in_the_picture_is_the_mask(bot: BotHarness):
    picture = scene().convert("RGBA")
    picture.paste((0, 0, 0, 0), (32, 32, 96, 96))
    answered = await mask(bot, encoded(picture), replace_with=WORDS)
    assert "25 % of the picture" in ephemeral_text(answered)
    assert "What is transparent in the picture will change" in ephemeral_text(answered)
    drawn = scene()
    ImageDraw.Draw(drawn).rectangle((0, 0, 127, 31), fill="yellow")
    await uploaded(bot, answered, encoded(drawn))
    found = await mask_of(answered)
    assert found[:32].min() == 255


BAD_MASKS: Sequence[tuple[bytes, str]] = (
    (BLACK, "black everywhere"),
    (encoded(Image.new("L", (200, 100), 255)), "proportions"),
    (b"no picture", "PNG"),
)


async def test_a_mask_that_does_not_fit_is_refused_and_the_draft_stays(bot: BotHarness):
    answered = await mask(bot, what="red circle", replace_with=WORDS)
    before = await mask_of(answered)
    for content, reason in BAD_MASKS:
        refused = await uploaded(bot, answered, content)
        (refusal,) = refused.followups
        assert refusal.ephemeral
        assert reason in refusal.content
        assert (await mask_of(answered) == before).all()
        assert "Paint it" in enabled(answered)


async def test_a_mask_reaches_beyond_what_was_found(bot: BotHarness):
    """Its soft edge lies inside: without that a rim of what was there would be left."""
    found = await mask_of(await mask(bot, what="red circle"))
    disc = np.asarray(scene())[..., 0] > 100
    assert (found[disc] == 255).all()
    assert (found > 0).sum() > 1.2 * disc.sum()


@pytest.mark.parametrize("drawn", ["white", "soft"])
async def test_masks_of_other_kinds_are_painted(bot: BotHarness, drawn: str):
    soft = encoded(Image.linear_gradient("L").resize((128, 128)))
    answered = await mask(bot, replace_with=WORDS)
    await uploaded(bot, answered, WHITE if drawn == "white" else soft)
    await press(bot, answered, "Paint it")
    assert "only inside the mask" in (await result_of(bot)).content


async def test_a_mask_made_black_is_refused_and_can_be_changed_again(bot: BotHarness):
    answered = await mask(bot, replace_with=WORDS)
    await uploaded(bot, answered, WHITE)
    await press(bot, answered, "Invert")
    assert "0 % of the picture" in ephemeral_text(answered)
    refused = await press(bot, answered, "Paint it")
    assert "black everywhere" in refused.followups[0].content
    assert not bot.channel.history()
    await press(bot, answered, "Invert")
    await press(bot, answered, "Paint it")
    assert is_accepted(ephemeral_text(answered))
    await bot.wait_until_notified()


async def test_a_draft_can_be_cancelled(bot: BotHarness):
    answered = await mask(bot, what="red circle")
    await press(bot, answered, "Cancel")
    assert ephemeral_text(answered) == "Cancelled."
    assert not enabled(answered)
    assert not shown(answered).attachments


async def test_a_draft_is_painted_once(bot: BotHarness):
    answered = await mask(bot, what="red circle", replace_with=WORDS)
    before = shown(answered).message
    await press(bot, answered, "Paint it")
    posted = await posted_again(bot, before)
    refused = await bot.alice.click(posted, label="Paint it")
    assert "not there any more" in ephemeral_text(refused)
    assert len(bot.channel.threads) == 1
    await bot.wait_until_notified()


async def posted_again(bot: BotHarness, message: discord.Message) -> discord.Message:
    """Post a public message of the bot with the same buttons."""
    return await posted_with(
        bot, [b.custom_id or "" for b in buttons_of(message)], buttons_of(message)
    )


def buttons_of(message: discord.Message) -> list[discord.Button]:
    rows = (row for row in message.components if isinstance(row, discord.ActionRow))
    return [b for row in rows for b in row.children if isinstance(b, discord.Button)]


async def posted_with(
    bot: BotHarness, custom_ids: Sequence[str], like: Sequence[discord.Button] = ()
) -> discord.Message:
    view = discord.ui.View(timeout=None)
    labels = [button.label or "" for button in like] or list(custom_ids)
    for label, custom_id in zip(labels, custom_ids, strict=True):
        view.add_item(discord.ui.Button(label=label, custom_id=custom_id))
    return await channel_of(bot, bot.channel.id).send("buttons", view=view)


async def test_a_draft_of_somebody_else_is_refused(bot: BotHarness):
    answered = await mask(bot, what="red circle", replace_with=WORDS)
    posted = await posted_again(bot, shown(answered).message)
    for label in ("Paint it", "Wider", "Cancel", "Upload my own mask"):
        refused = await bot.bob.click(posted, label=label)
        assert "belongs to someone else" in ephemeral_text(refused)
    await press(bot, answered, "Wider")
    assert "% of the picture" in ephemeral_text(answered)


TAMPERED: Sequence[str] = (
    "mask:999:wider",
    "mask:x:wider",
    f"mask:{10**30}:wider",
    "mask:-1:wider",
    "mask:²:wider",
    "mask::",
    "mask:1:explode",
    "mask:1:",
)


async def test_buttons_that_were_tampered_with_are_refused(bot: BotHarness):
    answered = await mask(bot, what="red circle", replace_with=WORDS)
    for custom_id in TAMPERED:
        refused = await bot.alice.click(await posted_with(bot, [custom_id]), custom_id=custom_id)
        answers = (refused.response, *refused.followups)
        replies = [each for each in answers if each and each.ephemeral]
        assert any("not there any more" in r.content or "don't know" in r.content for r in replies)
        assert "Paint it" in enabled(answered)
    assert len(bot.channel.history()) == len(TAMPERED)


async def test_buttons_work_after_a_restart(tmp_path: Path):
    settings = make_settings(tmp_path)
    async with AsyncExitStack() as stack:
        async with open_test_services(settings) as services:
            client = PaintingBot(services)
            env = await stack.enter_async_context(connected(client))
            stack.callback(raise_unexplained, env)
            guild = env.create_guild()
            channel = guild.create_text_channel("art")
            alice = guild.add_member(env.create_user("alice"))
            answered = await alice.slash(
                channel, "mask", image=("a.png", SCENE), what="red circle", replace_with=WORDS
            )
            before = await mask_of(answered)
        async with open_test_services(settings) as services:
            await env.restart_bot(PaintingBot(services))
            await alice.click(shown(answered), label="Wider")
            assert (await mask_of(answered) > 0).sum() > (before > 0).sum()
            await alice.click(shown(answered), label="Paint it")
            assert is_accepted(ephemeral_text(answered))


async def test_drafts_are_forgotten_after_a_day(bot: BotHarness, monkeypatch: pytest.MonkeyPatch):
    old = await mask(bot, what="red circle")
    monkeypatch.setattr(stored_drafts, "DRAFT_AGE", timedelta(0))
    await mask(bot)
    refused = await press(bot, old, "Wider")
    assert "not there any more" in ephemeral_text(refused)


async def test_only_newest_drafts_of_a_user_are_kept(
    bot: BotHarness, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(stored_drafts, "DRAFTS", 2)
    drafts = [await mask(bot) for _ in range(3)]
    assert "not there any more" in ephemeral_text(await press(bot, drafts[0], "Cancel"))
    await press(bot, drafts[1], "Cancel")
    assert ephemeral_text(drafts[1]) == "Cancelled."


async def test_the_menu_masks_something_in_anybodys_picture(bot: BotHarness):
    posted = await bot.bob.send(bot.channel, "look", attachments=[("a.png", SCENE)])
    form = await bot.alice.context_menu(bot.channel, "Mask something in it", posted)
    answered = await bot.alice.submit_modal(form, {"what": "red circle", "replace_with": WORDS})
    assert "% of the picture" in ephemeral_text(answered)
    await press(bot, answered, "Paint it")
    assert is_accepted(ephemeral_text(answered))
    await bot.wait_until_notified()


REFUSED: Sequence[tuple[dict[str, object], str]] = (
    ({"image": b"no picture"}, "PNG"),
    ({"image": encoded(Image.new("RGB", (8, 8)))}, "too few to edit"),
    ({"what": "red circle", "replace_with": "x:nan"}, "weight"),
)


async def test_forbidden_values_are_refused(bot: BotHarness):
    for options, reason in REFUSED:
        refused = ephemeral_text(await mask(bot, **options))  # pyright: ignore[reportArgumentType]
        assert reason in refused
        assert refused.endswith(".")


async def test_a_large_picture_is_made_smaller_and_that_is_said(bot: BotHarness):
    large = encoded(scene().resize((1600, 1600)), "JPEG")
    answered = await mask(bot, large, what="red circle")
    assert "1600x1600" in ephemeral_text(answered)
