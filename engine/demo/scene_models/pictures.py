"""Drawn scenes for the training, kept on disk because drawing takes longer than a step.

Each core is a scene without what is seldom said: sizes and places. It is drawn in several variants,
so that an unfinished picture of it finds a true one that is similar.
"""

from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from random import Random

import cv2
import numpy as np
import torch
from numpy.lib.format import open_memmap
from torch import Tensor
from torch.nn import functional as F

from engine.demo.scene_models.attributes import MIDDLE, VALUES, Attributes, attributes_of
from engine.demo.scenes.canvas import SIDE
from engine.demo.scenes.description import Description, problem_of, sample_description
from engine.demo.scenes.drawing import Composition, draw
from engine.demo.scenes.table import MEDIA, PLACES

CORES, VARIANTS = 4000, 12
COMPOSITIONS = tuple(Composition(sky, ground, 4) for sky in (1, 2) for ground in (1, 3))
"""The compositions of all pictures. Few, so that what a sentence asks for is nearly one picture:
where many are right, the gradient leads to their mean, which is blurred. The seeds are among those
of whose true pictures the judge accepts most."""
MASK_SIDE = 32
"""Side of the masks of things."""
THUMB = 16
"""Side in pixels of the small pictures that are compared with unfinished ones."""
USUAL_WEIGHT = 3.0
"""How often variants of the usual place and size are drawn, beside others."""
ANOTHER_MEDIUM = 0.35
"""Share of similar cores that have another medium."""
_WIDEST_ASIDE = 0.52
_CANDIDATES = 100
"""Number of cores among which a similar one is chosen."""


@dataclass(frozen=True)
class DrawnScenes:
    """All pictures, by core and variant."""

    pixels: np.ndarray
    """RGB bytes (CORES, VARIANTS, 128, 128, 3), read from disk when they are needed."""
    thumbs: Tensor
    """Small pictures (CORES, VARIANTS, 3 * 16 * 16) in [0, 1]."""
    attributes: Attributes
    """What each picture shows, core by core (CORES * VARIANTS)."""
    things: Tensor
    """Share of each cell (CORES, VARIANTS, 32, 32) that things cover, as bytes."""

    def mask(self, core: Tensor, variant: Tensor) -> Tensor:
        """Return where things are (B, 1, 32, 32), in [0, 1]."""
        return self.things[core, variant].float()[:, None] / 255

    def picture(self, core: Tensor, variant: Tensor) -> Tensor:
        """Return pictures (B, 3, 128, 128) in [0, 1] of cores and variants (B,)."""
        chosen = torch.from_numpy(self.pixels[core.numpy(), variant.numpy()])
        return chosen.permute(0, 3, 1, 2).float().div_(255)

    def sample(self, count: int, random: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Draw pictures (count, 3, 128, 128), and their cores and variants."""
        core = self.draw_cores((count,), random)
        variant = self.draw_variants(core, random)
        return self.picture(core, variant), core, variant

    def draw_variants(self, core: Tensor, random: torch.Generator) -> Tensor:
        """Draw variants (B,) of cores (B,), more often usual ones."""
        variants = self.thumbs.shape[1]
        each = core[:, None] * variants + torch.arange(variants)
        usual = self.attributes[each.flatten()].are_usual().view(each.shape)
        weights = 1 + (USUAL_WEIGHT - 1) * usual.float()
        return torch.multinomial(weights, 1, generator=random)[:, 0]

    def draw_cores(self, shape: tuple[int, ...], random: torch.Generator) -> Tensor:
        """Draw cores of a shape."""
        return torch.randint(len(self.things), shape, generator=random)

    def shows(self, core: Tensor, variant: Tensor) -> Attributes:
        """Return what pictures (B,) show."""
        return self.attributes[core * self.thumbs.shape[1] + variant]

    def nearest(self, core: Tensor, claims: Attributes, images: Tensor) -> Tensor:
        """Find the variants (B,) of cores (B,) that are most similar to `images` (B, 3, S, S).

        Only those count of which the claims are true, as far as there are any; a place or size that
        is not said of a thing is the usual one.
        """
        small = F.avg_pool2d(images, images.shape[-1] // THUMB).flatten(1)
        variants = self.thumbs.shape[1]
        each = core[:, None] * variants + torch.arange(variants)
        alone = claims.of_one_thing()[:, None, None]
        shown = self.attributes[each.flatten()]
        distance = (self.thumbs[core] - small[:, None]).square().mean(2)
        for slot, usual in (("place", MIDDLE), ("size", -1)):
            said = getattr(claims, slot)[:, None]
            true = getattr(shown, slot).view(len(core), variants, 2)
            wrong = torch.where(said >= 0, said != true, alone & (true != usual))
            distance = distance + wrong[:, :, 0]
        return distance.argmin(1)

    def similar_core(self, core: Tensor, random: torch.Generator) -> Tensor:
        """Draw, for each core (B,), one that differs in few attributes; for some in the medium."""
        first = self.attributes[core * self.thumbs.shape[1]]
        drawn = self.draw_cores((len(core), _CANDIDATES), random)
        others = self.attributes[(drawn * self.thumbs.shape[1]).flatten()]
        same = torch.zeros(len(core), _CANDIDATES)
        another = torch.rand(len(core), 1, generator=random) < ANOTHER_MEDIUM
        for slot, weight in (("sky", 1), ("ground", 1), ("medium", torch.where(another, -2, 2))):
            other = getattr(others, slot).view(len(core), _CANDIDATES)
            same += weight * (getattr(first, slot)[:, None] == other)
        other = others.kind.view(len(core), _CANDIDATES, 2)
        same += (first.kind[:, None] == other).all(2)
        same -= 9.0 * (drawn == core[:, None])
        return drawn.gather(1, same.argmax(1, keepdim=True))[:, 0]

    def shuffled(self, count: int, random: torch.Generator) -> Attributes:
        """Return scenes (count,) of which half have the colors of others, to say more things.

        Text needs no picture, so a sentence can say what is never drawn.
        """
        chosen = torch.randint(len(self.attributes), (count,), generator=random)
        scenes = self.attributes[chosen]
        drawn = torch.randint(len(VALUES["color"]), (count, 2), generator=random)
        mixed = torch.rand(count, 1, generator=random) < 0.5
        color = torch.where(mixed & (scenes.color >= 0), drawn, scenes.color)
        return scenes.replace(color=color)


def draw_scenes(
    folder: Path, seed: int, processes: int, cores: int = CORES, variants: int = VARIANTS
) -> DrawnScenes:
    """Read the pictures in `folder`, or draw them there."""
    random = Random(seed)
    descriptions = [_variants(random, variants) for _ in range(cores)]
    attributes = attributes_of([each for core in descriptions for each in core])
    path = folder / f"scenes-{seed}-{cores}-{variants}.npy"
    small, masks = (path.with_name(f"{name}-{path.name}") for name in ("thumbs", "masks"))
    if not path.exists():
        _draw_all(path, small, masks, descriptions, processes)
    pixels = np.load(path, mmap_mode="r")
    thumbs = torch.from_numpy(np.load(small)).permute(0, 1, 4, 2, 3).float() / 255
    things = torch.from_numpy(np.load(masks))
    return DrawnScenes(pixels, thumbs.flatten(2), attributes, things)


def _draw_all(
    path: Path,
    small: Path,
    masks: Path,
    descriptions: list[tuple[Description, ...]],
    processes: int,
) -> None:
    """Draw all pictures into three files; the one at `path` comes last, so it is complete."""
    unfinished = path.with_suffix(".part")
    shape = len(descriptions), len(descriptions[0])
    pixels = open_memmap(unfinished, "w+", dtype=np.uint8, shape=(*shape, SIDE, SIDE, 3))
    thumbs = np.zeros((*shape, THUMB, THUMB, 3), dtype=np.uint8)
    things = np.zeros((*shape, MASK_SIDE, MASK_SIDE), dtype=np.uint8)
    # OpenCV's threads do not survive a fork, and the children would wait for them.
    with ProcessPoolExecutor(processes, get_context("spawn")) as executor:
        drawn = executor.map(_draw_core, enumerate(descriptions), chunksize=10)
        for number, (pictures, covered) in enumerate(drawn):
            pixels[number], things[number] = pictures, covered
            thumbs[number] = [_shrunk(each, THUMB) for each in pictures]
    pixels.flush()
    np.save(small, thumbs)
    np.save(masks, things)
    unfinished.rename(path)


def _variants(random: Random, count: int) -> tuple[Description, ...]:
    """Draw a core; the first third has the usual place and size of a thing that is alone."""
    core = sample_description(random)
    if len(core.things) != 1:
        return (core,) * count
    usual = replace(core, things=(replace(core.things[0], place="middle", size="medium"),))
    first = core if problem_of(usual) else usual
    usuals = count // 3
    return (first,) * usuals + tuple(_varied(core, random) for _ in range(count - usuals))


def _varied(core: Description, random: Random) -> Description:
    thing = core.things[0]
    for _ in range(100):
        size = random.choice(MEDIA[core.medium].sizes)
        varied = replace(thing, size=size, place=random.choice(PLACES))
        if varied.width > _WIDEST_ASIDE:
            varied = replace(varied, place="middle")
        scene = replace(core, things=(varied,))
        if problem_of(scene) is None:
            return scene
    return core


def _draw_core(
    numbered: tuple[int, tuple[Description, ...]],
) -> tuple[np.ndarray, np.ndarray]:
    """Draw the variants of a core: pictures, and the shares of cells that things cover."""
    cv2.setNumThreads(1)
    number, scenes = numbered
    drawings = [
        draw(each, COMPOSITIONS[(number + variant) % len(COMPOSITIONS)])
        for variant, each in enumerate(scenes)
    ]
    empty = np.zeros((SIDE, SIDE), dtype=bool)
    covered = [np.logical_or.reduce([empty, *each.masks]) * np.uint8(255) for each in drawings]
    masks = [_shrunk(each, MASK_SIDE) for each in covered]
    return np.stack([each.picture for each in drawings]), np.stack(masks)


def _shrunk(picture: np.ndarray, side: int) -> np.ndarray:
    return np.asarray(cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA))
