"""The examples in the documents and in `/help` succeed with the demo models."""

import re
from pathlib import Path

import numpy as np
import pytest

import engine
from engine.demo.judge import Judge
from engine.demo.scenes import judge as scenes
from engine.demo.scenes.sentences import read
from engine.demo.world import COLORS, SHAPES
from engine.models.catalogue import CATALOGUE
from engine.recipes.prompts import parse_prompts
from tests.harness.bot_harness import ephemeral_text, make_settings, open_bot

ROOT = Path(__file__).parents[1]
NAMES = ("README.md", "docs/index.md", "docs/install.md", "docs/command-line.md", "docs/library.md")
DOCUMENTS = "".join((ROOT / name).read_text(encoding="utf-8") for name in NAMES)
PAINTED = r'`/imagine (?:prompt: )?([^`]+)`|imagine "([^"]+)"|make_recipe\(\s*"([^"]+)"'
OTHERS = r'(?:edit|mask) \S+ "([^"]+)"|(?:find_mask|edit_recipe)\([^"\n]*"([^"]+)"'
COMBINED = r"`([^`]+\|[^`]+)` combines"


def found(pattern: str, text: str) -> set[str]:
    """Return what the groups of a pattern match in a text."""
    return {group for each in re.finditer(pattern, text) for group in each.groups() if group}


@pytest.mark.slow
async def test_the_examples_show_what_they_say(tmp_path: Path, models: engine.Models):
    async with open_bot(make_settings(tmp_path)) as bot:
        helped = ephemeral_text(await bot.alice.slash(bot.channel, "help"))
    in_documents, in_help = found(PAINTED, DOCUMENTS), found(f"{PAINTED}|{COMBINED}", helped)
    assert {*CATALOGUE["demo"].examples, CATALOGUE["demo"].combination} <= in_help
    assert len(in_documents) >= 2
    shapes = CATALOGUE["demo"].vocabulary
    examples = sorted(each for each in in_documents | in_help if not shapes.unknown_words(each))
    assert len(examples) <= 4, "each one takes seconds, so use those that are there"
    judge = Judge()
    # One is painted as people get it; the others in the fewest steps of a preset, to save time.
    for number, prompt in enumerate(examples):
        color, background = (word for word in re.findall(r"\w+", prompt) if word in COLORS)
        (shape,) = (word for word in re.findall(r"\w+", prompt) if word in SHAPES)
        preset = "fast" if number else None
        picture = engine.paint(engine.make_recipe(prompt, seed=1, preset=preset), models)
        verdict = judge.verdict(np.asarray(picture))
        assert verdict.matches(color, shape, background).all_right, prompt


@pytest.mark.slow
def test_the_examples_of_scenes_show_their_sky_and_ground():
    shapes = CATALOGUE["demo"].vocabulary
    prompts = [each for each in found(PAINTED, DOCUMENTS) if shapes.unknown_words(each)]
    assert 1 <= len(prompts) <= 2, "each one takes seconds"
    models = engine.load_models("scenes", "cpu")
    for prompt in prompts:
        recipe = engine.make_recipe(prompt, seed=1, models="scenes", enlarge=1)
        look = scenes.Judge().look(np.asarray(engine.paint(recipe, models)))
        match = look.matches(read(prompt))
        assert (match.sky, match.ground) == (True, True), prompt


def test_the_documents_use_words_that_shipped_models_know():
    known = [CATALOGUE[name].vocabulary for name in ("demo", "scenes")]
    lines = found(f"{PAINTED}|{OTHERS}", DOCUMENTS)
    assert len(lines) >= 6
    for line in lines:
        texts = [prompt.text for prompt in parse_prompts(line)]
        assert any(
            not any(vocabulary.unknown_words(text) for text in texts) for vocabulary in known
        ), line
