"""Measure if the scene pair paints what sentences ask for, with a judge without a neural network.

    python -m benchmarks scene-quality [--count N] [--edits N] [--masks N] [--sheet FILE]
                                       [--json FILE]

Each sentence is painted once, with default settings, in held-out wordings. Edits start from drawn
pictures, and masks come from words.
"""

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter

import numpy as np
from PIL import Image

import engine
from benchmarks.lib.held_out_scenes import AskedScene, held_out_scenes
from benchmarks.lib.painters import paint_all
from benchmarks.lib.scene_editing import mask_rows, replacement_rows, sky_rows
from benchmarks.lib.statistics import Share, mean_and_interval
from engine.demo.scenes.judge import Judge, Match
from engine.demo.scenes.table import KINDS, MEDIA_NAMES

MODELS = "scenes"
ON_SHEET = 60
"""Number of pictures on the sheet."""


def main(arguments: Sequence[str]) -> None:
    """Paint and judge pictures, and print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks scene-quality", description=__doc__)
    parser.add_argument("--count", type=int, default=60, help="sentences of each group")
    parser.add_argument("--edits", type=int, default=30, help="pictures of each kind of edit")
    parser.add_argument("--masks", type=int, default=80, help="masks from words, not painted")
    parser.add_argument("--sheet", type=Path, help="a sheet of the first sentences of all groups")
    parser.add_argument("--json", type=Path, help="write the counts as JSON")
    options = parser.parse_args(arguments)

    judge, started = Judge(), perf_counter()
    seen, unseen = (held_out_scenes(group, options.count) for group in ("seen", "unseen"))
    media = held_out_scenes("medium", options.count)
    painted = {
        "seen": _painted([each.prompt for each in seen], seen),
        "unseen": _painted([each.prompt for each in unseen], unseen),
        "media": _painted([each.prompt for each in media], media),
        "parts": _painted([f"{each.content} | {each.style}" for each in media], media),
    }
    flat = [*_matches(judge, painted["seen"], seen), *_matches(judge, painted["unseen"], unseen)]
    rows = scene_rows(flat, [*seen, *unseen])
    rows["all right, seen combinations"] = _share(flat[: len(seen)], lambda match: match.all_right)
    rows["all right, unseen ones"] = _share(flat[len(seen) :], lambda match: match.all_right)
    for name, key in (("one sentence", "media"), ("two prompts", "parts")):
        matches = _matches(judge, painted[key], media)
        rows |= medium_rows(name, matches, media)
    others = [*seen[1:], seen[0]]
    rows["pictures against another sentence, all right"] = _share(
        _matches(judge, painted["seen"], others), lambda match: match.all_right
    )
    if options.edits:
        rows |= sky_rows(judge, MODELS, options.edits)
        rows |= replacement_rows(judge, MODELS, options.edits)
    found, overlaps = mask_rows(MODELS, options.masks)
    rows |= found
    print(f"painted in {perf_counter() - started:.0f} s\n")
    print("| | share (count, 95 % interval) |\n|---|---|")
    for name, share in rows.items():
        print(f"| {name} | {share} |")
    print(f"| mask from words, mean overlap with the true one | {mean_and_interval(overlaps)} |")
    if options.sheet:
        third = ON_SHEET // 3
        shown = [
            (p, a.prompt)
            for key, group in (("seen", seen), ("unseen", unseen), ("media", media))
            for p, a in list(zip(painted[key], group, strict=True))[:third]
        ]
        write_sheet(shown, options.sheet)
    if options.json:
        counts = {name: [share.hits, share.total] for name, share in rows.items()}
        options.json.write_text(json.dumps(counts, indent=1) + "\n")


def scene_rows(matches: Sequence[Match], asked: Sequence[AskedScene]) -> dict[str, Share]:
    """Return how often the parts of flat scenes are right."""
    rows = {
        "sky right": _share(matches, lambda match: match.sky),
        "ground right": _share(matches, lambda match: match.ground),
        "sky and ground right": _share(matches, lambda match: match.sky and match.ground),
        "the thing is there": _share(matches, lambda match: match.present),
        "... in its color": _share(matches, lambda match: match.present and match.color),
        "all right": _share(matches, lambda match: match.all_right),
    }
    for kind in KINDS:
        own = [m for m, a in zip(matches, asked, strict=True) if a.claim.things[0].kind == kind]
        if own:
            rows[f"... {kind}, there"] = _share(own, lambda match: match.present)
    return rows


def medium_rows(
    name: str, matches: Sequence[Match], asked: Sequence[AskedScene]
) -> dict[str, Share]:
    """Return how often the medium is right, and the content with it."""
    rows = {
        f"medium right, {name}": _share(matches, lambda match: match.medium),
        f"... and sky, ground and thing, {name}": _share(matches, lambda match: match.all_right),
    }
    for medium in MEDIA_NAMES:
        own = [m for m, a in zip(matches, asked, strict=True) if a.claim.medium == medium]
        if own:
            rows[f"... {medium}, {name}"] = _share(own, lambda match: match.medium)
    return rows


def write_sheet(shown: Sequence[tuple[np.ndarray, str]], path: Path) -> None:
    """Write a sheet of pictures at 192 pixels, six in a row, with their sentences."""
    from engine.images.contact_sheet import contact_sheet

    pictures = [Image.fromarray(p).resize((192, 192), Image.Resampling.LANCZOS) for p, _ in shown]
    contact_sheet(pictures, columns=6, captions=[text for _, text in shown]).save(path)


def _painted(prompts: Sequence[str], asked: Sequence[AskedScene]) -> list[np.ndarray]:
    return paint_all(
        [
            engine.make_recipe(prompt, seed=each.seed, models=MODELS, enlarge=1)
            for prompt, each in zip(prompts, asked, strict=True)
        ]
    )


def _matches(
    judge: Judge, pictures: Sequence[np.ndarray], asked: Sequence[AskedScene]
) -> list[Match]:
    return [
        judge.look(picture).matches(each.claim)
        for picture, each in zip(pictures, asked, strict=True)
    ]


def _share(matches: Sequence[Match], right: Callable[[Match], bool]) -> Share:
    return Share(sum(map(right, matches)), len(matches))
