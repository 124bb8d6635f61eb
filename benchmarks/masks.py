"""How well a mask fits what a phrase names, in pictures of known content.

    python -m benchmarks masks [--count N] [--sheet FILE]

A third of the pictures holds two objects. Half of the phrases for "found" name what is not there.
Tuning has used other seeds.
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
from engine.demo.world import COLOURS, SHAPES, Scenes, object_masks, render, sample_scenes
from engine.editing.text_masks import Method, TextMask, find_mask
from engine.images.image_io import enlarge
from engine.models.loading import Models
from engine.models.tensors import to_picture, to_tensor
from engine.vqgan_clip.latents import quantize

SEED = 20_230_117
"""Of the pictures and phrases; tuning used small numbers."""
EMPTY_SHARE = 0.1
"""Pictures without an object beside those with, for phrases that name nothing."""
TYPICAL, WORST, FACTOR = 7, 3, 2
"""Pictures on the sheet: so many at even distances, so many with the least overlap; their scale."""


@dataclass(frozen=True)
class Asked:
    """A picture, a phrase, and what the phrase names in it."""

    picture: Image.Image
    phrase: str
    truth: np.ndarray
    """(H, W) bool, nowhere true where the phrase names nothing."""
    objects: int


@dataclass(frozen=True)
class Row:
    """What one method made of all that was asked."""

    overlaps: list[tuple[int, float]]
    """Objects in the picture and intersection over union, of each true phrase."""
    accepted: Share
    """Of the true phrases, how many were found."""
    refused: Share
    """Of the false phrases, how many were not."""
    seconds: float
    """For one picture."""


def main(arguments: Sequence[str]) -> None:
    """Ask, compare, print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks masks", description=__doc__)
    parser.add_argument("--count", type=int, default=150, help="pictures (default 150)")
    parser.add_argument("--sheet", type=Path, help="write typical and worst masks as a picture")
    options = parser.parse_args(arguments)

    torch.set_num_threads(1)
    models = engine.load_models("demo", "cpu")
    asked = true_and_false(options.count)
    print("| | one object | two objects | all | true found | false refused | seconds |")
    print("|---" * 7 + "|")
    print_row("drawn", measure(asked, models, "regions"))
    print_row("drawn, the paper's way", measure(asked, models, "paper"))
    painted = [rebuilt(each, models) for each in asked]
    row = measure(painted, models, "regions")
    print_row("through the VQGAN", row)
    if options.sheet:
        write_sheet(typical_and_worst(painted, row), models, options.sheet)


def true_and_false(count: int, seed: int = SEED) -> list[Asked]:
    """For each of `count` pictures a phrase that names an object of it and one that names nothing.

    A third has two objects; beside these there are empty pictures, with false phrases only.
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
            background = COLOURS[int(scenes.background[index])]
            false = _false_phrase(things, background, random)
            asked.append(Asked(picture, false, np.zeros_like(masks[index, 0]), len(things)))
    return asked


def measure(asked: Sequence[Asked], models: Models, method: Method) -> Row:
    """Find a mask for every phrase; a mask of what was not found counts all the same."""
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
    """Overlaps of masks with the truth, for `count` pictures as drawn, a third with two objects."""
    torch.set_num_threads(1)
    row = measure(true_and_false(count), engine.load_models("demo", "cpu"), "regions")
    return [value for _, value in row.overlaps]


def overlap(answer: TextMask, truth: np.ndarray) -> float:
    """Intersection over union of a mask and the truth."""
    mask = np.asarray(answer.mask) > 127
    return float((mask & truth).sum() / (mask | truth).sum())


def rebuilt(asked: Asked, models: Models) -> Asked:
    """The same with the picture encoded and decoded, as the pictures that are painted look."""
    generator = models.generator
    with torch.inference_mode():
        latents = generator.encode(to_tensor(asked.picture))
        image = generator.decode(quantize(latents, generator.codebook))
    return Asked(to_picture(image), asked.phrase, asked.truth, asked.objects)


def typical_and_worst(asked: Sequence[Asked], row: Row) -> list[Asked]:
    """Some pictures with true phrases as they come, then those whose masks fit least."""
    true = [each for each in asked if each.truth.any()]
    typical = true[:: max(1, len(true) // TYPICAL)][:TYPICAL]
    order = sorted(range(len(true)), key=lambda index: row.overlaps[index][1])
    return typical + [true[index] for index in order[:WORST]]


def print_row(name: str, row: Row) -> None:
    """One row of the Markdown table."""
    columns = [
        mean_and_interval([value for objects, value in row.overlaps if objects in counts])
        for counts in ((1,), (2,), (1, 2))
    ]
    rest = f"{row.accepted} | {row.refused} | {row.seconds:.2f}"
    print(f"| {name} | {' | '.join(columns)} | {rest} |", flush=True)


def write_sheet(asked: Sequence[Asked], models: Models, path: Path) -> None:
    """Of each: the picture, the relevance, the mask laid over it, and the true one."""
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
    """The picture where the mask is, and a grey shade of it elsewhere."""
    shade = Image.blend(picture.convert("L").convert("RGB"), Image.new("RGB", picture.size), 0.6)
    return Image.composite(picture, shade, mask)


def _things(scenes: Scenes, index: int) -> list[tuple[str, str]]:
    """Colour and shape of each object."""
    colours, shapes = scenes.colour[index].tolist(), scenes.shape[index].tolist()
    return [(COLOURS[c], SHAPES[s]) for c, s in zip(colours, shapes, strict=True) if s >= 0]


def _true_phrase(things: list[tuple[str, str]], slot: int, random: Random) -> str:
    """Words that name one of the objects and not the other."""
    colour, shape = things[slot]
    phrases = [f"the {colour} {shape}", f"{colour} {shape}", f"a {colour} {shape}"]
    if [s for _, s in things].count(shape) == 1:
        phrases += [f"the {shape}", f"a {shape}"]
    return random.choice([*phrases, f"something {colour}"])


def _false_phrase(things: list[tuple[str, str]], background: str, random: Random) -> str:
    """Words that name nothing: another colour, another shape, or both."""
    colours, shapes = [c for c, _ in things], [s for _, s in things]
    colour = random.choice([c for c in COLOURS if c not in (*colours, background)])
    shape = random.choice([s for s in SHAPES if s not in shapes])
    phrases = [f"the {colour} {shape}", f"a {shape}", f"something {colour}"]
    if things:
        phrases += [
            f"the {colour} {random.choice(shapes)}",
            f"the {random.choice(colours)} {shape}",
        ]
    return random.choice(phrases)
