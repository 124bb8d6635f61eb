"""Sentences about scenes for measuring, with wordings and seeds that training never used."""

from dataclasses import dataclass
from random import Random
from typing import Literal

from engine.demo.scenes.claims import Claim, ThingClaim
from engine.demo.scenes.description import Description, held_out_pairs, sample_description
from engine.demo.scenes.sentences import read, sentence, two_prompts
from engine.demo.scenes.table import MEDIA

SEED = 20_261_130
"""Seed of the selection; tuning used others."""
Group = Literal["seen", "unseen", "medium"]


@dataclass(frozen=True)
class AskedScene:
    """A sentence, what a picture of it must show, and the seed to paint it with."""

    prompt: str
    claim: Claim
    """What the sentence says; the medium is flat if it says none."""
    content: str
    """A sentence without the style."""
    style: str
    """The style alone: medium and sky."""
    seed: int


def held_out_scenes(group: Group, count: int, draw: int = SEED) -> list[AskedScene]:
    """Draw `count` sentences about one thing, its color, the ground and the sky.

    Args:
        group: "seen" asks for pairs of attributes that training had; "unseen" has one in each
            sentence that it never had. Both are flat. "medium" asks for seen pairs in another
            medium.
        count: Number of sentences.
        draw: Seed of the selection.
    """
    random = Random(f"{draw} {group}")
    asked: list[AskedScene] = []
    while len(asked) < count:
        scene = sample_description(random, held_out=group == "unseen")
        if len(scene.things) != 1 or (scene.medium == "flat") == (group == "medium"):
            continue
        if group == "unseen" and not _says_unseen(scene):
            continue
        claim = _said(scene)
        text = sentence(claim, random, held_out=True)
        if read(text) != claim:
            continue
        content, style = two_prompts(claim, random)
        meant = Claim(claim.sky, claim.ground, claim.things, medium=claim.medium or "flat")
        asked.append(AskedScene(text, meant, content, style, random.getrandbits(31)))
    return asked


def _said(scene: Description) -> Claim:
    """Say all but size and place."""
    things = tuple(
        ThingClaim(
            thing.kind,
            thing.color if MEDIA[scene.medium].colored and thing.kind != "sun" else None,
        )
        for thing in scene.things
    )
    medium = None if scene.medium == "flat" else scene.medium
    return Claim(scene.sky, scene.ground, things, medium=medium)


def _says_unseen(scene: Description) -> bool:
    """Return if the sentence says a pair that is held out; charcoal has no colors."""
    return MEDIA[scene.medium].colored and bool(scene.pairs() & held_out_pairs())
