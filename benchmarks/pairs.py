"""Compute what published pairs need: the work and traffic of a step, its time on a GPU, the memory.

    python -m benchmarks pairs [--models NAME ...] [--sides SIDE ...]

Nothing is measured and nothing is downloaded: operations are counted on tensors without values,
seconds follow from the data sheets of GPUs, and memory is the program's own estimate.
"""

import argparse
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

import engine
from engine.models.catalogue import add_models, find_models
from engine.recipes.recipe import Recipe
from engine.vqgan_clip.memory_estimate import estimate_peak
from engine.weights.registry import shipped_registry
from engine.weights.settings import WeightsSettings

if TYPE_CHECKING:
    from benchmarks.lib.operations import Work
    from engine.models.protocols import Generator, Perceptor, State
    from engine.weights.registry_entries import GeneratorEntry

MODELS, SIDES = ("quick", "imagenet-16384", "sharp", "edit", "pixels"), (256, 512)
EFFICIENCY = 0.5
"""Share of a GPU's peak that products and convolutions are assumed to reach."""


@dataclass(frozen=True)
class Card:
    """The data sheet of a GPU."""

    name: str
    flops: float
    """Floating point operations per second in bfloat16, without sparsity."""
    bandwidth: float
    """Bytes per second of its memory."""

    def seconds(self, work: "Work") -> float:
        """Return the least seconds of some work.

        The traffic of products overlaps with their arithmetic; that of all others does not.
        """
        return work.flops / (EFFICIENCY * self.flops) + work.other_bytes / self.bandwidth


CARDS = (Card("H100 SXM", 989e12, 3.35e12), Card("RTX 4090", 165e12, 1.01e12))


def main(arguments: Sequence[str]) -> None:
    """Count and print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks pairs", description=__doc__)
    parser.add_argument("--models", nargs="+", default=MODELS)
    parser.add_argument("--sides", nargs="+", type=int, default=SIDES)
    parser.add_argument("--cutouts", type=int, help="default: those of the preset")
    options = parser.parse_args(arguments)
    add_models(WeightsSettings())
    print(
        "| models | side | steps, cutouts | TFLOP a step | GB a step | memory, CPU, float32 "
        "| memory, CUDA, bfloat16 | "
        + " | ".join(f"a step, {card.name}, ms | a picture, s" for card in CARDS)
        + " |\n"
        + "|---" * (7 + 2 * len(CARDS))
        + "|"
    )
    for name in options.models:
        for side in options.sides:
            print(_row(name, side, options.cutouts), flush=True)


def _row(name: str, side: int, cutouts: int | None) -> str:
    recipe = engine.make_recipe("a lighthouse", seed=1, models=name, size=(side, side))
    recipe = replace(recipe, cutouts=cutouts or recipe.cutouts)
    work, entry = count_step(recipe), find_models(name)
    on_cpu = estimate_peak(recipe, entry)
    on_cuda = estimate_peak(recipe, entry, is_bf16=True, is_cuda=True)
    traffic = work.product_bytes + work.other_bytes
    times = (card.seconds(work) for card in CARDS)
    return (
        f"| {name} | {side} | {recipe.steps}, {recipe.cutouts} | {work.flops / 1e12:.2f} "
        f"| {traffic / 1e9:.1f} | {on_cpu / 1e9:.1f} GB | {on_cuda / 1e9:.1f} GB | "
        + " | ".join(f"{1000 * time:.1f} | {time * recipe.steps:.1f}" for time in times)
        + " |"
    )


def count_step(recipe: Recipe) -> "Work":
    """Count a step of a recipe for published models in bfloat16, forward and backward."""
    from benchmarks.lib.operations import count_cutting, count_decoding, count_embedding

    registry = shipped_registry()
    models, side = registry.models[recipe.models], recipe.width
    generator, state = _generator(registry.generators[models.generator], side)
    work = count_decoding(generator, state)
    for each in models.perceptors:
        perceptor = _perceptor(registry.perceptors[each.name].open_clip)
        view = perceptor.input_size
        work += count_cutting(side, recipe.cutouts, view, recipe.augmentations)
        work += count_embedding(perceptor, recipe.cutouts)
    return work


def _generator(entry: "GeneratorEntry", side: int) -> tuple["Generator", "State"]:
    """Return a generator and a state for a square picture, both on the meta device."""
    import torch

    from engine.models.generators import as_generator, build_network
    from engine.models.latent_generator import LatentGenerator

    config = _architecture(entry)
    with torch.device("meta"):
        network = build_network(config)
    network.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    network.freeze_for_inference(torch.bfloat16)  # pyright: ignore[reportCallIssue]
    generator = as_generator(network)
    if isinstance(generator, LatentGenerator):
        cells = side // generator.multiple
        return generator, (torch.randn(1, generator.network.channels, cells, cells, device="meta"),)
    weightless = as_generator(build_network(config))
    state = weightless.start((side, side), weightless.ways[0], torch.Generator())
    return generator, tuple(each.to("meta") for each in state)


def _architecture(entry: "GeneratorEntry") -> dict[str, object]:
    """Return the architecture of a generator, whose published files need not be there."""
    from benchmarks.lib.architectures import GENERATOR
    from engine.conversion.taming_kin import IBQ, LLAMAGEN, LLAMAGEN_FINE, SD_VAE

    match entry.kind:
        case "vqgan":
            return asdict(GENERATOR)
        case "ibq":
            return asdict(IBQ)
        case "llamagen":
            return asdict(LLAMAGEN if entry.factor == LLAMAGEN.factor else LLAMAGEN_FINE)
        case "sd-vae":
            return asdict(SD_VAE)
        case "taesd":
            return {"kind": "taesd", "channels": 4}
        case kind:
            return {"kind": kind, "multiple": entry.factor}


def _perceptor(name: str) -> "Perceptor":
    """Return a perceptor of open_clip on the meta device."""
    import open_clip
    import torch

    from engine.models.clip import ClipPerceptor, build_towers

    config = open_clip.get_model_config(name.partition(":")[0])
    assert config is not None
    with torch.device("meta"):
        perceptor = ClipPerceptor(build_towers(config), open_clip.SimpleTokenizer())
    perceptor.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    perceptor.freeze_for_inference(torch.bfloat16)
    return perceptor
