"""`/compare` and the option `painter`: other painters than VQGAN-CLIP, as people see them."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from bot.submission.painters import painters
from bot.ui.filenames import result_number
from engine import presets
from engine.models.catalogue import PAINTERS
from engine.provenance import read_provenance
from engine.recipes.glide_recipe import GlideRecipe
from engine.recipes.mindalle_recipe import MinDalleRecipe
from engine.recipes.recipe import Recipe
from tests.engine.tiny_painters import glide_entry
from tests.harness.bot_harness import (
    PATIENCE,
    BotHarness,
    ephemeral_text,
    is_accepted,
    make_settings,
    open_bot,
    opened,
    pictures_of,
    result_of,
    singles_of,
    steps_held,
)
from tests.harness.command_lines import pasted_line, run_line
from tests.harness.interactions import labels
from tests.harness.restartable_bot import open_restartable_bot

PROMPT = "a red circle on a blue background"
KINDS = (Recipe, GlideRecipe, MinDalleRecipe)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the preset few steps, because `/compare` cannot choose them."""
    demo = {**presets.PRESETS["demo"], "steps": 2}
    monkeypatch.setattr(presets, "PRESETS", {**presets.PRESETS, "demo": demo})


async def ask(bot: BotHarness, **options: object) -> str:
    """Let Alice ask for a picture with these options only; return the answer."""
    options = {"prompt": PROMPT} | options
    return ephemeral_text(await bot.alice.slash(bot.channel, "imagine", **options))


async def test_the_same_words_are_painted_by_each_painter_on_one_sheet(bot: BotHarness):
    answered = await bot.alice.slash(bot.channel, "compare", prompt=PROMPT, seed=3, tries=2)
    assert is_accepted(ephemeral_text(answered))
    result = await result_of(bot)
    told = bot.job_message().content
    assert "compared: 3 painters" in told
    assert "the others have 2, of which CLIP chooses the best" in result.content
    (sheet, *_) = pictures_of(result)
    assert sheet.filename == "picture-1-grid.png"
    assert opened(await sheet.read()).height > 3 * 256
    recipes = [read_provenance(await each.read()).recipe for each in await singles_of(result)]
    assert {type(each): each.seed in (3, 4) for each in recipes} == dict.fromkeys(KINDS, True)
    assert {each.title for each in recipes} == {PROMPT}
    numbers = [result_number(each.filename) for each in await singles_of(result)]
    painted = next(n for n, each in zip(numbers, recipes, strict=True) if isinstance(each, Recipe))
    assert labels(result) == [
        f"V{painted}",
        *(f"U{number}" for number in numbers),
        *("Rerun", "Edit prompt", "Recipe", "Delete"),
    ]
    line = pasted_line(ephemeral_text(await bot.alice.click(result, label="Recipe")))
    assert line == f"/compare prompt:{PROMPT} seed:3 tries:2"


UNREADABLE: Sequence[tuple[dict[str, object], str]] = (
    ({"prompt": "a cat:2 | a dog"}, "ne plain sentence is all"),
    ({"prompt": PROMPT, "tries": 5}, "At most 4 pictures of each painter"),
)


async def test_what_no_rival_reads_is_refused(bot: BotHarness):
    for options, reason in UNREADABLE:
        answered = await bot.alice.slash(bot.channel, "compare", **options)
        assert reason in ephemeral_text(answered)
        assert not bot.services.queue.jobs()


@pytest.mark.parametrize("painter", ["glide", "mindalle"])
async def test_a_picture_by_another_painter_is_painted_and_painted_again(
    bot: BotHarness, painter: str
):
    await ask(bot, painter=painter, seed=5)
    result = await result_of(bot)
    (picture,) = pictures_of(result)
    content = await picture.read()
    recipe = read_provenance(content).recipe
    assert (recipe.painter, recipe.seed, recipe.title) == (painter, 5, PROMPT)
    assert labels(result) == ["Rerun", "Edit prompt", "Recipe", "Delete"]
    line = pasted_line(ephemeral_text(await bot.alice.click(result, label="Recipe")))
    await run_line(bot, bot.alice, bot.channel, line)
    (again,) = pictures_of(await result_of(bot))
    assert await again.read() == content


NOT_THERE: Sequence[tuple[dict[str, object], str]] = (
    ({"painter": "glide", "steps": 5, "size": "wide"}, "GLIDE has no `size`, `steps`"),
    ({"painter": "glide", "negative": "fog"}, "GLIDE has no `negative`"),
    ({"painter": "mindalle", "prompt": "a cat:2 | a dog"}, "is all that minDALL-E reads"),
    ({"painter": "open-edit"}, "`python -m engine weights get open-edit`"),
    ({"painter": "rembrandt"}, "Choose one of: vqgan-clip, glide, mindalle"),
)


async def test_what_a_painter_does_not_have_is_refused_by_name(bot: BotHarness):
    for options, reason in NOT_THERE:
        assert reason in await ask(bot, **options)
        assert not bot.services.queue.jobs()


async def test_glide_with_a_clip_of_its_own_is_compared_by_both_guidances(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    entry = glide_entry(tmp_path, with_clip=True)
    monkeypatch.setitem(PAINTERS, entry.name, entry)
    settings = make_settings(tmp_path)
    engine = settings.engine.model_copy(update={"painters": (entry.name,)})
    async with open_bot(settings.model_copy(update={"engine": engine})) as bot:
        answered = await bot.alice.slash(bot.channel, "compare", prompt=PROMPT, seed=3, tries=1)
        assert "`python -m engine weights get mindalle`" in ephemeral_text(answered)
        singles = await singles_of(await result_of(bot))
        recipes = [read_provenance(await each.read()).recipe for each in singles]
        guidances = {each.guidance for each in recipes if isinstance(each, GlideRecipe)}
        assert guidances == {"clip", "classifier-free"}
        assert len(recipes) == 3


async def test_without_other_painters_nothing_is_compared(tmp_path: Path):
    settings = make_settings(tmp_path)
    engine = settings.engine.model_copy(update={"painters": ()})
    async with open_bot(settings.model_copy(update={"engine": engine})) as bot:
        assert not painters(bot.services.settings.engine)
        answered = await bot.alice.slash(bot.channel, "compare", prompt=PROMPT)
        assert "`python -m engine weights get glide`" in ephemeral_text(answered)


@pytest.mark.parametrize(("painter", "of_a_picture"), [("glide", 6), ("mindalle", 18)])
async def test_a_killed_job_of_another_painter_goes_on_to_the_same_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, painter: str, of_a_picture: int
):
    async with open_restartable_bot(make_settings(tmp_path), monkeypatch) as program:
        async with program.start() as bot:
            with steps_held(after=2, seed=6):  # in the second picture
                await ask(bot, painter=painter, seed=5, count=2)
                async with asyncio.timeout(PATIENCE):
                    while await steps_stored(bot) < of_a_picture + 2:
                        await asyncio.sleep(0.02)
                await program.kill(bot.services)
        async with program.start() as bot:
            interrupted = [await each.read() for each in await singles_of(await result_of(bot))]
            assert len(interrupted) == 2
            await ask(bot, painter=painter, seed=5, count=2)
            whole = [await each.read() for each in await singles_of(await result_of(bot))]
            assert interrupted == whole


async def steps_stored(bot: BotHarness) -> int:
    """Return how many steps the checkpoints of the first job hold."""
    return (await bot.services.store.jobs.steps_stored()).get(1, 0)
