"""`/restyle`, and words in a reply to a video: films of people's clips, as people see them."""

import base64
import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType
from typing import Any

import av
import discord
import numpy as np
import pytest

from bot import client
from bot.config import BotSettings
from engine import presets
from engine.editing.restyle import restyle_recipe
from engine.films import read_any_provenance
from engine.images.clip import read_clip
from engine.images.stored_clip import clip_info
from engine.recipes.recipe import Recipe
from tests.bot.privacy.test_retention import places_of
from tests.engine.images.videos import BLUE, GREEN, RED, halves, plain, sound_of, video, write_tone
from tests.harness.bot_harness import (
    PROMPT,
    BotHarness,
    channel_of,
    ephemeral_text,
    is_accepted,
    make_settings,
    open_bot,
    result_of,
    stored_recipe,
)
from tests.harness.command_lines import pasted_line
from tests.harness.interactions import labels
from tests.harness.picture_filters import SimpleFilter, open_filtered_bot, same_as
from tests.harness.replies import replied

WIDE = (128, 64)
PURE_RED = (255, 0, 0)
CLIP = video([halves(GREEN, BLUE, WIDE)] * 12, sound=0.5)
"""Half a second: twelve frames, of which every third one is painted."""
STORED = read_clip(CLIP, size_for=lambda _: (64, 64), rate=24).video


async def restyle(bot: BotHarness, clip: bytes = CLIP, **options: object) -> str:
    values = {"clip": ("a.mp4", clip), "prompt": PROMPT, "steps": 2, "seed": 3} | options
    return ephemeral_text(await bot.alice.slash(bot.channel, "restyle", **values))


def film_of(message: discord.Message) -> discord.Attachment:
    (film,) = [each for each in message.attachments if each.filename.endswith(".mp4")]
    return film


def frames_in(content: bytes) -> list[np.ndarray]:
    with av.open(io.BytesIO(content), "r") as film:
        return [each.to_ndarray(format="rgb24") for each in film.decode(video=0)]


async def clip_of(bot: BotHarness, message: discord.Message) -> bytes:
    recipe = await stored_recipe(bot, message)
    assert recipe.clip is not None
    return recipe.clip.video


async def nothing_was_queued(bot: BotHarness) -> bool:
    return await bot.services.store.jobs.state(1) is None


async def test_a_video_is_painted_in_another_style_with_its_sound(bot: BotHarness):
    assert is_accepted(await restyle(bot, keep=75))
    result = await result_of(bot)
    content = await film_of(result).read()
    frames = frames_in(content)
    assert len(frames) == 12
    height, width, _ = frames[0].shape
    assert abs(width / height - 2) < 0.2  # the shape of the video
    assert len(sound_of(content)) / 48_000 == pytest.approx(0.5, abs=0.05)
    assert np.sqrt((sound_of(content) ** 2).mean()) > 0.1
    assert "4 frames, 0.5 s, restyled from a video · keeping 75 %" in result.content
    recipe = await stored_recipe(bot, result)
    assert recipe.clip is not None
    info = clip_info(recipe.clip.video)
    assert (info.size, info.rate, info.frames) == ((recipe.width, recipe.height), 24, 12)
    assert labels(result) == ["Vary", "Rerun", "Enlarge ×2", "Edit prompt", "Recipe", "Delete"]
    told = ephemeral_text(await bot.alice.click(result, label="Recipe"))
    line = pasted_line(told)
    assert line == f"/restyle prompt:{PROMPT} keep:75 steps:2 seed:3 preset:demo"
    assert "can't hold the video that was restyled: attach that as `clip`" in told
    assert "Some of its settings" not in told


async def test_what_is_posted_holds_the_recipe_without_the_video(bot: BotHarness):
    await restyle(bot)
    result = await result_of(bot)
    clip = await clip_of(bot, result)
    samples = (clip[1000:1200], base64.b64encode(clip)[999:1200])
    for file in result.attachments:
        content = await file.read()
        assert not any(sample in content for sample in samples), file.filename
    film = film_of(result)
    posted = read_any_provenance(await film.read()).recipe
    assert isinstance(posted, Recipe)
    assert posted.clip is not None
    assert posted.clip.video == b""
    shown = await bot.bob.slash(bot.channel, "recipe", image=(film.filename, await film.read()))
    assert "restyled from a video" in ephemeral_text(shown)
    assert "was left out when it was posted" in ephemeral_text(shown)


async def test_where_whole_recipes_are_posted_a_film_is_painted_again(tmp_path: Path):
    async with open_bot(make_settings(tmp_path, posted_recipes="complete")) as bot:
        await restyle(bot)
        film = film_of(await result_of(bot))
        content = await film.read()
        shown = await bot.bob.slash(bot.channel, "recipe", image=(film.filename, content))
        assert shown.response is not None
        await bot.bob.click(shown.response, label="Paint it again")
        again = await result_of(bot)
        assert film_of(again).filename == "picture-2-film.mp4"
        assert (await stored_recipe(bot, again)).seed != 3
        assert len(sound_of(await film_of(again).read())) > 0


@pytest.mark.parametrize(
    ("clip", "size", "reason"),
    [
        (b"rubbish", (64, 64), "it is no video"),
        (CLIP, (64, 64), "not one that this program stored"),
        (STORED, (80, 64), "but the film 80x64"),
    ],
    ids=["rubbish", "foreign", "another size"],
)
async def test_a_recipe_with_a_clip_that_is_none_is_not_painted(
    bot: BotHarness, clip: bytes, size: tuple[int, int], reason: str
):
    recipe = restyle_recipe(PROMPT, clip, size=size, shown=12, seed=1, steps=2)
    shown = await bot.bob.slash(bot.channel, "recipe", image=("a.json", recipe.to_json().encode()))
    assert shown.response is not None
    (refused,) = (await bot.bob.click(shown.response, label="Paint it again")).followups
    assert refused.ephemeral
    assert reason in refused.content
    assert await nothing_was_queued(bot)


async def test_a_rerun_paints_the_same_video_again(bot: BotHarness):
    await restyle(bot)
    result = await result_of(bot)
    await bot.alice.click(result, label="Rerun")
    again = await result_of(bot)
    assert again.id != result.id
    assert await clip_of(bot, again) == await clip_of(bot, result)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the preset few steps, because a reply cannot choose them."""
    demo = {**presets.PRESETS["demo"], "steps": 2}
    monkeypatch.setattr(presets, "PRESETS", MappingProxyType({**presets.PRESETS, "demo": demo}))


def mention(bot: BotHarness) -> str:
    assert bot.client.user is not None
    return bot.client.user.mention


@pytest.mark.usefixtures("quick")
async def test_words_to_somebodys_video_restyle_it_where_the_bot_can_see_it(
    settings: BotSettings, monkeypatch: pytest.MonkeyPatch
):
    chosen = client.intents()
    chosen.message_content = True
    monkeypatch.setattr(client, "intents", lambda: chosen)
    async with open_bot(settings) as bot:
        posted = await bot.bob.send(bot.channel, "my cat", attachments=[("cat.mp4", CLIP)])
        await replied(bot, f"{mention(bot)} {PROMPT}", posted)
        result = await result_of(bot)
        recipe = await stored_recipe(bot, result)
        assert (recipe.clip is not None, recipe.prompts[0].text) == (True, PROMPT)
        assert len(frames_in(await film_of(result).read())) == 12


@pytest.mark.usefixtures("quick")
async def test_the_menu_of_a_message_with_a_video_restyles_it(bot: BotHarness):
    posted = await bot.bob.send(bot.channel, "my cat", attachments=[("cat.mp4", CLIP)])
    form = await bot.alice.context_menu(bot.channel, "Edit this image", posted)
    await bot.alice.submit_modal(form, {"prompt": PROMPT, "keep": ["50"]})
    result = await result_of(bot)
    assert "restyled from a video · keeping 50 %" in result.content


async def test_films_of_others_can_be_forbidden_too(settings: BotSettings):
    """Also a film that stands alone, because the job that painted it was deleted."""
    limits = settings.limits.model_copy(update={"edit_others": False})
    async with open_bot(settings.model_copy(update={"limits": limits})) as bot:
        film = discord.File(io.BytesIO(CLIP), "picture-1-film.mp4")
        posted = await channel_of(bot, bot.channel.id).send("a film", file=film)
        refused = await bot.bob.context_menu(bot.channel, "Edit this image", posted)
        assert "only the person who asked" in ephemeral_text(refused)


@pytest.mark.usefixtures("quick")
async def test_words_with_a_video_restyle_that_one(bot: BotHarness):
    posted = await bot.bob.send(bot.channel, "look")
    await replied(bot, f"{mention(bot)} {PROMPT}", posted, ("b.mp4", CLIP))
    assert (await stored_recipe(bot, await result_of(bot))).clip is not None


@pytest.mark.usefixtures("quick")
async def test_words_to_a_film_of_the_bot_restyle_it(bot: BotHarness):
    values = {"prompt": PROMPT, "seconds": 0.5, "steps": 2, "seed": 3}
    await bot.alice.slash(bot.channel, "animate", **values)
    film = await result_of(bot)
    await replied(bot, "a green circle on a blue background", film)
    result = await result_of(bot)
    assert "restyled from a video" in result.content
    await replied(bot, "#1 a green circle on a blue background", film)
    edited = await result_of(bot)
    assert "edited from a picture" in edited.content  # its last frame


def no_sound_alone() -> bytes:
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as file:
        write_tone(file, file.add_stream("aac", rate=44_100), 1)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: b"rubbish", "it is no video, of a rare kind, or damaged"),
        (lambda: CLIP[: len(CLIP) // 2], "it is no video, of a rare kind, or damaged"),
        (no_sound_alone, "it has no moving pictures"),
        (lambda: video([plain(RED)]), "it shows only one moment"),
        (lambda: b"#EXTM3U\n#EXTINF:1,\n/etc/passwd\n", "it is no video"),
    ],
)
async def test_what_cannot_be_restyled_is_refused(
    bot: BotHarness, make: Callable[[], bytes], reason: str
):
    assert reason in await restyle(bot, make())
    assert await nothing_was_queued(bot)
    assert not bot.channel.history()


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"prompt": " "}, "Say in `prompt`"),
        ({"steps": 2000}, "At most 1000 steps are allowed here"),
    ],
)
async def test_options_that_are_not_allowed_are_refused(
    bot: BotHarness, options: dict[str, Any], reason: str
):
    assert reason in await restyle(bot, **options)
    assert await nothing_was_queued(bot)


async def test_of_a_long_video_the_beginning_is_used_that_the_steps_allow(bot: BotHarness):
    long = video([plain(GREEN, WIDE)] * 48)
    told = await restyle(bot, long, steps=984)
    assert "longer than 0.5 seconds, so only its beginning is used" in told
    record = await bot.services.store.jobs.get(1)
    assert record is not None
    assert record.job.recipes[0].total_steps <= 1000
    assert "1000 steps instead of" in str(record.notice)
    await bot.alice.slash(bot.channel, "cancel", job="1")


async def test_seconds_choose_how_much_of_a_video_is_used(bot: BotHarness):
    film = [plain(GREEN, WIDE)] * 24 + [plain(RED, WIDE)] * 24
    assert is_accepted(await restyle(bot, video(film), seconds=0.5))
    result = await result_of(bot)
    assert clip_info(await clip_of(bot, result)).frames == 12


async def test_a_style_is_added_to_the_words(bot: BotHarness):
    await restyle(bot, style="on a red background")
    recipe = await stored_recipe(bot, await result_of(bot))
    assert recipe.prompts[0].text == f"{PROMPT}, on a red background"


@pytest.mark.parametrize("place", [0, 13, 23])
async def test_a_picture_filter_judges_the_frames_of_a_video(settings: BotSettings, place: int):
    """One of half a second is always judged, wherever it is, and so is the last one."""
    frames = [plain(BLUE, WIDE)] * 24
    for number in range(place, min(24, place + 12)):
        frames[number] = plain(PURE_RED, WIDE)
    clip = video(frames, codec="libx264rgb", pixels="rgb24", options={"crf": "0"})
    async with open_filtered_bot(settings, SimpleFilter(refuses=reddish)) as bot:
        assert "picture filter holds back a picture" in await restyle(bot, clip)
        assert await nothing_was_queued(bot)


async def test_a_film_ends_before_a_frame_that_is_held_back(tmp_path: Path):
    async with open_bot(make_settings(tmp_path / "first")) as bot:
        await restyle(bot)
        await result_of(bot)
        frames = await bot.services.store.lifecycle.frames(1)
    assert len(frames) == 4
    settings, held_back = make_settings(tmp_path / "second"), same_as(frames[2].content)
    async with open_filtered_bot(settings, SimpleFilter(refuses=held_back)) as bot:
        await restyle(bot)
        film = await film_of(await result_of(bot)).read()
    assert len(frames_in(film)) == 4  # two painted ones, and two between them


async def test_no_place_in_a_video_is_safe_from_a_picture_filter(settings: BotSettings):
    """A video that is harmless once in each half second, but not else, does not get through."""
    red, blue = plain(PURE_RED, WIDE), plain(BLUE, WIDE)
    frames = [red if number % 12 else blue for number in range(121)]
    clip = video(frames, codec="libx264rgb", pixels="rgb24", options={"crf": "0"})
    async with open_filtered_bot(settings, SimpleFilter(refuses=reddish)) as bot:
        assert "picture filter holds back a picture" in await restyle(bot, clip)


def reddish(picture: object) -> bool:
    pixels = np.asarray(picture).astype(int)
    return bool((pixels[..., 0] > 240).all() and (pixels[..., 1:] < 15).all())


async def test_the_video_is_stored_once_exported_and_erased(bot: BotHarness):
    await restyle(bot)
    result = await result_of(bot)
    clip, folder = await clip_of(bot, result), bot.services.settings.storage.folder
    assert places_of(clip, folder) == ["sources"]
    await bot.alice.slash(bot.channel, "privacy export")
    sent = [each for m in bot.alice.user.dm_channel.history() for each in m.attachments]
    with zipfile.ZipFile(io.BytesIO(await sent[0].read())) as files:
        recipe = Recipe.from_json(files.read("job-1/recipe-1.json").decode())
    assert recipe.clip is not None
    assert recipe.clip.video == clip
    sure = await bot.alice.slash(bot.channel, "privacy delete")
    assert sure.response is not None
    await bot.alice.click(sure.response, label="Delete everything")
    assert places_of(clip, folder) == []


@pytest.mark.parametrize(("form", "codec"), [("mov", "libx264"), ("webm", "libvpx-vp9")])
async def test_other_formats_are_read_too(bot: BotHarness, form: str, codec: str):
    clip = video([plain(GREEN, WIDE)] * 12, form=form, codec=codec)
    assert is_accepted(await restyle(bot, clip))
    assert len(frames_in(await film_of(await result_of(bot)).read())) == 12
