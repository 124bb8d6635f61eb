"""`/animate`: films, as people see them."""

import asyncio
import io
from pathlib import Path

import av
import discord
import numpy as np
import pytest
from PIL import Image

from bot.config import BotSettings
from bot.jobs.job import JobState
from bot.storage.jobs import JobRepository
from bot.ui import attachment_packer
from bot.worker import picture_progress
from engine.films import read_any_provenance
from engine.images import mp4
from engine.recipes.film import Film
from engine.recipes.recipe import Recipe
from tests.harness.bot_harness import (
    PATIENCE,
    PROMPT,
    BotHarness,
    ephemeral_text,
    is_accepted,
    make_settings,
    opened,
    pictures_of,
    result_of,
    steps_held,
    until,
)
from tests.harness.command_lines import pasted_line, run_line
from tests.harness.interactions import labels
from tests.harness.restartable_bot import open_restartable_bot

FRAMES, STEPS = 4, 2
LIMIT = 16 * 2**10
"""Size in bytes of what a small server takes."""


async def animate(bot: BotHarness, **options: object) -> str:
    values = {"prompt": PROMPT, "seconds": 0.5, "steps": STEPS, "seed": 3} | options
    return ephemeral_text(await bot.alice.slash(bot.channel, "animate", **values))


def film_of(message: discord.Message) -> discord.Attachment:
    (film,) = [each for each in message.attachments if each.filename.endswith(".mp4")]
    return film


def frames_in(content: bytes) -> list[np.ndarray]:
    with av.open(io.BytesIO(content), "r") as film:
        return [each.to_ndarray(format="rgb24") for each in film.decode(video=0)]


async def test_a_film_is_painted_posted_and_painted_again_from_its_line(bot: BotHarness):
    assert is_accepted(await animate(bot, camera="drift", speed=2.0, loop=True))
    result = await result_of(bot)
    film = film_of(result)
    assert film.filename == "picture-1-film.mp4"
    assert result.attachments[0] == film
    content = await film.read()
    frames = frames_in(content)
    assert len(frames) == 3 * FRAMES  # two are computed after each painted one
    assert frames[0].shape == (512, 512, 3)
    assert "4 frames, 0.5 s, camera: drift" in result.content
    origin = read_any_provenance(content)
    recipe = origin.recipe
    assert isinstance(recipe, Recipe)
    assert recipe.film == Film(4, "drift", 2.0, frames_per_second=8, between=2, loop=True)
    (last,) = pictures_of(result)
    assert read_any_provenance(await last.read()) == origin
    assert origin.digests
    assert origin.precision == "float32"
    assert labels(result) == ["Vary", "Rerun", "Enlarge ×2", "Edit prompt", "Recipe", "Delete"]
    line = pasted_line(ephemeral_text(await bot.alice.click(result, label="Recipe")))
    assert line.startswith(f"/animate prompt:{PROMPT} ")
    await run_line(bot, bot.alice, bot.channel, line)
    assert await film_of(await result_of(bot)).read() == content


async def test_a_film_is_painted_again_from_its_file(bot: BotHarness):
    await animate(bot)
    film = film_of(await result_of(bot))
    content = await film.read()
    shown = await bot.bob.slash(bot.channel, "recipe", image=(film.filename, content))
    assert shown.response is not None
    assert "4 frames, 0.5 s, camera: zoom" in shown.response.content
    await bot.bob.click(shown.response, label="Paint it again")
    again = await result_of(bot)
    assert film_of(again).filename == "picture-2-film.mp4"


async def stop_is_stored(bot: BotHarness, job_id: int) -> bool:
    record = await bot.services.store.jobs.get(job_id)
    return record is not None and record.stop_requested


@pytest.fixture
async def saving_bot(settings: BotSettings, monkeypatch: pytest.MonkeyPatch):
    """Return a bot that stores every step."""
    monkeypatch.setattr(picture_progress, "PROGRESS_SECONDS", 0.0)
    async with (
        open_restartable_bot(settings, monkeypatch) as restartable,
        restartable.start() as bot,
    ):
        yield bot


async def test_progress_shows_the_film_so_far_and_a_stopped_film_goes_on(saving_bot: BotHarness):
    bot = saving_bot
    with steps_held(after=STEPS + 12) as held:
        await animate(bot, camera="pan")
        thread = bot.thread()
        await until(lambda: thread.last_message and "frame 4 of 4" in thread.last_message.content)
        progress = thread.last_message
        assert progress is not None
        picture, strip, clip = progress.attachments
        assert picture.filename == "progress.webp"
        assert opened(await clip.read()).n_frames >= 2  # pyright: ignore
        assert opened(await strip.read()).width > 2 * 128
        click = asyncio.create_task(bot.alice.click(progress, label="Stop here"))
        async with asyncio.timeout(PATIENCE):
            while not await stop_is_stored(bot, 1):
                await asyncio.sleep(0.02)
        held.go_on()
        await click
        stopped = await result_of(bot)
    assert "stopped at frame 3 of 4" in stopped.content
    content = await film_of(stopped).read()
    assert read_any_provenance(content).steps == STEPS + 13
    beginning = frames_in(content)
    assert len(beginning) == 3 + 2 * 2
    await bot.alice.click(stopped, label="Resume")
    whole = frames_in(await film_of(await result_of(bot)).read())
    assert len(whole) == 4 + 2 * 3
    assert np.abs(whole[0].astype(int) - beginning[0]).mean() < 1


async def test_more_steps_make_a_film_longer(bot: BotHarness):
    await animate(bot)
    result = await result_of(bot)
    form = await bot.alice.click(result, label="More steps")
    await bot.alice.submit_modal(form, {"steps": "8"})
    longer = await result_of(bot)
    assert "6 frames" in longer.content
    assert len(frames_in(await film_of(longer).read())) == 6 + 2 * 5


async def test_frames_that_fill_the_memory_are_stored_before_a_checkpoint_is_due(
    bot: BotHarness, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(picture_progress, "_MOST_BYTES", 1)
    with steps_held(after=STEPS + 6):
        await animate(bot)
        async with asyncio.timeout(PATIENCE):
            while not await bot.services.store.lifecycle.frames(1):
                await asyncio.sleep(0.02)
    await bot.wait_until_notified()


@pytest.mark.slow
async def test_a_killed_film_goes_on_to_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    settings = make_settings(tmp_path)
    async with open_restartable_bot(settings, monkeypatch) as restartable:
        async with restartable.start() as bot:
            await animate(bot, loop=True, camera="drift")
            expected = await film_of(await result_of(bot)).read()
            with steps_held(after=STEPS + 10):
                await animate(bot, loop=True, camera="drift")
                async with asyncio.timeout(PATIENCE):
                    steps = bot.services.store.jobs.steps_stored
                    while (await steps()).get(2, 0) < STEPS + 9:
                        await asyncio.sleep(0.02)
                await restartable.kill(bot.services)
        async with restartable.start() as bot:
            assert await film_of(await result_of(bot)).read() == expected
            assert await bot.services.store.jobs.state(2) == JobState.DONE


async def newest_files(bot: BotHarness) -> tuple[list[discord.Attachment], str]:
    """Return the files in the newest thread, and what is said there."""
    await bot.wait_until_notified()
    said = max(bot.channel.threads, key=lambda thread: thread.id).history()
    return [file for each in said for file in each.attachments], "".join(m.content for m in said)


async def test_a_film_that_is_too_large_gets_fewer_bits_or_is_left_out(
    bot: BotHarness, monkeypatch: pytest.MonkeyPatch
):
    await animate(bot)
    size = film_of(await result_of(bot)).size
    monkeypatch.setattr(attachment_packer, "MAX_MESSAGE_BYTES", size // 3)
    await animate(bot, seed=4)
    files, _ = await newest_files(bot)
    (film,) = [each for each in files if each.filename.endswith(".mp4")]
    assert film.size <= size // 3
    assert len(frames_in(await film.read())) == 4 + 2 * 3
    monkeypatch.setattr(attachment_packer, "MAX_MESSAGE_BYTES", 500)
    await animate(bot, seed=5)
    files, told = await newest_files(bot)
    assert not files
    assert "The film is too large for this server." in told


@pytest.fixture
def in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let films take many bits, of which the server takes few, and one file in each message."""
    monkeypatch.setattr(mp4, "_LOWEST_BITS", 3.0)
    monkeypatch.setattr(attachment_packer, "MAX_FILES", 1)
    monkeypatch.setattr(discord.Guild, "filesize_limit", LIMIT)


def parts_in(bot: BotHarness) -> list[discord.Attachment]:
    """Return the parts of films in the newest thread, in the order in which they are posted."""
    thread = max(bot.channel.threads, key=lambda each: each.id)
    files = [file for message in thread.history() for file in message.attachments]
    return [file for file in files if "-film-" in file.filename]


@pytest.mark.slow
@pytest.mark.usefixtures("in_parts")
async def test_a_film_that_is_too_large_comes_in_parts(bot: BotHarness):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(discord.Guild, "filesize_limit", 2**20)
        await animate(bot)
        (film,) = [each for each in (await newest_files(bot))[0] if "film" in each.filename]
        whole = frames_in(await film.read())
    await animate(bot)
    files, told = await newest_files(bot)
    parts = parts_in(bot)
    names = [f"picture-2-film-{number}.mp4" for number in range(1, len(parts) + 1)]
    assert [each.filename for each in parts] == names
    assert len(parts) > 1
    assert f"so it comes in {len(parts)} parts" in told
    assert all(each.size <= LIMIT for each in files)
    contents = [await each.read() for each in parts]
    assert {read_any_provenance(each).recipe.seed for each in contents} == {3}
    shown = [frame for each in contents for frame in frames_in(each)]
    assert len(shown) == len(whole) == 4 + 2 * 3
    for part, frame in zip(shown, whole, strict=True):
        side = part.shape[0]
        assert side >= 64
        small = np.asarray(Image.fromarray(frame).resize((side, side)), dtype=int)
        assert np.abs(small - part).mean() < 8


@pytest.mark.slow
@pytest.mark.usefixtures("in_parts")
async def test_parts_of_a_film_are_posted_once_each_after_a_kill(
    settings: BotSettings, monkeypatch: pytest.MonkeyPatch
):
    record, recorded = JobRepository.add_post, list[int]()

    async def until_the_second(self: JobRepository, *values: int) -> None:
        await record(self, *values)
        recorded.append(values[-1])
        if len(recorded) == 2:
            await asyncio.Event().wait()

    async with open_restartable_bot(settings, monkeypatch) as restartable:
        async with restartable.start() as bot:
            with monkeypatch.context() as patch:
                patch.setattr(JobRepository, "add_post", until_the_second)
                await animate(bot)
                await until(lambda: len(recorded) == 2)
                assert 0 < len(parts_in(bot)) <= 2
                await restartable.kill(bot.services)
        async with restartable.start() as bot:
            await bot.wait_until_notified()
            names = [each.filename for each in parts_in(bot)]
            assert names == [f"picture-1-film-{n}.mp4" for n in range(1, len(names) + 1)]
            assert len(names) > 1


REFUSED = (
    ({"prompt": ""}, "Say in `prompt`"),
    ({"steps": 999}, "At most 1000 steps are allowed here"),
)


@pytest.mark.parametrize(("options", "reason"), REFUSED)
async def test_what_cannot_be_a_film_is_refused(
    bot: BotHarness, options: dict[str, object], reason: str
):
    assert reason in await animate(bot, **options)
    assert not bot.services.queue.jobs()


async def test_a_long_film_is_shortened_to_the_steps_that_are_allowed(bot: BotHarness):
    options = {"prompt": PROMPT, "seconds": 30.0, "seed": 3}
    with steps_held(after=0):
        answer = ephemeral_text(await bot.alice.slash(bot.channel, "animate", **options))
        assert "1000 steps instead of" in bot.job_message().content + answer or is_accepted(answer)
        record = await bot.services.store.jobs.get(1)
        assert record is not None
        assert record.job.recipes[0].total_steps <= 1000
        assert "1000 steps instead of" in str(record.notice)
        await bot.alice.slash(bot.channel, "cancel", job="1")
