"""Edits of pictures of known content: is what was asked for changed, and everything else kept?

Printed by `python -m benchmarks quality`. The pictures and prompts are drawn with seeds and, for
whole sentences, in wordings that nothing was tuned on. Masks come from text, as people make them.
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
from engine.demo.world import COLOURS, SHAPES, object_masks, render, sample_single_scenes
from engine.editing.edit_recipe import dilate, edit_recipe, feather
from engine.editing.text_masks import find_mask
from engine.models.tensors import to_picture
from engine.recipes.recipe import Recipe

SEED = 20_241_122
"""Of pictures, prompts and painting; tuning used other ones."""
SAME_PLACE = 0.7
"""Overlap with where the object was from which its place counts as kept."""
ROOM = 0.11
"""By how much a mask from text is grown, as a share of the picture: as `/mask` shows it at first,
and two presses on *Wider*."""

Kind = Literal["colour", "background", "shape"]


@dataclass(frozen=True)
class Change:
    """A picture, what is to become of it, and what must be seen afterwards."""

    source: Image.Image
    truth: np.ndarray
    """(H, W) bool: where the object is."""
    phrase: str
    """What names the object before."""
    colour: str
    shape: str
    background: str
    seed: int
    prompt: str
    """A sentence about the whole picture afterwards."""

    @property
    def target(self) -> str:
        """What names the object afterwards."""
        return f"{_article(self.colour)} {self.colour} {self.shape}"


def draw_changes(kind: Kind, count: int, draw: int) -> list[Change]:
    """`count` pictures with one object, in each of which one attribute is to change."""
    random = Random(SEED + draw)
    scenes = sample_single_scenes(count, torch.Generator().manual_seed(SEED + draw))
    pictures, masks = render(scenes), object_masks(scenes)[:, 0]
    changes = []
    for index in range(count):
        colour, shape = COLOURS[scenes.colour[index, 0]], SHAPES[scenes.shape[index, 0]]
        background = COLOURS[scenes.background[index]]
        phrase = f"the {colour} {shape}"
        unused = [name for name in COLOURS if name not in (colour, background)]
        match kind:
            case "colour":
                colour = random.choice(unused)
            case "background":
                background = random.choice(unused)
            case "shape":
                shape = random.choice([name for name in SHAPES if name != shape])
        changes.append(
            Change(
                source=to_picture(pictures[index]),
                truth=masks[index].numpy() > 0.5,
                phrase=phrase,
                colour=colour,
                shape=shape,
                background=background,
                seed=random.randrange(2**31),
                prompt=held_out_wording(shape, colour, background, index),
            )
        )
    return changes


def editing_rows(judge: Judge, count: int, sheets: Path | None = None) -> dict[str, Share]:
    """All figures, from `count` pictures each; contact sheets go into the folder `sheets`."""
    recoloured = _whole(judge, draw_changes("colour", count, 1), sheets, "edits-colour")
    backgrounds = _whole(judge, draw_changes("background", count, 2), sheets, "edits-background")
    replaced, exact = _replaced(judge, count, sheets)
    return {
        "edit the object's colour: new colour right": _share(e.colour for e in recoloured),
        "... background kept, object in its place": _share(
            e.background and e.in_place for e in recoloured
        ),
        "edit the background: new background right": _share(e.background for e in backgrounds),
        "... object's colour kept, in its place": _share(
            e.colour and e.in_place for e in backgrounds
        ),
        "... both": _share(e.background and e.colour and e.in_place for e in backgrounds),
        **replaced,
        "pixels outside the mask identical to the source": exact,
        **_added(judge, count),
    }


@dataclass(frozen=True)
class _Seen:
    """What the judge says of an edited picture."""

    colour: bool
    shape: bool
    background: bool
    in_place: bool


def _whole(judge: Judge, changes: Sequence[Change], sheets: Path | None, name: str) -> list[_Seen]:
    """Edits of whole pictures with the default settings."""
    recipes = [edit_recipe(c.prompt, c.source, seed=c.seed) for c in changes]
    painted = paint_all(recipes)
    _write_sheet(sheets, name, changes, painted, [c.prompt for c in changes])
    return _seen(judge, changes, painted)


def _replaced(judge: Judge, count: int, sheets: Path | None) -> tuple[dict[str, Share], Share]:
    """Masked replacement, half of it of colours, half of shapes; and what lies outside."""
    models = engine.load_models("demo", "cpu")
    colours = draw_changes("colour", count // 2, 3)
    changes = [*colours, *draw_changes("shape", count - len(colours), 4)]
    recipes: list[Recipe] = []
    masks: list[np.ndarray] = []
    for change in changes:
        found = find_mask(change.source, change.phrase, models).mask
        mask = feather(dilate(found, ROOM))
        masks.append(np.asarray(mask))
        recipes.append(edit_recipe(change.target, change.source, mask=mask, seed=change.seed))
    painted = paint_all(recipes)
    shown = [*range(len(changes))[:5], *range(len(changes))[len(colours) :][:5]]
    _write_sheet(
        sheets,
        "replacements",
        [changes[k] for k in shown],
        [painted[k] for k in shown],
        [changes[k].target for k in shown],
    )
    seen = _seen(judge, changes, painted)
    right = [e.colour if k < len(colours) else e.shape for k, e in enumerate(seen)]
    outside = [
        bool((picture == np.asarray(change.source))[mask == 0].all())
        for picture, change, mask in zip(painted, changes, masks, strict=True)
    ]
    rows = {
        "masked replacement: target right": _share(right),
        "... colours": _share(right[: len(colours)]),
        "... shapes": _share(right[len(colours) :]),
    }
    return rows, _share(outside)


def _added(judge: Judge, count: int) -> dict[str, Share]:
    """Prompt addition (Fig. 17): object and background as two prompts, and as one sentence."""
    asked = held_out_prompts(count, draw=SEED)
    objects = [f"{_article(a.colour)} {a.colour} {a.shape}" for a in asked]
    backgrounds = [f"{_article(a.background)} {a.background} background" for a in asked]
    pairs = list(zip(objects, backgrounds, strict=True))
    rows = {}
    for name, prompts in (
        ("object | background: both colours right", [f"{o} | {b}" for o, b in pairs]),
        ("... object:2 | background", [f"{o}:2 | {b}" for o, b in pairs]),
        ("... one sentence instead", [a.prompt for a in asked]),
    ):
        recipes = [engine.make_recipe(p, seed=a.seed) for p, a in zip(prompts, asked, strict=True)]
        painted = paint_all(recipes)
        matches = [
            judge.verdict(picture).matches(a.colour, a.shape, a.background)
            for picture, a in zip(painted, asked, strict=True)
        ]
        rows[name] = _share(m.colour and m.background for m in matches)
    return rows


def _seen(judge: Judge, changes: Sequence[Change], painted: Sequence[np.ndarray]) -> list[_Seen]:
    seen = []
    for change, picture in zip(changes, painted, strict=True):
        match = judge.verdict(picture).matches(change.colour, change.shape, change.background)
        found = judge.object_mask(picture)
        overlap = (found & change.truth).sum() / (found | change.truth).sum()
        seen.append(_Seen(match.colour, match.shape, match.background, overlap >= SAME_PLACE))
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
    """The first ten, before and after, four pairs in a row."""
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
