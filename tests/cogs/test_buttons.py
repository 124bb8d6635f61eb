"""The buttons under the messages of one's own jobs, as people press them."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import discord
import pytest

from bot.jobs.job import JobState
from engine.vqgan_clip.generation import Generation
from tests.harness.bot_harness import (
    PATIENCE,
    PROMPT,
    BotHarness,
    ephemeral_text,
    is_accepted,
    job_in_progress,
    make_settings,
    open_bot,
    opened,
    painted,
    pictures_of,
    result_of,
    singles_of,
    stored_recipe,
    wait_for_first_progress,
)
from tests.harness.interactions import (
    NEVER_FINISHES,
    RESULT,
    STOPPED_RESULT,
    distance,
    grid_labels,
    labels,
    progress_message,
    recipes_in,
    wait_for_progress_message,
    with_buttons,
)


async def test_a_job_that_is_painted_is_stopped_and_its_picture_kept(bot: BotHarness):
    await bot.imagine(steps=NEVER_FINISHES)
    await wait_for_first_progress(bot)
    assert labels(progress_message(bot)) == ["Stop here", "Cancel"]
    answered = await bot.alice.click(progress_message(bot), label="Stop here")
    assert "as it is now" in ephemeral_text(answered)
    result = await result_of(bot)
    assert "stopped at step" in result.content
    assert [each.id for each in bot.thread().history()] == [result.id]
    assert labels(result) == STOPPED_RESULT
    assert labels(bot.job_message()) == STOPPED_RESULT[:-2]  # without Recipe and Delete


async def test_a_job_that_is_painted_is_cancelled_without_a_picture(bot: BotHarness):
    await bot.imagine(steps=NEVER_FINISHES)
    await wait_for_first_progress(bot)
    answered = await bot.alice.click(progress_message(bot), label="Cancel")
    assert ephemeral_text(answered) == "Cancelled."
    await bot.wait_until_notified()
    (only,) = bot.thread().history()
    assert only.content == "Cancelled."
    assert not only.attachments
    assert labels(only) == labels(bot.job_message()) == []
    assert bot.job_message().content.endswith(" · cancelled")


async def test_a_job_that_waits_can_only_be_cancelled(bot: BotHarness):
    await bot.imagine(steps=NEVER_FINISHES)
    await wait_for_first_progress(bot)
    first = bot.thread()
    await bot.imagine("a blue square", steps=NEVER_FINISHES)
    second = next(each for each in bot.channel.threads if each.id != first.id)
    await wait_for_progress_message(bot, second)
    assert labels(second.history()[0]) == ["Cancel"]
    assert (
        ephemeral_text(await bot.alice.click(second.history()[0], label="Cancel")) == "Cancelled."
    )
    assert await bot.services.store.jobs.state(2) is JobState.CANCELLED
    assert await bot.services.store.jobs.state(1) is JobState.RUNNING
    await bot.alice.click(first.history()[0], label="Cancel")
    await bot.wait_until_notified()


async def test_pictures_are_painted_again_with_other_seeds_by_anybody(bot: BotHarness):
    await bot.imagine(seed=3, count=2)
    result = await result_of(bot)
    assert labels(result) == grid_labels(2)
    assert is_accepted(ephemeral_text(await bot.bob.click(result, label="Rerun")))
    again = await result_of(bot)
    assert bot.bob.mention in again.content
    assert labels(again) == grid_labels(2)
    before, after = await recipes_in(result), await recipes_in(again)
    assert len({each.seed for each in (*before, *after)}) == 4
    assert {each.prompts for each in before} == {each.prompts for each in after}


async def test_a_picture_is_varied_from_where_it_is(bot: BotHarness):
    await bot.imagine(seed=3)
    result = await result_of(bot)
    assert is_accepted(ephemeral_text(await bot.bob.click(result, label="Vary")))
    (before,), after = await recipes_in(result), await stored_recipe(bot, await result_of(bot))
    assert after.start_noise > 0
    assert after.seed != before.seed
    assert after.prompts == before.prompts
    assert after.init_image is not None
    start = opened(after.init_image).convert("RGB")
    whole = opened(await pictures_of(result)[0].read()).convert("RGB")
    assert start.size == (before.width, before.height)
    assert distance(start.tobytes(), whole.resize(start.size).tobytes()) < 8


async def test_a_picture_gets_more_steps_from_where_it_ended(
    bot: BotHarness, monkeypatch: pytest.MonkeyPatch
):
    await bot.imagine(seed=3, steps=8)
    result = await result_of(bot)
    steps = counted(monkeypatch)
    form = await bot.bob.click(result, label="More steps")
    assert is_accepted(ephemeral_text(await bot.bob.submit_modal(form, {"steps": "4"})))
    longer = await result_of(bot)
    (recipe,) = await recipes_in(longer)
    assert (recipe.steps, recipe.more, recipe.seed) == (8, (4,), 3)
    assert "12 steps" in longer.content
    assert steps == [9, 10, 11, 12]


def counted(patch: pytest.MonkeyPatch) -> list[int]:
    """Record the steps that the engine takes from now on."""
    step, steps = Generation.step, []

    def counting(self: Generation) -> None:
        step(self)
        steps.append(self.steps_done)

    patch.setattr(Generation, "step", counting)
    return steps


NO_STEPS: Sequence[tuple[str, str]] = (
    ("many", "whole number"),
    ("0", "whole number"),
    ("²", "whole number"),
    ("999", "At most"),
)


async def test_how_many_steps_is_checked(bot: BotHarness):
    await bot.imagine()
    for typed, reason in NO_STEPS:
        form = await bot.alice.click(await result_of(bot), label="More steps")
        assert reason in ephemeral_text(await bot.alice.submit_modal(form, {"steps": typed}))
        assert not bot.services.queue.jobs()


async def test_a_picture_that_has_had_all_steps_gets_no_more(tmp_path: Path):
    settings = make_settings(tmp_path)
    limits = settings.limits.model_copy(update={"steps": 4})
    async with open_bot(settings.model_copy(update={"limits": limits})) as bot:
        await bot.imagine(steps=4)
        answered = await bot.alice.click(await result_of(bot), label="More steps")
        assert "already has the 4 steps" in ephemeral_text(answered)


async def test_words_are_changed_and_the_seed_is_not(bot: BotHarness):
    await bot.imagine(seed=3, style="watercolour")
    result = await result_of(bot)
    form = await bot.bob.click(result, label="Edit prompt")
    assert f"{PROMPT}, watercolour" in str(form.modal)
    answered = await bot.bob.submit_modal(form, {"prompt": "a green ring | fog:0.5"})
    assert is_accepted(ephemeral_text(answered))
    assert "The prompt was read as" in ephemeral_text(answered)
    reworded = await result_of(bot)
    (recipe,) = await recipes_in(reworded)
    assert [str(each) for each in recipe.prompts] == ["a green ring", "fog:0.5"]
    assert recipe.seed == 3
    assert "a green ring" in reworded.content


NO_WORDS: Sequence[tuple[str, str]] = (
    (PROMPT, "the same prompt"),
    ("a red circle:nan", "weight"),
    (" ", "empty"),
)


async def test_words_that_will_not_do_are_refused(bot: BotHarness):
    await bot.imagine()
    for words, reason in NO_WORDS:
        form = await bot.alice.click(await result_of(bot), label="Edit prompt")
        assert reason in ephemeral_text(await bot.alice.submit_modal(form, {"prompt": words}))
        assert not bot.services.queue.jobs()


async def test_resumed_picture_equals_uninterrupted_picture(bot: BotHarness):
    async with job_in_progress(bot, after=4, seed=3, steps=10):
        click = asyncio.create_task(bot.alice.click(progress_message(bot), label="Stop here"))
        async with asyncio.timeout(PATIENCE):
            while not await _is_stop_requested(bot):
                await asyncio.sleep(0.05)
    await click
    result = await result_of(bot)
    assert "stopped at step" in result.content
    assert is_accepted(ephemeral_text(await bot.bob.click(result, label="Resume")))
    whole = await result_of(bot)
    assert "10 steps" in whole.content
    other = bot.guild.create_text_channel("other")
    await bot.imagine(seed=3, steps=10, channel=other)
    await bot.wait_until_notified()
    (uninterrupted,) = painted(other.threads[0])
    first, second = [await pictures_of(each)[0].read() for each in (whole, uninterrupted)]
    assert opened(first).tobytes() == opened(second).tobytes()


async def _is_stop_requested(bot: BotHarness) -> bool:
    record = await bot.services.store.jobs.get(1)
    return record is not None and record.stop_requested


async def test_each_of_several_pictures_is_varied_by_a_button_of_its_own(bot: BotHarness):
    await bot.imagine(seed=3, steps=3, count=3)
    result = await result_of(bot)
    assert labels(result) == grid_labels(3)
    assert is_accepted(ephemeral_text(await bot.alice.click(result, label="V2")))
    await _check_second_was_varied(bot, result)


@pytest.mark.slow
async def test_vary_under_older_messages_asks_for_one_of_several_pictures(bot: BotHarness):
    await bot.imagine(seed=3, steps=3, count=3)
    result = await result_of(bot)
    older = await with_buttons(bot, result, "job:vary:1")
    form = await bot.alice.click(older, custom_id="job:vary:1")
    answered = await bot.alice.submit_modal(form, {"which": ["2"]})
    assert is_accepted(ephemeral_text(answered))
    await _check_second_was_varied(bot, result)


async def _check_second_was_varied(bot: BotHarness, result: discord.Message) -> None:
    recipe = await stored_recipe(bot, await result_of(bot))
    assert recipe.init_image is not None
    start = opened(recipe.init_image).convert("RGB")
    pictures = [opened(await each.read()).convert("RGB") for each in await singles_of(result)]
    distances = [distance(start.tobytes(), p.resize(start.size).tobytes()) for p in pictures]
    assert min(distances) == distances[1]


@pytest.mark.parametrize(("which", "seeds"), [("2", [4]), ("0", [3, 4])])
async def test_more_steps_for_one_or_all_pictures(
    bot: BotHarness, monkeypatch: pytest.MonkeyPatch, which: str, seeds: list[int]
):
    await bot.imagine(seed=3, steps=4, count=2)
    result = await result_of(bot)
    steps = counted(monkeypatch)
    form = await bot.alice.click(result, label="More steps")
    await bot.alice.submit_modal(form, {"steps": "2", "which": [which]})
    recipes = await recipes_in(await result_of(bot))
    assert [each.seed for each in recipes] == seeds
    assert steps == [5, 6] * len(seeds)


async def test_a_job_that_failed_can_be_tried_again(
    bot: BotHarness, monkeypatch: pytest.MonkeyPatch
):
    with monkeypatch.context() as for_now:
        for_now.setattr(Generation, "step", lambda _: 1 / 0)
        await bot.imagine()
        await bot.wait_until_notified()
    failed = bot.thread().history()[-1]
    assert labels(failed) == ["Rerun", "Edit prompt", "Recipe", "Delete"]
    await bot.alice.click(failed, label="Rerun")
    assert labels(await result_of(bot)) == RESULT


async def test_in_direct_messages_there_are_the_same_buttons(bot: BotHarness):
    alice = bot.alice.user
    await alice.slash("imagine", prompt=PROMPT, steps=2)
    await bot.wait_until_notified()
    (result,) = painted(alice.dm_channel)
    assert labels(result) == RESULT
    await alice.click(result, label="Rerun")
    await bot.wait_until_notified()
    assert len(painted(alice.dm_channel)) == 2
