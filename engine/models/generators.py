"""Build a generator of any kind from the architecture in its weights file."""

from collections.abc import Mapping
from typing import Any, cast

from torch import nn

from engine.errors import ModelError
from engine.models.fourier import Fourier
from engine.models.latent_generator import CodebookGenerator, LatentGenerator
from engine.models.pixels import Palette, PixelConfig, Pixels, Pyramid
from engine.models.protocols import Generator
from engine.models.strokes import Strokes
from engine.models.taesd import Taesd, TaesdConfig
from engine.models.vqgan import VQGAN as Vqgan
from engine.models.vqgan import VQGANConfig
from engine.recipes.generator_kinds import KINDS, VQGAN

KIND_KEY = "kind"
"""Key in the architecture for the kind of a generator; without it, it is a VQGAN."""


def build_network(config: Mapping[str, Any]) -> nn.Module:
    """Build the network of an architecture, which is not trusted.

    Raises:
        ModelError: The kind is unknown.
        ValueError: A value has a wrong type or is out of range.
    """
    values = dict(config)
    match values.pop(KIND_KEY, VQGAN):
        case "vqgan":
            return Vqgan(VQGANConfig.from_dict(values))
        case "taesd":
            return Taesd(TaesdConfig(**values))
        case "pyramid":
            return Pyramid(PixelConfig(**values))
        case "palette":
            return Palette(PixelConfig(**values))
        case "fourier":
            return Fourier(PixelConfig(**values))
        case "strokes":
            return Strokes(PixelConfig(**values))
        case kind:
            raise ModelError(
                "{kind} is no kind of generator that this program knows; there are: {known}",
                kind=f"{kind!r:.80}",
                known=", ".join(KINDS),
            )


def as_generator(network: nn.Module) -> Generator:
    """Return the generator of a network that `build_network` built."""
    match network:
        case Vqgan() if network.config.quantizer == "gaussian":
            return LatentGenerator(network)
        case Vqgan():
            return CodebookGenerator(network)
        case Taesd():
            return LatentGenerator(network)
        case Pixels():
            return cast(Generator, network)
        case _:
            raise TypeError(f"{type(network).__name__} is no generator")
