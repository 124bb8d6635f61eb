"""Several models: each job is painted by its own, and they are loaded and dropped as needed."""

import threading
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import discord
import pytest
import simcord
from PIL import Image

from bot.config import BotSettings
from bot.jobs.job import JobState
from bot.scheduling.eta import ThroughputEstimator
from engine import presets
from engine.models.catalogue import CATALOGUE
from engine.vqgan_clip import loop
from engine.vqgan_clip.generation import Generation
from tests.harness.bot_harness import (
    PATIENCE,
    PROMPT,
    BotHarness,
    encoded,
    ephemeral_text,
    is_accepted,
    job_in_progress,
    open_bot,
    opened,
    painted,
    pictures_of,
    recipe_of,
    result_of,
    steps_held,
    stored_recipe,
)
from tests.harness.restartable_bot import open_restartable_bot

SECOND = "second"
"""The demo models under another name."""


def with_models(settings: BotSettings, *more: str) -> BotSettings:
    engine = settings.engine.model_copy(update={"more_models": more})
    return settings.model_copy(update={"engine": engine})


@pytest.fixture(autouse=True)
def second(monkeypatch: pytest.MonkeyPatch) -> None:
    """Install the demo models under another name."""
    monkeypatch.setitem(CATALOGUE, SECOND, replace(CATALOGUE["demo"], name=SECOND))


@pytest.fixture
async def bot(settings: BotSettings) -> AsyncIterator[BotHarness]:
    queue = settings.queue.model_copy(update={"slice_steps": 2})
    settings = with_models(settings, SECOND).model_copy(update={"queue": queue})
    async with open_bot(settings) as opened_bot:
        yield opened_bot


async def ask(who: simcord.MemberActor, bot: BotHarness, model: str, steps: int) -> None:
    answered = await who.slash(
        bot.channel, "imagine", prompt=PROMPT, steps=steps, seed=5, model=model
    )
    assert is_accepted(ephemeral_text(answered))


async def test_jobs_of_several_models_take_turns_though_only_one_pair_fits(
    bot: BotHarness, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    monkeypatch.setattr("bot.worker.loaded_models._SHARE", 0.0)
    monkeypatch.setattr("bot.worker.slice_painter.SLICES_AFTER_LOADING", 1)
    monkeypatch.setattr(ThroughputEstimator, "slowness", _as_fast_as_the_others)
    with caplog.at_level("INFO", "bot.worker.loaded_models"):
        with steps_held(0):
            await ask(bot.alice, bot, "demo", 6)
            await ask(bot.bob, bot, SECOND, 6)
        await bot.wait_until_notified()
    assert sum("dropped" in record.message for record in caplog.records) >= 4
    files = [pictures_of(painted(thread)[0])[0] for thread in bot.channel.threads]
    first, other = [await each.read() for each in files]
    assert {recipe_of(first).models, recipe_of(other).models} == {"demo", SECOND}
    assert opened(first).tobytes() == opened(other).tobytes()


def _as_fast_as_the_others(*_: object) -> float:
    """Stand for the measured slowness of models, which differs with what else a machine does."""
    return 1.0


async def test_models_that_fit_together_are_loaded_once(
    bot: BotHarness, caplog: pytest.LogCaptureFixture
):
    with caplog.at_level("INFO", "bot.worker.loaded_models"):
        for model in (SECOND, "demo", SECOND):
            await ask(bot.alice, bot, model, 1)
        await bot.wait_until_notified()
    assert [record.message for record in caplog.records] == ["models loaded"]


async def test_only_jobs_of_the_same_models_share_steps(
    settings: BotSettings, monkeypatch: pytest.MonkeyPatch
):
    step, shared, goes_on = loop.step, list[list[str]](), threading.Event()

    def recording(runs: list[Generation]) -> Any:
        shared.append([run.recipe.models for run in runs])
        return step(runs)

    monkeypatch.setattr(loop, "step", recording)
    together = {"deterministic": False, "more_models": (SECOND,)}
    engine = settings.engine.model_copy(update=together)
    async with open_bot(settings.model_copy(update={"engine": engine})) as bot:
        carol = bot.guild.add_member(bot.env.create_user("carol"))
        bot.services.worker.call_with_models(lambda _: goes_on.wait(PATIENCE))
        for who, model in ((bot.alice, "demo"), (bot.bob, SECOND), (carol, "demo")):
            await ask(who, bot, model, 4)
        goes_on.set()
        await bot.wait_until_notified()
    assert ["demo", "demo"] in shared
    assert all(len(set(models)) == 1 for models in shared)


async def test_what_is_made_of_a_picture_is_painted_by_its_models(
    bot: BotHarness, monkeypatch: pytest.MonkeyPatch
):
    demo = {**presets.PRESETS["demo"], "steps": 2}  # forms cannot say how many
    monkeypatch.setattr(presets, "PRESETS", {**presets.PRESETS, "demo": demo})
    await ask(bot.alice, bot, SECOND, 1)
    first, first_thread = await result_of(bot), bot.thread()
    for label in ("Rerun", "Vary"):
        await bot.alice.click(first, label=label)
        made = await stored_recipe(bot, await result_of(bot))
        assert made.models == SECOND
    form = await bot.alice.context_menu(first_thread, "Edit this image", first)
    await bot.alice.submit_modal(form, {"prompt": "a green ring", "keep": ["0"]})
    made = await stored_recipe(bot, await result_of(bot))
    assert made.edit is not None
    assert made.models == SECOND
    form = await bot.alice.context_menu(first_thread, "Mask something in it", first)
    draft = (await bot.alice.submit_modal(form, {"replace_with": "a star"})).response
    assert draft is not None
    drawn = encoded(Image.new("L", (512, 512), 255))
    upload = await bot.alice.click(draft, label="Upload my own mask")
    await bot.alice.submit_modal(upload, {"mask": ("drawn.png", drawn)})
    await bot.alice.click(draft, label="Paint it")
    made = await stored_recipe(bot, await result_of(bot))
    assert made.edit is not None
    assert made.edit.mask is not None
    assert made.models == SECOND


async def test_the_models_are_an_option_where_there_are_several(bot: BotHarness):
    choices = await bot.alice.autocomplete(bot.channel, "imagine", "model", "", prompt=PROMPT)
    assert [choice["value"] for choice in choices] == ["demo", SECOND]
    refused = await bot.imagine(model="vast")
    assert "I have no models called" in ephemeral_text(refused)
    assert "Choose one of: demo, second." in ephemeral_text(refused)


async def test_one_pair_of_models_is_no_choice(settings: BotSettings):
    async with open_bot(settings) as bot:
        command = bot.client.tree.get_command("imagine")
        assert isinstance(command, discord.app_commands.Command)
        assert "model" not in [each.name for each in command.parameters]


async def test_jobs_of_models_that_were_removed_end_with_a_sentence(
    settings: BotSettings, monkeypatch: pytest.MonkeyPatch
):
    async with open_restartable_bot(with_models(settings, SECOND), monkeypatch) as restartable:
        async with restartable.start() as bot, job_in_progress(bot, steps=4, model=SECOND):
            await restartable.kill(bot.services)
        restartable.settings = with_models(settings)
        async with restartable.start() as bot:
            await bot.wait_until_notified()
            assert await bot.services.store.jobs.state(1) is JobState.FAILED
            said = " ".join(message.content for message in bot.thread().history())
            assert "second" in said
            assert "not installed here any more" in said
            await bot.imagine(steps=1)
            assert pictures_of(await result_of(bot))
