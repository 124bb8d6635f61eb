"""`/edit` with the option `painter`: edits by Open-Edit, as people see them."""

from collections.abc import Sequence
from pathlib import Path

import pytest
import simcord
from PIL import Image

from bot.config import BotSettings
from engine.models.catalogue import PAINTERS
from engine.models.painter_entry import PainterEntry, PainterMemory
from engine.models.shape_phrases import ShapePhrases
from engine.provenance import read_provenance
from engine.recipes.open_edit_recipe import OpenEditRecipe
from tests.engine.open_edit import small
from tests.harness.bot_harness import (
    BotHarness,
    encoded,
    ephemeral_text,
    is_accepted,
    make_settings,
    opened,
    pictures_of,
    result_of,
)
from tests.harness.command_lines import options_in, pasted_line
from tests.harness.interactions import labels

PHRASES = "blue shape -> red shape"
PICTURE = encoded(small.picture(90, 60))
MASK = encoded(Image.new("L", (90, 60), 255))


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> BotSettings:
    """Install a small Open-Edit with random weights."""
    files = tmp_path / "files"
    files.mkdir()
    entry = PainterEntry(
        name=small.NAME,
        painter="open-edit",
        description="a small Open-Edit",
        limits=None,
        licence="",
        files=small.write_files(files),
        side=small.SIDE,
        memory=PainterMemory(fixed=1e6),
        step_cost=1000.0,
        defaults={"optimization_steps": 2},
        vocabulary=ShapePhrases(),
    )
    monkeypatch.setitem(PAINTERS, small.NAME, entry)
    settings = make_settings(tmp_path / "data")
    engine = settings.engine.model_copy(update={"painters": (small.NAME,)})
    return settings.model_copy(update={"engine": engine})


async def edit(bot: BotHarness, **options: object) -> simcord.InteractionResult:
    """Let Alice ask Open-Edit for an edit of a picture."""
    values = {"prompt": PHRASES, "painter": "open-edit", "seed": 7} | options
    return await bot.alice.slash(bot.channel, "edit", image=("photo.png", PICTURE), **values)


async def recipe_in_result(bot: BotHarness) -> OpenEditRecipe:
    """Return the recipe in the newest picture."""
    recipe = read_provenance(await pictures_of(await result_of(bot))[0].read()).recipe
    assert isinstance(recipe, OpenEditRecipe)
    return recipe


async def test_one_phrase_of_a_picture_becomes_another(bot: BotHarness):
    assert is_accepted(ephemeral_text(await edit(bot)))
    result = await result_of(bot)
    assert bot.thread().name == PHRASES
    for part in ("edited from a picture of 90×60", "3 steps", "seed 7"):
        assert part in result.content
    edited, compared = pictures_of(result)
    assert opened(await edited.read()).size == (90, 60)
    assert "before-after" in compared.filename
    recipe = await recipe_in_result(bot)
    assert (recipe.old, recipe.new, recipe.seed) == ("blue shape", "red shape", 7)
    assert labels(result) == ["Rerun", "Edit prompt", "Recipe", "Delete"]


async def test_the_command_in_the_answer_edits_the_picture_again(bot: BotHarness):
    await edit(bot)
    result = await result_of(bot)
    first = await pictures_of(result)[0].read()
    line = pasted_line(ephemeral_text(await bot.alice.click(result, label="Recipe")))
    options = options_in(line, ["prompt", "painter", "seed"])
    assert is_accepted(ephemeral_text(await edit(bot, **options)))
    assert await pictures_of(await result_of(bot))[0].read() == first


async def test_the_phrases_are_changed_in_the_form_that_shows_them(bot: BotHarness):
    await edit(bot)
    form = await bot.alice.click(await result_of(bot), label="Edit prompt")
    assert "blue shape → red shape" in str(form.modal)
    answered = await bot.alice.submit_modal(form, {"prompt": "red shape → blue shape"})
    assert is_accepted(ephemeral_text(answered))
    recipe = await recipe_in_result(bot)
    assert (recipe.old, recipe.new, recipe.seed) == ("red shape", "blue shape", 7)


REFUSED: Sequence[tuple[dict[str, object], str]] = (
    ({"prompt": "a red shape"}, "reads two phrases with an arrow between them, such as"),
    ({"prompt": "blue shape ->"}, "reads two phrases with an arrow between them, such as"),
    ({"prompt": "red shape -> Red shape"}, "say what it becomes"),
    ({"keep": 50, "steps": 5}, "Only VQGAN-CLIP has `keep`, `steps`"),
    ({"preset": "fast"}, "Only VQGAN-CLIP has `preset`"),
    ({"tile": "both"}, "Only VQGAN-CLIP has `tile`"),
    ({"mask": ("mask.png", MASK)}, "takes no mask"),
    ({"painter": "rembrandt"}, "Choose one of: vqgan-clip, open-edit"),
    ({"painter": "glide"}, "GLIDE is not installed here"),
)


async def test_what_open_edit_does_not_read_is_refused_in_private(bot: BotHarness):
    for options, reason in REFUSED:
        assert reason in ephemeral_text(await edit(bot, **options))
        assert not bot.channel.history()
        assert not bot.services.queue.jobs()


async def test_unknown_words_of_either_phrase_lead_to_a_question(bot: BotHarness):
    answered = await edit(bot, prompt="a navy disc -> scarlet disc")
    said = ephemeral_text(answered)
    for part in ("navy", "disc", "scarlet", "blue circle → red circle"):
        assert part in said
    assert not bot.channel.history()
    assert answered.response is not None
    await bot.alice.click(answered.response.message, label="blue circle → red circle")
    recipe = await recipe_in_result(bot)
    assert (recipe.old, recipe.new, recipe.seed) == ("blue circle", "red circle", 7)
