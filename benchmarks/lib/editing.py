"""Measure if edits change what prompts ask for and keep the rest, in pictures of known content.

`python -m benchmarks quality` prints the results. Seeds, and the wordings of whole sentences, were
not used in tuning. Masks come from text, as users make them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Literal

import numpy as np
import torch
from PIL import Image

import engine
from benchmarks.lib.held_out import held_out_prompts, held_out_wording
from benchmarks.lib.painters import paint_all
from benchmarks.lib.statistics import Share
from engine.demo.judge import Judge
from engine.demo.world import COLORS, SHAPES, object_masks, render, sample_single_scenes
from engine.editing.edit_recipe import dilate, edit_recipe, feather
from engine.editing.text_masks import find_mask
from engine.models.tensors import to_picture
from engine.recipes.recipe import Recipe

SEED = 20_241_122
"""Seed of pictures, prompts and painting; tuning used others."""
SAME_PLACE = 0.7
"""Minimum overlap with the object's original place for the place to count as kept."""
ROOM = 0.11
"""Margin of a mask from text as a share of the picture: that of `/mask` after two presses on
*Wider*."""

Kind = Literal["color", "background", "shape"]


@dataclass(frozen=True)
class Change:
    """A picture, a change to it, and what the result must show."""

    source: Image.Image
    truth: np.ndarray
    """Mask (H, W) of the object."""
    phrase: str
    """Phrase that names the object before the change."""
    color: str
    shape: str
    background: str
    seed: int
    prompt: str
    """Sentence about the whole picture after the change."""

    @property
    def target(self) -> str:
        """Phrase that names the object after the change."""
        return f"{_article(self.color)} {self.color} {self.shape}"


def draw_changes(kind: Kind, count: int, draw: int) -> list[Change]:
    """Draw `count` pictures with one object, with a change of one attribute for each."""
    random = Random(SEED + draw)
    scenes = sample_single_scenes(count, torch.Generator().manual_seed(SEED + draw))
    pictures, masks = render(scenes), object_masks(scenes)[:, 0]
    changes = []
    for index in range(count):
        color, shape = COLORS[scenes.color[index, 0]], SHAPES[scenes.shape[index, 0]]
        background = COLORS[scenes.background[index]]
        phrase = f"the {color} {shape}"
        unused = [name for name in COLORS if name not in (color, background)]
        match kind:
            case "color":
                color = random.choice(unused)
            case "background":
                background = random.choice(unused)
            case "shape":
                shape = random.choice([name for name in SHAPES if name != shape])
        changes.append(
            Change(
                source=to_picture(pictures[index]),
                truth=masks[index].numpy() > 0.5,
                phrase=phrase,
                color=color,
                shape=shape,
                background=background,
                seed=random.randrange(2**31),
                prompt=held_out_wording(shape, color, background, index),
            )
        )
    return changes


def editing_rows(judge: Judge, count: int, sheets: Path | None = None) -> dict[str, Share]:
    """Compute all figures from `count` pictures each, and write contact sheets into `sheets`."""
    recolored = _whole(judge, draw_changes("color", count, 1), sheets, "edits-color")
    backgrounds = _whole(judge, draw_changes("background", count, 2), sheets, "edits-background")
    replaced, exact = _replaced(judge, count, sheets)
    return {
        "edit of the object's color: new color right": _share(e.color for e in recolored),
        "... background kept, object in its place": _share(
            e.background and e.in_place for e in recolored
        ),
        "edit of the background: new background right": _share(e.background for e in backgrounds),
        "... object's color kept, in its place": _share(
            e.color and e.in_place for e in backgrounds
        ),
        "... both": _share(e.background and e.color and e.in_place for e in backgrounds),
        **replaced,
        "pixels outside the mask identical to the source": exact,
        **_added(judge, count),
    }


@dataclass(frozen=True)
class _Seen:
    """The judge's result for an edited picture."""

    color: bool
    shape: bool
    background: bool
    in_place: bool


def _whole(judge: Judge, changes: Sequence[Change], sheets: Path | None, name: str) -> list[_Seen]:
    """Edit whole pictures with the default settings, and judge them."""
    recipes = [edit_recipe(c.prompt, c.source, seed=c.seed) for c in changes]
    painted = paint_all(recipes)
    _write_sheet(sheets, name, changes, painted, [c.prompt for c in changes])
    return _seen(judge, changes, painted)


def _replaced(judge: Judge, count: int, sheets: Path | None) -> tuple[dict[str, Share], Share]:
    """Replace objects inside masks, half by color and half by shape, and compare the outside."""
    models = engine.load_models("demo", "cpu")
    colors = draw_changes("color", count // 2, 3)
    changes = [*colors, *draw_changes("shape", count - len(colors), 4)]
    recipes: list[Recipe] = []
    masks: list[np.ndarray] = []
    for change in changes:
        found = find_mask(change.source, change.phrase, models).mask
        mask = feather(dilate(found, ROOM))
        masks.append(np.asarray(mask))
        recipes.append(edit_recipe(change.target, change.source, mask=mask, seed=change.seed))
    painted = paint_all(recipes)
    shown = [*range(len(changes))[:5], *range(len(changes))[len(colors) :][:5]]
    _write_sheet(
        sheets,
        "replacements",
        [changes[k] for k in shown],
        [painted[k] for k in shown],
        [changes[k].target for k in shown],
    )
    seen = _seen(judge, changes, painted)
    right = [e.color if k < len(colors) else e.shape for k, e in enumerate(seen)]
    outside = [
        bool((picture == np.asarray(change.source))[mask == 0].all())
        for picture, change, mask in zip(painted, changes, masks, strict=True)
    ]
    rows = {
        "masked replacement: target right": _share(right),
        "... colors": _share(right[: len(colors)]),
        "... shapes": _share(right[len(colors) :]),
    }
    return rows, _share(outside)


def _added(judge: Judge, count: int) -> dict[str, Share]:
    """Compare prompt addition (Figure 17) of object and background with one sentence."""
    asked = held_out_prompts(count, draw=SEED)
    objects = [f"{_article(a.color)} {a.color} {a.shape}" for a in asked]
    backgrounds = [f"{_article(a.background)} {a.background} background" for a in asked]
    pairs = list(zip(objects, backgrounds, strict=True))
    rows = {}
    for name, prompts in (
        ("object | background: both colors right", [f"{o} | {b}" for o, b in pairs]),
        ("... object:2 | background", [f"{o}:2 | {b}" for o, b in pairs]),
        ("... one sentence instead", [a.prompt for a in asked]),
    ):
        recipes = [engine.make_recipe(p, seed=a.seed) for p, a in zip(prompts, asked, strict=True)]
        painted = paint_all(recipes)
        matches = [
            judge.verdict(picture).matches(a.color, a.shape, a.background)
            for picture, a in zip(painted, asked, strict=True)
        ]
        rows[name] = _share(m.color and m.background for m in matches)
    return rows


def _seen(judge: Judge, changes: Sequence[Change], painted: Sequence[np.ndarray]) -> list[_Seen]:
    seen = []
    for change, picture in zip(changes, painted, strict=True):
        match = judge.verdict(picture).matches(change.color, change.shape, change.background)
        found = judge.object_mask(picture)
        overlap = (found & change.truth).sum() / (found | change.truth).sum()
        seen.append(_Seen(match.color, match.shape, match.background, overlap >= SAME_PLACE))
    return seen


def _article(word: str) -> str:
    return "an" if word[0] in "aeiou" else "a"


def _share(hits) -> Share:
    hits = list(hits)
    return Share(sum(hits), len(hits))


def _write_sheet(
    sheets: Path | None,
    name: str,
    changes: Sequence[Change],
    painted: Sequence[np.ndarray],
    captions: Sequence[str],
) -> None:
    """Write the first ten pictures before and after the edit, five pairs in a row."""
    from engine.images.contact_sheet import contact_sheet

    if sheets is None:
        return
    sheets.mkdir(parents=True, exist_ok=True)
    cells, texts = [], []
    for change, picture, caption in list(zip(changes, painted, captions, strict=True))[:10]:
        for each in (change.source, Image.fromarray(picture)):
            cells.append(each.resize((128, 128), Image.Resampling.BICUBIC))
        texts += ["", caption]
    contact_sheet(cells, columns=10, captions=texts).save(sheets / f"{name}.png")
