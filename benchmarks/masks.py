"""Measure how well masks match what phrases name, in pictures of known content.

    python -m benchmarks masks [--count N] [--sheet FILE]

A third of the pictures have two objects. Half of the phrases name something that is not there.
Tuning used other seeds.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from time import perf_counter

import numpy as np
import torch
from PIL import Image

import engine
from benchmarks.lib.statistics import Share, mean_and_interval
from engine.demo.world import COLORS, SHAPES, Scenes, object_masks, render, sample_scenes
from engine.editing.text_masks import Method, TextMask, find_mask
from engine.images.image_io import enlarge
from engine.models.codebook import quantize
from engine.models.latent_generator import vqgan_of
from engine.models.loading import Models
from engine.models.tensors import to_picture, to_tensor

SEED = 20_230_117
"""Seed of the pictures and phrases; tuning used small numbers."""
EMPTY_SHARE = 0.1
"""Number of pictures without an object relative to those with one."""
TYPICAL, WORST, FACTOR = 7, 3, 2
"""Numbers of evenly spaced pictures and of those with the least overlap on the sheet, and their
enlargement."""


@dataclass(frozen=True)
class Asked:
    """A picture, a phrase, and what the phrase names in it."""

    picture: Image.Image
    phrase: str
    truth: np.ndarray
    """Mask (H, W) of what the phrase names, all False if it names nothing."""
    objects: int
    """Number of objects in the picture."""


@dataclass(frozen=True)
class Row:
    """The results of one method."""

    overlaps: list[tuple[int, float]]
    """Number of objects in the picture and intersection over union, for each true phrase."""
    accepted: Share
    """Share of the true phrases that were found."""
    refused: Share
    """Share of the false phrases that were not found."""
    seconds: float
    """Seconds per picture."""


def main(arguments: Sequence[str]) -> None:
    """Find masks, compare them with the truth, and print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks masks", description=__doc__)
    parser.add_argument("--count", type=int, default=150, help="pictures (default 150)")
    parser.add_argument("--sheet", type=Path, help="write typical and worst masks as a picture")
    options = parser.parse_args(arguments)

    torch.set_num_threads(1)
    models = engine.load_models("demo", "cpu")
    asked = true_and_false(options.count)
    print("| pictures | one object | two objects | all | true found | false refused | seconds |")
    print("|---" * 7 + "|")
    print_row("drawn", measure(asked, models, "regions"))
    print_row("drawn, the paper's method", measure(asked, models, "paper"))
    painted = [rebuilt(each, models) for each in asked]
    row = measure(painted, models, "regions")
    print_row("through the VQGAN", row)
    if options.sheet:
        write_sheet(typical_and_worst(painted, row), models, options.sheet)


def true_and_false(count: int, seed: int = SEED) -> list[Asked]:
    """Return two phrases for each of `count` pictures: one names an object, the other nothing.

    A third of the pictures have two objects. Additional empty pictures have false phrases only.
    """
    random = Random(seed)
    drawn = sample_scenes(12 * count, torch.Generator().manual_seed(seed))
    first, second = drawn.present().unbind(1)
    asked = []
    for kind, number in (
        (first & ~second, count - count // 3),
        (first & second, count // 3),
        (~first, round(EMPTY_SHARE * count)),
    ):
        scenes = drawn[kind][:number]
        masks = (object_masks(scenes) > 0.5).numpy()
        for index, image in enumerate(render(scenes)):
            picture, things = to_picture(image), _things(scenes, index)
            if things:
                slot = random.randrange(len(things))
                phrase = _true_phrase(things, slot, random)
                asked.append(Asked(picture, phrase, masks[index, slot], len(things)))
            background = COLORS[int(scenes.background[index])]
            false = _false_phrase(things, background, random)
            asked.append(Asked(picture, false, np.zeros_like(masks[index, 0]), len(things)))
    return asked


def measure(asked: Sequence[Asked], models: Models, method: Method) -> Row:
    """Find a mask for each phrase; masks count even if their phrase was not found."""
    started = perf_counter()
    answers = [find_mask(each.picture, each.phrase, models, method) for each in asked]
    seconds = (perf_counter() - started) / len(asked)
    pairs = list(zip(asked, answers, strict=True))
    true = [(each, answer) for each, answer in pairs if each.truth.any()]
    false = [answer for each, answer in pairs if not each.truth.any()]
    return Row(
        [(each.objects, overlap(answer, each.truth)) for each, answer in true],
        Share(sum(answer.found for _, answer in true), len(true)),
        Share(sum(not answer.found for answer in false), len(false)),
        seconds,
    )


def mask_overlaps(count: int) -> list[float]:
    """Return the overlaps of masks with the truth for `count` drawn pictures."""
    torch.set_num_threads(1)
    row = measure(true_and_false(count), engine.load_models("demo", "cpu"), "regions")
    return [value for _, value in row.overlaps]


def overlap(answer: TextMask, truth: np.ndarray) -> float:
    """Return the intersection over union of a mask and the truth."""
    mask = np.asarray(answer.mask) > 127
    return float((mask & truth).sum() / (mask | truth).sum())


def rebuilt(asked: Asked, models: Models) -> Asked:
    """Return a copy with the picture encoded and decoded, so that it looks like a painted one."""
    generator = vqgan_of(models.generator)
    with torch.inference_mode():
        latents = generator.encode(to_tensor(asked.picture))
        image = generator.decode(quantize(latents, generator.codebook))
    return Asked(to_picture(image), asked.phrase, asked.truth, asked.objects)


def typical_and_worst(asked: Sequence[Asked], row: Row) -> list[Asked]:
    """Return some pictures with true phrases, then those whose masks match worst."""
    true = [each for each in asked if each.truth.any()]
    typical = true[:: max(1, len(true) // TYPICAL)][:TYPICAL]
    order = sorted(range(len(true)), key=lambda index: row.overlaps[index][1])
    return typical + [true[index] for index in order[:WORST]]


def print_row(name: str, row: Row) -> None:
    """Print one row of the Markdown table."""
    columns = [
        mean_and_interval([value for objects, value in row.overlaps if objects in counts])
        for counts in ((1,), (2,), (1, 2))
    ]
    rest = f"{row.accepted} | {row.refused} | {row.seconds:.2f}"
    print(f"| {name} | {' | '.join(columns)} | {rest} |", flush=True)


def write_sheet(asked: Sequence[Asked], models: Models, path: Path) -> None:
    """Write a sheet with each picture, its relevance, its mask as overlay, and the true one."""
    from engine.images.contact_sheet import contact_sheet

    cells, captions = [], []
    for each in asked:
        answer = find_mask(each.picture, each.phrase, models)
        truth = Image.fromarray(np.where(each.truth, 255, 0).astype(np.uint8))
        cells += [each.picture, answer.relevance, _laid_over(each.picture, answer.mask)]
        cells.append(_laid_over(each.picture, truth))
        score = f"{overlap(answer, each.truth):.2f}{'' if answer.found else ', not found'}"
        captions += [each.phrase, "relevance", score, "truth"]
    large = [enlarge(cell.convert("RGB"), FACTOR) for cell in cells]
    contact_sheet(large, columns=8, captions=captions).save(path)


def _laid_over(picture: Image.Image, mask: Image.Image) -> Image.Image:
    """Return the picture with everything outside the mask shaded gray."""
    shade = Image.blend(picture.convert("L").convert("RGB"), Image.new("RGB", picture.size), 0.6)
    return Image.composite(picture, shade, mask)


def _things(scenes: Scenes, index: int) -> list[tuple[str, str]]:
    """Return the color and shape of each object."""
    colors, shapes = scenes.color[index].tolist(), scenes.shape[index].tolist()
    return [(COLORS[c], SHAPES[s]) for c, s in zip(colors, shapes, strict=True) if s >= 0]


def _true_phrase(things: list[tuple[str, str]], slot: int, random: Random) -> str:
    """Draw a phrase that names one of the objects and not the other."""
    color, shape = things[slot]
    phrases = [f"the {color} {shape}", f"{color} {shape}", f"a {color} {shape}"]
    if [s for _, s in things].count(shape) == 1:
        phrases += [f"the {shape}", f"a {shape}"]
    return random.choice([*phrases, f"something {color}"])


def _false_phrase(things: list[tuple[str, str]], background: str, random: Random) -> str:
    """Draw a phrase that names nothing: another color, another shape, or both."""
    colors, shapes = [c for c, _ in things], [s for _, s in things]
    color = random.choice([c for c in COLORS if c not in (*colors, background)])
    shape = random.choice([s for s in SHAPES if s not in shapes])
    phrases = [f"the {color} {shape}", f"a {shape}", f"something {color}"]
    if things:
        phrases += [
            f"the {color} {random.choice(shapes)}",
            f"the {random.choice(colors)} {shape}",
        ]
    return random.choice(phrases)
