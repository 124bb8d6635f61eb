"""What pairs of models there are, and the defaults that suit each. No torch in here."""

from dataclasses import dataclass
from pathlib import Path

from engine.errors import ModelError

_DEMO = Path(__file__).parent / "demo" / "weights"


@dataclass(frozen=True)
class RunMemory:
    """What a run takes at its peak, as `engine.memory` adds it up. Bytes unless said."""

    fixed: float
    """Whatever the recipe: the weights and the libraries' own."""
    per_pixel: float
    """For each pixel painted: the decoder's activations, the latent and the codebook's share."""
    per_cutout: float
    """For each cutout: the perceptors' activations."""
    attention_matrices: float
    """How many matrices of all latent cells by all latent cells there are at once."""


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
    vary_noise: float
    """A variation's noise, in standard deviations of the encoded picture's latent: as much as makes
    it another picture and yet leaves it recognisable, which depends on how near the codes lie."""
    memory: RunMemory
    """Estimate of what a run takes."""


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
        # Of 8 pictures, each varied once at 0, 2, 3, 4, 5, 6 and 8. Up to 3 the quantisation undoes
        # most of the noise, and pictures differ by little more than another seed makes them. At 4
        # outlines are others while place, size and colours stay, and all 5 that were right stayed
        # right; of these 6 spoiled 1 and 8 spoiled 2.
        vary_noise=4.0,
        # Fitted to the peak resident memory of fresh processes on a CPU, over that after `import
        # torch`: two steps at 64 to 512 pixels, 8 to 256 cutouts, z-quantize and codebook
        # sampling. It lies 10 to 35 % above what was measured, to be on the safe side:
        #   64 pixels, 8 cutouts    170 MB      256, 64 cutouts        900 MB
        #   64, 256 cutouts         790 MB      384, 64 cutouts      2,280 MB
        #   256, 8 cutouts          720 MB      512, 8 cutouts       4,910 MB
        memory=RunMemory(fixed=136e6, per_pixel=8.7e3, per_cutout=2.8e6, attention_matrices=3.0),
    ),
}


def find_models(name: str) -> ModelEntry:
    """The entry called `name`; raises `ModelError` naming the ones that exist."""
    try:
        return CATALOGUE[name]
    except KeyError:
        known = ", ".join(CATALOGUE)
        raise ModelError(f"there are no models called {name!r}; there are: {known}") from None
