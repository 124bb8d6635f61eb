"""Check a pair: a few steps towards a prompt must bring the picture nearer to it than to another.

The demo pair raises the cosine of its own prompt by about 0.8 in 30 steps; CLIPs of photographs,
whose cosines are all alike, raise it by 0.05 to 0.2.
"""

import dataclasses
from collections.abc import Callable

import torch
from torch import Tensor

from engine.models.catalogue import find_models
from engine.models.loading import Models
from engine.models.protocols import Perceptor
from engine.presets import make_recipe
from engine.self_check.results import Cause, PartResult
from engine.vqgan_clip.edit_constraint import resize_for_perceptor
from engine.vqgan_clip.generation import Generation

STEPS = 30
LEAST_RISE, LEAST_LEAD = 0.02, 0.01
"""Least rise of the cosine with a picture's own prompt, and how much more it must be than that of
the cosine with the other prompt."""
_PROMPTS = ("a red circle on a white background", "a blue star on a yellow background")
_MOST_CUTOUTS = 4
_SIDE = 128
_PLACES = 4


def check_pair(
    models: Models, digest: str, tick: Callable[[], None] = lambda: None, *, steps: int = STEPS
) -> PartResult:
    """Check models together, on their own device: two short runs, each with its own prompt.

    `tick` is called before each of the `steps`; an exception that it raises ends the check.
    """
    figures: dict[str, float] = {}
    is_right = True
    for number, prompt in enumerate(_PROMPTS):
        before, after = _similarities(models, prompt, number, steps, tick)
        rises = (after - before).mean(0).tolist()
        own, other = rises[number], rises[1 - number]
        is_right = is_right and own >= LEAST_RISE and own - other >= LEAST_LEAD
        figures |= {
            f"prompt-{number + 1}-own-rise": round(own, _PLACES),
            f"prompt-{number + 1}-other-rise": round(other, _PLACES),
        }
    return PartResult("pair", models.name, digest, () if is_right else (Cause.STEPS,), figures)


def _similarities(
    models: Models, prompt: str, seed: int, steps: int, tick: Callable[[], None]
) -> tuple[Tensor, Tensor]:
    """Return the cosines (perceptors, prompts) of the picture before and after a short run."""
    side = min(_SIDE, find_models(models.name).side)
    usual = make_recipe(prompt, seed=seed, models=models.name, size=(side, side))
    recipe = dataclasses.replace(usual, steps=steps, cutouts=min(_MOST_CUTOUTS, usual.cutouts))
    run = Generation(recipe, models)
    before = _compare(models, run.image())
    for _ in range(steps):
        tick()
        run.step()
    return before, _compare(models, run.image())


def _compare(models: Models, picture: Tensor) -> Tensor:
    return torch.stack([_cosines(each, picture) for each in models.perceptors])


@torch.no_grad()
def _cosines(perceptor: Perceptor, picture: Tensor) -> Tensor:
    view = resize_for_perceptor(picture, perceptor.input_size)
    return (perceptor.encode_image(view) @ perceptor.encode_text(_PROMPTS).T)[0]
