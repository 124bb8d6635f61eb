"""The paper's ablations on the demo pair: Figure 8 (latents) and Figure 9 (augmentations).

    python -m benchmarks ablations [--count N] [--sheets FOLDER] [--only NAME ...]

All rows paint the same held-out prompts with the same seeds and differ from the default preset
in what their name says, nothing else.
"""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import engine
from benchmarks.held_out import held_out_prompts
from benchmarks.painters import paint_all
from benchmarks.quality import asked_rows, write_sheet
from engine.augmentations import PAPER
from engine.catalogue import find_models
from engine.demo.judge import Judge
from engine.presets import find_preset

COLUMNS = {
    "object's colour right": "colour",
    "background right": "background",
    "shape right": "shape",
    "one clean object and nothing else": "one clean object",
    "all right": "all",
}


def conditions() -> Mapping[str, Mapping[str, Any]]:
    """What each row changes in the default preset of the demo models."""
    preset = find_preset(find_models("demo").preset)
    augmentations = preset["augmentations"]
    # The preset may leave an augmentation out; alone, it is taken at the paper's strength.
    full = {
        name: augmentations if getattr(augmentations, name) else PAPER
        for name in ("flip", "affine", "perspective", "jitter", "noise")
    }
    return {
        "regularised z-quantize": {},
        "unregularised z-quantize": {"regularizer": 0.0},
        "codebook sampling": {"quantization": "codebook-sampling"},
        "no quantisation": {"quantization": "none"},
        "all augmentations": {},
        "no augmentation": {"augmentations": augmentations.only("none")},
        "crops alone": {"augmentations": augmentations.only("crop")},
        "flip alone": {"augmentations": full["flip"].only("flip")},
        "affine alone": {"augmentations": full["affine"].only("affine")},
        "perspective alone": {"augmentations": full["perspective"].only("perspective")},
        "colour jitter alone": {"augmentations": full["jitter"].only("jitter")},
        "noise alone": {"augmentations": full["noise"].only("noise")},
    }


def main(arguments: Sequence[str]) -> None:
    """Paint every condition, judge it, print one table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks ablations", description=__doc__)
    parser.add_argument("--count", type=int, default=48, help="prompts a row (default 48)")
    parser.add_argument("--sheets", type=Path, help="folder for a contact sheet of each row")
    parser.add_argument("--only", nargs="*", metavar="NAME", help="paint these rows only")
    options = parser.parse_args(arguments)

    asked = held_out_prompts(options.count)
    judge = Judge()
    print(f"| n = {len(asked)} | {' | '.join(COLUMNS.values())} |")
    print("|---" * (len(COLUMNS) + 1) + "|")
    painted: dict[str, Sequence[np.ndarray]] = {}
    for name, settings in conditions().items():
        if options.only and name not in options.only:
            continue
        same = repr(settings)  # the default is a row of both figures
        if same not in painted:
            recipes = [engine.make_recipe(a.prompt, seed=a.seed, **settings) for a in asked]
            painted[same] = paint_all(recipes)
        pictures = painted[same]
        rows = asked_rows(judge, pictures, asked)
        print(f"| {name} | {' | '.join(str(rows[column]) for column in COLUMNS)} |", flush=True)
        if options.sheets:
            path = options.sheets / f"{name.replace(' ', '-')}.webp"
            write_sheet(pictures[:24], asked[:24], path)
