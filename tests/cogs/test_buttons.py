"""The buttons under the messages of one's own jobs, as people press them."""

from pathlib import Path

import pytest

from bot.jobs.job import JobState
from engine.vqgan_clip.generation import Generation
from tests.harness.bot_harness import (
    PROMPT,
    Studio,
    begun,
    make_settings,
    open_studio,
    opened,
    painted,
    pictures_of,
    result_of,
    told,
)
from tests.harness.interactions import (
    LONG,
    RESULT,
    STOPPED_RESULT,
    known,
    labels,
    progress,
    recipes_in,
)


async def test_a_job_that_is_painted_is_stopped_and_its_picture_kept(studio: Studio):
    await studio.imagine(steps=LONG)
    await begun(studio)
    assert labels(progress(studio)) == ["Stop here", "Cancel"]
    answered = await studio.alice.click(progress(studio), label="Stop here")
    assert "as it is now" in told(answered)
    result = await result_of(studio)
    assert "stopped at step" in result.content
    assert labels(progress(studio)) == []
    assert labels(result) == STOPPED_RESULT


async def test_a_job_that_is_painted_is_cancelled_without_a_picture(studio: Studio):
    await studio.imagine(steps=LONG)
    await begun(studio)
    answered = await studio.alice.click(progress(studio), label="Cancel")
    assert told(answered) == "Cancelled."
    await studio.all_told()
    (only,) = studio.thread().history()
    assert only.content == "Cancelled."
    assert not only.attachments
    assert labels(only) == []


async def test_a_job_that_waits_can_only_be_cancelled(studio: Studio):
    await studio.imagine(steps=LONG)
    await begun(studio)
    first = studio.thread()
    await studio.imagine("a blue square", steps=LONG)
    second = next(each for each in studio.channel.threads if each.id != first.id)
    await known(studio, second)
    assert labels(second.history()[0]) == ["Cancel"]
    assert told(await studio.alice.click(second.history()[0], label="Cancel")) == "Cancelled."
    assert await studio.services.store.jobs.state(2) is JobState.CANCELLED
    assert await studio.services.store.jobs.state(1) is JobState.RUNNING
    await studio.alice.click(first.history()[0], label="Cancel")
    await studio.all_told()


async def test_pictures_are_painted_again_with_other_seeds_by_anybody(studio: Studio):
    await studio.imagine(seed=3, count=2)
    result = await result_of(studio)
    assert labels(result) == RESULT
    assert "Queued" in told(await studio.bob.click(result, label="Rerun"))
    again = await result_of(studio)
    assert studio.bob.mention in again.content
    assert labels(again) == RESULT
    before, after = await recipes_in(result), await recipes_in(again)
    assert len({each.seed for each in (*before, *after)}) == 4
    assert {each.prompts for each in before} == {each.prompts for each in after}


async def test_a_picture_is_varied_from_where_it_is(studio: Studio):
    await studio.imagine(seed=3)
    result = await result_of(studio)
    assert "Queued" in told(await studio.bob.click(result, label="Vary"))
    (before,), (after,) = await recipes_in(result), await recipes_in(await result_of(studio))
    assert after.start_noise > 0
    assert after.seed != before.seed
    assert after.prompts == before.prompts
    assert after.init_image is not None
    start = opened(after.init_image).convert("RGB")
    whole = opened(await pictures_of(result)[0].read()).convert("RGB")
    assert start.size == (before.width, before.height)
    assert distance(start.tobytes(), whole.resize(start.size).tobytes()) < 8


def distance(first: bytes, second: bytes) -> float:
    """How much two pictures differ on average."""
    return sum(abs(a - b) for a, b in zip(first, second, strict=True)) / len(first)


async def test_a_picture_gets_more_steps_from_where_it_ended(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
):
    await studio.imagine(seed=3, steps=8)
    result = await result_of(studio)
    steps = counted(monkeypatch)
    form = await studio.bob.click(result, label="More steps")
    assert "Queued" in told(await studio.bob.submit_modal(form, {"steps": "4"}))
    longer = await result_of(studio)
    (recipe,) = await recipes_in(longer)
    assert (recipe.steps, recipe.more, recipe.seed) == (8, (4,), 3)
    assert "12 steps" in longer.content
    assert steps == [9, 10, 11, 12]


def counted(patch: pytest.MonkeyPatch) -> list[int]:
    """The steps that the engine takes from now on."""
    step, steps = Generation.step, []

    def counting(self: Generation) -> None:
        step(self)
        steps.append(self.steps_done)

    patch.setattr(Generation, "step", counting)
    return steps


@pytest.mark.parametrize(
    ("typed", "reason"),
    [("many", "whole number"), ("0", "whole number"), ("²", "whole number"), ("999", "At most")],
)
async def test_how_many_steps_is_checked(studio: Studio, typed: str, reason: str):
    await studio.imagine()
    form = await studio.alice.click(await result_of(studio), label="More steps")
    assert reason in told(await studio.alice.submit_modal(form, {"steps": typed}))
    assert not studio.services.queue.jobs()


async def test_a_picture_that_has_had_all_steps_gets_no_more(tmp_path: Path):
    settings = make_settings(tmp_path)
    limits = settings.limits.model_copy(update={"steps": 4})
    async with open_studio(settings.model_copy(update={"limits": limits})) as studio:
        await studio.imagine(steps=4)
        answered = await studio.alice.click(await result_of(studio), label="More steps")
        assert "already has the 4 steps" in told(answered)


async def test_words_are_changed_and_the_seed_is_not(studio: Studio):
    await studio.imagine(seed=3, style="watercolour")
    result = await result_of(studio)
    form = await studio.bob.click(result, label="Edit prompt")
    assert f"{PROMPT}, watercolour" in str(form.modal)
    answered = await studio.bob.submit_modal(form, {"prompt": "a green ring | fog:0.5"})
    assert "Queued" in told(answered)
    reworded = await result_of(studio)
    (recipe,) = await recipes_in(reworded)
    assert [str(each) for each in recipe.prompts] == ["a green ring", "fog:0.5"]
    assert recipe.seed == 3
    assert "a green ring" in reworded.content


@pytest.mark.parametrize(
    ("words", "reason"),
    [(PROMPT, "the same words"), ("a red circle:much", "weight"), (" ", "empty")],
)
async def test_words_that_will_not_do_are_refused(studio: Studio, words: str, reason: str):
    await studio.imagine()
    form = await studio.alice.click(await result_of(studio), label="Edit prompt")
    assert reason in told(await studio.alice.submit_modal(form, {"prompt": words}))
    assert not studio.services.queue.jobs()


async def test_a_stopped_picture_goes_on_to_what_it_would_have_been(studio: Studio):
    await studio.imagine(seed=3, steps=200)
    await begun(studio)
    await studio.alice.click(progress(studio), label="Stop here")
    result = await result_of(studio)
    assert "stopped at step" in result.content
    assert "Queued" in told(await studio.bob.click(result, label="Resume"))
    whole = await result_of(studio)
    assert "200 steps" in whole.content
    other = studio.guild.create_text_channel("other")
    await studio.imagine(seed=3, steps=200, channel=other)
    await studio.all_told()
    (uninterrupted,) = painted(other.threads[0])
    first, second = [await pictures_of(each)[0].read() for each in (whole, uninterrupted)]
    assert opened(first).tobytes() == opened(second).tobytes()


async def test_of_several_pictures_the_one_to_vary_is_asked_for(studio: Studio):
    await studio.imagine(seed=3, steps=20, count=3)
    result = await result_of(studio)
    form = await studio.alice.click(result, label="Vary")
    answered = await studio.alice.submit_modal(form, {"which": ["2"]})
    assert "Queued" in told(answered)
    (recipe,) = await recipes_in(await result_of(studio))
    assert recipe.init_image is not None
    start = opened(recipe.init_image).convert("RGB")
    pictures = [opened(await each.read()).convert("RGB") for each in pictures_of(result)[:3]]
    distances = [distance(start.tobytes(), p.resize(start.size).tobytes()) for p in pictures]
    assert min(distances) == distances[1]


@pytest.mark.parametrize(("which", "seeds"), [("2", [4]), ("0", [3, 4])])
async def test_of_several_pictures_one_or_all_get_more_steps(
    studio: Studio, monkeypatch: pytest.MonkeyPatch, which: str, seeds: list[int]
):
    await studio.imagine(seed=3, steps=4, count=2)
    result = await result_of(studio)
    steps = counted(monkeypatch)
    form = await studio.alice.click(result, label="More steps")
    await studio.alice.submit_modal(form, {"steps": "2", "which": [which]})
    recipes = await recipes_in(await result_of(studio))
    assert [each.seed for each in recipes] == seeds
    assert steps == [5, 6] * len(seeds)


async def test_a_job_that_failed_can_be_tried_again(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
):
    with monkeypatch.context() as for_now:
        for_now.setattr(Generation, "step", lambda _: 1 / 0)
        await studio.imagine()
        await studio.all_told()
    failed = studio.thread().history()[-1]
    assert labels(failed) == ["Rerun", "Edit prompt", "Delete"]
    await studio.alice.click(failed, label="Rerun")
    assert labels(await result_of(studio)) == RESULT


async def test_in_direct_messages_there_are_the_same_buttons(studio: Studio):
    alice = studio.alice.user
    await alice.slash("imagine", prompt=PROMPT, steps=2)
    await studio.all_told()
    (result,) = painted(alice.dm_channel)
    assert labels(result) == RESULT
    await alice.click(result, label="Rerun")
    await studio.all_told()
    assert len(painted(alice.dm_channel)) == 2
