"""The examples in the documents and in `/help` succeed with the demo models."""

import re
from pathlib import Path

import numpy as np
import pytest

import engine
from engine.demo.judge import Judge
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
    examples = sorted(in_documents | in_help)
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


def test_the_documents_use_words_that_the_demo_models_know():
    knows = CATALOGUE["demo"].vocabulary
    lines = found(f"{PAINTED}|{OTHERS}", DOCUMENTS)
    assert len(lines) >= 6
    texts = [prompt.text for line in lines for prompt in parse_prompts(line)]
    assert not {word for each in texts for word in knows.unknown_words(each)}
