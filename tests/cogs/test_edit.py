"""`/edit` and the menu *Edit this image*, from the picture to its edit, as people see it."""

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from bot.ui import attachment_packer
from engine.presets import infer_keep
from tests.harness.bot_harness import (
    BotHarness,
    encoded,
    ephemeral_text,
    is_accepted,
    make_settings,
    open_bot,
    opened,
    painted,
    result_of,
    singles_of,
    steps_held,
    stored_recipe,
    wait_for_first_progress,
)

WORDS = "a green circle on a blue background"


def photograph(width: int = 120, height: int = 80) -> Image.Image:
    """Draw a red disc on a blue gradient."""
    red = Image.linear_gradient("L").resize((width, height))
    picture = Image.merge("RGB", (red.point([v // 4 for v in range(256)]), red, red))
    ImageDraw.Draw(picture).ellipse((30, 20, 70, 60), fill="red")
    return picture


PHOTOGRAPH = encoded(photograph())


def mask(width: int = 120, height: int = 80, *, soft: bool = False) -> bytes:
    """White where the disc is."""
    drawn = Image.new("L", (width, height))
    ImageDraw.Draw(drawn).rectangle((width // 4, height // 4, width // 2, height // 2), fill=255)
    if soft:
        drawn = Image.linear_gradient("L").resize((width, height))
    return encoded(drawn)


async def edit(bot: BotHarness, image: bytes = PHOTOGRAPH, **options: object) -> str:
    """Let Alice edit a picture; return the answer."""
    values = {"prompt": WORDS, "steps": 1, "seed": 7} | options
    values |= {"image": ("photo.png", image)}
    if isinstance(drawn := values.get("mask"), bytes):
        values["mask"] = ("mask.png", drawn)
    return ephemeral_text(await bot.alice.slash(bot.channel, "edit", **values))


async def files_of(bot: BotHarness) -> dict[str, bytes]:
    result = await result_of(bot)
    return {each.filename: await each.read() for each in result.attachments}


async def test_an_edit_comes_at_the_pictures_own_size_with_a_comparison(bot: BotHarness):
    answered = await edit(bot, keep=70)
    assert bot.job_message().jump_url in answered
    assert bot.thread().name == WORDS
    result = await result_of(bot)
    for part in ("edited from a picture of 120×80", "keeping 70 %", "1 step", "seed 7"):
        assert part in result.content
    files = await files_of(bot)
    assert opened(files["picture-1.png"]).size == (120, 80)
    before_after = opened(files["picture-1-before-after.png"])
    left = np.asarray(before_after.convert("RGB"))[8:88, 8:128]
    assert (left == np.asarray(photograph())).all()
    assert before_after.width > 2 * 120
    (compared,) = (f for f in result.attachments if "before-after" in f.filename)
    assert "Left" in (compared.description or "")
    recipe = await stored_recipe(bot, await result_of(bot))
    assert recipe.edit is not None
    assert infer_keep(recipe.edit) == pytest.approx(0.7)


async def test_outside_the_mask_every_pixel_stays(bot: BotHarness):
    await edit(bot, mask=mask(), keep=0, steps=4)
    result = await result_of(bot)
    assert "only inside the mask" in result.content
    content = (await files_of(bot))["picture-1.png"]
    after, before = np.asarray(opened(content)), np.asarray(photograph())
    changed = (after != before).any(-1)
    assert changed[20:41, 30:61].any()
    changed[20:41, 30:61] = False
    assert not changed.any()


@pytest.mark.parametrize(
    "drawn",
    [encoded(Image.new("L", (120, 80), 255)), mask(soft=True), mask(240, 160)],
    ids=["all white", "soft edges", "twice as large"],
)
async def test_masks_of_other_kinds_are_taken(bot: BotHarness, drawn: bytes):
    assert is_accepted(await edit(bot, mask=drawn))
    content = (await files_of(bot))["picture-1.png"]
    assert opened(content).size == (120, 80)
    assert (np.asarray(opened(content)) != np.asarray(photograph())).any()


def erased() -> Image.Image:
    """Erase a part of the photograph."""
    picture = photograph().convert("RGBA")
    picture.paste((0, 0, 0, 0), (30, 20, 61, 41))
    return picture


def painted_over() -> Image.Image:
    picture = photograph()
    ImageDraw.Draw(picture).rectangle((80, 20, 110, 40), fill="lime")
    return picture


@pytest.mark.parametrize(
    ("options", "notice", "part"),
    [
        ({"mask": encoded(erased())}, "In the mask, what is transparent", (30, 20, 61, 41)),
        ({"mask": encoded(painted_over())}, "In the mask, what is painted", (79, 19, 112, 42)),
        ({"image": encoded(erased())}, "What is transparent in the picture", (30, 20, 61, 41)),
    ],
    ids=["erased", "painted over", "a hole in the picture itself"],
)
async def test_a_copy_of_the_picture_shows_what_changes(
    bot: BotHarness, options: dict[str, bytes], notice: str, part: tuple[int, int, int, int]
):
    image = options.pop("image", PHOTOGRAPH)
    answered = await edit(bot, image, keep=0, steps=4, **options)
    assert notice in answered
    after = np.asarray(opened((await files_of(bot))["picture-1.png"]))
    changed = (after != np.asarray(photograph())).any(-1)
    left, top, right, bottom = part
    assert changed[top:bottom, left:right].any()
    changed[top:bottom, left:right] = False
    assert not changed.any()


async def test_transparency_of_a_picture_is_told(bot: BotHarness):
    cut_out = photograph()
    cut_out.putalpha(Image.radial_gradient("L").resize(cut_out.size).point(lambda v: 255 - v))
    assert "which are white now." in await edit(bot, encoded(cut_out))


async def test_variations_of_an_edit_are_all_there(bot: BotHarness):
    await edit(bot, count=4)
    await bot.wait_until_notified()
    thread = bot.thread()
    messages = [m for m in thread.history() if m.attachments]
    assert all(len(message.attachments) <= 10 for message in messages)
    names = {file.filename for message in messages for file in message.attachments}
    for number in range(1, 5):
        assert f"picture-1-{number}.png" in names
        assert f"picture-1-{number}-before-after.png" in names
    assert {"picture-1-grid.png", "picture-1-growth.webp"} <= names


async def test_large_result_is_split_into_messages(
    bot: BotHarness, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(attachment_packer, "MAX_FILES", 3)
    await edit(bot, count=2)
    await bot.wait_until_notified()
    messages = [m for m in bot.thread().history() if m.attachments]
    assert [len(message.attachments) for message in messages] == [2, 3, 1]
    names = [file.filename for message in messages for file in message.attachments]
    assert len(set(names)) == 6
    for message in messages:
        assert await bot.services.store.jobs.author_of_post(message.id) == bot.alice.id


async def test_a_large_picture_is_made_smaller_and_that_is_said(bot: BotHarness):
    answered = await edit(bot, encoded(photograph(2000, 1500), "JPEG"))
    assert is_accepted(answered)
    assert "2000x1500" in answered
    assert "smaller" in answered
    content = (await files_of(bot))["picture-1.png"]
    assert max(opened(content).size) < 2000


REFUSED: Sequence[tuple[dict[str, object], str]] = (
    ({"image": encoded(Image.new("RGB", (15, 40)))}, "too few to edit"),
    ({"image": encoded(Image.new("RGB", (700, 100)))}, "too long a strip"),
    ({"image": b"no picture"}, "PNG"),
    ({"image": b"x" * (9 * 2**20)}, "at most 8 MiB"),
    ({"mask": encoded(Image.new("L", (80, 120), 255))}, "proportions"),
    ({"mask": encoded(Image.new("L", (120, 80)))}, "black everywhere"),
    ({"mask": b"no picture"}, "PNG"),
    ({"mask": PHOTOGRAPH}, "is the picture itself"),
    ({"mask": encoded(Image.new("RGB", (120, 80), "red"))}, "paint white what to change"),
    ({"mask": encoded(Image.new("RGBA", (120, 80), (255, 255, 255, 0)))}, "not clear"),
    ({"prompt": " "}, "empty"),
    ({"preset": "none"}, "paper"),
    ({"steps": 5000}, "At most 1000"),
)


async def test_forbidden_values_are_refused(bot: BotHarness):
    for options, reason in REFUSED:
        answered = await edit(bot, **options)  # pyright: ignore[reportArgumentType]
        assert reason in answered
        assert answered.endswith(".")
        assert not bot.channel.history()
        assert not await bot.services.store.jobs.list_open()


async def test_the_menu_edits_anybodys_picture(bot: BotHarness):
    posted = await bot.bob.send(
        bot.channel, "look", attachments=[("a.png", PHOTOGRAPH), ("b.jpg", b""), ("c.txt", b"")]
    )
    form = await bot.alice.context_menu(bot.channel, "Edit this image", posted)
    answered = await bot.alice.submit_modal(
        form, {"prompt": WORDS, "keep": ["100"], "which": ["1"]}
    )
    assert is_accepted(ephemeral_text(answered))
    await bot.wait_until_notified()
    assert "keeping 100 %" in (await result_of(bot)).content
    recipe = await stored_recipe(bot, await result_of(bot))
    assert recipe.edit is not None
    assert opened(recipe.edit.source).tobytes() == photograph().tobytes()


async def test_the_menu_edits_the_bots_own_pictures_at_full_size(bot: BotHarness):
    await bot.imagine(steps=1, count=2, seed=3)
    result = await result_of(bot)
    form = await bot.alice.context_menu(bot.thread(), "Edit this image", result)
    assert form.modal is not None
    assert "grid" not in str(form.modal)
    await bot.alice.submit_modal(form, {"prompt": WORDS, "keep": ["0"], "which": ["2"]})
    edited = await result_of(bot, bot.thread())
    recipe = await stored_recipe(bot, edited)
    assert recipe.edit is not None
    _, second = await singles_of(result)
    assert opened(recipe.edit.source).tobytes() == opened(await second.read()).tobytes()


async def test_the_menu_refuses_a_message_without_a_picture(bot: BotHarness):
    posted = await bot.bob.send(bot.channel, "hello")
    refused = await bot.alice.context_menu(bot.channel, "Edit this image", posted)
    assert "no picture" in ephemeral_text(refused)


async def test_pictures_of_others_can_be_forbidden(tmp_path: Path):
    settings = make_settings(tmp_path)
    limits = settings.limits.model_copy(update={"edit_others": False})
    async with open_bot(settings.model_copy(update={"limits": limits})) as bot:
        await bot.imagine(steps=1)
        result = await result_of(bot)
        menu = "Edit this image"
        refused = await bot.bob.context_menu(bot.thread(), menu, result)
        assert "only the person who asked" in ephemeral_text(refused)
        allowed = await bot.alice.context_menu(bot.thread(), menu, result)
        assert allowed.modal is not None
        posted = await bot.bob.send(bot.channel, "", attachments=[("a.png", PHOTOGRAPH)])
        allowed = await bot.alice.context_menu(bot.channel, menu, posted)
        assert allowed.modal is not None


async def test_an_edit_can_be_edited_again(bot: BotHarness):
    await edit(bot)
    content = (await files_of(bot))["picture-1.png"]
    assert is_accepted(await edit(bot, content, prompt="a yellow ring"))
    again = await stored_recipe(bot, await result_of(bot))
    assert again.edit is not None
    assert opened(again.edit.source).tobytes() == opened(content).tobytes()


async def test_progress_of_an_edit_has_the_pictures_shape(bot: BotHarness):
    with steps_held():
        await edit(bot)
        await wait_for_first_progress(bot)
        thread = bot.thread()
        assert thread.last_message is not None
        shown = thread.last_message.attachments
    assert shown[0].filename == "progress.webp"
    picture = Image.open(io.BytesIO(await shown[0].read()))
    assert picture.size == (120, 80)
    await bot.wait_until_notified()
    assert painted(thread)
