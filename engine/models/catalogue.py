"""The available models, and the defaults that suit each. No torch in here.

`CATALOGUE` has the pairs of VQGAN-CLIP, `PAINTERS` the models of other painters. The demo models
are always available. Published models and users' own models are added when a program starts,
because `config.toml` says where they are.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import ModelError, suggestion
from engine.models.painter_entry import (
    EXAMPLES,
    LIBRARIES,
    PainterEntry,
    demo_painters,
    network_entry,
    registered_painter,
)
from engine.models.phrases import OPEN_PHRASES, Phrases, shape_phrases
from engine.models.shape_vocabulary import ShapeVocabulary
from engine.models.vocabulary import OpenVocabulary, Vocabulary
from engine.recipes.generator_kinds import KINDS, VQGAN_STARTS, VQGAN_WAYS
from engine.recipes.plain_recipe import NETWORK
from engine.recipes.recipe import Quantization, Start
from engine.text import Text

if TYPE_CHECKING:
    from engine.weights.registry import Registry
    from engine.weights.registry_entries import ModelsEntry
    from engine.weights.settings import WeightsSettings

_DEMO = Path(__file__).parents[1] / "demo" / "weights"
JUDGE_BYTES = 14e6
"""Bytes that the weights of the demo judge take."""
COMBINATION = "a forest | fog:0.5 | people:-0.3"
"""A line of prompts with weights for models that know most words."""
STYLES = (
    "charcoal drawing",
    "oil painting",
    "watercolour",
    "pencil sketch",
    "ink drawing",
    "woodcut",
    "pixel art",
    "stained glass",
    "matte painting",
    "photograph",
    "impressionism",
    "cubism",
    "ukiyo-e",
    "art nouveau",
)
"""Styles for models that know most words."""


DEMO_PIXELS = {
    "pyramid": (1, "pixels of all sizes, added, instead of a VQGAN, and the tiny CLIP"),
    "fourier": (1, "pixels whose frequencies are scaled instead of a VQGAN, and the tiny CLIP"),
    "palette": (2, "pixel art in 8 colors instead of a VQGAN's pictures, and the tiny CLIP"),
    "strokes": (1, "a line drawing, also as SVG, instead of a VQGAN's pictures, and the tiny CLIP"),
}
"""Of each kind of generator without weights: what sides are multiples of, and a description."""

CUDA_LIBRARIES = 36e6
"""Bytes that matrix products take on CUDA for their work space, on the devices with the largest."""
CUDA_OVERHEAD = 1.04
"""Factor from weights to what the allocator gives for them, measured with the paper's pair."""


@dataclass(frozen=True)
class RunMemory:
    """Peak memory of a run in float32, in bytes, for `engine.vqgan_clip.memory_estimate`."""

    fixed: float
    """Bytes independent of the recipe: weights and libraries."""
    per_pixel: float
    """Bytes per painted pixel: the decoder's activations, the latent, a share of the codebook."""
    per_cutout: float
    """Bytes per cutout that is embedded at once: the perceptors' activations."""
    view_sides: tuple[int, ...]
    """Sides in pixels of the cutouts that each perceptor takes."""
    bf16_bytes: float = 0.0
    """Part of `fixed` that takes half the memory in bfloat16."""


@dataclass(frozen=True)
class ModelEntry:
    """A named pair of models: its files, and the defaults of a recipe for it."""

    name: str
    description: str
    """One line that says what the models are."""
    limits: Text | None
    """One line that tells users what the models do not know, if it is known."""
    generator: Path
    """Weights of the image generator: safetensors with the architecture as metadata."""
    perceptors: tuple[Path, ...]
    """Weights of the perceptors, in the same format."""
    factor: int
    """Pixels per latent cell along each axis; width and height are multiples of it."""
    side: int
    """Default width and height in pixels."""
    enlarge: int
    """Factor by which finished pictures are enlarged."""
    preset: str
    """Name of the preset that suits the pair."""
    vary_noise: float
    """Noise of a variation, in standard deviations of the encoded picture's latent: enough for
    another picture that is still similar, which depends on the distances between the codes."""
    memory: RunMemory
    """Estimate of a run's peak memory."""
    cuda_memory: RunMemory
    """Figures for the peak on CUDA, where they are what is kept for the gradient, without more."""
    ways: tuple[Quantization, ...] = VQGAN_WAYS
    """Quantizations that the generator knows; the first is the default."""
    starts: tuple[Start, ...] = VQGAN_STARTS
    """Where runs of the generator can start; the first is the default."""
    is_vector: bool = False
    """True if the pictures are drawings, which can be written as SVG."""
    halves: bool = True
    """True if the models gain from bfloat16 on a device that computes faster in it."""
    cache: Path | None = None
    """The cache folder, where the measured speed of the machine is kept; None for nowhere."""
    weights: tuple[float, ...] = ()
    """Weight of each perceptor in the loss; empty for equal weights."""
    judge: Path | None = None
    """Weights of a perceptor that ranks finished pictures and guides none; None without one."""
    examples: tuple[str, ...] = EXAMPLES
    """Prompts worth trying first, at least one."""
    combination: str = COMBINATION
    """A line of several prompts with weights that is worth trying."""
    styles: tuple[str, ...] = STYLES
    """Styles that the models know, for people to choose from."""
    vocabulary: Vocabulary = field(default_factory=OpenVocabulary)
    """The words that the models know."""
    phrases: Phrases = OPEN_PHRASES
    """The phrases that pictures are described with."""


def _demo_pixels(kind: str) -> "ModelEntry":
    """Return the entry of the demo CLIP with a generator without weights."""
    factor, description = DEMO_PIXELS[kind]
    return replace(
        CATALOGUE["demo"],
        name=f"demo-{kind}",
        description=description,
        generator=_DEMO / f"{kind}.safetensors",
        factor=factor,
        ways=KINDS[kind].ways,
        starts=KINDS[kind].starts,
        is_vector=KINDS[kind].is_vector,
    )


CATALOGUE: dict[str, ModelEntry] = {
    "demo": ModelEntry(
        name="demo",
        description="a tiny VQGAN and a tiny CLIP, trained by this repository on drawn pictures",
        limits=Text(
            "the demo models know only colored shapes: circle, square, triangle, ring, cross and "
            "star in red, green, blue, yellow, purple, orange, white or black, on such backgrounds"
        ),
        generator=_DEMO / "vqgan.safetensors",
        perceptors=(_DEMO / "clip.safetensors",),
        factor=4,
        side=64,
        enlarge=8,
        preset="demo",
        # Measured on 8 pictures, each varied once with 0, 2, 3, 4, 5, 6 and 8 (with the weights
        # before their last phase of training). Up to 3, quantization undoes most of the noise, and
        # pictures differ little more than with another seed. At 4, outlines change while place,
        # size and colors stay, and all 5 pictures that were right stayed right; 6 spoiled 1 of
        # them and 8 spoiled 2.
        vary_noise=4.0,
        # Fitted to the peak resident memory of new processes on a CPU in float32, above that after
        # `import torch`: two steps with the first memory plan, in MB. The estimate is 10 to 70 %
        # above these: more for the largest pictures, whose memory the C library returns between
        # uses, and for the smallest, for which the fixed part is too large.
        #   64 pixels, 8 cutouts      110        256, 64 cutouts              510
        #   64, 64 cutouts            280        384, 64 cutouts              640
        #   64, 256 cutouts           850        512, 8 cutouts               670
        #   256, 8 cutouts            320        512, codebook sampling       830
        #   256, codebook sampling    370        512, 256 cutouts           1,630
        memory=RunMemory(
            fixed=160e6 + JUDGE_BYTES, per_pixel=3.2e3, per_cutout=2.65e6, view_sides=(64,)
        ),
        # Fitted to the peak of torch's allocator, `engine.vqgan_clip.cuda_memory`.
        cuda_memory=RunMemory(
            fixed=CUDA_LIBRARIES + 22e6 + JUDGE_BYTES,
            per_pixel=1.1e3,
            per_cutout=1.8e6,
            view_sides=(64,),
            bf16_bytes=7e6,
        ),
        # The documentation's figures are for float32, and the layers are small.
        halves=False,
        judge=_DEMO / "judge.safetensors",
        examples=(
            "a red circle on a blue background",
            "a green triangle on a white background",
            "a yellow ring on a black background",
        ),
        combination="a red circle:2 | a blue background",
        styles=("flat design", "in flat colours", "minimalist", "nice and clean"),
        vocabulary=ShapeVocabulary(),
        phrases=shape_phrases(),
    )
}

CATALOGUE |= {f"demo-{kind}": _demo_pixels(kind) for kind in DEMO_PIXELS}

PAINTERS: dict[str, PainterEntry] = demo_painters()
"""Models of other painters than VQGAN-CLIP by name."""

VARY_NOISE = 1.0
"""Noise of a variation for models that have no tuned value."""
PIXEL_OVERHEAD, CUTOUT_OVERHEAD = 1.5, 1.15
"""Factors from the memory saved for the gradient to the peak, which includes intermediate results.
`python -m benchmarks memory` measures 1.31 and 1.10 on a CPU, for the paper's pair at 256 pixels
with 32 and with 64 cutouts, and at 512 with 32. With all plans and in both precisions the estimate
is 2 to 23 % above. Codebook sampling adds up to 1.7 kB per pixel and still fits in."""
VIEW_SIDE = 224
"""Side in pixels of the cutouts that published perceptors take; few take larger ones."""


def add_models(settings: "WeightsSettings") -> None:
    """Add published models and users' own models to the catalogue."""
    registry, folder = settings.registry(), settings.folder
    CATALOGUE.update((each.name, each) for each in _registered(registry, folder))
    for name in registry.painters:
        entry = registered_painter(registry, name, painter_paths(registry, name, folder))
        PAINTERS[name] = replace(entry, cache=folder)


def add_upscaler(file: str) -> None:
    """Add the network that enlarges pictures, from the file that the settings name; "" for none."""
    if file:
        PAINTERS[NETWORK] = network_entry(Path(file))


def weights_path(component: str, folder: Path) -> Path:
    """Return the path of the converted weights of a generator or perceptor."""
    return folder / component / f"{component}.safetensors"


def painter_paths(registry: "Registry", name: str, folder: Path) -> dict[str, Path]:
    """Return the paths of all files of another painter's models, by what they hold."""
    from engine.weights.cache import CacheEntry

    table = registry.painters[name]
    paths = table.weights(folder)
    for role, file in table.used_files.items():
        paths[role] = CacheEntry(registry.files[file], folder).path
    if table.perceptor is not None:
        paths["perceptor"] = weights_path(table.perceptor, folder)
    return paths


def _registered(registry: "Registry", folder: Path) -> Iterator[ModelEntry]:
    for entry in registry.models.values():
        generator = registry.generators[entry.generator]
        kind = KINDS[generator.kind]
        yield ModelEntry(
            name=entry.name,
            description=entry.description,
            limits=Text(entry.limits) if entry.limits else None,
            generator=weights_path(entry.generator, folder),
            perceptors=tuple(weights_path(each.name, folder) for each in entry.perceptors),
            factor=generator.factor,
            ways=kind.ways,
            starts=kind.starts,
            is_vector=kind.is_vector,
            side=entry.side,
            enlarge=1,
            preset=entry.preset,
            vary_noise=VARY_NOISE,
            memory=_memory(registry, entry),
            cuda_memory=_memory(registry, entry, is_cuda=True),
            weights=tuple(each.weight for each in entry.perceptors),
            judge=weights_path(entry.judge, folder) if entry.judge else None,
            examples=entry.examples or EXAMPLES,
            styles=entry.styles or STYLES,
            cache=folder,
        )


def _memory(registry: "Registry", entry: "ModelsEntry", *, is_cuda: bool = False) -> RunMemory:
    """Add up the figures of generator, perceptors and judge; missing figures are the paper's.

    The judge computes in float32 and without a gradient, so only its weights count.
    """
    from engine.weights.registry_entries import GeneratorMemory, PerceptorMemory

    generator = registry.generators[entry.generator].memory
    generator = generator or GeneratorMemory(weights=304e6, lowered=170e6, per_pixel=5.22e3)
    default = PerceptorMemory(weights=605e6, lowered=351e6, per_cutout=18.8e6)
    perceptors = [registry.perceptors[each.name].memory or default for each in entry.perceptors]
    libraries, pixels, cutouts, overhead = LIBRARIES, PIXEL_OVERHEAD, CUTOUT_OVERHEAD, 1.0
    if is_cuda:
        libraries, pixels, cutouts, overhead = CUDA_LIBRARIES, 1.0, 1.0, CUDA_OVERHEAD
    weights = generator.weights + sum(each.weights for each in perceptors)
    if entry.judge is not None:
        weights += (registry.perceptors[entry.judge].memory or default).weights
    lowered = generator.lowered + sum(each.lowered for each in perceptors)
    return RunMemory(
        fixed=libraries + overhead * weights,
        per_pixel=pixels * generator.per_pixel,
        per_cutout=cutouts * sum(each.per_cutout for each in perceptors),
        view_sides=(VIEW_SIDE,) * len(perceptors),
        bf16_bytes=overhead * lowered,
    )


def find_models(name: str) -> ModelEntry:
    """Return the pair of models for VQGAN-CLIP called `name`.

    Raises:
        ModelError: There is none.
    """
    entry = find_entry(name)
    if isinstance(entry, PainterEntry):
        raise ModelError(
            "{name} are models of another painter than VQGAN-CLIP, which cannot do this; choose "
            "among {available}",
            name=repr(name),
            available=", ".join(CATALOGUE),
        )
    return entry


def can_start_from_picture(name: str) -> bool:
    """Return True unless models of this name are there and cannot encode a picture."""
    entry = CATALOGUE.get(name)
    return entry is None or "image" in entry.starts


def find_entry(name: str) -> ModelEntry | PainterEntry:
    """Return the models called `name`, of whatever painter.

    Raises:
        ModelError: There are none.
    """
    known = CATALOGUE | PAINTERS
    try:
        return known[name]
    except KeyError:
        raise ModelError(
            "there are no models called {name}; there are: {available}{suggestion}",
            name=repr(name),
            available=", ".join(known),
            suggestion=suggestion(name, known),
        ) from None
