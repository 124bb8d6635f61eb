"""The paper's ablations on the demo pair: Figure 8 (latents) and Figure 9 (augmentations).

    python -m benchmarks ablations [--count N] [--sheets FOLDER]

All rows paint the same held-out prompts with the same seeds. Each differs from the default preset
only in what its name says.
"""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import engine
from benchmarks.lib.held_out import held_out_prompts
from benchmarks.lib.painters import paint_all
from benchmarks.quality import asked_rows, write_sheet
from engine.demo.judge import Judge
from engine.models.catalogue import find_models
from engine.presets import find_preset
from engine.recipes.augmentations import PAPER

COLUMNS = {
    "object's color right": "color",
    "background right": "background",
    "shape right": "shape",
    "one clean object and nothing else": "one clean object",
    "all right": "all",
}


SHEET_COLUMNS = 8
"""Number of pictures of each row on a figure's contact sheet."""


def figures() -> Mapping[str, Mapping[str, Mapping[str, Any]]]:
    """Return each figure's rows with their changes to the default preset of the demo models."""
    preset = find_preset(find_models("demo").preset)
    augmentations = preset["augmentations"]
    # An augmentation that the preset does not use is shown alone with the paper's strength.
    full = {
        name: augmentations if getattr(augmentations, name) else PAPER
        for name in ("flip", "affine", "perspective", "jitter", "noise")
    }
    return {
        "figure-8": {
            "regularized z-quantize": {},
            "unregularized z-quantize": {"regularizer": 0.0},
            "codebook sampling": {"quantization": "codebook-sampling"},
            "no quantization": {"quantization": "none"},
        },
        "figure-9": {
            "all augmentations": {},
            "no augmentation": {"augmentations": augmentations.only("none")},
            "crops alone": {"augmentations": augmentations.only("crop")},
            "flip alone": {"augmentations": full["flip"].only("flip")},
            "affine alone": {"augmentations": full["affine"].only("affine")},
            "perspective alone": {"augmentations": full["perspective"].only("perspective")},
            "color jitter alone": {"augmentations": full["jitter"].only("jitter")},
            "noise alone": {"augmentations": full["noise"].only("noise")},
        },
    }


def main(arguments: Sequence[str]) -> None:
    """Paint and judge all rows, and print a table for each figure."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks ablations", description=__doc__)
    parser.add_argument("--count", type=int, default=48, help="prompts per row (default 48)")
    parser.add_argument("--sheets", type=Path, help="folder for a contact sheet of each figure")
    options = parser.parse_args(arguments)

    asked = held_out_prompts(options.count)
    judge = Judge()
    painted: dict[str, Sequence[np.ndarray]] = {}
    for figure, rows in figures().items():
        print(f"| {figure}, n = {len(asked)} | {' | '.join(COLUMNS.values())} |")
        print("|---" * (len(COLUMNS) + 1) + "|")
        for name, settings in rows.items():
            same = repr(settings)  # the default is a row of both figures
            if same not in painted:
                recipes = [engine.make_recipe(a.prompt, seed=a.seed, **settings) for a in asked]
                painted[same] = paint_all(recipes)
            shares = asked_rows(judge, painted[same], asked)
            print(
                f"| {name} | {' | '.join(str(shares[column]) for column in COLUMNS)} |", flush=True
            )
        print()
        if options.sheets:
            shown = {name: painted[repr(settings)] for name, settings in rows.items()}
            _write_sheet(shown, options.sheets / f"{figure}.webp")


def _write_sheet(rows: Mapping[str, Sequence[np.ndarray]], path: Path) -> None:
    """Write the first pictures of each row side by side, with the row's name as caption."""
    pictures = [picture for row in rows.values() for picture in row[:SHEET_COLUMNS]]
    names = [name for name, row in rows.items() for _ in row[:SHEET_COLUMNS]]
    write_sheet(pictures, names, path)
