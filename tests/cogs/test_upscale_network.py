"""`/upscale by: network`: pictures that a network of the host enlarges, as people see them."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.torch import save_file

from bot.config import BotSettings, LimitSettings
from engine.cli import main
from engine.editing.upscaler_painter import NetworkRun
from engine.errors import ModelError
from engine.provenance import read_provenance
from engine.recipes.network_recipe import NetworkRecipe
from engine.settings import EngineSettings
from tests.engine.editing.test_upscaler import compact, photo
from tests.harness.bot_harness import (
    PATIENCE,
    BotHarness,
    encoded,
    ephemeral_text,
    is_accepted,
    make_settings,
    open_bot,
    opened,
    pictures_of,
    result_of,
    steps_held,
    wait_for_first_progress,
)
from tests.harness.interactions import labels, progress_message
from tests.harness.restartable_bot import open_restartable_bot


@pytest.fixture
def settings(tmp_path: Path) -> BotSettings:
    save_file(compact(4), tmp_path / "net.safetensors")
    engine = EngineSettings(upscaler=str(tmp_path / "net.safetensors"))
    return make_settings(tmp_path).model_copy(update={"engine": engine})


@pytest.fixture
async def bot(settings: BotSettings) -> AsyncIterator[BotHarness]:
    async with open_bot(settings) as opened_bot:
        yield opened_bot


async def upscale(bot: BotHarness, picture: Image.Image, **options: object) -> str:
    values = {"by": "network"} | options
    image = ("a.png", encoded(picture))
    answered = await bot.alice.slash(bot.channel, "upscale", image=image, **values)
    return ephemeral_text(answered)


def by_command_line(folder: Path, patch: pytest.MonkeyPatch, picture: Image.Image) -> Image.Image:
    """Return a picture twice as large, as the command line enlarges it."""
    patch.chdir(folder)
    picture.save("from.png")
    command = ["upscale", "from.png", "--by", "network", "--upscaler", "net.safetensors"]
    assert main([*command, "--out", "large.png"]) == 0
    with Image.open("large.png") as large:
        return large.convert("RGB")


async def content_of(bot: BotHarness) -> bytes:
    (file,) = pictures_of(await result_of(bot))
    return await file.read()


async def is_stop_requested(bot: BotHarness) -> bool:
    record = await bot.services.store.jobs.get(1)
    return record is not None and record.stop_requested


async def test_the_result_is_that_of_the_command_line(
    bot: BotHarness, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    told = await upscale(bot, photo(), factor=2)
    assert is_accepted(told)
    assert "300×280 pixels, painted in 4 parts" in told
    result = await result_of(bot)
    for part in ("a picture, 2 times as large", "enlarged", "300×280", "in 4 parts"):
        assert part in result.content
    assert "seed" not in result.content
    content = await content_of(bot)
    expected = by_command_line(tmp_path, monkeypatch, photo())
    assert opened(content).tobytes() == expected.tobytes()


async def test_its_recipe_is_posted_without_the_picture_and_says_how_to_do_it_again(
    bot: BotHarness,
):
    await upscale(bot, photo((40, 30)), factor=4)
    content = await content_of(bot)
    origin = read_provenance(content)
    assert isinstance(origin.recipe, NetworkRecipe)
    assert origin.recipe.source == b""
    assert origin.digests == {"net.safetensors": origin.recipe.network}
    result = await result_of(bot)
    shown = ephemeral_text(await bot.alice.click(result, label="Recipe"))
    assert "/upscale factor:4 by:network" in shown
    assert "attach that as `image`" in shown
    again = ephemeral_text(await bot.alice.click(result, label="Rerun"))
    assert is_accepted(again)
    assert opened(await content_of(bot)).tobytes() == opened(content).tobytes()
    assert not {"Vary", "More steps", "Enlarge ×2", "Edit prompt"} & set(labels(result))


async def test_a_complete_recipe_is_painted_again_on_discord_and_on_the_command_line(
    settings: BotSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    discord_settings = settings.discord.model_copy(update={"posted_recipes": "complete"})
    async with open_bot(settings.model_copy(update={"discord": discord_settings})) as bot:
        await upscale(bot, photo((40, 30)))
        content = await content_of(bot)
        answered = await bot.alice.slash(bot.channel, "recipe", image=("a.png", content))
        shown = ephemeral_text(answered)
        assert "2 times as large, in 1 part" in shown
        assert "by a network that was trained" in shown
        assert answered.response is not None
        await bot.alice.click(answered.response, label="Paint it again")
        assert opened(await content_of(bot)).tobytes() == opened(content).tobytes()
    monkeypatch.chdir(tmp_path)
    Path("config.toml").write_text("[engine]\nupscaler = 'net.safetensors'\n")
    Path("a.png").write_bytes(content)
    assert main(["imagine", "--recipe", "a.png", "--out", "b.png"]) == 0
    assert opened(Path("b.png").read_bytes()).tobytes() == opened(content).tobytes()


async def test_a_job_goes_on_after_the_program_was_killed(
    settings: BotSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    async with open_restartable_bot(settings, monkeypatch) as restartable:
        async with restartable.start() as bot:
            with steps_held(2):
                await upscale(bot, photo())
                async with asyncio.timeout(PATIENCE):
                    while not await bot.services.store.lifecycle.checkpoints(1):
                        await asyncio.sleep(0.01)
                await restartable.kill(bot.services)
        steps = list[int]()
        advance = NetworkRun._advance

        def counted(run: NetworkRun) -> None:
            steps.append(run.steps_done)
            advance(run)

        monkeypatch.setattr(NetworkRun, "_advance", counted)
        async with restartable.start() as bot:
            content = await content_of(bot)
    assert steps[-1] == 3
    assert len(steps) < 4
    expected = by_command_line(tmp_path, monkeypatch, photo())
    assert opened(content).tobytes() == expected.tobytes()


async def test_a_stopped_one_shows_what_is_done_and_can_be_resumed(
    bot: BotHarness, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    with steps_held(2):
        await upscale(bot, photo())
        await wait_for_first_progress(bot)
        assert "of 4" in progress_message(bot).content
        click = asyncio.create_task(bot.alice.click(progress_message(bot), label="Stop here"))
        async with asyncio.timeout(PATIENCE):
            while not await is_stop_requested(bot):
                await asyncio.sleep(0.05)
    await click
    stopped = await content_of(bot)
    expected = np.asarray(by_command_line(tmp_path, monkeypatch, photo()))
    found = np.asarray(opened(stopped).convert("RGB"))
    assert (found[:256] == expected[:256]).all()  # the upper row of tiles
    assert (found[256:] != expected[256:]).any()
    await bot.alice.click(await result_of(bot), label="Resume")
    assert (np.asarray(opened(await content_of(bot)).convert("RGB")) == expected).all()


@pytest.mark.parametrize(
    ("size", "options", "reason"),
    [
        ((40, 30), {"prompt": "a cat"}, "A network takes no `prompt`"),
        ((40, 30), {"steps": 3, "seed": 1}, "A network takes no `steps`, `seed`"),
        ((1100, 600), {"factor": 4}, "at most 4096 a side"),
        ((15, 40), {}, "too few to edit"),
    ],
)
async def test_what_a_network_cannot_do_is_refused(
    bot: BotHarness, size: tuple[int, int], options: dict[str, object], reason: str
):
    assert reason in await upscale(bot, photo(size), **options)
    assert not bot.channel.history()


async def test_its_parts_count_towards_the_limit_of_steps(settings: BotSettings):
    limited = settings.model_copy(update={"limits": LimitSettings(steps=3)})
    async with open_bot(limited) as bot:
        assert "4 parts, which take 4 steps" in await upscale(bot, photo())


async def test_a_file_that_was_replaced_meanwhile_is_told(bot: BotHarness, tmp_path: Path):
    await upscale(bot, photo((40, 30)))
    await result_of(bot)
    save_file(compact(4, seed=2), tmp_path / "net.safetensors")
    await upscale(bot, photo((40, 30)))
    await bot.wait_until_notified()
    said = [each.content for thread in bot.channel.threads for each in thread.history()]
    assert any("restart the program if the file was replaced" in each for each in said)


async def test_without_a_network_there_is_no_option(tmp_path: Path):
    async with open_bot(make_settings(tmp_path)) as bot:
        command = bot.client.tree.get_command("upscale")
        assert "by" not in [each.name for each in command.parameters]  # pyright: ignore


async def test_a_file_that_is_missing_is_told_at_the_start(settings: BotSettings):
    engine = EngineSettings(upscaler="gone.pth")
    with pytest.raises(ModelError, match=r"gone\.pth"):
        async with open_bot(settings.model_copy(update={"engine": engine})):
            pass
