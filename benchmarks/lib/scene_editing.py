"""Measure edits of drawn scenes: weather, light and season, and things inside masks from words.

`python -m benchmarks scene-quality` prints the results. Seeds were not used in training or tuning.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import engine
from benchmarks.lib.painters import paint_all
from benchmarks.lib.statistics import Share
from engine.demo.scenes.claims import Claim, ThingClaim
from engine.demo.scenes.description import Description, problem_of, sample_description
from engine.demo.scenes.drawing import Composition, draw
from engine.demo.scenes.judge import Judge
from engine.demo.scenes.judge_structure import structure_kept
from engine.demo.scenes.sentences import sentence
from engine.demo.scenes.table import KINDS
from engine.editing.edit_recipe import dilate, edit_recipe, feather
from engine.editing.text_masks import find_mask

SEED = 20_261_201
KEPT = 0.7
"""Least overlap of edges for the structure to count as kept."""
ROOM = 0.06
"""Margin of a mask from words as a share of the picture."""
OTHER = 7
"""How many pictures farther the thing is taken from that a picture does not show."""
CHANGES: dict[str, tuple[str, str]] = {
    "weather, storm to sunny": ("storm", "day"),
    "light, day to night": ("day", "night"),
    "season, day to falling snow": ("day", "snow"),
}
"""Sky before and after each edit."""


@dataclass(frozen=True)
class Replacement:
    """A picture with a thing, and another thing that replaces it."""

    source: Image.Image
    truth: np.ndarray
    """Mask (H, W) of the thing."""
    kind: str
    """Kind of the thing."""
    phrase: str
    prompt: str
    claim: Claim
    seed: int

    def found(self, models: engine.Models) -> Image.Image:
        """Find the mask of the thing from words."""
        return find_mask(self.source, self.phrase, models).mask

    def recipe(self, found: Image.Image, models: str) -> engine.Recipe:
        """Return the recipe of the edit inside a mask that was found."""
        return edit_recipe(
            self.prompt,
            self.source,
            mask=widened(found),
            seed=self.seed,
            models=models,
            enlarge=1,
        )


def widened(found: Image.Image) -> Image.Image:
    """Return a mask from words with a margin and a soft edge."""
    return feather(dilate(found, ROOM))


def sky_rows(judge: Judge, models: str, count: int) -> dict[str, Share]:
    """Return how often edits of the sky are right, and keep the structure, `count` of each.

    Clouds and stars have edges, too, so that even the picture that is drawn with the other sky does
    not keep all; how often it keeps enough is a row of its own.
    """
    rows: dict[str, Share] = {}
    for name, (before, after) in CHANGES.items():
        random = Random(f"{SEED} {name}")
        scenes = [single_scene(random, before, after) for _ in range(count)]
        compositions = [Composition(*(random.getrandbits(31) for _ in range(3))) for _ in scenes]
        sources = _drawn(scenes, compositions)
        edited = [replace(scene, sky=after) for scene in scenes]
        prompts = [said(scene, random) for scene in edited]
        recipes = [
            edit_recipe(
                prompt,
                Image.fromarray(source),
                seed=random.getrandbits(31),
                models=models,
                enlarge=1,
            )
            for prompt, source in zip(prompts, sources, strict=True)
        ]
        painted = paint_all(recipes)
        right = [judge.look(picture).sky == after for picture in painted]
        kept = _kept(sources, painted)
        both = [one and two for one, two in zip(right, kept, strict=True)]
        rows[f"edit of {name}: right"] = _share(right)
        rows[f"... structure kept, {after}"] = _share(kept)
        rows[f"... both, {after}"] = _share(both)
        drawn = _kept(sources, _drawn(edited, compositions))
        rows[f"... structure kept where {after} is drawn"] = _share(drawn)
    return rows


def mask_rows(models: str, count: int) -> tuple[dict[str, Share], list[float]]:
    """Return how often masks from words are found, and their overlaps with the truth.

    Each picture is also searched for the thing of another one, which it does not show.
    """
    loaded = engine.load_models(models, "cpu")
    changes = replacements(Random(f"{SEED} replacements"), count)
    answers = [find_mask(each.source, each.phrase, loaded) for each in changes]
    overlaps: list[float] = []
    for answer, change in zip(answers, changes, strict=True):
        inside = np.asarray(answer.mask) > 127
        overlaps.append(float((inside & change.truth).sum() / (inside | change.truth).sum()))
    others = [*changes[OTHER:], *changes[:OTHER]]
    refused = [
        not find_mask(own.source, other.phrase, loaded).found
        for own, other in zip(changes, others, strict=True)
        if own.kind != other.kind
    ]
    rows = {
        "mask from words: thing found": _share([each.found for each in answers]),
        "... thing of another picture refused": _share(refused),
    }
    return rows, overlaps


def replacement_rows(judge: Judge, models: str, count: int) -> dict[str, Share]:
    """Return how often a thing is replaced by another one.

    Masks come from words, as people make them.
    """
    loaded = engine.load_models(models, "cpu")
    changes = replacements(Random(f"{SEED} replacements"), count)
    recipes, masks = [], []
    for change in changes:
        found = change.found(loaded)
        masks.append(np.asarray(widened(found)))
        recipes.append(change.recipe(found, models))
    painted = paint_all(recipes)
    right = [
        judge.look(picture).matches(change.claim).present
        for picture, change in zip(painted, changes, strict=True)
    ]
    outside = [
        bool((picture == np.asarray(change.source))[mask == 0].all())
        for picture, change, mask in zip(painted, changes, masks, strict=True)
    ]
    return {
        "thing replaced inside a mask: new thing there": _share(right),
        "... pixels outside the mask identical": _share(outside),
    }


def replacements(random: Random, count: int) -> list[Replacement]:
    """Draw `count` pictures, each with another thing that can stand where its thing stands."""
    return [_replacement(random) for _ in range(count)]


def single_scene(random: Random, *skies: str, kind: str | None = None) -> Description:
    """Draw a flat scene of one thing that each of `skies` allows, under the first of them.

    With a `kind` the thing is of that kind.
    """
    while True:
        scene = sample_description(random)
        if kind is not None and {thing.kind for thing in scene.things} != {kind}:
            continue
        if scene.medium != "flat" or len(scene.things) != 1 or scene.things[0].kind == "sun":
            continue
        if all(problem_of(replace(scene, sky=sky)) is None for sky in skies):
            return replace(scene, sky=skies[0])


def _replacement(random: Random) -> Replacement:
    """Draw a scene, and another thing that can stand where its thing stands."""
    while True:
        scene = single_scene(random, "day")
        thing = scene.things[0]
        others = [
            name
            for name, kind in KINDS.items()
            if name != thing.kind
            and kind.where == KINDS[thing.kind].where
            and scene.ground in kind.grounds
        ]
        if thing.size == "small" or not others:
            continue
        kind = random.choice(others)
        color = random.choice(KINDS[kind].colors)
        after = replace(scene, things=(replace(thing, kind=kind, color=color),))
        if problem_of(after) is not None:
            continue
        drawing = draw(scene, random.getrandbits(32))
        claim = Claim(things=(ThingClaim(kind, color),))
        return Replacement(
            source=Image.fromarray(drawing.picture),
            truth=drawing.masks[0],
            kind=thing.kind,
            phrase=f"a {thing.color} {thing.kind}",
            prompt=sentence(claim, random, held_out=True),
            claim=claim,
            seed=random.getrandbits(31),
        )


def said(scene: Description, random: Random) -> str:
    """Return a sentence about a scene's thing, its color, the ground and the sky.

    It says place and size of the thing, unless these are the middle and a medium size, which the
    models take for granted.
    """
    thing = scene.things[0]
    size = None if thing.size == "medium" else thing.size
    place = None if thing.place == "middle" else thing.place
    of_thing = ThingClaim(thing.kind, thing.color, size, place)
    return sentence(Claim(scene.sky, scene.ground, (of_thing,)), random, held_out=True)


def _drawn(
    scenes: Sequence[Description], compositions: Sequence[Composition]
) -> list[NDArray[np.uint8]]:
    """Draw scenes, each in its composition."""
    return [draw(*each).picture for each in zip(scenes, compositions, strict=True)]


def _kept(before: Sequence[np.ndarray], after: Sequence[np.ndarray]) -> list[bool]:
    """Return of which pictures the structure is kept."""
    return [structure_kept(*pair) >= KEPT for pair in zip(before, after, strict=True)]


def _share(hits: Sequence[bool]) -> Share:
    return Share(sum(hits), len(hits))
