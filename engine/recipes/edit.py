"""Edits as values: the picture that is changed, where, and how much of it stays.

Paper: editing starts from the encoded picture (Section 4), masks zero the latent's gradient
(Section 2.5), replacement also keeps near the original's embedding (Appendix G.2). No torch in
here: an `Edit` is part of a recipe. `engine.editing.edit_recipe` makes one of what people send,
`engine.vqgan_clip.edit_constraint` carries it out.
"""

from dataclasses import dataclass, field
from reprlib import repr as brief

from engine.errors import RecipeError
from engine.recipes.prompts import check_strength

MAX_BYTES = 11 * 2**20
"""Of a picture in a recipe, so that the recipe fits into a PNG's text (`engine.images.png`) as
base64."""
MAX_KEEP = 1000.0


@dataclass(frozen=True)
class Edit:
    """What is changed, and what is kept. Raises `RecipeError` for a value that is not allowed."""

    source: bytes = field(repr=False)
    """The picture to change, a PNG at its own size; the finished picture has that size too."""
    mask: bytes | None = field(default=None, repr=False)
    """Where to change it: a grey PNG of the same size, 0 keeps a pixel exactly, 255 replaces it,
    between them both are mixed. None changes everything."""
    keep_latent: float = 0.0
    """Weight of the mean squared distance between the latent and the source's."""
    keep_look: float = 0.0
    """Weight of the distance between the cutouts' embeddings and the source's (Appendix G.2)."""
    keep_structure: float = 0.0
    """Share of every change that must be a palette-only one, 0 to 1: at 1 all outlines and texture
    stay (`engine.vqgan_clip.palette_transfer`), at 0 anything may change."""

    def __post_init__(self) -> None:
        check_picture("source", self.source)
        if self.mask is not None:
            check_picture("mask", self.mask)
        limits = {"keep_latent": MAX_KEEP, "keep_look": MAX_KEEP, "keep_structure": 1.0}
        for name, limit in limits.items():
            value = getattr(self, name)
            fits = isinstance(value, int | float) and 0 <= value <= limit
            if isinstance(value, bool) or not fits:
                raise RecipeError(
                    f"{name} must be a number from 0 to {limit:g}, not {brief(value)}"
                )


@dataclass(frozen=True)
class ImagePrompt:
    """A picture that the painting should resemble, as the perceptor sees it."""

    picture: bytes = field(repr=False)
    """The bytes of a picture's file."""
    weight: float = 1.0
    """As of a `Prompt`: how much it counts, negative pushes away."""
    stop: float | None = None
    """As of a `Prompt`: the distance at which it is content."""

    def __post_init__(self) -> None:
        check_picture("picture", self.picture)
        check_strength("weight", self.weight, "an image prompt")
        if self.stop is not None:
            check_strength("stop value", self.stop, "an image prompt")


def check_picture(name: str, content: object) -> None:
    """Raise `RecipeError` unless `content` can be a picture's file in a recipe."""
    if not isinstance(content, bytes):
        raise RecipeError(f"{name} must be the bytes of a picture, not {brief(content)}")
    if len(content) > MAX_BYTES:
        raise RecipeError(
            f"the {name.replace('_', ' ')} takes {len(content) / 2**20:.1f} MiB as a file; at "
            f"most {MAX_BYTES // 2**20} MiB are allowed: choose a smaller size"
        )
