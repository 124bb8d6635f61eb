"""The paper's figures on the drawn world, each as a sheet, with counts where a judge can count.

    python -m benchmarks scene-figures FOLDER [--figure NAME ...] [--count N]

Every picture is painted once, with default settings, and none is left out.
"""

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from PIL import Image

import engine
from benchmarks.lib.held_out_scenes import held_out_scenes
from benchmarks.lib.painters import paint_all
from benchmarks.lib.scene_editing import replacements, said, single_scene
from benchmarks.lib.statistics import Share
from engine.demo.scenes.drawing import draw
from engine.demo.scenes.judge import Judge
from engine.editing.edit_recipe import edit_recipe
from engine.images.contact_sheet import contact_sheet
from engine.models.catalogue import CATALOGUE
from engine.presets import find_preset
from engine.recipes.augmentations import PAPER

MODELS, SEED = "scenes", 20_261_205
SHOWN = 192
"""Side in pixels of a picture on a sheet."""
CONTENTS = ("a castle in the hills", "a red boat in the sea", "a windmill in a meadow")
STYLES = ("flat picture", *CATALOGUE[MODELS].styles)
SKIES = ("storm", "snow", "rainbow", "sunset", "night")
COLORS = ("red", "blue", "yellow", "purple", "white")

Cell = tuple[Image.Image | np.ndarray, str]
"""A picture and its caption."""


def main(arguments: Sequence[str]) -> None:
    """Paint the figures, write their sheets and print the counts."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks scene-figures", description=__doc__)
    parser.add_argument("folder", type=Path, help="where the sheets are written")
    parser.add_argument("--figure", choices=FIGURES, action="append", help="only these")
    parser.add_argument(
        "--count", type=int, default=24, help="pictures of each row of Figures 8, 9"
    )
    options = parser.parse_args(arguments)
    options.folder.mkdir(parents=True, exist_ok=True)
    for name in options.figure or FIGURES:
        cells, columns = FIGURES[name](options.count)
        pictures = [_shown(picture) for picture, _ in cells]
        captions = [caption for _, caption in cells]
        sheet = contact_sheet(pictures, columns=columns, captions=captions)
        sheet.save(options.folder / f"scenes-{name}.webp", quality=85)


def _styles(_: int) -> tuple[list[Cell], int]:
    """Figures 2 and 3: each content in each style."""
    prompts = [f"{content}, {style}" for content in CONTENTS for style in STYLES]
    return _painted(prompts), len(STYLES)


def _addition(_: int) -> tuple[list[Cell], int]:
    """Figure 17: content and style as two prompts of equal weight."""
    prompts = [f"{content} | {style}" for content in CONTENTS for style in STYLES[1:]]
    return _painted(prompts), len(STYLES) - 1


def _color(_: int) -> tuple[list[Cell], int]:
    """Figure 5: one object in several colors, by edits of one picture."""
    return _edits(
        ("house", "flower"),
        lambda scene: [
            replace(scene, things=(replace(scene.things[0], color=color),))
            for color in COLORS
            if color != scene.things[0].color
        ][:4],
    ), 5


def _weather(_: int) -> tuple[list[Cell], int]:
    """Figure 6: weather and light, by edits of one picture."""
    return _edits(
        ("windmill", "castle"), lambda scene: [replace(scene, sky=sky) for sky in SKIES], SKIES
    ), 1 + len(SKIES)


def _ground(_: int) -> tuple[list[Cell], int]:
    """Figure 7: other edits, here of the ground."""
    return _edits(
        ("tree", "house"),
        lambda scene: [replace(scene, ground=ground) for ground in ("meadow", "snow", "mountains")],
    ), 4


def _masks(_: int) -> tuple[list[Cell], int]:
    """Figure 18: things replaced inside masks that were found by words."""
    models = engine.load_models(MODELS, "cpu")
    changes = replacements(Random(f"{SEED} masks"), 6)
    recipes = [change.recipe(change.found(models), MODELS) for change in changes]
    cells: list[Cell] = []
    for change, painted in zip(changes, paint_all(recipes), strict=True):
        cells += [(change.source, f"mask: {change.phrase}"), (painted, change.prompt)]
    return cells, 6


def _latents(count: int) -> tuple[list[Cell], int]:
    """Figure 8: what becomes of the latent."""
    return _ablation(
        {
            "unregularized z-quantize": {},
            "regularized z-quantize": {"regularizer": 0.1, "regularizer_decay": 0.01},
            "codebook sampling": {"quantization": "codebook-sampling"},
            "no quantization": {"quantization": "none"},
        },
        count,
    )


def _augmentations(count: int) -> tuple[list[Cell], int]:
    """Figure 9: augmentations, alone and together."""
    own = find_preset(MODELS)["augmentations"]
    parts = ("flip", "affine", "perspective", "jitter", "noise")
    full = {name: own if getattr(own, name) else PAPER for name in parts}
    rows: dict[str, Mapping[str, Any]] = {
        "all augmentations": {},
        "no augmentation": {"augmentations": own.only("none")},
        "crops alone": {"augmentations": own.only("crop")},
    }
    rows |= {f"{name} alone": {"augmentations": full[name].only(name)} for name in parts}
    return _ablation(rows, count)


FIGURES: Mapping[str, Callable[[int], tuple[list[Cell], int]]] = {
    "styles": _styles,
    "color": _color,
    "weather": _weather,
    "ground": _ground,
    "latents": _latents,
    "augmentations": _augmentations,
    "addition": _addition,
    "masks": _masks,
}


def _painted(prompts: Sequence[str]) -> list[Cell]:
    recipes = [
        engine.make_recipe(prompt, seed=SEED, models=MODELS, enlarge=1) for prompt in prompts
    ]
    return list(zip(paint_all(recipes), prompts, strict=True))


def _edits(
    kinds: Sequence[str], changed: Callable[[Any], list[Any]], skies: Sequence[str] = ()
) -> list[Cell]:
    """Draw a scene with each kind of thing, and edit it into each changed one."""
    cells: list[Cell] = []
    for kind in kinds:
        random = Random(f"{SEED} {kind}")
        scene = single_scene(random, "day", *skies, kind=kind)
        source = Image.fromarray(draw(scene, random.getrandbits(32)).picture)
        prompts = [said(each, random) for each in changed(scene)]
        recipes = [
            edit_recipe(each, source, seed=SEED, models=MODELS, enlarge=1) for each in prompts
        ]
        cells += [(source, "drawn"), *zip(paint_all(recipes), prompts, strict=True)]
    return cells


def _ablation(rows: Mapping[str, Mapping[str, Any]], count: int) -> tuple[list[Cell], int]:
    """Paint the same sentences in each row, print a table, and return the first of each."""
    asked, judge = held_out_scenes("seen", count), Judge()
    cells: list[Cell] = []
    print("| | sky and ground | thing in its color | all right |\n|---|---|---|---|")
    for name, settings in rows.items():
        recipes = [
            engine.make_recipe(each.prompt, seed=each.seed, models=MODELS, enlarge=1, **settings)
            for each in asked
        ]
        painted = paint_all(recipes)
        matches = [
            judge.look(picture).matches(each.claim)
            for picture, each in zip(painted, asked, strict=True)
        ]
        land, thing, right = (
            Share(sum(hits), count)
            for hits in (
                [match.sky and match.ground for match in matches],
                [match.present and match.color for match in matches],
                [match.all_right for match in matches],
            )
        )
        print(f"| {name} | {land} | {thing} | {right} |", flush=True)
        cells += [(picture, name) for picture in painted[:6]]
    return cells, 6


def _shown(picture: Image.Image | np.ndarray) -> Image.Image:
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    return image.resize((SHOWN, SHOWN), Image.Resampling.LANCZOS)
