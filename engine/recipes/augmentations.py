"""Strengths of the augmentations of a cutout (paper, Section 2.3).

The paper names the augmentations (random crops, horizontal flip, affine, perspective, color
jitter, Gaussian noise) but gives no strengths. `PAPER` holds those of the authors' published
notebook. The values are part of a recipe, so this module needs no torch;
`engine.vqgan_clip.cutouts` applies them.
"""

from dataclasses import dataclass, fields, replace
from math import ceil
from reprlib import repr as brief
from typing import Self

from engine.errors import RecipeError

MAX_SUPERSAMPLING = 4
"""Maximum number of samples along each axis of a cutout's pixel."""


@dataclass(frozen=True)
class Augmentations:
    """Strengths of the augmentations; a probability or strength of 0 turns one off.

    Raises:
        RecipeError: A value is not a number or is out of range.
    """

    crop_min: float = 1.0
    """Smallest side of a random crop as a share of the picture's shorter side, in (0, 1]."""
    crop_max: float = 1.0
    """Largest side of a random crop, in the same unit; 1 and 1 keep a square picture whole."""
    flip: float = 0.0
    """Probability of a horizontal flip."""
    affine: float = 0.0
    """Probability of an affine transformation."""
    degrees: float = 0.0
    """Largest rotation of an affine transformation in degrees, in either direction."""
    translate: float = 0.0
    """Largest shift of an affine transformation along each axis, as a share of the cutout."""
    perspective: float = 0.0
    """Probability of a perspective transformation."""
    distortion: float = 0.0
    """Largest move of a corner under perspective, as a share of half the cutout's side."""
    jitter: float = 0.0
    """Probability of a color jitter."""
    hue: float = 0.0
    """Largest rotation of the hue as a share of a full turn, in either direction."""
    saturation: float = 0.0
    """Largest relative change of the saturation, in either direction."""
    brightness: float = 0.0
    """Largest relative change of the brightness, in either direction."""
    noise: float = 0.0
    """Largest standard deviation of the Gaussian noise; each cutout draws its own from 0 up."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value, limit = getattr(self, field.name), _LIMITS.get(field.name, 1.0)
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise RecipeError(
                    "augmentation {name} must be a number, not {value}",
                    name=field.name,
                    value=brief(value),
                )
            if not 0 <= value <= limit:
                raise RecipeError(
                    "augmentation {name} must be between 0 and {limit}, not {value}",
                    name=field.name,
                    limit=f"{limit:g}",
                    value=brief(value),
                )
        if not 0 < self.crop_min <= self.crop_max:
            raise RecipeError("augmentation crop_min must be above 0 and at most crop_max")

    def only(self, name: str) -> Self:
        """Return a copy with all groups except `name` turned off.

        Args:
            name: "crop", "flip", "affine", "perspective", "jitter" or "noise" (Figure 9), or
                "none" to turn all of them off.

        Raises:
            RecipeError: There is no such group.
        """
        if name not in _GROUPS:
            raise RecipeError(
                "there is no group of augmentations called {name}; there are: {known}",
                name=brief(name),
                known=", ".join(_GROUPS),
            )
        off: dict[str, float] = dict.fromkeys(("flip", "affine", "perspective", "jitter"), 0.0)
        off |= {"crop_min": 1.0, "crop_max": 1.0, "noise": 0.0}
        group = ("crop_min", "crop_max") if name == "crop" else (name,)
        return replace(self, **{k: v for k, v in off.items() if k not in group})


def supersampling(side: float, size: int, augmentations: Augmentations) -> int:
    """Return how many samples a cutout takes along each axis of one of its pixels.

    Args:
        side: Shorter side of the picture in pixels.
        size: Side of the cutouts in pixels.
        augmentations: Strengths that limit the size of a crop.
    """
    scale = augmentations.crop_max * side / size
    return min(MAX_SUPERSAMPLING, max(1, ceil(scale - 0.5)))


_GROUPS = ("crop", "flip", "affine", "perspective", "jitter", "noise", "none")

_LIMITS = {"degrees": 180.0, "hue": 0.5, "distortion": 0.4}
"""Upper limits that are not 1. With more distortion, a cutout's corner can lie behind the horizon
of the plane."""

PAPER = Augmentations(
    crop_min=0.3,
    crop_max=1.0,
    flip=0.5,
    affine=0.8,
    degrees=30.0,
    translate=0.1,
    perspective=0.4,
    distortion=0.2,
    jitter=0.7,
    hue=0.01,
    saturation=0.01,
    noise=0.1,
)
"""Augmentations of Section 2.3, with the strengths of the authors' notebook ("MSE regularized")."""

DEMO = Augmentations(
    crop_min=0.65,
    affine=0.7,
    degrees=12.0,
    translate=0.08,
    perspective=0.5,
    distortion=0.25,
    jitter=0.5,
    hue=0.015,
    saturation=0.1,
    brightness=0.08,
    noise=0.1,
)
"""Augmentations that the demo CLIP was trained with. Weaker ones let a picture fool it."""

SCENES = Augmentations(
    crop_min=0.95,
    affine=0.5,
    degrees=2.0,
    translate=0.015,
    perspective=0.3,
    distortion=0.05,
    jitter=0.4,
    hue=0.01,
    saturation=0.08,
    brightness=0.06,
    noise=0.1,
)
"""Augmentations that the scene CLIP was trained with: weak ones, for it knows places."""
