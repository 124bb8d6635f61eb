"""Measure if the demo pair paints what prompts ask for, with a judge that is not a neural network.

    python -m benchmarks quality [--count N] [--tries N] [--judged N]
                                 [--only painting|editing] [--sheets FOLDER] [--json FILE]

Each prompt is painted once, with default settings and held-out wordings. Controls show that the
judge accepts true pictures and nothing else. Beside it stand the cosines of the CLIP that guides
and of the CLIP that only judges; some prompts are painted again, and each of the two chooses the
best try.
"""

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter

import numpy as np
from PIL import Image

import engine
from benchmarks.lib.editing import editing_rows
from benchmarks.lib.held_out import Asked, held_out_prompts
from benchmarks.lib.judging import judging_table
from benchmarks.lib.painters import paint_all
from benchmarks.lib.statistics import Share, mean_and_interval
from benchmarks.masks import mask_overlaps
from engine.demo.judge import Judge, Match
from engine.demo.world import SHAPES

CONTROLS = 300
"""Number of pictures of each control."""
MASKS = 150
"""Number of pictures in which masks are found from text."""


def main(arguments: Sequence[str]) -> None:
    """Paint and judge pictures, and print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks quality", description=__doc__)
    parser.add_argument(
        "--count",
        type=int,
        default=120,
        help="prompts, and pictures of each kind of edit (default 120)",
    )
    parser.add_argument(
        "--tries",
        type=int,
        default=4,
        help="tries among which guide and judge choose (default 4)",
    )
    parser.add_argument(
        "--judged",
        type=int,
        help="prompts that have so many tries (default: as many as cost as much again)",
    )
    parser.add_argument("--preset", help="default: the one that suits the demo models")
    parser.add_argument("--only", choices=("painting", "editing"), help="default: both")
    parser.add_argument("--sheets", type=Path, help="a folder for contact sheets")
    parser.add_argument("--json", type=Path, help="write the counts as JSON")
    options = parser.parse_args(arguments)

    judge = Judge()
    started = perf_counter()
    rows: dict[str, Share] = {}
    lines: list[str] = []
    if options.only != "editing":
        asked = held_out_prompts(options.count)
        pictures = paint_held_out(asked, options)
        rows |= asked_rows(judge, pictures, asked) | control_rows(judge)
        lines += judging_table(
            asked,
            pictures,
            tries=max(1, options.tries),
            judged=options.judged,
            preset=options.preset,
        )
    if options.only != "painting":
        rows |= editing_rows(judge, options.count, options.sheets)
    print(f"painted in {perf_counter() - started:.0f} s\n")
    print_table(rows)
    if options.only != "painting":
        overlap = mean_and_interval(mask_overlaps(MASKS))
        print(f"| mask from text, mean overlap with the true one | {overlap} |")
    print("", *lines, sep="\n")
    if options.json:
        counts = {name: [share.hits, share.total] for name, share in rows.items()}
        options.json.write_text(json.dumps(counts, indent=1) + "\n")


def paint_held_out(asked: Sequence[Asked], options: argparse.Namespace) -> list[np.ndarray]:
    """Return pictures painted from a sentence each."""
    pictures = paint_all(
        [engine.make_recipe(a.prompt, seed=a.seed, preset=options.preset) for a in asked]
    )
    if options.sheets:
        options.sheets.mkdir(parents=True, exist_ok=True)
        captions = [a.prompt for a in asked[:40]]
        write_sheet(pictures[:40], captions, options.sheets / "held-out.png")
    return pictures


def asked_rows(
    judge: Judge, pictures: Sequence[np.ndarray], asked: Sequence[Asked]
) -> dict[str, Share]:
    """Return how often pictures show their own prompt, and how often another one."""
    own = matches_of(judge, pictures, asked)
    others = [*asked[1:], asked[0]]
    swapped = [
        match
        for match, mine, other in zip(
            matches_of(judge, pictures, others), asked, others, strict=True
        )
        if _wanted(mine) != _wanted(other)
    ]
    return {
        "object's color right": _share(own, lambda match: match.color),
        "background right": _share(own, lambda match: match.background),
        "shape right": _share(own, lambda match: match.shape),
        **shape_rows(own, asked),
        "one clean object and nothing else": _share(own, lambda match: match.clean),
        "all right": _share(own, lambda match: match.all_right),
        "the same pictures against other prompts, all right": _share(
            swapped, lambda match: match.all_right
        ),
    }


def shape_rows(matches: Sequence[Match], asked: Sequence[Asked]) -> dict[str, Share]:
    """Return how often each shape that was asked for is right."""
    rows: dict[str, Share] = {}
    for shape in SHAPES:
        own = [match for match, each in zip(matches, asked, strict=True) if each.shape == shape]
        rows[f"... of those with a {shape}"] = _share(own, lambda match: match.shape)
    return rows


def control_rows(judge: Judge) -> dict[str, Share]:
    """Return the judge's results for random latents, noise, true and reconstructed pictures."""
    import torch

    from engine.demo.world import COLORS, render, sample_scenes
    from engine.models.codebook import quantize, random_codes
    from engine.models.latent_generator import vqgan_of

    random = torch.Generator().manual_seed(1)
    generator = vqgan_of(engine.load_models("demo", "cpu").generator)
    scenes = sample_scenes(2 * CONTROLS, random)
    scenes = scenes[scenes.present()[:, 0] & ~scenes.present()[:, 1]][:CONTROLS]
    asked = [
        Asked("", COLORS[color], SHAPES[shape], COLORS[background], 0)
        for color, shape, background in zip(
            scenes.color[:, 0].tolist(),
            scenes.shape[:, 0].tolist(),
            scenes.background.tolist(),
            strict=True,
        )
    ]
    truth = render(scenes)
    with torch.inference_mode():
        rebuilt = generator.decode(quantize(generator.encode(truth), generator.codebook))
        side = truth.shape[-1] // generator.factor
        junk = generator.decode(random_codes((CONTROLS, side, side), generator.codebook, random))
    noise = torch.rand(truth.shape, generator=random)

    def all_right(images: torch.Tensor) -> Share:
        arrays = list(images.clamp(0, 1).permute(0, 2, 3, 1).numpy())
        return _share(matches_of(judge, arrays, asked), lambda match: match.all_right)

    return {
        "random latents, all right": all_right(junk),
        "noise, all right": all_right(noise),
        "true pictures, all right": all_right(truth),
        "true pictures through encode and decode, all right": all_right(rebuilt),
    }


def print_table(rows: dict[str, Share]) -> None:
    """Print a Markdown row per figure: share, counts, 95 % interval."""
    print("| | share (count, 95 % interval) |\n|---|---|")
    for name, share in rows.items():
        print(f"| {name} | {share} |")


def write_sheet(pictures: Sequence[np.ndarray], captions: Sequence[str], path: Path) -> None:
    """Write a sheet of the pictures at 128 pixels, eight in a row, with captions."""
    from engine.images.contact_sheet import contact_sheet

    small = [Image.fromarray(p).resize((128, 128), Image.Resampling.LANCZOS) for p in pictures]
    contact_sheet(small, columns=8, captions=captions).save(path)


def matches_of(judge: Judge, pictures: Sequence[np.ndarray], asked: Sequence[Asked]) -> list[Match]:
    """Return how each picture matches its prompt."""
    return [
        judge.verdict(picture).matches(*_wanted(a))
        for picture, a in zip(pictures, asked, strict=True)
    ]


def _wanted(asked: Asked) -> tuple[str, str, str]:
    return asked.color, asked.shape, asked.background


def _share(matches: Sequence[Match], right: Callable[[Match], bool]) -> Share:
    return Share(sum(map(right, matches)), len(matches))
