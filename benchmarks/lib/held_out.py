"""Prompts for measuring: wordings and draws that neither training nor tuning has used."""

from dataclasses import dataclass
from random import Random

from engine.demo.wordings import HELD_OUT_TEMPLATES, TEMPLATES, plain_prompt
from engine.demo.world import COLOURS, SHAPES


@dataclass(frozen=True)
class Asked:
    """A prompt, what a picture of it must show, and the seed to paint it with."""

    prompt: str
    colour: str
    shape: str
    background: str
    seed: int


def held_out_prompts(count: int, draw: int = 20_221_018) -> list[Asked]:
    """`count` prompts in held-out wordings; shapes, colours and backgrounds come up equally often.

    `draw` is the seed of the selection. Each prompt has its own painting seed.
    """
    random = Random(draw)
    shapes, colours = _balanced(SHAPES, count, random), _balanced(COLOURS, count, random)
    asked = []
    for index, (shape, colour) in enumerate(zip(shapes, colours, strict=True)):
        background = random.choice([name for name in COLOURS if name != colour])
        prompt = held_out_wording(shape, colour, background, index)
        asked.append(Asked(prompt, colour, shape, background, random.randrange(2**31)))
    return asked


def held_out_wording(shape: str, colour: str, background: str, index: int) -> str:
    """A sentence in the held-out wording number `index`, counted round."""
    first = len(TEMPLATES) - len(HELD_OUT_TEMPLATES)
    return plain_prompt(shape, colour, background, first + index % len(HELD_OUT_TEMPLATES))


def _balanced(names: tuple[str, ...], count: int, random: Random) -> list[str]:
    """`count` names in random order, each as often as any other, give or take one."""
    repeated = list(names) * (count // len(names) + 1)
    chosen = repeated[:count]
    random.shuffle(chosen)
    return chosen
