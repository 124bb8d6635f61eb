"""Generators whose state is one grid of latent cells, decoded by a network.

`LatentGenerator` makes a `Generator` of any autoencoder, `CodebookGenerator` of a VQGAN.
"""

from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

from engine.images.tiling import Tile
from engine.models.codebook import look_up, quantize, random_codes, sample_codes
from engine.models.protocols import Generator, State
from engine.models.vqgan import VQGAN
from engine.recipes.generator_kinds import VQGAN_STARTS, VQGAN_WAYS, GeneratorKind
from engine.recipes.recipe import Quantization, Start


class Autoencoder(Protocol):
    """A frozen network that encodes pictures as a grid of latent cells, and decodes them."""

    @property
    def device(self) -> torch.device:
        """Device of the weights."""
        ...

    @property
    def factor(self) -> int:
        """Pixels per latent cell along each axis."""
        ...

    @property
    def channels(self) -> int:
        """Numbers C of a latent cell, of about unit variance."""
        ...

    def encode(self, images: Tensor, *, tile: Tile = "none") -> Tensor:
        """Map `images` (N, 3, H, W) in [0, 1] to latents (N, C, H/factor, W/factor)."""
        ...

    def decode(self, latents: Tensor, *, recompute: bool = False, tile: Tile = "none") -> Tensor:
        """Map latents to pictures (N, 3, H, W), nominally in [0, 1] but not clamped.

        With `recompute` most activations are recomputed for the gradient instead of being stored.
        With a `tile`, pictures continue across their edges: convolutions wrap around.
        """
        ...


class LatentGenerator:
    """An autoencoder without a codebook as a `Generator`: nothing is quantized.

    Attributes:
        network: the autoencoder.
        rate: learning rate in units of the recipe's.
    """

    rate = 1.0
    ways: tuple[Quantization, ...] = GeneratorKind().ways
    starts: tuple[Start, ...] = GeneratorKind().starts

    def __init__(self, network: Autoencoder) -> None:
        self.network = network

    @property
    def device(self) -> torch.device:
        """Device of the weights."""
        return self.network.device

    @property
    def multiple(self) -> int:
        """Pixels per latent cell along each axis."""
        return self.network.factor

    def start(self, size: tuple[int, int], way: Quantization, random: torch.Generator) -> State:  # noqa: ARG002 (one way)
        """Return normally distributed latents (1, C, h, w) for `size` (width, height)."""
        shape = (1, self.network.channels, *self._cells(size))
        return (torch.randn(shape, generator=random, device=self.device),)

    def encode(self, picture: Tensor, *, tile: Tile = "none") -> State | None:
        """Encode pictures (N, 3, H, W) in [0, 1] as latents (N, C, h, w)."""
        return (self.network.encode(picture, tile=tile),)

    def settled(self, state: State, way: Quantization, random: torch.Generator | None) -> State:  # noqa: ARG002 (nothing is quantized)
        """Return the state as it is."""
        return state

    def decode(self, state: State, *, recompute: bool = False, tile: Tile = "none") -> Tensor:
        """Decode latents to pictures (N, 3, H, W)."""
        (latents,) = state
        return self.network.decode(latents, recompute=recompute, tile=tile)

    def pull(self, state: State, way: Quantization) -> Tensor:  # noqa: ARG002 (one way)
        """Return the mean square (N,) of the latents (Section 2.4).

        Of Gaussian latents it is, up to a factor, the divergence from the standard distribution.
        """
        (latents,) = state
        return latent_regularizer(latents)

    def free(self, state: State, mask: Tensor) -> State:  # noqa: ARG002 (it has one grid)
        """Return 1 for each cell (1, 1, h, w) that has a pixel of `mask` (1, 1, H, W), else 0."""
        return ((F.max_pool2d(mask, self.multiple) > 0).float(),)

    def _cells(self, size: tuple[int, int]) -> tuple[int, int]:
        width, height = size
        return height // self.multiple, width // self.multiple


class CodebookGenerator(LatentGenerator):
    """A VQGAN as a `Generator`; for codebook sampling its state is logits (N, K, h, w)."""

    ways = VQGAN_WAYS
    starts = VQGAN_STARTS

    def __init__(self, network: VQGAN) -> None:
        super().__init__(network)
        self._vqgan = network
        # A number of a unit vector is about that large.
        self.rate = network.config.embed_dim**-0.5 if network.config.normalized else 1.0

    def start(self, size: tuple[int, int], way: Quantization, random: torch.Generator) -> State:
        """Return random codes (1, C, h, w) for `size` (width, height), or random logits."""
        height, width = self._cells(size)
        codebook = self._vqgan.codebook
        if way == "codebook-sampling":
            shape = (1, len(codebook), height, width)
            return (torch.randn(shape, generator=random, device=self.device),)
        return (random_codes((1, height, width), codebook, random),)

    def settled(self, state: State, way: Quantization, random: torch.Generator | None) -> State:
        """Return codes (N, C, h, w): the nearest or sampled ones, or the latents as they are.

        Without `random`, the likeliest codes take the place of sampled ones.
        """
        (latents,) = state
        codebook = self._vqgan.codebook
        match way:
            case "z-quantize":
                return (quantize(latents, codebook),)
            case "codebook-sampling":
                if random is None:
                    return (look_up(latents.argmax(1), codebook),)
                return (sample_codes(latents, codebook, random),)
            case "none":
                return state

    def pull(self, state: State, way: Quantization) -> Tensor:
        """Return the mean square (N,) of the latents; 0 for logits (5.1) and for unit vectors."""
        (latents,) = state
        if way == "codebook-sampling" or self._vqgan.config.normalized:
            return latents.new_zeros(len(latents))
        return latent_regularizer(latents)


def latent_regularizer(latents: Tensor) -> Tensor:
    """Return the mean square (B,) of latents (B, C, h, w): (1 / N) sum of Z_i^2 (Section 2.4)."""
    return latents.square().flatten(1).mean(1)


def vqgan_of(generator: Generator) -> VQGAN:
    """Return the network of a generator that is a VQGAN, for what needs its codebook.

    Raises TypeError for another generator.
    """
    if isinstance(generator, LatentGenerator) and isinstance(generator.network, VQGAN):
        return generator.network
    raise TypeError("the generator is no VQGAN")
