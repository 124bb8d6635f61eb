"""Edits as values: the picture to change, where to change it, and how much of it to keep.

In the paper, editing starts from the encoded picture (Section 4), masks zero the latent's gradient
(Section 2.5), and replacement also stays near the original's embedding (Appendix G.2). An `Edit` is
part of a recipe, so this module needs no torch. `engine.editing.edit_recipe` makes edits from
users' pictures, and `engine.vqgan_clip.edit_constraint` carries them out.
"""

from dataclasses import dataclass, field
from reprlib import repr as brief
from typing import Protocol

from engine.errors import RecipeError
from engine.recipes.checks import check_number
from engine.recipes.prompt_syntax import STOP, WEIGHT
from engine.recipes.prompts import check_strength
from engine.text import Text

MAX_BYTES = 11 * 2**20
"""Maximum size of a picture in a recipe: as base64 it must fit into a PNG's text chunk
(`engine.images.png`)."""
MAX_KEEP = 1000.0
"""Maximum of the weights `keep_latent` and `keep_look`."""
KEEP_NAMES = ("keep_latent", "keep_look", "keep_structure", "keep_cells")
"""Names of all weights of what is kept."""
_IMAGE_PROMPT = Text("an image prompt")
_NAMES = {
    "source": Text("the source"),
    "mask": Text("the mask"),
    "picture": Text("the picture"),
    "init_image": Text("the init image"),
}
"""What messages call the pictures in a recipe, by their keys."""


class Keep(Protocol):
    """How much is kept of a picture that is changed; `Edit` describes the values."""

    @property
    def keep_latent(self) -> float:
        """Weight of the distance between the latents."""
        ...

    @property
    def keep_look(self) -> float:
        """Weight of the distance between the embeddings."""
        ...

    @property
    def keep_structure(self) -> float:
        """Share of every change that must be a palette-only one."""
        ...

    @property
    def keep_cells(self) -> float:
        """Share of each step by which every cell is drawn back to the source."""
        ...


@dataclass(frozen=True)
class Edit:
    """What to change, and what to keep.

    Raises:
        RecipeError: A value is not allowed.
    """

    source: bytes = field(repr=False)
    """Picture to change, as a PNG; the finished picture has the same size."""
    mask: bytes | None = field(default=None, repr=False)
    """Where to change it: a gray PNG of the same size. 0 keeps a pixel exactly, 255 replaces it,
    values in between mix both. None changes everything."""
    keep_latent: float = 0.0
    """Weight of the mean squared distance between the latent and the source's latent."""
    keep_look: float = 0.0
    """Weight of the distance between the cutouts' embeddings and the source's (Appendix G.2)."""
    keep_structure: float = 0.0
    """Share of every change that must be a palette-only one, 0 to 1: at 1 all outlines and texture
    stay (`engine.vqgan_clip.palette_transfer`), at 0 anything may change."""
    keep_cells: float = 0.0
    """Share of each step's length by which every latent cell is drawn back to the source's, 0 to
    1: cells that the prompt hardly moves stay the same (`engine.vqgan_clip.proximity`)."""

    def __post_init__(self) -> None:
        check_picture("source", self.source)
        if self.mask is not None:
            check_picture("mask", self.mask)
        check_keep(self)


@dataclass(frozen=True)
class ImagePrompt:
    """A picture that the painting should resemble, as the perceptor sees it."""

    picture: bytes = field(repr=False)
    """Bytes of a picture file."""
    weight: float = 1.0
    """Weight of its loss, as for a `Prompt`; a negative one pushes away from the picture."""
    stop: float | None = None
    """Distance below which it has no more effect, as for a `Prompt`; None for no limit."""

    def __post_init__(self) -> None:
        check_picture("picture", self.picture)
        check_strength(WEIGHT, self.weight, _IMAGE_PROMPT)
        if self.stop is not None:
            check_strength(STOP, self.stop, _IMAGE_PROMPT)


def kept_weights(keep: Keep) -> dict[str, float]:
    """Return the weights above 0 by their names."""
    weights = {name: getattr(keep, name) for name in KEEP_NAMES}
    return {name: weight for name, weight in weights.items() if weight > 0}


def check_keep(keep: Keep) -> None:
    """Raise `RecipeError` unless all weights of what is kept are allowed."""
    check_number("keep_latent", keep.keep_latent, 0, MAX_KEEP)
    check_number("keep_look", keep.keep_look, 0, MAX_KEEP)
    check_number("keep_structure", keep.keep_structure, 0, 1)
    check_number("keep_cells", keep.keep_cells, 0, 1)


def check_picture(name: str, content: object) -> None:
    """Raise `RecipeError` unless `content` can be a picture file in a recipe."""
    if not isinstance(content, bytes):
        raise RecipeError(
            "{name} must be the bytes of a picture, not {value}", name=name, value=brief(content)
        )
    if len(content) > MAX_BYTES:
        raise RecipeError(
            "{name} takes {mebibytes} MiB as a file; at most {most} MiB are allowed: choose a "
            "smaller size",
            name=_NAMES[name],
            mebibytes=f"{len(content) / 2**20:.1f}",
            most=MAX_BYTES // 2**20,
        )
