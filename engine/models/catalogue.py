"""The available models, and the defaults that suit each. No torch in here.

`CATALOGUE` has the pairs of VQGAN-CLIP, `PAINTERS` the models of other painters. The demo models
are always available. Published models and users' own models are added when a program starts,
because `config.toml` says where they are.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import ModelError, suggestion
from engine.models.demo_entries import demo_entries
from engine.models.model_entry import CUDA_LIBRARIES, CUDA_OVERHEAD, STYLES, ModelEntry, RunMemory
from engine.models.painter_entry import (
    EXAMPLES,
    LIBRARIES,
    PainterEntry,
    demo_painters,
    network_entry,
    registered_painter,
)
from engine.recipes.generator_kinds import KINDS
from engine.recipes.plain_recipe import NETWORK
from engine.text import Text

if TYPE_CHECKING:
    from engine.weights.registry import Registry
    from engine.weights.registry_entries import ModelsEntry
    from engine.weights.settings import WeightsSettings

CATALOGUE: dict[str, ModelEntry] = demo_entries()
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
