"""What pairs of models there are, and the defaults that suit each. No torch in here."""

from dataclasses import dataclass
from pathlib import Path

from engine.errors import ModelError

_DEMO = Path(__file__).parent / "demo" / "weights"


@dataclass(frozen=True)
class ModelEntry:
    """A pair of models by name: its files, and what a recipe for it looks like by default."""

    name: str
    description: str
    """One line: what they are."""
    limits: str
    """One line: what they do not know, for whoever asks them to paint."""
    generator: Path
    """The image generator's weights, safetensors with the architecture as metadata."""
    perceptors: tuple[Path, ...]
    """The perceptors' weights, likewise."""
    factor: int
    """Pixels per latent cell; width and height are multiples of it."""
    side: int
    """Default width and height in pixels."""
    enlarge: int
    """How many times larger than painted the pictures are shown."""
    preset: str
    """Name of the preset that suits the pair."""


CATALOGUE = {
    "demo": ModelEntry(
        name="demo",
        description="a tiny VQGAN and a tiny CLIP, trained by this repository on drawn pictures",
        limits=(
            "the demo models know only coloured shapes: circle, square, triangle, ring, cross and "
            "star in red, green, blue, yellow, purple, orange, white or black, on such backgrounds"
        ),
        generator=_DEMO / "vqgan.safetensors",
        perceptors=(_DEMO / "clip.safetensors",),
        factor=4,
        side=64,
        enlarge=8,
        preset="demo",
    ),
}


def find_models(name: str) -> ModelEntry:
    """The entry called `name`; raises `ModelError` naming the ones that exist."""
    try:
        return CATALOGUE[name]
    except KeyError:
        known = ", ".join(CATALOGUE)
        raise ModelError(f"there are no models called {name!r}; there are: {known}") from None
