"""`/imagine … keep: best`: of several pictures the judge's favourite is shown large."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import discord
import pytest

from bot.config import BotSettings
from bot.jobs.job import Job
from bot.jobs.records import StoredPicture, best_of
from bot.preferences import Preferences
from bot.submission.permissions import Actor
from bot.worker.engine_worker import EngineWorker
from engine.comparison.similarity import judged
from engine.errors import ModelError
from engine.models.judge import Judge
from engine.models.loading import Models, load_models
from engine.models.tensors import to_tensor
from engine.presets import make_recipe
from tests.harness.bot_harness import (
    PROMPT,
    BotHarness,
    ephemeral_text,
    is_accepted,
    job_in_progress,
    make_settings,
    message_after,
    opened,
    painted,
    posted,
    recipe_of,
    result_of,
    steps_held,
    until,
)
from tests.harness.command_lines import pasted_line, run_line
from tests.harness.interactions import distance, labels
from tests.harness.picture_filters import BLUE, RED, SimpleFilter, open_filtered_bot, same_as
from tests.harness.restartable_bot import open_restartable_bot

FIVE = ["Vary", "Rerun", "More steps", "Enlarge ×2", "Edit prompt"]


async def best_result(bot: BotHarness, count: int = 3, **options: Any) -> discord.Message:
    await bot.imagine(seed=3, count=count, keep="best", **options)
    return await result_of(bot)


async def ranked(bot: BotHarness, job_id: int = 1) -> list[StoredPicture]:
    """Return the stored pictures of a job, the most similar to its prompt first."""
    judge = load_models("demo", "cpu").judge
    pictures = await bot.services.store.lifecycle.pictures(job_id)

    def score(picture: StoredPicture) -> float:
        small = opened(picture.content).convert("RGB").resize((64, 64))
        return judged(to_tensor(small), recipe_of(picture.content), judge)

    return sorted(pictures, key=score, reverse=True)


async def test_the_picture_that_the_judge_likes_best_is_shown_large(bot: BotHarness):
    result = await best_result(bot, steps=4)
    best, *others = await ranked(bot)
    files = [each.filename for each in result.attachments]
    assert files == [f"picture-1-{best.number}.png", "picture-1-growth.webp"]
    assert recipe_of(await result.attachments[0].read()).seed == 2 + best.number
    assert "best of 3, chosen by judge" in result.content
    assert f"seed {2 + best.number} " in result.content
    (sheet,) = (await message_after(result)).attachments
    assert sheet.filename == "picture-1-grid.png"
    takes = [f"U{each}" for each in sorted(each.number for each in others)]
    assert labels(result) == [*FIVE, *takes, "Recipe", "Delete"]
    (in_channel,) = posted(bot.channel)
    assert await in_channel.attachments[0].read() == await result.attachments[0].read()
    assert labels(in_channel) == [*FIVE, *takes]
    answered = ephemeral_text(await bot.bob.click(result, label=takes[0]))
    taken = painted(bot.thread())[-1]
    assert taken.jump_url in answered
    assert taken.attachments[0].filename == f"picture-1-{takes[0][1:]}.png"


async def test_what_is_made_of_the_result_is_made_of_the_best_or_asks_for_the_best_again(
    bot: BotHarness,
):
    result = await best_result(bot, count=2)
    thread = bot.thread()
    best, _ = await ranked(bot)
    line = pasted_line(ephemeral_text(await bot.alice.click(result, label="Recipe")))
    assert line.startswith(f"/imagine prompt:{PROMPT} ")
    assert line.endswith(" seed:3 preset:demo count:2 keep:best")
    await run_line(bot, bot.bob, bot.channel, line)
    again = await result_of(bot)
    assert await again.attachments[0].read() == await result.attachments[0].read()
    assert is_accepted(ephemeral_text(await bot.bob.click(result, label="Rerun")))
    rerun = await result_of(bot, thread)
    assert rerun.id != result.id
    assert "best of 2, chosen by judge" in rerun.content
    assert is_accepted(ephemeral_text(await bot.bob.click(result, label="Vary")))
    varied = await result_of(bot, thread)
    assert "best of" not in varied.content
    record = await bot.services.store.jobs.get(4)
    assert record is not None
    start = record.job.recipes[0].init_image
    assert start is not None
    small = opened(best.content).convert("RGB").resize((64, 64))
    assert distance(small.tobytes(), opened(start).convert("RGB").tobytes()) < 3


async def test_models_without_a_judge_are_judged_by_their_own_guide(
    bot: BotHarness, monkeypatch: pytest.MonkeyPatch
):
    (painter,) = bot.services.worker.all
    assert isinstance(painter, EngineWorker)
    models = painter._models.get("demo")
    own = Judge("demo", models.perceptors, models.shares, models.device, is_guide=True)
    monkeypatch.setitem(vars(models), "judge", own)
    result = await best_result(bot, count=2)
    assert "best of 2, chosen by its own guide" in result.content


async def test_no_picture_is_lost_if_the_judge_cannot_be_loaded(
    bot: BotHarness, monkeypatch: pytest.MonkeyPatch
):
    def missing(_: Models) -> Judge:
        raise ModelError("the weights judge.safetensors are missing")

    monkeypatch.setattr(Models, "judge", property(missing))
    result = await best_result(bot, count=2)
    assert result.attachments[0].filename == "picture-1-grid.png"
    assert "best of" not in result.content


async def test_one_picture_leaves_nothing_to_choose_from(bot: BotHarness):
    for count in (1, None):
        options: dict[str, Any] = {} if count is None else {"count": count}
        refused = ephemeral_text(await bot.imagine(keep="best", **options))
        assert "such as `count: 4`" in refused
    assert not bot.services.queue.jobs()


async def test_a_job_that_is_stopped_shows_the_best_of_its_complete_pictures(
    bot: BotHarness, monkeypatch: pytest.MonkeyPatch
):
    with steps_held(after=1, seed=5) as held:
        wait, reached = held.wait, list[int]()
        monkeypatch.setattr(held, "wait", lambda steps: (reached.append(steps), wait(steps)))
        await bot.imagine(seed=3, count=4, keep="best", steps=3)
        await until(lambda: 1 in reached)
        await bot.services.control.stop(1, Actor(bot.alice.id))
        held.go_on()
        result = await result_of(bot)
    best = next(each for each in await ranked(bot) if each.number < 3)
    assert result.attachments[0].filename == f"picture-1-{best.number}.png"
    assert "best of 2, chosen by judge" in result.content
    assert "stopped at step 2 of 3 of picture 3, 1 not begun" in result.content
    assert {"Resume", "U3"} <= set(labels(result))
    await bot.alice.click(result, label="Resume")
    assert "best of 4, chosen by judge" in (await result_of(bot)).content


async def test_after_a_kill_the_same_picture_is_chosen(
    settings: BotSettings, monkeypatch: pytest.MonkeyPatch
):
    async with open_restartable_bot(settings, monkeypatch) as restartable:
        async with (
            restartable.start() as bot,
            job_in_progress(bot, after=4, steps=6, seed=7, count=2, keep="best"),
        ):
            await restartable.kill(bot.services)
        async with restartable.start() as bot:
            interrupted = await result_of(bot)
            assert "best of 2, chosen by judge" in interrupted.content
            await bot.imagine(steps=6, seed=7, count=2, keep="best")
            again = await result_of(bot)
            assert await again.attachments[0].read() == await interrupted.attachments[0].read()


async def test_if_the_best_picture_is_held_back_the_next_best_is_shown(tmp_path: Path):
    chosen = SimpleFilter()
    async with open_filtered_bot(make_settings(tmp_path / "data"), chosen) as bot:
        await best_result(bot)
        first, second, _ = await ranked(bot)
        chosen.refuses = same_as(first.content)
        await bot.imagine(seed=3, count=3, keep="best")
        result = await result_of(bot)
        assert result.attachments[0].filename == f"picture-2-{second.number}.png"
        assert "best of 2, chosen by judge" in result.content
        assert f"U{first.number}" not in labels(result)


async def test_a_default_counts_where_there_is_something_to_choose(bot: BotHarness):
    answered = ephemeral_text(await bot.alice.slash(bot.channel, "defaults set", keep="best"))
    assert "`keep` \u2068best" in answered
    await bot.imagine(seed=3)
    assert "best of" not in (await result_of(bot)).content
    await bot.imagine(seed=3, count=2)
    assert "best of 2" in (await result_of(bot)).content
    await bot.imagine(seed=3, count=2, keep="all")
    result = await result_of(bot)
    assert "best of" not in result.content
    line = pasted_line(ephemeral_text(await bot.alice.click(result, label="Recipe")))
    assert line.endswith("count:2 keep:all")
    own = await bot.services.store.preferences.get(bot.alice.id)
    assert own == Preferences(keep="best")


async def test_other_painters_are_judged_too(bot: BotHarness):
    await bot.alice.slash(
        bot.channel, "imagine", prompt=PROMPT, count=2, keep="best", painter="glide"
    )
    result = await result_of(bot)
    assert "best of 2, chosen by judge" in result.content


async def test_a_blend_is_judged_by_its_pictures(bot: BotHarness):
    await bot.alice.slash(
        bot.channel,
        "blend",
        image1=("red.png", RED),
        image2=("blue.png", BLUE),
        count=2,
        steps=2,
        keep="best",
    )
    assert "best of 2, chosen by judge" in (await result_of(bot)).content


def test_of_equals_the_first_one_is_the_best():
    job = Job(1, 5, PROMPT, (make_recipe(PROMPT, seed=1),) * 3, keeps_best=True)
    pictures = [StoredPicture(n, 1, b"", similarity=s) for n, s in enumerate((0.1, 0.4, 0.4), 1)]
    assert best_of(job, pictures) == pictures[1]
    assert best_of(job, pictures[::2]) == pictures[2]
    assert best_of(job, pictures[:1]) is None
    assert best_of(replace(job, keeps_best=False), pictures) is None
