"""Goodhart's law in numbers: what the guide thinks of its pictures, beside what a judge thinks.

A guide's opinion of a picture that was optimized for it says little. The judge of the demo pair is
a CLIP of another architecture, which took no part in the training of the guide or in painting.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np

import engine
from benchmarks.lib.held_out import Asked
from benchmarks.lib.painters import paint_all
from benchmarks.lib.statistics import Share, mean_and_interval
from engine.demo.judge import Judge as Reader


@dataclass(frozen=True)
class Painted:
    """One try: whether the picture is all right, and what guide and judge think of it."""

    is_right: bool
    guide: float
    """Cosine with the prompt."""
    judge: float
    """The same by the perceptor that guided nothing."""


def judging_table(
    asked: Sequence[Asked],
    first: Sequence[np.ndarray],
    *,
    tries: int,
    judged: int | None = None,
    preset: str | None = None,
) -> Iterator[str]:
    """Yield Markdown lines that compare guide and judge.

    Args:
        asked: the prompts, whose first tries have the pictures `first`.
        first: these pictures (H, W, 3) as bytes.
        tries: number of tries of some prompts, of which guide and judge choose the best.
        judged: number of these prompts, by default as many as cost as much again.
        preset: name of the preset; None for the usual one.
    """
    recipes = [engine.make_recipe(a.prompt, seed=a.seed, preset=preset) for a in asked]
    painted = _measured(asked, recipes, first)
    true = _measured(asked, recipes, _true_pictures(asked))
    yield f"| n = {len(asked)} | guide's cosine | judge's cosine |\n|---|---|---|"
    yield _line("true pictures", true)
    yield _line("painted", painted)
    yield _line("painted, and all right", [each for each in painted if each.is_right])
    yield _line("painted, and not all right", [each for each in painted if not each.is_right])
    count = len(asked) // tries if judged is None else min(judged, len(asked))
    if tries == 1 or count == 0:
        return
    groups = [[each] for each in painted[:count]]
    for number in range(1, tries):
        again = [
            engine.make_recipe(a.prompt, seed=a.seed + number, preset=preset) for a in asked[:count]
        ]
        for group, each in zip(groups, _measured(asked, again, paint_all(again)), strict=True):
            group.append(each)
    yield f"\n| n = {count} | all right |\n|---|---|"
    choices: dict[str, Callable[[Painted], float]] = {
        "best of {tries} by the guide": lambda each: each.guide,
        "best of {tries} by the judge": lambda each: each.judge,
        "best of {tries} by the strict judge, as a bound": lambda each: float(each.is_right),
    }
    yield f"| first try | {Share(sum(group[0].is_right for group in groups), count)} |"
    for name, key in choices.items():
        right = sum(max(group, key=key).is_right for group in groups)
        yield f"| {name.format(tries=tries)} | {Share(right, count)} |"


def _line(name: str, pictures: Sequence[Painted]) -> str:
    return (
        f"| {name} | {_mean([p.guide for p in pictures])} | {_mean([p.judge for p in pictures])} |"
    )


def _mean(values: Sequence[float]) -> str:
    if len(values) > 1:
        return mean_and_interval(values)
    return f"{fmean(values):.3f} (n = 1)" if values else "-"


def _measured(
    asked: Sequence[Asked], recipes: Sequence["engine.Recipe"], pictures: Sequence[np.ndarray]
) -> list[Painted]:
    """Return what strict judge, guide and judge think of pictures of recipes."""
    from PIL import Image

    from engine.comparison.similarity import judged
    from engine.models.judge import Judge
    from engine.models.tensors import to_tensor

    models, reader = engine.load_models("demo", "cpu"), Reader()
    guide = Judge("guide", models.perceptors, models.shares, models.device, is_guide=True)
    measured: list[Painted] = []
    for each, recipe, pixels in zip(asked, recipes, pictures, strict=False):
        wanted = each.color, each.shape, each.background
        is_right = reader.verdict(pixels).matches(*wanted).all_right
        image = to_tensor(Image.fromarray(pixels))
        scores = [judged(image, recipe, by) for by in (guide, models.judge)]
        measured.append(Painted(is_right, *scores))
    return measured


def _true_pictures(asked: Sequence[Asked]) -> list[np.ndarray]:
    """Draw what the prompts ask for, at places and in sizes of the world."""
    import torch

    from engine.demo.world import COLORS, SHAPES, render, sample_single_scenes

    scenes = sample_single_scenes(len(asked), torch.Generator().manual_seed(1))
    shape, color = scenes.shape.clone(), scenes.color.clone()
    shape[:, 0] = torch.tensor([SHAPES.index(a.shape) for a in asked])
    color[:, 0] = torch.tensor([COLORS.index(a.color) for a in asked])
    background = torch.tensor([COLORS.index(a.background) for a in asked])
    drawn = render(scenes.replace(shape=shape, color=color, background=background))
    levels = (255 * drawn.clamp(0, 1)).round().byte()
    return list(levels.permute(0, 2, 3, 1).contiguous().numpy())
