"""The kinds of image generators: what recipes can ask of each. No torch in here.

`engine.models.generators` builds them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from engine.errors import RecipeError
from engine.recipes.recipe import Quantization, Recipe, Start

VQGAN_WAYS: tuple[Quantization, ...] = ("z-quantize", "none", "codebook-sampling")
VQGAN_STARTS: tuple[Start, ...] = ("codes", "noise", "image")


@dataclass(frozen=True)
class GeneratorKind:
    """What a kind of generator knows; `engine.models.protocols.Generator` has the same."""

    ways: tuple[Quantization, ...] = ("none",)
    """Quantizations of its state; the first is the default."""
    starts: tuple[Start, ...] = ("random", "noise", "image")
    """Where its runs can start; the first is the default."""
    parts: tuple[str, ...] = ("checkpoint",)
    """Keys of the files that its entry in the registry names; weightless ones have none."""
    is_vector: bool = False
    """True if its pictures are drawings, which can be written as SVG."""


VQGAN = "vqgan"
"""The kind of a weights file that names none."""
KINDS: Mapping[str, GeneratorKind] = {
    VQGAN: GeneratorKind(VQGAN_WAYS, VQGAN_STARTS, ("checkpoint", "config")),
    "ibq": GeneratorKind(VQGAN_WAYS, VQGAN_STARTS),
    "llamagen": GeneratorKind(VQGAN_WAYS, VQGAN_STARTS),
    "sd-vae": GeneratorKind(),
    "taesd": GeneratorKind(parts=("checkpoint", "encoder")),
    "pyramid": GeneratorKind(parts=()),
    "fourier": GeneratorKind(parts=()),
    "palette": GeneratorKind(parts=()),
    "strokes": GeneratorKind(starts=("random",), parts=(), is_vector=True),
}
"""All kinds by name. Published files of those without a `config` have one architecture each."""


class Traits(Protocol):
    """What a recipe must agree with: a generator, or the entry of models in the catalogue."""

    @property
    def ways(self) -> tuple[Quantization, ...]:
        """Quantizations of its state."""
        ...

    @property
    def starts(self) -> tuple[Start, ...]:
        """Where its runs can start."""
        ...


def check_traits(recipe: Recipe, traits: Traits) -> None:
    """Raise `RecipeError` if a recipe asks a generator for what it does not have."""
    if recipe.quantization not in traits.ways:
        raise RecipeError(
            "the generator of the models {models} does not know the quantization {given}: "
            "quantization must be {known}",
            models=repr(recipe.models),
            given=recipe.quantization,
            known=" or ".join(traits.ways),
        )
    if (recipe.start == "image" or recipe.film) and "image" not in traits.starts:
        raise cannot_encode()
    if recipe.reencode_every > 0 and "image" not in traits.starts:
        raise RecipeError(
            "the generator of the models {models} cannot encode a picture: reencode_every must "
            "be 0, as in other presets",
            models=repr(recipe.models),
        )
    if recipe.start not in traits.starts:
        raise RecipeError(
            "the generator of the models {models} cannot start from {given}: start must be {known}",
            models=repr(recipe.models),
            given=recipe.start,
            known=" or ".join(traits.starts),
        )


def cannot_encode() -> RecipeError:
    """Return the error for a picture that is given to a generator without an encoder."""
    return RecipeError(
        "the generator cannot encode a picture, so it can neither edit one nor start from one, and "
        "paints no films: choose other models"
    )
