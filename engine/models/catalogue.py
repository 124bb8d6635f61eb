"""What models there are, and the defaults that suit each. No torch in here.

The demo pair is always there. Published models, and people's own, are added when a program begins,
since `config.toml` says where they lie.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import ModelError

if TYPE_CHECKING:
    from engine.weights.registry import Registry
    from engine.weights.registry_entries import ModelsEntry
    from engine.weights.settings import WeightsSettings

_DEMO = Path(__file__).parents[1] / "demo" / "weights"


@dataclass(frozen=True)
class RunMemory:
    """What a run takes at its peak in float32, as `engine.vqgan_clip.memory_estimate` adds it up.
    All in bytes."""

    fixed: float
    """Whatever the recipe: the weights and the libraries' own."""
    per_pixel: float
    """For each pixel painted: the decoder's activations, the latent and the codebook's share."""
    per_cutout: float
    """For each cutout that is looked at in one go: the perceptors' activations."""
    view_sides: tuple[int, ...]
    """Sides in pixels of the cutouts that the perceptors look at."""
    lowered: float = 0.0
    """Of the fixed: weights that take half of it in bfloat16."""


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
    halves: bool = True
    """Whether they gain by computing in bfloat16, on a device that is made for it."""
    weights: tuple[float, ...] = ()
    """How much each perceptor counts beside the others; empty if all count the same."""


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
        # Of 8 pictures, each varied once at 0, 2, 3, 4, 5, 6 and 8 (with the weights before their
        # last phase of training). Up to 3 the quantisation undoes
        # most of the noise, and pictures differ by little more than another seed makes them. At 4
        # outlines are others while place, size and colours stay, and all 5 that were right stayed
        # right; of these 6 spoiled 1 and 8 spoiled 2.
        vary_noise=4.0,
        # Fitted to the peak resident memory of fresh processes on a CPU in float32, over that after
        # `import torch`: two steps, everything at once, in MB. It lies 5 to 60 % above them: more
        # for the largest pictures, whose memory the C library gives back between uses, and for
        # the smallest, for which the fixed part is what larger ones leave unused in between.
        #   64 pixels, 8 cutouts      110        256, 64 cutouts              510
        #   64, 64 cutouts            280        384, 64 cutouts              640
        #   64, 256 cutouts           850        512, 8 cutouts               670
        #   256, 8 cutouts            320        512, codebook sampling       830
        #   256, codebook sampling    370        512, 256 cutouts           1,630
        memory=RunMemory(fixed=140e6, per_pixel=3.2e3, per_cutout=2.65e6, view_sides=(64,)),
        # Its figures in the documentation are those of float32, and its layers are small.
        halves=False,
    ),
}


VARY_NOISE = 1.0
"""Of models for which nobody has looked for a better one."""
LIBRARIES = 300e6
"""Bytes that the libraries take by themselves once models are loaded."""
PIXEL_OVERHEAD, CUTOUT_OVERHEAD = 1.5, 1.15
"""What a run takes beside what is kept for the gradient, as a factor: intermediate results. Fitted
to what `python -m benchmarks memory` measures on a CPU: 1.31 and 1.10, from the paper's pair at 256
pixels with 32 and with 64 cutouts, and at 512 with 32. By all plans and in both precisions the
estimate lies 2 to 23 % above. Codebook sampling adds up to 1.7 kB a pixel, and still fits in."""
VIEW_SIDE = 224
"""Pixels of a side of what published perceptors look at; few look at more."""


def add_models(settings: "WeightsSettings") -> None:
    """Have published models and people's own found by their names, for the whole program."""
    registry = settings.registry()
    CATALOGUE.update((each.name, each) for each in _published(registry, settings.folder))


def weights_path(part: str, folder: Path) -> Path:
    """Where the weights of a generator or perceptor lie, once they are converted."""
    return folder / part / f"{part}.safetensors"


def _published(registry: "Registry", folder: Path) -> Iterator[ModelEntry]:
    for entry in registry.models.values():
        yield ModelEntry(
            name=entry.name,
            description=entry.description,
            limits=entry.limits,
            generator=weights_path(entry.generator, folder),
            perceptors=tuple(weights_path(each.name, folder) for each in entry.perceptors),
            factor=registry.generators[entry.generator].factor,
            side=entry.side,
            enlarge=1,
            preset=entry.preset,
            vary_noise=VARY_NOISE,
            memory=_memory(registry, entry),
            weights=tuple(each.weight for each in entry.perceptors),
        )


def _memory(registry: "Registry", entry: "ModelsEntry") -> RunMemory:
    """The parts' figures added up; a part without any counts like the paper's."""
    from engine.weights.registry_entries import GeneratorMemory, PerceptorMemory

    generator = registry.generators[entry.generator].memory
    generator = generator or GeneratorMemory(weights=304e6, lowered=170e6, per_pixel=5.22e3)
    usual = PerceptorMemory(weights=605e6, lowered=351e6, per_cutout=18.8e6)
    perceptors = [registry.perceptors[each.name].memory or usual for each in entry.perceptors]
    return RunMemory(
        fixed=LIBRARIES + generator.weights + sum(each.weights for each in perceptors),
        per_pixel=PIXEL_OVERHEAD * generator.per_pixel,
        per_cutout=CUTOUT_OVERHEAD * sum(each.per_cutout for each in perceptors),
        view_sides=(VIEW_SIDE,) * len(perceptors),
        lowered=generator.lowered + sum(each.lowered for each in perceptors),
    )


def find_models(name: str) -> ModelEntry:
    """The entry called `name`; raises `ModelError` naming the ones that exist."""
    try:
        return CATALOGUE[name]
    except KeyError:
        known = ", ".join(CATALOGUE)
        raise ModelError(f"there are no models called {name!r}; there are: {known}") from None
