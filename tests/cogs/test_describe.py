"""`/describe`: words for pictures, and buttons that paint them."""

import re

import pytest
import simcord
import torch

from engine import presets
from engine.demo.world import COLORS, SHAPES, render, sample_single_scenes
from engine.models.tensors import to_picture
from tests.harness.bot_harness import (
    BotHarness,
    encoded,
    ephemeral_text,
    pictures_of,
    recipe_of,
    result_of,
)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the preset few steps, because the buttons cannot choose them."""
    demo = {**presets.PRESETS["demo"], "steps": 2}
    monkeypatch.setattr(presets, "PRESETS", {**presets.PRESETS, "demo": demo})


def drawn(seed: int = 11) -> tuple[bytes, str]:
    """Return a drawn picture as a file, and the prompt that says what it is."""
    scene = sample_single_scenes(1, torch.Generator().manual_seed(seed))
    color, shape = COLORS[scene.color[0, 0]], SHAPES[scene.shape[0, 0]]
    words = f"{color} {shape} on {{}} {COLORS[scene.background[0]]} background"
    return encoded(to_picture(render(scene)[0])), words


async def described(bot: BotHarness, content: bytes) -> simcord.InteractionResult:
    return await bot.alice.slash(bot.channel, "describe", image=("a.png", content))


async def test_four_prompts_are_found_and_one_is_painted(bot: BotHarness):
    content, words = drawn()
    answered = await described(bot, content)
    told = ephemeral_text(answered)
    prompts = re.findall(r"^\*\*\d\*\* (.+)$", told, re.MULTILINE)
    assert len(prompts) == 4
    assert re.fullmatch(f"an? {words.format('an?')}", prompts[0])
    assert not bot.channel.history()
    assert answered.response is not None
    await bot.alice.click(answered.response, label="2")
    (picture,) = pictures_of(await result_of(bot))
    assert recipe_of(await picture.read()).title == prompts[1]


@pytest.mark.parametrize("content", [b"", b"no picture"])
async def test_what_is_no_picture_is_refused(bot: BotHarness, content: bytes):
    told = ephemeral_text(await described(bot, content))
    assert "picture" in told or "empty" in told
    assert "**1**" not in told
