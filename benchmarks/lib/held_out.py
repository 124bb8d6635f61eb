"""Prompts for measuring, with wordings and seeds that neither training nor tuning used."""

from dataclasses import dataclass
from random import Random

from engine.demo.wordings import HELD_OUT_TEMPLATES, TEMPLATES, plain_prompt
from engine.demo.world import COLORS, SHAPES


@dataclass(frozen=True)
class Asked:
    """A prompt, what a picture of it must show, and the seed to paint it with."""

    prompt: str
    color: str
    shape: str
    background: str
    seed: int


def held_out_prompts(count: int, draw: int = 20_221_018) -> list[Asked]:
    """Draw `count` prompts in held-out wordings, with shapes and colors equally frequent.

    `draw` is the seed of the selection. Each prompt has its own painting seed.
    """
    random = Random(draw)
    shapes, colors = _balanced(SHAPES, count, random), _balanced(COLORS, count, random)
    asked = []
    for index, (shape, color) in enumerate(zip(shapes, colors, strict=True)):
        background = random.choice([name for name in COLORS if name != color])
        prompt = held_out_wording(shape, color, background, index)
        asked.append(Asked(prompt, color, shape, background, random.randrange(2**31)))
    return asked


def held_out_wording(shape: str, color: str, background: str, index: int) -> str:
    """Word a sentence with the held-out wording `index`, modulo their number."""
    first = len(TEMPLATES) - len(HELD_OUT_TEMPLATES)
    return plain_prompt(shape, color, background, first + index % len(HELD_OUT_TEMPLATES))


def _balanced(names: tuple[str, ...], count: int, random: Random) -> list[str]:
    """Return `count` names in random order, with frequencies that differ by at most one."""
    repeated = list(names) * (count // len(names) + 1)
    chosen = repeated[:count]
    random.shuffle(chosen)
    return chosen
